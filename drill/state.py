"""What must be true after a fault: the release is whole, and nothing is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb

from drill.place import Place
from orchestration.lib.landing.discovery import file_sha256
from orchestration.lib.publication import current, damages
from orchestration.lib.replay import COMPARED
from orchestration.lib.warehouse import connect, literal, quote

# moments, and numbers that depend on how often something was tried
SHOWN = 100  # characters of what differs
CLOCKS = ("landed_at", "decided_at", "happened_at", "event_number")


def contents(place: Place) -> dict[str, str]:
    """All that a refresh leaves behind, by name: tables by rows and hash, files by hash.

    Two refreshes of the same deliveries leave the same, whatever happened before the second.
    """
    return {
        **_tables(place.settings.warehouse, "table "),
        **_files(place.settings.archive, "archive"),
        **_releases(place),
    }


def _tables(database: Path, name: str) -> dict[str, str]:
    found = {}
    with connect(database, read_only=True) as connection:
        columns = connection.execute(
            "select table_schema, table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns group by all order by all"
        ).fetchall()
        for schema, table, names in columns:
            hashed = ", ".join(quote(name) for name in names if name not in CLOCKS)
            count, total = connection.execute(
                f"select count(*), sum(hash({hashed})::hugeint) from {quote(schema)}.{quote(table)}"
            ).fetchall()[0]
            found[f"{name}{schema}.{table}"] = f"{count} rows, hash {total}"
    return found


def _files(folder: Path, name: str) -> dict[str, str]:
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": file_sha256(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _releases(place: Place) -> dict[str, str]:
    found = {f"published/{path.name}": "there" for path in place.settings.published.iterdir()}
    for folder in place.releases.iterdir():
        if folder.name.startswith("."):
            found[f"release {folder.name}"] = "left over"
            continue
        name = f"release {folder.name}"
        facts = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        # DuckDB lays out the same tables in other bytes each time
        found |= _tables(folder / "monitor.duckdb", f"{name} table ")
        found |= {
            f"{name}/{file}": sha256
            for file, sha256 in facts.pop("sha256").items()
            if file != "monitor.duckdb"
        }
        for fact, value in facts.items():
            if fact not in ("published_at", "commit"):
                found[f"{name} {fact}"] = json.dumps(value)
    found["current.json"] = json.dumps(current(place.settings))
    return found


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names that are lost, new or different, in words."""
    return [
        f"{name}: {found.get(name, 'nothing')[:SHOWN]} "
        f"instead of {wanted.get(name, 'nothing')[:SHOWN]}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]


def complaints(place: Place, *, is_settled: bool) -> list[str]:
    """What is wrong with what readers see, in words.

    Args:
        is_settled: `current` and `current.json` must name the same release. A refresh that was
            killed between the two leaves each with a whole release; the next one moves both.
    """
    return [*_complaints(place, is_settled)]


def _complaints(place: Place, is_settled: bool) -> Iterator[str]:
    link = place.settings.published / "current"
    try:
        named = (current(place.settings) or {})["release_id"]
    except (ValueError, KeyError) as error:
        yield f"current.json cannot be read ({type(error).__name__})"
        return
    visible = {path.name for path in place.releases.glob("[!.]*")}
    if is_settled and link.readlink().name != named:
        yield f"current leads to {link.readlink().name}, current.json to {named}"
    for name in sorted({named, link.readlink().name} - visible):
        yield f"release {name} is current, and not there"
    for name in sorted(visible):
        for complaint in [*damages(place.releases / name), *_unreadable(place.releases / name)]:
            yield f"release {name}: {complaint}"


def _unreadable(release: Path) -> Iterator[str]:
    """Tables that cannot be queried, or answer otherwise than release.json says."""
    try:
        facts = json.loads((release / "release.json").read_text(encoding="utf-8"))
        with duckdb.connect(str(release / "monitor.duckdb"), read_only=True) as connection:
            for table, rows in facts["rows"].items():
                for source in (
                    quote(table),
                    *(f"{literal(release / part / f'{table}.{part}')}" for part in COMPARED),
                ):
                    (count,) = connection.execute(f"select count(*) from {source}").fetchall()[0]
                    if count != rows:
                        yield f"{source} has {count} rows instead of {rows}"
            ids = connection.execute("select release_id from publication").fetchall()
        if ids != [(release.name,)]:
            yield f"its tables say that they are of {ids}"
    except (OSError, ValueError, KeyError, duckdb.Error) as error:
        yield f"cannot be read: {error}"
