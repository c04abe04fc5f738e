"""Readers of `published/current` while releases come: each answer must be of one release.

A reader works as docs/bi.md says: it opens `current/monitor.duckdb`, which is one file, or asks
once where `current` leads and reads several files there.
"""

from __future__ import annotations

import json
import multiprocessing as mp
import queue
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.codebook import Codebook
from orchestration.lib.publication import publish
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect, literal, prepare, quote

READERS, RELEASES = 10, 20
PAUSE_SECONDS = 0.5  # between two questions of a reader, which leaves time to make releases
SECONDS = 120  # to wait for a reader to start, to see a release, or to end
LIGHT: dict[str, str | bool | int | float | list[str]] = {"threads": 1}

Telling = tuple[str, Any]  # answers, a release that is seen for the first time, or an error


@dataclass
class Tally:
    """What readers told: number of answers, the releases seen, and what went wrong."""

    answers: int = 0
    releases: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def add(self, telling: Telling) -> None:
        """Count what a reader tells."""
        what, content = telling
        if what == "answers":
            self.answers += content
        elif what == "release":
            self.releases.add(content)
        else:
            self.errors.append(content)


def ids_in(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The releases that the tables of a database say they are of; all tables are read whole."""
    rows = connection.execute(
        "select table_name, list(column_name) from information_schema.columns group by all"
    ).fetchall()
    found: set[str] = set()
    for table, columns in rows:
        if "release_id" in columns:
            ids = connection.execute(f"select distinct release_id from {quote(table)}").fetchall()
            found.update(release_id for (release_id,) in ids)
        else:
            connection.execute(f"select count(columns(*)) from {quote(table)}").fetchall()
    return found


def read_database(published: Path) -> set[str]:
    """The releases that an answer from `current/monitor.duckdb` holds."""
    database = published / "current" / "monitor.duckdb"
    with duckdb.connect(str(database), read_only=True, config=LIGHT) as connection:
        return ids_in(connection)


def read_files(published: Path) -> set[str]:
    """The releases that an answer from several files of `current` holds."""
    folder = (published / "current").resolve()
    found = {str(json.loads((folder / "release.json").read_text(encoding="utf-8"))["release_id"])}
    with duckdb.connect(config=LIGHT) as connection:
        for path in [*(folder / "parquet").iterdir(), *(folder / "csv").iterdir()]:
            columns = [row[0] for row in connection.execute(f"describe {literal(path)}").fetchall()]
            asked = "distinct release_id" if "release_id" in columns else "count(columns(*))"
            rows = connection.execute(f"select {asked} from {literal(path)}").fetchall()
            if "release_id" in columns:
                found.update(str(release_id) for (release_id,) in rows)
    return found


def _read(published: Path, stop: Event, tell: mp.Queue[Telling], holds: bool) -> None:
    """Ask again and again until told to stop.

    Args:
        holds: one database stays open all the time, as a BI tool does; it goes on answering.
    """
    seen: set[str] = set()
    answers = 0
    looks: list[Callable[[Path], set[str]]] = [read_database, read_files]
    held: set[str] = set()
    if holds:
        # under its own name: DuckDB gives the same database to who opens the same name again
        database = (published / "current").resolve() / "monitor.duckdb"
        open_one = duckdb.connect(str(database), read_only=True, config=LIGHT)
        held = ids_in(open_one)
        looks.append(lambda _: ids_in(open_one) | held)
    while not stop.wait(PAUSE_SECONDS):
        for look in looks:
            try:
                found = look(published)
            except Exception as error:  # whatever a reader meets is counted
                tell.put(("error", f"{type(error).__name__}: {error}"))
                continue
            if len(found) != 1:
                tell.put(("error", f"one answer from releases {', '.join(sorted(found))}"))
            answers += 1
            for release_id in found - seen:
                tell.put(("release", release_id))
            seen |= found
    tell.put(("answers", answers))


class Reading:
    """Processes that read; to be used as the context of what they must survive."""

    def __init__(self, published: Path, readers: int, *, holds: bool = False) -> None:
        context = mp.get_context("spawn")
        self.tally = Tally()
        self._stop = context.Event()
        self._told: mp.Queue[Telling] = context.Queue()
        arguments = (published, self._stop, self._told, holds)
        self._processes = [
            context.Process(target=_read, args=arguments, daemon=True) for _ in range(readers)
        ]

    def __enter__(self) -> Reading:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        end = time.monotonic() + SECONDS
        while any(process.is_alive() for process in self._processes) and time.monotonic() < end:
            self.listen(0.1)
        self.listen(0.1)
        for process in self._processes:
            if process.is_alive() or process.exitcode:
                self.tally.errors.append(f"a reader ended with status {process.exitcode}")
                process.kill()
            process.join()

    def wait_for(self, release_id: str) -> None:
        """Until a reader has seen the release; that none did is an error of the readers."""
        end = time.monotonic() + SECONDS
        while release_id not in self.tally.releases:
            if time.monotonic() > end:
                self.tally.errors.append(f"nobody saw release {release_id} in {SECONDS} s")
                return
            self.listen(0.5)

    def listen(self, seconds: float) -> None:
        """Take in what is told within so many seconds, and what had been told already."""
        end = time.monotonic() + seconds
        try:
            while True:
                self.tally.add(self._told.get(timeout=max(0.01, end - time.monotonic())))
                if time.monotonic() > end and self._told.empty():
                    return
        except queue.Empty:
            pass


@contextmanager
def releasing(folder: Path, rows: int = 200) -> Iterator[Callable[[], str]]:
    """A small project of which each call makes another release; returns its id.

    All tables carry the id of their release, which those of the monitor do not.
    """
    settings = Settings(
        landing=folder / "landing",
        archive=folder / "archive",
        warehouse=folder / "warehouse" / "monitor.duckdb",
        published=folder / "published",
        data_docs=folder / "data_docs",
    )
    codebook = Codebook()
    wave = next(iter(codebook.closed))
    group = next(iter(codebook.groups))
    with connect(settings.warehouse) as connection:
        prepare(connection, codebook)
        connection.execute("create schema published")
        connection.execute("create view published.publication as select * from audit.publication")
        for table in ("dim_goals", "fct_goal_scores", "fct_indicator_changes"):
            connection.execute(
                f"create view published.{table} as select number, release_id, number / 7e0 as "
                f"estimate from audit.publication, range({rows}) as numbers (number)"
            )

    def release() -> str:
        with connect(settings.warehouse) as connection:
            connection.execute(
                "insert into raw.deliveries (delivery_id, wave_id, respondent_group, file_name, "
                "sha256, size_bytes, landed_at, status, is_synthetic) select count(*), ?, ?, 'f', "
                "'', 0, now(), 'accepted', true from raw.deliveries",
                [wave, group],
            )
        return publish(settings).release_id

    yield release


def drill_readers(readers: int = READERS, releases: int = RELEASES) -> Tally:
    """Readers in processes of their own during so many releases; each must be seen."""
    with tempfile.TemporaryDirectory(prefix="monitor-readers-") as name:
        folder = Path(name)
        with releasing(folder) as release:
            first = release()
            with Reading(folder / "published", readers) as reading:
                reading.wait_for(first)
                for _ in range(releases):
                    reading.wait_for(release())
    return reading.tally
