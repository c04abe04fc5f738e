"""What the quality gates cost, and how that grows with the number of respondents.

The example is refreshed once. For more respondents its rows are copied under new logins: in the
raw tables, and in the weights, which are all that grows of what the publication gate reads.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from expectations.client import GateError, GateWorker

BUDGET_SECONDS = {"raw": 15.0, "publication": 10.0}
LARGEST_GROWTH = 10.0  # of the time, at 100 times the volume
DELIVERIES = """
    select delivery_id, wave_id, respondent_group from raw.deliveries
    where status = 'accepted' and respondent_group <> 'corrections'
    order by wave_id, respondent_group
"""
LOGINS = """
    select table_name, column_name from duckdb_columns()
    where schema_name = 'raw' and column_name in ({})
"""
WEIGHTS = "intermediate.int_respondents__weighted"


def _multiply(warehouse: Path, scale: int) -> None:
    """Copy every row until there are `scale` times as many."""
    from expectations.codebook import Codebook

    rows = Codebook().seed("variables")
    logins = {row["variable"] for row in rows if row["attribute"] == "login"}
    with duckdb.connect(str(warehouse)) as connection:
        groups = [
            row[0]
            for row in connection.execute(
                "select distinct respondent_group from raw.deliveries "
                "where respondent_group <> 'corrections' order by 1"
            ).fetchall()
        ]
        for group in groups:
            names = [row[0] for row in connection.execute(f"describe raw.{group}").fetchall()]
            renewed = ", ".join(
                f'md5("{name}" || copy) as "{name}"' for name in names if name in logins
            )
            connection.execute(
                f"insert into raw.{group} select * exclude (copy) replace "
                f"(row_number + copy * 1000000 as row_number, {renewed}) "
                f"from raw.{group}, range(1, {scale}) as copies(copy)"
            )
        connection.execute(
            f"insert into {WEIGHTS} select * exclude (copy) from {WEIGHTS}, "
            f"range(1, {scale}) as copies(copy)"
        )


def measure_gates(console: Console, example: Path, folder: Path, scales: list[int]) -> None:
    """Measure both gates at each scale and print.

    Args:
        example: the warehouse of a refreshed example; it is not changed.
        folder: for copies of it.
    """
    table = Table("gate", title="Quality gates, all five waves", title_justify="left")
    for heading in ("times the volume", "rows", "checks", "seconds", "budget", "× the smallest"):
        table.add_column(heading, justify="right")
    smallest: dict[str, float] = {}
    for scale in scales:
        # the views of the warehouse know it by the name of its file
        warehouse = folder / f"times_{scale}" / example.name
        warehouse.parent.mkdir()
        shutil.copy(example, warehouse)
        if scale > 1:
            console.print(f"copying: {scale} times the volume", style="dim")
            _multiply(warehouse, scale)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            names = ("delivery_id", "wave_id", "respondent_group")
            deliveries = [
                dict(zip(names, row, strict=True))
                for row in connection.execute(DELIVERIES).fetchall()
            ]
            groups = sorted({delivery["respondent_group"] for delivery in deliveries})
            counts = [f"select count(*) as n from raw.{group}" for group in groups]
            found = connection.execute(
                f"select sum(n) from ({' union all '.join(counts)})"
            ).fetchone()
        with GateWorker(timeout_seconds=3600) as worker:
            _load(worker)
            for gate, budget in BUDGET_SECONDS.items():
                console.print(f"measuring: {gate} gate, {scale} times", style="dim")
                began = time.perf_counter()
                answer = worker.run(
                    {
                        "gate": gate,
                        "warehouse": str(warehouse),
                        "data_docs": str(folder / "data_docs"),
                        "deliveries": deliveries,
                    }
                )
                seconds = time.perf_counter() - began
                base = smallest.setdefault(gate, seconds)
                table.add_row(
                    gate,
                    str(scale),
                    f"{found[0]:,}" if found else "",
                    str(len(answer["results"])),
                    f"{seconds:.1f}",
                    f"{budget:g}" if scale == 1 else "",
                    f"{seconds / base:.1f}",
                )
        shutil.rmtree(warehouse.parent)
    console.print(table)
    console.print(f"At 100 times the volume at most {LARGEST_GROWTH:g} times the seconds.")


def _load(worker: GateWorker) -> None:
    """Let the worker import Great Expectations, which is not what is measured."""
    try:
        worker.run({"gate": "none"})
    except GateError:
        return
