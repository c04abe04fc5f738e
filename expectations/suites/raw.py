"""The raw gate: is a delivery shaped, coded and filled as the codebook says?"""

from __future__ import annotations

from collections import defaultdict

from great_expectations.core import ExpectationSuite
from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
    ExpectTableRowCountToBeBetween,
)
from great_expectations.expectations.expectation import Expectation

from expectations.codebook import Codebook, Row
from expectations.measure import describe, few_unexpected, identifier, in_list, literal
from expectations.registry import CHECKS

IS_MISSING = "value is null"
IS_REPEATED = "row_number() over (partition by subject, value order by place) > 1"
IS_NO_NUMBER = "try_cast(value as double) is null"


def query(delivery_id: str, respondent_group: str) -> str:
    """The rows of one delivery."""
    table = f"raw.{identifier(respondent_group)}"
    return f"select * from {table} where delivery_id = {literal(delivery_id)}"


def suite(codebook: Codebook, wave_id: str, respondent_group: str) -> ExpectationSuite:
    """What a delivery of this wave and group must be like.

    Raises:
        LookupError: the codebook has no such questionnaire.
    """
    variables = codebook.variables(wave_id, respondent_group)
    items = [row for row in variables if row["role"] == "item"]
    core = [row for row in items if row["is_core"] == "true"]
    background = [row for row in variables if row["role"] != "item" and row["scale"]]
    by_attribute: dict[str, list[Row]] = defaultdict(list)
    for row in variables:
        by_attribute[row["attribute"]].append(row)
    login, test = by_attribute["login"], by_attribute["is_test"]

    # check, columns, when a value is unexpected, whether an empty cell is a value too
    measures = (
        ("login_is_present", login, IS_MISSING, True),
        ("login_is_unique", login, IS_REPEATED, False),
        ("answers_are_in_codebook", items, _is_unknown(codebook, items), False),
        ("background_is_in_codebook", background, _is_unknown(codebook, background), False),
        ("data_source_is_a_number", by_attribute["data_source"], IS_NO_NUMBER, False),
        ("rows_are_complete", by_attribute["completed_at"], IS_MISSING, True),
        ("test_records_are_few", test, _is_yes(codebook, test), True),
        ("answers_are_present", core, IS_MISSING, True),
    )
    expectations: list[Expectation] = [
        ExpectTableRowCountToBeBetween(min_value=1, **describe(CHECKS["has_rows"]))
    ]
    population = codebook.population(wave_id, respondent_group)
    if population is not None:
        described = describe(CHECKS["rows_within_population"], {"population": population})
        expectations.append(ExpectTableRowCountToBeBetween(max_value=population, **described))
    expectations += [
        few_unexpected(
            CHECKS[check], _judged(respondent_group, rows, condition, nulls), places="row "
        )
        for check, rows, condition, nulls in measures
        if rows
    ]
    return ExpectationSuite(name=f"raw.{respondent_group}", expectations=expectations)


def _judged(respondent_group: str, rows: list[Row], is_unexpected: str, nulls: bool) -> str:
    """The cells of some columns, judged by a condition on `subject` (the column) and `value`."""
    columns = ", ".join(identifier(row["variable"]) for row in rows)
    return f"""
            select {literal(f"raw.{respondent_group}.")} || subject, place, value, {is_unexpected}
            from (select row_number as place, {columns} from {{batch}})
            unpivot {"include nulls" if nulls else ""} (value for subject in ({columns}))
        """


def _delivered_as(row: Row, option: Row) -> str:
    """An option as the column has it; case does not count."""
    return option["label_nl" if row["answers_as"] == "label" else "value"].lower()


def _is_unknown(codebook: Codebook, rows: list[Row]) -> str:
    """Whether a value is neither an option of the column's scale nor a number on it."""
    columns: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        missing_codes = row["missing_codes"].split("|")
        allowed = in_list(
            _delivered_as(row, option)
            for option in codebook.options(row["scale"])
            if not option["missing_reason"] or option["value"] in missing_codes
        )
        condition = f"lower(trim(value)) not in {allowed}"
        scale = codebook.scale(row["scale"])
        if scale["kind"] == "numeric":
            number = "try_cast(replace(value, ',', '.') as double)"
            limits = f"{scale['min_score']} and {scale['max_score']}"
            condition += f" and not coalesce({number} between {limits}, false)"
        columns[condition].append(row["variable"])
    cases = (f"when subject in {in_list(names)} then {text}" for text, names in columns.items())
    return f"case {' '.join(cases)} end"


def _is_yes(codebook: Codebook, rows: list[Row]) -> str:
    """Whether a value means yes."""
    yes = (
        _delivered_as(row, option)
        for row in rows
        for option in codebook.options(row["scale"])
        if option["breakdown_value"] == "yes"
    )
    return f"coalesce(lower(trim(value)) in {in_list(yes)}, false)"
