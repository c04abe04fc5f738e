"""What an attack found, and its report."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Recovered:
    """A withheld cell whose bounds are too close, and how they were found; never its value.

    `quantity` is `estimate`, `n_respondents`, or, between two releases, `difference`; `reason` is
    that of the release. `is_own` says whether the cell is withheld for its own sake, and not to
    protect another: only then its value is a secret.
    """

    table: str
    keys: tuple[str, ...]
    quantity: str
    path: str
    reason: str = ""
    is_own: bool = True


@dataclass(frozen=True)
class Result:
    """One attack on one release.

    `cells_suppressed` counts the withheld rows of estimates, benchmarks and goal scores;
    `cells_attacked` the estimates among them that somebody answered. `recovered` are cells that are
    withheld for their own sake; `narrowed` those that only protect others and harm nobody.
    `closed` counts the questions (wave, indicator, group) that an earlier round withheld further.
    `strata_worked_out` counts figures of strata inside cells that whole numbers gave away.
    `secondary` counts the cells that some blocks withhold to protect others, and
    `secondary_optimum` how few could do it there; None where they were not compared.
    """

    release_id: str
    cells_suppressed: int
    cells_attacked: int
    blocks: int
    blocks_attacked: int
    earlier_releases: int
    programs_solved: int
    seconds: float
    method: str
    recovered: tuple[Recovered, ...] = field(default_factory=tuple)
    narrowed: tuple[Recovered, ...] = field(default_factory=tuple)
    undecided: tuple[Recovered, ...] = field(default_factory=tuple)
    closed: int = 0
    strata_worked_out: int = 0
    secondary: int | None = None
    secondary_optimum: int | None = None

    @property
    def paths(self) -> dict[str, int]:
        """Recovered cells by path, the most frequent first."""
        return dict(Counter(cell.path for cell in self.recovered).most_common())

    @property
    def reasons(self) -> dict[str, int]:
        """Recovered cells by the reason for which they are withheld, the most frequent first."""
        return dict(Counter(cell.reason for cell in self.recovered).most_common())

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        numbers = {
            "cells_recovered": len(self.recovered),
            "cells_narrowed": len(self.narrowed),
            "cells_undecided": len(self.undecided),
            "paths": self.paths,
            "reasons": self.reasons,
        }
        return {**asdict(self), **numbers, "narrowed": None}

    def as_markdown(self) -> str:
        """A page for readers."""
        lines = [
            f"# Attack on release {self.release_id}",
            "",
            f"**{len(self.recovered)} cells were recovered.**",
            "",
            self.method,
            "",
            "| | |",
            "|---|---|",
            f"| narrowed, of those withheld to protect others only | {len(self.narrowed)} |",
            f"| undecided: neither two answers that fit nor a proof | {len(self.undecided)} |",
            f"| questions withheld further after an earlier round | {self.closed} |",
            f"| withheld cells | {self.cells_suppressed} |",
            f"| of which somebody answered | {self.cells_attacked} |",
            f"| figures of strata that whole numbers gave away | {self.strata_worked_out} |",
            f"| blocks (wave, indicator, group) attacked by programming "
            f"| {self.blocks_attacked} of {self.blocks} |",
            f"| programs solved | {self.programs_solved} |",
            f"| withheld to protect others, in blocks compared | {_told(self.secondary)} |",
            f"| how few could protect them there | {_told(self.secondary_optimum)} |",
            f"| earlier releases used | {self.earlier_releases} |",
            f"| seconds | {self.seconds:.0f} |",
        ]
        if self.recovered:
            lines += ["", "| path | cells |", "|---|---|"]
            lines += [f"| {path} | {count} |" for path, count in self.paths.items()]
            lines += ["", "| withheld because | cells |", "|---|---|"]
            lines += [f"| {reason} | {count} |" for reason, count in self.reasons.items()]
            lines += ["", "| table | cell | quantity | path | withheld because |"]
            lines += ["|---|---|---|---|---|"]
            lines += [
                f"| {cell.table} | {' · '.join(cell.keys)} | {cell.quantity} | {cell.path} "
                f"| {cell.reason} |"
                for cell in self.recovered
            ]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """attack.json and attack.md into the release, beside its checksummed files."""
        content = json.dumps(self.as_dict(), indent=2, ensure_ascii=False)
        (folder / "attack.json").write_text(content + "\n", encoding="utf-8")
        (folder / "attack.md").write_text(self.as_markdown(), encoding="utf-8")


def _told(number: int | None) -> str:
    return "not compared" if number is None else str(number)
