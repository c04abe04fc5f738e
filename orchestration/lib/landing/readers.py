"""Read a delivered file as verbatim text, in batches, whatever its format.

Numbers keep their shortest form (`4.0` in SPSS is delivered as `4`), dates become ISO 8601,
an empty cell is NULL. Nothing is interpreted: what a code means stands in the codebook.
Refusals name line, cell or column, and no value: a row often begins with somebody's login.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import math
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestration.lib.landing.errors import DeliveryError

BATCH_ROWS = 10_000
PROBE_SECONDS = 60


class ReadOptions(BaseModel):
    """How to read one file, as `delivery.yml` states it; what is left out is detected."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None
    header_rows: int = Field(default=1, ge=1, le=10)

    @field_validator("file")
    @classmethod
    def _in_the_folder(cls, name: str | None) -> str | None:
        if name is not None and (name in ("", ".", "..") or set(name) & {"/", "\\", "\0"}):
            raise ValueError("must be the plain name of a file in the folder of the wave")
        return name

    @field_validator("delimiter")
    @classmethod
    def _between_values(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n\0 ':
            raise ValueError("cannot separate values; use for instance ; or ,")
        return delimiter


@dataclass
class DeliveredTable:
    """The columns of a file, its labels as delivered, and its rows as batches of text."""

    columns: list[str]
    batches: Iterator[list[pa.StringArray]]
    labels: dict[str, Any] = field(default_factory=dict)


def _texts(values: Sequence[Any]) -> pa.StringArray:
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return None
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case Decimal():
            return f"{value.normalize():f}"
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(sep="T", timespec="seconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)


def _split_header(path: Path, header: list[list[str]], wanted: int) -> tuple[list[str], Any]:
    """Column names are the last of the header rows, question texts the first of several."""
    if not header:
        raise DeliveryError(f"{path.name}: the file is empty. Deliver it with its header and rows.")
    if len(header) < wanted:
        raise DeliveryError(
            f"{path.name}: has {len(header)} rows, where delivery.yml announces {wanted} header "
            "rows. Correct `header_rows`, or deliver the file with its rows."
        )
    columns = header[-1]
    texts = zip(columns, header[0], strict=False) if wanted > 1 else ()
    labels = {column: text for column, text in texts if text}
    return columns, {"variables": labels} if labels else {}


def _text_lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines of a text file, each with its line end; a byte that does not fit is refused."""
    number = 0
    name = encoding.removesuffix("-sig")
    try:
        with path.open(encoding=encoding, newline="") as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise DeliveryError(
                        f"{path.name}: line {number} holds a NUL character, so this is no "
                        f"{name} text. Deliver a CSV file, or state its encoding in delivery.yml."
                    )
                yield line
    except LookupError:
        raise DeliveryError(
            f"{path.name}: delivery.yml names the encoding {encoding!r}, which does not exist. "
            "Use for instance utf-8 or cp1252."
        ) from None
    except UnicodeDecodeError as error:
        # what precedes the byte in its block, after the lines that were read
        line_number = number + 1 + error.object.count(b"\n", 0, error.start)
        raise DeliveryError(
            f"{path.name}: line {line_number} holds byte 0x{error.object[error.start]:02x}, which "
            f"is not {name}. State the encoding in delivery.yml (often cp1252), or deliver as "
            "UTF-8."
        ) from None
    except UnicodeError as error:
        raise DeliveryError(
            f"{path.name}: is no {name} text: {error}. Correct `encoding` in delivery.yml."
        ) from None


def _has_utf8_accents(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return sum(not line.isascii() for line in file) > 0
    except UnicodeDecodeError:
        return False


def _read_csv(path: Path, options: ReadOptions) -> DeliveredTable:
    encoding = options.encoding or "utf-8-sig"
    lines = _text_lines(path, encoding)
    first = next(lines, "").removeprefix("\ufeff")
    if not codecs.lookup(encoding).name.startswith("utf") and _has_utf8_accents(path):
        raise DeliveryError(
            f"{path.name}: is UTF-8, while delivery.yml says {encoding}; its accents would be "
            "garbled. Correct `encoding`, or leave it out."
        )
    delimiter = options.delimiter or max(";,\t|", key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)

    def numbered_rows() -> Iterator[tuple[int, list[str]]]:
        """Rows that are not blank, each with the line on which it begins."""
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DeliveryError(
                    f"{path.name}: line {line} cannot be read: {error}. Check the quotation marks "
                    "from there on and deliver the file again."
                ) from None
            if row:
                yield line, row

    rows = numbered_rows()
    header = [row for _, row in islice(rows, options.header_rows)]
    columns, labels = _split_header(path, header, options.header_rows)

    def whole_rows() -> Iterator[list[str]]:
        for line, row in rows:
            if len(row) != len(columns):
                raise DeliveryError(
                    f"{path.name}: line {line} has {len(row)} values, the header has "
                    f"{len(columns)} (delimiter {delimiter!r}). Quote values that contain the "
                    "delimiter, or state the delimiter in delivery.yml."
                )
            yield row

    def batches() -> Iterator[list[pa.StringArray]]:
        delivered = whole_rows()
        while chunk := list(islice(delivered, BATCH_ROWS)):
            yield [_texts(values) for values in zip(*chunk, strict=True)]

    return DeliveredTable(columns, batches(), labels)


# The library behind pyreadstat ends the process (a segmentation fault) over value labels of a
# column that is not there, and no `except` can catch that: another process goes first.
PROBE = """
import sys, pyreadstat
try:
    pyreadstat.read_sav(sys.argv[1], metadataonly=True, output_format="dict")
except Exception:
    pass
"""


def _read_sav(path: Path, options: ReadOptions) -> DeliveredTable:
    import pyreadstat

    probe = [sys.executable, "-c", PROBE, str(path)]
    if subprocess.run(probe, check=False, capture_output=True, timeout=PROBE_SECONDS).returncode:
        raise DeliveryError(
            f"{path.name}: is damaged: its variables and labels cannot be read. Open it in SPSS or "
            "PSPP, save it again as .sav, and deliver that file."
        )
    # user_missing: otherwise "weet niet" and "n.v.t." silently become the same empty value
    read_rows = partial(
        pyreadstat.read_sav,
        str(path),
        user_missing=True,
        output_format="dict",
        encoding=options.encoding,
    )
    _, metadata = read_rows(metadataonly=True)

    def batches() -> Iterator[list[pa.StringArray]]:
        offset, rows = 0, BATCH_ROWS
        while rows == BATCH_ROWS:
            data, _ = read_rows(row_offset=offset, row_limit=BATCH_ROWS)
            rows = len(next(iter(data.values()), []))
            offset += rows
            if rows:
                yield [_texts(data[column]) for column in metadata.column_names]
        if metadata.number_rows not in (None, -1, offset):
            raise DeliveryError(
                f"{path.name}: holds {offset} rows, where its header announces "
                f"{metadata.number_rows}. The file is cut off; deliver it again."
            )

    labels = {
        "variables": {k: v for k, v in metadata.column_names_to_labels.items() if v},
        "values": {
            column: {str(_text(code)): label for code, label in values.items()}
            for column, values in metadata.variable_value_labels.items()
        },
        "user_missing": {
            column: [{end: _text(code) for end, code in codes.items()} for codes in ranges]
            for column, ranges in metadata.missing_ranges.items()
        },
    }
    return DeliveredTable(list(metadata.column_names), batches(), labels)


def _read_xlsx(path: Path, options: ReadOptions) -> DeliveredTable:
    import fastexcel
    from xlsxwriter.utility import xl_rowcol_to_cell

    with zipfile.ZipFile(path) as parts:  # fastexcel does not compare checksums
        if damaged := parts.testzip():
            raise DeliveryError(f"{path.name}: is damaged in {damaged}. Deliver the file again.")
    workbook = fastexcel.read_excel(path)
    if options.sheet and options.sheet not in workbook.sheet_names:
        raise DeliveryError(
            f"{path.name}: has no sheet {options.sheet!r}; it has "
            f"{', '.join(workbook.sheet_names)}. Correct `sheet` in delivery.yml."
        )
    # as text: with guessed types a column that turns to text late loses those cells
    sheet = workbook.load_sheet(options.sheet or 0, header_row=None, dtypes="string")
    table, problems = sheet.to_arrow_with_errors()
    if problems:
        raise DeliveryError(
            f"{path.name}: cell {xl_rowcol_to_cell(*problems.errors[0].position)} of sheet "
            f"{sheet.name!r} holds an Excel error such as #N/A. Replace it by its value or empty "
            "it, and deliver the file again."
        )
    header = [
        [value or "" for value in row.values()]
        for row in table.slice(0, options.header_rows).to_pylist()
    ]
    columns, labels = _split_header(path, header, options.header_rows)

    def batches() -> Iterator[list[pa.StringArray]]:
        rows = pa.Table.from_batches([table]).slice(options.header_rows)
        for batch in rows.to_batches(BATCH_ROWS):
            yield [_texts(column.to_pylist()) for column in batch.columns]

    return DeliveredTable(columns, batches(), labels)


def _read_parquet(path: Path, options: ReadOptions) -> DeliveredTable:
    file = pq.ParquetFile(path, page_checksum_verification=True)
    for column in file.schema_arrow:
        if pa.types.is_nested(column.type) or "binary" in str(column.type):
            raise DeliveryError(
                f"{path.name}: column {column.name!r} is of type {column.type}, which is no single "
                "value. Deliver one value a cell: text, number, date or boolean."
            )

    def values(column: Any) -> list[Any]:
        if pa.types.is_timestamp(column.type):  # Python knows no nanoseconds
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        elif pa.types.is_float32(column.type):  # by way of text, for 0.1 must not get more digits
            column = column.cast(pa.string()).cast(pa.float64())
        return list(column.to_pylist())

    def batches() -> Iterator[list[pa.StringArray]]:
        for batch in file.iter_batches(BATCH_ROWS):
            yield [_texts(values(column)) for column in batch.columns]

    return DeliveredTable(file.schema_arrow.names, batches())


READERS: dict[str, Callable[[Path, ReadOptions], DeliveredTable]] = {
    "csv": _read_csv,
    "sav": _read_sav,
    "xlsx": _read_xlsx,
    "parquet": _read_parquet,
}


@contextmanager
def _refusing(path: Path, file_format: str) -> Iterator[None]:
    """Turn whatever a library raises over a damaged file into a message to its sender."""
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise DeliveryError(
            f"{path.name}: cannot be read as {file_format}: {detail}. Open it where it was made, "
            f"save it again as .{file_format}, unprotected, and deliver that file."
        ) from error


def read(path: Path, options: ReadOptions) -> DeliveredTable:
    """Open a delivered file; its extension names the format.

    Raises:
        DeliveryError: now or while reading on, when the file cannot be read whole.
    """
    file_format = path.suffix.lower().removeprefix(".")
    with _refusing(path, file_format):
        table = READERS[file_format](path, options)

    def batches() -> Iterator[list[pa.StringArray]]:
        with _refusing(path, file_format):
            yield from table.batches

    return replace(table, batches=batches())


def formats() -> Iterable[str]:
    """The file extensions that can be delivered."""
    return READERS.keys()
