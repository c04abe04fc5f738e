"""Excel workbooks: what a sheet hides from a plain reader is refused, formulas are never run.

fastexcel gives the values. It tells nothing of merged cells, hidden rows and formulas without a
value, and it lays out the whole area of a sheet in memory, so the parts are looked through first.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.lib.landing import tables
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.tables import (
    MEGABYTE,
    DeliveredTable,
    Limits,
    ReadOptions,
    Recognises,
    split_header,
)
from orchestration.lib.landing.values import texts

BLOCK = 4 * MEGABYTE
LARGEST_ROW = 64 * MEGABYTE
LARGEST_INDEX = 4 * MEGABYTE  # of the part that lists the sheets

# A sheet is too large to parse in Python, and these patterns need a few facts only. `x:` before a
# name is a namespace.
_ROW_END = re.compile(rb"</(?:\w+:)?row>")
_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})([0-9]{1,7})"[^>]*(?<!/)>')
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s([^>]*)>\s*<(?:\w+:)?f[\s>/](?:(?!</(?:\w+:)?c>).)*</(?:\w+:)?c>", re.DOTALL
)
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>[^<]")
_HIDDEN = re.compile(
    rb'<(?:\w+:)?row\s([^>]*\bhidden="(?:1|true)"[^>]*)(?<!/)>((?:(?!</(?:\w+:)?row>).)*)',
    re.DOTALL,
)
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+[0-9]+):([A-Z]+[0-9]+)"')
_REFERENCE = re.compile(rb'\br="([A-Z]*)([0-9]+)"')


@dataclass
class _Sheet:
    """A worksheet in the file; rows and columns count from 1."""

    name: str
    part: str
    is_visible: bool
    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0
    hidden_rows: tuple[int, ...] = ()
    empty_formula: str = ""
    merged: tuple[tuple[str, str], ...] = ()


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _row_number(reference: str) -> int:
    return int(reference.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def _xml(parts: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if parts.getinfo(name).file_size > LARGEST_INDEX:
        raise ValueError(f"{name} is too large")
    content = parts.read(name)
    if b"<!DOCTYPE" in content:  # Excel writes none; entities in one can grow without end
        raise ValueError(f"{name} has a document type")
    return ElementTree.fromstring(content)


def _sheets(parts: zipfile.ZipFile) -> list[_Sheet]:
    targets = {
        relation.get("Id", ""): relation.get("Target", "")
        for relation in _xml(parts, "xl/_rels/workbook.xml.rels")
        if relation.get("Type", "").endswith("/worksheet")
    }
    sheets = []
    for element in _xml(parts, "xl/workbook.xml").iter():
        attributes = {_plain(name): value for name, value in element.attrib.items()}
        if _plain(element.tag) == "sheet" and (target := targets.get(attributes.get("id", ""))):
            part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
            visible = attributes.get("state", "visible") == "visible"
            sheets.append(_Sheet(attributes["name"], part, visible))
    return sheets


def _rows_in_blocks(parts: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The XML of a sheet in pieces that end where a row ends."""
    rest = b""
    with parts.open(part) as file:
        while block := file.read(BLOCK):
            rest += block
            ends = [match.end() for match in _ROW_END.finditer(rest)]
            if ends:
                yield rest[: ends[-1]]
                rest = rest[ends[-1] :]
            elif len(rest) > LARGEST_ROW:
                raise ValueError(f"{part} has a row that does not end")
    yield rest


def _look_through(parts: zipfile.ZipFile, sheet: _Sheet) -> None:
    hidden: list[int] = []
    merged: list[tuple[str, str]] = []
    rows: set[int] = set()
    columns: set[bytes] = set()
    for block in _rows_in_blocks(parts, sheet.part):
        cells = _CELL.findall(block)
        columns.update({column for column, _ in cells})
        rows.update(map(int, {row for _, row in cells}))
        for attributes, content in _HIDDEN.findall(block):
            number = _REFERENCE.search(attributes)
            if number and _CELL.search(content):
                hidden.append(int(number[2]))
        if not sheet.empty_formula:
            for match in _FORMULA.finditer(block):
                cell = _REFERENCE.search(match[1])
                # the value of a formula that gives an empty text is empty too
                if cell and b't="str"' not in match[1] and not _VALUE.search(match[0]):
                    sheet.empty_formula = (cell[1] + cell[2]).decode()
                    break
        merged += [(start.decode(), end.decode()) for start, end in _MERGED.findall(block)]
    if rows:
        numbers = [_column_number(column) for column in columns]
        sheet.top, sheet.bottom = min(rows), max(rows)
        sheet.left, sheet.right = min(numbers), max(numbers)
    sheet.hidden_rows, sheet.merged = tuple(hidden), tuple(merged)


def _unpacked(path: Path, limits: Limits) -> zipfile.ZipFile:
    """The parts of a workbook, checked: fastexcel does not compare checksums."""
    parts = zipfile.ZipFile(path)
    size = sum(part.file_size for part in parts.infolist())
    limits.check(path.name, "unpacks to", size // MEGABYTE, "megabytes")
    if any(part.flag_bits & 1 for part in parts.infolist()):
        raise DeliveryError(f"{path.name}: is encrypted. Deliver it without a password.")
    if damaged := parts.testzip():
        raise DeliveryError(f"{path.name}: is damaged in {damaged}. Deliver the file again.")
    return parts


def read_xlsx(
    path: Path, options: ReadOptions, limits: Limits, recognises: Recognises
) -> DeliveredTable:
    """One worksheet: the declared one, or else the visible one whose header is in the codebook."""
    import fastexcel
    from xlsxwriter.utility import xl_rowcol_to_cell

    with _unpacked(path, limits) as parts:
        sheets = _sheets(parts)
        if options.sheet and options.sheet not in [sheet.name for sheet in sheets]:
            raise DeliveryError(
                f"{path.name}: has no sheet {options.sheet!r}; it has "
                f"{', '.join(sheet.name for sheet in sheets)}. Correct `sheet` in delivery.yml."
            )
        candidates = [
            sheet
            for sheet in sheets
            if (sheet.name == options.sheet if options.sheet else sheet.is_visible)
        ]
        if not candidates:
            raise DeliveryError(
                f"{path.name}: has no visible sheet. Show the sheet with the rows, or name it in "
                "delivery.yml under `sheet`."
            )
        for sheet in candidates:
            _look_through(parts, sheet)
            area = (sheet.bottom - sheet.top + 1) * (sheet.right - sheet.left + 1)
            limits.check(
                f"{path.name}: sheet {sheet.name!r}", "covers", area, "cells",
                "empty the cells far from the data, deliver as .parquet, .sav or .csv, or ",
            )  # fmt: skip

    workbook = fastexcel.read_excel(path)

    def load(sheet: _Sheet, rows: int | None = None) -> tuple[pa.RecordBatch, Any]:
        # as text: with guessed types a column that turns to text late loses those cells
        loaded = workbook.load_sheet(sheet.name, header_row=None, n_rows=rows, dtypes="string")
        return loaded.to_arrow_with_errors()

    def header_of(table: pa.RecordBatch) -> list[list[str]]:
        return [
            [column[place].as_py() or "" for column in table.columns]
            for place in range(min(options.header_rows, table.num_rows))
        ]

    filled = [sheet for sheet in candidates if sheet.bottom] or candidates
    if len(filled) > 1:
        known = [
            sheet
            for sheet in filled
            if any(recognises(row) for row in header_of(load(sheet, options.header_rows)[0])[-1:])
        ]
        if len(known) > 1:
            raise DeliveryError(
                f"{path.name}: sheets {' and '.join(repr(sheet.name) for sheet in known)} both "
                "have columns of this group. State which one in delivery.yml under `sheet`, or "
                "deliver all rows on one sheet."
            )
        filled = known or filled
    sheet = filled[0]
    _refuse_what_is_hidden(path.name, sheet, options.header_rows)
    table, problems = load(sheet)
    if problems:
        row, column = problems.errors[0].position
        cell = xl_rowcol_to_cell(row + sheet.top - 1, column + sheet.left - 1)
        raise DeliveryError(
            f"{path.name}: cell {cell} of sheet {sheet.name!r} holds an Excel error such as #N/A. "
            "Replace it by its value or empty it, and deliver the file again."
        )
    columns, labels = split_header(path.name, header_of(table), options.header_rows)

    def batches() -> Iterator[list[pa.StringArray]]:
        rows = pa.Table.from_batches([table]).slice(options.header_rows)
        for batch in rows.to_batches(tables.BATCH_ROWS):
            arrays = [texts(column) for column in batch.columns]
            filled_in = arrays[0].is_valid()
            for array in arrays[1:]:
                filled_in = pc.or_(filled_in, array.is_valid())
            if not filled_in.true_count:  # an empty row is as a blank line
                continue
            yield [array.filter(filled_in) for array in arrays]

    return DeliveredTable(columns, batches(), labels, max(table.num_rows - options.header_rows, 0))


def _refuse_what_is_hidden(name: str, sheet: _Sheet, header_rows: int) -> None:
    """Refuse what would be lost, or taken, without anybody seeing it.

    Raises:
        DeliveryError: hidden rows, cells merged over rows of data, a formula without a value.
    """
    below = sheet.top + header_rows - 1  # the last row of the header
    place = f"of sheet {sheet.name!r}"
    if hidden := [row for row in sheet.hidden_rows if row > below]:
        raise DeliveryError(
            f"{name}: row {hidden[0]} {place} is hidden ({len(hidden)} hidden rows in all). Take "
            "the filter off and show the rows, or delete them, and deliver the file again."
        )
    for start, end in sheet.merged:
        if _row_number(end) > below and _row_number(start) <= sheet.bottom:
            raise DeliveryError(
                f"{name}: cells {start}:{end} {place} are merged, so that it is not clear whose "
                "answer this is. Unmerge them, fill in every cell, and deliver the file again."
            )
    if sheet.empty_formula:
        raise DeliveryError(
            f"{name}: cell {sheet.empty_formula} {place} holds a formula without a value; "
            "formulas are not run here. Open the file in Excel and save it, or replace formulas "
            "by their values, and deliver the file again."
        )
