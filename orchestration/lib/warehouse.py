"""The private DuckDB warehouse: opening it, and the tables that Python writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

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
# the trail: each change of status, and what was purged or deleted, in the order in which it came
DELIVERY_EVENTS = """
create table if not exists raw.delivery_events (
    event_number bigint primary key,
    delivery_id varchar not null,
    event varchar not null,
    happened_at timestamp not null,
    detail varchar
)
"""
# what the archive's copies hash to, so that an original is deleted only when its copy is whole
ARCHIVED_FILES = """
create table if not exists raw.archived_files (
    delivery_id varchar not null,
    file varchar primary key,
    sha256 varchar not null
)
"""
CORRECTIONS = """
create table if not exists raw.corrections (
    correction_file_id varchar not null,
    line_number bigint not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    delivery_id varchar not null,
    row_number bigint not null,
    variable varchar not null,
    old_value varchar,
    new_value varchar,
    reason varchar not null,
    requested_by_role varchar not null,
    requested_on date not null
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
# where an open answer may tell who somebody is, and how; never the text
OPEN_TEXT_FINDINGS = """
create table if not exists open_text.findings (
    delivery_id varchar not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    row_number bigint not null,
    variable varchar not null,
    kind varchar not null
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
    compared_with varchar,
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
# code and codebook as they stood when dbt began: a release of these marts has no others
BUILD = """
create table if not exists audit.build (
    code_version varchar not null,
    codebook_hash varchar not null
)
"""
# earlier releases, which a new one is compared with (orchestration/lib/released.py); one that is
# settled has no records, and somebody decided to publish all the same
RELEASED = """
create table if not exists audit.released (
    release_id varchar not null,
    is_settled boolean not null
)
"""
RELEASED_FIGURES = """
create table if not exists audit.released_figures (
    figures_part varchar not null,
    kind varchar not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    question varchar not null,
    breakdown varchar not null,
    breakdown_value varchar not null,
    measure varchar not null,
    about varchar not null,
    numbers uinteger
)
"""
RELEASED_PARTS = """
create table if not exists audit.released_parts (
    release_id varchar not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    answers_part varchar not null,
    figures_part varchar not null
)
"""
RELEASED_ANSWERS = """
create table if not exists audit.released_answers (
    answers_part varchar not null,
    wave_id varchar not null,
    respondent_group varchar not null,
    question varchar not null,
    breakdown varchar not null,
    breakdown_value varchar not null,
    weight_class varchar not null,
    unit_bucket utinyint,
    option varchar,
    score double,
    is_endorsed boolean,
    respondents integer not null
)
"""


TABLES = (
    DELIVERIES,
    DELIVERY_EVENTS,
    ARCHIVED_FILES,
    CORRECTIONS,
    OPEN_TEXT,
    OPEN_TEXT_FINDINGS,
    QUALITY_RESULTS,
    PUBLICATION,
    BUILD,
    RELEASED,
    RELEASED_FIGURES,
    RELEASED_PARTS,
    RELEASED_ANSWERS,
)


PATIENCE_SECONDS = 10.0


class WarehouseBusyError(Exception):
    """Another process has the warehouse open for writing."""


def quote(identifier: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: object) -> str:
    """An SQL string, quoted; for statements that take no parameters."""
    return "'" + str(text).replace("'", "''") + "'"


@contextmanager
def connect(
    path: Path, *, read_only: bool = False, patience: float = PATIENCE_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, and close it whatever happens: dbt and the gates need the file next.

    Args:
        patience: seconds to wait for another process to close the file; a sensor's look at the
            register takes a moment, a refresh takes minutes.

    Raises:
        WarehouseBusyError: another process holds the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + patience
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "could not set lock" not in str(error).lower():
                raise
            if time.monotonic() < end:
                time.sleep(0.2)
                continue
            raise WarehouseBusyError(
                f"{path} is in use by another process, probably a refresh or `dbt build` that "
                "still runs. Wait until it ends, or stop it, and start again; nothing was changed."
            ) from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def alone(path: Path, patience: float = 0.0) -> Iterator[None]:
    """One refresh of the warehouse at a time; the file itself is free between its steps.

    Args:
        patience: seconds to wait for the turn.

    Raises:
        WarehouseBusyError: another refresh runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_suffix(".refresh.lock"), timeout=patience):
            yield
    except Timeout:
        raise WarehouseBusyError(
            "another refresh of this warehouse is running. Wait until it ends and start again; "
            "nothing was changed."
        ) from None


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


def rewrite(path: Path) -> None:
    """Write the warehouse anew, in one step, without what was deleted from it.

    DuckDB keeps the bytes of deleted rows in blocks that it may use again. Views name the database
    by its file, so that the copy is made under the same name.

    Raises:
        WarehouseBusyError: another process holds the file.
    """
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    name = quote(path.stem)
    with connect(path) as connection:  # nobody else may write meanwhile
        connection.execute("checkpoint")
        connection.execute(f"attach {literal(draft)} as rewritten")
        connection.execute(f"copy from database {name} to rewritten")
        connection.execute("detach rewritten")
        draft.replace(path)


def prepare(connection: duckdb.DuckDBPyConnection, codebook: Codebook) -> None:
    """Create what is missing: schemas, the registers, and one raw table a group.

    A codebook that grew (a new wave) adds columns; none is ever dropped.
    """
    with transaction(connection):  # one write to disk instead of one a statement
        for schema in ("raw", "open_text", "audit"):
            connection.execute(f"create schema if not exists {schema}")
        for statement in TABLES:
            connection.execute(statement)
        # warehouses from before gates told what a delivery was compared with
        connection.execute(
            "alter table audit.quality_results add column if not exists compared_with varchar"
        )
        _drop_old_records(connection)
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


def _drop_old_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Of warehouses from before releases were compared by question, keep which there were."""
    old = connection.execute(
        "select 1 from information_schema.tables "
        "where table_schema = 'audit' and table_name = 'released_records'"
    ).fetchone()
    if old:
        connection.execute(
            "insert into audit.released select distinct release_id, false "
            "from audit.released_records order by release_id"
        )
        connection.execute("drop table audit.released_records")
