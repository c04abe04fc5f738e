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


class HomeError(Exception):
    """Dagster's home cannot be opened; the message says why and what to do."""


def dagster_home() -> Path:
    """`DAGSTER_HOME`, or the project's own, which Dagster is then told."""
    home = os.environ.get("DAGSTER_HOME") or str(SETTINGS.parent)
    os.environ["DAGSTER_HOME"] = str(Path(home).expanduser().absolute())
    return Path(os.environ["DAGSTER_HOME"])


def open_instance(home: Path, *, renew_settings: bool = False) -> dg.DagsterInstance:
    """Dagster's instance in `home`, which is made where there is none.

    Of processes that make Dagster's SQLite files at the same moment each believes that it is the
    first, and what they leave cannot always be opened again: here one makes, the others wait.

    Args:
        renew_settings: replace `dagster.yaml` by the project's, as after an upgrade; otherwise it
            is copied only where there is none.

    Raises:
        HomeError: `home` cannot be written, or its databases cannot be opened.
    """
    import dagster as dg
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    settings = home / SETTINGS.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".opening.lock"):
            if not settings.exists() or (
                renew_settings and settings.read_bytes() != SETTINGS.read_bytes()
            ):
                draft = settings.with_name(f".{settings.name}.part")
                shutil.copyfile(SETTINGS, draft)
                draft.replace(settings)
            return dg.DagsterInstance.from_config(str(home))
    except (OSError, SQLAlchemyError, CommandError) as error:
        raise HomeError(
            f"Dagster's home {home} cannot be opened: {str(error).splitlines()[0]}. DAGSTER_HOME "
            "must be a folder that may be written, on a disk that is not full. If its databases "
            "are broken, move `history` and `schedules` away: they hold Dagster's history, and "
            "nothing that the warehouse needs."
        ) from None
