"""Hidden p-values: an adjusted p-value is that of some test of its family, times size over rank.

Benjamini and Hochberg give a test the least of p × m / rank over the tests of its rank and above.
Where published tests alone do not make an adjusted value, a withheld test of the family does, and
its p-value follows: that of a withheld change tells how far apart two withheld figures are.
"""

from __future__ import annotations

import numpy as np

from disclosure.cells import Booleans, Floats
from disclosure.precision import FINEST
from disclosure.release import Release
from disclosure.result import Recovered

CHANGES = "fct_indicator_changes"
FAMILY = ["wave_id", "baseline_wave_id", "respondent_group", "breakdown"]
# p-values of two decimals; all digits differ by less
DECIMALS, DIGITS = 0.01, 1e-9
SIGNIFICANT = 0.05


def hidden_p_values(release: Release) -> list[Recovered]:
    """Withheld tests whose p-value follows from an adjusted one, named by family and number."""
    changes = release.table(CHANGES, "p_value", "p_value_adjusted", "is_suppressed", *FAMILY)
    if changes is None:
        return []
    found = []
    withheld = changes[changes["is_suppressed"].astype(bool)].groupby(FAMILY).size()
    published = changes[changes["p_value_adjusted"].notna()]
    for family, rows in published.groupby(FAMILY):
        hidden = int(withheld.get(family, 0))
        if not hidden:
            continue
        p = rows["p_value"].to_numpy(np.float64)
        adjusted = rows["p_value_adjusted"].to_numpy(np.float64)
        for number in range(min(len(_unexplained(p, adjusted, hidden)), hidden)):
            keys = (*map(str, family), str(number + 1))
            found.append(Recovered(CHANGES, keys, "p_value", "adjusted_p_value", "derived"))
    return found


def _unexplained(p: Floats, adjusted: Floats, hidden: int) -> Floats:
    """Adjusted values below one that no published test makes, each once."""
    on_step = _are_on_step(p) and _are_on_step(adjusted)
    half = _half(adjusted, on_step)
    least = np.maximum(p - _half(p, on_step), 0.0)
    most = np.minimum(p + _half(p, on_step), 1.0)
    # the floor stands for everything below it
    least = np.where(on_step & (p <= DECIMALS + FINEST), 0.0, least)
    fits = (adjust(least) <= adjusted + half) & (adjust(most) >= adjusted - half)
    if fits.all():
        return np.zeros(0)
    is_open = adjusted < 1 - half
    open_values = np.unique(adjusted[is_open & ~fits])
    if on_step:
        return open_values
    # the family is larger by tests that are not published: by how many tells what fits most
    distinct = np.unique(np.round(adjusted[is_open], 12))
    sizes = range(len(p), len(p) + hidden + 1)
    made = [_made_by(distinct, np.unique(p), size) for size in sizes]
    best: Booleans = max(made, key=lambda explained: int(explained.sum()), default=distinct < 0)
    return distinct[~best]


def _half(values: Floats, on_step: bool) -> Floats:
    """How far the exact p-value may lie: a step beside the threshold, where it keeps its side."""
    if not on_step:
        return np.full(len(values), DIGITS)
    is_near = np.abs(values - SIGNIFICANT) <= DECIMALS + FINEST
    return np.where(is_near, DECIMALS, DECIMALS / 2) + DIGITS


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
