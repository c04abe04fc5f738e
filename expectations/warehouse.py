"""Great Expectations on a DuckDB file, read only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.execution_engine.sqlalchemy_execution_engine as sql_engine
from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource


class _Dialect(str):
    """The name of a dialect, in the form of GX's own enumeration."""

    @property
    def value(self) -> str:
        return str(self)


def keep_connections_open() -> None:
    """Let GX read results before it closes the connection they come from.

    Without this nearly every expectation fails on DuckDB with `IndexError: list index out of
    range`, which looks like bad data.
    """
    known = sql_engine._PERSISTED_CONNECTION_DIALECTS
    if "duckdb" not in known:
        dialects: Any = (*known, _Dialect("duckdb"))
        sql_engine._PERSISTED_CONNECTION_DIALECTS = dialects


class Warehouse:
    """Validates suites against queries on an open warehouse."""

    def __init__(self, source: SQLDatasource) -> None:
        self._source = source

    def validate(self, suite: ExpectationSuite, query: str) -> ExpectationSuiteValidationResult:
        """Run a suite on the rows of a query; a check that cannot run is a failed one."""
        asset = self._source.add_query_asset(name=query, query=query)
        batch = asset.add_batch_definition_whole_table("all rows").get_batch()
        return batch.validate(suite)


@contextmanager
def open_warehouse(path: Path) -> Iterator[Warehouse]:
    """Open the file for reading, and let go of it whatever happens.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No warehouse at {path}. Run a refresh first.")
    keep_connections_open()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    engine_options: dict[str, Any] = {"kwargs": {"connect_args": {"read_only": True}}}
    source = context.data_sources.add_sql(
        name="warehouse",
        connection_string=f"duckdb:///{path}",
        create_temp_table=False,
        **engine_options,
    )
    try:
        yield Warehouse(source)
    finally:
        # GX has two engines: one to test the connection, one to run on, whose connection it keeps.
        execution = source.get_execution_engine()
        if execution._connection:
            execution._connection.close()
        for engine in (source.get_engine(), execution.engine):
            engine.dispose()
