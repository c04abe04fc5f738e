"""The attack by subtraction: every linear relation between published figures, over all tables.

Every published number is an interval of its step. The attacker is credited with exact denominators
here, which is more than he has: a part that is the only unknown of its total is bounded as closely
as the steps allow, however coarse the counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.bounds import System
from disclosure.cells import TINY, Cells, Floats, Integers
from disclosure.frame import BLOCK, DOMAIN, Frame
from disclosure.precision import FINEST, half_widths, steps_of
from disclosure.release import Release
from disclosure.result import Recovered

ESTIMATES = "fct_indicator_estimates"
COUNT_WIDTH = 3
# figures that agree to this are one figure that was added in another order
SAME = 1e-9


def subtraction_attack(
    release: Release, frame: Frame, earlier: Sequence[Release] = (), cells: Cells | None = None
) -> list[Recovered]:
    """Withheld cells that the published figures, taken together one relation at a time, give away.

    Takes one to two seconds on five waves. `earlier` are releases that were published before.
    """
    cells = cells or Cells.of(release, frame)
    nestings = nested_parts(frame, cells)
    bounds = estimate_bounds(release, frame, cells, nestings, earlier)
    found = {
        *_estimates_recovered(cells, bounds),
        *_benchmarks_recovered(frame, bounds),
        *_counts_recovered(frame, cells, nestings),
        *_goal_scores_recovered(release, frame, cells, nestings),
        *_differences_between_releases(release, frame, earlier),
    }
    return sorted(frame.judge(found))


@dataclass(frozen=True)
class Nesting:
    """Domains of one breakdown whose respondents all lie in another domain, the parent.

    `blocks` are those of the wave and group; parent and children are positions of domains.
    `has_rest` says whether the parent has respondents beside them.
    """

    blocks: Integers
    parent: int
    breakdown: str
    children: Integers
    has_rest: bool


def nested_parts(frame: Frame, cells: Cells) -> list[Nesting]:
    """All domains whose respondents lie in another.

    By wave and group, over all breakdowns: the total and its parts, a region and its
    samenwerkingsverbanden, whatever else is nested among the respondents who are there.
    """
    breakdown = cells.domains.get_level_values("breakdown").to_numpy()
    groups = pd.MultiIndex.from_frame(frame.atoms[["wave_id", "respondent_group"]])
    of_blocks = cells.blocks.droplevel("indicator_code")
    found = []
    for group in of_blocks.unique():
        blocks = np.flatnonzero(of_blocks == group)
        atoms = np.flatnonzero(groups == group)
        member = cells.incidence[atoms]
        weighted = member.multiply(frame.atoms["n"].to_numpy()[atoms][:, None]).tocsr()
        overlap = (member.T @ weighted).toarray()  # respondents in both domains
        size = overlap.diagonal()
        for parent in np.flatnonzero(size):
            inside = (overlap[parent] == size) & (size > 0)
            inside &= breakdown != breakdown[parent]
            for name in np.unique(breakdown[inside]):
                if name != "total":
                    children = np.flatnonzero(inside & (breakdown == name))
                    has_rest = bool(size[children].sum() < size[parent])
                    found.append(Nesting(blocks, int(parent), str(name), children, has_rest))
    return found


@dataclass(frozen=True)
class Bounds:
    """Unknowns with their bounds: first the estimates, in the order of the cells, then others.

    `benchmarks` are rows of the release, `pooled` the unknown of each.
    """

    system: System
    benchmarks: pd.DataFrame
    pooled: Integers


def estimate_bounds(
    release: Release,
    frame: Frame,
    cells: Cells,
    nestings: Sequence[Nesting],
    earlier: Sequence[Release] = (),
) -> Bounds:
    """Bounds of estimates and benchmarks, as far as relations draw them in."""
    system = System(cells.value_low.copy(), cells.value_high.copy())
    _relate_parts(system, cells, nestings)
    _relate_measures(system, frame, cells)
    _relate_changes(system, release, cells)
    _relate_gaps(system, release, frame, cells)
    benchmarks, pooled = _relate_benchmarks(system, release, frame, cells, nestings)
    _relate_statements(system, release, frame, cells)
    system.start()
    _use_earlier_releases(system, cells, earlier)
    _use_verdicts(system, release, frame, cells)
    for _ in range(20):
        moved = system.propagate()
        moved |= _use_mean_and_share(system, frame, cells)
        moved |= _use_reasons(system, cells)
        if not moved:
            break
    return Bounds(system, benchmarks, pooled)


def _estimates_recovered(cells: Cells, bounds: Bounds) -> list[Recovered]:
    system = bounds.system
    width = (system.high - system.low)[: len(cells.estimate)]
    found = np.flatnonzero(cells.is_target & (width < cells.needed_width - TINY))
    return _recovered(cells, found, "estimate", system, found)


def _benchmarks_recovered(frame: Frame, bounds: Bounds) -> list[Recovered]:
    """Withheld figures of pooled waves; those without respondents have no unknown."""
    system, rows, unknown = bounds.system, bounds.benchmarks, bounds.pooled
    if rows.empty:
        return []
    ranges = [
        frame.scales[str(code)].bounds(str(measure))
        for code, measure in zip(rows["indicator_code"], rows["measure"], strict=True)
    ]
    needed = 0.1 * np.diff(np.array(ranges)).ravel()
    is_narrow = system.high[unknown] - system.low[unknown] < needed - TINY
    found = np.flatnonzero((unknown >= 0) & rows["is_suppressed"].to_numpy(np.bool_) & is_narrow)
    keys = rows[["swv_code", "indicator_code", "respondent_group"]].iloc[found]
    return [
        Recovered(
            "fct_swv_benchmarks",
            tuple(map(str, key)),
            "estimate",
            system.path(int(unknown[row])),
            str(rows["suppression_reason"].iloc[row]),
        )
        for row, key in zip(found, keys.itertuples(index=False), strict=True)
    ]


def _recovered(
    cells: Cells, found: Integers, quantity: str, system: System, positions: Integers
) -> list[Recovered]:
    keys = cells.keys.iloc[found].itertuples(index=False, name=None)
    return [
        Recovered(ESTIMATES, tuple(map(str, key)), quantity, system.path(int(position)), reason)
        for key, position, reason in zip(keys, positions, cells.reason[found], strict=True)
    ]


def _relate_parts(system: System, cells: Cells, nestings: Sequence[Nesting]) -> None:
    """A figure is the weighted mean of its parts, and of a rest that no row shows."""
    names = cells.domains.get_level_values("breakdown")
    for nesting in nestings:
        whole = cells.lookup[nesting.blocks, nesting.parent].ravel()  # blocks × measures
        parts = cells.lookup[np.ix_(nesting.blocks, nesting.children)]
        parts = np.moveaxis(parts, 1, 2).reshape(len(whole), -1)
        is_there = (whole >= 0) & (parts >= 0).any(axis=1)
        whole, parts = whole[is_there], parts[is_there]
        mass = np.where(parts >= 0, cells.mass[parts], 0.0)
        of_whole = cells.mass[whole]
        positive = of_whole > TINY
        whole, parts, mass, of_whole = (
            values[positive] for values in (whole, parts, mass, of_whole)
        )
        if not len(whole):
            continue
        rest = of_whole - mass.sum(axis=1)
        has_rest = rest > TINY * of_whole + TINY
        others = np.full(len(whole), -1)
        others[has_rest] = system.unknowns(cells.low[whole[has_rest]], cells.high[whole[has_rest]])
        system.relate(
            f"{names[nesting.parent]}_minus_{nesting.breakdown}",
            np.column_stack([whole, parts, others]),
            np.column_stack([-np.ones(len(whole)), mass / of_whole[:, None], rest / of_whole]),
        )


def _relate_measures(system: System, frame: Frame, cells: Cells) -> None:
    """Options add up to one, endorsed ones to the share, and scores to the mean."""
    position = {name: number for number, name in enumerate(cells.measures)}
    codes = cells.blocks.get_level_values("indicator_code")
    units = cells.blocks.droplevel("wave_id").map(frame.units)
    for code in codes.unique():
        scale = frame.scales[code]
        endorsed = {option: is_endorsed for option, _, is_endorsed in scale.options}
        scores = {option: score for option, score, _ in scale.options}
        columns = [position.get(f"share_option_{option}", -1) for option in endorsed]
        if -1 in columns:
            continue
        blocks = np.flatnonzero(codes == code)
        options = cells.lookup[blocks][:, :, columns].reshape(-1, len(columns))
        rows = {
            name: cells.lookup[blocks][:, :, position[name]].ravel()
            if name in position
            else np.full(len(options), -1)
            for name in ("share_endorsed", "mean", "share_dont_know")
        }
        # of a denominator without anybody nothing can be said
        is_there = (options >= 0).all(axis=1) & (cells.mass[options[:, 0]] > TINY)
        options = options[is_there]
        rows = {name: row[is_there] for name, row in rows.items()}
        system.relate("options", options, np.ones(len(columns)), 1.0)
        if scale.kind == "numeric":
            continue  # half marks are counted under whole ones
        has_mean = rows["mean"] >= 0
        system.relate(
            "mean_of_options",
            np.column_stack([rows["mean"], options])[has_mean],
            np.array([-1.0, *(scores[option] for option in scores)]),
        )
        is_endorsed = np.array([float(endorsed[option]) for option in endorsed])
        share, dont_know = rows["share_endorsed"], rows["share_dont_know"]
        if not scale.is_dont_know_negative:
            system.relate(
                "endorsed_options",
                np.column_stack([share, options])[share >= 0],
                np.array([-1.0, *is_endorsed]),
            )
            continue
        # endorsed out of all is endorsed out of those who knew, times the share who knew
        unit = units.to_numpy()[blocks].repeat(len(cells.domains))[is_there]
        usable = (share >= 0) & (dont_know >= 0) & (unit == "respondent")
        share, dont_know, options = share[usable], dont_know[usable], options[usable]
        # of a rounded factor the middle is taken, and the rest is room: the other is at most one
        fewest, most = cells.value_low[dont_know], cells.value_high[dont_know]
        knew = 1 - (fewest + most) / 2
        published = ~np.isnan(cells.estimate[dont_know])
        system.relate_within(
            "endorsed_options",
            np.column_stack([share, options])[published],
            np.column_stack([-np.ones(len(share)), np.outer(knew, is_endorsed)])[published],
            0.0,
            (most - fewest)[published] / 2,
        )
        least, most = (side[options] @ is_endorsed for side in (cells.value_low, cells.value_high))
        together = (least + np.minimum(most, 1.0)) / 2
        solvable = ~published & (least > TINY) & ~np.isnan(cells.estimate[options]).any(axis=1)
        system.relate_within(
            "endorsed_options",
            np.column_stack([dont_know, share])[solvable],
            np.column_stack([together, np.ones(len(share))])[solvable],
            together[solvable],
            (np.minimum(most, 1.0) - least)[solvable] / 2,
        )


def _relate_changes(system: System, release: Release, cells: Cells) -> None:
    changes = release.table("fct_indicator_changes", "change", "baseline_wave_id")
    if changes is None:
        return
    changes = changes[changes["change"].notna()]
    now = cells.locate(changes)
    baseline = cells.locate(changes.assign(wave_id=changes["baseline_wave_id"]))
    _relate_differences(system, "change", now, baseline, changes["change"], steps_of(changes))


def _relate_gaps(system: System, release: Release, frame: Frame, cells: Cells) -> None:
    gaps = release.table("fct_perspective_gaps", "gap", "group_a", "group_b")
    if gaps is None:
        return
    gaps = _with_measure(gaps[gaps["gap"].notna()], frame)
    one = cells.locate(gaps.assign(respondent_group=gaps["group_a"]))
    other = cells.locate(gaps.assign(respondent_group=gaps["group_b"]))
    _relate_differences(system, "gap", one, other, gaps["gap"], steps_of(gaps))


def _relate_differences(
    system: System, kind: str, one: Integers, other: Integers, difference: pd.Series, steps: Floats
) -> None:
    both = (one >= 0) & (other >= 0)
    value = difference.to_numpy(np.float64)
    # a significant difference keeps its sign
    half = half_widths(steps, np.abs(value) <= steps + FINEST)
    system.relate_within(
        kind,
        np.column_stack([one, other])[both],
        np.array([1.0, -1.0]),
        value[both],
        half[both],
    )


def _with_measure(rows: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """Tables without a measure are about the headline measure of the indicator."""
    if "measure" in rows.columns:
        return rows
    headline = {code: scale.headline_measure for code, scale in frame.scales.items()}
    return rows.assign(measure=rows["indicator_code"].map(headline))


def _relate_benchmarks(
    system: System, release: Release, frame: Frame, cells: Cells, nestings: Sequence[Nesting]
) -> tuple[pd.DataFrame, Integers]:
    """A figure of pooled waves is their weighted mean, and the national one plus the difference.

    Pooled waves are one wave more, in which a province is the sum of its samenwerkingsverbanden:
    anybody can pool what is published of each. Returns the benchmarks and the unknown of each.
    """
    benchmarks = release.table("fct_swv_benchmarks", "waves_pooled", "estimate")
    if benchmarks is None:
        return pd.DataFrame(), np.zeros(0, dtype=np.int64)
    rows = _with_measure(benchmarks, frame).reset_index(drop=True)
    if "is_suppressed" not in rows:
        rows = rows.assign(is_suppressed=rows["estimate"].isna(), suppression_reason="")
    value = rows["estimate"].to_numpy(np.float64, na_value=np.nan)
    half = half_widths(steps_of(rows), np.zeros(len(rows), dtype=np.bool_))
    if {"national_estimate", "difference"} <= set(rows.columns):
        told = (rows["national_estimate"] + rows["difference"]).to_numpy(np.float64)
        room = steps_of(rows, "national_rounding_step") / 2
        room += steps_of(rows, "difference_rounding_step")
        half = np.where(np.isnan(value), room, half)
        value = np.where(np.isnan(value), told, value)
    pooled = np.full(len(rows), -1)
    of_blocks: dict[int, list[Nesting]] = {}
    for nesting in nestings:
        for block in nesting.blocks.tolist():
            of_blocks.setdefault(block, []).append(nesting)
    of_swv = pd.DataFrame({"breakdown": "swv", "breakdown_value": rows["swv_code"]})
    domain = cells.domains.get_indexer(pd.MultiIndex.from_frame(of_swv))
    for (code, group, measure), part in rows.groupby(
        ["indicator_code", "respondent_group", "measure"]
    ):
        named = {name for text in part["waves_pooled"].dropna() for name in _waves(text)}
        keys = pd.MultiIndex.from_tuples([(wave, code, group) for wave in sorted(named)])
        blocks = cells.blocks.get_indexer(keys) if named else np.zeros(0, dtype=np.int64)
        blocks = blocks[blocks >= 0]
        if measure not in cells.measures or not len(blocks):
            continue
        places = cells.lookup[blocks, :, cells.measures.get_loc(measure)]  # waves × domains
        unknown = _pool(system, cells, places)
        _relate_pooled_parts(system, cells, places, unknown, blocks, of_blocks)
        here = part.index.to_numpy()
        known = domain[here] >= 0
        pooled[here[known]] = unknown[domain[here[known]]]
    is_told = (pooled >= 0) & ~np.isnan(value)
    system.relate_within(
        "benchmark", pooled[is_told][:, None], np.ones(1), value[is_told], half[is_told]
    )
    return rows, pooled


def _waves(text: str) -> list[str]:
    """The waves that `waves_pooled` names."""
    return re.findall(r"[\w-]+", text)


def _pool(system: System, cells: Cells, places: Integers) -> Integers:
    """An unknown for the pooled figure of each domain; -1 without respondents."""
    mass = np.where(places >= 0, cells.mass[places], 0.0)
    whole = mass.sum(axis=0)
    there = np.flatnonzero(whole > TINY)
    some = places.max(axis=0)[there]  # the range is that of any wave
    unknown = np.full(places.shape[1], -1)
    unknown[there] = system.unknowns(cells.low[some], cells.high[some])
    system.relate(
        "pooled_waves",
        np.column_stack([unknown[there], places[:, there].T]),
        np.column_stack([-np.ones(len(there)), (mass[:, there] / whole[there]).T]),
    )
    return unknown


def _relate_pooled_parts(
    system: System,
    cells: Cells,
    places: Integers,
    unknown: Integers,
    blocks: Integers,
    of_blocks: dict[int, list[Nesting]],
) -> None:
    """Domains that are nested in every wave in which they occur are nested in the pool."""
    mass = np.where(places >= 0, cells.mass[places], 0.0)
    whole = mass.sum(axis=0)
    nested: dict[tuple[int, str], Floats] = {}
    for wave, block in enumerate(blocks.tolist()):
        for nesting in of_blocks[block]:
            inside = nested.setdefault((nesting.parent, nesting.breakdown), np.zeros(len(whole)))
            inside[nesting.children] += mass[wave, nesting.children]
    for (parent, breakdown), inside in nested.items():
        parts = np.flatnonzero((inside > TINY) & (inside >= whole - TINY) & (unknown >= 0))
        if unknown[parent] < 0 or not len(parts):
            continue
        rest = whole[parent] - whole[parts].sum()
        others = np.full(1, -1)
        if rest > TINY * (1 + whole[parent]):
            some = places[:, [parent]].max(axis=0)
            others = system.unknowns(cells.low[some], cells.high[some])
        system.relate(
            f"pooled_minus_{breakdown}",
            np.concatenate([[unknown[parent]], unknown[parts], others])[None, :],
            np.array([-whole[parent], *whole[parts], rest]) / whole[parent],
        )


def _statement_cells(
    release: Release, frame: Frame, cells: Cells
) -> tuple[pd.DataFrame, Integers] | None:
    """The statements of the release with one row a figure behind them, and where that stands."""
    statements = release.table("fct_summary_statements", "claim_id", "estimate")
    if statements is None or frame.claims.empty:
        return None
    rows = statements[["wave_id", "claim_id", "respondent_group", "estimate", "is_consistent"]]
    rows = rows.assign(step=steps_of(statements))
    figures = rows.merge(frame.claims, on=["claim_id", "respondent_group"])
    figures = figures.assign(breakdown="total", breakdown_value="all")
    return figures, cells.locate(figures)


def _relate_statements(system: System, release: Release, frame: Frame, cells: Cells) -> None:
    """The figure of a sentence is the mean of the shares on which it rests."""
    found = _statement_cells(release, frame, cells)
    if found is None:
        return
    figures, position = found
    key = ["wave_id", "claim_id", "respondent_group"]
    figures = figures.assign(position=position)[position >= 0]
    any_required = figures.groupby(key)["is_required"].transform("any")
    counts = figures["measure"].eq("share_endorsed") & (figures["is_required"] | ~any_required)
    for _, shares in figures[counts & figures["estimate"].notna()].groupby(key):
        places = shares["position"].to_numpy()
        step = float(shares["step"].iloc[0])
        system.relate_within(
            "statement",
            places[None, :],
            np.full(len(places), 1 / len(places)),
            float(shares["estimate"].iloc[0]),
            step + FINEST if step > 0 else 0.0,
        )


def _use_verdicts(system: System, release: Release, frame: Frame, cells: Cells) -> None:
    """A sentence that still holds puts every required figure in its range."""
    found = _statement_cells(release, frame, cells)
    if found is None:
        return
    figures, position = found
    holds = figures["is_consistent"].eq(True).fillna(False) & figures["is_required"]
    told = holds.to_numpy(np.bool_) & (position >= 0)
    told[told] &= np.isnan(cells.estimate[position[told]])
    low, high = (figures[name].to_numpy(np.float64)[told] for name in ("range_low", "range_high"))
    system.draw("statement", position[told], low, high)


def _use_earlier_releases(system: System, cells: Cells, earlier: Sequence[Release]) -> None:
    """What was published once stays known."""
    for release in earlier:
        before = release.estimates[release.estimates["estimate"].notna()]
        position = cells.locate(before)
        told = position >= 0
        told[told] &= cells.is_suppressed[position[told]]
        value = before["estimate"].to_numpy(np.float64)[told]
        steps = steps_of(before)[told]
        half = half_widths(steps, before["breakdown"].eq("total").to_numpy(np.bool_)[told])
        system.draw("earlier_release", position[told], value - half, value + half)


def _use_mean_and_share(system: System, frame: Frame, cells: Cells) -> bool:
    """A mean near an end of the scale leaves little room for the share, and vice versa."""
    position = {name: number for number, name in enumerate(cells.measures)}
    if not {"mean", "share_endorsed"} <= position.keys():
        return False
    mean = cells.lookup[:, :, position["mean"]]
    share = cells.lookup[:, :, position["share_endorsed"]]
    limits = np.array([_score_limits(frame, code) for code in cells.blocks.get_level_values(1)])
    both = (mean >= 0) & (share >= 0) & ~np.isnan(limits).any(axis=1)[:, None]
    both[both] = cells.mass[mean[both]] > TINY
    low_no, high_no, low_yes, high_yes = limits[np.nonzero(both)[0]].T
    mean, share = mean[both], share[both]
    moved = system.draw(
        "mean_and_share",
        share,
        (system.low[mean] - high_no) / (high_yes - high_no),
        (system.high[mean] - low_no) / (low_yes - low_no),
    )
    return moved | system.draw(
        "mean_and_share",
        mean,
        low_no + system.low[share] * (low_yes - low_no),
        high_no + system.high[share] * (high_yes - high_no),
    )


def _score_limits(frame: Frame, code: str) -> tuple[float, float, float, float]:
    """Lowest and highest score that is not endorsed, and that is; NaN where that does not help."""
    scale = frame.scales[code]
    no = [score for _, score, is_endorsed in scale.options if not is_endorsed]
    yes = [score for _, score, is_endorsed in scale.options if is_endorsed]
    if not no or not yes or scale.is_dont_know_negative or max(no) >= min(yes):
        return (np.nan, np.nan, np.nan, np.nan)
    return (min(no), max(no), min(yes), max(yes))


def _use_reasons(system: System, cells: Cells) -> bool:
    """Withheld because it lies at an end of the scale: not at the one, then at the other."""
    told = np.flatnonzero(cells.is_at_an_end & cells.is_target)
    low, high = system.low[told], system.high[told]
    not_low = low > cells.low[told] + TINY
    not_high = high < cells.high[told] - TINY
    return system.draw(
        "reason",
        told,
        np.where(not_low, cells.high[told], low),
        np.where(not_high & ~not_low, cells.low[told], high),
    )


def _counts_recovered(frame: Frame, cells: Cells, nestings: Sequence[Nesting]) -> list[Recovered]:
    """Counts of withheld cells from rounded counts: a whole is the sum of its parts."""
    shape = (2, len(cells.blocks), len(cells.domains))
    most = float(frame.atoms["n"].sum())
    low, high = np.zeros(shape), np.full(shape, most)
    where = (cells.counts_dont_know.astype(np.int64), cells.block, cells.domain)
    np.maximum.at(low, where, cells.count_low)
    np.minimum.at(high, where, cells.count_high)
    # a number that another measure publishes is not withheld
    is_published = np.zeros(shape, dtype=np.bool_)
    known = ~np.isnan(cells.estimate)
    is_published[tuple(axis[known] for axis in where)] = True
    is_open = ((high - low >= COUNT_WIDTH) & ~is_published)[where]
    is_there = np.zeros(shape, dtype=np.bool_)
    is_there[where] = True
    positions = np.where(is_there, np.arange(low.size).reshape(shape), -1)
    system = System(low.ravel(), high.ravel())
    names = cells.domains.get_level_values("breakdown")
    for nesting in nestings:
        whole = positions[:, nesting.blocks, nesting.parent].ravel()
        parts = positions[:, nesting.blocks][:, :, nesting.children].reshape(len(whole), -1)
        kept = (whole >= 0) & (parts >= 0).any(axis=1)
        whole, parts = whole[kept], parts[kept]
        others = np.full(len(whole), -1)
        if nesting.has_rest:
            others = system.unknowns(np.zeros(len(whole)), np.full(len(whole), most))
        system.relate(
            f"count_{names[nesting.parent]}_minus_{nesting.breakdown}",
            np.column_stack([whole, parts, others]),
            np.array([-1.0] + [1.0] * (parts.shape[1] + 1)),
        )
    system.start()
    system.propagate()
    # counts are whole: bounds between two whole numbers hold fewer of them
    width = np.floor(system.high + TINY) - np.ceil(system.low - TINY)
    after = width[: low.size].reshape(shape)[where]
    found = np.flatnonzero(cells.is_target & is_open & (after < COUNT_WIDTH))
    flat = np.ravel_multi_index(where, shape)
    return _recovered(cells, found, "n_respondents", system, flat[found])


def _goal_scores_recovered(
    release: Release, frame: Frame, cells: Cells, nestings: Sequence[Nesting]
) -> list[Recovered]:
    """Goal scores by every whole minus its parts."""
    scores = release.table("fct_goal_scores", "goal_id", "estimate", "is_suppressed")
    if scores is None:
        return []
    key = ["wave_id", "goal_id", "respondent_group"]
    scores = scores.merge(frame.goals, on=[*key, *DOMAIN], how="left")
    mass = scores["total_weight"].to_numpy(np.float64, na_value=0.0)
    value = scores["estimate"].to_numpy(np.float64, na_value=np.nan)
    known = ~np.isnan(value)
    half = half_widths(steps_of(scores), scores["breakdown"].eq("total").to_numpy(np.bool_))
    system = System(np.where(known, value - half, 0.0), np.where(known, value + half, 100.0))
    questions = pd.MultiIndex.from_frame(scores[key].drop_duplicates())
    lookup = np.full((len(questions), len(cells.domains)), -1)
    domain = cells.domains.get_indexer(pd.MultiIndex.from_frame(scores[DOMAIN]))
    lookup[questions.get_indexer(pd.MultiIndex.from_frame(scores[key])), domain] = scores.index
    groups = questions.droplevel("goal_id")
    names = cells.domains.get_level_values("breakdown")
    for nesting in nestings:
        wave, _, group = cells.blocks[nesting.blocks[0]]
        mine = np.flatnonzero(groups == (wave, group))
        whole, parts = lookup[mine, nesting.parent], lookup[np.ix_(mine, nesting.children)]
        is_there = (whole >= 0) & (mass[whole] > TINY)
        whole, parts = whole[is_there], parts[is_there]
        of_whole, of_parts = mass[whole], np.where(parts >= 0, mass[parts], 0.0)
        rest = of_whole - of_parts.sum(axis=1)
        others = np.full(len(whole), -1)
        has_rest = rest > TINY * (1 + of_whole)
        others[has_rest] = system.unknowns(np.zeros(has_rest.sum()), np.full(has_rest.sum(), 100.0))
        system.relate(
            f"goal_score_{names[nesting.parent]}_minus_{nesting.breakdown}",
            np.column_stack([whole, parts, others]),
            np.column_stack([-of_whole, of_parts, rest]) / of_whole[:, None],
        )
    system.start()
    system.propagate()
    width = (system.high - system.low)[: len(scores)]
    is_target = scores["is_suppressed"].to_numpy(np.bool_) & (mass > TINY)
    found = np.flatnonzero(is_target & (width < 10 - TINY))
    keys = scores[[*key, *DOMAIN]].iloc[found].itertuples(index=False)
    return [
        Recovered(
            "fct_goal_scores",
            tuple(map(str, names)),
            "estimate",
            system.path(int(row)),
            str(scores["suppression_reason"].iloc[row]),
        )
        for row, names in zip(found, keys, strict=True)
    ]


def _differences_between_releases(
    release: Release, frame: Frame, earlier: Sequence[Release]
) -> list[Recovered]:
    """Figures that changed while their counts hardly did: a few respondents are the difference.

    Only between releases of different deliveries: with the same respondents, nobody came or went.
    """
    found = []
    for before in earlier:
        if release.hash_of_data() == before.hash_of_data():
            continue
        keys = [*BLOCK, *DOMAIN, "measure"]
        columns = [*keys, "estimate", "n_respondents"]
        both = release.estimates[columns].merge(before.estimates[columns], on=keys)
        both = both[both["estimate_x"].notna() & both["estimate_y"].notna()]
        moved = (both["estimate_x"] - both["estimate_y"]).abs() > SAME
        # counts one step apart may be fewer respondents apart than the threshold
        step = (both["n_respondents_x"] - both["n_respondents_y"]).abs()
        few = step <= max(frame.rules["min_respondents"] - frame.rules["count_rounding"], 0)
        found += [
            Recovered(ESTIMATES, tuple(map(str, row)), "difference", "difference_between_releases")
            for row in both.loc[moved & few, keys].itertuples(index=False)
        ]
    return found
