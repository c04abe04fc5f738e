"""Hidden p-values: an adjusted p-value is that of some test of its family, times size over rank.

Benjamini and Hochberg give a test the least of p × m / rank over the tests of its rank and above.
Where published tests alone do not make an adjusted value, a withheld test of the family does, and
its p-value follows: that of a withheld change tells how far apart two withheld figures are.
"""

from __future__ import annotations

import numpy as np

from disclosure.cells import Booleans, Floats
from disclosure.release import Release
from disclosure.result import Recovered

# what makes a family of tests, per table
FAMILIES = {
    "fct_indicator_changes": ["wave_id", "baseline_wave_id", "respondent_group", "breakdown"],
    "fct_perspective_gaps": ["wave_id", "group_a", "group_b", "breakdown"],
    "fct_swv_benchmarks": ["indicator_code", "respondent_group"],
}
PATH = "adjusted_p_value"
# p-values of two decimals; all digits differ by less
DECIMALS, DIGITS = 0.01, 1e-9
SIGNIFICANT = 0.05


def hidden_p_values(release: Release) -> list[Recovered]:
    """Withheld tests whose p-value follows from an adjusted one, named by family and number."""
    return [
        found for table, family in FAMILIES.items() for found in _in_table(release, table, family)
    ]


def _in_table(release: Release, table: str, family: list[str]) -> list[Recovered]:
    tests = release.table(table, "p_value", "p_value_adjusted", "is_suppressed", *family)
    if tests is None:
        return []
    found = []
    withheld = tests[tests["is_suppressed"].astype(bool)].groupby(family).size()
    published = tests[tests["p_value_adjusted"].notna()]
    for members, rows in published.groupby(family):
        hidden = int(withheld.get(members, 0))
        if not hidden:
            continue
        p = rows["p_value"].to_numpy(np.float64)
        adjusted = rows["p_value_adjusted"].to_numpy(np.float64)
        for number in range(min(len(_unexplained(p, adjusted, hidden)), hidden)):
            keys = (*map(str, members), str(number + 1))
            found.append(Recovered(table, keys, "p_value", PATH, "derived"))
    return found


def _unexplained(p: Floats, adjusted: Floats, hidden: int) -> Floats:
    """Adjusted values below one that no published test makes, each once."""
    on_step = _are_on_step(p) and _are_on_step(adjusted)
    least, most = _limits(p, on_step)
    low, high = _limits(adjusted, on_step)
    fits = (adjust(least) <= high) & (adjust(most) >= low)
    if fits.all():
        return np.zeros(0)
    is_open = adjusted < 1 - DIGITS
    open_values = np.unique(adjusted[is_open & ~fits])
    if on_step:
        return open_values
    # the family is larger by tests that are not published: by how many tells what fits most
    distinct = np.unique(np.round(adjusted[is_open], 12))
    sizes = range(len(p), len(p) + hidden + 1)
    made = [_made_by(distinct, np.unique(p), size) for size in sizes]
    best: Booleans = max(made, key=lambda explained: int(explained.sum()), default=distinct < 0)
    return distinct[~best]


def _limits(values: Floats, on_step: bool) -> tuple[Floats, Floats]:
    """Between which the exact p-values lie.

    On steps they were rounded half up, but stay on their side of 0.05 and of 0.01, which stands for
    all below it: 0.02 begins at 0.01, 0.04 ends and 0.05 begins at 0.05.
    """
    if not on_step:
        return np.maximum(values - DIGITS, 0.0), np.minimum(values + DIGITS, 1.0)
    low, high = values - DECIMALS / 2, values + DECIMALS / 2
    steps = np.round(values / DECIMALS).astype(np.int64)
    low = np.select([steps <= 1, steps == 2, steps == 5], [0.0, DECIMALS, SIGNIFICANT], low)
    high = np.select([steps <= 1, steps == 4], [DECIMALS, SIGNIFICANT], high)
    return np.maximum(low - DIGITS, 0.0), np.minimum(high + DIGITS, 1.0)


def adjust(p: Floats) -> Floats:
    """Benjamini and Hochberg (1995), step-up."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _are_on_step(values: Floats) -> bool:
    return bool((np.abs(values / DECIMALS - np.round(values / DECIMALS)) < 1e-7).all())


def _made_by(adjusted: Floats, p: Floats, size: int) -> Booleans:
    """Which adjusted values are a published p-value times size over a whole rank."""
    with np.errstate(divide="ignore"):
        rank = p[None, :] * size / np.maximum(adjusted[:, None], 1e-300)
    whole = np.round(rank)
    fits = np.abs(rank - whole) < 1e-7 * np.maximum(rank, 1)
    made: Booleans = np.any(fits & (whole >= 1) & (whole <= size), axis=1)
    return made
