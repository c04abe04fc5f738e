"""The private DuckDB warehouse: opening it, and the tables that Python writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.lib.codebook import Codebook

DELIVERIES = """
create table if not exists raw.deliveries (
    delivery_id varchar primary key,
    wave_id varchar not null,
    respondent_group varchar not null,
    file_name varchar not null,
    sha256 varchar not null,
    size_bytes bigint not null,
    row_count bigint,
    column_count bigint,
    format varchar,
    landed_at timestamp not null,
    decided_at timestamp,
    status varchar not null,
    superseded_by varchar,
    is_synthetic boolean not null,
    refusal_reason varchar,
    labels varchar,
    options varchar
)
"""
OPEN_TEXT = """
create table if not exists open_text.answers (
    delivery_id varchar not null,
    row_number bigint not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    variable varchar not null,
    answer varchar not null
)
"""
QUALITY_RESULTS = """
create table if not exists audit.quality_results (
    gate varchar not null,
    suite varchar not null,
    expectation varchar not null,
    wave_id varchar,
    respondent_group varchar,
    delivery_id varchar,
    severity varchar not null,
    success boolean not null,
    observed_value varchar,
    unexpected_count bigint,
    message varchar
)
"""
PUBLICATION = """
create table if not exists audit.publication (
    release_id varchar not null,
    code_version varchar not null,
    codebook_hash varchar not null,
    deliveries_hash varchar not null,
    corrections_hash varchar not null,
    is_synthetic boolean not null
)
"""
RELEASED_RECORDS = """
create table if not exists audit.released_records (
    release_id varchar not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    breakdown varchar not null,
    breakdown_value varchar not null,
    content varchar,
    respondents bigint not null
)
"""


class WarehouseBusyError(Exception):
    """Another process has the warehouse open for writing."""


def quote(identifier: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: object) -> str:
    """An SQL string, quoted; for statements that take no parameters."""
    return "'" + str(text).replace("'", "''") + "'"


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, and close it whatever happens: dbt and the gates need the file next.

    Raises:
        WarehouseBusyError: another process holds the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path), read_only=read_only)
    except duckdb.IOException as error:
        if "could not set lock" not in str(error).lower():
            raise
        raise WarehouseBusyError(
            f"{path} is in use by another process, probably a refresh or `dbt build` that still "
            "runs. Wait until it ends, or stop it, and start again; nothing was changed."
        ) from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def prepare(connection: duckdb.DuckDBPyConnection, codebook: Codebook) -> None:
    """Create what is missing: schemas, the registers, and one raw table a group.

    A codebook that grew (a new wave) adds columns; none is ever dropped.
    """
    with transaction(connection):  # one write to disk instead of one a statement
        for schema in ("raw", "open_text", "audit"):
            connection.execute(f"create schema if not exists {schema}")
        for statement in (DELIVERIES, OPEN_TEXT, QUALITY_RESULTS, PUBLICATION, RELEASED_RECORDS):
            connection.execute(statement)
        for group in codebook.groups:
            table = f"raw.{quote(group)}"
            columns = {column: f"{quote(column)} varchar" for column in codebook.raw_columns(group)}
            keys = ("delivery_id varchar not null", "row_number bigint not null")
            connection.execute(
                f"create table if not exists {table} ({', '.join((*keys, *columns.values()))})"
            )
            present = {row[0] for row in connection.execute(f"describe {table}").fetchall()}
            for column, definition in columns.items():
                if column not in present:
                    connection.execute(f"alter table {table} add column {definition}")
