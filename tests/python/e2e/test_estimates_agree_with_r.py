"""R `survey` and the marts give the same figures on the survey of tests/fixtures/estimation.

R is compared where its error exceeds 1e-9 and it has two degrees of freedom: below, R itself gives
0, NaN or an infinite interval. P-values are compared where a test is made: from 8 degrees.
"""

from __future__ import annotations

import duckdb
import pandas as pd
from fixtures.agreement import EXACT, ITERATED, assert_agree, assert_estimates_agree, joined
from fixtures.estimation import (
    GROUPS,
    TESTED_ITEMS,
    expected_changes,
    expected_estimates,
    expected_near_census,
)

from conftest import Workspace

ESTIMATE_KEYS = [
    "wave_id", "indicator_code", "respondent_group", "breakdown", "breakdown_value", "measure",
]  # fmt: skip
CHANGE_KEYS = ["wave_id", "baseline_wave_id", "indicator_code"]


def _table(survey: Workspace, name: str) -> pd.DataFrame:
    with duckdb.connect(str(survey.warehouse), read_only=True) as connection:
        return connection.execute(f"select * from indicators.{name}").df()


def test_estimates_of_all_domains(survey: Workspace) -> None:
    """Means and shares of everybody, groups, sectors, experience and both, down to one answer."""
    ours = _table(survey, "fct_indicator_estimates")
    rows = joined(ours, expected_estimates(), ESTIMATE_KEYS)
    assert len(rows) == 5388
    assert assert_estimates_agree(rows) == (4440, 2181)


def test_near_census_groups_count_the_psus_that_answered(survey: Workspace) -> None:
    ours = _table(survey, "fct_indicator_estimates")
    rows = joined(ours, expected_near_census(), ESTIMATE_KEYS)
    assert len(rows) == 120
    assert assert_estimates_agree(rows) == (120, 60)


def _changes_agree(rows: pd.DataFrame) -> None:
    assert_agree(rows, "change", "change", EXACT)
    assert_agree(rows, "standard_error", "se", EXACT)
    assert_agree(rows, "degrees_of_freedom", "df", 0)
    assert_agree(rows, "p_value", "p", ITERATED)


def test_changes_between_waves_drawn_apart(survey: Workspace) -> None:
    """Ten items, six groups and two pairs of waves; each pair and group is one family of tests."""
    ours = _table(survey, "fct_indicator_changes")
    ours = ours[(ours["breakdown"] == "total") & (ours["measure"] == "mean")]
    groups = {
        name: group.survey_group
        for name, group in GROUPS.items()
        if group.psu_attribute == "psu" and group.design == "clustered"
    }
    ours = ours[ours["respondent_group"].isin(groups)]
    ours = ours.assign(survey_group=ours["respondent_group"].map(groups))
    rows = joined(ours, expected_changes("ind"), [*CHANGE_KEYS, "survey_group"])
    assert len(rows) == len(TESTED_ITEMS) * 6 * 2
    _changes_agree(rows)
    assert_agree(rows, "p_value_adjusted", "p_bh", ITERATED)


def test_changes_of_a_panel(survey: Workspace) -> None:
    """The same PSUs in every wave, matched: as R's one design over the waves.

    R treats a stratum with one PSU as a panel too; here it has no covariance, so the group that
    has one in the sample is left out (a stratum that is its own population has no error anyway).
    """
    expected = expected_changes("panel")
    ours = _table(survey, "fct_indicator_changes")
    ours = ours[ours["measure"] == "mean"]

    pooled = ours[(ours["respondent_group"] == "schoolleider")]
    pooled = pooled[pooled["breakdown"] == "survey_group"]
    pooled = pooled.assign(survey_group=pooled["breakdown_value"])
    rows = joined(
        pooled,
        expected[expected["survey_group"] != "ouder"],
        [*CHANGE_KEYS, "survey_group"],
    )
    assert len(rows) == len(TESTED_ITEMS) * 5 * 2
    _changes_agree(rows)

    whole = ours[(ours["respondent_group"] == "ouder_thuiszitter")]
    whole = whole[whole["breakdown"] == "total"]
    rows = joined(whole, expected[expected["survey_group"] == "swv"], CHANGE_KEYS)
    assert len(rows) == len(TESTED_ITEMS) * 2
    _changes_agree(rows)
    assert_agree(rows, "p_value_adjusted", "p_bh", ITERATED)
