"""Opening the warehouse, all-or-nothing, and tables that grow with the codebook."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

import duckdb
import pytest

from orchestration.lib.codebook import Codebook
from orchestration.lib.warehouse import (
    WarehouseBusyError,
    alone,
    connect,
    literal,
    prepare,
    quote,
    rewrite,
    transaction,
)


def make_codebook(root: Path, variables: str) -> Codebook:
    folder = root / "seeds" / "codebook"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "respondent_groups.csv").write_text("respondent_group\nleraar\nouder\n")
    (folder / "variables.csv").write_text(
        "wave_id,respondent_group,variable,column_name,role,attribute\n" + variables
    )
    return Codebook(root)


def test_connect_makes_the_folder_and_closes_whatever_happens(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "monitor.duckdb"
    with pytest.raises(ZeroDivisionError), connect(path) as connection:
        connection.execute("create table t (a int)")
        raise ZeroDivisionError
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("select 1")
    assert not path.with_suffix(".duckdb.wal").exists()
    with connect(path, read_only=True) as connection:
        assert connection.execute("from t").fetchall() == []
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute("insert into t values (1)")


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[IO[bytes]]:
    """Another process holds the warehouse, until what is yielded is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == b"held\n"
        yield holder.stdin
        holder.stdin.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_warehouse_that_another_process_holds(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "monitor.duckdb"
    with held(path):
        with (
            pytest.raises(WarehouseBusyError) as error,
            connect(path, read_only=read_only, patience=0),
        ):
            pass
        assert str(path) in str(error.value)
        assert "in use by another process" in str(error.value)
        assert "nothing was changed" in str(error.value)
    with connect(path):
        pass


def test_who_is_patient_gets_a_warehouse_that_is_held_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "monitor.duckdb"
    with held(path) as holder:
        Timer(0.5, holder.close).start()
        with connect(path, patience=20) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_one_refresh_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "monitor.duckdb"
    with alone(path), pytest.raises(WarehouseBusyError, match="another refresh"), alone(path):
        pass
    with alone(path):
        pass


def test_other_faults_are_not_called_busy(tmp_path: Path) -> None:
    """Not even where a folder's name has `lock` in it."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    with pytest.raises(duckdb.IOException), connect(folder):
        pass
    (folder / "monitor.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(duckdb.IOException), connect(folder / "monitor.duckdb"):
        pass


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_is_all_or_nothing(error: type[BaseException]) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t (a int)")
        with transaction(connection):
            connection.execute("insert into t values (1)")
        with pytest.raises(error), transaction(connection):
            connection.execute("insert into t values (2)")
            raise error
        assert connection.execute("from t").fetchall() == [(1,)]
        with transaction(connection):  # and the next one works
            connection.execute("insert into t values (3)")
        assert connection.execute("select count(*) from t").fetchall() == [(2,)]


@pytest.mark.parametrize("text", ["a", 'a "b"', "d'Oos", "", "é;--"])
def test_quoting(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"select {literal(text)}").fetchall() == [(text,)]
        name = text or "x"
        relation = connection.execute(f"select 1 as {quote(name)}")
        assert (relation.description or [])[0][0] == name


def columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe {table}").fetchall()]


def test_prepare_again_changes_nothing_and_a_new_wave_adds_columns(tmp_path: Path) -> None:
    codebook = make_codebook(tmp_path, "w1,leraar,v1,V1,item,\nw1,leraar,slot,S,open_text,\n")
    with connect(tmp_path / "monitor.duckdb") as connection:
        prepare(connection, codebook)
        assert columns(connection, "raw.leraar") == ["delivery_id", "row_number", "v1"]
        assert columns(connection, "raw.ouder") == ["delivery_id", "row_number"]
        connection.execute("insert into raw.leraar values ('a', 1, '4')")
        prepare(connection, codebook)
        prepare(connection, make_codebook(tmp_path, "w2,leraar,v2,V2,item,\n"))
        assert columns(connection, "raw.leraar") == ["delivery_id", "row_number", "v1", "v2"]
        assert connection.execute("from raw.leraar").fetchall() == [("a", 1, "4", None)]
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables order by all"
        ).fetchall()
        assert [row[0] for row in tables] == [
            "audit.build",
            "audit.publication",
            "audit.quality_results",
            "audit.released",
            "audit.released_answers",
            "audit.released_figures",
            "audit.released_parts",
            "open_text.answers",
            "open_text.findings",
            "raw.archived_files",
            "raw.corrections",
            "raw.deliveries",
            "raw.delivery_events",
            "raw.leraar",
            "raw.ouder",
        ]


def test_of_records_of_older_code_only_the_names_of_releases_are_left(tmp_path: Path) -> None:
    with connect(tmp_path / "monitor.duckdb") as connection:
        connection.execute(
            "create schema audit; create table audit.released_records as "
            "select unnest(['b', 'a', 'b']) as release_id"
        )
        for _ in range(2):
            prepare(connection, make_codebook(tmp_path, ""))
            assert connection.execute("from audit.released").fetchall() == [
                ("a", False), ("b", False),
            ]  # fmt: skip


def test_a_warehouse_written_anew_has_all_but_what_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "monitor.duckdb"
    text = "zwaluwstaartverbinding-8f3a61c07d"
    with connect(path) as connection:
        prepare(connection, make_codebook(tmp_path, ""))
        connection.execute(f"create table raw.notes as select {literal(text)} as note")
        connection.execute("comment on table raw.notes is 'what people say'")
        connection.execute("create view audit.texts as select note from monitor.raw.notes")
    assert text.encode() in path.read_bytes()
    with connect(path) as connection:
        connection.execute("delete from raw.notes")
        connection.execute("insert into raw.notes values ('kept')")
    assert text.encode() in path.read_bytes()  # which is why it is written anew

    rewrite(path)

    assert sorted(file.name for file in tmp_path.glob("*monitor*")) == ["monitor.duckdb"]
    assert text.encode() not in path.read_bytes()
    with connect(path) as connection:
        assert connection.execute("from audit.texts").fetchall() == [("kept",)]
        comments = "select comment from duckdb_tables() where comment is not null"
        assert connection.execute(comments).fetchall() == [("what people say",)]
        keys = "select count(*) from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        assert connection.execute(keys).fetchall() == [(3,)]


def test_the_register_holds_a_delivery_once(tmp_path: Path) -> None:
    with connect(tmp_path / "monitor.duckdb") as connection:
        prepare(connection, make_codebook(tmp_path, ""))
        insert = (
            "insert into raw.deliveries (delivery_id, wave_id, respondent_group, file_name, "
            "sha256, size_bytes, landed_at, status, is_synthetic) "
            "values ('a', 'w1', 'leraar', 'leraar.csv', '', 0, now(), 'landed', true)"
        )
        connection.execute(insert)
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(insert)
