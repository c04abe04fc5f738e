"""A short drill: `make drill` does all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orchestration.lib.settings import ROOT


def test_what_is_published_survives_faults_at_the_stages_that_matter(tmp_path: Path) -> None:
    """Killed in landing, in dbt and in the switch of releases; a full disk; a read-only archive."""
    result = subprocess.run(
        [sys.executable, "-m", "drill", "kill", "disk-full", "read-only",
         "--kills", "3", "--trials", "1", "--seed", "7", "--folder", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=2400,
    )  # fmt: skip
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    tried = 5 - said.count("skipped: ")
    assert f"{tried} of {tried} faults survived" in said, said
    assert tried >= 3
