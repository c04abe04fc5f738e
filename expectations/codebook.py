"""The codebook as the suites need it; in Python, since dbt may not have loaded the seeds yet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import duckdb

from orchestration.lib.codebook import read_seed

Row = dict[str, str]


class Codebook:
    """The seeds as they are now; each is read once."""

    def __init__(self) -> None:
        self.seed = cache(lambda name, folder="codebook": read_seed(f"{folder}/{name}"))

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

    def tolerance(self, check: str, respondent_group: str = "", scale: str = "") -> float:
        """What a check tolerates; of several rows that hold, the most specific one.

        Raises:
            LookupError: seeds/codebook/quality_tolerances.csv has no row for the check.
        """
        rows = [
            row
            for row in self.seed("quality_tolerances")
            if row["check_name"] == check
            and row["respondent_group"] in ("", respondent_group)
            and row["scale"] in ("", scale)
        ]
        if not rows:
            raise LookupError(
                f"seeds/codebook/quality_tolerances.csv has no row for {check}. Add one."
            )
        best = max(rows, key=lambda row: (bool(row["respondent_group"]), bool(row["scale"])))
        return float(best["tolerance"])

    def item(self, item_code: str) -> Row:
        """The row of an item: its indicator and wording."""
        return next(row for row in self.seed("items") if row["item_code"] == item_code)

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


def previous_delivery(
    connection: duckdb.DuckDBPyConnection, codebook: Codebook, wave_id: str, respondent_group: str
) -> tuple[str, str] | None:
    """(wave_id, delivery_id) of what a delivery is compared with, or None when it is the first.

    That is the delivery of its group in the last wave before that has one, accepted or else just
    landed: what was accepted is a better yardstick than what waits beside it. Waves that the
    codebook forgot do not count.
    """
    numbers = {row["wave_id"]: int(row["measurement_number"]) for row in codebook.seed("waves")}
    asked = {
        row["wave_id"]
        for row in codebook.seed("variables")
        if row["respondent_group"] == respondent_group
    }
    found = connection.execute(
        "select wave_id, delivery_id, status from raw.deliveries "
        "where respondent_group = ? and status in ('accepted', 'landed') and row_count > 0 "
        "order by delivery_id",
        [respondent_group],
    ).fetchall()
    earlier = [
        row for row in found if row[0] in asked and numbers[row[0]] < numbers.get(wave_id, 0)
    ]
    best = max(earlier, key=lambda row: (numbers[row[0]], row[2] == "accepted"), default=None)
    return None if best is None else (best[0], best[1])
