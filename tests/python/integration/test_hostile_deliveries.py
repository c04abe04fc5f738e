"""Files as they really come: each lands with these values, or is refused with these words.

The table of docs/deliveries.md is written from the cases: `WRITE_DOCS=1 pytest` this module.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from fixtures.deliveries import (
    AGREE,
    GROUP,
    HEADER,
    IDENTIFYING,
    LABELS,
    ROWS,
    TURNED,
    VARIABLES,
    WAVE,
    Desk,
    csv_text,
    parquet_table,
    sav_frame,
    typed,
    write_csv,
    write_parquet,
    write_sav,
    write_xlsx,
)
from xlsxwriter import Workbook

from orchestration.lib.settings import ROOT

DOCS = ROOT / "docs" / "deliveries.md"
MARKS = ("<!-- the table of hostile deliveries -->", "<!-- end of the table -->")
Build = Callable[[Path], object]
Changes = dict[tuple[int, str], str | None]


@dataclass(frozen=True)
class Case:
    """A file, and what becomes of it: `words` of its refusal, or the `changes` of its values."""

    kind: str
    fault: str
    build: Build
    words: tuple[str, ...] = ()
    changes: Changes = field(default_factory=dict)
    manifest: str = ""
    file: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    remark: str = ""

    @property
    def name(self) -> str:
        return self.file or f"{GROUP}.{self.kind}"

    @property
    def outcome(self) -> str:
        if self.words:
            return "refused: " + " … ".join(self.words)
        return "accepted" + (f": {self.remark}" if self.remark else "")


def text(content: str | bytes, encoding: str = "utf-8") -> Build:
    data = content if isinstance(content, bytes) else content.encode(encoding)
    return lambda path: path.write_bytes(data)


def with_value(column: str, value: str, row: int = 1) -> list[list[str]]:
    """The rows with one other value; rows count from 1."""
    rows = [list(values) for values in ROWS]
    rows[row - 1][HEADER.index(column)] = value
    return rows


def with_header(column: str, name: str) -> list[str]:
    return [name if header == column else header for header in HEADER]


ACCENT = csv_text(with_value("Toelichting", "Eén coördinator"))
MOJIBAKE = csv_text(with_value("Toelichting", "Eén coördinator".encode().decode("cp1252")))
CSV = csv_text()

CSV_CASES = [
    Case("csv", "byte order mark", text(CSV, "utf-8-sig")),
    Case("csv", "UTF-16 with byte order mark", text(CSV, "utf-16")),
    Case("csv", "UTF-16 big-endian, declared", text("\ufeff" + CSV, "utf-16-be"),
         manifest="encoding: utf-16-be"),
    Case("csv", "cp1252, not declared", text(ACCENT, "cp1252"),
         changes={(1, "toelichting"): "Eén coördinator"}),
    Case("csv", "cp1252, declared", text(ACCENT, "cp1252"), manifest="encoding: cp1252",
         changes={(1, "toelichting"): "Eén coördinator"}),
    Case("csv", "comma as delimiter", text(csv_text(delimiter=","))),
    Case("csv", "tab as delimiter", text(csv_text(delimiter="\t"))),
    Case("csv", "more commas in headers than semicolons",
         text(csv_text(header=with_header("Einde", "Einde,,,,,,,,,,,")))),
    Case("csv", "line `sep=;` for Excel", text("sep=;\n" + CSV)),
    Case("csv", "Windows line ends", text(CSV.replace("\n", "\r\n")),
         changes={(3, "toelichting"): 'Zij zei: "nee"\r\nen nog eens nee'}),
    Case("csv", "blank lines", text("\n" + CSV.replace("ab2", "\n\nab2") + "\n\n")),
    Case("csv", "decimal comma", text(csv_text(with_value("Cijfer", "7,5"))),
         changes={(1, "cijfer"): "7,5"}, remark="kept as delivered, decoded as 7.5"),
    Case("csv", "headers in other case and punctuation",
         text(csv_text(header=[name.upper().replace(" ", "_") for name in HEADER]))),
    Case("csv", "header that is a synonym of an attribute",
         text(csv_text(header=with_header("BRIN", "brin vestiging")))),
    Case("csv", "renumbered question, a synonym of its variable",
         text(csv_text(header=with_header("Vraag 1", "V1 (oud nummer)")))),
    Case("csv", "formula in an answer", text(csv_text(with_value("Toelichting", "=cmd|'/c x'!A0"))),
         changes={(1, "toelichting"): "=cmd|'/c x'!A0"}, remark="a text like any other"),
    Case("csv", "one pasted garble among good accents",
         text(csv_text([*with_value("Toelichting", "coÃ¶rdinator")[:1],
                        *with_value("Toelichting", "één", 2)[1:2],
                        *with_value("Toelichting", "reële", 3)[2:]])),
         changes={(1, "toelichting"): "coÃ¶rdinator", (2, "toelichting"): "één",
                  (3, "toelichting"): "reële"}),
    Case("csv", "text where a number belongs", text(csv_text(with_value("Cijfer", "8-"))),
         changes={(1, "cijfer"): "8-"}, remark="decoding makes it invalid and lists it"),
    Case("csv", "garbled accents in an open answer", text(MOJIBAKE),
         ("'Toelichting', data row 1", "accents are garbled", "export it again as UTF-8")),
    Case("csv", "garbled accents in a background column",
         text(csv_text(with_value("SWV", "PO2702 DoetinchemÃ©", 2))),
         ("'SWV', data row 2", "accents are garbled")),
    Case("csv", "garbled accents in a header",
         text(csv_text(header=with_header("Cijfer", "CoÃ¶rdinator"))),
         ("header of column 8 has garbled accents",)),
    Case("csv", "replacement characters",
         text(csv_text(with_value("Toelichting", "co\ufffdrdinator"))),
         ("'Toelichting', data row 1", "accents are garbled")),
    Case("csv", "DOS encoding (cp850)", text(ACCENT, "cp850"),
         ("line 2 holds byte 0x82", "State the encoding")),
    Case("csv", "UTF-8 declared as cp1252", text(ACCENT),
         ("is UTF-8, while delivery.yml says cp1252",), manifest="encoding: cp1252"),
    Case("csv", "UTF-16 declared as cp1252", text(CSV, "utf-16"),
         ("byte order mark of utf-16", "Correct `encoding`"), manifest="encoding: cp1252"),
    Case("csv", "UTF-16 without a mark", text(CSV, "utf-16-le"),
         ("line 1 holds a NUL character", "state its encoding")),
    Case("csv", "encoding that does not exist", text(CSV),
         ("'latin-9000', which does not exist",), manifest="encoding: latin-9000"),
    Case("csv", "row with a value too many", text(CSV + "ab4;;1;05AB00;;4;4;8;;een; twee;x\n"),
         ("line 6 has 12 values, the header has 11", "Quote values")),
    Case("csv", "row that is cut off", text(CSV + "ab4;;1"),
         ("line 6 has 3 values, the header has 11",)),
    Case("csv", "quotation mark that is never closed",
         text(csv_text(ROWS[:1]) + 'ab2;;2;16XY01;VO2801;98;5;8;;"nooit gesloten;x\n' + CSV),
         ("line 3 cannot be read", "Check the quotation marks")),
    Case("csv", "NUL bytes", text(csv_text(with_value("Cijfer", "\0", 2))),
         ("line 3 holds a NUL character",)),
    Case("csv", "answer of 200,000 characters",
         text(csv_text(with_value("Toelichting", "a;" * 100_000))),
         ("begins on line 2 has a value of 200,000 characters", "at most 131,072")),
    Case("csv", "header of 200,000 characters",
         text(csv_text(header=with_header("Cijfer", "a" * 200_000))),
         ("begins on line 1 has a value of 200,000 characters", "at most 131,072")),
    Case("csv", "line without end", text("a" * 10_000_001),
         ("line 1 is longer than 10,000,000 characters",)),
    Case("csv", "header twice, in another case",
         text(csv_text(header=with_header("Cijfer", "VRAAG_1"))),
         ("column 'VRAAG_1' occurs twice (columns 6 and 8",)),
    Case("csv", "header and its synonym",
         text(csv_text(header=with_header("Cijfer", "V1 oud nummer"))),
         ("occurs twice (columns 6 and 8, first as Vraag 1",)),
    Case("csv", "blank header", text(csv_text(header=with_header("Cijfer", " "))),
         ("column 8 has no name", "Name it, or take it out")),
    Case("csv", "unknown column", text(csv_text(header=with_header("Cijfer", "Vraag 9"))),
         ("unknown column Vraag 9", "Did you mean", "missing column Cijfer")),
    Case("csv", "unknown column that is somebody's address",
         text(csv_text(header=with_header("Cijfer", "jan@school.nl"))),
         ("unknown column (a name with @)",)),
    Case("csv", "missing column", text("\n".join(
        line.rpartition(";")[0] for line in csv_text(ROWS[:2]).splitlines())),
         ("missing column Notitie", "correct the file, or add the row")),
    Case("csv", "no header", text(csv_text(ROWS[1:], ROWS[0])),
         ("its header row holds none of the columns", "header_rows")),
    Case("csv", "header and no rows", text(CSV.splitlines()[0]),
         ("has a header and no rows",)),
    Case("csv", "nothing", text(b""), ("the file is empty",)),
    Case("csv", "wrong delimiter declared", text(CSV), ("none of the columns", "`delimiter`"),
         manifest="delimiter: ','"),
    Case("csv", "BRIN as 2.0E+05", text(csv_text(with_value("BRIN", "2.0E+05", 2))),
         ("'BRIN', data row 2: holds '2.0E+05'", "Format the column as text")),
    Case("csv", "BRIN without its zero", text(csv_text(with_value("BRIN", "5AB00"))),
         ("'BRIN', data row 1: holds '5AB00'", "drops zeros")),
    Case("csv", "more rows than allowed", text(CSV),
         ("has at least 3 rows, where 2 are allowed", "MONITOR_MAX_DELIVERY_ROWS"),
         settings={"max_delivery_rows": 2}),
    Case("csv", "more columns than allowed", text(CSV),
         ("has 11 columns, where 10 are allowed", "MONITOR_MAX_DELIVERY_COLUMNS"),
         settings={"max_delivery_columns": 10}),
    Case("csv", "larger than allowed",
         text(csv_text(with_value("Toelichting", "a" * 100_000) * 60)),
         ("megabytes, where 1 are allowed", "MONITOR_MAX_DELIVERY_MEGABYTES"),
         settings={"max_delivery_megabytes": 1}),
    Case("csv", "a workbook named .csv", lambda path: write_xlsx(path, ROWS),
         ("it is an Excel workbook or an archive", "Name it .xlsx")),
    Case("csv", "compressed", text(b"\x1f\x8b\x08" + b"x" * 50), ("it is compressed. Unpack it",)),
]  # fmt: skip


# --- SPSS and Stata -------------------------------------------------------------------------


def sav(
    frame: pd.DataFrame | None = None,
    labels: dict[str, dict[Any, str]] | None = None,
    edit: Callable[[bytes], bytes] = bytes,
) -> Build:
    """An SPSS file with other rows or labels, its bytes edited."""  # fmt: skip

    def build(path: Path) -> None:
        pyreadstat.write_sav(
            sav_frame() if frame is None else frame, path,
            variable_value_labels=LABELS | (labels or {}),
            missing_ranges={"Vraag_1": [98, 99], "Vraag_2": [98, 99]},
            compress=path.suffix == ".zsav",
        )  # fmt: skip
        path.write_bytes(edit(path.read_bytes()))

    return build


def frame_with(column: str, values: list[Any]) -> pd.DataFrame:
    return sav_frame().assign(**{column: values})


def crash_the_library(content: bytes) -> bytes:
    """Value labels of a column that is not there: a segmentation fault in ReadStat."""
    record = (4).to_bytes(4, "little") + (1).to_bytes(4, "little")
    place = content.index(record, content.index(b"Weet ik niet")) + len(record)
    return content[:place] + (200).to_bytes(4, "little") + content[place + 4 :]


def dta(edit: Callable[[bytes], bytes] = bytes, label: str = "Geen idee") -> Build:
    def build(path: Path) -> None:
        frame = sav_frame().astype({"Vraag_1": object})
        frame.loc[1, "Vraag_1"] = "a"
        pyreadstat.write_dta(
            frame, path, missing_user_values={"Vraag_1": ["a"]},
            variable_value_labels={"Vraag_1": {1: AGREE[1], "a": label}},
        )  # fmt: skip
        path.write_bytes(edit(path.read_bytes()))

    return build


OTHER_WORDS = {"Vraag_1": {1: "Geheel oneens", 5: "Geheel eens", 98: "Weet niet"}}
TURNED_IN_OTHER_WORDS = {"Vraag_1": {1: "helemaal eens", 2: "eens", 4: "oneens",
                                     5: "helemaal oneens"}}  # fmt: skip
SPSS_CASES = [
    Case("sav", "user-missing codes beside system-missing", sav(),
         remark="98 and 99 are kept, system-missing is empty"),
    Case("zsav", "compressed", sav()),
    Case("sav", "answer of 5,000 characters", sav(frame_with("Toelichting", ["é" * 5000, "", "b"])),
         changes={(1, "toelichting"): "é" * 5000, (3, "toelichting"): "b"}),
    Case("sav", "date without time",
         sav(frame_with("Einde", [dt.date(2022, 5, 1), None, None])),
         changes={(1, "einde"): "2022-05-01", (2, "einde"): None}),
    Case("sav", "value labels in other words", sav(labels=OTHER_WORDS)),
    Case("sav", "scale turned round in the file alone", sav(labels={"Vraag_1": TURNED}),
         ("column 'Vraag_1', code 1", "'Helemaal mee eens'", "expects 'helemaal mee oneens'",
          "`is_reversed`")),
    Case("sav", "scale turned round, in other words", sav(labels=TURNED_IN_OTHER_WORDS),
         ("column 'Vraag_1', code 1", "'helemaal eens'", "expects 'helemaal mee oneens'")),
    Case("sav", "scale turned round in the codebook alone", sav(labels={"Vraag_2": AGREE}),
         ("column 'Vraag_2', code 1", "expects 'helemaal mee eens'", "`is_reversed`")),
    Case("sav", "missing codes exchanged in the labels",
         sav(labels={"Vraag_1": {98: "Niet van toepassing", 99: "Weet ik niet"}}),
         ("column 'Vraag_1', code 98", "it has this label at code 99")),
    Case("sav", "background codes that start at 0",
         sav(labels={"Sector": {0: "Primair onderwijs", 1: "Voortgezet onderwijs"}}),
         ("column 'Sector', code 0", "has none", "it has this label at code 1")),
    Case("sav", "BRIN as a number", sav(frame_with("BRIN", [200000.0, 5.0, 31.0])),
         ("'BRIN', data row 1: holds a number or a date",)),
    Case("sav", "garbled accents", sav(frame_with("Toelichting", ["", "coÃ¶rdinator", ""])),
         ("'Toelichting', data row 2", "accents are garbled")),
    Case("sav", "cut off", sav(edit=lambda content: content[:-40]), ("leraar.sav",)),
    Case("zsav", "cut off", sav(edit=lambda content: content[:-40]), ("leraar.zsav",)),
    Case("sav", "header that announces more rows",
         sav(edit=lambda content: content[:80] + (9).to_bytes(4, "little") + content[84:]),
         ("leraar.sav",)),
    Case("sav", "labels that kill the library", sav(edit=crash_the_library),
         ("is damaged: reading it broke off", "save it again as .sav")),
    Case("sav", "more rows announced than allowed", sav(),
         ("announces 3 rows, where 2 are allowed", "MONITOR_MAX_DELIVERY_ROWS"),
         settings={"max_delivery_rows": 2}),
    Case("sav", "no SPSS at all", text(b"no SPSS at all" * 100), ("cannot be read as sav",)),
    Case("sav", "a Parquet file named .sav", lambda path: write_parquet(path, ROWS),
         ("it is a Parquet file. Name it .parquet",)),
    Case("dta", "extended missing values", dta(), changes={(2, "vraag_1"): ".a"},
         remark="as Stata writes them, kept apart from system-missing"),
    Case("dta", "label of another code at an extended missing value", dta(label="Weet ik niet"),
         ("column 'Vraag_1', code .a", "it has this label at code 98")),
    Case("dta", "cut off", dta(edit=lambda content: content[: len(content) // 2]),
         ("cannot be read as dta",)),
]  # fmt: skip


# --- Excel ----------------------------------------------------------------------------------

Edit = Callable[[Workbook, Any], object]


def xlsx(
    edit: Edit = lambda workbook, sheet: None,
    rows: list[list[Any]] | None = None,
    before: Edit = lambda workbook, sheet: None,
    top: int = 0,
    left: int = 0,
    parts: dict[str, Callable[[bytes], bytes]] | None = None,
) -> Build:
    """A workbook with the rows on sheet Data, edited by xlsxwriter or in its parts."""  # fmt: skip

    def build(path: Path) -> None:
        options = {"strings_to_urls": False, "strings_to_formulas": False}
        with Workbook(str(path), options | {"default_date_format": "yyyy-mm-dd hh:mm"}) as workbook:
            before(workbook, None)
            sheet = workbook.add_worksheet("Data")
            for number, row in enumerate(rows or [HEADER, *typed(ROWS)], top):
                sheet.write_row(number, left, row)
            edit(workbook, sheet)
        if parts:
            whole = path.with_suffix(".whole")
            path.rename(whole)
            with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
                for name in source.namelist():
                    target.writestr(name, parts.get(name, bytes)(source.read(name)))
            whole.unlink()

    return build


def typed_with(column: str, value: Any, row: int = 1) -> list[list[Any]]:
    rows = [HEADER, *typed(ROWS)]
    rows[row][HEADER.index(column)] = value
    return rows


def toelichting(workbook: Workbook, _: Any) -> None:
    notes = workbook.add_worksheet("Toelichting")
    notes.write_column(0, 0, ["Gesimuleerde gegevens", "Zie het blad Data"])


def copy_of_data(workbook: Workbook, _: Any, hidden: bool = False) -> None:
    sheet = workbook.add_worksheet("Oud")
    for number, row in enumerate([HEADER, *typed(ROWS)]):
        sheet.write_row(number, 0, row)
    if hidden:
        sheet.hide()


def wholly_hidden(workbook: bytes) -> bytes:
    return workbook.replace(b'<sheet name="Data"', b'<sheet name="Data" state="hidden"')


def zip_bomb(path: Path) -> None:
    write_xlsx(path, ROWS)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/image1.png", b"\0" * 5_000_000)


DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><workbook'
SHEET = "xl/worksheets/sheet1.xml"
QUESTIONS = ["Technisch", "", "Achtergrond", *[""] * 7, "Overig"]
XLSX_MOMENTS: Changes = {(1, "einde"): "2022-05-01 10:00:00", (2, "einde"): "2022-05-02 11:30:00"}
EXCEL_CASES = [
    Case("xlsx", "question texts above the header",
         xlsx(rows=[QUESTIONS, HEADER, *typed(ROWS)]), manifest="header_rows: 2"),
    Case("xlsx", "merged cells above the header", xlsx(
        lambda _, sheet: sheet.merge_range("A1:C1", "Achtergrond"),
        rows=[QUESTIONS, HEADER, *typed(ROWS)]), manifest="header_rows: 2"),
    Case("xlsx", "a sheet Toelichting before the data", xlsx(before=toelichting)),
    Case("xlsx", "an older copy of the data on a hidden sheet", xlsx(
        before=lambda workbook, sheet: copy_of_data(workbook, sheet, hidden=True),
        edit=lambda _, sheet: sheet.activate()), remark="hidden sheets are not looked at"),
    Case("xlsx", "data that begin at C5", xlsx(top=4, left=2)),
    Case("xlsx", "hidden column", xlsx(lambda _, sheet: sheet.set_column(1, 1, 8, None,
                                                                        {"hidden": True}))),
    Case("xlsx", "empty row in between, formatted rows below", xlsx(
        lambda workbook, sheet: [sheet.write_blank(row, 0, None, workbook.add_format({"bold": 1}))
                                 for row in range(5, 900)],
        rows=[HEADER, *typed(ROWS[:2]), [], *typed(ROWS[2:])])),
    Case("xlsx", "text in a column of numbers", xlsx(rows=typed_with("Cijfer", "n.v.t.", 3)),
         changes={(3, "cijfer"): "n.v.t."}),
    Case("xlsx", "label in place of a code", xlsx(rows=typed_with("Vraag 1", "Mee eens")),
         changes={(1, "vraag_1"): "Mee eens"},
         remark="kept; whether labels or codes belong says `answers_as`"),
    Case("xlsx", "formula with its value",
         xlsx(lambda _, sheet: sheet.write_formula("H2", "=3+4.5", None, 7.5)),
         remark="the stored value is read, nothing is run"),
    Case("xlsx", "text that looks like a formula",
         xlsx(rows=typed_with("Toelichting", "=HYPERLINK(1)")),
         changes={(1, "toelichting"): "=HYPERLINK(1)"}),
    Case("xlsx", "formula without a value",
         xlsx(lambda _, sheet: sheet.write_formula("H2", "=3+4.5", None, "@@"), parts={
             SHEET: lambda xml: xml.replace(b' t="str"><f>3+4.5</f><v>@@</v>', b"><f>3+4.5</f><v/>")
         }),
         ("cell H2 of sheet 'Data' holds a formula without a value", "save it")),
    Case("xlsx", "error cell", xlsx(lambda _, sheet: sheet.write_formula("H3", "=NA()", None,
                                                                        "#N/A")),
         ("cell H3 of sheet 'Data' holds an Excel error", "Replace it by its value")),
    Case("xlsx", "error cell in data that begin at C5", xlsx(
        lambda _, sheet: sheet.write_formula("J7", "=NA()", None, "#N/A"), top=4, left=2),
         ("cell J7 of sheet 'Data' holds an Excel error",)),
    Case("xlsx", "rows hidden by a filter",
         xlsx(lambda _, sheet: sheet.set_row(2, None, None, {"hidden": True})),
         ("row 3 of sheet 'Data' is hidden", "Take the filter off")),
    Case("xlsx", "merged cells in the data",
         xlsx(lambda _, sheet: sheet.merge_range("C2:C3", 1)),
         ("cells C2:C3 of sheet 'Data' are merged", "Unmerge them")),
    Case("xlsx", "two sheets with the columns of the group", xlsx(copy_of_data),
         ("sheets 'Data' and 'Oud' both have columns of this group", "under `sheet`")),
    Case("xlsx", "sheet that is not there", xlsx(),
         ("has no sheet 'data'; it has Data",), manifest="sheet: data"),
    Case("xlsx", "no visible sheet", xlsx(parts={"xl/workbook.xml": wholly_hidden}),
         ("has no visible sheet",)),
    Case("xlsx", "question texts above the header, not declared",
         xlsx(rows=[QUESTIONS, HEADER, *typed(ROWS)]),
         ("header row holds none of the columns", "header_rows")),
    Case("xlsx", "BRIN as a number", xlsx(rows=typed_with("BRIN", 200000)),
         ("'BRIN', data row 1: holds a number or a date", "Format the column as text")),
    Case("xlsx", "BRIN as a date", xlsx(rows=typed_with("BRIN", dt.datetime(2022, 1, 5))),
         ("'BRIN', data row 1: holds a number or a date",)),
    Case("xlsx", "password", text(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99),
         ("it has a password, or is in the format of Excel before 2007",)),
    Case("xlsx", "cut off", lambda path: (write_xlsx(path, ROWS),
                                          path.write_bytes(path.read_bytes()[:-400])),
         ("cannot be read as xlsx",)),
    Case("xlsx", "an archive without a workbook", lambda path: zipfile.ZipFile(path, "w").writestr(
        "word/document.xml", "<x/>"), ("cannot be read as xlsx",)),
    Case("xlsx", "archive that unpacks to far more", zip_bomb,
         ("unpacks to 5 megabytes, where 2 are allowed", "MONITOR_MAX_DELIVERY_MEGABYTES"),
         settings={"max_delivery_megabytes": 2}),
    Case("xlsx", "one cell in the last corner",
         xlsx(lambda _, sheet: sheet.write(1_048_575, 16_383, "x")),
         ("sheet 'Data': covers 17,179,869,184 cells", "empty the cells far from the data",
          "MONITOR_MAX_DELIVERY_CELLS")),
    Case("xlsx", "entities that grow without end",
         xlsx(parts={"xl/workbook.xml": lambda xml: xml.replace(b"<workbook", DOCTYPE, 1)}),
         ("xl/workbook.xml has a document type",)),
    Case("xls", "workbook of Excel before 2007", text(b"\xd0\xcf\x11\xe0" * 99),
         ("format '.xls' cannot be delivered", "save it as .xlsx")),
    Case("xlsm", "workbook with macros", lambda path: write_xlsx(path, ROWS),
         ("format '.xlsm' cannot be delivered", "without macros")),
]  # fmt: skip


# --- Parquet --------------------------------------------------------------------------------


def parquet(column: str = "", values: Any = None, edit: Callable[[bytes], bytes] = bytes) -> Build:
    def build(path: Path) -> None:
        table = parquet_table()
        if column:
            table = table.set_column(HEADER.index(column), column, values)
        pq.write_table(table, path, write_page_checksum=True)
        path.write_bytes(edit(path.read_bytes()))

    return build


def flip_a_byte(content: bytes) -> bytes:
    place = content.index(b"Meer tijd")
    return content[:place] + b"X" + content[place + 1 :]


def double_column(path: Path) -> None:
    table = parquet_table()
    pq.write_table(table.append_column("Sector", table["Sector"]), path)


PARQUET_CASES = [
    Case("parquet", "decimals, dictionaries, time zones", lambda path: pq.write_table(
        parquet_table()
        .set_column(7, "Cijfer", pa.array([Decimal("7.50"), Decimal("8.00"), None]))
        .set_column(4, "SWV", pa.array(["PO2702", "VO2801", "PO2702"]).dictionary_encode())
        .set_column(8, "Einde", pa.array([dt.datetime(2022, 5, 1, 8),
                                          dt.datetime(2022, 5, 2, 9, 30), None],
                                         pa.timestamp("us", "Europe/Amsterdam"))), path)),
    Case("parquet", "column without any value", parquet("Cijfer", pa.nulls(3)),
         changes={(1, "cijfer"): None, (2, "cijfer"): None}),
    Case("parquet", "not a number", parquet("Cijfer", pa.array([7.5, float("nan"), None])),
         changes={(2, "cijfer"): None}),
    Case("parquet", "list in a cell", parquet("Vraag 1", pa.array([[4, 5], [98], []])),
         ("column 'Vraag 1' is of type list", "Deliver one value a cell")),
    Case("parquet", "record in a cell", parquet("Vraag 1", pa.array([{"code": 4}] * 3)),
         ("column 'Vraag 1' is of type struct",)),
    Case("parquet", "bytes in a cell", parquet("Toelichting", pa.array([b"a", b"b", None])),
         ("column 'Toelichting' is of type binary",)),
    Case("parquet", "NUL in a text", parquet("SWV", pa.array(["PO2702", "VO\x002801", "PO2702"])),
         ("'SWV', data row 2: holds a NUL character",)),
    Case("parquet", "BRIN as a number", parquet("BRIN", pa.array([5, 16, 31])),
         ("'BRIN', data row 1: holds a number or a date",)),
    Case("parquet", "column twice", double_column, ("column 'Sector' occurs twice",)),
    Case("parquet", "cut off", parquet(edit=lambda content: content[:-9]),
         ("cannot be read as parquet",)),
    Case("parquet", "changed byte", parquet(edit=flip_a_byte), ("cannot be read as parquet",)),
    Case("parquet", "encrypted", parquet(edit=lambda content: b"PARE" + content[4:]),
         ("it is an encrypted Parquet file",)),
    Case("parquet", "more rows than allowed", parquet(),
         ("announces 3 rows, where 2 are allowed", "MONITOR_MAX_DELIVERY_ROWS"),
         settings={"max_delivery_rows": 2}),
    Case("parquet", "CSV named .parquet", text(CSV), ("cannot be read as parquet",)),
]  # fmt: skip


# --- files and names ------------------------------------------------------------------------


def link(path: Path) -> None:
    secret = path.parents[2] / "secret.csv"
    write_csv(secret, ROWS)
    path.symlink_to(secret)


def with_other_manifest(content: str) -> Build:
    def build(path: Path) -> None:
        path.write_text(content, encoding="utf-8")

    return build


MANIFEST = "delivery.yml"
FILE_CASES = [
    Case("csv", "delivered as a synonym of its group", text(CSV), file="Leraren.csv"),
    Case("csv", "name with a character of another width", text(CSV), file="ｌｅｒａａｒ.csv"),
    Case("name", "link out of the landing folder", link, ("is no ordinary file",),
         file="leraar.csv"),
    Case("name", "folder named as a file", lambda path: path.mkdir(), ("is no ordinary file",),
         file="leraar.csv"),
    Case("name", "pipe that never ends", os.mkfifo, ("is no ordinary file",),
         file="leraar.csv"),
    Case("name", "characters that turn the name round", text(CSV),
         (r"leraar\u202evsc.csv", "cannot be seen", "Rename the file"),
         file="leraar\u202evsc.csv"),
    Case("name", "name that is no text", text(CSV), (r"leraar\udcff.csv", "cannot be seen"),
         file="leraar\udcff.csv"),
    Case("name", "letters that look alike", text(CSV), ("unknown respondent group",),
         file="lеraar.csv"),  # a Cyrillic e
    Case("name", "workbook that is open in Excel", text(b"lock"), ("Close the workbook",),
         file="~$leraar.xlsx"),
    Case("name", "archive", text(b"PK\x03\x04"), ("format '.zip' cannot be delivered",
                                                   "unpack it"), file="leraar.zip"),
    Case("name", "file that is still being copied", text(CSV), ("wait until it has been copied",),
         file="leraar.csv.filepart"),
    Case("name", "script", text("rm -rf /"), ("format '.sh' cannot be delivered",),
         file="leraar.sh"),
    *(
        Case("yml", fault, with_other_manifest(content), words, file=MANIFEST)
        for fault, content, words in [
            ("file outside the folder", "files: {leraar: {file: ../../secret.csv}}",
             ("files.leraar.file", "plain name")),
            ("absolute file", "files: {leraar: {file: /etc/passwd}}", ("plain name",)),
            ("device of Windows", "files: {leraar: {file: NUL.csv}}", ("device in Windows",)),
            ("stream of Windows", "files: {leraar: {file: 'a.csv:b'}}", ("plain name",)),
            ("NUL in a file name", 'files: {leraar: {file: "a\\0.csv"}}', ("cannot be seen",)),
            ("aliases that grow without end", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
             ("aliases", "can grow without end")),
            ("object of Python", "!!python/object/apply:os.system [ls]", ("no valid YAML",)),
            ("unknown option", "files: {leraar: {separator: ';'}}", ("files.leraar.separator",)),
        ]
    ),
]  # fmt: skip

CASES = [*CSV_CASES, *SPSS_CASES, *EXCEL_CASES, *PARQUET_CASES, *FILE_CASES]


def expected_rows(case: Case) -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]] = [
        {
            name: value or None
            for name, value in zip(VARIABLES, row, strict=True)
            if name not in ("respondentnr", "e_mail", "notitie")
        }
        for row in ROWS
    ]
    moments = XLSX_MOMENTS if case.kind == "xlsx" else {}
    for (row, variable), value in (moments | case.changes).items():
        rows[row - 1][variable] = value
    return rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.fault}")
def test_hostile_delivery(tmp_path: Path, case: Case) -> None:
    desk = Desk(tmp_path)
    desk.settings = desk.settings.model_copy(update=case.settings)
    before = desk.others()
    desk.manifest(case.manifest)
    case.build(desk.wave / case.name)
    (outcome,) = desk.land()

    assert desk.others() == before
    ((registered_id, status, reason),) = desk.registered()
    assert (registered_id, status) == (outcome.delivery_id, outcome.status)
    assert not list(desk.settings.archive.rglob("*.part"))
    if not case.words:
        assert (outcome.status, outcome.row_count, outcome.reason) == ("landed", 3, "")
        assert desk.rows(outcome) == expected_rows(case)
        return
    assert outcome.status == "refused"
    assert desk.left_behind(outcome) == []
    assert reason == outcome.reason
    assert reason.startswith(f"{WAVE}/") and ": " in reason and reason.endswith(".")
    assert not [words for words in case.words if words not in reason], reason
    assert not [value for value in IDENTIFYING if re.search(rf"\b{value}\b", reason)], reason


def table() -> str:
    lines = ["| format | what is the matter | outcome |", "|---|---|---|"]
    for case in CASES:
        cells = (case.kind, case.fault, case.outcome)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


@contextmanager
def _around(content: str) -> Iterator[tuple[str, str, str]]:
    before, _, rest = content.partition(MARKS[0])
    found, _, after = rest.partition(MARKS[1])
    yield before, found.strip(), after


def test_the_documentation_lists_the_same_deliveries() -> None:
    with _around(DOCS.read_text(encoding="utf-8")) as (before, found, after):
        if os.environ.get("MONITOR_WRITE_DELIVERIES"):
            content = f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{after}"
            DOCS.write_text(content, encoding="utf-8")
        else:
            assert found == table(), (
                "run this test with MONITOR_WRITE_DELIVERIES=1 and look at the difference"
            )


def test_there_are_enough_of_them() -> None:
    assert len({(case.kind, case.fault) for case in CASES}) == len(CASES) >= 60


def test_a_file_that_changes_while_it_is_read_does_not_land(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lib.landing import register

    desk = Desk(tmp_path)
    path = desk.wave / "leraar.csv"
    write_csv(path, ROWS[:1])
    real = register.read

    def read_while_copying(*arguments: Any) -> Any:
        delivered = real(*arguments)
        path.write_text(csv_text(), encoding="utf-8")  # the rest arrives
        return delivered

    with monkeypatch.context() as patch:
        patch.setattr(register, "read", read_while_copying)
        (outcome,) = desk.land()
    assert outcome.status == "refused" and "changed while it was read" in outcome.reason
    assert desk.left_behind(outcome) == []
    (outcome,) = desk.land()
    assert (outcome.status, outcome.row_count) == ("landed", 3)


def test_the_writers_of_these_tests_write_the_same_rows(tmp_path: Path) -> None:
    for suffix, write in (("sav", write_sav), ("parquet", write_parquet), ("csv", write_csv)):
        desk = Desk(tmp_path / suffix)
        write(desk.wave / f"leraar.{suffix}", ROWS)
        (outcome,) = desk.land()
        assert desk.rows(outcome) == expected_rows(Case(suffix, "", write_csv_nothing)), suffix


def write_csv_nothing(path: Path) -> None:
    """A case that builds nothing; only its expected rows are asked for."""
