"""Numbers and dates of the report, per language."""

from __future__ import annotations

from datetime import date

import pytest

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
    assert Numbers("nl").p_value(0.0004) == "<\N{NO-BREAK SPACE}0,001"
    assert Numbers("en").p_value(0.0005) == "0.001"  # a tie in decimals lies above it in binary
    assert Numbers("en").p_value(0.0314) == "0.031"
    assert Numbers("en").p_value(None) == "–"


def test_a_count_has_decimals_only_when_it_is_not_whole() -> None:
    assert Numbers("nl").count(1500) == "1.500"
    assert Numbers("en").count(35400.0) == "35,400"
    assert Numbers("en").count(12.25) == "12.2"


def test_a_date_names_its_month() -> None:
    assert Numbers("nl", MONTHS).date(date(2026, 11, 4)) == "4 month11 2026"
