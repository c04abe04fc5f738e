"""Linear relations between unknowns, and the bounds that follow from them.

Each relation is Σ coefficient × value = total. With bounds on all values but one, the relation
bounds that one; repeated until nothing moves, this is what a patient reader with a pocket
calculator finds. It is sound, and weaker than linear programming, which takes the relations
together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROUNDS = 50
# an unknown this narrow is known, and stays where it is: rounding would wander from one relation
# to the next, growing at each division by a small coefficient
KNOWN = 1e-8
# a bound that moves by less is not worth another round
STEP = 1e-5
# error of a relation's sum, of terms about 1
ROUNDING = 1e-11


@dataclass
class System:
    """Unknowns with bounds, and relations between them, each of a kind that names a path.

    `low_path` and `high_path` hold, for every unknown, the kind of the relation that last drew in
    its bound, as a position in `kinds`; -1 where none did.
    """

    low: Floats
    high: Floats
    kinds: list[str] = field(default_factory=list)
    _rows: list[Integers] = field(default_factory=list)
    _columns: list[Integers] = field(default_factory=list)
    _values: list[Floats] = field(default_factory=list)
    _totals: list[Floats] = field(default_factory=list)
    _kind_of: list[Integers] = field(default_factory=list)
    _size: int = 0
    low_path: Integers = field(init=False)
    high_path: Integers = field(init=False)

    def unknowns(self, low: Floats, high: Floats) -> Integers:
        """Add unknowns with these bounds; returns their positions."""
        start = len(self.low)
        self.low = np.concatenate([self.low, low])
        self.high = np.concatenate([self.high, high])
        return np.arange(start, len(self.low))

    def kind(self, name: str) -> int:
        """The position of a kind in `kinds`, added when it is new."""
        if name not in self.kinds:
            self.kinds.append(name)
        return self.kinds.index(name)

    def relate(
        self, kind: str, columns: Integers, coefficients: Floats, totals: Floats | float = 0.0
    ) -> None:
        """Add one relation a row of `columns` (relations × terms).

        A term at position -1 is left out. Coefficients and totals are broadcast to that shape.
        """
        if not len(columns):
            return
        rows = np.broadcast_to(np.arange(len(columns))[:, None], columns.shape) + self._size
        values = np.broadcast_to(coefficients, columns.shape)
        stays = (columns >= 0) & (values != 0)
        self._rows.append(rows[stays])
        self._columns.append(columns[stays])
        self._values.append(values[stays].astype(np.float64))
        self._totals.append(np.broadcast_to(np.asarray(totals, dtype=np.float64), len(columns)))
        self._kind_of.append(np.full(len(columns), self.kind(kind)))
        self._size += len(columns)

    def relate_within(
        self,
        kind: str,
        columns: Integers,
        coefficients: Floats,
        totals: Floats | float,
        half: Floats | float,
    ) -> None:
        """The same, where the sum may lie this far from the total: a rounded number tells it."""
        half = np.broadcast_to(np.asarray(half, dtype=np.float64), len(columns))
        is_open = half > 0
        slack = np.full(len(columns), -1)
        slack[is_open] = self.unknowns(-half[is_open], half[is_open])
        values = np.broadcast_to(coefficients, columns.shape)
        self.relate(
            kind,
            np.column_stack([columns, slack]),
            np.column_stack([values, np.ones(len(columns))]),
            totals,
        )

    def draw(self, kind: str, where: Integers, low: Floats, high: Floats) -> bool:
        """Draw bounds in to these, and remember the path; True if any moved."""
        number = np.full(len(where), self.kind(kind))
        return bool(self._draw(where, low, high, number).any())

    def _draw(
        self, where: Integers, low: Floats, high: Floats, kind: Integers
    ) -> npt.NDArray[np.bool_]:
        """The same, with a kind each, and several about one unknown; which unknowns moved.

        Bounds that cross by rounding meet in the middle.
        """
        is_open = (self.high - self.low)[where] > KNOWN
        new_low, new_high = self.low.copy(), self.high.copy()
        np.maximum.at(new_low, where[is_open], low[is_open])
        np.minimum.at(new_high, where[is_open], high[is_open])
        rises, falls = new_low > self.low + STEP, new_high < self.high - STEP
        new_low, new_high = np.where(rises, new_low, self.low), np.where(falls, new_high, self.high)
        lifts = is_open & rises[where] & (low >= new_low[where])
        drops = is_open & falls[where] & (high <= new_high[where])
        self.low_path[where[lifts]] = kind[lifts]
        self.high_path[where[drops]] = kind[drops]
        crossed = new_low > new_high
        new_low[crossed] = new_high[crossed] = (new_low[crossed] + new_high[crossed]) / 2
        self.low, self.high = new_low, new_high
        moved: npt.NDArray[np.bool_] = rises | falls
        return moved

    def start(self) -> None:
        """Forget the paths; call once all unknowns are there."""
        self.low_path = np.full(len(self.low), -1)
        self.high_path = np.full(len(self.low), -1)

    def propagate(self) -> bool:
        """Draw in all bounds until no relation moves one; True if any moved.

        Relations without an open unknown say nothing and are passed over.
        """
        if not self._size:
            return False
        row, column, value = (
            np.concatenate(part) for part in (self._rows, self._columns, self._values)
        )
        is_open = (self.high - self.low > KNOWN)[column]
        stays = (np.bincount(row[is_open], minlength=self._size) > 0)[row]
        row, column, value = row[stays], column[stays], value[stays]
        total, kind = np.concatenate(self._totals)[row], np.concatenate(self._kind_of)[row]
        tolerance = ROUNDING / np.abs(value)
        moved_at_all = False
        for _ in range(ROUNDS):
            ends = value * self.low[column], value * self.high[column]
            least, most = np.minimum(*ends), np.maximum(*ends)
            # what is left for a term when the others are at their most, and at their least
            from_most = total - (np.bincount(row, most, minlength=self._size)[row] - most)
            from_least = total - (np.bincount(row, least, minlength=self._size)[row] - least)
            ends = from_most / value, from_least / value
            low, high = np.minimum(*ends) - tolerance, np.maximum(*ends) + tolerance
            moved = self._draw(column, low, high, kind)
            if not moved.any():
                break
            moved_at_all = True
            # only relations with a term that moved can say something new
            stays = (np.bincount(row[moved[column]], minlength=self._size) > 0)[row]
            row, column, value = row[stays], column[stays], value[stays]
            total, kind, tolerance = total[stays], kind[stays], tolerance[stays]
        return moved_at_all

    def path(self, position: int) -> str:
        """The kinds of relation that drew in the bounds of an unknown."""
        names = {
            self.kinds[path[position]]
            for path in (self.low_path, self.high_path)
            if path[position] >= 0
        }
        return " and ".join(sorted(names)) or "range"
