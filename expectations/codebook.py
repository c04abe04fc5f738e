"""The codebook as the suites need it; in Python, since dbt may not have loaded the seeds yet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from orchestration.lib.codebook import read_seed

Row = dict[str, str]


class Codebook:
    """Seeds below `root`, read once each."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._seeds: dict[str, list[Row]] = {}

    def seed(self, name: str) -> list[Row]:
        """Rows of `seeds/codebook/<name>.csv`.

        Raises:
            FileNotFoundError: there is no such seed.
        """
        if name not in self._seeds:
            self._seeds[name] = read_seed(f"codebook/{name}", self._root)
        return self._seeds[name]

    def variables(self, wave_id: str, respondent_group: str) -> list[Row]:
        """The columns in `raw` of a wave and group.

        Raises:
            LookupError: the codebook has no such questionnaire.
        """
        rows = self._variables.get((wave_id, respondent_group))
        if rows is None:
            raise LookupError(
                f"seeds/codebook/variables.csv has no columns for {respondent_group} in "
                f"{wave_id}. Add them, or correct the wave and group of the delivery."
            )
        return rows

    @cached_property
    def _variables(self) -> dict[tuple[str, str], list[Row]]:
        grouped: dict[tuple[str, str], list[Row]] = {}
        for row in self.seed("variables"):
            if row["role"] not in ("open_text", "ignore"):
                grouped.setdefault((row["wave_id"], row["respondent_group"]), []).append(row)
        return grouped

    @cached_property
    def scales(self) -> dict[str, Row]:
        """Scales by name."""
        return {row["scale"]: row for row in self.seed("scales")}

    def options(self, scale: str) -> list[Row]:
        """The options of a scale."""
        return [row for row in self.seed("scale_options") if row["scale"] == scale]

    def population(self, wave_id: str, respondent_group: str) -> int | None:
        """People in the population, or None where it is not known."""
        units = [
            int(row["population_units"])
            for row in self.seed("populations")
            if (row["wave_id"], row["respondent_group"], row["unit_of_count"])
            == (wave_id, respondent_group, "respondent")
        ]
        return sum(units) if units else None

    def threshold(self, rule: str) -> int:
        """A threshold of disclosure control, in respondents or units."""
        return next(
            int(row["threshold"]) for row in self.seed("suppression_rules") if row["rule"] == rule
        )

    def questions(self) -> Iterator[tuple[str, str, str, str]]:
        """(wave_id, indicator_code, respondent_group, headline measure) of all that was asked."""
        measures = {row["indicator_code"]: row["headline_measure"] for row in self.seed("indicators")}
        for wave in self.seed("waves"):
            number = int(wave["measurement_number"])
            for row in self.seed("indicator_groups"):
                last = int(row["last_measurement"] or number)
                if int(row["first_measurement"]) <= number <= last:
                    code = row["indicator_code"]
                    yield wave["wave_id"], code, row["respondent_group"], measures[code]
