"""Suites, as built from the codebook, and Great Expectations as they need it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import great_expectations.execution_engine.sqlalchemy_execution_engine as sql_engine
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
from great_expectations.expectations.expectation import Expectation

from expectations import warehouse
from expectations.codebook import Codebook
from expectations.measure import ExpectFewUnexpectedValues, few_unexpected, literal
from expectations.registry import CHECKS
from expectations.suites import publication, raw

CODEBOOK = Codebook()
RAW = [check.name for check in CHECKS.values() if check.gate == "raw"]
PUBLICATION = [check.name for check in CHECKS.values() if check.gate == "publication"]
QUESTIONNAIRES = sorted(
    {(row["wave_id"], row["respondent_group"]) for row in CODEBOOK.seed("variables")}
)


def checks(suite: ExpectationSuite) -> list[str]:
    return [check(expectation) for expectation in suite.expectations]


def check(expectation: Expectation) -> str:
    assert expectation.meta
    return str(expectation.meta["check"])


def query(suite: ExpectationSuite, name: str) -> str:
    (found,) = (one for one in suite.expectations if check(one) == name)
    assert isinstance(found, ExpectFewUnexpectedValues)
    return found.unexpected_rows_query


@pytest.mark.parametrize(("wave_id", "group"), QUESTIONNAIRES)
def test_every_questionnaire_gets_every_raw_check(wave_id: str, group: str) -> None:
    assert checks(raw.suite(CODEBOOK, wave_id, group)) == RAW


def test_the_publication_suite_is_its_part_of_the_registry() -> None:
    assert checks(publication.suite(CODEBOOK)) == PUBLICATION


def test_severity_and_rule_come_from_the_registry() -> None:
    suite = raw.suite(CODEBOOK, "2022-voorjaar", "swv")
    told = {check(one): (one.severity.value, one.description) for one in suite.expectations}
    assert told["login_is_present"][0] == "critical"
    assert told["rows_within_population"] == (
        "warning",
        "There are no more rows than the 151 people in the population.",
    )


def test_codes_and_labels_follow_the_column() -> None:
    by_code = query(raw.suite(CODEBOOK, "2022-voorjaar", "leraar"), "answers_are_in_codebook")
    assert "not in ('1', '2', '3', '4', '5', '98', '99')" in by_code
    by_label = query(raw.suite(CODEBOOK, "2024-najaar", "ouder"), "answers_are_in_codebook")
    assert "'mee eens'" in by_label
    assert "between 1 and 10" in by_label


def test_an_unknown_questionnaire_is_named() -> None:
    with pytest.raises(LookupError, match="no columns for leraar in 1999-voorjaar"):
        raw.suite(CODEBOOK, "1999-voorjaar", "leraar")


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


@pytest.mark.parametrize(
    "text", ["it's", "{batch} {x} {}", ":bind a::b \\ %s 50%", '"quoted"', "é"]
)
def test_any_text_survives_the_way_to_the_database(file: Path, text: str) -> None:
    judged = f"""select 'subject' as subject, 0 as place, {literal(text)} as value,
        true as is_unexpected from {{batch}} limit 1"""
    suite = ExpectationSuite(name="text", expectations=[few_unexpected(CHECKS["has_rows"], judged)])
    (result,) = validate(file, suite).results
    assert result.result["details"]["failed"] == [f"subject: 1 of 1, for example 0: '{text}'"]


@pytest.mark.parametrize(("unexpected", "total", "passes"), [(3, 30, True), (4, 30, False)])
def test_the_limit_itself_passes(file: Path, unexpected: int, total: int, passes: bool) -> None:
    judged = f"""select 'subject' as subject, i as place, i as value, i < {unexpected}
        as is_unexpected from range({total}) as t(i)"""
    suite = ExpectationSuite(
        name="x", expectations=[few_unexpected(CHECKS["login_is_unique"], judged)]
    )
    (result,) = validate(file, suite).results
    assert result.success is passes


def test_the_worst_subjects_come_first_and_five_are_told(file: Path) -> None:
    judged = """select 'column ' || j as subject, i as place, null as value, i < j as is_unexpected
        from range(10) as rows(i), range(1, 10) as columns(j)"""
    suite = ExpectationSuite(
        name="x", expectations=[few_unexpected(CHECKS["login_is_present"], judged)]
    )
    (result,) = validate(file, suite).results
    assert result.result["observed_value"] == "90.0% in column 9"
    failed = result.result["details"]["failed"]
    assert re.findall(r"column (\d)", " ".join(failed)) == ["9", "8", "7", "6", "5"]
    assert failed[5:] == ["And 4 more"]
    assert failed[0].count("empty") == 5
