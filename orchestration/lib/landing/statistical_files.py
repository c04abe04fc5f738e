"""SPSS and Stata files, read by a process of their own.

The library behind pyreadstat ends the process (a segmentation fault) over some damaged files, and
no `except` can catch that. So another process reads, and hands over Arrow batches; when it dies,
stalls or wants too much memory, the delivery is refused and the refresh goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from orchestration.lib.landing import tables
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.tables import (
    DeliveredTable,
    Limits,
    ReadOptions,
    limit_memory,
    text,
    texts,
)
from orchestration.lib.settings import ROOT

STALL_SECONDS = 120  # without a batch
MEMORY_GIGABYTES = 6
# Rows are skipped by reading them, so that few large pieces are faster than many small ones;
# a piece of this many cells takes some 150 MB.
PIECE_CELLS = 4_000_000
FAILED = 3


def read_statistical(path: Path, options: ReadOptions, limits: Limits) -> DeliveredTable:
    """An SPSS (`.sav`, `.zsav`) or Stata (`.dta`) file; user-missing codes stay what they are."""
    rows = _rows_of_other_process(path, options)
    schema, _ = next(rows)
    metadata = {key.decode(): json.loads(value) for key, value in schema.metadata.items()}
    announced = metadata["announced_rows"]
    if announced is not None:
        limits.check(path.name, "announces", announced, "rows")

    def batches() -> Iterator[list[pa.StringArray]]:
        count = 0
        for _, batch in rows:
            count += batch.num_rows
            yield list(batch.columns)
        if announced not in (None, count):
            raise DeliveryError(
                f"{path.name}: holds {count} rows, where its header announces {announced}. The "
                "file is cut off; deliver it again."
            )

    # the schema numbers the columns: names may be double, which is told later
    return DeliveredTable(metadata["columns"], batches(), metadata["labels"], announced)


def _rows_of_other_process(path: Path, options: ReadOptions) -> Iterator[tuple[pa.Schema, Any]]:
    """The schema with None first, then the schema with each batch."""
    command = [sys.executable, "-m", __name__, str(path), options.encoding or ""]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [*command, str(tables.BATCH_ROWS)], cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):
        assert process.stdout is not None
        watch = _Watch(process)
        done = False
        try:
            with pa.ipc.open_stream(process.stdout) as stream:
                batch = None
                while True:
                    watch.rest()
                    yield stream.schema, batch
                    watch.start()
                    batch = stream.read_next_batch()
        except StopIteration:
            done = process.wait() == 0
        except (pa.ArrowInvalid, OSError):  # the stream ends early
            pass
        finally:
            watch.rest()
            process.kill()  # nothing to kill, unless the caller has enough
        if not done:
            complaints.seek(0)
            _refuse(path, process.wait(), complaints.read().decode(errors="replace"), watch.struck)


class _Watch:
    """Kill a process that gives nothing for too long."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.struck = process, False
        self.start()

    def start(self) -> None:
        self._timer = threading.Timer(STALL_SECONDS, self._strike)
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        self._timer.cancel()

    def _strike(self) -> None:
        self.struck = True
        self._process.kill()


def _refuse(path: Path, status: int, complaint: str, stalled: bool) -> NoReturn:
    if status == FAILED and not stalled:
        raise ValueError(complaint)
    detail = f"stalled for {STALL_SECONDS} seconds" if stalled else "broke off"
    raise DeliveryError(
        f"{path.name}: is damaged: reading it {detail}. Open it in SPSS, PSPP or Stata, save it "
        f"again as {path.suffix}, and deliver that file."
    )


def _code(value: Any) -> str | None:
    """A code as text; Stata's letters for what is missing as Stata writes them: `.a`."""
    return f".{value}" if isinstance(value, str) else text(value)


def _serve(path: Path, encoding: str | None, batch_rows: int) -> None:
    """In the other process: write the file to standard output, as an Arrow stream."""
    import pyreadstat

    limit_memory(MEMORY_GIGABYTES)
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
    try:
        _serve(Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3]))
    except Exception as error:
        sys.stderr.write(" ".join(str(error).split()) or type(error).__name__)
        sys.exit(FAILED)
