"""What a refresh costs, where the time goes, and how much memory it takes.

Everything runs in a temporary folder on freshly simulated deliveries. Each figure is shown as
seconds, as share of its budget, and as multiple of the time that dbt needs to start: that last
ratio tells a slow machine from a slow change.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestration.lib.settings import ROOT
from simulation import simulate

SCRIPTS = Path(sys.executable).parent
MEMORY_BUDGET_MB = 2000


@dataclass
class Measurement:
    """One command: seconds, peak memory of all its processes in MB, and what it printed."""

    seconds: float
    memory_mb: float
    output: str


def _resident_mb(root_pid: int) -> float:
    """Memory of a process and its children, from /proc; 0 where there is no /proc."""
    parents: dict[int, int] = {}
    resident: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        parents[int(entry.name)] = int(fields[1])
        resident[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    family = {root_pid}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(resident.get(pid, 0) for pid in family)


def measure(command: list[str], env: dict[str, str]) -> Measurement:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; a failed run measures nothing.
    """
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:

        def watch() -> None:
            nonlocal peak
            while process.poll() is None:
                peak = max(peak, _resident_mb(process.pid))
                time.sleep(0.2)

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, _ = process.communicate()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output}")
    return Measurement(time.perf_counter() - began, peak, output)


def workspace(folder: Path) -> dict[str, str]:
    """Environment of a project that keeps everything it writes in `folder`."""
    paths = ("landing", "archive", "published", "data_docs", "warehouse/monitor.duckdb")
    return (
        os.environ
        | {f"MONITOR_{p.split('/', 1)[0].upper()}": str(folder / p) for p in paths}
        | {"DAGSTER_HOME": str(folder / "dagster"), "DBT_TARGET_PATH": str(folder / "target")}
    )


def refresh_example(folder: Path) -> Path:
    """The example, refreshed in `folder`; returns the path of its warehouse."""
    env = workspace(folder)
    simulate(folder / "landing")
    measure([sys.executable, "-m", "orchestration", "refresh"], env)
    return Path(env["MONITOR_WAREHOUSE"])


def measure_refresh(console: Console) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="monitor-bench-") as name:
        folder = Path(name)
        env = workspace(folder)
        refresh = [sys.executable, "-m", "orchestration", "refresh"]
        dbt = str(SCRIPTS / "dbt")
        steps: list[tuple[str, float | None, Measurement]] = []

        def add(
            label: str, budget: float | None, command: list[str], has_report: bool = False
        ) -> None:
            console.print(f"measuring: {label}", style="dim")
            report = {"MONITOR_REPORT": str(has_report).lower()}
            steps.append((label, budget, measure(command, env | report)))

        def clear() -> None:
            for path in ("archive", "published", "data_docs", "warehouse"):
                shutil.rmtree(folder / path)

        measure([sys.executable, "-m", "orchestration", "setup"], env)
        add("dbt start-up (dbt ls of one model)", None, [dbt, "-q", "ls", "-s", "dim_waves"])
        simulate(folder / "landing", ["2023-najaar"])
        add("refresh, one wave, from nothing", 25, [*refresh, "--wave", "2023-najaar"])
        clear()
        simulate(folder / "landing")
        add("refresh, five waves, from nothing", 45, refresh)
        add("refresh, five waves, unchanged", 45, refresh)
        clear()
        add("the same from nothing, with the report", 90, refresh, has_report=True)
        add("dbt build alone", 15, [dbt, "build"])

    start_up = steps[0][2].seconds
    table = Table("step", title="Refresh and its budgets", title_justify="left")
    for heading in ("seconds", "budget", "of budget", "× dbt start-up", "peak MB"):
        table.add_column(heading, justify="right")
    for label, budget, result in steps:
        table.add_row(
            label,
            f"{result.seconds:.1f}",
            f"{budget:g}" if budget else "",
            f"{result.seconds / budget:.0%}" if budget else "",
            f"{result.seconds / start_up:.1f}",
            f"{result.memory_mb:,.0f}",
        )
    console.print(table)
    for label, _, result in steps:
        if found := re.search(r"Time: (.*?)Release", result.output, re.DOTALL):
            console.print(f"{label}: {' '.join(found[1].split())}")
    peak = max(result.memory_mb for _, _, result in steps)
    console.print(f"peak memory of all processes: {peak:,.0f} MB (budget {MEMORY_BUDGET_MB:,} MB)")
