"""What Dagster costs: the same refresh with and without it, side by side in one run.

Both start from nothing, on the same deliveries, with a prepared manifest, and without the report.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.refresh import measure, workspace
from orchestration.lib.home import open_instance
from simulation import simulate

LOAD_BUDGET_SECONDS = 4.0
LOADS = 3
WRITTEN = ("archive", "published", "data_docs", "warehouse")


def refresh_without_dagster() -> None:
    """The work of a refresh, step by step, in this process.

    Raises:
        RuntimeError: a delivery or the publication is refused; then the two did other work.
    """
    from expectations.client import GateWorker, blocking
    from orchestration.lib.codebook import Codebook
    from orchestration.lib.dbt import build, ensure_manifest
    from orchestration.lib.gates import judge_deliveries, judge_publication
    from orchestration.lib.landing.corrections import take_corrections
    from orchestration.lib.landing.discovery import discover
    from orchestration.lib.landing.register import land_group, refused
    from orchestration.lib.publication import note_build, publish
    from orchestration.lib.settings import get_settings
    from orchestration.lib.warehouse import alone, connect, prepare

    settings, codebook = get_settings(), Codebook()
    ensure_manifest()
    with alone(settings.warehouse), GateWorker() as worker:
        found = discover(settings.landing, codebook)
        with connect(settings.warehouse) as connection:
            prepare(connection, codebook)
            for group in [*codebook.groups, ""]:
                land_group(connection, found, group, None, codebook, settings)
        judge_deliveries(settings, worker)
        take_corrections(settings, codebook, None)
        with connect(settings.warehouse) as connection:
            refusals = [outcome.reason for outcome in refused(connection)]
        note_build(settings)
        build(lambda _: None)
        refusals += [row["message"] for row in blocking(judge_publication(settings, worker))]
    if refusals:
        raise RuntimeError("; ".join(refusals))
    publish(settings)


def _run_seconds(home: Path) -> tuple[float, float]:
    """Seconds that the last run took, and those of its steps together, from the event log."""
    with open_instance(home) as instance:
        (record,) = islice(instance.get_run_records(limit=1), 1)
        steps = instance.get_run_step_stats(record.dagster_run.run_id)
    if record.start_time is None or record.end_time is None:
        raise RuntimeError("the last run has not ended")
    return record.end_time - record.start_time, sum(
        step.end_time - step.start_time for step in steps if step.start_time and step.end_time
    )


def measure_orchestration(console: Console) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="monitor-orchestration-") as name:
        folder = Path(name)
        env = workspace(folder) | {"MONITOR_REPORT": "false"}
        python = [sys.executable, "-c"]
        measure([sys.executable, "-m", "orchestration", "setup"], env)
        simulate(folder / "landing")
        seconds: dict[str, float] = {}
        for label, code in (
            ("import dagster", "import dagster"),
            ("import dagster_dbt", "import dagster_dbt"),
            ("definitions load, manifest prepared", "import orchestration.definitions"),
        ):
            console.print(f"measuring: {label}", style="dim")
            seconds[label] = min(measure([*python, code], env).seconds for _ in range(LOADS))
        for label, command in (
            (
                "refresh without Dagster",
                [*python, "from benchmarks.orchestration import *; refresh_without_dagster()"],
            ),
            ("refresh with Dagster", [sys.executable, "-m", "orchestration", "refresh"]),
        ):
            console.print(f"measuring: {label}", style="dim")
            for path in WRITTEN:
                shutil.rmtree(folder / path, ignore_errors=True)
            seconds[label] = measure(command, env).seconds
        run, steps = _run_seconds(folder / "dagster")

    plain = seconds["refresh without Dagster"]
    whole = seconds["refresh with Dagster"]
    seconds |= {
        "  before and after the run": whole - run,
        "  in its steps": steps,
        "  between its steps": run - steps,
        "what Dagster costs": whole - plain,
    }
    table = Table("part", title="Orchestration, five waves from nothing", title_justify="left")
    for heading in ("seconds", "budget", "× import dagster", "of the refresh without"):
        table.add_column(heading, justify="right")
    for label, value in seconds.items():
        table.add_row(
            label,
            f"{value:.1f}",
            f"{LOAD_BUDGET_SECONDS:g}" if label.startswith("definitions") else "",
            f"{value / seconds['import dagster']:.1f}" if "refresh" not in label else "",
            f"{value / plain:.0%}",
        )
    console.print(table)
