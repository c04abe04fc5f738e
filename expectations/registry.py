"""The registry of checks: `checks.csv`, in the order in which results are given.

The suites say how a check is measured; what it asks, how strictly, and what to do when it fails
stands in the table.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Check:
    """A row of the registry.

    `limit` is the largest share (0-1) of offending values that still passes; where it is empty the
    codebook says it for each column. A failed `error`
    stops what comes after the gate, a `warning` is reported.
    """

    gate: str
    name: str
    severity: str
    limit: float
    rule: str
    remedy: str

    def expects(self, figures: Mapping[str, float]) -> str:
        """The rule with the limit, its complement `rest` and other figures filled in.

        Raises:
            KeyError: the rule names a figure that is not given.
        """
        return self.rule.format(limit=self.limit, rest=1 - self.limit, **figures)


def _read() -> dict[str, Check]:
    with Path(__file__).with_name("checks.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["check"]: Check(
                row["gate"],
                row["check"],
                row["severity"],
                float(row["limit"] or 0),
                row["rule"],
                row["remedy"],
            )
            for row in csv.DictReader(file)
        }


CHECKS = _read()
