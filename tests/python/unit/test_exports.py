"""Workbook, data package and dictionary: safe, described, and the same every time."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from orchestration.lib.settings import ROOT
from publishing import UnsafeTextError, add_exports, documents, workbook
from publishing.dictionary import Column, Table, read_release, read_yaml
from publishing.safety import refuse_formulas

FACTS: dict[str, Any] = {"release_id": "abc", "is_synthetic": True}
# every type, and texts that break XML, spreadsheets or the eye
ROWS: list[tuple[Any, ...]] = [
    (1, "plain", 0.1, True, dt.date(2024, 2, 29), 2**53),
    (2, "<a href='x'>&amp;\"</a>", 2 / 3, False, dt.date(1999, 12, 31), 0),
    (3, " spaces \n and lines ", -1e-300, None, None, -1),
    (4, "https://example.org/", 0.30000000000000004, True, dt.date(2100, 1, 1), None),
    (5, "één ✓ 𝄞", None, None, None, None),
    (6, "-0.5", 1.7976931348623157e308, None, None, 7),
]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create table odd (i integer, text varchar, number double, yes boolean, day date, "
        "large bigint)"
    )
    connection.executemany("insert into odd values (?, ?, ?, ?, ?, ?)", ROWS)
    return connection


def sheet(path: Path, name: str) -> list[tuple[Any, ...]]:
    rows = openpyxl.load_workbook(path)[name].iter_rows(values_only=True)
    return [
        tuple(value.date() if isinstance(value, dt.datetime) else value for value in row)
        for row in rows
    ]


def test_a_workbook_holds_every_value_to_the_last_digit(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = read_release(connection, {})
    refuse_formulas(connection, tables)
    workbook.write(connection, tables, FACTS, tmp_path / "a.xlsx")
    header, *rows = sheet(tmp_path / "a.xlsx", "odd")
    assert header == ("i", "text", "number", "yes", "day", "large")
    assert rows == ROWS
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["readme", "columns", "odd"]
    assert book["odd"].tables["t_odd"].ref == "A1:F7"
    assert book["odd"]["E2"].number_format == "yyyy-mm-dd"
    assert book["odd"]["C2"].number_format == "0.0##"
    texts = [str(cell) for row in sheet(tmp_path / "a.xlsx", "readme") for cell in row if cell]
    assert any("Simulated" in text for text in texts) and any("abc" in text for text in texts)


def test_a_workbook_has_neither_clock_nor_formula_nor_link(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        workbook.write(connection, read_release(connection, {}), FACTS, tmp_path / name)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        content = b"".join(archive.read(name) for name in archive.namelist())
    for forbidden in (b"<f>", b"<hyperlink", b"externalLink"):
        assert forbidden not in content


def test_a_table_of_more_rows_than_a_sheet_goes_over_several(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    workbook.write(connection, read_release(connection, {}), FACTS, path, max_rows=4)
    assert sheet(path, "odd")[1:] + sheet(path, "odd_2")[1:] == ROWS


def test_an_empty_table_is_a_sheet_of_headers(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("create table nothing (a integer, b varchar)")
    workbook.write(connection, read_release(connection, {}), FACTS, tmp_path / "a.xlsx")
    assert sheet(tmp_path / "a.xlsx", "nothing")[0] == ("a", "b")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "a\x01b",
     "a\rb", "_x0041_", "x" * 32_768],
)  # fmt: skip
def test_texts_that_a_spreadsheet_would_run_or_cannot_hold_are_refused(text: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table t (fine varchar, label varchar)")
    connection.execute("insert into t values ('ok', 'ok'), ('ok', ?), ('ok', null)", [text])
    with pytest.raises(UnsafeTextError, match="t, column label: a spreadsheet"):
        refuse_formulas(connection, read_release(connection, {}))


@pytest.mark.parametrize("text", ["-0.5", "+3", "-1e-5", "a=b", "1-2", "", " = ", "'=1"])
def test_numbers_and_other_texts_are_not_refused(text: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table t as select ? as label", [text])
    refuse_formulas(connection, read_release(connection, {}))


def test_a_release_is_described_without_a_clock(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    with duckdb.connect(str(tmp_path / "monitor.duckdb")) as connection:
        connection.execute("create table dim_goals (goal_id integer, label_nl varchar)")
        connection.execute("create table fct_goal_scores (goal_id integer, estimate double)")
    for name in ("dim_goals", "fct_goal_scores"):
        (tmp_path / "csv" / f"{name}.csv").write_text("goal_id\n", encoding="utf-8")
    add_exports(tmp_path, {**FACTS, "published_at": "2026-11-24T12:00"}, ROOT)
    text = (tmp_path / "datapackage.json").read_text(encoding="utf-8")
    assert "2026" not in text
    goals, scores = json.loads(text)["resources"]
    assert goals["bytes"] == 8 and goals["schema"]["primaryKey"] == ["goal_id"]
    assert goals["schema"]["fields"][0]["constraints"] == {"required": True}
    assert scores["schema"]["foreignKeys"] == [
        {"fields": ["goal_id"], "reference": {"resource": "dim_goals", "fields": ["goal_id"]}}
    ]
    assert "primaryKey" not in scores["schema"]  # it lacks columns of its key
    assert "not summed" in scores["schema"]["fields"][1]["description"]


def test_every_published_column_is_described_and_keyed() -> None:
    tables = read_yaml()
    assert "suppressions" not in tables and len(tables) >= 17
    for table in tables.values():
        assert table.description and table.key
        assert {column.name for column in table.columns} >= set(table.key)
        assert all(column.description for column in table.columns)
        for reference in table.references:
            assert tables[reference.table].key == (reference.target,)
    facts = tables["fct_indicator_changes"]
    assert {reference.column for reference in facts.references} == {
        "wave_id", "indicator_code", "respondent_group", "baseline_wave_id",
    }  # fmt: skip


def test_no_number_of_a_table_of_facts_lacks_a_word_on_aggregation() -> None:
    columns = {
        (table.name, column.name): column
        for table in read_yaml().values()
        for column in table.columns
    }
    assert columns["fct_indicator_estimates", "estimate"].aggregation == (
        "never: not summed, not averaged"
    )
    assert columns["fct_indicator_estimates", "n_respondents"].aggregation == (
        "never: not summed, not averaged"
    )
    assert (columns["fct_response_rates", "responded"].aggregation or "").startswith("sum over")
    assert columns["fct_goal_scores", "goal_id"].aggregation is None
    for (table, name), column in columns.items():
        if table.startswith("fct_") and column.type == "double":
            assert column.aggregation, (table, name)


def test_the_data_dictionary_is_up_to_date() -> None:
    written = (ROOT / documents.DICTIONARY).read_text(encoding="utf-8")
    assert written == documents.dictionary(read_yaml()), "run `make dictionary`"


def test_the_diagram_shows_keys_and_references() -> None:
    goals = Table("goals", (Column("id", "int", is_required=True),), key=("id",))
    assert documents.diagram({"goals": goals}).splitlines() == [
        "erDiagram",
        "    goals {",
        "        int id PK",
        "    }",
    ]
    lines = documents.diagram(read_yaml()).splitlines()
    assert "    dim_goals ||--o{ dim_indicators : goal_id" in lines
    assert "    dim_waves |o--o{ quality_results : wave_id" in lines
