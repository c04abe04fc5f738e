"""Each way by which digits gave withheld figures away: opened again it is found, closed it is not.

The releases are small and made by hand. Rounded as releases are, nothing is found in them; then one
column after the other gets all its digits.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_attack_releases import WAVES, Survey, step_of, withhold

from disclosure.attack import attack
from disclosure.cells import Cells
from disclosure.counting import tighten, work_out
from disclosure.hypotheses import adjust
from disclosure.release import Release
from disclosure.result import Recovered

WEIGHTS = {"po": 1.2130177515, "vo": 0.8173076923}

DESIGN_EFFECT = 1.0371


def of_strata() -> Survey:
    """Utrecht with two samenwerkingsverbanden of each sector, and Zeeland with one of each."""
    parts = [
        ("utrecht", "P1", "po", "524151"),
        ("utrecht", "P2", "po", "13452" * 6 + "24"),
        ("utrecht", "V1", "vo", "41524135"),
        ("utrecht", "V2", "vo", "53124" * 5 + "213"),
        ("zeeland", "P3", "po", "52143" * 9 + "4"),
        ("zeeland", "V3", "vo", "31245" * 8 + "12"),
    ]
    people = [
        (WAVES[-1], "leraar", {"sector": sector, "region": region, "swv": swv}, given)
        for region, swv, sector, given in parts
    ]
    return Survey(people, weights=WEIGHTS)


SMALL = withhold(("swv", "P1", "small_n"), ("swv", "V1", "small_n"))


def figures_only(cells: tuple[Recovered, ...]) -> set[tuple[str, str]]:
    return {(cell.keys[4], cell.quantity) for cell in cells}


def test_on_steps_nothing_is_found_and_nothing_is_undecided() -> None:
    survey = of_strata()
    result = attack(survey.release(SMALL, on_steps=True), survey.frame())
    assert (result.recovered, result.undecided) == ((), ())
    assert result.cells_attacked > 0 and result.strata_worked_out == 0


def test_shares_with_all_digits_give_whole_numbers_of_each_stratum() -> None:
    """Together two withheld parts would be safe: but each is alone in its stratum."""
    survey = of_strata()
    release, frame = survey.release(SMALL), survey.frame()
    result = attack(release, frame)
    assert {("P1", "estimate"), ("V1", "estimate")} <= figures_only(result.recovered)
    assert any("stratum" in cell.path for cell in result.recovered)
    cells = tighten(Cells.of(release, frame), frame)
    inner, _ = work_out(release, frame, cells)
    known = inner.estimates.set_index(["breakdown", "breakdown_value", "measure"])
    utrecht = known.loc[("region/stratum", "utrecht/po", "share_endorsed")]
    given = "524151" + "13452" * 6 + "24"
    assert utrecht["known_respondents"] == len(given)
    assert utrecht["estimate"] == pytest.approx(sum(code in "45" for code in given) / len(given))


def two_of_a_region() -> Survey:
    """X with 8 beside Y with 12 and Z with 40, half of whom endorse."""
    parts = {"X": "52415141", "Y": "512341245214", "Z": "2451" * 10}
    return Survey(
        [
            (WAVES[-1], "leraar", {"region": "utrecht", "swv": swv}, given)
            for swv, given in parts.items()
        ]
    )


def with_errors(survey: Survey, has_digits: bool) -> pd.DataFrame:
    """The release's estimates, with errors and design effects."""
    exact = survey.figures()
    shown = survey.release(withhold(("swv", "X", "small_n")), on_steps=True).estimates
    share, number = exact["estimate"], exact["n_respondents"]
    variance = (share * (1 - share)).where(exact["measure"] != "mean")
    effect = pd.Series(DESIGN_EFFECT, index=exact.index)
    error = np.sqrt(effect * variance / (number - 1))
    if not has_digits:
        step = step_of(number)
        error = ((error / step + 0.5) // 1 * step).where(number >= 30)
        effect = effect.round(1).where(number >= 30)
    is_shown = ~shown["is_suppressed"]
    return shown.assign(standard_error=error.where(is_shown), design_effect=effect.where(is_shown))


@pytest.mark.parametrize("has_digits", [True, False])
def test_errors_with_design_effects_give_numbers_of_respondents(has_digits: bool) -> None:
    survey = two_of_a_region()
    estimates = with_errors(survey, has_digits)
    release = Release({"fct_indicator_estimates": estimates})
    found = figures_only(attack(release, survey.frame()).recovered)
    assert (("X", "n_respondents") in found) == has_digits


def rates(has_digits: bool) -> pd.DataFrame:
    """Three strata of 123, 58 and 17 respondents."""
    population, responded = np.array([890.0, 328.0, 65.0]), np.array([123.0, 58.0, 17.0])
    rounded = np.floor(responded / 5 + 0.5) * 5
    of = responded if has_digits else rounded
    weight = population / population.sum() * of.sum() / of
    return pd.DataFrame(
        {
            "wave_id": WAVES[-1],
            "respondent_group": "leraar",
            "stratum": ["po", "vo", "so"],
            "population_units": population,
            "responded": rounded,
            "response_rate": rounded / population,
            "mean_weight": weight if has_digits else np.round(weight, 2),
            "weighting": "post_stratification",
        }
    )


@pytest.mark.parametrize("column", ["mean_weight", "response_rate", None])
def test_weights_and_rates_undo_the_rounding_of_counts(column: str | None) -> None:
    survey = of_strata()
    table = rates(has_digits=column == "mean_weight")
    if column == "response_rate":
        table["response_rate"] = np.array([123.0, 58.0, 17.0]) / table["population_units"]
    release = survey.release(SMALL, on_steps=True, fct_response_rates=table)
    found = {
        (cell.keys[2], cell.path)
        for cell in attack(release, survey.frame(), blocks=0).recovered
        if cell.table == "fct_response_rates"
    }
    assert found == ({(stratum, column) for stratum in ("po", "vo", "so")} if column else set())


def changes(has_withheld_rows: bool, has_digits: bool) -> pd.DataFrame:
    """A family of five tests, of which the second is withheld."""
    p = np.array([0.0013, 0.0121, 0.0342, 0.2411, 0.6128])
    withheld = np.array([False, True, False, False, False])
    adjusted = np.full(5, np.nan)
    if has_withheld_rows:
        adjusted = adjust(p)
    else:
        adjusted[~withheld] = adjust(p[~withheld])
    if not has_digits:
        p, adjusted = (np.maximum(np.round(value, 2), 0.01) for value in (p, adjusted))
    return pd.DataFrame(
        {
            "wave_id": WAVES[2],
            "baseline_wave_id": WAVES[1],
            "respondent_group": "leraar",
            "breakdown": "region",
            "p_value": np.where(withheld, np.nan, p),
            "p_value_adjusted": np.where(withheld, np.nan, adjusted),
            "is_suppressed": withheld,
        }
    )


@pytest.mark.parametrize("has_digits", [True, False])
@pytest.mark.parametrize("has_withheld_rows", [True, False])
def test_families_with_withheld_tests_give_their_p_values(
    has_withheld_rows: bool, has_digits: bool
) -> None:
    """The first test takes its adjusted value from the withheld second: 0.0121 × 5 / 2."""
    survey = of_strata()
    table = changes(has_withheld_rows, has_digits)
    if has_withheld_rows and has_digits:
        # so that the withheld test is the least of its rank and above
        table.loc[0, "p_value"] = 0.0113
        table.loc[0, "p_value_adjusted"] = 0.0121 * 5 / 2
    release = survey.release(SMALL, on_steps=True, fct_indicator_changes=table)
    found = [
        cell for cell in attack(release, survey.frame(), blocks=0).recovered
        if cell.quantity == "p_value"
    ]  # fmt: skip
    assert len(found) == (1 if has_withheld_rows else 0)
    assert all(cell.table == "fct_indicator_changes" for cell in found)


def of_three_waves() -> Survey:
    """X with 50 respondents in two waves and 21 of few schools in the third, beside many others."""
    given = {WAVES[0]: "54132" * 10, WAVES[1]: "51432" * 10, WAVES[2]: "54123" * 4 + "5"}
    others = "52143" * 40
    return Survey(
        [
            (wave, "leraar", {"region": "utrecht", "swv": swv}, codes)
            for wave in WAVES
            for swv, codes in (("X", given[wave]), ("Y", others), ("Z", others))
        ]
    )


@pytest.mark.parametrize("has_digits", [True, False])
def test_pooled_figures_give_the_wave_that_is_withheld(has_digits: bool) -> None:
    survey = of_three_waves()
    exact = survey.figures()
    x = exact[(exact["breakdown_value"] == "X") & (exact["measure"] == "share_endorsed")]
    number = int(x["n_respondents"].sum())
    pooled = float((x["estimate"] * x["n_respondents"]).sum() / number)
    step = float(step_of(pd.Series([number]))[0])
    benchmark = pd.DataFrame(
        {
            "swv_code": ["X"],
            "indicator_code": ["Q1"],
            "respondent_group": ["leraar"],
            "waves_pooled": ["|".join(WAVES)],
            "estimate": [pooled if has_digits else round(pooled / step) * step],
            "rounding_step": [np.nan if has_digits else step],
        }
    )
    withheld = withhold(
        ("swv", "X", "few_schools"), ("swv", "Y", "complementary"), ("swv", "Z", "complementary"),
        wave=WAVES[2],
    )  # fmt: skip
    release = survey.release(withheld, on_steps=True, fct_swv_benchmarks=benchmark)
    found = {
        (cell.keys[4], cell.path)
        for cell in attack(release, survey.frame(), blocks=0).recovered
        if cell.quantity == "estimate" and cell.keys[5] == "share_endorsed"
    }
    assert found == ({("X", "pooled_waves")} if has_digits else set())
