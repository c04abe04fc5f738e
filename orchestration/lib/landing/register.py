"""Land deliveries: archive, raw table and register, one transaction a delivery; then decide.

A delivery is `landed` until the raw gate has spoken. `decide` makes it `accepted` and the
earlier one `superseded`, or `refused`; only accepted deliveries are read by dbt.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.codebook import Codebook, Variable, normalise_name
from orchestration.lib.landing.discovery import (
    Delivery,
    Landing,
    Stray,
    did_you_mean,
    file_sha256,
)
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.pseudonyms import key_for, pseudonymiser
from orchestration.lib.landing.readers import DeliveredTable, read
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import quote, transaction

Clock = Callable[[], datetime]


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


@dataclass(frozen=True)
class _Layout:
    """Which delivered column goes where."""

    variables: list[Variable | None]

    @property
    def names(self) -> list[str]:
        return [v.variable for v in self.variables if v and v.is_kept]


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


def _match_columns(file_name: str, columns: list[str], variables: list[Variable]) -> _Layout:
    """Delivered columns against the codebook; each must be known, and none may be missing."""
    by_header = {normalise_name(v.column_name): v for v in variables}
    headers = [normalise_name(column) for column in columns]
    for position, header in enumerate(headers):
        if not header:
            raise DeliveryError(
                f"{file_name}: column {position + 1} has no name. Name it, or take it out."
            )
        if header in headers[:position]:
            raise DeliveryError(
                f"{file_name}: column {columns[position]!r} occurs twice (columns "
                f"{headers.index(header) + 1} and {position + 1}). Names must differ."
            )
    unknown = [
        columns[position] for position, header in enumerate(headers) if header not in by_header
    ]
    missing = [v.column_name for v in variables if normalise_name(v.column_name) not in headers]
    complaints = []
    if unknown:
        near = did_you_mean(unknown[0], [v.column_name for v in variables])
        complaints.append(f"unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}.{near}")
    if missing:
        complaints.append(f"missing column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if complaints:
        raise DeliveryError(
            f"{file_name}: {' '.join(complaints)} Every column must have its row in "
            "seeds/codebook/variables.csv: correct the file, or add the row."
        )
    return _Layout([by_header[header] for header in headers])


def _write_archive(
    table: DeliveredTable,
    layout: _Layout,
    path: Path,
    open_text_path: Path,
    pseudonymise: Callable[[str | None], str | None],
    metadata: Mapping[str, str],
) -> int:
    """Write the pseudonymised rows and, apart, the open answers; returns the number of rows."""
    schema = pa.schema(
        [("row_number", pa.int64()), *((name, pa.string()) for name in layout.names)],
        metadata=dict(metadata),
    )
    text_schema = pa.schema(
        [("row_number", pa.int64()), ("variable", pa.string()), ("answer", pa.string())]
    )
    rows = 0
    with pq.ParquetWriter(path, schema) as kept, pq.ParquetWriter(open_text_path, text_schema) as texts:
        for arrays in table.batches:
            size = len(arrays[0])
            numbers = pa.array(range(rows + 1, rows + size + 1), pa.int64())
            columns: list[pa.Array] = [numbers]
            for variable, array in zip(layout.variables, arrays, strict=True):
                assert variable is not None
                if variable.role == "identifier":
                    columns.append(
                        pa.array([pseudonymise(v) for v in array.to_pylist()], pa.string())
                    )
                elif variable.role == "open_text":
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
    return rows


def archive_path(settings: Settings, wave_id: str, group: str, delivery_id: str) -> Path:
    """The durable copy of a delivery: `archive/<group>/wave_id=<wave>/<delivery>.parquet`."""
    return settings.archive / group / f"wave_id={wave_id}" / f"{delivery_id}.parquet"


def open_text_path(settings: Settings, wave_id: str, group: str, delivery_id: str) -> Path:
    """The open answers of a delivery, in a folder of their own so that they can be purged."""
    folder = settings.archive / "open_text" / group / f"wave_id={wave_id}"
    return folder / f"{delivery_id}.parquet"


def _insert_raw(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, delivery_id: str, archived: Path,
    texts: Path,
) -> None:
    """Replace the rows of the delivery in the raw tables by those of the archive."""
    table = f"raw.{quote(delivery.respondent_group)}"
    for target in (table, "open_text.answers"):
        connection.execute(f"delete from {target} where delivery_id = ?", [delivery_id])
    connection.execute(
        f"insert into {table} by name select ? as delivery_id, * from read_parquet(?, "
        "hive_partitioning = false)",
        [delivery_id, str(archived)],
    )
    connection.execute(
        "insert into open_text.answers by name select ? as delivery_id, ? as wave_id, "
        "? as respondent_group, * from read_parquet(?, hive_partitioning = false)",
        [delivery_id, delivery.wave_id, delivery.respondent_group, str(texts)],
    )


def _register(connection: duckdb.DuckDBPyConnection, row: Mapping[str, object]) -> None:
    """Insert the row in the register, or replace the one with its delivery_id."""
    columns = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"insert or replace into raw.deliveries ({columns}) values ({marks})", list(row.values())
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
    sha256 = file_sha256(delivery.path)
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
        "size_bytes": delivery.path.stat().st_size,
        "format": delivery.path.suffix.lower().removeprefix("."),
        "landed_at": clock(),
        "is_synthetic": delivery.is_synthetic,
        "options": delivery.options.model_dump_json(exclude_defaults=True),
    }
    targets = (
        archive_path(settings, wave_id, group, delivery_id),
        open_text_path(settings, wave_id, group, delivery_id),
    )
    drafts = [path.with_suffix(".part") for path in targets]
    try:
        key = key_for(settings, is_synthetic=delivery.is_synthetic, file_name=name)
        table = read(delivery.path, delivery.options)
        layout = _match_columns(name, table.columns, variables)
        for path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"delivery": json.dumps({k: str(v) for k, v in row.items() if k != "landed_at"})}
        rows = _write_archive(
            table, layout, drafts[0], drafts[1], pseudonymiser(wave_id, key), metadata
        )
        if not rows:
            raise DeliveryError(f"{name}: has a header and no rows. Deliver it with its rows.")
    except DeliveryError as error:
        for path in drafts:
            path.unlink(missing_ok=True)
        reason = str(error) if str(error).startswith(name) else f"{wave_id}/{error}"
        _register(connection, row | {"status": "refused", "refusal_reason": reason})
        return Outcome(wave_id, group, delivery_id, name, "refused", reason=reason)
    for draft, path in zip(drafts, targets, strict=True):
        os.replace(draft, path)
    with transaction(connection):
        _insert_raw(connection, delivery, delivery_id, *targets)
        _register(
            connection,
            row
            | {
                "status": "landed",
                "row_count": rows,
                "column_count": len(table.columns),
                "labels": json.dumps(table.labels, ensure_ascii=False) if table.labels else None,
            },
        )
    return Outcome(wave_id, group, delivery_id, name, "landed", rows)


def register_stray(
    connection: duckdb.DuckDBPyConnection, stray: Stray, clock: Clock = datetime.now
) -> Outcome:
    """Put a file that is no delivery in the register as refused, so that nobody overlooks it."""
    content = file_sha256(stray.path) if stray.path.is_file() else ""
    identity = f"{stray.wave_id}|{stray.path.name}|{content}"
    delivery_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
    _register(
        connection,
        {
            "delivery_id": delivery_id,
            "wave_id": stray.wave_id,
            "respondent_group": stray.respondent_group,
            "file_name": stray.path.name,
            "sha256": content,
            "size_bytes": stray.path.stat().st_size if stray.path.is_file() else 0,
            "landed_at": clock(),
            "status": "refused",
            "is_synthetic": False,
            "refusal_reason": stray.reason,
        },
    )
    return Outcome(
        stray.wave_id, stray.respondent_group, delivery_id, stray.path.name, "refused",
        reason=stray.reason,
    )


def land_group(
    connection: duckdb.DuckDBPyConnection,
    found: Landing,
    respondent_group: str,
    waves: Iterable[str],
    codebook: Codebook,
    settings: Settings,
    clock: Clock = datetime.now,
) -> list[Outcome]:
    """Land all that `found` holds of one group in the given waves (group "": what has none).

    Afterwards the register is in step with the landing folder: a delivery that waits or was
    refused and whose file is replaced counts as superseded, one whose file is gone as withdrawn.
    """
    wanted = set(waves)
    outcomes = [
        land(connection, delivery, codebook, settings, clock)
        for delivery in found.deliveries
        if delivery.respondent_group == respondent_group and delivery.wave_id in wanted
    ]
    outcomes += [
        register_stray(connection, stray, clock)
        for stray in found.strays
        if stray.respondent_group == respondent_group and stray.wave_id in wanted
    ]
    successors = {(outcome.wave_id, outcome.delivery_id) for outcome in outcomes}
    for wave_id in wanted:
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
    return outcomes


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
    return [Outcome(*row[:4], status="refused", reason=row[4] or "") for row in rows]


def waiting(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """Deliveries that have landed and await the raw gate."""
    rows = connection.execute(
        "select delivery_id, wave_id, respondent_group from raw.deliveries "
        "where status = 'landed' order by wave_id, respondent_group, landed_at, delivery_id"
    ).fetchall()
    return [
        dict(zip(("delivery_id", "wave_id", "respondent_group"), row, strict=True)) for row in rows
    ]


def decide(
    connection: duckdb.DuckDBPyConnection,
    delivery_ids: Iterable[str],
    refusals: Mapping[str, str],
    clock: Clock = datetime.now,
) -> None:
    """Accept or refuse landed deliveries; each decision is one transaction.

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
                    "refusal_reason = ? where delivery_id = ?",
                    [now, refusals[delivery_id], delivery_id],
                )
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
