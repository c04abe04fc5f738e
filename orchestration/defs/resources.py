"""What the assets share: the dbt command and the process that runs the gates."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource

from expectations.client import GateWorker
from orchestration.defs.dbt_project import dbt_project


class Gates(dg.ConfigurableResource[Any]):
    """Starts the gates' process when a run needs it; both gates of the run share it."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[GateWorker]:
        """A worker for the length of the run."""
        with GateWorker() as worker:
            yield worker


# the dbt of this environment, whatever PATH says
dbt = DbtCliResource(
    project_dir=dbt_project, dbt_executable=str(Path(sys.executable).with_name("dbt"))
)
gates = Gates()
