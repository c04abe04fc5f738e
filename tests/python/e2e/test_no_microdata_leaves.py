"""Nothing about a single respondent stands in any file of a release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fastexcel
import pytest

from conftest import Workspace
from orchestration.lib.codebook import Codebook, normalise_name, read_seed
from orchestration.lib.landing.discovery import discover
from orchestration.lib.landing.readers import read
from orchestration.lib.warehouse import literal, quote

WORD = re.compile(r"[\w@.:-]+")
OF_RESPONDENTS = {
    "respondent_key", "delivery_id", "row_number", "login", "email", "ip_address", "psu_id",
    "unit_id", "school_code", "board_code", "weight", "answer_value", "started_at", "completed_at",
}  # fmt: skip


@pytest.fixture(scope="module")
def delivered(example: Workspace) -> dict[str, set[str]]:
    """All values of identifiers, open answers and school and board codes, as delivered."""
    kinds = {
        (row["wave_id"], row["respondent_group"], normalise_name(row["column_name"])): (
            row["attribute"] if row["attribute"] in ("school_code", "board_code") else row["role"]
        )
        for row in read_seed("codebook/variables")
    }
    found: dict[str, set[str]] = {}
    deliveries = discover(example.landing, Codebook()).deliveries
    assert len(deliveries) == 52
    for delivery in deliveries:
        table = read(delivery.path, delivery.options)
        names = [
            kinds[delivery.wave_id, delivery.respondent_group, normalise_name(column)]
            for column in table.columns
        ]
        for batch in table.batches:
            for kind, values in zip(names, batch, strict=True):
                if kind in ("identifier", "open_text", "school_code", "board_code"):
                    found.setdefault(kind, set()).update(filter(None, values.to_pylist()))
    return found


@pytest.fixture(scope="module")
def secrets(example: Workspace, delivered: dict[str, set[str]]) -> dict[str, set[str]]:
    """What may not leave, by kind; all in one word, but for the open answers."""
    with duckdb.connect(str(example.warehouse), read_only=True) as connection:
        keys = connection.execute("select respondent_key from core.fct_responses").fetchall()
        rows = connection.execute("select delivery_id, row_number from core.fct_responses")
        places = {f"{delivery}:{number}" for delivery, number in rows.fetchall()}
        pseudonyms: set[str] = set()
        identifiers = {
            (row["respondent_group"], normalise_name(row["column_name"]))
            for row in read_seed("codebook/variables")
            if row["role"] == "identifier"
        }
        for group, column in sorted(identifiers):
            values = connection.execute(
                f"select distinct {quote(column)} from raw.{quote(group)} "
                f"where {quote(column)} is not null"
            ).fetchall()
            pseudonyms |= {value for (value,) in values}
    return {
        "identifier": delivered["identifier"],
        "pseudonym": pseudonyms,
        "respondent": {str(key) for (key,) in keys} | places,
        "school": delivered["school_code"] | {code.upper() for code in delivered["school_code"]},
        "board": delivered["board_code"],
    }


def _values(path: Path) -> Iterator[str]:
    """Every value in a file, as text; of files that are no tables, their lines."""
    with duckdb.connect() as connection:
        match path.suffix:
            case ".duckdb":
                connection.execute(f"attach {literal(path)} as release (read_only)")
                tables = [
                    f"release.{quote(schema)}.{quote(table)}"
                    for schema, table in connection.execute(
                        "select schema_name, table_name from duckdb_tables() "
                        "where database_name = 'release'"
                    ).fetchall()
                ]
                assert tables
                yield from (
                    str(text)
                    for (text,) in connection.execute(
                        "select comment from duckdb_columns() where comment is not null"
                    ).fetchall()
                )
            case ".parquet":
                tables = [f"read_parquet({literal(path)})"]
            case ".csv":
                tables = [f"read_csv({literal(path)}, all_varchar = true, header = true)"]
            case ".xlsx":
                book = fastexcel.read_excel(str(path))
                for name in book.sheet_names:
                    sheet = book.load_sheet(name, dtypes="string", header_row=None).to_arrow()
                    for column in sheet.columns:
                        yield from (str(value) for value in column.unique().drop_null().tolist())
                return
            case _:
                yield from path.read_text(encoding="utf-8").splitlines()
                return
        for table in tables:
            for column, *_ in connection.execute(f"describe select * from {table}").fetchall():
                assert column not in OF_RESPONDENTS, f"{path.name}: {table} has {column}"
                values = connection.execute(
                    f"select distinct cast({quote(column)} as varchar) from {table}"
                ).fetchall()
                yield from (value for (value,) in values if value is not None)


@pytest.fixture(scope="module")
def published(example: Workspace) -> dict[str, set[str]]:
    """The distinct values of every file of every release, by file."""
    files = [path for path in (example.published / "releases").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {
        ".duckdb", ".parquet", ".csv", ".json", ".xlsx",
    }  # fmt: skip
    return {str(path.relative_to(example.published)): set(_values(path)) for path in files}


def test_there_is_much_to_hide(
    delivered: dict[str, set[str]], secrets: dict[str, set[str]]
) -> None:
    """A scan for nothing would find nothing."""
    least = {
        "identifier": 20_000, "pseudonym": 20_000, "respondent": 20_000, "school": 1_000,
        "board": 100,
    }  # fmt: skip
    assert {kind for kind, number in least.items() if len(secrets[kind]) < number} == set()
    assert len(delivered["open_text"]) > 300
    assert any("@" in value for value in delivered["identifier"])
    assert any(re.fullmatch(r"(\d+\.){3}\d+", value) for value in delivered["identifier"])


def test_no_identifier_school_board_or_row_is_published(
    secrets: dict[str, set[str]], published: dict[str, set[str]]
) -> None:
    for name, values in published.items():
        words = {word for value in values for word in WORD.findall(value)}
        words |= {word.strip(".:-") for word in words} | values
        for kind, hidden in secrets.items():
            assert not hidden & words, f"{name} holds {len(hidden & words)} of kind {kind}"


def test_no_open_answer_is_published(
    delivered: dict[str, set[str]], published: dict[str, set[str]]
) -> None:
    """Also as part of a longer text, and line by line."""
    answers = {
        line.strip()
        for answer in delivered["open_text"]
        for line in (answer, *answer.splitlines())
        if len(line.strip()) > 8
    }
    for name, values in published.items():
        sentences = [value for value in values if " " in value]
        text = "\n".join(sentences)
        leaked = [answer for answer in answers if answer in text or answer in values]
        assert not leaked, f"{name} holds {len(leaked)} open answers"


def test_no_identifier_lingers_in_the_bytes_of_a_release(
    example: Workspace, secrets: dict[str, set[str]]
) -> None:
    """A database file may keep what was deleted from it; compressed pages are read above."""
    hidden = {
        value.encode()
        for kind in ("identifier", "pseudonym", "school")
        for value in secrets[kind]
        if len(value) >= 6
    }
    for path in (example.published / "releases").rglob("*"):
        if path.is_file():
            words = set(re.findall(rb"[\w@.-]{6,}", path.read_bytes()))
            assert not hidden & words, f"{path.name} holds {len(hidden & words)}"
