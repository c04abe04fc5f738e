"""Dagster's home: its settings, and the databases of its history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from orchestration.lib.settings import ROOT

if TYPE_CHECKING:
    import dagster as dg

SETTINGS = ROOT / ".dagster" / "dagster.yaml"


def dagster_home() -> Path:
    """`DAGSTER_HOME`, or the project's own, which Dagster is then told."""
    return Path(os.environ.setdefault("DAGSTER_HOME", str(SETTINGS.parent))).absolute()


def open_instance(home: Path, *, renew_settings: bool = False) -> dg.DagsterInstance:
    """Dagster's instance in `home`, which is made where there is none.

    Of processes that make Dagster's SQLite files at the same moment each believes that it is the
    first, and what they leave cannot always be opened again: here one makes, the others wait.

    Args:
        renew_settings: replace `dagster.yaml` by the project's, as after an upgrade; otherwise it
            is copied only where there is none.

    Raises:
        OSError: `home` cannot be written.
    """
    import dagster as dg

    home.mkdir(parents=True, exist_ok=True)
    settings = home / SETTINGS.name
    with FileLock(home / ".opening.lock"):
        if not settings.exists() or (
            renew_settings and settings.read_bytes() != SETTINGS.read_bytes()
        ):
            draft = settings.with_name(f".{settings.name}.part")
            shutil.copyfile(SETTINGS, draft)
            draft.replace(settings)
        return dg.DagsterInstance.from_config(str(home))
