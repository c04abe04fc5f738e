"""What the assets share: the process that runs the gates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from expectations.client import GateWorker


class Gates(dg.ConfigurableResource[Any]):
    """Starts the gates' process when a run needs it; both gates of the run share it."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[GateWorker]:
        """A worker for the length of the run."""
        with GateWorker() as worker:
            yield worker


gates = Gates()
