"""Dagster's home is made whole, by whichever process comes first."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.lib.home import SETTINGS, HomeError, open_instance
from orchestration.lib.settings import ROOT

# processes that have loaded Dagster, and open a home that is not there at the same moment
AT_ONCE = """
import multiprocessing, sys
from pathlib import Path
import dagster
from orchestration.lib.home import open_instance

def work(home, barrier):
    barrier.wait()
    with open_instance(home) as instance:
        instance.get_runs(limit=1)

fork = multiprocessing.get_context("fork")
for attempt in range(6):
    barrier = fork.Barrier(4)
    home = Path(sys.argv[1]) / f"home_{attempt}"
    processes = [fork.Process(target=work, args=(home, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert not any(process.exitcode for process in processes)
    with open_instance(home) as instance:
        assert instance.run_storage.get_run_storage_id()
"""


def test_services_that_start_together_make_one_home(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", AT_ONCE, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_settings_are_the_projects_unless_somebody_wrote_others(tmp_path: Path) -> None:
    home = tmp_path / "below" / "dagster"
    settings = home / "dagster.yaml"
    with open_instance(home) as instance:
        assert not instance.telemetry_enabled
    assert settings.read_text() == SETTINGS.read_text()

    settings.write_text("telemetry: {enabled: true}\n", encoding="utf-8")
    with open_instance(home) as instance:
        assert instance.telemetry_enabled
    # a service takes the project's again: an upgrade may have changed them
    with open_instance(home, renew_settings=True) as instance:
        assert not instance.telemetry_enabled
    assert settings.read_text() == SETTINGS.read_text()


def test_a_home_that_cannot_be_opened_is_told_in_words(tmp_path: Path) -> None:
    open_instance(tmp_path).dispose()
    runs = tmp_path / "history" / "runs.db"
    with sqlite3.connect(runs) as connection:  # as Dagster itself could leave it
        connection.execute("insert into alembic_version values ('another')")
    with pytest.raises(HomeError, match=r"more than one head.*move `history`"):
        open_instance(tmp_path)
    (tmp_path / "history").rename(tmp_path / "broken")
    open_instance(tmp_path).dispose()

    with pytest.raises(HomeError, match=r"runs.db.* cannot be opened: "):
        open_instance(tmp_path / "broken" / "runs.db")
