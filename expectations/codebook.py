"""The codebook as the suites need it; in Python, since dbt may not have loaded the seeds yet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from orchestration.lib.codebook import read_seed

Row = dict[str, str]


class Codebook:
    """The seeds as they are now; each is read once."""

    def __init__(self) -> None:
        self.seed = cache(lambda name: read_seed(f"codebook/{name}"))

    def variables(self, wave_id: str, respondent_group: str) -> list[Row]:
        """The columns in `raw` of a wave and group.

        Raises:
            LookupError: the codebook has no such questionnaire.
        """
        rows = [
            row
            for row in self.seed("variables")
            if (row["wave_id"], row["respondent_group"]) == (wave_id, respondent_group)
            and row["role"] not in ("open_text", "ignore")
        ]
        if not rows:
            raise LookupError(
                f"seeds/codebook/variables.csv has no columns for {respondent_group} in "
                f"{wave_id}. Add them, or correct the wave and group of the delivery."
            )
        return rows

    def scale(self, name: str) -> Row:
        """The row of a scale."""
        return next(row for row in self.seed("scales") if row["scale"] == name)

    def options(self, scale: str) -> list[Row]:
        """The options of a scale."""
        return [row for row in self.seed("scale_options") if row["scale"] == scale]

    def population(self, wave_id: str, respondent_group: str) -> int | None:
        """People in the population, or None where it is not known."""
        key = (wave_id, respondent_group, "respondent")
        units = [
            int(row["population_units"])
            for row in self.seed("populations")
            if (row["wave_id"], row["respondent_group"], row["unit_of_count"]) == key
        ]
        return sum(units) if units else None

    def questions(self) -> Iterator[tuple[str, str, str, str]]:
        """(wave_id, indicator_code, respondent_group, headline measure) of all that was asked."""
        headline = {
            row["indicator_code"]: row["headline_measure"] for row in self.seed("indicators")
        }
        for wave in self.seed("waves"):
            number = int(wave["measurement_number"])
            for row in self.seed("indicator_groups"):
                last = int(row["last_measurement"] or number)
                if int(row["first_measurement"]) <= number <= last:
                    code = row["indicator_code"]
                    yield wave["wave_id"], code, row["respondent_group"], headline[code]
