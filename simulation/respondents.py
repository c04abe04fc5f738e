"""Rows of a delivery before any question is answered: who they are and how far they came.

Besides the respondents of the sample there are rows as every delivery has them, which the
warehouse must find and drop: test records, answers from other sources, abandoned questionnaires,
and the earlier attempt of somebody who came back later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.population import Places, Population, Sample
from simulation.questionnaires import Array, Wave
from simulation.remarks import draw_remarks

COMPLETE, UNFINISHED, EARLIER = "complete", "unfinished", "earlier"
TEST, OTHER_SOURCE, ABANDONED = "test", "other_source", "abandoned"
UNFINISHED_RATE = 0.03  # of the sample; these answered enough to be kept
EXTRA_RATES = {TEST: 0.01, OTHER_SOURCE: 0.01, ABANDONED: 0.02}
EARLIER_RATE = 0.015
# share of the core items that rows without an end time answered
REACH = {UNFINISHED: (0.65, 0.95), ABANDONED: (0.0, 0.38), EARLIER: (0.1, 0.6)}

MEDIAN_SECONDS, LOG_SD_SECONDS = 600, 0.45
NETWORKS = ["192.0.2", "198.51.100"]  # reserved for documentation
BROWSERS = ["Chrome 127", "Edge 126", "Firefox 128", "Safari 17", "Safari 17 (iPhone)"]
EXPERIENCE, EXPERIENCE_SHARES = ["under_5", "5_to_15", "over_15"], [0.25, 0.4, 0.35]


@dataclass(frozen=True)
class Rows:
    """Rows to be answered.

    `respondent` is a position in the sample, `reach` the number of core items reached, `source`
    the row that an earlier attempt belongs to, and for every other row itself.
    """

    sample: Sample
    kind: Array
    respondent: Places
    reach: Places
    source: Places

    @property
    def is_kept(self) -> NDArray[np.bool_]:
        """Rows that count as respondents."""
        return np.isin(self.kind, [COMPLETE, UNFINISHED])

    @property
    def unit(self) -> Places:
        """The sampling unit of each row."""
        return self.sample.unit[self.respondent]


def make_rows(rng: np.random.Generator, sample: Sample, core_items: int) -> Rows:
    """The respondents of a sample and the rows beside them, at least one of every kind."""
    count = len(sample.unit)
    sampled = np.where(rng.random(count) < UNFINISHED_RATE, UNFINISHED, COMPLETE)
    extra = np.repeat(
        list(EXTRA_RATES), [max(1, round(rate * count)) for rate in EXTRA_RATES.values()]
    )
    complete = np.flatnonzero(sampled == COMPLETE)
    again = rng.choice(complete, max(1, round(EARLIER_RATE * len(complete))), replace=False)
    kind = np.concatenate([sampled, extra, np.full(len(again), EARLIER)]).astype(object)
    reach = np.full(len(kind), core_items + 1)
    for name, (low, high) in REACH.items():
        items = rng.uniform(low, high, len(kind)) * core_items
        items = np.ceil(items) if name == UNFINISHED else np.floor(items)
        reach = np.where(kind == name, items.astype(np.intp), reach)
    return Rows(
        sample,
        kind,
        respondent=np.concatenate([np.arange(count), rng.integers(count, size=len(extra)), again]),
        reach=reach,
        source=np.concatenate([np.arange(count + len(extra)), again]),
    )


def describe(
    rng: np.random.Generator, rows: Rows, population: Population, wave: Wave, psu_attribute: str
) -> dict[str, Array]:
    """Identifiers, paradata and background per row, by `attribute` or `role` of the codebook.

    Breakdowns are breakdown values (such as `po`), durations seconds, times without a zone.
    """
    count, units, unit = len(rows.kind), rows.sample.units, rows.unit
    hosts = rng.integers(1, 255, count).tolist()
    weight = rows.sample.weights["respondent"][rows.respondent]
    facts = {
        "login": 1_000_000 + rng.choice(9_000_000, count, replace=False),
        "email": np.array([f"deelnemer{number}@example.nl" for number in range(count)], object),
        "ip_address": np.array([f"{NETWORKS[host % 2]}.{host}" for host in hosts], object),
        "data_source": np.where(rows.kind == OTHER_SOURCE, rng.integers(4, 7, count), 1),
        "is_test": np.where(rows.kind == TEST, "yes", "no"),
        "sector": units.sector[unit],
        "region": units.region[unit],
        "school_size": units.size[unit],
        "swv": population.swv_codes[units.swv[unit]],
        "experience": rng.choice(EXPERIENCE, count, p=EXPERIENCE_SHARES),
        "has_support_plan": rng.choice(["yes", "no"], count, p=[0.7, 0.3]),
        "weight": (weight / weight.mean() * rng.normal(1, 0.02, count)).round(4),
        "browser": rng.choice(BROWSERS, count).astype(object),
        "open_text": draw_remarks(rng, count),
        psu_attribute: units.code[unit],
    }
    return {name: values[rows.source] for name, values in facts.items()} | _times(rng, rows, wave)


def _times(rng: np.random.Generator, rows: Rows, wave: Wave) -> dict[str, Array]:
    """Start, end and duration; more rows early in the fieldwork, all by daylight."""
    count = len(rows.kind)
    seconds = rng.lognormal(np.log(MEDIAN_SECONDS), LOG_SD_SECONDS, count).clip(60, 7200)
    is_short = np.isin(rows.kind, [ABANDONED, EARLIER])
    seconds = np.where(is_short, seconds * 0.3, seconds).astype(np.int64)
    days = ((wave.end - wave.start).days + 1) * rng.random(count) ** 1.5
    since_ten = rng.integers(0, 11 * 3600, count)
    started = (
        np.datetime64(wave.start, "us")
        + days.astype("timedelta64[D]")
        + (10 * 3600 + since_ten).astype("timedelta64[s]")
    )[rows.source]
    before = rng.integers(40 * 60, 90 * 60, count).astype("timedelta64[s]")
    started = np.where(rows.kind == EARLIER, started - before, started)
    is_open = np.isin(rows.kind, list(REACH))
    return {
        "started_at": started,
        "completed_at": np.where(
            is_open, np.datetime64("NaT"), started + seconds.astype("timedelta64[s]")
        ),
        "duration_seconds": seconds,
    }
