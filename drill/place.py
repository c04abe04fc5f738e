"""Folders of their own for a drill, and refreshes in them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.refresh import workspace
from orchestration.lib.landing.discovery import MANIFEST
from orchestration.lib.publication import current
from orchestration.lib.settings import ROOT, Settings
from orchestration.refresh import part_of
from simulation import simulate

WAVE = "2026-najaar"
FIRST, CORRECTED, FURTHER = "swv", "leraar", "schoolleider"
MISSING_ROWS = 40  # of the first delivery of CORRECTED; ten or more make a release
REFRESH_SECONDS = 900
START, SWITCH, END = "start", "release switch", "end"
STAGES = (
    START, "landing", "raw gate", "dbt build", "publication gate", "publication", SWITCH, END,
)  # fmt: skip


class DrillError(Exception):
    """The drill itself cannot go on; the message says why."""


@dataclass(frozen=True)
class Place:
    """A folder with all that a project writes: landing, archive, warehouse, releases, history."""

    folder: Path
    earlier_runs: frozenset[str] = frozenset()

    @property
    def settings(self) -> Settings:
        return Settings(
            landing=self.folder / "landing",
            archive=self.folder / "archive",
            warehouse=self.folder / "warehouse" / "monitor.duckdb",
            published=self.folder / "published",
            data_docs=self.folder / "data_docs",
        )

    @property
    def releases(self) -> Path:
        return self.folder / "published" / "releases"

    @property
    def log(self) -> Path:
        """What the last refresh said."""
        return self.folder.with_suffix(".log")

    def copy(self, folder: Path) -> Place:
        """The same state elsewhere; `folder` may be there, if it is empty."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Place(folder, self.runs())

    def move(self, folder: Path) -> Place:
        """The same state, with its log, elsewhere."""
        shutil.move(self.log, folder.with_suffix(".log"))
        return Place(Path(shutil.move(self.folder, folder)))

    def start(self, **more_env: str) -> subprocess.Popen[bytes]:
        """Start a refresh in a process group of its own; what it says is added to the log."""
        env = workspace(self.folder) | {
            "MONITOR_REPORT": "false",  # pages are written before the switch, like all other files
            "MONITOR_RELEASE_BATCH": "true",  # the delivery that waits differs by few in places
            "GX_ANALYTICS_ENABLED": "false",
            **more_env,
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestration", "refresh"],
                cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def refreshing(self, **more_env: str) -> Iterator[subprocess.Popen[bytes]]:
        """A refresh that runs, and that does not outlive the block."""
        process = self.start(**more_env)
        try:
            yield process
        finally:
            kill(process)

    def refresh(self, **more_env: str) -> int:
        """Refresh to the end; returns the exit status.

        Raises:
            DrillError: it took longer than `REFRESH_SECONDS`.
        """
        with self.refreshing(**more_env) as process:
            return wait(process)

    def said(self) -> str:
        """The log, whole words only: lines are wrapped for people."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return " ".join(re.sub(r"\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d\]", "", text).split())

    def stage(self, release_id: str) -> str:
        """How far the first refresh after `copy` came on its way to release `release_id`: by what
        Dagster wrote down, and within the publication by the files."""
        steps = self.steps()
        if not steps:
            return START
        stage = part_of(steps[-1][0])
        if stage != "publication" or not (self.releases / release_id).exists():
            return stage
        return END if (current(self.settings) or {}).get("release_id") == release_id else SWITCH

    def steps(self) -> list[tuple[str, float]]:
        """Key and start, in seconds since the epoch, of the steps of runs after `copy`."""
        steps: list[tuple[str, float]] = []
        for file in self.runs() - self.earlier_runs:
            path = self.folder / "dagster" / "history" / "runs" / file
            try:
                with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                    rows = connection.execute(STARTED).fetchall()
            except sqlite3.Error:  # not written yet, or not to its end
                continue
            steps += [
                (key, datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())
                for key, moment in rows
            ]
        return steps

    def runs(self) -> frozenset[str]:
        """The files of Dagster's runs."""
        runs = (self.folder / "dagster" / "history" / "runs").glob("*.db")
        return frozenset(path.name for path in runs if path.name != "index.db")


STARTED = """
select step_key, timestamp from event_logs where dagster_event_type = 'STEP_START' order by id
"""


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children at once, as a power cut would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a refresh.

    Raises:
        DrillError: it took longer than `REFRESH_SECONDS`.
    """
    try:
        return process.wait(REFRESH_SECONDS)
    except subprocess.TimeoutExpired:
        raise DrillError(f"a refresh did not end within {REFRESH_SECONDS} s") from None


def prepare(folder: Path) -> Place:
    """One release of two groups; a corrected delivery of one and a first one of a third wait.

    Raises:
        DrillError: the first release could not be made.
    """
    place = Place(folder)
    held = folder / "held"
    simulate(held, [WAVE], scale=0.1)
    landing = place.settings.landing / WAVE
    landing.mkdir(parents=True)
    manifest = {"synthetic": True, "agency": "Simulation of the drill"}
    (landing / MANIFEST).write_text(yaml.safe_dump(manifest), encoding="utf-8")
    for group in (FIRST, CORRECTED):
        shutil.copy(held / WAVE / f"{group}.csv", landing)
    delivery = landing / f"{CORRECTED}.csv"
    lines = delivery.read_bytes().splitlines(keepends=True)
    delivery.write_bytes(b"".join(lines[:-MISSING_ROWS]))
    if place.refresh():
        raise DrillError(f"the first release could not be made: {place.said()[-2000:]}")
    for group in (CORRECTED, FURTHER):
        shutil.copy(held / WAVE / f"{group}.csv", landing)
    shutil.rmtree(held)
    return place
