"""Numbers and dates as readers of a language write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
# from the marks of Python's own format to those of the language
MARKS = {"nl": str.maketrans({".": ",", ",": "."}), "en": {}}


@dataclass(frozen=True)
class Numbers:
    """Writes numbers with the decimal and thousands marks of `language`, nl or en.

    A missing number is an en dash; a number that rounds to zero has no sign.
    """

    language: str
    months: tuple[str, ...] = ()

    def decimal(self, value: float | None, digits: int, signed: bool = False) -> str:
        """`value` with so many digits behind the mark, and a plus where `signed`."""
        if value is None:
            return NONE
        text = f"{abs(value):,.{digits}f}".translate(MARKS[self.language])
        if (value < 0 or signed) and text.strip("0.,"):
            return (MINUS if value < 0 else "+") + text
        return text

    def percent(self, value: float | None, digits: int = 1) -> str:
        """A share in 0-1 as a percentage."""
        return NONE if value is None else self.decimal(100 * value, digits) + "%"

    def points(self, value: float | None, signed: bool = True, digits: int = 1) -> str:
        """A difference of shares in percentage points, without its unit."""
        return NONE if value is None else self.decimal(100 * value, digits, signed)

    def count(self, value: float | None) -> str:
        """A whole number; of one that is not, one decimal."""
        return NONE if value is None else self.decimal(value, 0 if value == int(value) else 1)

    def p_value(self, value: float | None) -> str:
        """Two decimals; 0.01 is the smallest that is published, and stands for all below it."""
        if value is not None and value <= 0.01:
            return "<\N{NO-BREAK SPACE}" + self.decimal(0.01, 2)
        return self.decimal(value, 2)

    def date(self, value: date | None) -> str:
        """Day, name of the month, year."""
        return NONE if value is None else f"{value.day} {self.months[value.month - 1]} {value.year}"
