"""The cells of a release in arrays, each with what the attacker knows of its denominator."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from disclosure.frame import BLOCK, DOMAIN, Frame
from disclosure.precision import (
    FINEST,
    THRESHOLDS,
    THRESHOLDS_OF_MEANS,
    count_limits,
    half_widths,
    may_be_displaced,
    respondents_of_errors,
    steps_kept,
    steps_of,
)
from disclosure.release import Release

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

KEYS = [*BLOCK, *DOMAIN, "measure"]
TINY = 1e-9
# ends the name of a breakdown whose values are cut by stratum: what the attacker works out
STRATA = "/stratum"
# column of respondents that the attacker worked out
COUNT_COLUMN = "known_respondents"
# design effects have one decimal
EFFECT_STEP = 0.1


@dataclass(frozen=True)
class Cells:
    """One element a row of fct_indicator_estimates, and lookups by block, domain and measure.

    A block is a wave, indicator and group; a domain is a value of a breakdown. `count` and `mass`
    are true denominators (respondents, and their weight); `published_count` is the rounded one,
    NaN where withheld. `low` and `high` are the range of the measure, `value_low` and `value_high`
    what its published figure says of the exact one. `count_low` and `count_high` are what a
    published count, step or error, or the reason for which it is withheld, says of the true count.
    `is_inside` marks published shares that tell that somebody, and not everybody, said so.
    `is_derived` marks rows that the attacker worked out, which are no rows of the release.
    """

    keys: pd.DataFrame
    blocks: pd.MultiIndex
    domains: pd.MultiIndex
    measures: pd.Index
    block: Integers
    domain: Integers
    measure: Integers
    estimate: Floats
    value_low: Floats
    value_high: Floats
    is_inside: Booleans
    is_derived: Booleans
    is_suppressed: Booleans
    reason: npt.NDArray[np.object_]
    count: Floats
    mass: Floats
    counts_dont_know: Booleans
    low: Floats
    high: Floats
    count_low: Floats
    count_high: Floats
    is_at_an_end: Booleans
    lookup: Integers
    incidence: sparse.csr_matrix

    @classmethod
    def of(cls, release: Release, frame: Frame) -> Cells:
        """Join the release's estimates to the frame's denominators."""
        estimates = release.estimates
        blocks = pd.MultiIndex.from_frame(estimates[BLOCK].drop_duplicates().sort_values(BLOCK))
        domains = pd.MultiIndex.from_frame(
            pd.concat([frame.memberships[DOMAIN], estimates[DOMAIN]])
            .drop_duplicates()
            .sort_values(DOMAIN)
        )
        measures = pd.Index(sorted(estimates["measure"].unique()))
        block = _positions(blocks, estimates[BLOCK])
        domain = _positions(domains, estimates[DOMAIN])
        measure = measures.get_indexer(estimates["measure"]).astype(np.int64)

        incidence = sparse.csr_matrix(
            (
                np.ones(len(frame.memberships)),
                (
                    frame.memberships["atom_id"].to_numpy(),
                    _positions(domains, frame.memberships[DOMAIN]),
                ),
            ),
            shape=(len(frame.atoms), len(domains)),
        )
        counts, masses = _denominators(frame, blocks, incidence)

        scales = [frame.scales[code] for code in blocks.get_level_values("indicator_code")]
        with_dont_know = np.array(
            [[scale.counts_dont_know(name) for name in measures] for scale in scales]
        )[block, measure]
        ranges = np.array([[scale.bounds(name) for name in measures] for scale in scales])
        low, high = ranges[block, measure].T
        negative = np.array([scale.is_dont_know_negative for scale in scales])
        kind = with_dont_know.astype(np.int64)
        lookup = np.full((len(blocks), len(domains), len(measures)), -1, dtype=np.int64)
        lookup[block, domain, measure] = np.arange(len(estimates))

        count = counts[kind, block, domain]
        is_suppressed = estimates["is_suppressed"].to_numpy(dtype=np.bool_)
        reasons = estimates["suppression_reason"].astype(object).to_numpy()
        published = estimates["n_respondents"].to_numpy(dtype=np.float64, na_value=np.nan)
        kinds = np.array([scale.kind for scale in scales], dtype=object)[block]
        count_low, count_high = count_bounds(
            published, reasons, estimates["measure"], kinds, with_dont_know, count, frame.rules
        )
        value_low, value_high, is_inside = _figures(estimates, low, high)
        unit_of_block = blocks.droplevel("wave_id").map(frame.units).to_numpy()
        for told_low, told_high in _counts_of_precision(
            estimates, high - low, value_low, value_high, unit_of_block[block], frame.steps
        ):
            count_low = np.maximum(count_low, told_low)
            count_high = np.minimum(count_high, told_high)
        of_group = estimates["respondent_group"].map(frame.has_swv_breakdown).to_numpy(np.bool_)
        if COUNT_COLUMN in estimates:
            told = estimates[COUNT_COLUMN].to_numpy(np.float64, na_value=np.nan)
            count_low = np.where(np.isnan(told), count_low, told)
            count_high = np.where(np.isnan(told), count_high, told)
        # one leader a samenwerkingsverband: everybody knows
        is_one_person = (
            (unit_of_block[block] == "samenwerkingsverband")
            & (estimates["breakdown"] == "swv").to_numpy()
            & ~of_group
            & (count <= 1)
        )
        return cls(
            keys=estimates[KEYS],
            blocks=blocks,
            domains=domains,
            measures=measures,
            block=block,
            domain=domain,
            measure=measure,
            estimate=estimates["estimate"].to_numpy(dtype=np.float64, na_value=np.nan),
            value_low=value_low,
            value_high=value_high,
            is_inside=is_inside,
            is_derived=estimates["breakdown"].str.endswith(STRATA).to_numpy(np.bool_),
            is_suppressed=is_suppressed,
            reason=np.where(is_suppressed, reasons, ""),
            count=count,
            mass=masses[kind, block, domain],
            counts_dont_know=with_dont_know,
            low=low,
            high=high,
            count_low=count_low,
            count_high=np.where(is_one_person, np.minimum(count_high, 1), count_high),
            is_at_an_end=tells_an_end(estimates, of_group, negative[block]),
            lookup=lookup,
            incidence=incidence,
        )

    @property
    def block_group(self) -> Integers:
        """For each cell, a number for its wave and group."""
        return self._groups.get_indexer(self.blocks.droplevel("indicator_code"))[self.block]

    @property
    def _groups(self) -> pd.MultiIndex:
        return pd.MultiIndex.from_tuples(self.blocks.droplevel("indicator_code").unique())

    def group_of(self, atoms: pd.DataFrame) -> Integers:
        """The number of the wave and group of these atoms; -1 where nothing was asked."""
        return _positions(self._groups, atoms[["wave_id", "respondent_group"]])

    def locate(self, rows: pd.DataFrame) -> Integers:
        """Positions of the cells with the keys of these rows; -1 where there is none."""
        block = _positions(self.blocks, rows[BLOCK])
        domain = _positions(self.domains, rows[DOMAIN])
        measure = self.measures.get_indexer(pd.Index(rows["measure"])).astype(np.int64)
        found = self.lookup[block, domain, measure]
        return np.where((block < 0) | (domain < 0) | (measure < 0), -1, found)

    @property
    def is_target(self) -> Booleans:
        """Withheld cells that somebody answered; the others hold nothing to find."""
        return self.is_suppressed & ~self.is_derived & (self.count >= 1) & (self.mass > TINY)

    @property
    def needed_width(self) -> Floats:
        """How far apart the bounds of a cell must stay: a tenth of its range."""
        tenth: Floats = 0.1 * (self.high - self.low)
        return tenth


def _figures(
    estimates: pd.DataFrame, lowest: Floats, highest: Floats
) -> tuple[Floats, Floats, Booleans]:
    """Lowest and highest exact figure behind each published one, and whether it is inside 0 to 1.

    Only figures of the total carry flags of their own, verdicts and sentences.
    """
    published = estimates["estimate"].to_numpy(np.float64, na_value=np.nan)
    steps = steps_kept(published, steps_of(estimates), lowest)
    is_mean = estimates["measure"].eq("mean").to_numpy(np.bool_)
    has_flags = estimates["breakdown"].eq("total").to_numpy(np.bool_)
    spacing = np.where(is_mean, THRESHOLDS_OF_MEANS, THRESHOLDS)
    half = half_widths(steps, has_flags & may_be_displaced(published, steps, spacing))
    known = ~np.isnan(published)
    low = np.where(known, np.maximum(published - half, lowest), lowest)
    high = np.where(known, np.minimum(published + half, highest), highest)
    # only a figure at an end of its scale is published there: others are a step inside it
    is_rounded = known & (steps > 0)
    is_lowest, is_highest = (
        is_rounded & (np.abs(published - end) < FINEST) for end in (lowest, highest)
    )
    beside_lowest = is_rounded & (np.abs(published - steps - lowest) < FINEST)
    beside_highest = is_rounded & (np.abs(published + steps - highest) < FINEST)
    low = np.where(beside_lowest, lowest, np.where(is_highest, highest - FINEST, low))
    high = np.where(beside_highest, highest, np.where(is_lowest, lowest + FINEST, high))
    # full digits may lie a rounding beside the scale
    exact = known & (half == 0)
    low[exact] = high[exact] = published[exact]
    # a share that is published inside its scale is neither nobody nor everybody
    is_inside = is_rounded & ~is_mean & ~is_lowest & ~is_highest
    if "ci_method" not in estimates:
        return low, high, is_inside
    method = estimates["ci_method"].astype(object)
    is_at_end = known & method.eq("wilson").to_numpy(np.bool_)
    at = np.where(published < 0.5, 0.0, 1.0)
    low, high = np.where(is_at_end, at, low), np.where(is_at_end, at, high)
    return low, high, is_inside | (known & method.eq("logit").to_numpy(np.bool_))


def _counts_of_precision(
    estimates: pd.DataFrame,
    value_range: Floats,
    value_low: Floats,
    value_high: Floats,
    unit: npt.NDArray[np.object_],
    steps: tuple[float, ...],
) -> list[tuple[Floats, Floats]]:
    """Limits of the number of respondents: from the step, and from the error and design effect."""
    step = steps_of(estimates)
    told = [count_limits(step / value_range, steps)]
    if {"standard_error", "design_effect"} <= set(estimates.columns):
        error = estimates["standard_error"].to_numpy(np.float64, na_value=np.nan)
        effect = estimates["design_effect"].to_numpy(np.float64, na_value=np.nan)
        # the mean square of a share of respondents is the share itself
        usable = ~estimates["measure"].eq("mean").to_numpy(np.bool_) & (unit == "respondent")
        error = np.where(usable, error, np.nan)
        ends = value_low * (1 - value_low), value_high * (1 - value_high)
        most = np.where((value_low <= 0.5) & (value_high >= 0.5), 0.25, np.maximum(*ends))
        told.append(
            respondents_of_errors(
                error,
                half_widths(steps_kept(error, step), step > 0),
                effect,
                half_widths(
                    steps_kept(effect, np.where(step > 0, EFFECT_STEP, 0.0)),
                    np.zeros(len(step), dtype=np.bool_),
                ),
                np.minimum(*ends),
                most,
            )
        )
    return told


def _positions(index: pd.MultiIndex, rows: pd.DataFrame) -> Integers:
    return index.get_indexer(pd.MultiIndex.from_frame(rows)).astype(np.int64)


def _denominators(
    frame: Frame, blocks: pd.MultiIndex, incidence: sparse.csr_matrix
) -> tuple[Floats, Floats]:
    """Respondents and weight in each (denominator, block, domain); 1 counts *don't know* too."""
    answers = frame.answers
    block = _positions(blocks, answers[BLOCK])
    known = block >= 0  # a wave that is not closed is not in the release
    shape = (len(blocks), incidence.shape[0])
    where = (block[known], answers["atom_id"].to_numpy()[known])
    number = answers["n"].to_numpy(np.float64)[known]
    is_substantive = answers["option"].notna().to_numpy()[known]
    weights = answers[["weight_substantive", "weight_with_dont_know"]].fillna(0.0).to_numpy()[known]

    def total(values: Floats) -> Floats:
        dense: Floats = (sparse.csr_matrix((values, where), shape=shape) @ incidence).toarray()
        return dense

    return (
        np.stack([total(number * is_substantive), total(number)]),
        np.stack([total(number * weights[:, 0]), total(number * weights[:, 1])]),
    )


def count_bounds(
    published: Floats,
    reasons: npt.NDArray[np.object_],
    measures: pd.Series[str],
    kinds: npt.NDArray[np.object_],
    with_dont_know: Booleans,
    count: Floats,
    rules: dict[str, int],
) -> tuple[Floats, Floats]:
    """Lowest and highest number of respondents that the attacker must reckon with.

    A published count was rounded and passed the threshold; a reason tells on which side of the
    threshold a withheld one lies. A row exists because somebody of the wave is there, whether or
    not anybody answered the question.

    Share and mean are withheld together, when the smaller of their numbers is too small, so that
    `small_n` limits the number with *don't know* only where there is no mean. The options of yes
    or no are as good as the share, and may be published from the lower threshold on.
    """
    step, least = rules["count_rounding"], rules["min_respondents"]
    of_distribution = rules["min_distribution_respondents"]
    is_option = measures.str.startswith("share_option_").to_numpy(np.bool_)
    is_distribution = is_option | measures.eq("share_dont_know").to_numpy(np.bool_)
    is_yes_or_no = is_option & (kinds == "nominal")
    threshold = np.where(is_distribution & ~is_yes_or_no, of_distribution, least)
    is_published = ~np.isnan(published)
    passed = is_published | np.isin(reasons, ["complementary", "few_schools"])
    lowest = np.where(passed, threshold, 0)
    low = np.where(is_published, np.maximum(lowest, np.ceil(published - step / 2)), lowest)
    high = np.full(len(count), math.inf)
    high = np.where(is_published, np.floor(published + step / 2), high)
    is_limited = (reasons == "small_n") & (
        ~with_dont_know | ((kinds == "nominal") & ~is_distribution)
    )
    high = np.where(is_limited, np.where(is_distribution, of_distribution, least) - 1, high)
    return low.astype(np.float64), high


def tells_an_end(
    estimates: pd.DataFrame, has_swv_breakdown: Booleans, is_dont_know_negative: Booleans
) -> Booleans:
    """Shares withheld as `identifiable` where that means: everybody, or nobody.

    Per samenwerkingsverband of a group without that breakdown it says nothing. Where *don't know*
    counts, everybody who knew may have endorsed, and the share is still below one.
    """
    means_an_end = estimates["breakdown"].eq("region").to_numpy(np.bool_) | (
        estimates["breakdown"].eq("swv").to_numpy(np.bool_) & has_swv_breakdown
    )
    is_share = estimates["measure"].eq("share_endorsed").to_numpy(np.bool_)
    is_told = (estimates["suppression_reason"].astype(object) == "identifiable").to_numpy(np.bool_)
    return is_told & is_share & means_an_end & ~is_dont_know_negative
