"""What the report reads: the tables of one release, and what changed since the one before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]

# what identifies a row of each table; estimates have an address of their own
KEYS = {
    "dim_items": ("wave_id", "indicator_code", "respondent_group"),
    "dim_samenwerkingsverbanden": ("swv_code",),
    "fct_indicator_estimates": ("estimate_id",),
    "fct_indicator_changes": (
        "wave_id", "indicator_code", "respondent_group", "breakdown", "breakdown_value",
        "measure", "baseline_wave_id",
    ),
    "fct_perspective_gaps": (
        "wave_id", "indicator_code", "group_a", "group_b", "breakdown", "breakdown_value",
    ),
    "fct_goal_scores": ("wave_id", "goal_id", "respondent_group", "breakdown", "breakdown_value"),
    "fct_goal_verdicts": ("wave_id", "goal_id", "respondent_group"),
    "fct_swv_benchmarks": ("swv_code", "indicator_code", "respondent_group"),
    "fct_summary_statements": ("wave_id", "claim_id", "respondent_group"),
    "fct_response_rates": ("wave_id", "respondent_group", "stratum"),
    "fct_specialised_education": ("series", "period", "source", "edition"),
    "quality_results": ("gate", "suite", "expectation", "wave_id", "respondent_group"),
    "quality_certificates": ("wave_id", "respondent_group"),
}  # fmt: skip

# Withheld cells of samenwerkingsverbanden are three quarters of all; pages list their codes only.
# Their changes over waves are not in the report: most have too few degrees of freedom.
CONDITIONS = {
    "fct_indicator_estimates": "not (is_suppressed and breakdown = 'swv')",
    "fct_indicator_changes": "breakdown <> 'swv'",
    "fct_goal_scores": "not (is_suppressed and breakdown = 'swv')",
}
WITHHELD = """
    select wave_id, indicator_code, respondent_group, suppression_reason, breakdown_value
    from fct_indicator_estimates
    where is_suppressed and breakdown = 'swv' and measure = 'share_endorsed'
    order by all
"""


class ReleaseError(Exception):
    """The folder is not a release with figures; the message says what is missing."""


def key(table: str, row: Row) -> str:
    """The key of a row as one string, with `|` between its parts."""
    return "|".join("" if row[name] is None else str(row[name]) for name in KEYS[table])


def groups_of(rows: Iterable[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of these columns, in the order in which they come."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[column] for column in columns), []).append(row)
    return found


@dataclass(frozen=True)
class Release:
    """The tables of a release as lists of rows."""

    path: Path
    tables: dict[str, list[Row]]
    columns: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path) -> Release:
        """Read a release folder.

        Raises:
            ReleaseError: there is no `monitor.duckdb`, or a table of the report is not in it.
        """
        database = path / "monitor.duckdb"
        if not database.exists():
            raise ReleaseError(f"{path} holds no monitor.duckdb. Name a release with --release.")
        with duckdb.connect(str(database), read_only=True) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "select table_name from duckdb_tables() order by table_name"
                ).fetchall()
            ]
            missing = sorted({*KEYS, "publication"} - {"quality_certificates"} - {*names})
            if missing:
                raise ReleaseError(f"{database} has no table {', '.join(missing)}.")
            tables, columns = {}, {}
            for name in names:
                result = connection.execute(
                    f'select * from "{name}" where {CONDITIONS.get(name, "true")} order by all'
                )
                columns[name] = [column[0] for column in result.description]
                tables[name] = [
                    dict(zip(columns[name], row, strict=True)) for row in result.fetchall()
                ]
            result = connection.execute(WITHHELD)
            names = [column[0] for column in result.description]
            tables["withheld"] = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return cls(path, tables, columns)

    @cached_property
    def publication(self) -> Row:
        """Release id, hashes, and whether any delivery was simulated."""
        return self.tables["publication"][0]

    @cached_property
    def changes(self) -> dict[str, Any]:
        """`changes.json` of the release; empty in the first one."""
        path = self.path / "changes.json"
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    @cached_property
    def waves(self) -> list[Row]:
        """Waves with figures, by measurement number, each with the `midpoint` of its fieldwork."""
        seen = {row["wave_id"] for row in self.tables["fct_indicator_estimates"]}
        return [
            row | {"midpoint": midpoint(row["fieldwork_start"], row["fieldwork_end"])}
            for row in sorted(self.tables["dim_waves"], key=lambda row: row["measurement_number"])
            if row["wave_id"] in seen
        ]

    @cached_property
    def groups(self) -> list[Row]:
        """Respondent groups with figures, in the order of the codebook's design of the survey."""
        seen = {row["respondent_group"] for row in self.tables["fct_indicator_estimates"]}
        rows = [r for r in self.tables["dim_respondent_groups"] if r["respondent_group"] in seen]
        order = {code: place for place, code in enumerate(GROUP_ORDER)}
        return sorted(
            rows, key=lambda r: (order.get(r["respondent_group"], 99), r["respondent_group"])
        )

    @cached_property
    def indicators(self) -> list[Row]:
        """Indicators with figures, by code."""
        seen = {row["indicator_code"] for row in self.tables["fct_indicator_estimates"]}
        rows = [r for r in self.tables["dim_indicators"] if r["indicator_code"] in seen]
        return sorted(rows, key=lambda r: r["indicator_code"])

    @cached_property
    def headlines(self) -> dict[tuple[Any, ...], Row]:
        """The total on the headline measure, by wave, indicator and group."""
        measures = {row["indicator_code"]: row["headline_measure"] for row in self.indicators}
        return {
            (row["wave_id"], row["indicator_code"], row["respondent_group"]): row
            for row in self.tables["fct_indicator_estimates"]
            if row["breakdown"] == "total" and row["measure"] == measures[row["indicator_code"]]
        }

    @cached_property
    def items(self) -> dict[tuple[Any, ...], Row]:
        """What was asked, by wave, indicator and group."""
        return {
            (row["wave_id"], row["indicator_code"], row["respondent_group"]): row
            for row in self.tables["dim_items"]
        }


# as in the public summary: school first, then around it, then at home
GROUP_ORDER = (
    "schoolleider", "intern_begeleider", "leraar", "leerling", "ouder", "ouder_thuiszitter",
    "swv", "swv_ondersteuner", "bestuur", "gemeente_beleid", "gemeente_leerplicht",
)  # fmt: skip


def midpoint(start: date | None, end: date | None) -> date | None:
    """The day in the middle of the fieldwork."""
    if start is None or end is None:
        return start or end
    return start + timedelta(days=(end - start).days // 2)
