"""The process that reads an SPSS or Stata file, and may die over it: see `statistical_files`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.lib.landing.values import text, texts

MEMORY_GIGABYTES = 6
# Rows are skipped by reading them, so that few large pieces are faster than many small ones;
# a piece of this many cells takes some 150 MB.
PIECE_CELLS = 4_000_000
FAILED = 3  # the exit status when the library complains; the complaint is on standard error


def _limit_memory() -> None:
    """Let this process fail rather than fill the machine, where the system can do so."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_GIGABYTES * 1_000_000_000, most))


def _code(value: Any) -> str | None:
    """A code as text; Stata's letters for what is missing as Stata writes them: `.a`."""
    return f".{value}" if isinstance(value, str) else text(value)


def serve(path: Path, encoding: str | None, batch_rows: int) -> None:
    """Write the rows to standard output as an Arrow stream; columns, labels and the number of rows
    that the file announces are JSON in the metadata of its schema."""
    import pyreadstat

    read = pyreadstat.read_dta if path.suffix.lower() == ".dta" else pyreadstat.read_sav

    def rows(**more: Any) -> tuple[dict[str, list[Any]], Any]:
        # user_missing: otherwise "weet niet" and "n.v.t." silently become the same empty value
        result: tuple[dict[str, list[Any]], Any] = read(
            str(path), user_missing=True, output_format="dict", encoding=encoding, **more
        )
        return result

    _, metadata = rows(metadataonly=True)
    columns = list(metadata.column_names)
    kinds = metadata.readstat_variable_types
    lettered = [c for c in columns if path.suffix.lower() == ".dta" and kinds[c] != "string"]
    labels = {
        "variables": {k: v for k, v in metadata.column_names_to_labels.items() if v},
        "values": {
            column: {_code(code): label for code, label in values.items()}
            for column, values in metadata.variable_value_labels.items()
        },
        "user_missing": {
            column: [{end: text(code) for end, code in codes.items()} for codes in ranges]
            for column, ranges in metadata.missing_ranges.items()
        },
    }
    announced = metadata.number_rows if metadata.number_rows not in (None, -1) else None
    schema = pa.schema(
        [(str(position), pa.string()) for position in range(len(columns))],
        {"columns": json.dumps(columns), "labels": json.dumps(labels),
         "announced_rows": json.dumps(announced)},
    )  # fmt: skip
    piece = max(batch_rows, PIECE_CELLS // max(len(columns), 1) // batch_rows * batch_rows)
    with pa.ipc.new_stream(sys.stdout.buffer, schema) as stream:
        offset, size = 0, piece
        while size == piece and columns:
            data, _ = rows(row_offset=offset, row_limit=piece)
            size = len(data[columns[0]])
            offset += size
            for column in lettered:
                data[column] = [_code(value) for value in data[column]]
            arrays = [texts(data.pop(column)) for column in columns]
            for batch in pa.Table.from_arrays(arrays, schema=schema).to_batches(batch_rows):
                stream.write_batch(batch)


if __name__ == "__main__":
    import pyreadstat  # noqa: F401  (loaded before the file is known)

    _limit_memory()
    task = sys.stdin.read()
    if not task:  # nobody needs this process
        sys.exit()
    try:
        arguments = json.loads(task)
        serve(Path(arguments["path"]), arguments["encoding"], arguments["batch_rows"])
    except Exception as error:
        sys.stderr.write(" ".join(str(error).split()) or type(error).__name__)
        sys.exit(FAILED)
