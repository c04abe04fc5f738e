"""Whole numbers that fit what is published: witnesses that a withheld cell could be otherwise.

People are whole numbers. The true answers of a block fit all that is published, and so do other
answers that are reached from them by moving respondents from one answer, or one atom, to another,
as long as every published figure stays in the interval of its step. A cell that differs by a tenth
of its range between two such sets of answers is safe, whoever attacks it. For cells that moving
does not widen, integer programs (HiGHS) look for the furthest whole answers, first with most
respondents held in place, then with all of them free; only what a program of whole numbers or of
fractions proves to be narrow counts as recovered, and what is left when the time is over is
undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from disclosure.cells import Booleans, Floats, Integers

# moves that are judged together
BATCH = 600
# shortest walk, and the longest without anything new
LEAST_BATCHES, IDLE_BATCHES = 6, 150
# free respondents of a program that holds the others in place
FREE = 160
# what the true answers themselves miss a figure by, at most: weights have twelve decimals
FIT = 2e-8


@dataclass
class Rows:
    """All that is published of a block, as rows with limits, and answers that fit."""

    matrix: sparse.csr_matrix
    low: Floats
    high: Floats
    columns: Floats

    @classmethod
    def of(
        cls, equal: sparse.csr_matrix, within: sparse.csr_matrix, counted: sparse.csr_matrix,
        count_low: Floats, count_high: Floats, truth: Floats,
    ) -> Rows:  # fmt: skip
        """The rows of a block; limits are widened to hold the truth, which misses by roundings."""
        matrix = sparse.vstack([equal, within, counted]).tocsr()
        exact, sides = np.zeros(equal.shape[0]), np.zeros(within.shape[0])
        low = np.concatenate([exact, sides - np.inf, count_low]) - FIT
        high = np.concatenate([exact, sides, count_high]) + FIT
        at = matrix @ truth
        return cls(
            matrix=matrix,
            low=np.minimum(low, at),
            high=np.maximum(high, at),
            columns=np.ascontiguousarray(matrix.T.toarray()),
        )

    def fit(self, answers: Floats) -> bool:
        """Whether these answers fit everything."""
        at = self.matrix @ answers
        return bool(
            (answers >= 0).all() and (at >= self.low - FIT).all() and (at <= self.high + FIT).all()
        )


@dataclass
class Walk:
    """A random walk over whole answers that fit, from the true ones.

    `group` names unknowns with the same answer in the same stratum, between which respondents move
    without a change of the whole.
    """

    rows: Rows
    answers: Floats
    atom: Integers
    option: Integers
    group: Integers
    random: np.random.Generator

    def __post_init__(self) -> None:
        self._at = self.rows.matrix @ self.answers
        # a move that is not made adds the last column, which is empty
        empty = np.zeros((1, self.rows.columns.shape[1]))
        self._columns = np.concatenate([self.rows.columns, empty])
        self._everybody = np.arange(len(self.answers))
        self._groups = _Members.of(self.group, self._everybody)
        self._atoms = _Members.of(self.atom, self._everybody)
        options = int(self.option.max()) + 1
        self._place = np.full((int(self.atom.max()) + 1, options), -1)
        self._place[self.atom, self.option] = self._everybody

    def batch(self, wanted: Floats, objective: Floats | None = None) -> bool:
        """Propose moves, most of them of unknowns that are wanted; True if any was made.

        A respondent goes to another atom with the same answer, into a wanted cell or out of it; two
        respondents exchange their answers; one gives another answer; one answers or does not.
        With an objective, no move may lower it.
        """
        random = self.random
        there = np.flatnonzero(self.answers > 0)
        if not len(there):
            return False
        weight = wanted + 0.05 * max(float(wanted.max()), 1.0)
        occupied = _Members.of(self.group, there, len(self._groups.start))
        leaves = self._draw(there, weight)
        enters = self._draw(self._everybody, weight)
        kind = random.random(BATCH)
        back_from, back_to = np.full((2, BATCH), -1)
        is_filling = kind < 0.3
        is_draining = (kind >= 0.3) & (kind < 0.5)
        leaves[is_filling] = occupied.one_of(self.group[enters[is_filling]], random)
        enters[is_draining] = self._groups.one_of(self.group[leaves[is_draining]], random)
        answers_anew = (kind >= 0.5) & (kind < 0.9)
        enters[answers_anew] = self._atoms.one_of(self.atom[leaves[answers_anew]], random)
        exchanges = answers_anew & (kind < 0.8)
        partner = occupied.one_of(self.group[enters[exchanges]], random)
        counterpart = np.where(
            partner >= 0, self._place[self.atom[partner], self.option[leaves[exchanges]]], -1
        )
        back_from[exchanges] = np.where(counterpart >= 0, partner, -1)
        back_to[exchanges] = counterpart
        leaves[kind > 0.97] = -1
        enters[(kind > 0.94) & (kind <= 0.97)] = -1
        moves = np.column_stack([leaves, back_from, enters, back_to])
        columns = self._columns
        change = columns[enters] - columns[leaves] + columns[back_to] - columns[back_from]
        after = self._at + change
        fits = ((after <= self.rows.high) & (after >= self.rows.low)).all(axis=1)
        if objective is not None:
            gain = np.append(objective, 0.0)
            change_of = gain[enters] - gain[leaves] + gain[back_to] - gain[back_from]
            fits &= change_of > -1e-9
        made = False
        for move in np.flatnonzero(fits):
            made |= self._make(moves[move], change[move])
        return made

    def _make(self, move: Integers, change: Floats) -> bool:
        after = self._at + change
        if (after > self.rows.high).any() or (after < self.rows.low).any():
            return False
        for place, step in zip(move.tolist(), (-1.0, -1.0, 1.0, 1.0), strict=True):
            if place >= 0:
                self.answers[place] += step
        if any(place >= 0 and self.answers[place] < 0 for place in move.tolist()):
            for place, step in zip(move.tolist(), (1.0, 1.0, -1.0, -1.0), strict=True):
                if place >= 0:
                    self.answers[place] += step
            return False
        self._at = after
        return True

    def refresh(self) -> None:
        """Sum anew, so that roundings of many moves do not add up."""
        self._at = self.rows.matrix @ self.answers

    def _draw(self, places: Integers, weight: Floats) -> Integers:
        total = np.cumsum(weight[places])
        found = np.searchsorted(total, self.random.random(BATCH) * total[-1], side="right")
        drawn: Integers = places[np.minimum(found, len(places) - 1)]
        return drawn


@dataclass(frozen=True)
class _Members:
    """The members of each group, in the order of groups, and where each group begins."""

    order: Integers
    start: Integers
    size: Integers

    @classmethod
    def of(cls, group: Integers, members: Integers, groups: int = 0) -> _Members:
        order = members[np.argsort(group[members], kind="stable")]
        size = np.bincount(group[members], minlength=max(groups, int(group.max()) + 1))
        return cls(order, np.cumsum(size) - size, size)

    def one_of(self, groups: Integers, random: np.random.Generator) -> Integers:
        """A member of each of these groups, at random; -1 where it has none."""
        offset = (random.random(len(groups)) * self.size[groups]).astype(np.int64)
        place = np.minimum(self.start[groups] + offset, len(self.order) - 1)
        found: Integers = np.where(self.size[groups] > 0, self.order[place], -1)
        return found


@dataclass(frozen=True)
class Found:
    """Answers that an integer program found, if any, and whether there are none further."""

    answers: Floats | None
    is_proven: bool
    value: float = -np.inf


def furthest(
    rows: Rows,
    truth: Floats,
    objective: Floats,
    free: Booleans | None = None,
    seconds: float = 5.0,
    gap: float = 0.0,
) -> Found:
    """The whole answers that fit at the most of an objective, counted from the truth.

    Args:
        free: the unknowns that may differ from the truth; all if None.
        seconds: limit of time; what was found until then is returned, not proven.
    """
    chosen = np.arange(len(truth)) if free is None else np.flatnonzero(free)
    part = rows.matrix[:, chosen].tocsr()
    touched = np.flatnonzero(np.diff(part.indptr))
    part = part[touched]
    at = (rows.matrix @ truth)[touched]
    most = np.full(len(chosen), np.inf)
    if not len(chosen):
        return Found(None, free is None)
    result = milp(
        -objective[chosen],
        integrality=np.ones(len(chosen)),
        bounds=Bounds(-truth[chosen], most),
        constraints=LinearConstraint(part, rows.low[touched] - at, rows.high[touched] - at),
        options={"time_limit": seconds, "mip_rel_gap": gap},
    )
    is_proven = free is None and result.status == 0
    if result.x is None:
        return Found(None, False)
    answers = truth.copy()
    answers[chosen] += np.round(result.x)
    # a program forgives a millionth, digits do not
    if not rows.fit(answers):
        return Found(None, is_proven)
    return Found(answers, is_proven, float(objective @ answers))


def neighbourhood(
    wanted: Booleans, relevant: Booleans, random: np.random.Generator, size: int = FREE
) -> Booleans:
    """All unknowns that are wanted, and some of those that are relevant to balance them."""
    free = wanted.copy()
    if wanted.sum() > size:
        free[:] = False
        free[random.choice(np.flatnonzero(wanted), size, replace=False)] = True
    others = np.flatnonzero(relevant & ~free)
    if len(others):
        free[random.choice(others, min(size, len(others)), replace=False)] = True
    return free
