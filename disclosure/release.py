"""What the attacker holds: the published tables of a release, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from orchestration.lib.warehouse import connect, quote

TABLES = (
    "fct_indicator_estimates",
    "fct_indicator_changes",
    "fct_perspective_gaps",
    "fct_swv_benchmarks",
    "fct_goal_scores",
    "fct_summary_statements",
    "fct_response_rates",
    "publication",
)


@dataclass(frozen=True)
class Release:
    """The tables of one release that hold figures; those that it does not have are absent."""

    tables: dict[str, pd.DataFrame]

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection, schema: str = "main") -> Release:
        """From a schema: `main` of a release's database, or `published` of the warehouse."""
        present = {
            row[0]
            for row in connection.execute(
                "select table_name from information_schema.tables "
                "where table_schema = ? and table_catalog = current_database()",
                [schema],
            ).fetchall()
        }
        return cls(
            {
                table: connection.execute(f"select * from {quote(schema)}.{table}").df()
                for table in TABLES
                if table in present
            }
        )

    @classmethod
    def open(cls, folder: Path) -> Release:
        """From a folder of `published/releases`."""
        with connect(folder / "monitor.duckdb", read_only=True) as connection:
            return cls.read(connection)

    @property
    def estimates(self) -> pd.DataFrame:
        """fct_indicator_estimates, which every release has."""
        return self.tables["fct_indicator_estimates"]

    def table(self, name: str, *columns: str) -> pd.DataFrame | None:
        """A table that is there, has these columns, and is not empty; else None."""
        found = self.tables.get(name)
        if found is None or found.empty or not set(columns) <= set(found.columns):
            return None
        return found

    def hash_of_data(self) -> tuple[str, ...] | None:
        """Hashes of deliveries and corrections: equal ones mean the same respondents."""
        row = self.table("publication", "deliveries_hash", "corrections_hash")
        return None if row is None else (row.deliveries_hash[0], row.corrections_hash[0])
