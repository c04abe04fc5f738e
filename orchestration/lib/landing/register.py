"""Land deliveries: archive, raw table and register, one transaction a delivery; then decide.

A delivery is `landed` until the raw gate has spoken. `decide` makes it `accepted` and the
earlier one `superseded`, or `refused`; only accepted deliveries are read by dbt.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.codebook import Codebook, Variable, normalise_name
from orchestration.lib.landing.discovery import (
    CORRECTIONS,
    MANIFEST,
    Delivery,
    Landing,
    Stray,
    did_you_mean,
    file_sha256,
    plain,
    shown,
)
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.inspection import Inspector, check_headers, check_value_labels
from orchestration.lib.landing.open_text import (
    SCHEMA as TEXT_SCHEMA,
)
from orchestration.lib.landing.open_text import (
    is_purged,
    keep_findings,
    mark_purged,
    open_text_folder,
    scan,
    warn,
)
from orchestration.lib.landing.pseudonyms import key_for, pseudonymiser
from orchestration.lib.landing.readers import DeliveredTable, Limits, read
from orchestration.lib.landing.trail import DELETED, note_changes
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import quote, transaction

logger = logging.getLogger("monitor")

PROGRESS_ROWS = 100_000
NAMES_SHOWN = 10
LONGEST_NAME = 64  # characters, as in SPSS

Clock = Callable[[], datetime]
_Targets = tuple[Path, Path]  # the archive's file, and that of the open answers

# the reason of a delivery that the agency withdrew
WITHDRAWN = f"{MANIFEST} withdraws it"

# what a row of the register may leave open; a row that takes the place of another clears it
UNKNOWN_YET = (
    "row_count",
    "column_count",
    "format",
    "decided_at",
    "superseded_by",
    "refusal_reason",
    "labels",
    "options",
)


@dataclass(frozen=True)
class Outcome:
    """What became of a file: `landed`, `unchanged` or `refused`, with the rows or the reason."""

    wave_id: str
    respondent_group: str
    delivery_id: str
    file_name: str
    status: str
    row_count: int = 0
    reason: str = ""


def _delivery_id(delivery: Delivery, sha256: str, variables: list[Variable]) -> str:
    """Same file, read and treated in the same way: the same delivery."""
    treatment = sorted((v.variable, v.column_name, v.role) for v in variables)
    identity = [
        delivery.wave_id,
        delivery.respondent_group,
        sha256,
        delivery.options.model_dump(exclude={"file"}),
        delivery.is_synthetic,
        treatment,
    ]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _names(columns: Iterable[str]) -> str:
    """Some column names for a message, without what may be somebody's answer."""
    names = list(columns)
    listed = [
        "(a name with @)" if "@" in name else shown(name[:LONGEST_NAME])
        for name in names[:NAMES_SHOWN]
    ]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(listed) + more


def _match_columns(
    file_name: str, columns: list[str], variables: list[Variable], by_header: dict[str, Variable]
) -> list[Variable]:
    """The variables in the order of the delivered columns; all must be known, none missing.

    Args:
        by_header: header as plain name, synonyms too → the variable.

    Raises:
        DeliveryError: naming the columns.
    """
    headers = [normalise_name(column) for column in columns]
    if by_header.keys().isdisjoint(headers):
        # the row may hold somebody's answers, so that it is not repeated here
        raise DeliveryError(
            f"{file_name}: its header row holds none of the columns of this wave and group, such "
            f"as {variables[0].column_name!r}. Deliver the file with its header, and state "
            "`header_rows`, `delimiter` or `sheet` in delivery.yml where they differ."
        )
    check_headers(file_name, columns)
    places: dict[str | Variable, int] = {}
    for position, header in enumerate(headers):
        if not header:
            raise DeliveryError(
                f"{file_name}: column {position + 1} has no name. Name it, or take it out."
            )
        first = places.setdefault(by_header.get(header, header), position)
        if first != position:
            other = f", first as {_names([columns[first]])}" if headers[first] != header else ""
            raise DeliveryError(
                f"{file_name}: column {_names([columns[position]])!r} occurs twice (columns "
                f"{first + 1} and {position + 1}{other}). Names must differ."
            )
    unknown = [
        column for column, header in zip(columns, headers, strict=True) if header not in by_header
    ]
    missing = [v.column_name for v in variables if v not in places]
    complaints = []
    if unknown:
        near = did_you_mean(unknown[0], [v.column_name for v in variables])
        complaints.append(f"unknown column{'s' * (len(unknown) > 1)} {_names(unknown)}.{near}")
    if missing:
        complaints.append(f"missing column{'s' * (len(missing) > 1)} {_names(missing)}.")
    if complaints:
        raise DeliveryError(
            f"{file_name}: {' '.join(complaints)} Every column must have its row in "
            "seeds/codebook/variables.csv, and may have other names in "
            "seeds/codebook/column_synonyms.csv: correct the file, or add the row."
        )
    return [by_header[header] for header in headers]


def _write_archive(
    name: str,
    table: DeliveredTable,
    variables: list[Variable],
    targets: _Targets,
    pseudonymise: Callable[[str | None], str | None],
    metadata: Mapping[str, str],
    text_schema: pa.Schema,
) -> int:
    """Write the pseudonymised rows and, apart, the open answers; returns the number of rows.

    Open answers that were purged before, as the schema tells, are not written again.

    Raises:
        DeliveryError: a row cannot be read, or shows that the file was spoilt.
    """
    inspector = Inspector(name, table.columns, variables)
    names = [variable.variable for variable in variables if variable.is_kept]
    schema = pa.schema(
        [pa.field("row_number", pa.int64()), *(pa.field(name, pa.string()) for name in names)],
        metadata={**metadata},
    )
    keeps_text = not text_schema.metadata
    rows = 0
    with (
        pq.ParquetWriter(targets[0], schema) as kept,
        pq.ParquetWriter(targets[1], text_schema) as texts,
    ):
        for arrays in table.batches:
            inspector.look(arrays)
            size = len(arrays[0])
            numbers = pa.array(range(rows + 1, rows + size + 1), pa.int64())
            columns: list[pa.Array] = [numbers]
            for variable, array in zip(variables, arrays, strict=True):
                if variable.role == "identifier":
                    columns.append(
                        pa.array([pseudonymise(v) for v in array.to_pylist()], pa.string())
                    )
                elif variable.role == "open_text" and keeps_text:
                    answered = array.is_valid()
                    texts.write_table(
                        pa.table(
                            [
                                numbers.filter(answered),
                                pa.array([variable.variable] * size).filter(answered),
                                array.filter(answered),
                            ],
                            schema=text_schema,
                        )
                    )
                elif variable.is_kept:
                    columns.append(array)
            kept.write_table(pa.table(columns, schema=schema))
            rows += size
            if rows % PROGRESS_ROWS < size and rows > size:
                of_all = f" of {table.announced_rows:,}" if table.announced_rows else ""
                logger.info("%s: %s%s rows read", name, f"{rows:,}", of_all)
    inspector.conclude()
    return rows


def archive_path(settings: Settings, wave_id: str, group: str, delivery_id: str) -> Path:
    """The durable copy of a delivery: `archive/<group>/wave_id=<wave>/<delivery>.parquet`."""
    return settings.archive / group / f"wave_id={wave_id}" / f"{delivery_id}.parquet"


def open_text_path(settings: Settings, wave_id: str, group: str, delivery_id: str) -> Path:
    """The open answers of a delivery, in a folder of their own so that they can be purged."""
    return open_text_folder(settings, wave_id, group) / f"{delivery_id}.parquet"


def _delete_rows(connection: duckdb.DuckDBPyConnection, group: str, delivery_id: str) -> None:
    for target in (f"raw.{quote(group)}", "open_text.answers", "open_text.findings"):
        connection.execute(f"delete from {target} where delivery_id = ?", [delivery_id])


def _insert_raw(
    connection: duckdb.DuckDBPyConnection,
    wave_id: str,
    respondent_group: str,
    delivery_id: str,
    targets: _Targets,
) -> None:
    """Replace the rows of the delivery in the raw tables by those of the archive."""
    _delete_rows(connection, respondent_group, delivery_id)
    connection.execute(
        f"insert into raw.{quote(respondent_group)} by name select ? as delivery_id, * "
        "from read_parquet(?, hive_partitioning = false)",
        [delivery_id, str(targets[0])],
    )
    connection.execute(
        "insert into open_text.answers by name select ? as delivery_id, ? as wave_id, "
        "? as respondent_group, * from read_parquet(?, hive_partitioning = false)",
        [delivery_id, wave_id, respondent_group, str(targets[1])],
    )


def note_archived(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    delivery_id: str,
    targets: Iterable[Path],
) -> None:
    """Keep the hash of each copy in the archive: it says later whether the copy is still whole."""
    connection.execute("delete from raw.archived_files where delivery_id = ?", [delivery_id])
    for path in targets:
        file = path.relative_to(settings.archive).as_posix()
        connection.execute(
            "insert into raw.archived_files values (?, ?, ?)",
            [delivery_id, file, file_sha256(path)],
        )


def _register(connection: duckdb.DuckDBPyConnection, row: Mapping[str, object]) -> None:
    """Insert the row in the register, or replace the one with its delivery_id as a whole."""
    row = {**dict.fromkeys(UNKNOWN_YET), **row}
    columns = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"insert or replace into raw.deliveries ({columns}) values ({marks})", list(row.values())
    )


def _labels(table: DeliveredTable, variables: list[Variable]) -> str | None:
    """Labels as delivered, as JSON, by the codebook's header of the column; without the value
    labels of columns that hide who answered."""
    of_column = dict(zip(table.columns, variables, strict=True))
    labels = {
        part: {
            of_column[name].column_name: content
            for name, content in texts.items()
            if name in of_column
            and (
                part != "values"
                or (of_column[name].is_kept and of_column[name].role != "identifier")
            )
        }
        for part, texts in table.labels.items()
    }
    return json.dumps(labels, ensure_ascii=False) if labels else None


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.max_delivery_megabytes,
        settings.max_delivery_rows,
        settings.max_delivery_columns,
        settings.max_delivery_cells,
    )


def land(
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    codebook: Codebook,
    settings: Settings,
    clock: Clock = datetime.now,
) -> Outcome:
    """Land one file. A file that is accepted already changes nothing; one that cannot be read
    is registered as refused, with the reason, and leaves no rows."""
    name = f"{delivery.wave_id}/{delivery.path.name}"
    wave_id, group = delivery.wave_id, delivery.respondent_group
    variables = codebook.variables(wave_id, group)
    try:
        sha256, size = file_sha256(delivery.path), delivery.path.stat().st_size
    except OSError as error:
        reason = f"{name}: cannot be opened: {error.strerror}. Check that it may be read."
        return register_stray(connection, Stray(wave_id, group, delivery.path, reason), clock)
    delivery_id = _delivery_id(delivery, sha256, variables)
    known = connection.execute(
        "select status, row_count from raw.deliveries where delivery_id = ?", [delivery_id]
    ).fetchone()
    if known and known[0] == "accepted":
        return Outcome(wave_id, group, delivery_id, name, "unchanged", known[1])

    row: dict[str, object] = {
        "delivery_id": delivery_id,
        "wave_id": wave_id,
        "respondent_group": group,
        "file_name": delivery.path.name,
        "sha256": sha256,
        "size_bytes": size,
        "format": delivery.path.suffix.lower().removeprefix("."),
        "landed_at": clock(),
        "is_synthetic": delivery.is_synthetic,
        "options": delivery.options.model_dump_json(exclude_defaults=True),
    }
    targets = (
        archive_path(settings, wave_id, group, delivery_id),
        open_text_path(settings, wave_id, group, delivery_id),
    )
    for path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob("*.part"):  # of a run that was killed
            leftover.unlink()
    drafts = (targets[0].with_suffix(".part"), targets[1].with_suffix(".part"))
    by_header = codebook.headers(wave_id, group)
    try:
        key = key_for(settings, is_synthetic=delivery.is_synthetic, file_name=name)
        table = read(
            delivery.path,
            delivery.options,
            _limits(settings),
            lambda header: not by_header.keys().isdisjoint(map(normalise_name, header)),
        )
        delivered = _match_columns(name, table.columns, variables, by_header)
        check_value_labels(name, table.labels.get("values", {}), table.columns, delivered, codebook)
        facts = {
            **{key: value for key, value in row.items() if key != "landed_at"},
            "column_count": len(table.columns),
            "labels": _labels(table, delivered),
        }
        metadata = {"delivery": json.dumps(facts)}
        purged = is_purged(targets[1].parent, sha256)
        text_schema = mark_purged(TEXT_SCHEMA, sha256) if purged else TEXT_SCHEMA
        pseudonymise = pseudonymiser(wave_id, key)
        rows = _write_archive(name, table, delivered, drafts, pseudonymise, metadata, text_schema)
        if not rows:
            raise DeliveryError(f"{name}: has a header and no rows. Deliver it with its rows.")
        if _fingerprint(delivery.path) != (sha256, size):  # half a file can look whole
            raise DeliveryError(
                f"{name}: changed while it was read, so it may not have been copied in full. Wait "
                "until it is, and refresh again."
            )
    except DeliveryError as error:
        for draft in drafts:
            draft.unlink(missing_ok=True)
        reason = str(error) if str(error).startswith(name) else f"{wave_id}/{error}"
        with transaction(connection):
            _delete_rows(connection, group, delivery_id)
            _register(connection, row | {"status": "refused", "refusal_reason": reason})
        return Outcome(wave_id, group, delivery_id, name, "refused", reason=reason)
    for draft, path in zip(drafts, targets, strict=True):
        draft.replace(path)
    landed = {
        "status": "landed",
        "row_count": rows,
        "column_count": facts["column_count"],
        "labels": facts["labels"],
    }
    findings = scan(targets[1])
    with transaction(connection):
        _insert_raw(connection, wave_id, group, delivery_id, targets)
        keep_findings(connection, delivery_id, wave_id, group, findings)
        note_archived(connection, settings, delivery_id, targets)
        _register(connection, row | landed)
    warn(name, findings)
    return Outcome(wave_id, group, delivery_id, name, "landed", rows)


def restore(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    wave_id: str,
    respondent_group: str,
    delivery_id: str,
    clock: Clock = datetime.now,
) -> None:
    """Land a delivery from its copy in the archive, as it landed from the agency's file.

    Raises:
        DeliveryError: the copy is missing, cannot be read, or holds no delivery.
    """
    path = archive_path(settings, wave_id, respondent_group, delivery_id)
    texts = open_text_path(settings, wave_id, respondent_group, delivery_id)
    try:
        file = pq.ParquetFile(path)
        row = json.loads(file.schema_arrow.metadata[b"delivery"])
        rows = file.metadata.num_rows
        findings = scan(texts)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise DeliveryError(
            f"{path}: is not the copy of a delivery ({type(error).__name__}). Restore the archive "
            "from its backup."
        ) from error
    with transaction(connection):
        _insert_raw(connection, wave_id, respondent_group, delivery_id, (path, texts))
        keep_findings(connection, delivery_id, wave_id, respondent_group, findings)
        _register(connection, {**row, "landed_at": clock(), "status": "landed", "row_count": rows})


def _fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 and size of an ordinary file that can be read; nothing of anything else."""
    try:
        if path.is_file() and not path.is_symlink():
            return file_sha256(path), path.stat().st_size
    except OSError:
        pass
    return "", 0


def register_stray(
    connection: duckdb.DuckDBPyConnection, stray: Stray, clock: Clock = datetime.now
) -> Outcome:
    """Put a file that is no delivery in the register as refused, so that nobody overlooks it."""
    sha256, size = _fingerprint(stray.path)
    file_name = shown(stray.path.name)
    identity = f"{stray.wave_id}|{file_name}|{sha256}"
    delivery_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
    row = {
        "delivery_id": delivery_id,
        "wave_id": stray.wave_id,
        "respondent_group": stray.respondent_group,
        "file_name": file_name,
        "sha256": sha256,
        "size_bytes": size,
        "landed_at": clock(),
        "status": "refused",
        "is_synthetic": False,
        "refusal_reason": stray.reason,
    }
    _register(connection, row)
    name = f"{stray.wave_id}/{file_name}".removeprefix("/")
    return Outcome(
        stray.wave_id, stray.respondent_group, delivery_id, name, "refused", reason=stray.reason
    )


def land_group(
    connection: duckdb.DuckDBPyConnection,
    found: Landing,
    respondent_group: str,
    waves: Iterable[str] | None,
    codebook: Codebook,
    settings: Settings,
    clock: Clock = datetime.now,
) -> list[Outcome]:
    """Land all that `found` holds of one group in the given waves (group "": what has none).

    Afterwards the register is in step with the landing folder: a delivery that waits or was
    refused and whose file is replaced counts as superseded, one whose file is gone as withdrawn.
    What `delivery.yml` withdraws is withdrawn even when it was accepted, and waits for the raw
    gate again when the line is gone.

    Args:
        waves: the waves that `found` covers; None when it covers the whole landing folder, so
            that refusals of folders that are no wave, and gone by now, are withdrawn as well.
    """
    registered = connection.execute(
        "select distinct wave_id from raw.deliveries where respondent_group = ?",
        [respondent_group],
    ).fetchall()
    wanted = found.waves.union(row[0] for row in registered) if waves is None else set(waves)
    deleted = _deleted_originals(connection)
    outcomes = [
        land(connection, delivery, codebook, settings, clock)
        for delivery in found.deliveries
        if delivery.respondent_group == respondent_group and delivery.wave_id in wanted
    ]
    outcomes += [
        register_stray(connection, stray, clock)
        for stray in found.strays
        if stray.respondent_group == respondent_group
        and stray.wave_id in wanted
        and (stray.path.exists() or (stray.wave_id, plain(stray.path.name)) not in deleted)
    ]
    successors = {(outcome.wave_id, outcome.delivery_id) for outcome in outcomes}
    # where `delivery.yml` cannot be read, the files of the groups are there but not found
    unread = {stray.wave_id for stray in found.strays if stray.path.name == MANIFEST}
    for wave_id in wanted - unread if respondent_group else wanted:
        is_withdrawn = (wave_id, respondent_group) in found.withdrawn
        if is_withdrawn:
            withdraw(connection, wave_id, respondent_group)
        current = [delivery_id for wave, delivery_id in successors if wave == wave_id]
        connection.execute(
            """
            update raw.deliveries
            set status = case when ? is null then 'withdrawn' else 'superseded' end,
                superseded_by = ?
            where wave_id = ? and respondent_group = ? and status in ('landed', 'refused')
                and not list_contains(?, delivery_id)
            """,
            [min(current, default=None)] * 2 + [wave_id, respondent_group, current],
        )
        if not is_withdrawn and not current:
            _take_back(connection, wave_id, respondent_group)
    note_changes(connection, clock)
    return outcomes


def _deleted_originals(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Wave and name of files that are gone because their retention ended."""
    rows = connection.execute(
        "select distinct wave_id, file_name from raw.deliveries "
        "inner join raw.delivery_events using (delivery_id) "
        "where event = ? and status = 'accepted'",
        [DELETED],
    ).fetchall()
    return {(wave_id, plain(file_name)) for wave_id, file_name in rows}


def withdraw(connection: duckdb.DuckDBPyConnection, wave_id: str, respondent_group: str) -> None:
    """Take out what is accepted, or waits, of a wave and group; its rows stay where they are."""
    connection.execute(
        "update raw.deliveries set status = 'withdrawn', refusal_reason = ? "
        "where wave_id = ? and respondent_group = ? and status in ('accepted', 'landed')",
        [WITHDRAWN, wave_id, respondent_group],
    )


def _take_back(connection: duckdb.DuckDBPyConnection, wave_id: str, respondent_group: str) -> None:
    """Let the delivery that was withdrawn last wait for the raw gate again, its file being gone.

    It keeps its reason until it is accepted: a run that is killed before that finds it again.
    """
    connection.execute(
        """
        update raw.deliveries set status = 'landed'
        where delivery_id = (
            select max_by(delivery_id, landed_at) from raw.deliveries
            where wave_id = ? and respondent_group = ? and status = 'withdrawn'
                and refusal_reason = ?
        ) and not exists (
            from raw.deliveries
            where wave_id = ? and respondent_group = ? and status in ('accepted', 'landed')
        )
        """,
        [wave_id, respondent_group, WITHDRAWN, wave_id, respondent_group],
    )


def refused(
    connection: duckdb.DuckDBPyConnection, waves: Iterable[str] | None = None
) -> list[Outcome]:
    """Refusals that still stand: their files lie in the landing folder uncorrected."""
    rows = connection.execute(
        "select wave_id, respondent_group, delivery_id, file_name, refusal_reason "
        "from raw.deliveries where status = 'refused' and (? is null or list_contains(?, wave_id)) "
        "order by wave_id, respondent_group, file_name",
        [list(waves) if waves is not None else None] * 2,
    ).fetchall()
    return [
        Outcome(wave_id, group, delivery_id, file_name, "refused", reason=reason or "")
        for wave_id, group, delivery_id, file_name, reason in rows
    ]


def waiting(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Deliveries that have landed and await the raw gate."""
    columns = ("delivery_id", "wave_id", "respondent_group", "is_synthetic")
    rows = connection.execute(
        f"select {', '.join(columns)} from raw.deliveries "
        "where status = 'landed' and respondent_group <> ? "
        "order by wave_id, respondent_group, landed_at, delivery_id",
        [CORRECTIONS],
    ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def decide(
    connection: duckdb.DuckDBPyConnection,
    delivery_ids: Iterable[str],
    refusals: Mapping[str, str],
    clock: Clock = datetime.now,
) -> None:
    """Accept or refuse landed deliveries; each decision is one transaction.

    A refused one leaves no rows in the raw tables, whoever refused it; the archive keeps them, and
    its file is read again at the next refresh.

    Args:
        delivery_ids: the deliveries that the raw gate has judged.
        refusals: delivery → reason, for those that it refused.
    """
    for delivery_id in delivery_ids:
        with transaction(connection):
            now = clock()
            if delivery_id in refusals:
                connection.execute(
                    "update raw.deliveries set status = 'refused', decided_at = ?, "
                    "refusal_reason = ? where delivery_id = ? returning respondent_group",
                    [now, refusals[delivery_id], delivery_id],
                )
                for (group,) in connection.fetchall():
                    _delete_rows(connection, group, delivery_id)
                continue
            connection.execute(
                """
                update raw.deliveries as earlier
                set status = 'superseded', superseded_by = accepted.delivery_id
                from raw.deliveries as accepted
                where accepted.delivery_id = ?
                    and earlier.status = 'accepted'
                    and earlier.wave_id = accepted.wave_id
                    and earlier.respondent_group = accepted.respondent_group
                """,
                [delivery_id],
            )
            connection.execute(
                "update raw.deliveries set status = 'accepted', decided_at = ?, "
                "superseded_by = null, refusal_reason = null where delivery_id = ?",
                [now, delivery_id],
            )
    note_changes(connection, clock)
