"""What the codebook says about waves, questionnaires, populations and indicators."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.lib.codebook import read_seed

Array = NDArray[Any]
Floats = NDArray[np.float64]
Seed = list[dict[str, str]]

TARGETS = Path(__file__).with_name("targets.csv")
DEFAULT_SHARE, DEFAULT_MARK, DEFAULT_DONT_KNOW = 0.55, 7.0, 0.05


class Wave(NamedTuple):
    """A measurement and the first and last day of its fieldwork."""

    wave_id: str
    number: int
    label: str
    start: dt.date
    end: dt.date


class Target(NamedTuple):
    """The level of an indicator in a group in wave 1, a share endorsed (0–1) or a mean mark
    (1–10), its change per wave, and the share that does not know (0–1)."""

    level: float
    change_per_wave: float
    dont_know: float


class Scale:
    """Answer options by code: labels, substantive codes from low to high, missing reasons, and
    the breakdown values that background codes stand for."""

    def __init__(self, kind: str, options: Seed) -> None:
        substantive = [row for row in options if not row["missing_reason"]]
        substantive.sort(key=lambda row: float(row["score"] or 0))
        self.is_numeric = kind == "numeric"
        self.labels = {int(row["value"]): row["label_nl"] for row in options}
        self.substantive = [int(row["value"]) for row in substantive]
        self.reasons = {row["missing_reason"]: int(row["value"]) for row in options}
        self.breakdowns = {row["breakdown_value"]: int(row["value"]) for row in options}


class Question:
    """A column of a delivery: a row of `variables.csv`, its row of `items.csv` and its scale."""

    def __init__(
        self, row: Mapping[str, str], item: Mapping[str, str], scale: Scale | None
    ) -> None:
        self.variable, self.column_name = row["variable"], row["column_name"]
        self.role, self.attribute = row["role"], row["attribute"]
        self.indicator_code = item.get("indicator_code", "")
        self.wording = item.get("wording_nl", "")
        self.scale = scale
        self.is_label = row["answers_as"] == "label"
        self.is_reversed = row["is_reversed"] == "true"
        self.is_core = row["is_core"] == "true"
        self.routed_by = row["routed_by"]
        self.routed_values = [int(code) for code in row["routed_values"].split("|") if code]
        self.missing_codes = [int(code) for code in row["missing_codes"].split("|") if code]

    @property
    def is_item(self) -> bool:
        """Whether this is a question behind an indicator."""
        return self.role == "item"

    @property
    def is_decimal(self) -> bool:
        """Whether numbers in this column may have decimals."""
        return self.role == "weight" or (self.scale is not None and self.scale.is_numeric)

    def missing_code(self, reason: str) -> float:
        """The code of a missing reason; NaN, a blank, where this question does not offer it."""
        code = self.scale.reasons.get(reason) if self.scale else None
        return code if code is not None and code in self.missing_codes else np.nan

    @cached_property
    def delivered_codes(self) -> dict[int, int]:
        """Codebook code → code as delivered; a reversed question mirrors the substantive ones."""
        codes = sorted(self.scale.substantive) if self.scale else []
        mirrored = reversed(codes) if self.is_reversed else codes
        return dict(zip(codes, mirrored, strict=True)) | {code: code for code in self.missing_codes}

    def delivered(self, values: Array) -> Array:
        """Codebook codes as the agency delivers them: codes (NaN blank) or labels (None blank)."""
        if self.scale and self.is_label:
            labels = self.scale.labels
            return np.array([labels.get(value) for value in values.tolist()], dtype=object)
        if self.is_reversed:
            codes = self.delivered_codes
            return np.array([codes.get(value, value) for value in values.tolist()], dtype=float)
        return values


class Survey:
    """The codebook below `root` (default: this project), indexed for simulation.

    `targets` replaces levels of `targets.csv`.

    Raises:
        FileNotFoundError: a seed is missing.
        ValueError: `targets` names an indicator × group that is not in `indicator_groups.csv`.
    """

    def __init__(
        self, root: Path | None = None, targets: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        def seed(name: str) -> Seed:
            return read_seed(f"codebook/{name}", root)

        def pairs(rows: Seed) -> dict[tuple[str, str], dict[str, str]]:
            return {(row["indicator_code"], row["respondent_group"]): row for row in rows}

        self.root = root
        self.waves = {row["wave_id"]: _wave(row) for row in seed("waves")}
        self.groups = {row["respondent_group"]: row for row in seed("respondent_groups")}
        self.indicators = {row["indicator_code"]: row for row in seed("indicators")}
        asked = pairs(seed("indicator_groups"))
        self.units_of_count = {pair: row["unit_of_count"] for pair, row in asked.items()}
        self._populations = seed("populations")

        options = seed("scale_options")
        scales = {
            scale["scale"]: Scale(
                scale["kind"], [row for row in options if row["scale"] == scale["scale"]]
            )
            for scale in seed("scales")
        }
        items = {row["item_code"]: row for row in seed("items")}
        self.questionnaires: dict[tuple[str, str], list[Question]] = {}
        for row in seed("variables"):
            question = Question(row, items.get(row["item_code"], {}), scales.get(row["scale"]))
            key = row["wave_id"], row["respondent_group"]
            self.questionnaires.setdefault(key, []).append(question)

        if unknown := set(targets or {}) - set(asked):
            raise ValueError(f"no group is asked {sorted(unknown)}; see indicator_groups.csv")
        with TARGETS.open(encoding="utf-8", newline="") as file:
            known = pairs(list(csv.DictReader(file)))
        self.targets: dict[tuple[str, str], Target] = {}
        for pair in asked:
            is_mark = scales[self.indicators[pair[0]]["scale"]].is_numeric
            level = DEFAULT_MARK if is_mark else DEFAULT_SHARE
            target = Target(level, 0, DEFAULT_DONT_KNOW)
            if pair in known:
                target = Target(*(float(known[pair][name]) for name in Target._fields))
            self.targets[pair] = target._replace(level=(targets or {}).get(pair, target.level))

    def population(self, wave: Wave, group: str, unit_of_count: str, column: str) -> dict[str, int]:
        """Stratum → `population_units` or `population_psus`, where it has one.

        A wave without rows of its own keeps the population of the latest wave that has them.
        """
        rows = [
            row
            for row in self._populations
            if (row["respondent_group"], row["unit_of_count"]) == (group, unit_of_count)
            and self.waves[row["wave_id"]].number <= wave.number
        ]
        latest = max(rows, key=lambda row: self.waves[row["wave_id"]].number)["wave_id"]
        return {
            row["stratum"]: int(row[column])
            for row in rows
            if row["wave_id"] == latest and row[column]
        }

    def largest_population(self, psu_attribute: str) -> dict[str, int]:
        """Stratum → most sampling units of this kind in any wave."""
        counts: dict[str, int] = {}
        for row in self._populations:
            group = self.groups[row["respondent_group"]]
            if group["psu_attribute"] == psu_attribute and row["population_psus"]:
                count = int(row["population_psus"])
                counts[row["stratum"]] = max(count, counts.get(row["stratum"], 0))
        return counts


def _wave(row: Mapping[str, str]) -> Wave:
    start, end = (dt.date.fromisoformat(row[f"fieldwork_{edge}"]) for edge in ("start", "end"))
    return Wave(row["wave_id"], int(row["measurement_number"]), row["label_nl"], start, end)
