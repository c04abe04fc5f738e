"""Rebuild a release from the archive in a clean place, and compare it with what was published.

A release is a pure function of archive, codebook, corrections and code. This shows it: nothing is
read from the warehouse or the landing folder, and every CSV and Parquet file must be the same to
the byte. The rebuilding runs in a process of its own, for which folders and warehouse are others.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.lib.codebook import Codebook
from orchestration.lib.landing.corrections import restore_corrections
from orchestration.lib.landing.discovery import CORRECTIONS, file_sha256
from orchestration.lib.landing.register import restore
from orchestration.lib.publication import (
    CODE,
    CODEBOOK,
    PublicationError,
    find_release,
    tree_hash,
)
from orchestration.lib.settings import ROOT, Settings, get_settings
from orchestration.lib.warehouse import connect, prepare

logger = logging.getLogger("monitor")

COMPARED = ("csv", "parquet")
SECONDS = 1800


@dataclass(frozen=True)
class Replay:
    """The release that was rebuilt, and the files that came out different, in words."""

    release_id: str
    files: int
    differences: list[str]


def replay(settings: Settings, release: str = "current") -> Replay:
    """Rebuild a release and compare it with what was published.

    Raises:
        PublicationError: there is no such release, it was made by other code or another codebook,
            or it cannot be built again; the message says what to do.
    """
    wanted = find_release(settings, release)
    folder = settings.published / "releases" / wanted
    facts = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    for key, names, what in (
        ("code_version", CODE, "code"),
        ("codebook_hash", CODEBOOK, "codebook"),
    ):
        if facts[key] != tree_hash(ROOT, names)[:16]:
            commit = facts.get("commit")
            raise PublicationError(
                f"Release {wanted} was made with other {what} than stands here. Check out "
                + (f"commit {commit}" if commit else f"the commit with {key} {facts[key]}")
                + " in a clone of its own, point MONITOR_ARCHIVE and MONITOR_PUBLISHED at these "
                "folders, and replay there."
            )
    for leftover in settings.published.glob(".replay-*"):  # of a replay that was killed
        if time.time() - leftover.stat().st_mtime > SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    # beside the releases, where there is room for another
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=settings.published) as name:
        rebuilt = _rebuild_apart(settings, folder / "release.json", Path(name))
        differences = [*_differences(folder, rebuilt)]
    logger.info("replay of %s: %d differences", wanted, len(differences))
    files = sum(1 for part in COMPARED for _ in (folder / part).iterdir())
    return Replay(wanted, files, differences)


def _rebuild_apart(settings: Settings, facts: Path, place: Path) -> Path:
    """Rebuild in a process with folders of its own; the folder of the release that it made."""
    target = place / "target"
    target.mkdir()
    for file in ("manifest.json", "partial_parse.msgpack"):  # parsing takes 5 s
        source = Path(os.environ.get("DBT_TARGET_PATH", ROOT / "target")) / file
        if source.exists():
            shutil.copy2(source, target)
    env = os.environ | {
        "MONITOR_ARCHIVE": str(settings.archive),
        "MONITOR_LANDING": str(place / "landing"),
        "MONITOR_WAREHOUSE": str(place / "warehouse" / "monitor.duckdb"),
        "MONITOR_PUBLISHED": str(place / "published"),
        "MONITOR_DATA_DOCS": str(place / "data_docs"),
        "MONITOR_REPORT": "false",  # pages are no part of what is compared
        "DBT_TARGET_PATH": str(target),
    }
    result = subprocess.run(
        [sys.executable, "-m", "orchestration.lib.replay", str(facts)],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise PublicationError(
            "The release could not be built again: "
            + (said[-1] if said else f"the process ended with status {result.returncode}")
        )
    return place / "published" / "current"


def _differences(published: Path, rebuilt: Path) -> Iterator[str]:
    """Files that differ, or exist on one side only."""
    names = {
        path.relative_to(folder).as_posix()
        for folder in (published, rebuilt.resolve())
        for part in COMPARED
        for path in (folder / part).iterdir()
    }
    for name in sorted(names):
        here, there = published / name, rebuilt / name
        if not there.exists():
            yield f"{name}: is not made any more"
        elif not here.exists():
            yield f"{name}: was not published"
        elif file_sha256(here) != file_sha256(there):
            yield f"{name}: differs"


def rebuild(settings: Settings, facts: dict[str, Any]) -> None:
    """From the archive to a release, with the steps of a refresh, in empty folders.

    Raises:
        PublicationError: a file of the archive is missing or was changed, or a gate fails.
    """
    from expectations.client import GateWorker, blocking
    from orchestration.lib.dbt import build
    from orchestration.lib.gates import judge_again, judge_publication
    from orchestration.lib.publication import note_build, publish

    codebook = Codebook()
    with GateWorker() as worker:
        with connect(settings.warehouse) as connection:
            prepare(connection, codebook)
            for delivery in facts["deliveries"]:
                if delivery["respondent_group"] != CORRECTIONS:
                    restore(connection, settings, **delivery)
        judge_again(settings, worker)
        with connect(settings.warehouse) as connection:
            for delivery in facts["deliveries"]:
                if delivery["respondent_group"] == CORRECTIONS:
                    restore_corrections(
                        connection, settings, delivery["wave_id"], delivery["delivery_id"]
                    )
        note_build(settings)
        build(lambda _: None)
        failed = blocking(judge_publication(settings, worker))
    if failed:
        raise PublicationError("; ".join(row["message"] for row in failed))
    publish(settings)


if __name__ == "__main__":
    rebuild(get_settings(), json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
