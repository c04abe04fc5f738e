"""SPSS and Stata files, each read by a process of its own.

The library behind pyreadstat ends the process (a segmentation fault) over some damaged files, and
no `except` can catch that. So another process reads, and hands over Arrow batches; when it dies,
stalls or wants too much memory, the delivery is refused and the refresh goes on.

A process needs longer to load its libraries than to read most files, so the next one is started
while this one reads. It waits for its file on standard input, and ends with that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import pyarrow as pa

from orchestration.lib.landing import tables
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.statistical_process import FAILED
from orchestration.lib.landing.tables import (
    DeliveredTable,
    Limits,
    ReadOptions,
)
from orchestration.lib.settings import ROOT

STALL_SECONDS = 120  # without a batch
CHILD = "orchestration.lib.landing.statistical_process"


def read_statistical(path: Path, options: ReadOptions, limits: Limits) -> DeliveredTable:
    """An SPSS (`.sav`, `.zsav`) or Stata (`.dta`) file; user-missing codes stay what they are."""
    rows = _rows_of_other_process(path, options)
    schema, _ = next(rows)
    metadata = {key.decode(): json.loads(value) for key, value in schema.metadata.items()}
    announced = metadata["announced_rows"]
    if announced is not None:
        limits.check(path.name, "announces", announced, "rows")

    def batches() -> Iterator[list[pa.StringArray]]:
        count = 0
        for _, batch in rows:
            count += batch.num_rows
            yield list(batch.columns)
        if announced not in (None, count):
            raise DeliveryError(
                f"{path.name}: holds {count} rows, where its header announces {announced}. The "
                "file is cut off; deliver it again."
            )

    # the schema numbers the columns: names may be double, which is told later
    return DeliveredTable(metadata["columns"], batches(), metadata["labels"], announced)


def _rows_of_other_process(path: Path, options: ReadOptions) -> Iterator[tuple[pa.Schema, Any]]:
    """The schema with None first, then the schema with each batch."""
    reader = _ready.pop() if _ready else _Reader()
    if not reader.reads(path, options.encoding):  # it died while it waited
        reader = _Reader()
        reader.reads(path, options.encoding)
    _ready.append(_Reader())
    process = reader.process
    with reader.complaints as complaints, process:
        assert process.stdout is not None
        watch = _Watch(process)
        done = False
        try:
            with pa.ipc.open_stream(process.stdout) as stream:
                batch = None
                while True:
                    watch.rest()
                    yield stream.schema, batch
                    watch.start()
                    batch = stream.read_next_batch()
        except StopIteration:
            done = process.wait() == 0
        except (pa.ArrowInvalid, OSError):  # the stream ends early
            pass
        finally:
            watch.rest()
            process.kill()  # nothing to kill, unless the caller has enough
        if not done:
            complaints.seek(0)
            _refuse(path, process.wait(), complaints.read().decode(errors="replace"), watch.struck)


class _Reader:
    """A process that loads the libraries and waits for the file to read."""

    def __init__(self) -> None:
        self.complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed after reading)
        self.process = subprocess.Popen(
            [sys.executable, "-m", CHILD], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints,
        )  # fmt: skip

    def reads(self, path: Path, encoding: str | None) -> bool:
        """Give it its file; False when it is not there any more."""
        task = {"path": str(path), "encoding": encoding, "batch_rows": tables.BATCH_ROWS}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(task).encode())
            self.process.stdin.close()
        except OSError:
            return False
        return self.process.poll() is None


_ready: list[_Reader] = []


class _Watch:
    """Kill a process that gives nothing for too long."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.struck = process, False
        self.start()

    def start(self) -> None:
        self._timer = threading.Timer(STALL_SECONDS, self._strike)
        self._timer.daemon = True
        self._timer.start()

    def rest(self) -> None:
        self._timer.cancel()

    def _strike(self) -> None:
        self.struck = True
        self._process.kill()


def _refuse(path: Path, status: int, complaint: str, stalled: bool) -> NoReturn:
    if status == FAILED and not stalled:
        raise ValueError(complaint)
    detail = f"stalled for {STALL_SECONDS} seconds" if stalled else "broke off"
    raise DeliveryError(
        f"{path.name}: is damaged: reading it {detail}. Open it in SPSS, PSPP or Stata, save it "
        f"again as {path.suffix}, and deliver that file."
    )
