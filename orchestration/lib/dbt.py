"""dbt inside this process: its manifest, and one build with its events.

A dbt process of its own takes 4 s to start; here it is imported once and parses only what changed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from orchestration.lib.settings import ROOT, get_settings
from orchestration.lib.warehouse import connect

logger = logging.getLogger("monitor")

TARGET = Path(os.environ.get("DBT_TARGET_PATH", ROOT / "target"))
SOURCES = ("models", "macros", "seeds", "tests/generic", "tests/singular", "profiles")


class DbtError(Exception):
    """dbt failed; the message holds what it said."""


def _newest_source() -> float:
    files = [path for name in SOURCES for path in (ROOT / name).rglob("*") if path.is_file()]
    return max(path.stat().st_mtime for path in [ROOT / "dbt_project.yml", *files])


def warehouse_name(warehouse: Path) -> str:
    """The warehouse as plain `dbt build` names it: named otherwise, dbt parses everything anew."""
    is_plain = warehouse.is_relative_to(ROOT) and Path.cwd() == ROOT
    return str(warehouse.relative_to(ROOT) if is_plain else warehouse)


def _invoke(arguments: Iterable[str], on_event: Callable[[Any], None] | None = None) -> Any:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    os.environ["MONITOR_WAREHOUSE"] = warehouse_name(get_settings().warehouse)
    command = ["--quiet", "--log-level-file", "none", *arguments, "--project-dir", str(ROOT)]
    command += ["--profiles-dir", str(ROOT / "profiles"), "--target-path", str(TARGET)]
    try:
        return dbtRunner(callbacks=[on_event] if on_event else []).invoke(command)
    finally:
        # dbt keeps the file open for its next command; the gates' process needs it now
        DuckDBConnectionManager.close_all_connections()


def ensure_manifest() -> Path:
    """Path of an up-to-date manifest.json; parsing takes about 5 s, a look at the clock none.

    Raises:
        DbtError: the project does not parse.
    """
    manifest = TARGET / "manifest.json"
    if not manifest.exists() or manifest.stat().st_mtime < _newest_source():
        result = _invoke(["parse"])
        if not result.success:
            raise DbtError(f"dbt cannot parse the project: {result.exception}")
        manifest.touch()
    return manifest


def build(on_result: Callable[[dict[str, Any]], None]) -> None:
    """`dbt build` of the whole project, unit tests left out.

    Args:
        on_result: called with each finished node: dbt's structured log event as a dictionary.

    Raises:
        DbtError: a model or test failed; the message names each, with its error.
    """
    from google.protobuf.json_format import MessageToDict

    finished = 0

    def on_event(event: Any) -> None:
        nonlocal finished
        if event.info.name in ("LogModelResult", "LogSeedResult", "LogTestResult"):
            on_result(MessageToDict(event, preserving_proto_field_name=True))
            finished += 1
            if finished % 50 == 0:
                logger.info("dbt build: %d seeds, models and tests done", finished)

    result = _invoke(["build"], on_event)
    if not result.success:
        raise _failure(result, "dbt build")


def rebuild_after(model: str) -> None:
    """Run the models that read `model`, without itself and without tests.

    Raises:
        DbtError: a model failed; the message names each, with its error.
    """
    result = _invoke(["run", "--select", f"{model}+", "--exclude", model])
    if not result.success:
        raise _failure(result, f"dbt run of what reads {model}")


def _failure(result: Any, what: str) -> DbtError:
    if result.exception or result.result is None:
        return DbtError(f"{what} could not run: {result.exception}")
    failed = [row for row in result.result.results if row.status in ("error", "fail")]
    return DbtError(
        f"{what}: {len(failed)} failed. "
        + " ".join(f"{row.node.name}: {(row.message or '').strip()}." for row in failed[:10])
        + "".join(_failing_rows(row.node) for row in failed[:10] if row.status == "fail")
        + " The compiled SQL of each stands in target/compiled; nothing was published."
    )


def _failing_rows(node: Any) -> str:
    """The first rows that a data test found, with their columns: they say what to mend."""
    with connect(get_settings().warehouse, read_only=True) as connection:
        found = connection.execute(f"select * from ({node.compiled_code}\n) limit 5")
        columns = [column[0] for column in found.description]
        rows = found.fetchall()
    return "".join(
        f"\n{node.name}: "
        + ", ".join(
            f"{column} {value}"
            for column, value in zip(columns, row, strict=True)
            if value is not None
        )
        for row in rows
    )
