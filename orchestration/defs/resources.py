"""What the assets share: the turn of the run, and the process that runs the gates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from expectations.client import GateWorker
from orchestration.defs.partitions import codebook
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import WarehouseBusyError, alone, connect, prepare

REFRESH = "refresh"
TURN_SECONDS = 3600.0
KILLED = "The process of this run was killed."


def free_places(instance: dg.DagsterInstance) -> None:
    """Give back the places in pools that killed runs took along; without, every later run waits.

    Dagster's daemon does so too, half a minute after it knows that the run has ended. To be called
    by a refresh that has its turn: another one that holds a place is dead.
    """
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run and not run.is_finished:
            if run.job_name != REFRESH:
                continue
            instance.report_run_failed(run, KILLED)
        storage.free_concurrency_slots_for_run(run_id)


def end_killed(instance: dg.DagsterInstance, suspects: set[str]) -> tuple[set[str], set[str]]:
    """End refreshes whose process was killed together with the code location, as by a power cut.

    Dagster takes them to be running. A refresh that runs has its turn: one that neither now nor at
    the look before had it, nor stood behind another that had it, is dead.

    Args:
        suspects: run_ids that were suspected at the look before.

    Returns:
        run_ids of those that are dead, and of those that are suspected now.
    """
    running = dg.RunsFilter(job_name=REFRESH, statuses=[dg.DagsterRunStatus.STARTED])
    if not instance.get_runs_count(running):
        return set(), set()
    try:
        with alone(get_settings().warehouse):
            started = {run.run_id: run for run in instance.get_runs(running)}
            dead = suspects & set(started)
            for run_id in dead:
                instance.report_run_failed(started[run_id], KILLED)
    except WarehouseBusyError:
        return set(), set()
    return dead, set(started) - dead


class Gates(dg.ConfigurableResource[Any]):
    """Takes the run's turn and starts the gates' process, which both gates of the run share.

    Runs wait for their turn in the order of the queue. `make refresh` takes the turn itself.
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[GateWorker]:
        """A worker for the length of the run."""
        settings = get_settings()
        with alone(settings.warehouse, patience=TURN_SECONDS), GateWorker() as worker:
            if context.instance:
                free_places(context.instance)
            with connect(settings.warehouse) as connection:
                prepare(connection, codebook)
            yield worker


gates = Gates()
