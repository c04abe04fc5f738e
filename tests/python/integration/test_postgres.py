"""A release in a real PostgreSQL: whole, described, switched at once, and kept from harm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from fixtures.postgres import postgres_server
from fixtures.small_releases import write_release

from publishing import postgres
from publishing.dictionary import read_yaml
from publishing.postgres import READER, PostgresError, publish

DESCRIBED = read_yaml()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of one test."""
    name = f"test_{abs(hash(request.node.name))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
        connection.execute(f"drop role if exists {READER}")


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def marked(folder: Path, release_id: str) -> Path:
    """A release of whose tables every row names it."""
    return write_release(
        folder, release_id,
        f"update dim_goals set label_en = '{release_id}'",
        f"update fct_indicator_estimates set comparability = '{release_id}'",
    )  # fmt: skip


SHOWN = """
select distinct goals.label_en, estimates.comparability, publication.release_id
from monitor.dim_goals as goals, monitor.fct_indicator_estimates as estimates, monitor.publication
"""


def test_a_release_is_written_described_and_keyed(url: str, tmp_path: Path) -> None:
    release = marked(tmp_path, "a")
    outcome = publish(release, url, DESCRIBED)
    assert (outcome.status, outcome.rows, outcome.notes) == ("published", 12 + 4 + 7 + 1, [])
    assert query(url, SHOWN) == [("a", "a", "a")]
    for relation in ("monitor.dim_goals", "release_a.dim_goals"):
        assert query(
            url,
            f"select obj_description(oid), col_description(oid, 1) from pg_class "
            f"where oid = '{relation}'::regclass",
        ) == [(DESCRIBED["dim_goals"].description, DESCRIBED["dim_goals"].columns[0].description)]
    keys = query(
        url,
        "select conrelid::regclass::text, array_length(conkey, 1) from pg_constraint "
        "where contype = 'p' and connamespace = 'release_a'::regnamespace order by 1",
    )
    assert keys == [
        ("release_a.dim_goals", 1),
        ("release_a.fct_indicator_estimates", 6),
        ("release_a.fct_summary_statements", 3),
    ]


def test_a_second_time_nothing_changes(url: str, tmp_path: Path) -> None:
    release = marked(tmp_path, "a")
    publish(release, url, DESCRIBED)
    state = (
        "select oid, relname, relfilenode, xmin::text from pg_class "
        "where relnamespace::regnamespace::text in ('monitor', 'release_a') order by 1"
    )
    before = query(url, state)
    assert publish(release, url, DESCRIBED).status == "unchanged"
    assert query(url, state) == before


def test_older_releases_stay_and_can_be_shown_again(url: str, tmp_path: Path) -> None:
    releases = {name: marked(tmp_path, name) for name in "abcd"}
    for name in "abcd":
        assert publish(releases[name], url, DESCRIBED, keep=3).status == "published"
        assert query(url, SHOWN) == [(name, name, name)]
    schemas = "select nspname from pg_namespace where nspname like 'release%' order by 1"
    assert [row[0] for row in query(url, schemas)] == ["release_b", "release_c", "release_d"]
    assert publish(releases["b"], url, DESCRIBED).status == "switched"
    assert query(url, SHOWN) == [("b", "b", "b")]
    assert publish(releases["a"], url, DESCRIBED, keep=2).status == "published"
    assert [row[0] for row in query(url, schemas)] == ["release_a", "release_b"]


def test_releases_with_old_digits_leave_and_do_not_return(url: str, tmp_path: Path) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)
    # as a release stands there that was written before the precision was recorded
    with psycopg.connect(url) as connection:
        connection.execute("alter table monitor.releases drop column precision")
    publish(marked(tmp_path, "b"), url, DESCRIBED)
    schemas = "select nspname from pg_namespace where nspname like 'release%'"
    assert query(url, schemas) == [("release_b",)]
    assert query(url, SHOWN) == [("b", "b", "b")]
    old = write_release(tmp_path / "old", "c", precision=None)
    with pytest.raises(PostgresError, match="all their digits"):
        publish(old, url, DESCRIBED)
    assert query(url, schemas) == [("release_b",)]


def test_the_reader_role_reads_and_does_not_write(url: str, tmp_path: Path) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)
    publish(marked(tmp_path, "b"), url, DESCRIBED)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {READER}")
        assert connection.execute(SHOWN).fetchall() == [("b", "b", "b")]
        assert connection.execute("select count(*) from release_a.dim_goals").fetchone() == (7,)
        for statement in (
            "delete from release_b.dim_goals",
            "update monitor.releases set is_current = true",
            "drop view monitor.dim_goals",
            "create table monitor.mine (i integer)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_columns_that_come_and_go(url: str, tmp_path: Path) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)
    with psycopg.connect(url) as connection:
        connection.execute("create view public.mine as select goal_id from monitor.dim_goals")
    added = write_release(tmp_path, "b", "alter table dim_goals add column note varchar")
    publish(added, url, DESCRIBED)  # a column at the end: what others built stays
    assert query(url, "select count(*) from public.mine") == [(7,)]
    assert query(url, "select distinct note from monitor.dim_goals") == [(None,)]
    dropped = write_release(tmp_path, "c", "alter table dim_goals drop column label_nl")
    with pytest.raises(PostgresError, match="depends on its view"):
        publish(dropped, url, DESCRIBED)
    assert query(url, "select release_id from monitor.publication") == [("b",)]
    with psycopg.connect(url) as connection:
        connection.execute("drop view public.mine")
    gone = write_release(tmp_path, "d", "drop table fct_summary_statements",
                         "alter table dim_goals drop column label_nl")  # fmt: skip
    publish(gone, url, DESCRIBED)
    assert query(url, "select release_id from monitor.publication") == [("d",)]
    assert query(url, "select to_regclass('monitor.fct_summary_statements')") == [(None,)]


def test_a_reader_with_an_older_snapshot_reads_the_older_release(url: str, tmp_path: Path) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)
    with psycopg.connect(url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select now()")  # takes the snapshot, and no lock on a view
        publish(marked(tmp_path, "b"), url, DESCRIBED)
        assert reader.execute(SHOWN).fetchall() == [("a", "a", "a")]
        reader.commit()
        assert reader.execute(SHOWN).fetchall() == [("b", "b", "b")]


def test_readers_during_the_switch_see_one_release(url: str, tmp_path: Path) -> None:
    """Single statements and repeatable-read transactions, while five releases follow each other."""
    releases = [marked(tmp_path, f"r{number}") for number in range(6)]
    publish(releases[0], url, DESCRIBED)
    stop = threading.Event()
    seen: list[tuple[str, ...]] = []
    failures: list[BaseException] = []

    def read(single: bool) -> None:
        try:
            with psycopg.connect(url) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                while not stop.is_set():
                    if single:
                        seen.append(tuple(
                            value for row in connection.execute(SHOWN).fetchall() for value in row
                        ))  # fmt: skip
                    else:
                        seen.append(tuple(
                            row[0]
                            for column, table in (
                                ("release_id", "publication"),
                                ("comparability", "fct_indicator_estimates"),
                                ("label_en", "dim_goals"),
                            )
                            for row in connection.execute(
                                f"select distinct {column} from monitor.{table}"
                            ).fetchall()
                        ))  # fmt: skip
                    connection.commit()
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read, args=(single,)) for single in (True, False, False)]
    for reader in readers:
        reader.start()
    try:
        for release in releases[1:]:
            assert publish(release, url, DESCRIBED).status == "published"
    finally:
        stop.set()
        for reader in readers:
            reader.join(timeout=30)
    assert not failures
    mixed = [found for found in seen if len(found) != 3 or len(set(found)) != 1]
    assert not mixed
    assert len(set(seen)) > 2, "the readers were there while releases followed each other"


def test_a_reader_that_does_not_end_stops_the_switch_and_nothing_changes(
    url: str, tmp_path: Path
) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)
    with psycopg.connect(url) as reader:
        reader.execute("select * from monitor.dim_goals")
        with pytest.raises(PostgresError, match="Readers kept the views"):
            publish(marked(tmp_path, "b"), url, DESCRIBED, wait=0.5)
    assert query(url, SHOWN) == [("a", "a", "a")]
    assert query(url, "select to_regnamespace('release_b')") == [(None,)]


def test_a_failure_halfway_leaves_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(marked(tmp_path, "a"), url, DESCRIBED)

    def crash(*arguments: object) -> None:
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "_show", crash)
        with pytest.raises(RuntimeError, match="lights"):
            publish(marked(tmp_path, "b"), url, DESCRIBED)
    assert query(url, SHOWN) == [("a", "a", "a")]
    assert query(url, "select to_regnamespace('release_b')") == [(None,)]
    assert publish(tmp_path / "b", url, DESCRIBED).status == "published"


def _user(url: str, *grants: str) -> str:
    """The address of a user without rights but those granted."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop role if exists plain")
        connection.execute("create role plain login password 's3cr:t@word'")
        for grant in grants:
            connection.execute(grant)
    return url.replace("//admin:", "//plain:")


def test_a_user_who_may_not_create_roles_is_told_and_publishes(url: str, tmp_path: Path) -> None:
    database = urlsplit(url).path[1:]
    plain = _user(url, f"grant create on database {database} to plain")
    release = marked(tmp_path, "a")
    outcome = publish(release, plain, DESCRIBED)
    assert outcome.status == "published" and "create role monitor_reader" in outcome.notes[0]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {READER} nologin")
    assert publish(release, plain, DESCRIBED, grant=True).notes == []
    with psycopg.connect(url) as connection:
        connection.execute(f"set role {READER}")
        assert connection.execute(SHOWN).fetchall() == [("a", "a", "a")]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"drop owned by plain, {READER} cascade")
        connection.execute("drop role plain")


def test_errors_are_one_line_with_a_way_out_and_no_password(url: str, tmp_path: Path) -> None:
    release = marked(tmp_path, "a")
    host = url.split("@127")[1]
    cases = {
        "mysql://admin:hunter2@localhost/x": "must look like postgresql://",
        f"postgresql://admin:hunter2@127{host}": "password is wrong",
        f"postgresql://admin:hunter2@127.0.0.1:1{'/x'}": "Check host and port",
        "postgresql://admin:hunter2@nowhere.invalid/x": "Check host and port",
        "postgresql://admin:hunter2@127.0.0.1:port/x": "",
        "postgresql://admin@127.0.0.1:1/x?password=hunter2": "Check host and port",
        url.rsplit("/", 1)[0] + "/missing": "There is no such database",
        _user(url): "may not write there",
    }
    for address, way_out in cases.items():
        with pytest.raises(PostgresError) as caught:
            publish(release, address, DESCRIBED)
        text = str(caught.value)
        assert way_out in text and "\n" not in text, text
        assert "hunter2" not in text and "s3cr" not in text, text
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop role plain")
