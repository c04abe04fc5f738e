"""Write releases and move `published/current` between them.

A release is a pure function of archive, codebook, corrections and code: its id is their hash,
its tables are sorted and hold no clock, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from disclosure.result import Result
from orchestration.lib.batches import Comparison, look_back
from orchestration.lib.codebook import Codebook
from orchestration.lib.dbt import rebuild_after
from orchestration.lib.landing.discovery import CORRECTIONS, file_sha256
from orchestration.lib.released import (
    note_what_is_left,
    remember,
    remember_if_missing,
    settle,
)
from orchestration.lib.settings import ROOT, Settings
from orchestration.lib.warehouse import connect, literal, quote, transaction

logger = logging.getLogger("monitor")

CODE = (
    "dbt_project.yml",
    "requirements.lock",
    "models",
    "macros",
    "orchestration/lib",
    "expectations",
    "disclosure",
    # of the exports what makes bytes of the release
    "publishing/dictionary.py",
    "publishing/workbook.py",
    "publishing/datapackage.py",
)
CODEBOOK = ("seeds",)
# how finely a release publishes; one without this word in its release.json, or with another, gives
# away by its digits what this one protects
PRECISION = "steps"
# the table whose cells are attacked; a release without it has nothing to protect
FIGURES = "fct_indicator_estimates"


class PublicationError(Exception):
    """There is nothing to publish or nothing to go back to; the message says what to do."""


@dataclass(frozen=True)
class Release:
    """A release and what happened.

    `published`, `unchanged`, `held` after a rollback, or `waiting` for a batch of corrections; of
    a release that waits `comparison` tells why, and `path` is that of the current one; of one that
    is published it says what that tells of a few respondents.
    """

    release_id: str
    path: Path
    status: str
    comparison: Comparison = field(default_factory=Comparison)


def _hash(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()


def tree_hash(root: Path, names: Iterable[str]) -> str:
    """Hash of the files below the names, by path and content; caches and notes do not count."""
    paths = (
        path
        for name in names
        for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))
        if path.is_file() and path.suffix in (".py", ".sql", ".yml", ".csv", ".lock")
    )
    return _hash(
        f"{path.relative_to(root).as_posix()} {file_sha256(path)}" for path in sorted(paths)
    )


def inputs(
    connection: duckdb.DuckDBPyConnection, root: Path = ROOT
) -> list[tuple[str, str, str, bool]]:
    """What a release is made of: wave, group, id and is_synthetic of each accepted delivery of a
    closed wave, files of corrections included."""
    return connection.execute(
        "select wave_id, respondent_group, delivery_id, is_synthetic from raw.deliveries "
        "where status = 'accepted' and list_contains(?, wave_id) order by all",
        [list(Codebook(root).closed)],
    ).fetchall()


def _versions(root: Path) -> dict[str, str]:
    """Hashes of the code and codebook that stand below `root`."""
    return {
        "code_version": tree_hash(root, CODE)[:16],
        "codebook_hash": tree_hash(root, CODEBOOK)[:16],
    }


def note_build(settings: Settings, root: Path = ROOT) -> None:
    """Keep what code and codebook dbt is about to build from; `publish` holds itself to it."""
    versions = _versions(root)
    with connect(settings.warehouse) as connection, transaction(connection):
        connection.execute("delete from audit.build")
        connection.execute("insert into audit.build values (?, ?)", [*versions.values()])


def identify(connection: duckdb.DuckDBPyConnection, root: Path = ROOT) -> dict[str, Any]:
    """The row of `publication`: release_id and the hashes of all that it depends on.

    Only deliveries of closed waves count: while a wave is in fieldwork nothing of it is published,
    and a delivery a day makes no release a day. Of a correction counts what it changes; its reason
    and who asked for it do not.
    """
    deliveries = [row for row in inputs(connection, root) if row[1] != CORRECTIONS]
    hashes = {
        **_versions(root),
        "deliveries_hash": _hash("|".join(map(str, row[:3])) for row in deliveries)[:16],
        "corrections_hash": _corrections_hash(connection, list(Codebook(root).closed)),
    }
    return {
        "release_id": _hash(f"{key}={value}" for key, value in hashes.items())[:16],
        **hashes,
        "is_synthetic": any(row[3] for row in deliveries),
    }


def _corrections_hash(connection: duckdb.DuckDBPyConnection, waves: Sequence[str]) -> str:
    """Hash of what the corrections of some waves change."""
    corrections = connection.execute(
        """
        select corrections.delivery_id, row_number, variable, coalesce(new_value, '')
        from raw.corrections
        inner join raw.deliveries as files
            on corrections.correction_file_id = files.delivery_id and files.status = 'accepted'
        inner join raw.deliveries as corrected
            on corrections.delivery_id = corrected.delivery_id and corrected.status = 'accepted'
        where list_contains(?, files.wave_id)
        order by all
        """,
        [list(waves)],
    ).fetchall()
    return _hash(json.dumps(row) for row in corrections)[:16]


def _published_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'published' "
        "order by table_name"
    ).fetchall()
    return [row[0] for row in rows]


def _export(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[str], folder: Path
) -> dict[str, int]:
    """Write tables of schema `published` as DuckDB, Parquet and CSV; returns rows a table."""
    for name in ("parquet", "csv"):
        (folder / name).mkdir(parents=True)
    connection.execute(f"attach {literal(folder / 'monitor.duckdb')} as release")
    counts = {}
    try:
        # one thread: row groups and their order are then the same every time, and files have the
        # order of the table
        connection.execute("set threads = 1")
        for table in tables:
            target = f"release.main.{quote(table)}"
            connection.execute(
                f"create table {target} as select * from published.{quote(table)} order by all"
            )
            _copy_comments(connection, table, target)
            for suffix, options in (
                ("parquet", "format parquet, compression zstd"),
                ("csv", "format csv, header"),
            ):
                path = folder / suffix / f"{table}.{suffix}"
                connection.execute(f"copy {target} to {literal(path)} ({options})")
            row = connection.execute(f"select count(*) from {target}").fetchone()
            counts[table] = row[0] if row else 0
    finally:
        connection.execute("reset threads")
        connection.execute("detach release")
    return counts


def _copy_comments(connection: duckdb.DuckDBPyConnection, table: str, target: str) -> None:
    """Carry the descriptions of table and columns, which dbt persisted, into the release."""
    of_table = connection.execute(
        "select comment from (select schema_name, table_name as name, comment from duckdb_tables() "
        "union all select schema_name, view_name, comment from duckdb_views()) "
        "where schema_name = 'published' and name = ? and comment is not null",
        [table],
    ).fetchone()
    if of_table:
        connection.execute(f"comment on table {target} is {literal(of_table[0].strip())}")
    for column, comment in connection.execute(
        "select column_name, comment from duckdb_columns() "
        "where schema_name = 'published' and table_name = ? and comment is not null",
        [table],
    ).fetchall():
        connection.execute(
            f"comment on column {target}.{quote(column)} is {literal(comment.strip())}"
        )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def current(settings: Settings) -> dict[str, Any] | None:
    """What `current.json` says, or None before the first release."""
    path = settings.published / "current.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _move_current(settings: Settings, release_id: str, **more: Any) -> None:
    """Point `current` and `current.json` to a release, each in one step.

    The file comes last: as long as it tells of another release, the next publication moves both.
    """
    import report

    left = current(settings)
    link, draft = settings.published / "current", settings.published / ".current.part"
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(Path("releases") / release_id, target_is_directory=True)
        draft.replace(link)
    except OSError as error:  # a system without links has current.json alone
        logger.warning("no link `current` here (%s); readers use current.json", error)
    report.mark_current(settings.published / "releases" / release_id)
    if left and left["release_id"] != release_id:
        _mark_superseded(settings, left["release_id"], release_id)
    _write_json(
        settings.published / "current.json",
        {"release_id": release_id, "path": f"releases/{release_id}", **more},
    )


def _mark_superseded(settings: Settings, older: str, newer: str) -> None:
    """Tell on the pages of a release which one took its place."""
    import report

    link, folder = settings.published / "current", settings.published / "releases"
    # pages that link to `current` lead to whatever is newest, also later
    report.mark_superseded(folder / older, link if link.is_symlink() else folder / newer, newer)


def mark_pages(settings: Settings, release_id: str) -> None:
    """Tell on pages that were written anew that another release is current, if one is."""
    now = current(settings) or {}
    if now.get("release_id") not in (None, release_id):
        _mark_superseded(settings, release_id, str(now["release_id"]))


def _link_agrees(settings: Settings, release_id: str) -> bool:
    link = settings.published / "current"
    return not link.is_symlink() or link.readlink().name == release_id


def publish(
    settings: Settings, clock: Callable[[], datetime] = datetime.now, root: Path = ROOT
) -> Release:
    """Write the release of what is in schema `published`, and make it the current one.

    An unchanged release is not written again. A release that somebody rolled back is not put
    back by the next unchanged refresh: `rollback --to` does that.

    Raises:
        PublicationError: no delivery is accepted, nothing is built, a withheld figure can be
            found from the published ones, or a text would be a formula in a spreadsheet.
    """
    with connect(settings.warehouse) as connection:
        identity = identify(connection, root)
        accepted = connection.execute(
            "select count(*) from raw.deliveries where status = 'accepted' "
            "and respondent_group <> ?",
            [CORRECTIONS],
        ).fetchone()
        if not accepted or not accepted[0]:
            raise PublicationError(
                "No delivery is accepted, so there is nothing to publish. Put deliveries in "
                f"{settings.landing} and run `make refresh`."
            )
        built = connection.execute("select * from audit.build").fetchone()
        if built and built != (identity["code_version"], identity["codebook_hash"]):
            raise PublicationError(
                "Code or codebook changed while the marts were built, so that nothing is "
                "published. Run `make refresh` again."
            )
        tables = _published_tables(connection)
        if not tables:
            raise PublicationError(
                "Schema `published` holds no tables, so there is nothing to publish. Run "
                "`make refresh`, which builds them first."
            )
        release_id = identity["release_id"]
        folder = settings.published / "releases" / release_id
        now = current(settings) or {}
        if not (folder / "release.json").exists():
            has_figures = FIGURES in tables
            comparison = (
                _look_back(settings, connection, release_id, root) if has_figures else Comparison()
            )
            if not comparison.is_silent and not settings.release_batch:
                logger.warning("the release waits for the next batch of corrections")
                here = settings.published / now.get("path", "")
                return Release(release_id, here, "waiting", comparison)
            with transaction(connection):
                connection.execute("delete from audit.publication")
                connection.execute(
                    f"insert into audit.publication ({', '.join(identity)}) "
                    f"values ({', '.join('?' for _ in identity)})",
                    list(identity.values()),
                )
            facts = {
                **identity,
                "precision": PRECISION,
                "commit": settings.commit or _commit(root),
                "deliveries": [
                    {"wave_id": wave_id, "respondent_group": group, "delivery_id": delivery_id}
                    for wave_id, group, delivery_id, _ in inputs(connection, root)
                ],
                "published_at": clock().astimezone().isoformat(timespec="seconds"),
                "previous_release_id": _before(settings, release_id),
                "told": comparison.told,
            }
            closed = _write_release(connection, tables, folder, facts, root, settings.report)
            if has_figures:
                if closed:
                    note_what_is_left(connection)
                remember(connection, release_id)
                settle(connection, comparison.incomparable)
            _move_current(settings, release_id)
            return Release(release_id, folder, "published", comparison)
        if FIGURES in tables:  # a refresh that was killed before it had remembered what it wrote
            remember_if_missing(connection, release_id)
    if now.get("rolled_back_from") == release_id:
        return Release(release_id, folder, "held")
    if now.get("release_id") == release_id and _link_agrees(settings, release_id):
        return Release(release_id, folder, "unchanged")
    _move_current(settings, release_id)
    return Release(release_id, folder, "published")


def _look_back(
    settings: Settings, connection: duckdb.DuckDBPyConnection, release_id: str, root: Path
) -> Comparison:
    """What the release would tell of a few respondents, beside the earlier ones."""
    earlier = {
        settings.published / "releases" / facts["release_id"]: facts
        for facts in releases(settings)
        if FIGURES in facts["rows"]
    }
    deliveries = [row[:3] for row in inputs(connection, root) if row[1] != CORRECTIONS]
    return look_back(
        connection,
        release_id,
        earlier,
        deliveries,
        lambda waves: _corrections_hash(connection, waves),
    )


def _before(settings: Settings, release_id: str) -> str | None:
    """The release that this one takes the place of; for one that is written anew, its folder being
    lost, the last of the others."""
    here: str | None = (current(settings) or {}).get("release_id")
    if here != release_id:
        return here
    others = [str(release["release_id"]) for release in releases(settings)]
    return others[-1] if others else None


def _protect(
    connection: duckdb.DuckDBPyConnection, release_id: str, write: Callable[[], None]
) -> Result:
    """Attack what is about to be published, and withhold more until nothing is found.

    By subtraction only; `make attack` does all of the attack. `write` writes the tables meanwhile,
    in a thread of its own, and again when more is withheld.

    Raises:
        PublicationError: a figure that is withheld for its own sake can still be found.
    """
    # scipy and pandas take a second to load
    from disclosure.attack import attack
    from disclosure.closing import close
    from disclosure.frame import Frame
    from disclosure.release import Release as Published

    frame = None
    closed = 0
    for with_totals in (False, False, True, True):
        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(write)
            frame = frame or Frame.read(connection)
            result = attack(
                Published.read(connection, "published"), frame, release_id=release_id, blocks=0
            )
        written.result()
        if not result.recovered:
            return replace(result, closed=closed)
        with transaction(connection):
            closed += close(connection, result.recovered, with_totals)
        rebuild_after("published__suppressions")
        logger.warning(
            "%d withheld figures could be found: %d questions are withheld further",
            len(result.recovered),
            closed,
        )
    cells = "; ".join(f"{' '.join(cell.keys)} ({cell.path})" for cell in result.recovered[:5])
    raise PublicationError(
        f"{len(result.recovered)} withheld figures can be found from the published ones, so that "
        f"nothing is published: {cells}. Withhold more in "
        "models/marts/published/published__suppressions.sql."
    )


def _write_release(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[str],
    folder: Path,
    facts: dict[str, Any],
    root: Path,
    has_report: bool,
) -> int:
    """Write all beside the other releases, and give it its name when it is whole.

    Returns how many questions were withheld further, because a figure could be found.

    Raises:
        PublicationError: a withheld figure can be found from the published ones, or a text would
            be a formula in a spreadsheet.
    """
    # pyarrow and xlsxwriter take half a second to load
    from publishing import UnsafeTextError, add_changes, add_exports

    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(".*.part"):
        shutil.rmtree(leftover)
    draft = folder.with_name(f".{folder.name}.part")
    counts: dict[str, int] = {}

    def write() -> None:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir()
        with connection.cursor() as cursor:
            counts.update(_export(cursor, tables, draft))
        add_exports(draft, facts, root)

    attacked = None
    try:
        if FIGURES in tables:
            attacked = _protect(connection, facts["release_id"], write)
        else:
            write()
    except UnsafeTextError as error:
        raise PublicationError(str(error)) from None
    checksums = {
        path.relative_to(draft).as_posix(): file_sha256(path)
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    if attacked:
        attacked.write(draft)
    add_changes(draft, facts, folder.parent, root)
    _write_json(draft / "release.json", {**facts, "rows": counts, "sha256": checksums})
    if attacked and has_report:
        _write_report(draft)
    if folder.exists():  # half a release: it has no release.json
        shutil.rmtree(folder)
    draft.replace(folder)
    return attacked.closed if attacked else 0


def _write_report(folder: Path) -> None:
    """Write the public report into a release; its pages may change, so no checksum covers them."""
    import report

    summary = report.build(folder, folder / "report")
    logger.info("report: %d pages, %d charts", summary.pages, summary.charts)


def _commit(root: Path) -> str | None:
    """The commit that stands here, for who replays the release later; None outside git."""
    try:
        result = subprocess.run(
            # named, git does not mind that on a server the code belongs to another user
            ["git", f"--git-dir={root / '.git'}", "rev-parse", "HEAD"],
            cwd=root, capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def published_waves(settings: Settings) -> set[str]:
    """Waves of which the current release has figures."""
    now = current(settings)
    if now is None:
        return set()
    path = settings.published / now["path"] / "parquet" / f"{FIGURES}.parquet"
    if not path.exists():
        return set()
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select distinct wave_id from read_parquet({literal(path)})"
        ).fetchall()
    return {wave_id for (wave_id,) in rows}


def damaged_files(settings: Settings) -> list[str]:
    """Files of the current release that are missing or differ from their checksum, in words."""
    now = current(settings)
    if now is None:
        return []
    return damages(settings.published / now["path"])


def damages(folder: Path) -> list[str]:
    """Files of a release that are missing or differ from their checksum, in words."""
    try:
        facts = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"release.json cannot be read ({type(error).__name__})"]
    complaints = []
    for name, sha256 in facts["sha256"].items():
        path = folder / name
        if not path.exists():
            complaints.append(f"{name} is missing")
        elif file_sha256(path) != sha256:
            complaints.append(f"{name} differs from its checksum")
    return complaints


def prune(settings: Settings) -> list[str]:
    """Delete releases beyond the last `keep_releases`; never the current one, nor the one before.

    Returns the ids of what was deleted.
    """
    if not settings.keep_releases:
        return []
    now = current(settings) or {}
    found = releases(settings)
    kept = {release["release_id"] for release in found[-settings.keep_releases :]}
    kept.add(now.get("release_id"))
    kept |= {r["previous_release_id"] for r in found if r["release_id"] == now.get("release_id")}
    gone = [release["release_id"] for release in found if release["release_id"] not in kept]
    for release_id in gone:
        folder = settings.published / "releases" / release_id
        # hidden first: who looks meanwhile sees a whole release or none
        hidden = folder.with_name(f".{release_id}.part")
        folder.replace(hidden)
        shutil.rmtree(hidden)
    return gone


def releases(settings: Settings) -> list[dict[str, Any]]:
    """The releases that are there, oldest first, each with its release.json."""
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (settings.published / "releases").glob("*/release.json")
        if not path.parent.name.startswith(".")
    ]
    return sorted(found, key=lambda release: datetime.fromisoformat(release["published_at"]))


def find_release(settings: Settings, name: str) -> str:
    """The id of a release by its id, the start of its id, `current` or `previous`.

    Raises:
        PublicationError: there is none of that name, or more than one.
    """
    known = {str(release["release_id"]): release for release in releases(settings)}
    here = str((current(settings) or {}).get("release_id"))
    wanted = name
    if name == "current":
        wanted = here
    elif name == "previous":
        wanted = str(known.get(here, {}).get("previous_release_id"))
    found = [release_id for release_id in known if release_id.startswith(wanted)]
    if len(found) != 1:
        raise PublicationError(
            f"There is no release {name!r} in {settings.published}, or more than one. "
            f"Known, oldest first: {', '.join(known) or 'none; run `make refresh` first'}."
        )
    return found[0]


def rollback(settings: Settings, to: str | None = None) -> Release:
    """Move `current` to the release that it took the place of, or to the one named.

    Raises:
        PublicationError: there is no such release, or its figures have all their digits.
    """
    now = current(settings)
    if now is None:
        raise PublicationError("Nothing is published yet, so there is nothing to roll back.")
    known = {release["release_id"]: release for release in releases(settings)}
    here = now["release_id"]
    target: str | None = to or known.get(here, {}).get("previous_release_id")
    if target is None or target not in known:
        complaint = (
            f"There is no release {target!r}." if target else f"No release comes before {here}."
        )
        raise PublicationError(
            f"{complaint} Name one with `--to`; known, oldest first: {', '.join(known)}."
        )
    if known[target].get("precision") != PRECISION:
        raise PublicationError(
            f"Release {target} has figures with all their digits, by which those that it withholds "
            "can be found, so that it is not made current again. Correct the deliveries, and make "
            "a release of them with `make refresh`."
        )
    left = now.get("rolled_back_from", here)
    _move_current(settings, target, **({} if target == left else {"rolled_back_from": left}))
    return Release(target, settings.published / "releases" / target, "published")
