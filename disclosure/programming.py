"""The attack by linear programming: everything published about one question, taken together.

A block is a wave, an indicator and a group. Its unknowns are numbers of respondents, per atom
(stratum and value of every breakdown) and answer; published figures are linear equations in them,
published counts and reasons bounds. The share of a withheld cell is a ratio of two sums, which the
transformation of Charnes and Cooper (1962, Naval Research Logistics Quarterly 9) makes linear: all
unknowns are scaled so that the weight of the cell is one.

Most cells need no program of their own. Programs with random objectives give answers that fit all
that is published; a cell that differs by a tenth of its range between two of them is safe. Numbers
of respondents need not be whole here, so the attack is a little weaker than one that knows that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from disclosure.cells import TINY, Booleans, Cells, Floats, Integers
from disclosure.frame import BLOCK, Frame, Scale
from disclosure.result import Recovered
from disclosure.subtraction import COUNT_WIDTH, ESTIMATES
from disclosure.witnesses import (
    IDLE_BATCHES,
    LEAST_BATCHES,
    Rows,
    Walk,
    furthest,
    neighbourhood,
)

RANDOM_PAIRS = 4
# batches of a walk, at most
MOST_BATCHES = 1500
# rounds in which open cells are pushed to their ends, and batches of each
CLIMBS, BATCHES_OF_CLIMB = 2, 60
# neighbourhoods that are tried, and seconds for each program
NEAR, NEAR_SECONDS = 8, 3.0
# seconds for a program with everybody free, and for all of a block
ALL_SECONDS, BLOCK_SECONDS = 20.0, 120.0
# allowed misfit of the truth, in respondents: weights have twelve decimals
MISFIT = 1e-6
# a figure with all its digits leaves less room than this
EXACT = 1e-7
# how close to an end of the scale a figure must come to be there
AT_END = 1e-6


Option = tuple[str, float, bool] | None


class InfeasibleError(Exception):
    """The true answers do not fit the published figures: the attack or the release is wrong."""


@dataclass(frozen=True)
class Block:
    """The linear form of one block: unknowns are respondents per atom and answer, in one vector.

    equal: rows × unknowns, each row zero at any answers that fit a figure with all its digits.
    within: rows × unknowns, each row at most zero at any answers that fit a rounded figure.
    counted: rows × unknowns, with the limits of each row: domains, strata, and shares that are not
    zero or one.
    has_digits: a figure inside its scale has all its digits, which no program can hold to.
    part, whole, number: targets × unknowns; the figure of a target is part over whole, its number
    of respondents `number`. For a mean, `part` holds weight times score.
    """

    name: tuple[str, str, str]
    equal: sparse.csr_matrix
    within: sparse.csr_matrix
    counted: sparse.csr_matrix
    count_low: Floats
    count_high: Floats
    part: sparse.csr_matrix
    whole: sparse.csr_matrix
    number: sparse.csr_matrix
    targets: Integers
    keys: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...]
    low: Floats
    high: Floats
    width: Floats
    is_count_open: Booleans
    is_at_an_end: Booleans
    is_own: Booleans
    is_count_own: Booleans
    truth: Floats
    has_digits: bool
    atom: Integers
    option: Integers
    stratum: Integers


def withholding(cells: Cells) -> Integers:
    """Positions of the blocks that withhold a figure which somebody answered."""
    return np.unique(cells.block[cells.is_target])


def blocks_of(frame: Frame, cells: Cells, chosen: Integers | None = None) -> Iterator[Block]:
    """The blocks at these positions, or all that withhold something.

    Raises:
        InfeasibleError: the true answers of one do not fit what is published.
    """
    rows = np.argsort(cells.block, kind="stable")
    ends = np.searchsorted(cells.block[rows], np.arange(len(cells.blocks) + 1))
    answers = frame.answers.groupby(BLOCK)
    atoms = frame.atoms.groupby(["wave_id", "respondent_group"])
    for number in withholding(cells) if chosen is None else chosen:
        name = cells.blocks[number]
        yield _block(
            frame,
            cells,
            name,
            rows[ends[number] : ends[number + 1]],
            answers.get_group(name),
            atoms.get_group((name[0], name[2])),
        )


@dataclass(frozen=True)
class _Unknowns:
    """Respondents per atom and answer: which, with what weight, and how many there truly are.

    `option` is a position in `options`, whose last one, None, is *don't know*. `weights` has two
    rows: without and with *don't know* in the denominator.
    """

    options: tuple[Option, ...]
    atom: Integers
    option: Integers
    weights: Floats
    truth: Floats

    @classmethod
    def of(
        cls, scale: Scale, is_respondent: bool, answers: pd.DataFrame, atoms: pd.DataFrame
    ) -> _Unknowns:
        """All answers of all atoms; where a unit is counted, only of those who answered.

        A weight that respondents share depends on who answered: the attacker is told the weights,
        and with them who knew an answer.
        """
        options: tuple[Option, ...] = (*scale.options, None)
        knows = np.array([option is not None for option in options])
        places = {(option[0], option[1]): at for at, option in enumerate(scale.options)}
        given = np.array(
            [
                len(places) if np.isnan(score) else places[str(code), float(score)]
                for code, score in zip(answers["option"], answers["score"], strict=True)
            ]
        )
        if is_respondent:
            kinds = atoms[["atom_id", "weight", "weight"]].to_numpy(np.float64)
            allowed = np.ones((len(kinds), len(options)), dtype=np.bool_)
            kind_of = np.searchsorted(kinds[:, 0], answers["atom_id"].to_numpy())
        else:
            shared = answers[["atom_id", "weight_substantive", "weight_with_dont_know"]]
            kinds, inverse = np.unique(
                shared.fillna(0.0).to_numpy(np.float64), axis=0, return_inverse=True
            )
            # where nobody shares the weight, who did not know might have known
            is_alone = (kinds[:, 1] == 0) | (kinds[:, 1] == kinds[:, 2])
            allowed = is_alone[:, None] | knows
            kinds[is_alone, 1] = kinds[is_alone, 2]
            kind_of = inverse.ravel()
        kind, option = np.nonzero(allowed)
        column = np.full(allowed.shape, -1)
        column[kind, option] = np.arange(len(kind))
        return cls(
            options=options,
            atom=kinds[kind, 0].astype(np.int64),
            option=option,
            weights=np.vstack([kinds[kind, 1] * knows[option], kinds[kind, 2]]),
            truth=np.bincount(
                column[kind_of, given], answers["n"].to_numpy(np.float64), minlength=len(kind)
            ).astype(np.float64),
        )


def _block(
    frame: Frame,
    cells: Cells,
    name: tuple[str, str, str],
    rows: Integers,
    answers: pd.DataFrame,
    atoms: pd.DataFrame,
) -> Block:
    """One block from its cells, its true answers and the atoms of its wave and group."""
    scale = frame.scales[name[1]]
    # nobody answered in a domain that has no row, and the attacker sees that
    is_shown = np.isin(np.arange(len(cells.domains)), cells.domain[rows])
    unseen = cells.incidence[atoms["atom_id"].to_numpy()] @ (~is_shown).astype(np.float64)
    atoms = atoms[unseen == 0]
    is_respondent = frame.units[name[1], name[2]] == "respondent"
    unknowns = _Unknowns.of(scale, is_respondent, answers, atoms)
    member = cells.incidence[unknowns.atom].T.tocsr()  # domains × unknowns
    part_of, whole_of = _measures(cells, scale, unknowns.options)

    def form(which: Integers, coefficients: Floats) -> sparse.csr_matrix:
        """Cells × unknowns: the weight of those in the cell's domain, times a number an answer."""
        pairs = member[cells.domain[which]].tocoo()
        kind = cells.counts_dont_know[which].astype(np.int64)[pairs.row]
        values = unknowns.weights[kind, pairs.col]
        values = values * coefficients[pairs.row, unknowns.option[pairs.col]]
        return sparse.csr_matrix((values, (pairs.row, pairs.col)), shape=pairs.shape)

    least, most = cells.value_low[rows], cells.value_high[rows]
    is_exact = most - least < EXACT
    is_at_end = (least <= cells.low[rows] + TINY) | (most >= cells.high[rows] - TINY)
    exact = rows[is_exact]
    above = rows[~is_exact & (least > cells.low[rows] + TINY)]
    below = rows[~is_exact & (most < cells.high[rows] - TINY)]
    targets = rows[cells.is_target[rows]]
    of_target = cells.measure[targets]

    def beside(which: Integers, value: Floats) -> sparse.csr_matrix:
        """Cells × unknowns: zero where the figure of the cell has this value, else its side."""
        kind = cells.measure[which]
        return form(which, part_of[kind] - value[which][:, None] * whole_of[kind])

    numbers, number_of, count_low, count_high, is_open = _numbers(cells, rows, unknowns, member)
    number_of = number_of[cells.is_target[rows]]
    strata, size, stratum = _strata(unknowns, atoms)
    inside, least_weight = _inside(
        rows[cells.is_inside[rows]],
        lambda which: form(which, part_of[cells.measure[which]]),
        lambda which: form(which, whole_of[cells.measure[which]]),
    )
    keys = tuple(tuple(map(str, key)) for key in cells.keys.iloc[targets].itertuples(index=False))
    block = Block(
        name=name,
        equal=beside(exact, cells.value_low),
        within=sparse.vstack(
            [beside(below, cells.value_high), -beside(above, cells.value_low)]
        ).tocsr(),
        counted=sparse.vstack([numbers, strata, inside]).tocsr(),
        count_low=np.concatenate([count_low, np.zeros(len(size)), least_weight]),
        count_high=np.concatenate([count_high, size, np.full(len(least_weight), np.inf)]),
        part=form(targets, part_of[of_target]),
        whole=form(targets, whole_of[of_target]),
        number=numbers[number_of],
        targets=targets,
        keys=keys,
        reasons=tuple(cells.reason[targets]),
        low=cells.low[targets],
        high=cells.high[targets],
        width=cells.needed_width[targets],
        is_count_open=is_open[number_of],
        is_at_an_end=cells.is_at_an_end[targets],
        is_own=_own(frame, keys, cells.reason[targets], "estimate"),
        is_count_own=_own(frame, keys, cells.reason[targets], "n_respondents"),
        truth=unknowns.truth,
        has_digits=bool((is_exact & ~is_at_end).any()),
        atom=unknowns.atom,
        option=unknowns.option,
        stratum=stratum,
    )
    check_truth(block)
    return block


def _own(
    frame: Frame, keys: Sequence[tuple[str, ...]], reasons: npt.NDArray[np.object_], quantity: str
) -> Booleans:
    """Which of the cells are withheld for their own sake."""
    cells = [
        Recovered(ESTIMATES, key, quantity, "", reason)
        for key, reason in zip(keys, reasons, strict=True)
    ]
    return np.array([cell.is_own for cell in frame.judge(cells)], dtype=np.bool_)


def _inside(
    which: Integers,
    part: Callable[[Integers], sparse.csr_matrix],
    whole: Callable[[Integers], sparse.csr_matrix],
) -> tuple[sparse.csr_matrix, Floats]:
    """Shares that are neither zero nor one: somebody said so and somebody did not.

    Returns rows, and the least weight of a respondent in each, which the row must reach.
    """
    of_part, of_whole = part(which), whole(which)
    weights = of_whole.copy()
    weights.data = np.where(weights.data > 0, 1 / np.maximum(weights.data, TINY), 0.0)
    most = weights.max(axis=1).toarray().ravel() if len(which) else np.zeros(0)
    least = np.where(most > 0, 1 / np.maximum(most, TINY), 0.0)
    rows = sparse.vstack([of_part, of_whole - of_part]).tocsr()
    return rows, np.concatenate([least, least]) - MISFIT / 10


def _numbers(
    cells: Cells, rows: Integers, unknowns: _Unknowns, member: sparse.csr_matrix
) -> tuple[sparse.csr_matrix, Integers, Floats, Floats, Booleans]:
    """Respondents per domain and denominator: one row each, for all measures on it tell the same.

    Returns their rows, the row of each cell, their lowest and highest number, and whether the
    number is withheld by all measures and not known without the release.
    """
    code = cells.domain[rows] * 2 + cells.counts_dont_know[rows].astype(np.int64)
    codes, number_of = np.unique(code, return_inverse=True)
    low, high = np.zeros(len(codes)), np.full(len(codes), np.inf)
    np.maximum.at(low, number_of, cells.count_low[rows])
    np.minimum.at(high, number_of, cells.count_high[rows])
    is_published = np.bincount(number_of, ~np.isnan(cells.estimate[rows]), len(codes)) > 0
    knows = np.array([option is not None for option in unknowns.options], dtype=np.float64)
    counted = np.vstack([knows, np.ones(len(knows))])[codes % 2][:, unknowns.option]
    numbers = member[codes // 2].multiply(counted).tocsr()
    return numbers, number_of, low, high, (high - low >= COUNT_WIDTH) & ~is_published


def _strata(unknowns: _Unknowns, atoms: pd.DataFrame) -> tuple[sparse.csr_matrix, Floats, Integers]:
    """Respondents per stratum: weights tell how many there are, and nobody answers twice.

    Returns rows, the respondents of each, and the stratum of each unknown.
    """
    strata, stratum = np.unique(atoms["stratum"].to_numpy().astype(str), return_inverse=True)
    place = np.searchsorted(atoms["atom_id"].to_numpy(), unknowns.atom)
    entries = (np.ones(len(place)), (stratum[place], np.arange(len(place))))
    shape = (len(strata), len(place))
    size = np.bincount(stratum, atoms["n"].to_numpy(np.float64)).astype(np.float64)
    return sparse.csr_matrix(entries, shape=shape), size, stratum[place]


def _measures(cells: Cells, scale: Scale, options: Sequence[Option]) -> tuple[Floats, Floats]:
    """Part and whole of each measure: measures × answers, what an answer adds to either."""
    known = np.array([option is not None for option in options], dtype=np.float64)
    endorsed = np.array([option is not None and option[2] for option in options], dtype=np.float64)
    scores = np.array([option[1] if option is not None else 0.0 for option in options])
    parts, wholes = [], []
    for measure in cells.measures:
        if measure == "share_endorsed":
            parts.append(endorsed)
        elif measure == "mean":
            parts.append(scores)
        elif measure == "share_dont_know":
            parts.append(1 - known)
        else:
            code = str(measure).removeprefix("share_option_")
            parts.append(
                np.array([option is not None and option[0] == code for option in options], float)
            )
        wholes.append(np.ones(len(options)) if scale.counts_dont_know(str(measure)) else known)
    return np.array(parts), np.array(wholes)


def check_truth(block: Block) -> None:
    """The true answers must fit all that is published.

    Raises:
        InfeasibleError: they do not, so that the attack would prove nothing.
    """
    misfit = np.concatenate(
        [np.abs(block.equal @ block.truth), np.maximum(block.within @ block.truth, 0.0)]
    )
    number = block.counted @ block.truth
    beside = np.maximum(block.count_low - number, number - block.count_high)
    if misfit.max(initial=0.0) > MISFIT or beside.max(initial=0.0) > MISFIT:
        raise InfeasibleError(
            f"Block {' · '.join(block.name)}: the true answers miss a published figure by "
            f"{misfit.max(initial=0.0):.2g} respondents, or a count by "
            f"{max(beside.max(initial=0.0), 0.0):.2g}. Either the release was not made from this "
            "warehouse, or the attack reads its rules wrongly."
        )


@dataclass
class _Reach:
    """How far each target was seen to reach, over all answers that fit so far."""

    block: Block
    low: Floats
    high: Floats
    count_low: Floats
    count_high: Floats

    @classmethod
    def of(cls, block: Block) -> _Reach:
        size = len(block.targets)
        reach = cls(block, *(np.full(size, sign * np.inf) for sign in (1, -1, 1, -1)))
        reach.see(block.truth)
        return reach

    def see(self, answers: Floats) -> None:
        """Widen by answers that fit."""
        whole = self.block.whole @ answers
        # a cell that is all but empty there has no figure
        is_there = whole > TINY * 1e3
        figure = (self.block.part @ answers)[is_there] / whole[is_there]
        self.low[is_there] = np.minimum(self.low[is_there], figure)
        self.high[is_there] = np.maximum(self.high[is_there], figure)
        count = self.block.number @ answers
        self.count_low = np.minimum(self.count_low, count)
        self.count_high = np.maximum(self.count_high, count)

    def join(self, other: _Reach) -> None:
        """Widen by what the other has seen."""
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        self.count_low = np.minimum(self.count_low, other.count_low)
        self.count_high = np.maximum(self.count_high, other.count_high)

    @property
    def is_safe(self) -> Booleans:
        """Figures that moved far enough, and to both ends where the reason names the ends."""
        reached: Booleans = self.high - self.low >= self.block.width - TINY
        return reached & (~self.block.is_at_an_end | (self.at_low & self.at_high))

    @property
    def at_low(self) -> Booleans:
        reached: Booleans = self.low <= self.block.low + AT_END
        return reached

    @property
    def at_high(self) -> Booleans:
        reached: Booleans = self.high >= self.block.high - AT_END
        return reached

    @property
    def is_count_safe(self) -> Booleans:
        moved: Booleans = self.count_high - self.count_low >= COUNT_WIDTH - TINY
        return moved | ~self.block.is_count_open


class _Programs:
    """The linear programs of one block, and how many were solved."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.solved = 0
        low, high = block.count_low > 0, np.isfinite(block.count_high)
        self.upper = sparse.vstack([block.counted[high], -block.counted[low], block.within]).tocsr()
        self.limits = np.concatenate(
            [block.count_high[high], -block.count_low[low], np.zeros(block.within.shape[0])]
        )
        self.scaled_upper = sparse.hstack([self.upper, -self.limits[:, None]]).tocsr()
        self.scaled_equal = sparse.hstack(
            [block.equal, sparse.csr_matrix((block.equal.shape[0], 1))]
        ).tocsr()

    def answers(self, objective: Floats) -> Floats:
        """Answers that fit, at the least of an objective."""
        return self._solve(
            objective,
            self.upper,
            self.limits,
            self.block.equal,
            np.zeros(self.block.equal.shape[0]),
        )

    def answers_at_least(self, target: int, sign: float) -> Floats:
        """Answers that fit, at the least (sign 1) or most (sign -1) of a target's figure."""
        whole = sparse.hstack([self.block.whole[[target]], sparse.csr_matrix((1, 1))])
        equal = sparse.vstack([self.scaled_equal, whole]).tocsr()
        totals = np.zeros(equal.shape[0])
        totals[-1] = 1.0
        objective = np.append(sign * self.block.part[[target]].toarray().ravel(), 0.0)
        scaled = self._solve(
            objective, self.scaled_upper, np.zeros(len(self.limits)), equal, totals
        )
        answers: Floats = scaled[:-1] / max(scaled[-1], TINY)
        return answers

    def _solve(
        self,
        objective: Floats,
        upper: sparse.csr_matrix,
        limits: Floats,
        equal: sparse.csr_matrix,
        totals: Floats,
    ) -> Floats:
        self.solved += 1
        for method in ("highs", "highs-ipm"):
            found = linprog(
                objective, A_ub=upper, b_ub=limits, A_eq=equal, b_eq=totals, method=method
            )
            if found.status == 0:
                answers: Floats = np.maximum(found.x, 0.0)
                return answers
        raise InfeasibleError(f"Block {' · '.join(self.block.name)}: {found.message}")


@dataclass(frozen=True)
class Outcome:
    """What became of the withheld cells of a block, and how many programs were solved.

    `undecided` are cells for which no two sets of whole answers were found that differ enough, and
    no proof that there are none.
    """

    recovered: tuple[Recovered, ...]
    undecided: tuple[Recovered, ...]
    solved: int


class _Attack:
    """The attack on one block: a walk, integer programs near the truth, fractions, all whole."""

    def __init__(self, block: Block, seed: int, seconds: float) -> None:
        self.block = block
        self.random = np.random.default_rng([seed, *map(ord, "".join(block.name))])
        self.deadline = time.perf_counter() + seconds
        self.rows = Rows.of(
            block.equal,
            block.within,
            block.counted,
            block.count_low,
            block.count_high,
            block.truth,
        )
        self.reach = _Reach.of(block)
        self.solved = 0
        size = len(block.targets)
        self.is_narrow, self.is_count_narrow = np.zeros((2, size), dtype=np.bool_)
        self.path = np.full(size, "lp_share", dtype=object)
        self.members = (abs(block.whole) + abs(block.number)).tocsr()

    @property
    def _open(self) -> Booleans:
        """Targets without witnesses for a figure or count that is a secret."""
        reach, block = self.reach, self.block
        return (~reach.is_safe & block.is_own) | (~reach.is_count_safe & block.is_count_own)

    def walk(self) -> None:
        """Move respondents at random until nothing new is seen."""
        block, reach = self.block, self.reach
        walk = Walk(
            self.rows,
            block.truth.copy(),
            block.atom,
            block.option,
            block.stratum * (int(block.option.max()) + 1) + block.option,
            self.random,
        )
        self.walker = walk
        idle, seen = 0, len(block.targets) * 2
        for number in range(MOST_BATCHES):
            open_ends = ~reach.is_safe | ~reach.is_count_safe
            if not open_ends.any() or idle > IDLE_BATCHES:
                break
            # what is left needs room that opens when the others move, too
            everybody = number % 2 == 1
            wanted = self.members.T @ (open_ends + 4.0 * self._open)
            made = walk.batch(np.ones(len(wanted)) if everybody else wanted)
            reach.see(walk.answers)
            left = int((~reach.is_safe).sum() + (~reach.is_count_safe).sum())
            idle = 0 if left < seen else idle + 1
            seen = left
            if not made and idle > LEAST_BATCHES:
                break
        walk.refresh()

    def climb(self) -> None:
        """Push what is still open to either end, by moves that never lower it."""
        everybody = np.ones(len(self.block.truth))
        for _ in range(CLIMBS if self._open.any() else 0):
            for target in np.flatnonzero(self._open):
                members = self.members[[target]].toarray().ravel()
                for sign in (1.0, -1.0):
                    if self._is_late or not self._open[target]:
                        break
                    for number in range(BATCHES_OF_CLIMB):
                        objectives = self._objectives(int(target), sign)
                        if not objectives:
                            break
                        self.walker.batch(
                            everybody if number % 2 else members,
                            objectives[number // 2 % len(objectives)],
                        )
                        self.reach.see(self.walker.answers)
            for _ in range(BATCHES_OF_CLIMB):
                self.walker.batch(everybody)
            self.walker.refresh()

    def look_near(self, attempt: int) -> None:
        """Programs in which only some may change: the respondents of the cell, and of its strata.

        Later attempts free more strata, at random, or those of other withheld cells, and start from
        other answers that fit, where other rows leave room.
        """
        withheld = self.members.T @ np.ones(len(self.block.targets)) > 0
        strata = np.unique(self.block.stratum)
        start = self.walker.answers if attempt % 2 else self.block.truth
        for target in np.flatnonzero(self._open):
            members = self.members[[target]].toarray().ravel() > 0
            if attempt % 4 == 1:
                free = neighbourhood(members, withheld, self.random)
            else:
                near = np.unique(self.block.stratum[members])
                more = self.random.permutation(strata)[: attempt % 4]
                free = members | np.isin(self.block.stratum, [*near, *more])
            for sign in (1.0, -1.0):
                if self._is_late or not self._open[target]:
                    break
                for objective in self._objectives(int(target), sign):
                    self.solved += 1
                    found = furthest(self.rows, start, objective, free, NEAR_SECONDS, gap=0.2)
                    if found.answers is not None:
                        self.reach.see(found.answers)

    def bound_by_fractions(self) -> None:
        """Linear programs, in which respondents may be divided: what they bound is bounded."""
        block, reach = self.block, self.reach
        is_open = ~reach.is_safe | ~reach.is_count_safe
        if not is_open.any():
            return
        programs = _Programs(block)
        wide = _Reach.of(block)
        wide.join(reach)
        middle = (block.low + block.high) / 2
        for _ in range(RANDOM_PAIRS):
            if wide.is_safe.all() and wide.is_count_safe.all():
                break
            # those that moved already need no more pushing
            push = self.random.choice([-1.0, 1.0], len(middle)) * ~wide.is_safe
            pull = self.random.choice([-1.0, 1.0], len(middle)) * ~wide.is_count_safe
            objective = (
                block.part.T @ push - block.whole.T @ (push * middle) + block.number.T @ (pull / 2)
            )
            for sign in (1.0, -1.0):
                wide.see(programs.answers(sign * objective))
        for target in range(len(block.targets)):
            for sign in (1.0, -1.0):
                if not wide.is_safe[target]:
                    wide.see(programs.answers_at_least(target, sign))
                if not wide.is_count_safe[target]:
                    row = block.number[[target]].toarray().ravel()
                    wide.see(programs.answers(sign * row))
        self.solved += programs.solved
        self.is_narrow, self.is_count_narrow = ~wide.is_safe, ~wide.is_count_safe
        reaches = wide.high - wide.low >= block.width - TINY
        self.path[reaches] = "lp_reason"

    def search_all(self) -> None:
        """Integer programs with everybody free, for what is still open; they may prove it narrow.

        Not where figures have all their digits: programs forgive more than digits do.
        """
        if self.block.has_digits:
            return
        for target in np.flatnonzero(self._open):
            proven, proven_count = [], []
            for sign in (1.0, -1.0):
                if not self.is_narrow[target] and self.block.is_own[target]:
                    proven.append(self._end(int(target), sign))
                if not self.is_count_narrow[target] and self.block.is_count_own[target]:
                    proven_count.append(self._end_of_count(int(target), sign))
            if len(proven) == 2 and all(proven) and not self.reach.is_safe[target]:
                self.is_narrow[target], self.path[target] = True, "whole_numbers"
            if len(proven_count) == 2 and all(proven_count):
                self.is_count_narrow[target] |= not self.reach.is_count_safe[target]

    def _end(self, target: int, sign: float) -> bool:
        """Push a figure to its end, by the method of Dinkelbach (1967); True if it is proven."""
        while not self.reach.is_safe[target] and not self._is_late:
            objective = self._objectives(int(target), sign)[0]
            found = furthest(self.rows, self.block.truth, objective, None, self._seconds(), gap=0.0)
            self.solved += 1
            if found.answers is None or found.value < MISFIT:
                return found.is_proven and found.answers is not None
            self.reach.see(found.answers)
        return False

    def _end_of_count(self, target: int, sign: float) -> bool:
        if self.reach.is_count_safe[target] or self._is_late:
            return False
        objective = sign * self.block.number[[target]].toarray().ravel()
        found = furthest(self.rows, self.block.truth, objective, None, self._seconds())
        self.solved += 1
        if found.answers is not None:
            self.reach.see(found.answers)
        return found.is_proven and found.answers is not None

    def _objectives(self, target: int, sign: float) -> list[Floats]:
        """What to push: the figure beyond where it was seen, and the number of respondents."""
        block, reach = self.block, self.reach
        found = []
        if not reach.is_safe[target]:
            end = reach.high[target] if sign > 0 else reach.low[target]
            found.append(
                sign * (block.part[[target]] - end * block.whole[[target]]).toarray().ravel()
            )
        if not reach.is_count_safe[target]:
            found.append(sign * block.number[[target]].toarray().ravel())
        return found

    @property
    def _is_late(self) -> bool:
        return time.perf_counter() > self.deadline

    def _seconds(self) -> float:
        return min(ALL_SECONDS, max(self.deadline - time.perf_counter(), 0.1))

    def outcome(self) -> Outcome:
        """Targets that are proven narrow, and those of which nothing is known."""
        block, reach = self.block, self.reach
        recovered: list[Recovered] = []
        undecided: list[Recovered] = []
        for target, (keys, reason) in enumerate(zip(block.keys, block.reasons, strict=True)):
            path = str(self.path[target])
            own, own_count = bool(block.is_own[target]), bool(block.is_count_own[target])
            figure = Recovered(ESTIMATES, keys, "estimate", path, reason, own)
            count = Recovered(ESTIMATES, keys, "n_respondents", "lp_count", reason, own_count)
            if not reach.is_safe[target]:
                (recovered if self.is_narrow[target] else undecided).append(figure)
            if not reach.is_count_safe[target]:
                (recovered if self.is_count_narrow[target] else undecided).append(count)
        return Outcome(
            tuple(recovered), tuple(cell for cell in undecided if cell.is_own), self.solved
        )


def attack_block(block: Block, seed: int = 0, seconds: float = BLOCK_SECONDS) -> Outcome:
    """Withheld cells of the block that were recovered, those undecided, and programs solved."""
    attack = _Attack(block, seed, seconds)
    attack.walk()
    for attempt in range(1 if block.has_digits else NEAR):
        attack.climb()
        # programs forgive more than digits do
        if not block.has_digits:
            attack.look_near(attempt)
    attack.bound_by_fractions()
    attack.search_all()
    return attack.outcome()


def programming_attack(
    blocks: Iterable[Block],
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[], object] = lambda: None,
    seconds: float = BLOCK_SECONDS,
) -> Outcome:
    """Attack all these blocks; `progress` is called after each."""
    recovered: list[Recovered] = []
    undecided: list[Recovered] = []
    solved = 0
    for outcome in _map(blocks, seed, workers, seconds):
        recovered += outcome.recovered
        undecided += outcome.undecided
        solved += outcome.solved
        progress()
    return Outcome(tuple(sorted(recovered)), tuple(sorted(undecided)), solved)


def _map(blocks: Iterable[Block], seed: int, workers: int, seconds: float) -> Iterator[Outcome]:
    if workers <= 1:
        yield from (attack_block(block, seed, seconds) for block in blocks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(attack_block, block, seed, seconds) for block in blocks]
        for done in as_completed(waiting):
            yield done.result()
