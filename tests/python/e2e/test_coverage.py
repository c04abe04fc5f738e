"""Intervals hold the truth as often as they promise: samples from a population that is known."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.coverage import measure_coverage, summarise

WAVES, SEED = 24, 1
# nearly the same units in both samples of a pair, so that their covariance weighs
TURNOVER = 0.1
LOW, HIGH = 0.94, 0.97


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return measure_coverage(tmp_path_factory.mktemp("coverage"), WAVES, SEED, TURNOVER)


@pytest.mark.parametrize("kind", ["level", "change, rotated", "change, apart"])
def test_intervals_hold_the_truth(results: pd.DataFrame, kind: str) -> None:
    """On average, three Monte Carlo errors (at most a percentage point) allowed."""
    (row,) = summarise(results[results.kind == kind], "kind").to_dict("records")
    assert row["figures"] > 1000
    margin = min(3 * row["error"], 0.01)
    assert LOW - margin <= row["coverage"] <= HIGH + margin, row


@pytest.mark.parametrize(
    "groups",
    [["swv", "gemeente_beleid", "gemeente_leerplicht"], ["bestuur", "schoolleider"]],
    ids=["near census", "one respondent a unit"],
)
def test_errors_are_as_large_as_standard_errors(results: pd.DataFrame, groups: list[str]) -> None:
    """Of figures on whole groups; a standard error a tenth too large or too small fails."""
    is_asked = results.respondent_group.isin(groups) & (results.breakdown == "total")
    is_plain = is_asked & results.measure.isin(["share_endorsed", "mean"])
    spread = summarise(results[is_plain], "kind").set_index("kind").spread
    assert set(spread.index) == {"level", "change, rotated", "change, apart"}
    assert spread.between(0.9, 1.1).all(), spread
