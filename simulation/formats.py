"""File formats of deliveries: each wave came in another one, as with a real agency.

A writer gets the folder, the group and a `Table`, writes one file and returns what `delivery.yml`
says about reading it. The same table gives the same bytes.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulation.questionnaires import Array, Question, Wave

Entry = dict[str, Any]
Writer = Callable[[Path, str, "Table"], Entry]

SECTIONS = {
    "item": "Vragenlijst",
    "breakdown": "Achtergrond",
    "open_text": "Afsluiting",
    "weight": "Weging",
}
OTHER_SECTION = "Technische gegevens"


@dataclass(frozen=True)
class Table:
    """Columns as delivered: numbers (NaN blank), datetimes (NaT blank) or text (None blank)."""

    wave: Wave
    columns: list[tuple[Question, Array]]

    @property
    def headers(self) -> list[str]:
        """Column headers in file order."""
        return [question.column_name for question, _ in self.columns]

    @property
    def texts(self) -> list[str]:
        """Question texts, or the section of the questionnaire for what is no question."""
        return [
            question.wording or SECTIONS.get(question.role, OTHER_SECTION)
            for question, _ in self.columns
        ]


def _cells(values: Array) -> list[Any]:
    """Python values with None for a blank."""
    if values.dtype.kind == "f":
        return [None if math.isnan(value) else value for value in values.tolist()]
    return list(values.tolist())


def write_csv(
    folder: Path,
    group: str,
    table: Table,
    *,
    encoding: str,
    delimiter: str,
    decimal: str,
    datetime_format: str,
    newline: str,
) -> Entry:
    """Text, fully formatted; only values that need it are quoted."""

    def cell(value: Any) -> str:
        match value:
            case None:
                return ""
            case float() if value.is_integer():
                return str(int(value))
            case float():
                return str(value).replace(".", decimal)
            case dt.datetime():
                return value.strftime(datetime_format)
        return str(value)

    cells = [[cell(value) for value in _cells(values)] for _, values in table.columns]
    path = folder / f"{group}.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=newline)
        writer.writerow(table.headers)
        writer.writerows(zip(*cells, strict=True))
    return {"file": path.name, "encoding": encoding, "delimiter": delimiter}


def write_sav(folder: Path, group: str, table: Table) -> Entry:
    """SPSS, with question texts, value labels and user-missing codes."""
    import pandas as pd
    import pyreadstat

    formats: dict[str, str] = {}
    labels: dict[str, dict[float, str]] = {}
    missing: dict[str, list[Any]] = {}
    for question, values in table.columns:
        name = question.column_name
        if values.dtype.kind in "if":
            formats[name] = "F8.4" if question.is_decimal else "F8.0"
        if question.scale is not None and not question.is_label:
            labels[name] = {
                float(delivered): question.scale.labels[code]
                for code, delivered in question.delivered_codes.items()
            }
        if question.missing_codes:
            # SPSS takes three codes, or one code and a range
            first, *others = sorted(question.missing_codes)
            ranged = [{"lo": others[0], "hi": others[-1]}] if len(others) > 2 else others
            missing[name] = [first, *ranged]
    path = folder / f"{group}.sav"
    pyreadstat.write_sav(
        pd.DataFrame(
            dict(zip(table.headers, (values for _, values in table.columns), strict=True))
        ),
        path,
        file_label="Gesimuleerde gegevens",
        column_labels=dict(zip(table.headers, table.texts, strict=True)),
        variable_value_labels=labels,
        missing_ranges=missing,
        variable_format=formats,
    )
    # the header holds the clock: nine characters of date and eight of time from byte 92
    with path.open("r+b") as file:
        file.seek(92)
        file.write(f"{table.wave.end:%d %b %y}12:00:00".encode("ascii"))
    return {"file": path.name}


def write_xlsx(folder: Path, group: str, table: Table) -> Entry:
    """Excel: question texts above the headers, and a sheet that explains the file."""
    from xlsxwriter import Workbook

    path = folder / f"{group}.xlsx"
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(str(path), options) as workbook:
        end = dt.datetime.combine(table.wave.end, dt.time(12))
        workbook.set_properties({"title": "Gesimuleerde gegevens", "created": end})
        bold = workbook.add_format({"bold": True})
        datetime_format = workbook.add_format({"num_format": "dd-mm-yyyy hh:mm:ss"})
        sheet = workbook.add_worksheet("Data")
        sheet.write_row(0, 0, table.texts)
        sheet.write_row(1, 0, table.headers, bold)
        for place, (_, values) in enumerate(table.columns):
            style = datetime_format if values.dtype.kind == "M" else None
            sheet.write_column(2, place, _cells(values), style)
        notes = [
            "Gesimuleerde gegevens: geen van deze respondenten bestaat.",
            f"{table.wave.label}, groep {group}, veldwerk {table.wave.start} t/m {table.wave.end}",
            "Blad Data: rij 1 bevat de vraagtekst of het onderdeel, rij 2 de kolomnaam.",
        ]
        workbook.add_worksheet("Toelichting").write_column(0, 0, notes)
    return {"file": path.name, "sheet": "Data", "header_rows": 2}


def write_parquet(folder: Path, group: str, table: Table) -> Entry:
    """Parquet with integers, decimals, timestamps and text."""

    arrays = []
    for question, values in table.columns:
        is_integer = values.dtype.kind in "if" and not question.is_decimal
        exact = pa.array(values, from_pandas=True)  # NaN and NaT become null
        arrays.append(exact.cast(pa.int64()) if is_integer else exact)
    path = folder / f"{group}.parquet"
    pq.write_table(pa.Table.from_arrays(arrays, names=table.headers), path)
    return {"file": path.name}


SEMICOLON_CSV: Writer = partial(
    write_csv,
    encoding="cp1252",
    delimiter=";",
    decimal=",",
    datetime_format="%d-%m-%Y %H:%M",
    newline="\r\n",
)
COMMA_CSV: Writer = partial(
    write_csv,
    encoding="utf-8-sig",  # with a byte order mark
    delimiter=",",
    decimal=".",
    datetime_format="%Y-%m-%dT%H:%M:%S",
    newline="\n",
)
# by measurement number; any other wave comes as COMMA_CSV
FORMATS: dict[int, Writer] = {
    1: SEMICOLON_CSV,
    2: write_sav,
    3: write_xlsx,
    4: write_parquet,
    5: COMMA_CSV,
}
