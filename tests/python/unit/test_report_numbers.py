"""Numbers and dates of the report, per language."""

from __future__ import annotations

from datetime import date

import pytest

from report.figures import decimals, text
from report.numbers import Numbers

MONTHS = tuple(f"month{number}" for number in range(1, 13))


@pytest.mark.parametrize(
    ("value", "digits", "signed", "nl", "en"),
    [
        (0.5, 1, False, "0,5", "0.5"),
        (1234567.891, 2, False, "1.234.567,89", "1,234,567.89"),
        (-3.25, 1, True, "−3,2", "−3.2"),
        (3.26, 1, True, "+3,3", "+3.3"),
        (-0.04, 1, True, "0,0", "0.0"),
        (0.0, 1, True, "0,0", "0.0"),
        (None, 1, True, "–", "–"),
    ],
)
def test_a_decimal_has_the_marks_of_its_language(
    value: float | None, digits: int, signed: bool, nl: str, en: str
) -> None:
    assert Numbers("nl").decimal(value, digits, signed) == nl
    assert Numbers("en").decimal(value, digits, signed) == en


def test_shares_become_percentages_and_their_differences_points() -> None:
    numbers = Numbers("nl")
    assert numbers.percent(0.5861) == "58,6%"
    assert numbers.percent(1) == "100,0%"
    assert numbers.percent(None) == "–"
    assert numbers.points(-0.0123) == "−1,2"
    assert numbers.points(0.0123) == "+1,2"
    assert numbers.points(0.0123, signed=False) == "1,2"


def test_a_small_p_value_is_not_zero() -> None:
    assert Numbers("nl").p_value(0.01) == "<\N{NO-BREAK SPACE}0,01"
    assert Numbers("en").p_value(0.02) == "0.02"
    assert Numbers("en").p_value(1.0) == "1.00"
    assert Numbers("en").p_value(None) == "–"


def test_a_count_has_decimals_only_when_it_is_not_whole() -> None:
    assert Numbers("nl").count(1500) == "1.500"
    assert Numbers("en").count(35400.0) == "35,400"
    assert Numbers("en").count(12.25) == "12.2"


def test_a_date_names_its_month() -> None:
    assert Numbers("nl", MONTHS).date(date(2026, 11, 4)) == "4 month11 2026"


@pytest.mark.parametrize(
    ("step", "digits"), [(2.0, 0), (0.1, 1), (0.5, 1), (0.045, 3), (0.09, 2), (0.009, 3), (10, 0)]
)
def test_a_number_has_the_decimals_of_its_step(step: float, digits: int) -> None:
    assert decimals(step) == digits


def test_a_figure_is_written_on_its_step() -> None:
    numbers = Numbers("en")
    share = {"measure": "share_endorsed", "estimate": 0.37, "rounding_step": 0.01}
    assert text("fct_indicator_estimates", "estimate", share, numbers) == "37%"
    finer = share | {"estimate": 0.374, "rounding_step": 0.002}
    assert text("fct_indicator_estimates", "estimate", finer, numbers) == "37.4%"
    mean = {"measure": "mean", "estimate": 6.94, "rounding_step": 0.09}
    assert text("fct_indicator_estimates", "estimate", mean, numbers) == "6.94"
    benchmark = {
        "measure": "share_endorsed", "national_estimate": 0.374, "national_rounding_step": 0.001,
        "difference": -0.05, "difference_rounding_step": 0.05, "rounding_step": 0.05,
    }  # fmt: skip
    assert text("fct_swv_benchmarks", "national_estimate", benchmark, numbers) == "37.4%"
    assert text("fct_swv_benchmarks", "difference", benchmark, numbers) == "−5"
