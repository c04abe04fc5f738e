"""Read a delivered file as verbatim text, in batches, whatever its format.

Numbers keep their shortest form (`4.0` in SPSS is delivered as `4`), dates become ISO 8601,
an empty cell is NULL. Nothing is interpreted: what a code means stands in the codebook.
Refusals name line, cell or column, and no value: a row often begins with somebody's login.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.landing import tables
from orchestration.lib.landing.csv_files import read_csv
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.statistical_files import read_statistical
from orchestration.lib.landing.tables import (
    MEGABYTE,
    DeliveredTable,
    Limits,
    ReadOptions,
    Recognises,
)
from orchestration.lib.landing.values import texts
from orchestration.lib.landing.workbooks import read_xlsx

__all__ = ["DeliveredTable", "Limits", "ReadOptions", "advice", "formats", "read"]

# what a file begins with → the extensions that fit, and what to say of it under another
SIGNATURES: list[tuple[bytes, tuple[str, ...], str]] = [
    (b"PAR1", ("parquet",), "is a Parquet file. Name it .parquet"),
    (b"PARE", (), "is an encrypted Parquet file. Deliver it without encryption"),
    (b"$FL2", ("sav", "zsav"), "is an SPSS file. Name it .sav"),
    (b"$FL3", ("sav", "zsav"), "is an SPSS file. Name it .sav"),
    (b"<stata_dta>", ("dta",), "is a Stata file. Name it .dta"),
    (b"PK\x03\x04", ("xlsx",), "is an Excel workbook or an archive. Name it .xlsx, or unpack it"),
    (
        b"\xd0\xcf\x11\xe0",
        (),
        "has a password, or is in the format of Excel before 2007. Take the password off and save "
        "it as .xlsx",
    ),
    (b"\x1f\x8b", (), "is compressed. Unpack it"),
    (b"%PDF", (), "is a PDF. Export the rows"),
]
ADVICE = {
    "xls": "open it in Excel and save it as .xlsx",
    "xlsm": "save it as .xlsx, without macros",
    "xlsb": "save it as .xlsx",
    "ods": "save it as .xlsx",
    "por": "save it as .sav",
    "sas7bdat": "export it as .sav or .csv",
    "rds": "export it as .sav, .parquet or .csv",
    "tsv": "name it .csv; tabs are recognised",
    "txt": "name it .csv if it holds rows, or take it away",
    **dict.fromkeys(("zip", "gz", "7z", "rar", "tar"), "unpack it and deliver the file in it"),
    **dict.fromkeys(
        ("tmp", "part", "partial", "crdownload", "filepart"), "wait until it has been copied"
    ),
}


def _read_parquet(path: Path, options: ReadOptions, limits: Limits) -> DeliveredTable:
    file = pq.ParquetFile(path, page_checksum_verification=True)
    limits.check(path.name, "announces", file.metadata.num_rows, "rows")
    size = sum(
        file.metadata.row_group(place).total_byte_size
        for place in range(file.metadata.num_row_groups)
    )
    limits.check(path.name, "unpacks to", size // MEGABYTE, "megabytes")
    for column in file.schema_arrow:
        if pa.types.is_nested(column.type) or "binary" in str(column.type):
            raise DeliveryError(
                f"{path.name}: column {column.name!r} is of type {column.type}, which is no single "
                "value. Deliver one value a cell: text, number, date or boolean."
            )

    def values(column: Any) -> pa.StringArray:
        if pa.types.is_timestamp(column.type):  # Python knows no nanoseconds
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        elif pa.types.is_float32(column.type):  # by way of text, for 0.1 must not get more digits
            column = column.cast(pa.string()).cast(pa.float64())
        array = texts(column)
        array.validate(full=True)  # text that is no UTF-8
        return array

    def batches() -> Iterator[list[pa.StringArray]]:
        for batch in file.iter_batches(tables.BATCH_ROWS):
            yield [values(column) for column in batch.columns]

    return DeliveredTable(file.schema_arrow.names, batches(), announced_rows=file.metadata.num_rows)


Reader = Callable[[Path, ReadOptions, Limits, Recognises], DeliveredTable]
READERS: dict[str, Reader] = {
    "csv": lambda path, options, _, recognises: read_csv(path, options, recognises),
    **dict.fromkeys(
        ("sav", "zsav", "dta"),
        lambda path, options, limits, _: read_statistical(path, options, limits),
    ),
    "xlsx": read_xlsx,
    "parquet": lambda path, options, limits, _: _read_parquet(path, options, limits),
}


@contextmanager
def _refusing(path: Path, file_format: str) -> Iterator[None]:
    """Turn whatever a library raises over a damaged file into a message to its sender."""
    try:
        yield
    except (DeliveryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in Rust is no Exception
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise DeliveryError(
            f"{path.name}: cannot be read as {file_format}: {detail}. Open it where it was made, "
            f"save it again as .{file_format}, unprotected, and deliver that file."
        ) from error


def _refuse_other_content(path: Path, file_format: str) -> None:
    with path.open("rb") as file:
        start = file.read(16)
    for signature, fitting, remark in SIGNATURES:
        if start.startswith(signature) and file_format not in fitting:
            raise DeliveryError(
                f"{path.name}: cannot be read as {file_format}: it {remark}, and deliver that file."
            )


def read(
    path: Path,
    options: ReadOptions,
    limits: Limits | None = None,
    recognises: Recognises = lambda header: True,
) -> DeliveredTable:
    """Open a delivered file; its extension names the format.

    Args:
        recognises: whether a header has columns of the codebook, to choose among worksheets.

    Raises:
        DeliveryError: now or while reading on, when the file cannot be read whole, or is larger
            than the limits.
    """
    limits = limits or Limits()
    file_format = path.suffix.lower().removeprefix(".")
    with _refusing(path, file_format):
        limits.check(path.name, "has", path.stat().st_size // MEGABYTE, "megabytes")
        _refuse_other_content(path, file_format)
        table = READERS[file_format](path, options, limits, recognises)
        limits.check(path.name, "has", len(table.columns), "columns")

    def batches() -> Iterator[list[pa.StringArray]]:
        rows = 0
        with _refusing(path, file_format):
            for arrays in table.batches:
                rows += len(arrays[0])
                limits.check(path.name, "has at least", rows, "rows")
                yield arrays

    return replace(table, batches=batches())


def formats() -> Iterable[str]:
    """The file extensions that can be delivered."""
    return READERS.keys()


def advice(suffix: str) -> str:
    """What to do with a file of a format that cannot be delivered."""
    remedy = ADVICE.get(suffix.lower().removeprefix("."), f"use {', '.join(formats())}")
    return f"format {suffix!r} cannot be delivered: {remedy}."
