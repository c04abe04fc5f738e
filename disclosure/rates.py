"""Numbers of respondents per stratum: whether weights and rates undo the rounding of counts.

A mean weight is (N_h / N) × (n / n_h). With all its digits it fits one whole n_h only. A weight or
rate that follows from the rounded counts tells nothing that they do not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from disclosure.cells import Floats
from disclosure.release import Release
from disclosure.result import Recovered
from disclosure.subtraction import COUNT_WIDTH

RATES = "fct_response_rates"
GROUP = ["wave_id", "respondent_group"]
# half of the last of two decimals, and what all digits leave
DECIMALS, DIGITS = 0.005, 1e-9
# strata of few respondents that are published as one
FOLDED = "folded"


def counts_undone(release: Release, rounding: int) -> list[Recovered]:
    """Rounded counts of respondents that weights or rates give away."""
    rates = release.table(RATES, "population_units", "responded", "mean_weight", "response_rate")
    if rates is None or rounding <= 1:
        return []
    found = []
    for group, rows in rates.groupby(GROUP):
        keys = [(*map(str, group), str(stratum)) for stratum in rows["stratum"]]
        for path, undone in (
            ("mean_weight", _by_weights(rows, rounding)),
            ("response_rate", _by_rates(rows, rounding)),
        ):
            found += [
                Recovered(RATES, key, "responded", path, "rounded")
                for key, is_undone in zip(keys, undone, strict=True)
                if is_undone
            ]
    return found


def _by_weights(rows: pd.DataFrame, rounding: int) -> Floats:
    """Which counts are known to fewer than three from the mean weights of all strata."""
    population = rows["population_units"].to_numpy(np.float64)
    rounded = rows["responded"].to_numpy(np.float64)
    weight = rows["mean_weight"].to_numpy(np.float64, na_value=np.nan)
    nothing = np.zeros(len(rows))
    usable = ~np.isnan(weight) & (rounded > 0) & rows["stratum"].ne(FOLDED).to_numpy(np.bool_)
    if "weighting" in rows:
        usable &= rows["weighting"].eq("post_stratification").to_numpy(np.bool_)
    if not usable.any():
        return nothing
    share = population / population[~np.isnan(weight)].sum()
    on_step = bool((np.abs(weight * 100 - np.round(weight * 100))[usable] < 1e-7).all())
    half = DECIMALS + DIGITS if on_step else DIGITS
    following = share * rounded.sum() / np.maximum(rounded, 1)
    if (np.abs(following - weight)[usable] <= half).all():
        return nothing
    window = rounding // 2
    low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    spread = window * len(rows)
    for total in range(int(rounded.sum()) - spread, int(rounded.sum()) + spread + 1):
        least = np.ceil(share * total / (weight + half) - 1e-7)
        most = np.floor(share * total / np.maximum(weight - half, DIGITS) + 1e-7)
        least, most = np.maximum(least, rounded - window), np.minimum(most, rounded + window)
        if (least[usable] <= most[usable]).all():
            low, high = np.minimum(low, least), np.maximum(high, most)
    is_known: Floats = usable & np.isfinite(low) & (high - low < COUNT_WIDTH)
    return is_known


def _by_rates(rows: pd.DataFrame, rounding: int) -> Floats:
    """Which counts are the rate times the population, where that is not the rounded count."""
    population = rows["population_units"].to_numpy(np.float64)
    rounded = rows["responded"].to_numpy(np.float64)
    rate = rows["response_rate"].to_numpy(np.float64, na_value=np.nan)
    following = np.minimum(rounded / np.maximum(population, 1), 1.0)
    count = rate * population
    is_whole = np.abs(count - np.round(count)) < 1e-6 * np.maximum(population, 1)
    is_beside = np.abs(rate - following) > DIGITS
    undone: Floats = is_beside & is_whole & (np.abs(count - rounded) <= rounding / 2)
    return undone
