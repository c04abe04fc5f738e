"""A release in PostgreSQL, through ADBC: a schema per release, and views that show one of them.

A release is written and shown in one transaction. Which release the views show is a row of
`monitor.releases`, not their definition: PostgreSQL takes definitions from the latest catalogue and
rows from the reader's snapshot, so that a reader with an older snapshot would find the tables of
the new release empty. Every view therefore holds all releases that are kept, each behind a
condition that is evaluated once; those that are not shown are not read.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import dbapi

from orchestration.lib.publication import PRECISION
from orchestration.lib.warehouse import literal, quote
from publishing.dictionary import Table, read_release

VIEWS = "monitor"
READER = "monitor_reader"
KEEP = 3  # releases that stay; never fewer than 2: a reader may still be in the one before
WAIT = 60  # seconds that readers may hold up the switch
LOCK = 727_366_101  # any number: one publication at a time takes it
TYPES = {
    "string": "text",
    "int": "integer",
    "bigint": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "date": "date",
}
# SQLSTATE → what happened and the way out
WAYS_OUT = {
    "28P01": "The password is wrong. Check it in URL, or leave it out and set PGPASSWORD.",
    "28000": "The server does not let this user in. Check the user in URL and pg_hba.conf.",
    "3D000": "There is no such database. Create it with `createdb`, or name another in URL.",
    "42501": (
        "This user may not write there. Give it `create` on the database: "
        "`grant create on database … to …`."
    ),
    "2BP01": (
        "Columns of a table changed, and something of yours depends on its view. Drop that, "
        "publish again, and make it anew; nothing has changed."
    ),
}


class PostgresError(Exception):
    """The release is not in PostgreSQL; one line that says why and what to do, without password."""


@dataclass
class Outcome:
    """`published`, `switched` to a release that was there, or `unchanged`; and what to know."""

    status: str
    rows: int = 0
    notes: list[str] = field(default_factory=list)


def schema_of(release_id: str) -> str:
    """The schema that holds a release."""
    return f"release_{release_id}"


def _without_password(url: str, text: str) -> str:
    """The text with the password of the URL, as written and as meant, made unreadable."""
    try:
        parts = urlsplit(url)
        written = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    except ValueError:
        written = []
    # also of an address that cannot be taken apart: all between the user and the last @
    written += re.findall(r"://[^:/@]*:(.*)@", url) + re.findall(r"password=([^&\s]+)", url)
    for secret in sorted({*written, *map(unquote, written)}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def _explain(error: Exception, url: str) -> PostgresError:
    state = getattr(error, "sqlstate", None) or ""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = _without_password(url, " ".join(lines))
    said = re.sub(r"\s*SQLSTATE: \w+", "", said)
    way = WAYS_OUT.get(state)
    # a connection that fails has no state of its own
    for code, pattern in (
        ("28P01", "password auth"),
        ("3D000", "database .* does not exist"),
        ("28000", r"pg_hba|role .* does not exist"),
    ):
        if way is None and re.search(pattern, said):
            way = WAYS_OUT[code]
    if "must be owner of" in said:
        way = "Publish as the user who published first, who owns the views."
    if way is None and re.search("onnect|host name|server closed", said):
        way = "Check host and port in URL, and that the server runs."
    if way is None:
        way = "Nothing has changed; mend this and publish again."
    return PostgresError(f"{way} PostgreSQL said: {said}")


def _check(url: str) -> None:
    if not re.match(r"postgres(ql)?://", url):
        raise PostgresError(
            "URL must look like postgresql://user@host:5432/database; the password may stand in "
            "it, or in PGPASSWORD."
        )


class _Session:
    """Statements in one transaction."""

    def __init__(self, connection: dbapi.Connection) -> None:
        self.connection = connection

    def run(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def ingest(self, table: Table, schema: str, source: duckdb.DuckDBPyConnection) -> int:
        """Copy a table of the release into the schema, and describe it; returns its rows."""
        reader = source.execute(f"select * from {quote(table.name)}").to_arrow_reader(50_000)
        with self.connection.cursor() as cursor:
            count = cursor.adbc_ingest(table.name, reader, mode="create", db_schema_name=schema)
        target = f"{quote(schema)}.{quote(table.name)}"
        changes = [
            f"alter column {quote(column.name)} set not null"
            for column in table.columns
            if column.is_required
        ]
        keys = ", ".join(map(quote, table.key))
        if table.has_primary_key:
            changes.append(f"add primary key ({keys})")
        if changes:
            self.run(f"alter table {target} {', '.join(changes)}")
        if table.key and not table.has_primary_key:
            self.run(f"create unique index on {target} ({keys})")
        self.describe("table", schema, table)
        return int(count)

    def describe(self, kind: str, schema: str, table: Table) -> None:
        """Comments on a table or view and on its columns, in one statement."""
        target = f"{quote(schema)}.{quote(table.name)}"
        comments = [f"comment on {kind} {target} is {literal(table.description)};"]
        for column in table.columns:
            text = literal(column.full_description)
            comments.append(f"comment on column {target}.{quote(column.name)} is {text};")
        body = "\n".join(comments)
        self.run(f"do $comments$ begin {body} end $comments$")


def _columns(session: _Session, schemas: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Schema and table → column → type, of what is there."""
    names = ", ".join(map(literal, schemas))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in session.rows(
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        f"where table_schema in ({names}) order by table_schema, table_name, ordinal_position"
    ):
        found.setdefault((schema, table), {})[column] = kind
    return found


def _view(
    table: Table, releases: Sequence[str], there: Mapping[tuple[str, str], Mapping[str, str]]
) -> str:
    """The query of a view: the table in all releases that have it, one of which is shown."""
    parts = []
    for release in releases:
        has = there.get((schema_of(release), table.name))
        if has is None:
            continue
        columns = ", ".join(
            quote(column.name)
            if has.get(column.name) == TYPES[column.type]
            else f"null::{TYPES[column.type]} as {quote(column.name)}"
            for column in table.columns
        )
        parts.append(
            f"select {columns} from {schema_of(release)}.{quote(table.name)} where exists "
            f"(select from {VIEWS}.releases where release_id = {literal(release)} and is_current)"
        )
    return "\nunion all\n".join(parts)


def _show(session: _Session, tables: Sequence[Table], release_id: str, keep: int) -> None:
    """Switch the views to a release; drop those with old digits, and those beyond `keep`."""
    session.run(
        f"update {VIEWS}.releases set is_current = (release_id = {literal(release_id)}), "
        f"shown_at = case when release_id = {literal(release_id)} then now() else shown_at end"
    )
    found = session.rows(
        f"select release_id, precision from {VIEWS}.releases order by shown_at desc"
    )
    known = [row[0] for row in found]
    kept = [row[0] for row in found if row[1] == PRECISION][:keep]
    dropped = [name for name in known if name not in kept]
    there = _columns(session, [VIEWS, *map(schema_of, kept)])
    # a table that no release has any more; what somebody else made in the schema stays
    ours = {table for schema, table in _columns(session, [*map(schema_of, known)])}
    for _, name in there.keys() & {(VIEWS, name) for name in ours - {t.name for t in tables}}:
        session.run(f"drop view {VIEWS}.{quote(name)}")
    for table in tables:
        columns = {column.name: TYPES[column.type] for column in table.columns}
        # what others built on a view stays when columns were only added at its end
        now = list(there.get((VIEWS, table.name), {}).items())
        if now != list(columns.items())[: len(now)]:
            session.run(f"drop view {VIEWS}.{quote(table.name)}")
        session.run(
            f"create or replace view {VIEWS}.{quote(table.name)} as {_view(table, kept, there)}"
        )
        session.describe("view", VIEWS, table)
    for release in dropped:
        session.run(f"drop schema {schema_of(release)} cascade")
        session.run(f"delete from {VIEWS}.releases where release_id = {literal(release)}")


def _let_read(session: _Session, schemas: Sequence[str]) -> list[str]:
    """Let the role `monitor_reader` read, and make it where this user may; returns what to know."""
    if not session.rows(f"select from pg_roles where rolname = {literal(READER)}"):
        may = session.rows(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        )
        if not may[0][0]:
            return [
                f"There is no role {READER} and this user may not create it, so that only this "
                f"user reads. Ask an administrator for `create role {READER} nologin` and publish "
                "with --grant."
            ]
        session.run(f"create role {READER} nologin")
    for schema in schemas:
        session.run(f"grant usage on schema {quote(schema)} to {READER}")
        session.run(f"grant select on all tables in schema {quote(schema)} to {READER}")
    return []


def _prepare(session: _Session) -> None:
    if session.rows(
        f"select from pg_tables where schemaname = {literal(VIEWS)} and tablename = 'releases'"
    ):
        # of releases that were written before precision was recorded it stays empty
        if "precision" not in _columns(session, [VIEWS])[VIEWS, "releases"]:
            session.run(f"alter table {VIEWS}.releases add column precision text")
        return
    session.run(f"create schema if not exists {VIEWS}")
    session.run(
        f"create table {VIEWS}.releases (release_id text primary key, published_at text not null, "
        "is_current boolean not null, shown_at timestamptz, precision text)"
    )
    session.run(
        f"comment on table {VIEWS}.releases is "
        "'Releases in this database; the views show the current one'"
    )


def _lock(session: _Session, wait: float) -> None:
    """Lock the views, with all that they read, as soon as readers let go of them.

    A lock that does not come soon is given back and asked for again: the queue behind it would hold
    up readers, and readers of several views could end in a deadlock. The server does it, because
    ADBC takes no statement after one that failed.

    Raises:
        PostgresError: readers did not let go within `wait` seconds.
    """
    views = session.rows(f"select viewname from pg_views where schemaname = {literal(VIEWS)}")
    if not views:
        return
    names = ", ".join(f"{VIEWS}.{quote(row[0])}" for row in sorted(views))
    session.run("set local lock_timeout = '400ms'")  # below deadlock_timeout, 1 s
    until = time.monotonic() + wait
    while True:
        session.run(
            f"do $lock$ begin lock table {names} in access exclusive mode; "
            "perform set_config('monitor.locked', 'yes', true); "
            "exception when lock_not_available or deadlock_detected then "
            "perform set_config('monitor.locked', 'no', true); end $lock$"
        )
        if session.rows("select current_setting('monitor.locked')") == [("yes",)]:
            return
        if time.monotonic() > until:
            raise PostgresError(
                f"Readers kept the views of schema {VIEWS} busy for {wait:.0f} seconds. End long "
                "transactions (pg_stat_activity shows them) and publish again; nothing has changed."
            )
        time.sleep(0.1)


def publish(
    folder: Path,
    url: str,
    described: Mapping[str, Table],
    keep: int = KEEP,
    wait: float = WAIT,
    grant: bool = False,
) -> Outcome:
    """Write the release in `folder` to PostgreSQL, and let the views of schema `monitor` show it.

    A release that is there is not written again; one that is shown changes nothing, unless `grant`
    asks to grant reading anew. All or nothing happens.

    Releases with more digits than the code publishes now, which give away what is withheld, are not
    written, and leave the database with the next release.

    Raises:
        PostgresError: the server cannot be reached or refuses, or the release has old digits.
    """
    _check(url)
    facts = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    release_id = str(facts["release_id"])
    if facts.get("precision") != PRECISION:
        raise PostgresError(
            f"Release {release_id} has figures with all their digits, by which those that it "
            "withholds can be found. Publish a later one: `make refresh` makes it."
        )
    schema = schema_of(release_id)
    try:
        with (
            duckdb.connect(str(folder / "monitor.duckdb"), read_only=True) as source,
            dbapi.connect(url) as connection,
        ):
            tables = read_release(source, described)
            session = _Session(connection)
            # an own transaction of two publications at a time would both create the schema
            session.run(f"select pg_advisory_xact_lock({LOCK})")
            _prepare(session)
            known = dict(session.rows(f"select release_id, is_current from {VIEWS}.releases"))
            outcome = Outcome("unchanged")
            if release_id not in known:
                session.run(f"create schema {schema}")
                session.run(f"comment on schema {schema} is {literal(f'Release {release_id}')}")
                outcome = Outcome(
                    "published", sum(session.ingest(table, schema, source) for table in tables)
                )
                session.run(
                    f"insert into {VIEWS}.releases values ({literal(release_id)}, "
                    f"{literal(facts['published_at'])}, false, now(), {literal(PRECISION)})"
                )
            elif not known[release_id]:
                outcome = Outcome("switched")
            if outcome.status != "unchanged":
                _lock(session, wait)
                _show(session, tables, release_id, max(keep, 2))
            if outcome.status != "unchanged" or grant:
                outcome.notes = _let_read(session, [VIEWS, schema])
            connection.commit()
            return outcome
    except DriverError as error:
        raise _explain(error, url) from None
