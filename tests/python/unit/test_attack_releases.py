"""Small releases made by hand: what a naive suppression leaks is found, and what holds is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from disclosure.attack import attack
from disclosure.cells import TINY, Cells
from disclosure.frame import BLOCK, DOMAIN, Frame, Scale, answers_of_scale
from disclosure.precision import STEPS
from disclosure.programming import InfeasibleError, attack_block, blocks_of
from disclosure.release import Release
from disclosure.result import Recovered, Result
from disclosure.subtraction import subtraction_attack

WAVES = ("2024-najaar", "2025-najaar", "2026-najaar")
AGREE = [(str(code), float(code)) for code in range(1, 6)]
KEYS = [*BLOCK, *DOMAIN, "measure"]
RULES = {
    "min_respondents": 10,
    "min_schools": 3,
    "min_distribution_respondents": 50,
    "count_rounding": 5,
}
Withheld = Callable[[pd.Series], str | None]

# a survey without goal scores
NO_GOALS = pd.DataFrame(columns=["wave_id", "goal_id", "respondent_group", *DOMAIN, "total_weight"])


@dataclass
class Survey:
    """Respondents as (wave, group, breakdowns, answers to Q1: a character each, ? if unknown)."""

    people: list[tuple[str, str, dict[str, str], str]]
    dont_know_rule: str = "exclude"
    unit_of_count: str = "respondent"
    claims: list[tuple[Any, ...]] = field(default_factory=list)
    goals: pd.DataFrame = field(default_factory=lambda: NO_GOALS)
    # of each sector, which then is the stratum
    weights: dict[str, float] = field(default_factory=dict)

    @property
    def scale(self) -> Scale:
        return Scale(
            kind="ordinal",
            lowest=1.0,
            highest=5.0,
            options=answers_of_scale("ordinal", AGREE, ["4", "5"]),
            is_dont_know_negative=self.dont_know_rule == "count_as_negative",
            headline_measure="share_endorsed",
        )

    def frame(self) -> Frame:
        respondents, memberships, answers = [], [], []
        for wave, group, breakdowns, given in self.people:
            for code in given:
                key = len(respondents)
                weight = self.weights.get(breakdowns.get("sector", ""), 1.0)
                stratum = breakdowns["sector"] if self.weights else "all"
                respondents.append((key, wave, group, stratum, weight))
                memberships += [
                    (key, "total", "all"),
                    *((key, *pair) for pair in breakdowns.items()),
                ]
                known = code != "?"
                answers.append(
                    (key, wave, "Q1", group, code if known else None,
                     float(code) if known else None, weight if known else None, weight)
                )  # fmt: skip
        respondent_rows = pd.DataFrame(
            respondents,
            columns=["respondent_key", "wave_id", "respondent_group", "stratum", "weight"],
        )  # fmt: skip
        membership_rows = pd.DataFrame(memberships, columns=["respondent_key", *DOMAIN])
        answer_rows = pd.DataFrame(
            answers,
            columns=["respondent_key", *BLOCK, "option", "score", "weight_substantive",
                     "weight_with_dont_know"],
        )  # fmt: skip
        groups = {person[1] for person in self.people}
        with duckdb.connect() as connection:
            connection.register("respondent_rows", respondent_rows)
            connection.register("membership_rows", membership_rows)
            connection.register("answer_rows", answer_rows)
            return Frame.build(
                connection,
                *(f"select * from {name}_rows" for name in ("respondent", "membership", "answer")),
                {
                    "scales": {"Q1": self.scale},
                    "units": {("Q1", group): self.unit_of_count for group in groups},
                    "has_swv_breakdown": {group: group != "swv" for group in groups},
                    "rules": RULES,
                    "claims": pd.DataFrame(
                        self.claims,
                        columns=["claim_id", "indicator_code", "respondent_group", "measure",
                                 "range_low", "range_high", "is_required"],
                    ),
                    "goals": self.goals,
                },
            )  # fmt: skip

    def figures(self) -> pd.DataFrame:
        """Every figure, unrounded: keys, estimate, n_respondents."""
        domains: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        for wave, group, breakdowns, given in self.people:
            weight = self.weights.get(breakdowns.get("sector", ""), 1.0)
            for pair in (("total", "all"), *breakdowns.items()):
                key = (wave, "Q1", group, *pair)
                domains.setdefault(key, []).extend((code, weight) for code in given)
        rows: list[tuple[Any, ...]] = []
        for key, given in domains.items():
            known = [(int(code), weight) for code, weight in given if code != "?"]
            everybody = sum(weight for _, weight in given)
            knew = sum(weight for _, weight in known)
            endorsed = sum(weight for code, weight in known if code >= 4)
            is_negative = self.scale.is_dont_know_negative
            whole, number = (everybody, len(given)) if is_negative else (knew, len(known))
            rows.append((*key, "share_endorsed", endorsed / whole, number))
            mean = sum(code * weight for code, weight in known) / knew
            rows.append((*key, "mean", mean, len(known)))
            if key[3] in ("total", "sector"):
                rows.append((*key, "share_dont_know", (everybody - knew) / everybody, len(given)))
                rows += [
                    (*key, f"share_option_{option}",
                     sum(weight for code, weight in known if code == option) / knew, len(known))
                    for option in range(1, 6)
                ]  # fmt: skip
        return pd.DataFrame(rows, columns=[*KEYS, "estimate", "n_respondents"])

    def release(
        self, withheld: Withheld, *, on_steps: bool = False, **tables: pd.DataFrame
    ) -> Release:
        """The figures, without those for which `withheld` gives a reason, counts rounded."""
        figures = on_their_steps(self.figures()) if on_steps else self.figures()
        reasons = figures.apply(withheld, axis=1).astype(object)
        is_suppressed = reasons.notna()
        figures["n_respondents"] = (figures["n_respondents"] / 5).round() * 5
        figures.loc[is_suppressed, ["estimate", "n_respondents"]] = np.nan
        figures["is_suppressed"] = is_suppressed
        figures["suppression_reason"] = reasons
        return Release({"fct_indicator_estimates": figures, **tables})


def step_of(respondents: pd.Series) -> pd.Series:
    """The finest step of a share that is no finer than one respondent."""
    return respondents.map(lambda n: next((step for step in STEPS if step >= 1 / n - TINY), 0.1))


def on_their_steps(figures: pd.DataFrame) -> pd.DataFrame:
    """Figures of a scale of 1 to 5 rounded half up, those inside a scale not to its ends."""
    is_mean = figures["measure"] == "mean"
    step = step_of(figures["n_respondents"]) * np.where(is_mean, 4, 1)
    lowest, highest = np.where(is_mean, 1, 0), np.where(is_mean, 5, 1)
    exact = figures["estimate"]
    nearest = lowest + np.floor(np.round((exact - lowest) / step + 0.5, 9)) * step
    nearest = np.where((nearest <= lowest) & (exact > lowest + TINY), lowest + step, nearest)
    nearest = np.where((nearest >= highest) & (exact < highest - TINY), highest - step, nearest)
    return figures.assign(estimate=np.round(nearest, 9), rounding_step=step)


def withhold(*cells: tuple[str, str, str], wave: str | None = None) -> Withheld:
    """Withhold domains, given as (breakdown, value, reason); distributions also below 50."""

    def reason(row: pd.Series) -> str | None:
        is_distribution = row["measure"].startswith(("share_option_", "share_dont_know"))
        if is_distribution and row["n_respondents"] < 50:
            return "small_n"
        if wave is None or row["wave_id"] == wave:
            for breakdown, value, why in cells:
                if (breakdown, value) == (row["breakdown"], row["breakdown_value"]):
                    return why
        return None

    return reason


def found(result: Iterable[Recovered], quantity: str = "estimate") -> dict[tuple[str, ...], str]:
    """Path by (breakdown value, measure) of what was recovered in the last wave."""
    return {
        (cell.keys[4], cell.keys[5]): cell.path
        for cell in result
        if cell.quantity == quantity and cell.keys[0] == WAVES[-1]
    }


def by_subtraction(survey: Survey, release: Release, *earlier: Release) -> dict[Any, str]:
    return found(subtraction_attack(release, survey.frame(), earlier))


def by_programming(survey: Survey, release: Release) -> dict[Any, str]:
    frame = survey.frame()
    blocks = blocks_of(frame, Cells.of(release, frame))
    return found(cell for block in blocks for cell in attack_block(block).recovered)


def three_sectors(so: str = "4251435?1") -> Survey:
    return Survey(
        [
            (WAVES[-1], "leraar", {"sector": "po"}, "123445522?" * 10),
            (WAVES[-1], "leraar", {"sector": "vo"}, "5432?1" * 8),
            (WAVES[-1], "leraar", {"sector": "so"}, so),
        ]
    )


def two_regions(waves: Iterable[str] = WAVES[-1:], x: str = "52415141") -> Survey:
    """Utrecht with X (8 respondents), Y (12) and Z (40), Zeeland with W1 (8) and W2 (60)."""
    parts = [
        ("utrecht", "X", x),
        ("utrecht", "Y", "512341234512"),
        ("utrecht", "Z", "24351" * 8),
        ("zeeland", "W1", "14152512"),
        ("zeeland", "W2", "54213" * 12),
    ]
    return Survey(
        [
            (wave, "leraar", {"region": region, "swv": swv}, given)
            for wave in waves
            for region, swv, given in parts
        ]
    )


PROPER = (
    ("swv", "X", "small_n"),
    ("swv", "Y", "complementary"),
    ("swv", "W1", "small_n"),
    ("swv", "W2", "complementary"),
    ("region", "utrecht", "complementary"),
    ("region", "zeeland", "complementary"),
)
OTHERS = (
    ("swv", "Y", "complementary"),
    ("swv", "Z", "complementary"),
    ("swv", "W1", "small_n"),
    ("swv", "W2", "complementary"),
)
NOTHING: dict[Any, str] = {}


def test_one_withheld_part_is_the_total_minus_the_others() -> None:
    survey = three_sectors()
    release = survey.release(withhold(("sector", "so", "small_n")))
    recovered = by_subtraction(survey, release)
    assert recovered["so", "share_endorsed"] == recovered["so", "mean"] == "total_minus_sector"


def test_two_withheld_parts_of_a_size_hold() -> None:
    survey = three_sectors()
    release = survey.release(
        withhold(("sector", "so", "small_n"), ("sector", "vo", "complementary"))
    )
    assert by_subtraction(survey, release) | by_programming(survey, release) == NOTHING


def test_a_large_part_beside_a_tiny_one_is_found_but_for_little() -> None:
    """40 who know beside 2: the sum of both leaves the larger less than a tenth."""
    survey = three_sectors(so="51")
    release = survey.release(
        withhold(("sector", "so", "small_n"), ("sector", "vo", "complementary"))
    )
    recovered = by_subtraction(survey, release)
    assert recovered["vo", "share_endorsed"] == "total_minus_sector"
    assert ("so", "share_endorsed") not in recovered


def test_two_withheld_parts_with_nothing_between_them_are_both_known() -> None:
    parts = {"po": "4455123412" * 10, "vo": "111211211121", "so": "21112112"}
    survey = Survey(
        [(WAVES[-1], "leraar", {"sector": name}, given) for name, given in parts.items()]
    )
    release = survey.release(
        withhold(("sector", "so", "small_n"), ("sector", "vo", "complementary"))
    )
    recovered = by_subtraction(survey, release)
    assert {("so", "share_endorsed"), ("vo", "share_endorsed")} <= recovered.keys()


def test_equal_parts_are_known_however_coarse_the_counts() -> None:
    """Two published parts at the share of the total: the third has it too."""
    parts = {"po": "45" * 25 + "12" * 25, "vo": "45" * 10 + "12" * 10, "so": "4521" * 2}
    survey = Survey(
        [(WAVES[-1], "leraar", {"sector": name}, given) for name, given in parts.items()]
    )
    release = survey.release(withhold(("sector", "so", "small_n")))
    assert by_programming(survey, release)["so", "share_endorsed"] == "lp_share"


def test_a_region_is_the_sum_of_its_samenwerkingsverbanden() -> None:
    """Two are withheld, so that the total is safe, but each is the only one in its region."""
    survey = two_regions()
    release = survey.release(withhold(("swv", "X", "small_n"), ("swv", "W1", "small_n")))
    recovered = by_subtraction(survey, release)
    assert recovered["X", "share_endorsed"] == "region_minus_swv"
    assert recovered["W1", "mean"] == "region_minus_swv"


def test_a_region_with_enough_withheld_holds() -> None:
    survey = two_regions()
    release = survey.release(withhold(*PROPER))
    assert by_subtraction(survey, release) == NOTHING
    assert by_programming(survey, release) == NOTHING


def _without(*measures: str) -> Withheld:
    by_default = withhold(("sector", "so", "small_n"), ("sector", "vo", "complementary"))

    def reason(row: pd.Series) -> str | None:
        is_po = (row["breakdown"], row["breakdown_value"]) == ("sector", "po")
        return "complementary" if is_po and row["measure"] in measures else by_default(row)

    return reason


@pytest.mark.parametrize("dont_know_rule", ["exclude", "count_as_negative"])
def test_a_share_is_the_sum_of_its_options(dont_know_rule: str) -> None:
    survey = replace(three_sectors(), dont_know_rule=dont_know_rule)
    survey.people[0] = (*survey.people[0][:3], "1234455223?" * 10)
    recovered = by_subtraction(survey, survey.release(_without("share_endorsed")))
    assert recovered["po", "share_endorsed"] == "endorsed_options"
    recovered = by_subtraction(survey, survey.release(_without("share_option_3")))
    assert recovered["po", "share_option_3"] in ("options", "mean_of_options")
    recovered = by_subtraction(survey, survey.release(_without("mean")))
    assert recovered["po", "mean"] == "mean_of_options"
    if dont_know_rule == "count_as_negative":
        recovered = by_subtraction(survey, survey.release(_without("share_dont_know")))
        assert recovered["po", "share_dont_know"] == "endorsed_options"


def test_options_hold_when_share_and_mean_leave_room() -> None:
    survey = three_sectors()
    options = [f"share_option_{code}" for code in range(1, 6)]
    release = survey.release(_without(*options))
    recovered = by_subtraction(survey, release) | by_programming(survey, release)
    assert not [key for key in recovered if key[0] == "po"]


def test_options_are_known_when_hardly_anyone_endorses() -> None:
    survey = three_sectors()
    survey.people[0] = (*survey.people[0][:3], "1123312341" * 9 + "1231231233")
    options = [f"share_option_{code}" for code in range(1, 6)]
    release = survey.release(_without(*options))
    for recovered in (by_subtraction(survey, release), by_programming(survey, release)):
        assert ("po", "share_option_5") in recovered
        assert ("po", "share_option_1") not in recovered


def _changes(figures: pd.DataFrame, is_published: bool) -> pd.DataFrame:
    x = figures[(figures["breakdown_value"] == "X") & (figures["measure"] == "share_endorsed")]
    value = x.set_index("wave_id")["estimate"]
    change = value[WAVES[2]] - value[WAVES[1]] if is_published else np.nan
    return pd.DataFrame(
        [(WAVES[2], "Q1", "leraar", "swv", "X", "share_endorsed", WAVES[1], change)],
        columns=[*KEYS, "baseline_wave_id", "change"],
    )


@pytest.mark.parametrize("is_published", [True, False])
def test_a_change_and_one_side_give_the_other(is_published: bool) -> None:
    survey = two_regions(WAVES)
    release = survey.release(
        withhold(*PROPER, wave=WAVES[2]),
        fct_indicator_changes=_changes(survey.figures(), is_published),
    )
    expected = {("X", "share_endorsed"): "change"} if is_published else {}
    recovered = by_subtraction(survey, release)
    assert recovered.get(("X", "share_endorsed")) == expected.get(("X", "share_endorsed"))
    assert is_published or recovered == NOTHING


@pytest.mark.parametrize("is_published", [True, False])
def test_a_gap_and_one_side_give_the_other(is_published: bool) -> None:
    leraar = two_regions()
    ouder = [(wave, "ouder", where, given) for wave, _, where, given in leraar.people]
    survey = Survey(leraar.people + ouder)
    figures = survey.figures()
    x = figures[(figures["breakdown_value"] == "X") & (figures["measure"] == "share_endorsed")]
    value = x.set_index("respondent_group")["estimate"]
    gap = value["leraar"] - value["ouder"] if is_published else np.nan
    by_rule = withhold(*PROPER)
    release = survey.release(
        lambda row: by_rule(row) if row["respondent_group"] == "leraar" else None,
        fct_perspective_gaps=pd.DataFrame(
            [(WAVES[2], "Q1", "leraar", "ouder", "swv", "X", gap)],
            columns=["wave_id", "indicator_code", "group_a", "group_b", *DOMAIN, "gap"],
        ),
    )
    recovered = by_subtraction(survey, release)
    if is_published:
        assert recovered["X", "share_endorsed"] == "gap"
    else:
        assert recovered == NOTHING


@pytest.mark.parametrize("as_difference", [True, False])
def test_pooled_waves_minus_the_published_ones_give_the_third(as_difference: bool) -> None:
    survey = two_regions(WAVES)
    figures = survey.figures()
    x = figures[(figures["breakdown_value"] == "X") & (figures["measure"] == "share_endorsed")]
    pooled = x["estimate"].mean()
    benchmark = ("X", "Q1", "leraar", "|".join(WAVES), *(
        (np.nan, 0.4, pooled - 0.4) if as_difference else (pooled, np.nan, np.nan)
    ))  # fmt: skip
    columns = [
        "swv_code", "indicator_code", "respondent_group", "waves_pooled", "estimate",
        "national_estimate", "difference",
    ]  # fmt: skip
    table = pd.DataFrame([benchmark], columns=columns)
    only_last = survey.release(withhold(*PROPER, wave=WAVES[2]), fct_swv_benchmarks=table)
    assert by_subtraction(survey, only_last)["X", "share_endorsed"] == "pooled_waves"
    everywhere = survey.release(withhold(*PROPER), fct_swv_benchmarks=table)
    assert by_subtraction(survey, everywhere) == NOTHING


def _benchmarks(survey: Survey, *withheld: str) -> pd.DataFrame:
    """Shares of each samenwerkingsverband over the three waves."""
    figures = survey.figures()
    shares = figures[(figures["breakdown"] == "swv") & (figures["measure"] == "share_endorsed")]
    return pd.DataFrame(
        [
            (swv, "Q1", "leraar", ", ".join(WAVES),
             np.nan if swv in withheld else rows["estimate"].mean(), swv in withheld,
             "small_n" if swv in withheld else None)
            for swv, rows in shares.groupby("breakdown_value")
        ],
        columns=["swv_code", "indicator_code", "respondent_group", "waves_pooled", "estimate",
                 "is_suppressed", "suppression_reason"],
    )  # fmt: skip


def test_pooled_waves_are_one_wave_more() -> None:
    """X and Y are withheld in every wave, pooled only X: it is the province minus the others."""
    survey = two_regions(WAVES)
    of_waves = withhold(
        ("swv", "X", "small_n"), ("swv", "Y", "complementary"),
        ("swv", "W1", "small_n"), ("swv", "W2", "complementary"),
    )  # fmt: skip

    def recovered(*withheld: str) -> dict[str, str]:
        release = survey.release(of_waves, fct_swv_benchmarks=_benchmarks(survey, *withheld))
        return {
            cell.keys[0]: cell.path
            for cell in subtraction_attack(release, survey.frame())
            if cell.table == "fct_swv_benchmarks"
        }

    assert recovered("X", "W1", "W2") == {"X": "pooled_minus_swv"}
    assert recovered("X", "Y", "W1", "W2") == {}


def test_an_earlier_release_that_published_the_cell_gives_it_away() -> None:
    survey = two_regions()
    now = survey.release(withhold(*PROPER))
    others = [cell for cell in PROPER if cell[1] != "X"]
    recovered = by_subtraction(survey, now, survey.release(withhold(*others)))
    assert recovered["X", "share_endorsed"] == "earlier_release"
    assert by_subtraction(survey, now, now) == NOTHING


def test_an_earlier_release_that_withheld_another_part_gives_both_away() -> None:
    """Once X and Y, once X and Z: together only X is withheld, and it is the region minus both."""
    survey = two_regions()
    elsewhere = [cell for cell in PROPER if cell[1] in ("W1", "W2", "zeeland")]
    once = survey.release(
        withhold(*elsewhere, ("swv", "X", "small_n"), ("swv", "Y", "complementary"))
    )
    again = survey.release(
        withhold(*elsewhere, ("swv", "X", "small_n"), ("swv", "Z", "complementary"))
    )
    for now, before in ((once, again), (again, once)):
        assert ("X", "share_endorsed") in by_subtraction(survey, now, before)
        assert ("X", "share_endorsed") not in by_subtraction(survey, now)


def test_a_few_respondents_are_the_difference_between_two_releases() -> None:
    survey, corrected = two_regions(), two_regions(x="5241514")

    def identity(data: str) -> pd.DataFrame:
        return pd.DataFrame({"deliveries_hash": [data], "corrections_hash": ["none"]})

    before = survey.release(withhold(*PROPER), publication=identity("first"))
    after = corrected.release(withhold(*PROPER), publication=identity("second"))
    recovered = found(subtraction_attack(after, corrected.frame(), [before]), "difference")
    assert recovered["all", "share_endorsed"] == "difference_between_releases"
    assert ("Z", "share_endorsed") not in recovered
    same = survey.release(withhold(*PROPER), publication=identity("first"))
    assert found(subtraction_attack(same, survey.frame(), [before]), "difference") == NOTHING


def test_a_sentence_that_rests_on_a_withheld_share_gives_it_away() -> None:
    claims = [("C1", "Q1", group, "share_endorsed", 0.3, 0.35, True) for group in ("leraar",)]
    survey = replace(two_regions(), claims=claims)
    everything = withhold(("total", "all", "complementary"), *PROPER, ("swv", "Z", "complementary"))
    share = survey.figures().iloc[0]["estimate"]

    def statement(estimate: float, is_consistent: bool | None) -> pd.DataFrame:
        row = (WAVES[-1], "C1", "leraar", estimate, is_consistent)
        columns = ["wave_id", "claim_id", "respondent_group", "estimate", "is_consistent"]
        return pd.DataFrame([row], columns=columns)

    for told in (statement(share, None), statement(np.nan, True)):
        release = survey.release(everything, fct_summary_statements=told)
        assert by_subtraction(survey, release)["all", "share_endorsed"] == "statement"
    silent = survey.release(everything, fct_summary_statements=statement(np.nan, None))
    assert ("all", "share_endorsed") not in by_subtraction(survey, silent)


def test_a_goal_score_is_the_total_minus_the_others() -> None:
    survey = three_sectors()

    def scores(*withheld: str) -> pd.DataFrame:
        values = {"all": 50.0, "po": 52.0, "vo": 47.0, "so": 40.0}
        return pd.DataFrame(
            [
                (WAVES[-1], 1, "leraar", "total" if name == "all" else "sector", name,
                 np.nan if name in withheld else value, name in withheld,
                 "small_n" if name in withheld else None)
                for name, value in values.items()
            ],
            columns=["wave_id", "goal_id", "respondent_group", *DOMAIN, "estimate",
                     "is_suppressed", "suppression_reason"],
        )  # fmt: skip

    weights = {"all": 148.0, "po": 100.0, "vo": 40.0, "so": 8.0}
    goals = scores().assign(total_weight=list(weights.values()))
    survey = replace(survey, goals=goals[[*goals.columns[:5], "total_weight"]])

    def recovered(*withheld: str) -> set[str]:
        release = survey.release(lambda _: None, fct_goal_scores=scores(*withheld))
        return {
            cell.keys[4]
            for cell in subtraction_attack(release, survey.frame())
            if cell.table == "fct_goal_scores"
        }

    assert recovered("so") == {"so"}
    assert recovered("so", "vo") == set()


def test_a_reason_that_means_an_end_tells_which() -> None:
    """Everybody or nobody: with a mean of 4.5 beside it, everybody."""
    survey = two_regions(x="4545454545")

    def reason(row: pd.Series) -> str | None:
        if row["breakdown_value"] == "X" and row["measure"] == "share_endorsed":
            return "identifiable"
        return withhold(*OTHERS)(row)

    release = survey.release(reason)
    assert "reason" in by_subtraction(survey, release)["X", "share_endorsed"]
    assert by_programming(survey, release)["X", "share_endorsed"] in ("lp_reason", "lp_share")


def test_counts_of_withheld_cells_follow_from_rounded_ones() -> None:
    """Utrecht with 10 to 12 and Y with at least 10 leave at most 2 for X."""
    survey = Survey(
        [
            (WAVES[-1], "leraar", {"region": "utrecht", "swv": "X"}, "5"),
            (WAVES[-1], "leraar", {"region": "utrecht", "swv": "Y"}, "5123412345"),
            (WAVES[-1], "leraar", {"region": "zeeland", "swv": "W"}, "54213" * 12),
        ]
    )
    release = survey.release(withhold(("swv", "X", "small_n")))
    frame = survey.frame()
    assert ("X", "share_endorsed") in found(subtraction_attack(release, frame), "n_respondents")
    block = next(blocks_of(frame, Cells.of(release, frame)))
    assert ("X", "share_endorsed") in found(attack_block(block).recovered, "n_respondents")
    proper = two_regions()
    result = subtraction_attack(proper.release(withhold(*PROPER)), proper.frame())
    assert found(result, "n_respondents") == NOTHING


def test_a_release_of_other_answers_is_no_release_to_attack() -> None:
    survey = two_regions()
    release = survey.release(withhold(*PROPER))
    other = two_regions(x="11111111").frame()
    with pytest.raises(InfeasibleError, match="2026-najaar · Q1 · leraar"):
        list(blocks_of(other, Cells.of(release, other)))


def test_the_result_names_cells_and_paths_and_never_a_value() -> None:
    survey = three_sectors()
    release = survey.release(withhold(("sector", "so", "small_n")))
    result = attack(release, survey.frame(), release_id="r1")
    assert isinstance(result, Result) and result.blocks == result.blocks_attacked == 1
    named = [(cell.table, cell.keys, cell.quantity) for cell in result.recovered]
    assert len(named) == len(set(named)) == sum(result.paths.values()) > 0
    page, content = result.as_markdown(), result.as_dict()
    assert f"**{len(named)} cells were recovered.**" in page
    assert set(content["recovered"][0]) == {"table", "keys", "quantity", "path", "reason", "is_own"}
    assert "_minus_sector" in page and "0.5" not in page
