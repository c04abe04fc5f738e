"""Workspaces: a full refresh in folders of its own, as a user would run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fixtures.estimation import write_codebook, write_deliveries

from orchestration.lib.settings import ROOT
from simulation import simulate

PROJECT = (
    "dbt_project.yml", "profiles.yml", "selectors.yml", "requirements.lock", "profiles", "models",
    "macros", "seeds", "tests/generic", "tests/singular", "orchestration", "expectations",
    "simulation", "disclosure", "publishing", "report", "deploy", ".dagster/dagster.yaml",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    """Side by side (`pytest -n 2 --dist loadgroup`), tests that share a refresh stay together."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        shared = next((name for name in ("example", "survey") if name in fixtures), item.path.stem)
        item.add_marker(pytest.mark.xdist_group(shared))
    yield


@dataclass
class Workspace:
    """Landing folder, warehouse and releases of one test, and the commands to work on them."""

    folder: Path
    root: Path = ROOT
    more_env: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Path:
        if name in ("landing", "archive", "published", "data_docs"):
            return self.folder / name
        raise AttributeError(name)

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse" / "monitor.duckdb"

    @property
    def env(self) -> dict[str, str]:
        paths = ("landing", "archive", "published", "data_docs", "warehouse")
        return (
            os.environ
            | {f"MONITOR_{name.upper()}": str(getattr(self, name)) for name in paths}
            | {
                "DAGSTER_HOME": str(self.folder / "dagster"),
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "GX_ANALYTICS_ENABLED": "false",
                "MONITOR_REPORT": "false",  # half a minute a release; `example` has one
            }
            | self.more_env
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `python -m orchestration …` and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration", *arguments],
            cwd=self.root, env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m orchestration …` to its end."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=900)
        return subprocess.CompletedProcess(arguments, process.returncode, output)

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt as a data engineer would."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), *arguments],
            cwd=self.root, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows from the current release."""
        with duckdb.connect(
            str(self.published / "current" / "monitor.duckdb"), read_only=True
        ) as connection:
            return connection.execute(sql, parameters).fetchall()

    def query_warehouse(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows from the private warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    @property
    def releases(self) -> list[str]:
        folder = self.published / "releases"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _copy_project(target: Path) -> Path:
    for name in PROJECT:
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            shutil.copy(source, target / name)
    return target


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project whose seeds a test may change."""
    return _copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The five example waves, refreshed once; tests only read it."""
    workspace = Workspace(tmp_path_factory.mktemp("example"))
    workspace.more_env["MONITOR_REPORT"] = "true"
    simulate(workspace.landing)
    result = workspace.run("refresh")
    assert result.returncode == 0, result.stdout
    (workspace.folder / "refresh.log").write_text(result.stdout, encoding="utf-8")
    return workspace


@pytest.fixture(scope="session")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The survey of `tests/fixtures/estimation`, refreshed once; tests only read it."""
    folder = tmp_path_factory.mktemp("survey")
    workspace = Workspace(folder, _copy_project(folder / "project"))
    write_codebook(workspace.root)
    write_deliveries(workspace.landing)
    result = workspace.run("refresh")
    assert result.returncode == 0, result.stdout
    return workspace


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Two waves at a fifth of the size, refreshed; the tests of a module work on it in turn."""
    workspace = Workspace(tmp_path_factory.mktemp("small"))
    simulate(workspace.landing, ["2025-najaar", "2026-najaar"], scale=0.2)
    result = workspace.run("refresh")
    assert result.returncode == 0, result.stdout
    yield workspace


WorkspaceFactory = Callable[..., Workspace]


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceFactory:
    """Makes an empty workspace, of this project or of a copy."""

    def make(root: Path = ROOT, name: str = "workspace") -> Workspace:
        return Workspace(tmp_path / name, root)

    return make
