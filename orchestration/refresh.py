"""`make refresh`: the Dagster job without a UI, with progress and a summary for people.

Slow imports wait until they are needed, and the gates' process loads while deliveries land.
"""

from __future__ import annotations

import importlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from expectations.client import GateWorker
from orchestration.lib.codebook import Codebook
from orchestration.lib.home import dagster_home, open_instance
from orchestration.lib.landing.discovery import discover
from orchestration.lib.landing.register import refused
from orchestration.lib.overview import fates
from orchestration.lib.publication import current
from orchestration.lib.settings import Settings, get_settings
from orchestration.lib.warehouse import alone, connect, prepare


class RefreshError(Exception):
    """The refresh cannot start; the message says why and what to do."""


@contextmanager
def _kept_event_log() -> Iterator[None]:
    """Let Dagster keep its event logs open: it opens and closes SQLite for each of some 900 events.

    With `synchronous` at normal a power cut may cost the last events, a killed process none.
    """
    from sqlalchemy import Engine, create_engine, event
    from sqlalchemy.pool import QueuePool

    class KeptPool(QueuePool):
        """Connections that stay open, though Dagster disposes of them after each use."""

        def dispose(self) -> None:
            pass

        def recreate(self) -> KeptPool:
            return self

    module = "dagster._core.storage.event_log.sqlite.sqlite_event_log"
    sqlite_event_log: Any = importlib.import_module(module)
    original = sqlite_event_log.create_engine
    engines: dict[str, Engine] = {}

    def engine_of(url: str, **_: Any) -> Engine:
        if url not in engines:
            timeout = sqlite_event_log.SQLITE_BUSY_TIMEOUT_SECONDS
            # Dagster holds a lock around each use, so that threads may share the connection
            engines[url] = create_engine(
                url,
                poolclass=KeptPool,
                pool_use_lifo=True,
                connect_args={"timeout": timeout, "check_same_thread": False},
            )
            event.listen(
                engines[url],
                "connect",
                lambda connection, _: connection.execute("pragma synchronous = normal"),
            )
        return engines[url]

    sqlite_event_log.create_engine = engine_of
    try:
        yield
    finally:
        sqlite_event_log.create_engine = original
        for engine in engines.values():
            QueuePool.dispose(cast("QueuePool", engine.pool))


def run(codebook: Codebook, waves: list[str] | None, console: Console) -> bool:
    """Refresh the given waves, or all that have deliveries; True when all went well.

    Raises:
        RefreshError: there is nothing to do.
        WarehouseBusyError: another refresh runs.
    """
    settings = get_settings()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", datefmt="%H:%M:%S")
    logger = logging.getLogger("monitor")
    logger.setLevel(logging.INFO)
    logger.handlers = [RichHandler(console=console, show_path=False, show_level=False)]
    logger.propagate = False
    with alone(settings.warehouse), GateWorker() as worker:
        began = time.monotonic()
        with connect(settings.warehouse) as connection:
            prepare(connection, codebook)
            accepted = connection.execute(
                "select count(*) from raw.deliveries where status = 'accepted' "
                "and respondent_group <> 'corrections'"
            ).fetchone()
        found = discover(settings.landing, codebook, waves)
        # originals may be gone by retention
        if not found.waves and not (accepted and accepted[0]):
            where = f"{settings.landing}/{waves[0]}" if waves else settings.landing
            raise RefreshError(
                f"there are no deliveries in {where}. Put files there, such as "
                "2022-voorjaar/leraar.csv, or run `make simulate` for example deliveries."
            )
        logger.info(
            "%d deliveries of %d waves in %s",
            len(found.deliveries),
            len(found.waves),
            settings.landing,
        )
        from orchestration.definitions import defs
        from orchestration.defs.partitions import range_tags
        from orchestration.defs.resources import REFRESH, free_places

        logger.info("definitions loaded in %.1f s", time.monotonic() - began)
        with _kept_event_log(), open_instance(dagster_home()) as instance:
            free_places(instance)
            result = defs.resolve_job_def(REFRESH).execute_in_process(
                instance=instance,
                # all means also waves whose files are gone, so that their refusals are withdrawn,
                # and folders that are no wave, so that they are refused
                tags=range_tags(waves or codebook.waves),
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                resources={"gates": worker},
                raise_on_error=False,
            )
            durations = _durations(instance.get_run_step_stats(result.run_id))
        _summarise(settings, console, result.all_events, durations, time.monotonic() - began)
        return bool(result.success)


PARTS = {
    "raw": "landing",
    "raw_gate": "raw gate",
    "deliveries_keep_coming": "raw gate",
    "warehouse": "dbt build",
    "publication_gate": "publication gate",
    "published": "publication",
}


def part_of(step_key: str) -> str:
    """The part of the refresh that a step of the job belongs to."""
    return PARTS.get(step_key) or PARTS[step_key.split("__", maxsplit=1)[0]]


def _durations(steps: Iterable[Any]) -> dict[str, float]:
    """Seconds that each part of the refresh took, from the statistics of its steps."""
    seconds = dict.fromkeys(PARTS.values(), 0.0)
    for step in steps:
        if step.start_time and step.end_time:
            seconds[part_of(step.step_key)] += step.end_time - step.start_time
    return seconds


def _root_cause(error: Any) -> str:
    """What went wrong, without the layers around it."""
    while error.cause:
        error = error.cause
    return str(error.message).strip()


def _summarise(
    settings: Settings,
    console: Console,
    events: Iterable[Any],
    durations: dict[str, float],
    total_seconds: float,
) -> None:
    with connect(settings.warehouse, read_only=True) as connection:
        accepted = [fate for fate in fates(connection) if fate.status == "accepted"]
        standing = refused(connection)
        checks = connection.execute(
            "select count(*), count(*) filter (where success), "
            "count(*) filter (where not success and severity = 'warning') "
            "from audit.quality_results"
        ).fetchone()
    table = Table("wave", "group", title="Rows", title_justify="left")
    for heading in ("landed", "kept", "dropped", "complete", "invalid values"):
        table.add_column(heading, justify="right")
    for column in table.columns[:2]:
        column.no_wrap = True
    previous = None
    for fate in accepted:
        numbers = (fate.landed, fate.kept, fate.dropped, fate.complete, fate.quarantined)
        table.add_row(
            "" if fate.wave_id == previous else fate.wave_id,
            fate.respondent_group,
            *("" if number is None else f"{number:,}" for number in numbers),
        )
        previous = fate.wave_id
    if accepted:
        console.print(table)
    for outcome in standing:
        console.print(f"[bold red]refused[/] {outcome.reason}", soft_wrap=True)
    for event in events:
        if event.is_step_failure and event.step_failure_data.error:
            console.print(f"[bold red]failed[/] {event.step_key}")
            console.print(_root_cause(event.step_failure_data.error), markup=False, soft_wrap=True)
        if event.event_type_value == "ASSET_MATERIALIZATION":
            _tell_what_waits(console, event.step_materialization_data.materialization.metadata)
    if checks:
        console.print(f"Checks: {checks[1]} of {checks[0]} passed, {checks[2]} warned")
    console.print(
        "Time: "
        + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in durations.items() if seconds)
        + f"; {total_seconds:.1f} s in all"
    )
    now = current(settings)
    if now:
        release = settings.published / now["path"]
        console.print(f"Release: {release}")
        if json.loads((release / "release.json").read_text(encoding="utf-8"))["is_synthetic"]:
            console.print("[yellow]The figures are simulated: is_synthetic is true.[/]")
    else:
        console.print("Release: none yet")


LINES_SHOWN = 10


def _tell_what_waits(console: Console, metadata: Mapping[str, Any]) -> None:
    """Why a release is held back, or what one that was made tells of a few respondents."""
    if "told" not in metadata:
        return
    told, lines = metadata["told"].value, metadata["differences"].value
    if not lines:
        return
    if told["figures"]:
        what = (
            "what a few respondents said, by its difference with earlier ones: in "
            f"{told['figures']} figures {told['answers']} answers, the fewest of "
            f"{told['fewest_respondents']}"
        )
    else:
        what = "perhaps what a few respondents said: an earlier one cannot be compared"
    if metadata["status"].value == "waiting":
        console.print(
            f"[bold yellow]waiting[/] the release would tell {what}. It waits until more "
            "corrections have come in; `make refresh BATCH=true` publishes them now.",
            soft_wrap=True,
        )
    else:
        console.print(f"[bold yellow]told[/] the release tells {what}.", soft_wrap=True)
    for line in lines[:LINES_SHOWN]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if len(lines) > LINES_SHOWN:
        console.print(f"  and {len(lines) - LINES_SHOWN} more questions or releases")
