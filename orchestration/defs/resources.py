"""What the assets share: the process that runs the gates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from expectations.client import GateWorker
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import alone

TURN_SECONDS = 3600.0


class Gates(dg.ConfigurableResource[Any]):
    """Takes the run's turn and starts the gates' process, which both gates of the run share.

    Runs wait for their turn in the order of the queue. `make refresh` takes the turn itself.
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[GateWorker]:
        """A worker for the length of the run."""
        with alone(get_settings().warehouse, patience=TURN_SECONDS), GateWorker() as worker:
            yield worker


gates = Gates()
