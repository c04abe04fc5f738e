"""Suites, as built from the codebook, and Great Expectations as they need it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import duckdb
import great_expectations.execution_engine.sqlalchemy_execution_engine as sql_engine
import numpy as np
import pytest
from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
from great_expectations.expectations.core.expect_column_max_to_be_between import (
    ExpectColumnMaxToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
    ExpectColumnValuesToBeInSet,
)
from great_expectations.expectations.core.expect_table_row_count_to_equal import (
    ExpectTableRowCountToEqual,
)

from expectations import warehouse
from expectations.codebook import Codebook
from expectations.drift import noise, stability_index
from expectations.measure import (
    Measure,
    expectations,
    identifier,
    judged,
    literal,
    measure_all,
    write_measures,
)
from expectations.registry import CHECKS
from expectations.suites import publication, raw
from orchestration.lib.warehouse import DELIVERIES, OPEN_TEXT, OPEN_TEXT_FINDINGS

CODEBOOK = Codebook()
RAW = [check.name for check in CHECKS.values() if check.gate == "raw"]
PUBLICATION = [check.name for check in CHECKS.values() if check.gate == "publication"]
QUESTIONNAIRES = sorted(
    {(row["wave_id"], row["respondent_group"]) for row in CODEBOOK.seed("variables")}
)


ALWAYS = {"has_rows", "login_is_present", "answers_are_in_codebook", "answers_agree_in_direction"}


def delivery(wave_id: str, group: str, rows: str = "") -> raw.Delivery:
    """A delivery of 40 rows, of which every column is empty but those that `rows` gives."""
    connection = duckdb.connect()
    connection.execute("create schema raw; create schema open_text")
    for table in (DELIVERIES, OPEN_TEXT, OPEN_TEXT_FINDINGS):
        connection.execute(table)
    columns = ", ".join(
        f"cast(null as varchar) as {identifier(row['variable'])}"
        for row in CODEBOOK.variables(wave_id, group)
    )
    connection.execute(
        f"create table raw.{group} as select 'x' as delivery_id, 1 + i as row_number, "
        f"{columns} from range(40) as t(i)"
    )
    if rows:
        connection.execute(f"update raw.{group} set {rows}")
    return raw.Delivery(connection, CODEBOOK, "x", wave_id, group)


def cell(value: str, number: float | None = None) -> raw.Cell:
    return raw.Cell(value, number, 1, [1])


@pytest.mark.parametrize(("wave_id", "group"), QUESTIONNAIRES)
def test_every_questionnaire_can_be_measured(wave_id: str, group: str) -> None:
    measures = raw.measure(delivery(wave_id, group))
    assert [one.error for one in measures if one.error] == []
    found = {one.check for one in measures}
    assert ALWAYS - {"answers_agree_in_direction"} <= found <= set(RAW)


def test_every_check_of_the_registry_is_measured_somewhere() -> None:
    assert list(publication.CHECKS_OF) == PUBLICATION


def test_severity_and_rule_come_from_the_registry() -> None:
    measures = raw.measure(delivery("2022-voorjaar", "swv"))
    figures = {check: {"population": 151, "tolerance": 1, "inverse": 1} for check in CHECKS}
    told = {
        one.meta["check"]: (one.severity.value, one.description)
        for one in expectations(0, measures, figures)
        if one.meta
    }
    assert told["login_is_present"][0] == "critical"
    assert told["rows_within_population"] == (
        "warning",
        "There are no more rows than the 151 people in the population.",
    )


def test_codes_and_labels_follow_the_column() -> None:
    columns = {one.name: one for one in delivery("2022-voorjaar", "leraar").columns}
    assert set(columns["vraag_1"].options) == {"1", "2", "3", "4", "5", "98", "99"}
    columns = {one.name: one for one in delivery("2024-najaar", "ouder").columns}
    assert columns["v1"].answer(cell("MEE EENS")) == columns["v1"].answer(cell("mee eens")) == "4"
    assert columns["v13"].answer(cell("7,5", 7.5)) == "8"
    assert columns["v13"].meaning("11", 11) is None
    assert columns["v13"].meaning("goed", None) is None


def test_a_scale_turned_round_is_turned_back() -> None:
    columns = {one.name: one for one in delivery("2023-najaar", "leraar").columns}
    assert columns["v06"].answer(cell("5")) == "1"
    assert columns["v06"].labels("5")[0] == "Helemaal mee oneens"
    assert columns["v01"].labels("5")[0] == "Helemaal mee eens"
    assert columns["v06"].answer(cell("98")) == "98"


def test_questions_that_were_not_put_say_nothing() -> None:
    columns = {one.name: one for one in delivery("2024-najaar", "leraar").columns}
    assert columns["v15"].answer(cell("Niet voorgelegd")) is None
    assert columns["v15"].answer(cell("Weet ik niet")) == "98"


@pytest.mark.parametrize(
    ("now", "before", "index"),
    [
        ({"a": 50, "b": 50}, {"a": 500, "b": 500}, 0),
        # with half a count in each cell: (80.5 - 50.5) / 101 * ln(80.5 * 50.5 / 20.5 / 50.5) twice
        ({"a": 80, "b": 20}, {"a": 50, "b": 50}, 30 / 101 * math.log(80.5 / 20.5)),
        ({"a": 10}, {"b": 10}, 2 * 10 / 11 * math.log(21)),
    ],
)
def test_the_stability_index(now: dict[str, int], before: dict[str, int], index: float) -> None:
    assert stability_index(now, before) == pytest.approx(index)
    assert stability_index(before, now) == pytest.approx(index)


def test_equal_populations_seldom_exceed_the_noise() -> None:
    """Four deviations: of a chi-square with four degrees of freedom 0.4 % lies beyond."""
    rng = np.random.default_rng(1)
    shares = [0.1, 0.15, 0.2, 0.35, 0.2]
    for count in (50, 200, 2000):
        exceeded = 0
        for _ in range(1000):
            first, second = (
                {str(value): int(n) for value, n in enumerate(rng.multinomial(count, shares))}
                for _ in range(2)
            )
            exceeded += stability_index(first, second) > noise(first, second)
        assert exceeded <= 10, count


def test_the_most_specific_tolerance_counts() -> None:
    check = "answers_are_distributed_as_before"
    assert CODEBOOK.tolerance(check, "ouder", "MARK10") > CODEBOOK.tolerance(check, "ouder")
    with pytest.raises(LookupError, match="no row for no_such_check"):
        CODEBOOK.tolerance("no_such_check")


def test_every_tolerance_is_of_a_check_and_every_rule_finds_its_own() -> None:
    rows = CODEBOOK.seed("quality_tolerances")
    assert {row["check_name"] for row in rows} <= set(CHECKS)
    assert {row["scale"] for row in rows} <= {
        "",
        *(row["scale"] for row in CODEBOOK.seed("scales")),
    }
    for check in CHECKS.values():
        if "{tolerance" in check.rule:
            CODEBOOK.tolerance(check.name)


def test_an_unknown_questionnaire_is_named() -> None:
    with pytest.raises(LookupError, match="no columns for leraar in 1999-voorjaar"):
        raw.Delivery(duckdb.connect(), CODEBOOK, "x", "1999-voorjaar", "leraar")


def test_a_question_is_expected_only_while_it_was_asked() -> None:
    asked = {
        wave for wave, code, group, _ in CODEBOOK.questions() if (code, group) == ("D4.6", "ouder")
    }
    assert asked == {"2022-voorjaar", "2023-najaar", "2024-najaar"}


def test_a_rule_needs_its_figures() -> None:
    with pytest.raises(KeyError, match="population"):
        CHECKS["rows_within_population"].expects({})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table numbers as select * from range(3) as numbers(number)")
    return path


def validate(path: Path, suite: ExpectationSuite) -> ExpectationSuiteValidationResult:
    with warehouse.open_warehouse(path) as source:
        return source.validate(suite, "select * from numbers")


BUILT_IN = (
    ExpectTableRowCountToEqual(value=3),
    ExpectColumnMaxToBeBetween(column="number", max_value=2),
    ExpectColumnValuesToBeInSet(column="number", value_set=[0, 1, 2]),
)


def test_expectations_run_on_duckdb(file: Path) -> None:
    validation = validate(file, ExpectationSuite(name="built in", expectations=list(BUILT_IN)))
    assert validation.success, validation


def test_great_expectations_still_needs_our_fix(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails, GX reads from DuckDB by itself: delete `keep_connections_open`."""
    without = [one for one in sql_engine._PERSISTED_CONNECTION_DIALECTS if one.value != "duckdb"]
    monkeypatch.setattr(sql_engine, "_PERSISTED_CONNECTION_DIALECTS", tuple(without))
    monkeypatch.setattr(warehouse, "keep_connections_open", lambda: None)
    validation = validate(file, ExpectationSuite(name="built in", expectations=list(BUILT_IN)))
    assert not validation.success
    assert "list index out of range" in str(validation.results)


def judge(folder: Path, measures: list[Measure]) -> ExpectationSuiteValidationResult:
    path = folder / "measured.duckdb"
    write_measures(path, [[], measures])
    figures = {name: {"tolerance": 1.0} for name in CHECKS}
    suite = ExpectationSuite(name="x", expectations=expectations(1, measures, figures))
    with warehouse.open_warehouse(path) as source:
        return source.validate(suite, "select * from measured")


@pytest.mark.parametrize(
    "text", ["it's", "{batch} {x} {}", ":bind a::b \\ %s 50%", '"quoted"', "é"]
)
def test_any_text_survives_the_way_to_the_database(tmp_path: Path, text: str) -> None:
    query = f"select {literal(text)}, 0, {literal(text)}, true"
    measures = list(judged(duckdb.connect(), "login_is_present", query))
    (result,) = judge(tmp_path, measures).results
    told = f"{text}: 1 of 1, for example 0: '{text}'"
    assert result.result["details"]["failed"] == [told]


@pytest.mark.parametrize(("unexpected", "total", "passes"), [(3, 30, True), (4, 30, False)])
def test_the_limit_itself_passes(tmp_path: Path, unexpected: int, total: int, passes: bool) -> None:
    query = f"select 'subject', i, i, i < {unexpected} from range({total}) as t(i)"
    measures = list(judged(duckdb.connect(), "login_is_unique", query))
    (result,) = judge(tmp_path, measures).results
    assert result.success is passes


def test_the_worst_subjects_come_first_and_five_are_told(tmp_path: Path) -> None:
    query = """select 'column ' || j, i, null, i < j
        from range(10) as rows(i), range(1, 10) as columns(j)"""
    measures = list(judged(duckdb.connect(), "login_is_present", query))
    (result,) = judge(tmp_path, measures).results
    assert result.result["observed_value"] == "90.0% in column 9"
    failed = result.result["details"]["failed"]
    assert re.findall(r"column (\d)", " ".join(failed)) == ["9", "8", "7", "6", "5"]
    assert failed[5:] == ["And 4 more"]
    assert failed[0].count("empty") == 5


def test_what_cannot_be_measured_is_an_error_of_its_checks(tmp_path: Path) -> None:
    connection = duckdb.connect()
    query = "select * from no_such_table"
    parts = [(("has_rows",), lambda: judged(connection, "has_rows", query))]
    measures = measure_all(parts)
    (result,) = judge(tmp_path, measures).results
    assert not result.success
    assert "no_such_table" in str(result.exception_info)
