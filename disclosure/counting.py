"""Exact enumeration: which whole numbers of respondents and answers fit a published figure.

A share is Σ w k / Σ w n over the strata of its cell, where the weights w are known, and k and n are
whole. With all its digits it fits one set of numbers only, most of the time: that gives
respondents, endorsements and sums of scores inside each stratum, which nobody published. On its
step it fits many, and is narrowed to the fractions that whole numbers make.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from disclosure.cells import COUNT_COLUMN, STRATA, TINY, Booleans, Cells, Floats, Integers
from disclosure.frame import BLOCK, DOMAIN, Frame
from disclosure.release import Release

# a share that leaves less room than this has all its digits
DIGITS = 1e-12
# whole numbers that fit miss by less: weights have twelve decimals
NEAR = 1e-9
# strata of a cell, and sets of numbers, that are tried at most
MOST_STRATA, MOST_SETS = 3, 40_000_000
CHUNK = 2_000_000
# most respondents that a rounded number leaves open, to count them out
MOST_COUNTS = 12
ESTIMATES = "fct_indicator_estimates"


def tighten(cells: Cells, frame: Frame) -> Cells:
    """Cells in one stratum, with their intervals drawn in to fractions of whole numbers.

    Where everybody weighs the same, a share is k / n; numbers n for which no k fits are out too.
    """
    units = cells.blocks.droplevel("wave_id").map(frame.units).to_numpy()[cells.block]
    weights = _weights_of_domains(cells, frame)
    alike = weights[cells.block_group, cells.domain] == 1
    is_share = cells.measures.to_numpy()[cells.measure] != "mean"
    span = cells.count_high - cells.count_low
    chosen = np.flatnonzero(
        ~np.isnan(cells.estimate)
        & is_share
        & (units == "respondent")
        & alike
        & (span <= MOST_COUNTS)
    )
    value_low, value_high = cells.value_low.copy(), cells.value_high.copy()
    count_low, count_high = cells.count_low.copy(), cells.count_high.copy()
    number = count_low[chosen][:, None] + np.arange(MOST_COUNTS + 1)
    least = np.ceil(value_low[chosen][:, None] * number - NEAR * number)
    most = np.floor(value_high[chosen][:, None] * number + NEAR * number)
    inside = cells.is_inside[chosen][:, None]
    least, most = (
        np.where(inside, np.maximum(least, 1), least),
        np.where(inside, np.minimum(most, number - 1), most),
    )
    fits = (number <= count_high[chosen][:, None]) & (number > 0) & (most >= least)
    kept = fits.any(axis=1)
    chosen, fits = chosen[kept], fits[kept]
    number, least, most = number[kept], least[kept], most[kept]
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = np.where(fits, least / number, np.inf).min(axis=1)
        highest = np.where(fits, most / number, -np.inf).max(axis=1)
    is_rounded = value_high[chosen] - value_low[chosen] > DIGITS
    value_low[chosen[is_rounded]] = np.maximum(value_low[chosen], lowest - TINY)[is_rounded]
    value_high[chosen[is_rounded]] = np.minimum(value_high[chosen], highest + TINY)[is_rounded]
    count_low[chosen] = np.where(fits, number, np.inf).min(axis=1)
    count_high[chosen] = np.where(fits, number, -np.inf).max(axis=1)
    return replace(
        cells,
        value_low=value_low,
        value_high=value_high,
        count_low=count_low,
        count_high=count_high,
    )


def _weights_of_domains(cells: Cells, frame: Frame) -> Integers:
    """How many different weights respondents of a wave and group have in each domain."""
    pairs = pd.DataFrame(
        {
            "group": cells.group_of(frame.atoms),
            "weight": frame.atoms["weight"].round(10).to_numpy(),
        }
    )
    kinds = pairs.drop_duplicates().reset_index(drop=True)
    kind = pairs.merge(kinds.reset_index(), on=["group", "weight"], how="left")["index"].to_numpy()
    found = np.zeros((int(cells.block_group.max()) + 1, len(cells.domains)), dtype=np.int64)
    for group in np.unique(cells.block_group):
        here = np.flatnonzero(pairs["group"].to_numpy() == group)
        for one in np.unique(kind[here]):
            member = cells.incidence[here[kind[here] == one]].sum(axis=0)
            found[group] += np.asarray(member).ravel() > 0
    return found


@dataclass(frozen=True)
class Piece:
    """Respondents of a domain in one stratum: how many, endorsing, and the sum of their scores."""

    number: int
    endorsed: int
    scores: float | None


def work_out(
    release: Release, frame: Frame, cells: Cells, seconds: float = math.inf
) -> tuple[Release, Frame]:
    """The release and frame with what whole numbers tell of the strata inside published cells.

    Rows are added whose breakdown ends in `/stratum`: known ones, and unknown ones that others add
    up to. Without digits nothing is found, and both are returned as they are.
    """
    pieces = _Pieces(frame, cells, seconds).found
    if not pieces:
        return release, frame
    memberships = frame.memberships.merge(frame.atoms[["atom_id", "stratum"]], on="atom_id")
    memberships = memberships[memberships["breakdown"].isin(["total", "region", "swv"])]
    inner = pd.DataFrame(
        {
            "atom_id": memberships["atom_id"],
            "breakdown": memberships["breakdown"] + STRATA,
            "breakdown_value": memberships["breakdown_value"] + "/" + memberships["stratum"],
        }
    )
    return (
        replace(
            release, tables={**release.tables, ESTIMATES: _rows(release, frame, inner, pieces)}
        ),
        replace(frame, memberships=pd.concat([frame.memberships, inner], ignore_index=True)),
    )


def _rows(
    release: Release,
    frame: Frame,
    inner: pd.DataFrame,
    pieces: dict[tuple[str, str, str, str, str, str], Piece],
) -> pd.DataFrame:
    """Estimates with rows of the strata within domains, and the respondents that are known."""
    domains = (
        inner.merge(frame.atoms[["atom_id", "wave_id", "respondent_group"]], on="atom_id")
        .drop(columns="atom_id")
        .drop_duplicates()
    )
    estimates = release.estimates
    blocks = estimates.loc[estimates["measure"].isin(["share_endorsed", "mean"])]
    asked = blocks[[*BLOCK, "measure"]].drop_duplicates()
    rows = asked.merge(domains, on=["wave_id", "respondent_group"])
    value, number = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    known: dict[tuple[str, ...], float] = {}
    for place, key in enumerate(rows[[*BLOCK, *DOMAIN, "measure"]].itertuples(index=False)):
        breakdown, domain = key[3].removesuffix(STRATA), key[4].rsplit("/", 1)
        piece = pieces.get((key[0], key[1], key[2], breakdown, domain[0], domain[1]))
        if piece is None or piece.number == 0:
            continue
        if key[5] == "share_endorsed":
            value[place], number[place] = piece.endorsed / piece.number, piece.number
        elif piece.scores is not None:
            value[place], number[place] = piece.scores / piece.number, piece.number
    for named, piece in pieces.items():
        known[named[:5]] = known.get(named[:5], 0) + piece.number
    rows = rows.assign(
        estimate=value,
        n_respondents=np.nan,
        is_suppressed=np.isnan(value),
        suppression_reason=None,
        **{COUNT_COLUMN: number},
    )
    total = [
        known.get(key[:5], np.nan) if key[5] == "share_endorsed" else np.nan
        for key in estimates[[*BLOCK, *DOMAIN, "measure"]].itertuples(index=False)
    ]
    return pd.concat([estimates.assign(**{COUNT_COLUMN: total}), rows], ignore_index=True)


class _Pieces:
    """Enumeration over all cells of which the share has all its digits, smallest first."""

    def __init__(self, frame: Frame, cells: Cells, seconds: float) -> None:
        self.found: dict[tuple[str, str, str, str, str, str], Piece] = {}
        deadline = time.perf_counter() + seconds
        self.frame, self.cells = frame, cells
        measures = {name: place for place, name in enumerate(cells.measures)}
        if "share_endorsed" not in measures:
            return
        exact = cells.value_high - cells.value_low < DIGITS
        shares = np.flatnonzero(
            ~np.isnan(cells.estimate) & exact & (cells.measure == measures["share_endorsed"])
        )
        if not len(shares):
            return
        self._mean = measures.get("mean")
        self._strata = _strata_of_domains(frame, cells)
        self._weights = _weights_of_blocks(frame)
        jobs = [job for job in map(self._job, shares.tolist()) if job is not None]
        for job in sorted(jobs, key=lambda job: (len(job[1]), self.cells.count[job[0]])):
            if time.perf_counter() > deadline:
                break
            self._count_out(*job)

    def _job(self, cell: int) -> tuple[int, list[str], Floats] | None:
        block, domain = self.cells.blocks[self.cells.block[cell]], int(self.cells.domain[cell])
        weights = self._weights.get(block)
        strata = self._strata.get((block[0], block[2], domain))
        if weights is None or strata is None or len(strata) > MOST_STRATA:
            return None
        if not all(stratum in weights for stratum in strata):
            return None
        return cell, strata, np.array([weights[stratum] for stratum in strata])

    def _count_out(self, cell: int, strata: list[str], weights: Floats) -> None:
        cells = self.cells
        block = cells.blocks[cells.block[cell]]
        domain = cells.domains[cells.domain[cell]]
        low, high = cells.count_low[cell], cells.count_high[cell]
        if not np.isfinite(high):
            return
        limits = [self._limits(block, domain, stratum, int(high)) for stratum in strata]
        numbers = _numbers_that_fit(cells.estimate[cell], weights, int(low), int(high), limits)
        if numbers is None:
            return
        number, endorsed = numbers
        scores = self._scores(cell, block, weights, number)
        for place, stratum in enumerate(strata):
            self.found[(*block, *domain, stratum)] = Piece(
                int(number[place]),
                int(endorsed[place]),
                None if scores is None else float(scores[place]),
            )

    def _limits(
        self, block: tuple[str, str, str], domain: tuple[str, str], stratum: str, most: int
    ) -> tuple[int, int, int]:
        """Fewest respondents, fewest endorsing and fewest others: those of parts that are known."""
        if domain[0] != "region":
            return 0, 0, 0
        inside = self._parts.get((block[0], block[2], domain[1]), [])
        pieces = [self.found.get((*block, "swv", swv, stratum)) for swv in inside]
        known = [piece for piece in pieces if piece is not None]
        number = sum(piece.number for piece in known)
        endorsed = sum(piece.endorsed for piece in known)
        return number, endorsed, number - endorsed

    @property
    def _parts(self) -> dict[tuple[str, str, str], list[str]]:
        """The samenwerkingsverbanden of each province, by wave and group."""
        if not hasattr(self, "_parts_of"):
            memberships = self.frame.memberships
            named = {
                name: memberships[memberships["breakdown"] == name] for name in ("region", "swv")
            }
            both = (
                named["region"]
                .merge(named["swv"], on="atom_id")
                .merge(self.frame.atoms, on="atom_id")
            )
            key = ["wave_id", "respondent_group", "breakdown_value_y"]
            single = both.groupby(key)["breakdown_value_x"].transform("nunique") == 1
            self._parts_of = {
                (str(names[0]), str(names[1]), str(names[2])): sorted(
                    set(part["breakdown_value_y"])
                )
                for names, part in both[single].groupby([*key[:2], "breakdown_value_x"])
            }
        return self._parts_of

    def _scores(
        self, cell: int, block: tuple[str, str, str], weights: Floats, number: Integers
    ) -> Floats | None:
        """Sums of scores per stratum, from the mean, if one set of them fits."""
        cells, scale = self.cells, self.frame.scales[block[1]]
        if self._mean is None or scale.is_dont_know_negative:
            return None
        mean = cells.lookup[cells.block[cell], cells.domain[cell], self._mean]
        if mean < 0 or np.isnan(cells.estimate[mean]):
            return None
        step = 0.5 if scale.kind == "numeric" else 1.0
        room = round((scale.highest - scale.lowest) / step)
        total = (cells.estimate[mean] - scale.lowest) / step * float(weights @ number)
        ranges = [(0, int(n) * room) for n in number]
        sets = list(_sums_that_fit(total, weights, ranges, 2))
        if len(sets) != 1:
            return None
        found: Floats = sets[0] * step + number * scale.lowest
        return found


def _strata_of_domains(frame: Frame, cells: Cells) -> dict[tuple[str, str, int], list[str]]:
    pairs = frame.memberships.merge(frame.atoms, on="atom_id")
    pairs = pairs.assign(domain=cells.domains.get_indexer(pd.MultiIndex.from_frame(pairs[DOMAIN])))
    unique = pairs[["wave_id", "respondent_group", "domain", "stratum"]].drop_duplicates()
    return {
        (str(key[0]), str(key[1]), int(str(key[2]))): sorted(part["stratum"])
        for key, part in unique.groupby(["wave_id", "respondent_group", "domain"])
    }


def _weights_of_blocks(frame: Frame) -> dict[tuple[str, str, str], dict[str, float]]:
    """The weight of each stratum, for blocks in which everybody of a stratum weighs the same."""
    answers = frame.answers.merge(frame.atoms[["atom_id", "stratum"]], on="atom_id")
    both = answers["weight_substantive"].fillna(answers["weight_with_dont_know"])
    # a weight that is shared among those who knew tells who did not
    same = (both - answers["weight_with_dont_know"]).abs() < NEAR
    grouped = answers.assign(same=same, weight=answers["weight_with_dont_know"].round(10)).groupby(
        [*BLOCK, "stratum"]
    )
    told = grouped.agg(kinds=("weight", "nunique"), same=("same", "all"),
                       weight=("weight_with_dont_know", "first")).reset_index()  # fmt: skip
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for block, part in told.groupby(BLOCK):
        if part["kinds"].max() == 1 and part["same"].all():
            found[str(block[0]), str(block[1]), str(block[2])] = dict(
                zip(part["stratum"], part["weight"], strict=True)
            )
    return found


def _numbers_that_fit(
    share: float,
    weights: Floats,
    fewest: int,
    most: int,
    limits: list[tuple[int, int, int]],
) -> tuple[Integers, Integers] | None:
    """Respondents and endorsements per stratum that make this share, if one set of them does."""
    spare = most - sum(number for number, _, _ in limits)
    if spare < 0:
        return None
    others = [range(number, number + spare + 1) for number, _, _ in limits[:-1]]
    work = 0
    found: tuple[Integers, Integers] | None = None
    for numbers in product(*others):
        used = sum(numbers)
        for last in range(max(limits[-1][0], fewest - used), most - used + 1):
            number = np.array([*numbers, last])
            ranges = [
                (least, int(n) - no) for n, (_, least, no) in zip(number, limits, strict=True)
            ]
            work += math.prod(max(high - low + 1, 1) for low, high in ranges[:-1])
            if work > MOST_SETS:
                return None
            total = share * float(weights @ number)
            for endorsed in _sums_that_fit(total, weights, ranges, 2):
                if found is not None:
                    return None
                found = number, endorsed
    return found


def _sums_that_fit(
    total: float, weights: Floats, ranges: list[tuple[int, int]], most: int
) -> Iterator[Integers]:
    """Whole numbers in these ranges whose weighted sum is the total; at most so many sets."""
    if any(high < low for low, high in ranges):
        return
    if math.prod(high - low + 1 for low, high in ranges[:-1]) > CHUNK:
        # too many to tell them apart
        return
    axes = [np.arange(low, high + 1, dtype=np.float64) for low, high in ranges[:-1]]
    sums = np.zeros(1)
    for weight, axis in zip(weights[:-1], axes, strict=True):
        sums = (sums[:, None] + weight * axis).ravel()
    last = (total - sums) / weights[-1]
    whole = np.round(last)
    tolerance = NEAR * max(1.0, abs(total))
    fits: Booleans = (
        (np.abs(last - whole) < tolerance) & (whole >= ranges[-1][0]) & (whole <= ranges[-1][1])
    )
    shape = tuple(len(axis) for axis in axes)
    for place in np.flatnonzero(fits)[:most]:
        index = np.unravel_index(place, shape) if shape else ()
        yield np.array(
            [*(int(axis[at]) for axis, at in zip(axes, index, strict=True)), int(whole[place])]
        )
