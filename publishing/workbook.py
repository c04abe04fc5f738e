"""All tables of a release as one Excel workbook.

XlsxWriter makes the workbook: sheets, named tables, formats, properties. The rows below the
headers, millions of cells, are rendered by DuckDB and streamed into the archive, which takes a
fraction of the time, and each number keeps its last digit (XlsxWriter writes 16, a double needs
17). Texts are written as texts, never as formulas or links, and there is no clock, so that the same
release gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from orchestration.lib.warehouse import quote
from publishing.dictionary import Column, Table

MAX_ROWS = 1_048_575  # of a sheet, below its header
BATCH = 20_000  # rows rendered at a time
CREATED = dt.datetime(2000, 1, 1)  # a fixed date, because the bytes may hold no clock
NUMBER_FORMATS = {"int": "0", "bigint": "#,##0", "double": "0.0##", "date": "yyyy-mm-dd"}
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
README = (
    "Every sheet is a table; sheet `columns` says what each column holds.",
    "Estimates, errors, intervals and counts may not be added up or averaged, except where sheet "
    "`columns` says so: ask for the row of the total instead (breakdown `total`, value `all`).",
    "An empty estimate with is_suppressed TRUE is withheld to protect respondents; it is not zero.",
    "Shares lie between 0 and 1. Numbers of respondents are rounded to 5.",
)


@dataclass(frozen=True)
class Sheet:
    """Rows `start` to `start + rows` of a table, on a sheet of their own."""

    name: str
    table: Table
    start: int
    rows: int


def _sheets(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], max_rows: int
) -> Iterator[Sheet]:
    for table in tables:
        row = connection.execute(f"select count(*) from {quote(table.name)}").fetchone()
        count = row[0] if row else 0
        for part, start in enumerate(range(0, max(count, 1), max_rows)):
            name = table.name if part == 0 else f"{table.name[:28]}_{part + 1}"
            yield Sheet(name, table, start, min(max_rows, count - start))


def _cell(column: Column, number: int) -> str:
    """SQL of the XML of one cell, empty where the value is; the style stands in the template."""
    value = quote(column.name)
    start = f"""'<c r="{xl_col_to_name(number)}' || row_number || '" s="{{style_{number}}}"'"""
    if column.type == "string":
        text = value
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = f"replace({text}, '{character}', '{entity}')"
        space = (
            f"case when {value} = trim({value}) then '<t>' else '<t xml:space=\"preserve\">' end"
        )
        return (
            f"case when {value} is null then '' else {start} || ' t=\"inlineStr\"><is>' || {space} "
            f"|| {text} || '</t></is></c>' end"
        )
    kind, shown, filled = "", value, f"{value} is not null"
    if column.type == "boolean":
        kind, shown = ' t="b"', f"cast({value} as integer)"
    elif column.type == "date":
        shown = f"date_diff('day', date '1899-12-30', {value})"
    elif column.type == "double":
        filled = f"isfinite({value})"
    return f"case when {filled} then {start} || '{kind}><v>' || {shown} || '</v></c>' else '' end"


def _rows(
    connection: duckdb.DuckDBPyConnection, sheet: Sheet, styles: Sequence[str]
) -> Iterator[memoryview]:
    """The XML of the rows of a sheet, some thousands at a time."""
    cells = " || ".join(_cell(*pair) for pair in _numbered(sheet.table.columns))
    cells = cells.format(**{f"style_{number}": style for number, style in enumerate(styles)})
    reader = connection.execute(
        f"""
        select '<row r="' || row_number || '">' || {cells} || '</row>' as xml
        from (
            select *, rowid - {sheet.start} + 2 as row_number from {quote(sheet.table.name)}
            where rowid >= {sheet.start} and rowid < {sheet.start + sheet.rows}
        )
        """  # in the order of the table, which DuckDB keeps
    ).to_arrow_reader(BATCH)
    for batch in reader:
        # the texts of a column lie behind one another: the buffer is the XML
        texts = batch.column(0)
        _, offsets, content = texts.buffers()
        if len(texts):
            ends = memoryview(offsets).cast("i" if str(texts.type) == "string" else "q")
            yield memoryview(content)[ends[texts.offset] : ends[texts.offset + len(texts)]]


def _numbered(columns: Sequence[Column]) -> Iterator[tuple[Column, int]]:
    for number, column in enumerate(columns):
        yield column, number


def _width(column: Column) -> int:
    narrowest = {"string": 16, "boolean": 8, "date": 12}.get(column.type, 10)
    return min(max(narrowest, len(column.name) + 3), 40)


def _frame(sheets: Sequence[Sheet], facts: dict[str, Any]) -> bytes:
    """The workbook without the rows: below each header one row of empty cells with their format."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, OPTIONS)
    synthetic = bool(facts.get("is_synthetic"))
    book.set_properties(
        {
            "title": "Doelstellingenmonitor passend onderwijs",
            "subject": f"Release {facts['release_id']}",
            "comments": "Simulated data: no real respondent answered" if synthetic else "",
            "created": CREATED,
        }
    )
    bold = book.add_format({"bold": True, "font_size": 14})
    warning = book.add_format({"bold": True, "font_color": "#9C0006", "bg_color": "#FFC7CE"})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    plain = book.add_format({"num_format": "@"})
    formats = {kind: book.add_format({"num_format": text}) for kind, text in NUMBER_FORMATS.items()}

    readme = book.add_worksheet("readme")
    readme.set_column(0, 0, 30)
    readme.set_column(1, 1, 12)
    readme.set_column(2, 2, 100, wrap)
    readme.write_string(0, 0, "Doelstellingenmonitor passend onderwijs", bold)
    if synthetic:
        readme.write_string(1, 0, "Simulated data: no real respondent answered.", warning)
    readme.write_string(2, 0, f"Release {facts['release_id']}")
    for row, line in enumerate(README, 3):
        readme.write_string(row, 0, line)
    top = len(README) + 4
    readme.add_table(
        top, 0, top + len(sheets), 2,
        {
            "name": "readme",
            "columns": [{"header": name} for name in ("sheet", "rows", "description")],
            "data": [[sheet.name, sheet.rows, sheet.table.description] for sheet in sheets],
        },
    )  # fmt: skip

    lines = [
        [
            table.name, column.name, column.type, column.is_required, ", ".join(column.values),
            column.aggregation or "", column.description,
        ]
        for table in {sheet.table.name: sheet.table for sheet in sheets}.values()
        for column in table.columns
    ]  # fmt: skip
    columns = book.add_worksheet("columns")
    for number, width in enumerate((28, 28, 10, 12, 30, 30, 100)):
        columns.set_column(number, number, width, wrap)
    columns.freeze_panes(1, 0)
    headers = ("table", "column", "type", "is_required", "values", "aggregation", "description")
    columns.add_table(
        0, 0, max(len(lines), 1), len(headers) - 1,
        {"name": "columns", "columns": [{"header": name} for name in headers], "data": lines},
    )  # fmt: skip

    for sheet in sheets:
        worksheet = book.add_worksheet(sheet.name)
        worksheet.freeze_panes(1, 0)
        last = len(sheet.table.columns) - 1
        headings = [{"header": column.name} for column in sheet.table.columns]
        # of one row, for XlsxWriter keeps a note of each cell of a table: `_stretch` makes it whole
        worksheet.add_table(0, 0, 1, last, {"name": f"t_{sheet.name}", "columns": headings})
        for column, number in _numbered(sheet.table.columns):
            form = formats.get(column.type, plain)
            worksheet.set_column(number, number, _width(column))
            worksheet.write_blank(1, number, None, form)
    book.close()
    return target.getvalue()


def _fill(
    connection: duckdb.DuckDBPyConnection, sheet: Sheet, xml: bytes, target: IO[bytes]
) -> None:
    """Write the XML of a sheet with the rows in the place of the one that shows the formats."""
    head, rest = xml.split(b'<row r="2"', 1)
    template, tail = rest.split(b"</row>", 1)
    styles = re.findall(r'<c r="[A-Z]+2" s="(\d+)"', template.decode())
    # readers size their buffers by it
    whole = f"A1:{xl_col_to_name(len(styles) - 1)}{sheet.rows + 1}"
    head = re.sub(rb'<dimension ref="[^"]*"', f'<dimension ref="{whole}"'.encode(), head)
    target.write(head)
    for chunk in _rows(connection, sheet, styles):
        target.write(chunk)
    target.write(tail)


def _stretch(sheet: Sheet, xml: bytes) -> bytes:
    """The XML of the named table of a sheet, over all of its rows instead of the first."""
    last = xl_col_to_name(len(sheet.table.columns) - 1)
    first, whole = f'ref="A1:{last}2"', f'ref="A1:{last}{max(sheet.rows, 1) + 1}"'
    return xml.replace(first.encode(), whole.encode())


def write(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    facts: dict[str, Any],
    path: Path,
    max_rows: int = MAX_ROWS,
) -> None:
    """Write the tables of a release, each on a sheet; those of more rows than a sheet on several.

    `facts` holds release_id and is_synthetic. Texts are taken as they are: `refuse_formulas` has
    refused those that a cell cannot hold.
    """
    sheets = list(_sheets(connection, tables, max_rows))
    frame = zipfile.ZipFile(io.BytesIO(_frame(sheets, facts)))
    # after readme and columns, in the order in which they were added
    numbered = list(enumerate(sheets, 3))
    places = {f"xl/worksheets/sheet{number}.xml": sheet for number, sheet in numbered}
    named = {f"xl/tables/table{number}.xml": sheet for number, sheet in numbered}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in frame.namelist():
            # by its name an entry is dated 1980, whatever the clock says
            with archive.open(name, "w") as target:
                xml = frame.read(name)
                if name in places:
                    _fill(connection, places[name], xml, target)
                elif name in named:
                    target.write(_stretch(named[name], xml))
                else:
                    target.write(xml)
