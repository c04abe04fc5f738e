"""The caller's side of the worker, against workers that misbehave."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from expectations import client
from expectations.client import GateError, GateWorker, blocking

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is run as the worker."""
    monkeypatch.setattr(client, "ROOT", tmp_path)
    package = tmp_path / "expectations"
    package.mkdir()
    (package / "__init__.py").touch()
    return package / "__main__.py"


def test_the_client_does_not_load_great_expectations() -> None:
    code = "import sys, expectations.client; assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=client.ROOT, check=True)


def test_start_returns_at_once_and_run_waits(workers: Path) -> None:
    workers.write_text("import time; time.sleep(1)\n" + ECHO)
    with GateWorker() as worker:
        began = time.monotonic()
        worker.start()
        assert time.monotonic() - began < 0.5
        assert worker.run({"gate": "raw", "letter": "é"}) == {"gate": "raw", "letter": "é"}
        assert worker.run({"gate": "publication"}) == {"gate": "publication"}


def test_last_words_of_a_worker_that_dies(workers: Path) -> None:
    workers.write_text("import sys; input(); sys.exit('out of memory')")
    with GateWorker() as worker, pytest.raises(GateError, match="out of memory"):
        worker.run({"gate": "raw"})


def test_a_dead_worker_is_started_again(workers: Path) -> None:
    workers.write_text("import no_such_module")
    with GateWorker() as worker:
        assert worker._process
        worker._process.wait()
        workers.write_text(ECHO)
        assert worker.run({"gate": "raw"}) == {"gate": "raw"}


def test_a_worker_that_dies_in_the_middle_of_an_answer(workers: Path) -> None:
    workers.write_text("import sys; input(); print('{\"results\"', end=''); sys.exit('half done')")
    with GateWorker() as worker, pytest.raises(GateError, match="half done"):
        worker.run({"gate": "raw"})


def test_a_worker_that_hangs_is_ended(workers: Path) -> None:
    workers.write_text("import time; time.sleep(60)")
    with GateWorker(timeout_seconds=0.2) as worker:
        with pytest.raises(GateError, match=r"no answer within 0\.2 seconds"):
            worker.run({"gate": "raw"})
        assert worker._process
        assert worker._process.wait(timeout=5)


def test_a_reported_error_is_raised_and_the_worker_goes_on(workers: Path) -> None:
    workers.write_text(ECHO)
    with GateWorker() as worker:
        with pytest.raises(GateError, match=r"The raw gate could not run\. no such table"):
            worker.run({"gate": "raw", "error": "no such table"})
        assert worker.run({"gate": "raw"}) == {"gate": "raw"}


def test_only_failed_errors_block() -> None:
    rows = [
        {"success": success, "severity": severity}
        for success in (True, False)
        for severity in ("error", "warning")
    ]
    assert blocking(rows) == [{"success": False, "severity": "error"}]
