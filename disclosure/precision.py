"""What a published number says of the exact one: an interval, and a range for its respondents.

Published numbers are rounded half up to a multiple of a step that is no finer than one respondent.
A number whose flag would contradict it is put on its own side of the threshold, at most one step
from the exact one. Releases without `rounding_step` publish all digits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

STEP_COLUMN = "rounding_step"
# steps of shares, when the codebook of a release names none
STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
# all words and verdicts of the codebook begin and end at multiples of this
THRESHOLDS = 0.05
# thresholds of means: marks end at halves
THRESHOLDS_OF_MEANS = 0.5
# numbers are rounded to this before they are rounded to their step
FINEST = 1e-9


def steps_of(rows: pd.DataFrame, column: str = STEP_COLUMN) -> Floats:
    """The step of each row; 0, all digits, where the release names none."""
    if column not in rows:
        return np.zeros(len(rows))
    return np.asarray(rows[column].astype("float64").fillna(0.0), dtype=np.float64)


def steps_kept(values: Floats, steps: Floats, origin: Floats | float = 0.0) -> Floats:
    """The step of each value; 0, all digits, where the value is no multiple of it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = (values - origin) / steps
        is_on_step = np.abs(places - np.round(places)) < 1e-6
    kept: Floats = np.where(is_on_step & (steps > 0), steps, 0.0)
    return kept


def half_widths(steps: Floats, is_displaced: Booleans) -> Floats:
    """How far the exact number can lie from the published one; 0 where all digits are there."""
    widths: Floats = np.where(steps > 0, np.where(is_displaced, steps, steps / 2) + 2 * FINEST, 0.0)
    return widths


def may_be_displaced(published: Floats, steps: Floats, spacing: Floats | float) -> Booleans:
    """Whether a threshold, a multiple of `spacing`, lies within a step of the published number."""
    beside = np.abs(published / spacing - np.round(published / spacing)) * spacing
    near: Booleans = beside <= steps + FINEST
    return near


def count_limits(steps: Floats, known: tuple[float, ...] = STEPS) -> tuple[Floats, Floats]:
    """Fewest and most respondents that have this step as a share's; 0 and infinity without one.

    The step is the finest that is not finer than one respondent, so that n >= 1 / step and
    n < 1 / (next finer step); the coarsest is that of all below, too.
    """
    ladder = np.sort(np.asarray(known))
    low, high = np.zeros(len(steps)), np.full(len(steps), np.inf)
    place = np.argmin(np.abs(ladder[:, None] - steps[None, :]), axis=0)
    told = (steps > 0) & np.isclose(ladder[place], steps, rtol=1e-6, atol=0)
    is_coarsest = place == len(ladder) - 1
    low[told & ~is_coarsest] = np.ceil(1 / ladder[place] - FINEST)[told & ~is_coarsest]
    finer = np.where(place > 0, ladder[np.maximum(place - 1, 0)], np.nan)
    has_finer = told & (place > 0)
    high[has_finer] = (np.ceil(1 / finer - FINEST) - 1)[has_finer]
    return low, high


def respondents_of_errors(
    error: Floats,
    error_half: Floats,
    design_effect: Floats,
    effect_half: Floats,
    variance_low: Floats,
    variance_high: Floats,
) -> tuple[Floats, Floats]:
    """Limits of n from design effect × variance / (n - 1) = error²; else 0 and infinity."""
    told = (error > error_half) & (design_effect > effect_half) & (variance_high > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = 1 + (design_effect - effect_half) * variance_low / (error + error_half) ** 2
        high = 1 + (design_effect + effect_half) * variance_high / (error - error_half) ** 2
    # digits of a double, in a quotient of differences
    slack = 1e-6 * np.where(told, high, 1.0)
    return (
        np.where(told, np.ceil(low - slack), 0.0),
        np.where(told, np.floor(high + slack), np.inf),
    )
