"""The daemon runs: a file is dropped, the private marts follow; the wave is closed, the release."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import duckdb
from fixtures.daemon import running, wait_until

from conftest import Workspace, WorkspaceFactory
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


def _runs_have_ended(monitor: Workspace) -> bool:
    with open_instance(monitor.folder / "dagster") as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert dg.DagsterRunStatus.FAILURE not in statuses
    return all(status == dg.DagsterRunStatus.SUCCESS for status in statuses)


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
        wait_until(
            lambda: _private_waves(monitor) == {BEFORE, WAVE}, 240,
            f"private marts with {WAVE}", log,
        )  # fmt: skip
        wait_until(lambda: _runs_have_ended(monitor), 240, "the end of the run")
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
