"""The caller's side of the worker; light, for it imports no Great Expectations."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
STDERR_TAIL_CHARACTERS = 2000


class GateError(Exception):
    """The gates could not give an answer."""


class GateWorker:
    """A process that keeps Great Expectations loaded; loading it takes 3 to 7 seconds.

    Start it early and use it later. `timeout_seconds` holds for each request, loading included.
    """

    def __init__(self, timeout_seconds: float = 300.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None

    def __enter__(self) -> GateWorker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Launch the worker, unless it runs, and return at once."""
        if self._process and self._process.poll() is None:
            return
        self.close()
        # A file, since nobody reads along: a full pipe would halt the worker.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "expectations"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            encoding="utf-8",
        )

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, as `expectations.runner.run` describes them.

        Raises:
            GateError: the worker reports an error, died, or took longer than the timeout.
        """
        self.start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise GateError("The process of the gates did not start.")
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(self._timeout_seconds, expire)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if expired.is_set():
            raise GateError(f"The gates gave no answer within {self._timeout_seconds:g} seconds.")
        if not line.endswith("\n"):
            raise GateError(f"The process of the gates died. Its last words:\n{self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise GateError(f"The {request.get('gate')} gate could not run. {answer['error']}")
        return answer

    def close(self) -> None:
        """End the worker; it holds no file between requests, so it may end at once."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        if self._stderr:
            self._stderr.close()
        self._process = self._stderr = None

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")[-STDERR_TAIL_CHARACTERS:]


def blocking(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The failed checks that stop what comes after the gate."""
    return [row for row in results if not row["success"] and row["severity"] == "error"]
