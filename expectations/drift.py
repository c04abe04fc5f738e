"""How far two distributions lie apart, and how far they would by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping

# Standard deviations of chance that a shift must exceed. With some 600 columns a refresh, and
# pupils of one school answering alike, fewer would cry wolf.
NOISE_DEVIATIONS = 4


def stability_index(now: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Population stability index of two tables of counts: the sum of (p - q) ln(p / q).

    Half a count is added to every cell, so that an empty one gives a large index, not an infinite
    one (Jeffreys). 0 means equal shares; a shift of a normal variable by d standard deviations
    gives some d².
    """
    values = now.keys() | before.keys()
    totals = [sum(counts.values()) + len(values) / 2 for counts in (now, before)]
    index = 0.0
    for value in values:
        p = (now.get(value, 0) + 0.5) / totals[0]
        q = (before.get(value, 0) + 0.5) / totals[1]
        index += (p - q) * math.log(p / q)
    return index


def noise(
    now: Mapping[str, int],
    before: Mapping[str, int],
    design_effects: tuple[float, float] = (1, 1),
) -> float:
    """The index that two samples of one population stay below.

    For equal distributions the index is (1/n₁ + 1/n₂) times a chi-square with k - 1 degrees of
    freedom, of which this is the mean and `NOISE_DEVIATIONS` standard deviations.

    Args:
        design_effects: by how much people who come by the school make a sample worth less, now
            and before.
    """
    freedom = max(len(now.keys() | before.keys()) - 1, 1)
    unit = sum(
        effect / max(sum(counts.values()), 1)
        for effect, counts in zip(design_effects, (now, before), strict=True)
    )
    return unit * (freedom + NOISE_DEVIATIONS * math.sqrt(2 * freedom))
