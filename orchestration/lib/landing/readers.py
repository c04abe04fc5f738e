"""Read a delivered file as verbatim text, in batches, whatever its format.

Numbers keep their shortest form (`4.0` in SPSS is delivered as `4`), dates become ISO 8601,
an empty cell is NULL. Nothing is interpreted: what a code means stands in the codebook.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from orchestration.lib.landing.errors import DeliveryError

BATCH_ROWS = 50_000


class ReadOptions(BaseModel):
    """How to read one file, as `delivery.yml` states it; what is left out is detected."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None
    header_rows: int = Field(default=1, ge=1, le=10)


@dataclass
class DeliveredTable:
    """The columns of a file, its labels as delivered, and its rows as batches of text."""

    columns: list[str]
    batches: Iterator[list[pa.Array]]
    labels: dict[str, Any] = field(default_factory=dict)


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value != value:
            return None
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(sep="T", timespec="seconds")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)


def _read_csv(path: Path, options: ReadOptions) -> DeliveredTable:
    content = path.read_bytes()
    encoding = options.encoding or "utf-8-sig"
    try:
        text = content.decode(encoding)
    except LookupError:
        raise DeliveryError(
            f"{path.name}: delivery.yml names the encoding {encoding!r}, which does not exist. "
            "Use for instance utf-8 or cp1252."
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeliveryError(
            f"{path.name}: line {line} holds byte 0x{content[error.start]:02x}, which is not "
            f"{encoding}. State the encoding in delivery.yml (often cp1252), or deliver as UTF-8."
        ) from None
    if "\x00" in text:
        raise DeliveryError(
            f"{path.name}: line {text.count(chr(10), 0, text.index(chr(0))) + 1} holds a NUL "
            "character, so this is no text file. Deliver a CSV file."
        )
    text = text.removeprefix("\ufeff")
    first_line = text.split("\n", 1)[0]
    delimiter = options.delimiter or max(";,\t|", key=first_line.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def records() -> Iterator[list[str]]:
        try:
            for row in rows:
                if row:
                    yield row
        except csv.Error as error:
            raise DeliveryError(
                f"{path.name}: line {rows.line_num} cannot be read: {error}. "
                "Check its quotation marks and deliver the file again."
            ) from None

    lines = records()
    header = list(islice(lines, options.header_rows))
    if not header:
        raise DeliveryError(f"{path.name}: the file is empty. Deliver it with its header and rows.")
    columns = header[-1]

    def batches() -> Iterator[list[pa.Array]]:
        while chunk := list(islice(lines, BATCH_ROWS)):
            for row in chunk:
                if len(row) != len(columns):
                    raise DeliveryError(
                        f"{path.name}: the row that ends at or before line {rows.line_num} and "
                        f"starts with {row[0]!r} has {len(row)} values, the header has "
                        f"{len(columns)} (delimiter {delimiter!r}). Quote values that contain the "
                        "delimiter, or state the delimiter in delivery.yml."
                    )
            yield [_texts(values) for values in zip(*chunk, strict=True)]

    return DeliveredTable(columns, batches())


def _read_sav(path: Path, options: ReadOptions) -> DeliveredTable:
    import pyreadstat

    # user_missing: otherwise "weet niet" and "n.v.t." silently become the same empty value
    read: Callable[..., Any] = lambda **kwargs: pyreadstat.read_sav(  # noqa: E731
        str(path), user_missing=True, output_format="dict", encoding=options.encoding, **kwargs
    )
    try:
        _, metadata = read(metadataonly=True)
    except Exception as error:  # pyreadstat raises its own and bare exceptions alike
        raise DeliveryError(
            f"{path.name}: cannot be read as SPSS: {error}. Open it in SPSS or PSPP, save it again "
            "as .sav, and deliver that file."
        ) from None

    def batches() -> Iterator[list[pa.Array]]:
        offset = 0
        while True:
            try:
                data, _ = read(row_offset=offset, row_limit=BATCH_ROWS)
            except Exception as error:
                raise DeliveryError(
                    f"{path.name}: cannot be read after row {offset}: {error}. The file is "
                    "damaged; deliver it again."
                ) from None
            rows = len(next(iter(data.values()), []))
            if rows:
                yield [_texts(data[column]) for column in metadata.column_names]
            if rows < BATCH_ROWS:
                return
            offset += rows

    labels = {
        "variables": {k: v for k, v in metadata.column_names_to_labels.items() if v},
        "values": {
            column: {str(_text(code)): label for code, label in values.items()}
            for column, values in metadata.variable_value_labels.items()
        },
        "user_missing": metadata.missing_ranges,
    }
    return DeliveredTable(list(metadata.column_names), batches(), labels)


def _read_xlsx(path: Path, options: ReadOptions) -> DeliveredTable:
    import fastexcel

    try:
        workbook = fastexcel.read_excel(path)
    except Exception as error:
        raise DeliveryError(
            f"{path.name}: cannot be read as Excel: {error}. Save it again as .xlsx, without a "
            "password, and deliver that file."
        ) from None
    if options.sheet and options.sheet not in workbook.sheet_names:
        raise DeliveryError(
            f"{path.name}: has no sheet {options.sheet!r}; it has "
            f"{', '.join(workbook.sheet_names)}. Correct `sheet` in delivery.yml."
        )
    # as text: with guessed types a column that turns to text late loses those cells
    sheet = workbook.load_sheet(options.sheet or 0, header_row=None, dtypes="string")
    table = pa.table(sheet.to_arrow())
    if table.num_rows < options.header_rows:
        raise DeliveryError(
            f"{path.name}: sheet {sheet.name!r} has {table.num_rows} rows, delivery.yml announces "
            f"{options.header_rows} header rows."
        )
    header = [
        ["" if value is None else str(value) for value in row.values()]
        for row in table.slice(0, options.header_rows).to_pylist()
    ]
    columns = header[-1]

    def batches() -> Iterator[list[pa.Array]]:
        for batch in table.slice(options.header_rows).to_batches(BATCH_ROWS):
            yield [
                column.cast(pa.string()) if column.type != pa.string() else column
                for column in batch.columns
            ]

    labels = {"variables": dict(zip(columns, header[0], strict=True))} if len(header) > 1 else {}
    return DeliveredTable(columns, batches(), labels)


def _read_parquet(path: Path, options: ReadOptions) -> DeliveredTable:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DeliveryError(
            f"{path.name}: cannot be read as Parquet: {error}. The file is damaged or no Parquet; "
            "deliver it again."
        ) from None
    for column in file.schema_arrow:
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            raise DeliveryError(
                f"{path.name}: column {column.name!r} is of type {column.type}, which is no single "
                "value. Deliver one value a cell: text, number, date or boolean."
            )

    def batches() -> Iterator[list[pa.Array]]:
        try:
            for batch in file.iter_batches(BATCH_ROWS):
                yield [_texts(column.to_pylist()) for column in batch.columns]
        except (pa.ArrowException, OSError) as error:
            raise DeliveryError(
                f"{path.name}: is damaged: {error}. Deliver the file again."
            ) from None

    return DeliveredTable(file.schema_arrow.names, batches())


READERS: dict[str, Callable[[Path, ReadOptions], DeliveredTable]] = {
    "csv": _read_csv,
    "sav": _read_sav,
    "xlsx": _read_xlsx,
    "parquet": _read_parquet,
}


def read(path: Path, options: ReadOptions) -> DeliveredTable:
    """Open a delivered file; its extension names the format.

    Raises:
        DeliveryError: now or while reading on, when the file cannot be read whole.
    """
    return READERS[path.suffix.lower().removeprefix(".")](path, options)


def formats() -> Iterable[str]:
    """The file extensions that can be delivered."""
    return READERS.keys()
