"""The dbt manifest: parsed when models, seeds or macros are newer than it, otherwise kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestration.lib.settings import ROOT

TARGET = Path(os.environ.get("DBT_TARGET_PATH", ROOT / "target"))
SOURCES = ("models", "macros", "seeds", "tests/generic", "tests/singular", "profiles")


class DbtError(Exception):
    """dbt cannot read the project; the message holds what it printed."""


def _newest_source() -> float:
    files = [path for name in SOURCES for path in (ROOT / name).rglob("*") if path.is_file()]
    return max(path.stat().st_mtime for path in [ROOT / "dbt_project.yml", *files])


def ensure_manifest() -> Path:
    """Path of an up-to-date manifest.json; parsing takes about 5 s, a look at the clock none.

    Raises:
        DbtError: the project does not parse.
    """
    manifest = TARGET / "manifest.json"
    if not manifest.exists() or manifest.stat().st_mtime < _newest_source():
        command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "parse"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if result.returncode:
            raise DbtError(f"dbt cannot parse the project:\n{result.stdout}{result.stderr}")
        manifest.touch()
    return manifest
