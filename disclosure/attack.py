"""Both attacks on one release, and their result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from disclosure.cells import Cells
from disclosure.counting import tighten, work_out
from disclosure.frame import Frame
from disclosure.hypotheses import hidden_p_values
from disclosure.optimum import secondary_suppressions
from disclosure.programming import blocks_of, programming_attack, withholding
from disclosure.rates import counts_undone
from disclosure.release import Release
from disclosure.result import Result
from disclosure.subtraction import subtraction_attack

# seconds for exact enumeration, which has something to do only where figures have all their digits
COUNTING_SECONDS, COUNTING_SECONDS_OF_SAMPLE = 300.0, 20.0
METHOD = (
    "A withheld figure counts as recovered when what is published leaves it less than a tenth of "
    "its range, and a withheld number of respondents when it leaves less than three. The attacker "
    "knows all published tables of this and earlier releases, each number within its step, "
    "populations, weights, how many respondents every stratum has, the rules and the reasons, and "
    "which combinations of stratum and breakdowns occur. By counting: which whole numbers of "
    "respondents and answers, stratum by stratum, make a published figure. By subtraction: every "
    "linear relation over all tables, with exact denominators, what counting found, adjusted "
    "p-values, weights and rates. By programming: all figures of a wave, indicator "
    "and group together, with rounded counts and whole respondents; safe cells have two sets of "
    "whole answers that fit everything published and differ enough. A cell is undecided when no "
    "two such sets were found, and no proof that there are none. Only what is withheld for its own "
    "sake counts: a cell that is withheld to protect another is no secret itself."
)


def attack(
    release: Release,
    frame: Frame,
    earlier: Sequence[Release] = (),
    *,
    release_id: str = "",
    blocks: int | None = None,
    seed: int = 0,
    workers: int = 1,
    compare: int = 0,
    start: Callable[[int], object] = lambda total: None,
    progress: Callable[[], object] = lambda: None,
) -> Result:
    """Attack a release by subtraction, and by linear programming in all blocks or in a sample.

    Args:
        blocks: number of blocks to draw, with `seed`; all if None.
        compare: number of blocks to compare with the optimum of secondary suppression.
        start: called once with the number of blocks; `progress` after each.

    Raises:
        InfeasibleError: the true answers of a block do not fit what is published.
    """
    begin = time.perf_counter()
    cells = tighten(Cells.of(release, frame), frame)
    attacked = int(cells.is_target.sum())
    seconds = COUNTING_SECONDS if blocks is None else COUNTING_SECONDS_OF_SAMPLE
    inner_release, inner_frame = work_out(release, frame, cells, seconds)
    added = inner_release.estimates.iloc[len(release.estimates) :]
    pieces = int(added["estimate"].notna().sum())
    if pieces:
        cells = tighten(Cells.of(inner_release, inner_frame), inner_frame)
    recovered = subtraction_attack(inner_release, inner_frame, earlier, cells)
    recovered += hidden_p_values(release)
    recovered += counts_undone(release, frame.rules.get("count_rounding", 0))
    candidates = withholding(cells)
    chosen = candidates
    if blocks is not None and blocks < len(candidates):
        drawn = np.random.default_rng(seed).choice(len(candidates), blocks, replace=False)
        chosen = candidates[np.sort(drawn)]
    secondary = secondary_optimum = None
    if compare:
        drawn = np.random.default_rng(seed).permutation(candidates)[:compare]
        secondary, secondary_optimum = secondary_suppressions(inner_frame, cells, drawn)
    start(len(chosen))
    programs = programming_attack(blocks_of(inner_frame, cells, chosen), seed, workers, progress)
    # a cell that subtraction found is named once
    known = {(cell.table, cell.keys, cell.quantity) for cell in recovered}
    recovered += frame.judge(
        [cell for cell in programs.recovered if (cell.table, cell.keys, cell.quantity) not in known]
    )
    undecided = [
        cell for cell in programs.undecided if (cell.table, cell.keys, cell.quantity) not in known
    ]
    return Result(
        release_id=release_id,
        cells_suppressed=_withheld(release),
        cells_attacked=attacked,
        blocks=len(candidates),
        blocks_attacked=len(chosen),
        earlier_releases=len(earlier),
        programs_solved=programs.solved,
        seconds=round(time.perf_counter() - begin, 1),
        method=METHOD,
        strata_worked_out=pieces,
        secondary=secondary,
        secondary_optimum=secondary_optimum,
        recovered=tuple(sorted(cell for cell in recovered if cell.is_own)),
        undecided=tuple(sorted(undecided)),
        narrowed=tuple(sorted(cell for cell in recovered if not cell.is_own)),
    )


def _withheld(release: Release) -> int:
    """Withheld rows of the tables whose cells are attacked."""
    tables = ("fct_indicator_estimates", "fct_swv_benchmarks", "fct_goal_scores")
    found = (release.table(name, "is_suppressed") for name in tables)
    return sum(int(table["is_suppressed"].sum()) for table in found if table is not None)
