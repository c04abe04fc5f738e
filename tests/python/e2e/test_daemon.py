"""The daemon runs: a file is dropped, its refresh is killed and tried again, the private marts
follow; the wave is closed, the release.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import dagster as dg
import duckdb
from fixtures.daemon import running, wait_until

from conftest import Workspace, WorkspaceFactory
from orchestration.defs.resources import KILLED
from orchestration.lib.home import open_instance
from simulation import simulate

WAVE = "2026-najaar"
BEFORE = "2025-najaar"


def _private_waves(monitor: Workspace) -> set[str]:
    try:
        rows = monitor.query_warehouse(
            "select distinct wave_id from indicators.fct_indicator_estimates"
        )
    except duckdb.Error:  # not made yet, or being written
        return set()
    return {wave for (wave,) in rows}


def _published_waves(monitor: Workspace) -> set[str]:
    if not (monitor.published / "current.json").exists():
        return set()
    return {wave for (wave,) in monitor.query("select distinct wave_id from fct_response_rates")}


def _runs(monitor: Workspace, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
    with open_instance(monitor.folder / "dagster") as instance:
        return list(instance.get_runs(dg.RunsFilter(statuses=list(statuses))))


def _is_building(monitor: Workspace) -> bool:
    with open_instance(monitor.folder / "dagster") as instance:
        return any(
            step.step_key == "warehouse"
            for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            for step in instance.get_run_step_stats(run.run_id)
        )


def _messages(monitor: Workspace, run_id: str) -> str:
    with open_instance(monitor.folder / "dagster") as instance:
        return " ".join(record.message for record in instance.all_logs(run_id))


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _kill(monitor: Workspace) -> str:
    """Kill the run, the code server and the daemon, as a power cut; returns the run_id."""
    (run,) = _runs(monitor, dg.DagsterRunStatus.STARTED)
    found = re.search(r"in process \(pid: (\d+)\)", _messages(monitor, run.run_id))
    assert found
    family = [int(found[1])]
    while _parent(family[-1]) != os.getpid():
        family.append(_parent(family[-1]))
    for pid in reversed(family):  # nobody is left to tell of the others' end
        os.kill(pid, signal.SIGKILL)
    return run.run_id


def _runs_have_ended(monitor: Workspace, killed: str) -> bool:
    failed = [run.run_id for run in _runs(monitor, dg.DagsterRunStatus.FAILURE)]
    assert failed in ([], [killed])
    return {run.status for run in _runs(monitor)} == {
        dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
    }  # fmt: skip


def test_a_wave_from_the_first_file_to_the_release(
    project: Path, workspace: WorkspaceFactory
) -> None:
    seed = project / "seeds" / "codebook" / "waves.csv"
    closed = seed.read_text(encoding="utf-8")
    seed.write_text(closed.replace("2026-11-16", ""), encoding="utf-8")
    monitor = workspace(project)
    monitor.more_env |= {"MONITOR_SENSOR_SECONDS": "3", "MONITOR_NOW": "2026-11-20T12:00:00"}
    simulate(monitor.folder / "delivered", [BEFORE, WAVE], scale=0.2)
    monitor.landing.mkdir(parents=True)
    shutil.copytree(monitor.folder / "delivered" / BEFORE, monitor.landing / BEFORE)
    assert monitor.run("refresh").returncode == 0
    assert _published_waves(monitor) == {BEFORE}
    first = monitor.query("select release_id from publication")

    with running("dagster-daemon", "run", root=project, env=monitor.env) as log:
        draft = monitor.landing / f".{WAVE}"
        shutil.copytree(monitor.folder / "delivered" / WAVE, draft)
        draft.rename(monitor.landing / WAVE)
        wait_until(lambda: _is_building(monitor), 240, "a run that builds", log)
        killed = _kill(monitor)
    with running("dagster-daemon", "run", root=project, env=monitor.env) as log:
        wait_until(
            lambda: _private_waves(monitor) == {BEFORE, WAVE}, 420,
            f"private marts with {WAVE}", log,
        )  # fmt: skip
        wait_until(lambda: _runs_have_ended(monitor, killed), 240, "the end of the run", log)
        (again,) = (run for run in _runs(monitor) if run.parent_run_id)
        assert again.parent_run_id == killed
        assert KILLED in _messages(monitor, killed)
        # an open wave changes nothing of what is published
        assert monitor.query("select release_id from publication") == first
    seed.write_text(closed, encoding="utf-8")
    with running("dagster-daemon", "run", root=project, env=monitor.env) as log:
        # somebody closes the wave; the next delivery, a renewed one, brings the run
        (monitor.landing / WAVE / "delivery.yml").open("a", encoding="utf-8").write("\n")
        wait_until(
            lambda: _published_waves(monitor) == {BEFORE, WAVE}, 240,
            f"a release with {WAVE}", log,
        )  # fmt: skip
