"""How few cells could be withheld to protect others: the optimum of a small integer program.

The rule is that of the models (`protect_parts`): the withheld parts of a published whole have a
known sum, which with their sizes leaves each an interval that must be wide enough, and a number of
respondents that must be open enough. The models withhold the next smallest part until it is; here
HiGHS chooses the parts, or the whole. It looks at the share of a question and its mean, and not at
pooled waves, so that the models cannot always reach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from disclosure.cells import TINY, Booleans, Cells, Floats, Integers
from disclosure.frame import Frame
from disclosure.subtraction import COUNT_WIDTH, Nesting, nested_parts

# narrowest interval of a withheld part: samenwerkingsverbanden stand in more relations
MARGIN, SWV_MARGIN = 0.15, 0.4
SECONDS = 20.0


@dataclass(frozen=True)
class _Parts:
    """One block: of each domain weight, respondents and place (0 to 1) per measure."""

    domains: Integers
    weight: Floats
    place: Floats
    number: Floats
    is_own: Booleans
    is_hidden: Booleans


def secondary_suppressions(
    frame: Frame, cells: Cells, chosen: Sequence[int] | Integers
) -> tuple[int, int]:
    """Cells withheld to protect others in these blocks: how many are, and how few could be.

    Blocks whose program is not solved in time count in neither.
    """
    nestings = nested_parts(frame, cells)
    part = _weighted_scores(frame, cells)
    made = least = 0
    for block in chosen:
        parts = _parts_of(frame, cells, int(block), part)
        optimum = _optimum(parts, cells, [n for n in nestings if block in n.blocks], frame)
        if optimum is not None:
            made += int((parts.is_hidden & ~parts.is_own).sum())
            least += optimum
    return made, least


def _weighted_scores(frame: Frame, cells: Cells) -> dict[str, Floats]:
    """Weight of endorsements, and weight times score, per block and domain."""
    answers = frame.answers
    keys = pd.MultiIndex.from_frame(answers[list(cells.blocks.names)])
    block = cells.blocks.get_indexer(keys)
    known = block >= 0
    codes = cells.blocks.get_level_values("indicator_code")
    endorsed = {
        code: {(option, score) for option, score, is_endorsed in frame.scales[code].options
               if is_endorsed}
        for code in codes.unique()
    }  # fmt: skip
    is_endorsed = np.array(
        [
            (option, score) in endorsed.get(code, ())
            for code, option, score in zip(
                answers["indicator_code"], answers["option"], answers["score"], strict=True
            )
        ]
    )
    negative = answers["indicator_code"].map(
        {code: frame.scales[code].is_dont_know_negative for code in endorsed}
    )
    weight = np.where(
        negative.eq(True), answers["weight_with_dont_know"], answers["weight_substantive"].fillna(0)
    )
    number = answers["n"].to_numpy(np.float64)
    shape = (len(cells.blocks), cells.incidence.shape[0])
    where = (block[known], answers["atom_id"].to_numpy()[known])

    def total(values: Floats) -> Floats:
        summed: Floats = (
            sparse.csr_matrix((values[known], where), shape=shape) @ cells.incidence
        ).toarray()
        return summed

    score = answers["score"].fillna(0).to_numpy(np.float64)
    substantive = answers["weight_substantive"].fillna(0).to_numpy(np.float64)
    return {
        "share_endorsed": total(number * weight * is_endorsed),
        "mean": total(number * substantive * score),
    }


def _parts_of(frame: Frame, cells: Cells, block: int, part: dict[str, Floats]) -> _Parts:
    """The domains of a block that somebody is in."""
    measures = [name for name in ("share_endorsed", "mean") if name in cells.measures]
    rows = np.array([cells.lookup[block, :, cells.measures.get_loc(name)] for name in measures])
    domains = np.flatnonzero(
        (rows[0] >= 0) & (cells.mass[rows[0]] > TINY) & ~cells.is_derived[rows[0]]
    )
    rows = rows[:, domains]
    there = (rows >= 0) & (cells.mass[rows] > TINY)
    scale = frame.scales[str(cells.blocks[block][1])]
    place = np.full(rows.shape, np.nan)
    for at, name in enumerate(measures):
        low, high = scale.bounds(name)
        figure = part[name][block, domains] / np.where(there[at], cells.mass[rows[at]], 1.0)
        place[at] = np.where(there[at], (figure - low) / (high - low), np.nan)
    keys = [tuple(map(str, key)) for key in cells.keys.iloc[rows[0]].itertuples(index=False)]
    own = frame.own
    is_own = np.array(
        [
            ("fct_indicator_estimates", key) in own
            if own is not None
            else reason not in ("", "complementary", "derived")
            for key, reason in zip(keys, cells.reason[rows[0]], strict=True)
        ]
    )
    return _Parts(
        domains=domains,
        weight=cells.mass[rows[0]],
        place=place,
        number=np.where(there, cells.count[rows], np.inf).min(axis=0),
        is_own=is_own,
        is_hidden=cells.is_suppressed[rows[0]],
    )


class _Program:
    """Rows of the integer program: cells are withheld (1) or not."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: list[tuple[dict[int, float], float]] = []

    def at_least(self, terms: dict[int, float], total: float, unless: int) -> None:
        """Σ terms >= total, unless this cell is withheld."""
        room = max(total - sum(min(value, 0.0) for value in terms.values()), 0.0)
        self.rows.append(({**terms, unless: terms.get(unless, 0.0) + room}, total))

    def solve(self, is_own: Floats) -> int | None:
        """Fewest cells beside those withheld for their own sake; None if not solved in time."""
        if not self.rows:
            return 0
        matrix = sparse.lil_matrix((len(self.rows), self.size))
        for row, (terms, _) in enumerate(self.rows):
            for column, value in terms.items():
                matrix[row, column] = value
        totals = np.array([total for _, total in self.rows]) - TINY
        result = milp(
            1 - is_own,
            integrality=np.ones(self.size),
            bounds=Bounds(is_own, np.ones(self.size)),
            constraints=LinearConstraint(matrix.tocsr(), totals, np.inf),
            options={"time_limit": SECONDS},
        )
        return round(result.fun) if result.status == 0 else None


def _optimum(parts: _Parts, cells: Cells, nestings: Sequence[Nesting], frame: Frame) -> int | None:
    """Fewest cells beside those withheld for their own sake; None if not solved in time."""
    breakdown = cells.domains.get_level_values("breakdown")
    place = {int(domain): at for at, domain in enumerate(parts.domains)}
    relations = []
    for nesting in nestings:
        parent = breakdown[nesting.parent]
        adds_up = parent == "total" or (
            parent in ("region", "sector") and nesting.breakdown == "swv"
        )
        children = [place[child] for child in nesting.children.tolist() if child in place]
        if adds_up and nesting.parent in place and len(children) > 1:
            relations.append((place[nesting.parent], nesting.breakdown, children))
    program = _Program(len(parts.domains))
    for whole, name, children in relations:
        margin = SWV_MARGIN if name == "swv" else MARGIN
        for child in children:
            if parts.is_own[child]:
                _protect(program, parts, children, child, margin, whole, frame)
    return program.solve(parts.is_own.astype(np.float64))


def _protect(
    program: _Program,
    parts: _Parts,
    children: list[int],
    child: int,
    margin: float,
    whole: int,
    frame: Frame,
) -> None:
    """Rows that leave a withheld part wide enough, unless the whole is withheld."""
    least = frame.rules["min_respondents"]
    weight = parts.weight[child]

    def require(values: dict[int, float], total: float) -> None:
        program.at_least(values, total, whole)

    require({at: parts.weight[at] for at in children}, (1 + margin) * weight)
    for places in parts.place:
        if np.isnan(places[children]).any():
            continue
        require({at: parts.weight[at] * places[at] for at in children}, margin * weight)
        require({at: parts.weight[at] * (1 - places[at]) for at in children}, margin * weight)
    is_small = parts.number < least
    require(
        {at: parts.number[at] - (0 if is_small[at] else least) for at in children},
        float(COUNT_WIDTH),
    )
    small = [at for at in children if is_small[at] and parts.is_own[at]]
    hidden = float(parts.number[small].sum())
    lowest = max(0.0, hidden - (least - 1) * (len(small) - 1))
    if is_small[child] and min(least - 1, hidden) - lowest < COUNT_WIDTH:
        require({at: 1.0 for at in children if not is_small[at]}, 1.0)
