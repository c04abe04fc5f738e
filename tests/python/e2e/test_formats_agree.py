"""The same figures in every format, cell by cell, and the recipes of docs/bi.md as they stand."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import fastexcel
import pytest
import sqlalchemy
from fixtures.postgres import postgres_server
from frictionless import Package
from frictionless import system as frictionless_system

from conftest import Workspace
from orchestration.lib.settings import ROOT
from publishing import postgres
from publishing.dictionary import Table, read_release, read_yaml

RECIPES = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def release(example: Workspace) -> Path:
    return (example.published / "current").resolve()


@pytest.fixture(scope="module")
def monitor(release: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{release / 'monitor.duckdb'}' as release (read_only)")
        connection.execute("use release")
        yield connection


@pytest.fixture(scope="module")
def tables(monitor: duckdb.DuckDBPyConnection) -> list[Table]:
    found = read_release(monitor, read_yaml())
    assert len(found) >= 17
    return found


@pytest.fixture(scope="module")
def server(release: Path) -> Iterator[str]:
    """A PostgreSQL that holds the release."""
    with postgres_server() as url:
        assert postgres.publish(release, url, read_yaml()).status == "published"
        yield url


def assert_same(monitor: duckdb.DuckDBPyConnection, table: Table, other: str) -> None:
    """Every row of the release occurs in `other`, an SQL relation, as often, and no other does."""
    name = f'release.main."{table.name}"'
    for one, two in ((name, other), (other, name)):
        missing = monitor.execute(f"select * from {one} except all select * from {two}").fetchall()
        assert not missing, (table.name, len(missing), missing[:3])


def types(table: Table) -> dict[str, str]:
    kinds = {"string": "varchar", "int": "integer"}
    return {column.name: kinds.get(column.type, column.type) for column in table.columns}


def test_parquet_and_csv(
    monitor: duckdb.DuckDBPyConnection, tables: list[Table], release: Path
) -> None:
    for table in tables:
        assert_same(monitor, table, f"read_parquet('{release}/parquet/{table.name}.parquet')")
        columns = json.dumps(types(table)).replace('"', "'")
        path = f"{release}/csv/{table.name}.csv"
        assert_same(
            monitor, table, f"read_csv('{path}', header = true, delim = ',', columns = {columns})"
        )
    assert sorted(path.stem for path in (release / "csv").iterdir()) == [t.name for t in tables]


def test_the_workbook(
    monitor: duckdb.DuckDBPyConnection, tables: list[Table], release: Path
) -> None:
    book = fastexcel.read_excel(str(release / "monitor.xlsx"))
    assert book.sheet_names == ["readme", "columns", *(table.name for table in tables)]
    kinds = {"string": "string", "boolean": "boolean", "date": "date"}
    for table in tables:
        dtypes: Any = {c.name: kinds.get(c.type, "float") for c in table.columns}
        sheet = book.load_sheet(table.name, dtypes=dtypes, schema_sample_rows=1).to_arrow()
        monitor.register("sheet", sheet)
        casts = ", ".join(f'cast("{name}" as {kind})' for name, kind in types(table).items())
        assert_same(monitor, table, f"(select {casts} from sheet)")
        monitor.unregister("sheet")


def test_no_text_of_any_file_starts_a_formula(tables: list[Table], release: Path) -> None:
    files = sorted(release.glob("csv/*.csv"))
    assert [path.stem for path in files] == sorted(table.name for table in tables)
    for path in files:
        with duckdb.connect() as connection:
            connection.execute(f"create table t as from read_csv('{path}', all_varchar = true)")
            for (column,) in connection.execute("select column_name from (describe t)").fetchall():
                found = connection.execute(
                    f"""select "{column}" from t where "{column}"[1] in
                    ('=', '+', '-', '@', '＝', '＋', '－', '＠', chr(9), chr(13), chr(10))
                    and try_cast("{column}" as double) is null"""
                ).fetchall()
                assert not found, (path.name, column, found[:3])


def test_the_data_package_is_valid(release: Path) -> None:
    package = json.loads((release / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        assert resource["description"]
        assert all(field["description"] for field in resource["schema"]["fields"])
    facts = json.loads((release / "release.json").read_text(encoding="utf-8"))
    hashes = {entry["path"]: entry["hash"] for entry in package["resources"]}
    for path, found in hashes.items():
        assert found == f"sha256:{facts['sha256'][path]}"
    assert {"datapackage.json", "monitor.xlsx"} <= set(facts["sha256"])
    with frictionless_system.use_context(trusted=True):
        report = Package(str(release / "datapackage.json")).validate(limit_errors=3)
    assert report.valid, report.flatten(["name", "type", "note", "fieldName", "rowNumber"])[:5]
    assert report.stats["tasks"] == len(package["resources"])


def test_postgres_through_sqlalchemy(
    monitor: duckdb.DuckDBPyConnection, tables: list[Table], server: str
) -> None:
    engine = sqlalchemy.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        for table in tables:
            rows = connection.exec_driver_sql(f'select * from monitor."{table.name}"').fetchall()
            assert_same_rows(monitor, table, [tuple(row) for row in rows])
    engine.dispose()


def test_postgres_through_odbc(
    monitor: duckdb.DuckDBPyConnection, tables: list[Table], server: str
) -> None:
    try:
        import pyodbc
    except ImportError as error:
        pytest.skip(f"{error}: apt-get install unixodbc odbc-postgresql runs this test")
    if "PostgreSQL Unicode" not in pyodbc.drivers():
        pytest.skip("the ODBC driver is missing: apt-get install odbc-postgresql runs this test")
    url = sqlalchemy.make_url(server)
    # without BoolsAsChar=0 booleans are the texts 0 and 1
    with pyodbc.connect(
        f"Driver={{PostgreSQL Unicode}};Server={url.host};Port={url.port};"
        f"Database={url.database};Uid={url.username};Pwd={{{url.password}}};BoolsAsChar=0"
    ) as connection:
        for table in tables:
            rows = connection.execute(f'select * from monitor."{table.name}"').fetchall()
            assert_same_rows(monitor, table, [tuple(row) for row in rows])


def assert_same_rows(
    monitor: duckdb.DuckDBPyConnection, table: Table, rows: list[tuple[Any, ...]]
) -> None:
    def order(row: tuple[Any, ...]) -> list[tuple[bool, str]]:
        return [(value is None, str(value)) for value in row]

    own = monitor.execute(f'select * from release.main."{table.name}"').fetchall()
    assert sorted(rows, key=order) == sorted(own, key=order), table.name
    kinds = {"string": str, "boolean": bool, "date": dt.date, "double": float}
    for row in rows[:100]:
        for column, value in zip(table.columns, row, strict=True):
            assert value is None or isinstance(value, kinds.get(column.type, int)), column


@pytest.mark.parametrize("number", range(len(re.findall("^```python", RECIPES, re.M))))
def test_recipes_in_python(example: Workspace, server: str, number: int) -> None:
    code = re.findall("^```python\n(.*?)^```", RECIPES, re.M | re.S)[number]
    name = re.findall(r"^(?: {4})?(\w+) = ", code, re.M)[-1]
    address = server.replace("postgresql://", "postgresql+psycopg://")
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nassert len({name}) > 0"], cwd=example.folder,
        env=os.environ | {"MONITOR_SQLALCHEMY_URL": address},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_recipe_in_sql(server: str, monitor: duckdb.DuckDBPyConnection) -> None:
    (code,) = re.findall("^```sql\n(.*?)^```", RECIPES, re.M | re.S)
    engine = sqlalchemy.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(code)]
    engine.dispose()
    own = monitor.execute(code.replace("monitor.", "release.main.")).fetchall()
    assert rows and sorted(rows) == sorted(own)


def test_recipe_in_r(example: Workspace) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is missing: apt-get install r-base-core runs this test")
    (code,) = re.findall("^```r\n(.*?)^```", RECIPES, re.M | re.S)
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=example.folder, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
