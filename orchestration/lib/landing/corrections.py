"""Corrections of delivered values: `landing/<wave_id>/corrections.csv`.

A file of corrections is a delivery of its own, with an id, a place in the register and a copy in
the archive. It is the whole list for its wave: a later file takes its place. Staging applies the
lines in SQL; here is decided whether they still fit what was delivered.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lib.codebook import Codebook, normalise_name
from orchestration.lib.landing.discovery import (
    CORRECTIONS,
    Delivery,
    did_you_mean,
    discover,
    file_sha256,
)
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.open_text import personal_data
from orchestration.lib.landing.readers import ReadOptions, read
from orchestration.lib.landing.register import (
    Clock,
    Outcome,
    _register,
    decide,
    note_archived,
    withdraw,
)
from orchestration.lib.landing.trail import note_changes
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect, quote, transaction

logger = logging.getLogger("monitor")

HEADERS = (
    "delivery",
    "row_number",
    "column",
    "old_value",
    "new_value",
    "reason",
    "requested_by_role",
    "date",
)
WHOLE_ROW = "*"
SHOWN = 10  # complaints in one refusal
SCHEMA = pa.schema(
    [
        pa.field("line_number", pa.int64()),
        pa.field("wave_id", pa.string()),
        pa.field("respondent_group", pa.string()),
        pa.field("delivery_id", pa.string()),
        pa.field("row_number", pa.int64()),
        pa.field("variable", pa.string()),
        pa.field("old_value", pa.string()),
        pa.field("new_value", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("requested_by_role", pa.string()),
        pa.field("requested_on", pa.date32()),
    ]
)


class Line(NamedTuple):
    """One correction, with the number of its row in the file (the header being 1)."""

    line_number: int
    wave_id: str
    respondent_group: str
    delivery_id: str
    row_number: int
    variable: str
    old_value: str | None
    new_value: str | None
    reason: str
    requested_by_role: str
    requested_on: date


class _Complaints:
    """What is wrong with a file of corrections, line by line."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        self.texts: list[str] = []

    def add(self, line: int, column: str, text: str) -> None:
        self.texts.append(f"{self.file_name}, line {line}, column {column}: {text}")

    def __str__(self) -> str:
        more = len(self.texts) - SHOWN
        return " ".join([*self.texts[:SHOWN], *([f"And {more} more."] if more > 0 else [])])


def _rows(path: Path, file_name: str) -> list[dict[str, str]]:
    """The rows of the file by header, trimmed.

    Raises:
        DeliveryError: the file cannot be read, or has other columns.
    """
    table = read(path, ReadOptions())
    headers = [normalise_name(column) for column in table.columns]
    if sorted(headers) != sorted(HEADERS):
        raise DeliveryError(
            f"{file_name}: has the columns {', '.join(table.columns)}; a file of corrections has "
            f"{', '.join(HEADERS)}."
        )
    return [
        {header: (value or "").strip() for header, value in zip(headers, values, strict=True)}
        for arrays in table.batches
        for values in zip(*(array.to_pylist() for array in arrays), strict=True)
    ]


def _date(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d-%m-%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _read_lines(
    connection: duckdb.DuckDBPyConnection, delivery: Delivery, codebook: Codebook, file_name: str
) -> list[Line]:
    """The corrections of a file, each with the group and plain column that it is about.

    Raises:
        DeliveryError: the file is no list of corrections; the message names line and column.
    """
    groups = dict(
        connection.execute(
            "select delivery_id, respondent_group from raw.deliveries where wave_id = ?",
            [delivery.wave_id],
        ).fetchall()
    )
    complaints = _Complaints(file_name)
    lines: list[Line] = []
    seen: dict[tuple[str, int, str], int] = {}
    for number, row in enumerate(_rows(delivery.path, file_name), 2):
        group = groups.get(row["delivery"])
        if group not in codebook.groups:
            complaints.add(
                number,
                "delivery",
                f"{row['delivery']!r} is no delivery of {delivery.wave_id}. Take the delivery_id "
                "of core.fct_responses or core.quarantined_values.",
            )
            continue
        if not re.fullmatch("[0-9]{1,9}", row["row_number"]) or not int(row["row_number"]):
            complaints.add(number, "row_number", "must be a whole number from 1.")
            continue
        variable = _variable(row, codebook, delivery.wave_id, group, complaints, number)
        requested_on = _date(row["date"])
        if requested_on is None:
            complaints.add(number, "date", "must be a date such as 2026-11-24.")
        for column in ("reason", "requested_by_role"):
            if not row[column]:
                complaints.add(number, column, "is empty: who reads it later must know.")
            elif personal_data(row[column]):
                complaints.add(number, column, "seems to tell who somebody is. Leave that out.")
        if variable is None or requested_on is None:
            continue
        cell = (row["delivery"], int(row["row_number"]), variable)
        if cell in seen:
            complaints.add(number, "column", f"corrects the cell of line {seen[cell]} again.")
        seen[cell] = number
        lines.append(
            Line(
                number,
                delivery.wave_id,
                group,
                *cell,
                row["old_value"] or None,
                row["new_value"] or None,
                row["reason"],
                row["requested_by_role"],
                requested_on,
            )
        )
    if complaints.texts:
        raise DeliveryError(str(complaints))
    return lines


def _variable(
    row: dict[str, str],
    codebook: Codebook,
    wave_id: str,
    group: str,
    complaints: _Complaints,
    number: int,
) -> str | None:
    """The plain name of the column of a correction; None after a complaint."""
    if row["column"] == WHOLE_ROW:
        if row["old_value"] or row["new_value"]:
            complaints.add(number, "column", "`*` takes the row out: leave both values empty.")
            return None
        return WHOLE_ROW
    variables = codebook.variables(wave_id, group)
    names = {normalise_name(variable.column_name): variable for variable in variables}
    names |= {variable.variable: variable for variable in variables}
    variable = names.get(normalise_name(row["column"]))
    if variable is None:
        near = did_you_mean(row["column"], [v.column_name for v in variables])
        complaints.add(number, "column", f"{row['column']!r} is no column of {group}.{near}")
        return None
    if variable.role == "identifier" or not variable.is_kept:
        way_out = {
            "identifier": "ask the agency for a corrected delivery",
            "open_text": "`make purge-open-text` deletes open answers",
        }.get(variable.role, "it is not kept")
        complaints.add(
            number,
            "column",
            f"{row['column']!r} has the role {variable.role} and cannot be corrected: {way_out}.",
        )
        return None
    return variable.variable


def stale(connection: duckdb.DuckDBPyConnection, lines: Iterable[Line], file_name: str) -> str:
    """What no longer fits the accepted deliveries, by file, line and column; nothing: empty.

    A correction is stale when its delivery is not the accepted one any more, or when the cell
    does not hold the old value. That of a delivery which is withdrawn, with none in its place,
    waits with it.
    """
    register = {
        delivery_id: (status, superseded_by, row_count)
        for delivery_id, status, superseded_by, row_count in connection.execute(
            "select delivery_id, status, superseded_by, row_count from raw.deliveries"
        ).fetchall()
    }
    accepted = set(
        connection.execute(
            "select wave_id, respondent_group from raw.deliveries where status = 'accepted'"
        ).fetchall()
    )
    complaints = _Complaints(file_name)
    for line in lines:
        status, superseded_by, row_count = register.get(line.delivery_id, ("unknown", None, 0))
        if status == "withdrawn" and (line.wave_id, line.respondent_group) not in accepted:
            continue
        if status != "accepted":
            by = f" by {superseded_by}" if superseded_by else ""
            complaints.add(
                line.line_number,
                "delivery",
                f"expected an accepted delivery, found that {line.delivery_id} is {status}{by}. "
                "Look whether the accepted delivery still needs the correction: give its id and "
                "row number, or take the line out.",
            )
        elif line.row_number > row_count:
            complaints.add(
                line.line_number,
                "row_number",
                f"expected at most {row_count}, the rows of the delivery, found {line.row_number}.",
            )
        elif line.variable != WHOLE_ROW:
            row = connection.execute(
                f"select nullif(trim({quote(line.variable)}), '') "
                f"from raw.{quote(line.respondent_group)} where delivery_id = ? and row_number = ?",
                [line.delivery_id, line.row_number],
            ).fetchone()
            found = row[0] if row else None
            if found != line.old_value:
                complaints.add(
                    line.line_number,
                    line.variable,
                    f"expected {_shown(line.old_value)}, found {_shown(found)} in row "
                    f"{line.row_number}. Correct old_value when the line is still right, or take "
                    "it out.",
                )
    return str(complaints)


def _shown(value: str | None) -> str:
    return "an empty cell" if value is None else repr(value[:40])


def correction_path(settings: Settings, wave_id: str, delivery_id: str) -> Path:
    """The durable copy of a file of corrections."""
    return settings.archive / CORRECTIONS / f"wave_id={wave_id}" / f"{delivery_id}.parquet"


def _land(
    connection: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    codebook: Codebook,
    settings: Settings,
    clock: Clock,
) -> Outcome:
    """Archive, land and judge one file of corrections, unless it is accepted already."""
    wave_id, name = delivery.wave_id, f"{delivery.wave_id}/{delivery.path.name}"
    sha256 = file_sha256(delivery.path)
    identity = json.dumps([wave_id, CORRECTIONS, sha256])
    delivery_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
    known = connection.execute(
        "select row_count from raw.deliveries where delivery_id = ? and status = 'accepted'",
        [delivery_id],
    ).fetchone()
    if known:
        return Outcome(wave_id, CORRECTIONS, delivery_id, name, "unchanged", known[0])
    row: dict[str, object] = {
        "delivery_id": delivery_id,
        "wave_id": wave_id,
        "respondent_group": CORRECTIONS,
        "file_name": delivery.path.name,
        "sha256": sha256,
        "size_bytes": delivery.path.stat().st_size,
        "format": "csv",
        "landed_at": clock(),
        "is_synthetic": delivery.is_synthetic,
    }
    try:
        lines = _read_lines(connection, delivery, codebook, name)
        if complaints := stale(connection, lines, name):
            raise DeliveryError(complaints)
    except DeliveryError as error:
        reason = str(error) if str(error).startswith(name) else f"{wave_id}/{error}"
        refusal = {"status": "refused", "decided_at": clock(), "refusal_reason": reason}
        _register(connection, row | refusal)
        return Outcome(wave_id, CORRECTIONS, delivery_id, name, "refused", reason=reason)
    target = correction_path(settings, wave_id, delivery_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".part")
    columns = zip(*lines, strict=True) if lines else [()] * len(SCHEMA)
    arrays = [pa.array(column, f.type) for column, f in zip(columns, SCHEMA, strict=True)]
    pq.write_table(pa.table(arrays, schema=SCHEMA), draft)
    draft.replace(target)
    landed = {"status": "landed", "row_count": len(lines), "column_count": len(HEADERS)}
    with transaction(connection):
        connection.execute(
            "delete from raw.corrections where correction_file_id = ?", [delivery_id]
        )
        connection.execute(
            "insert into raw.corrections by name select ? as correction_file_id, * "
            "from read_parquet(?, hive_partitioning = false)",
            [delivery_id, str(target)],
        )
        note_archived(connection, settings, delivery_id, [target])
        _register(connection, row | landed)
    decide(connection, [delivery_id], {}, clock)
    return Outcome(wave_id, CORRECTIONS, delivery_id, name, "landed", len(lines))


def _judge_again(connection: duckdb.DuckDBPyConnection, clock: Clock) -> list[Outcome]:
    """Refuse accepted files that a later delivery made stale."""
    outcomes = []
    for delivery_id, wave_id, file_name in connection.execute(
        "select delivery_id, wave_id, file_name from raw.deliveries "
        "where respondent_group = ? and status = 'accepted' order by wave_id",
        [CORRECTIONS],
    ).fetchall():
        lines = [
            Line(*row)
            for row in connection.execute(
                f"select {', '.join(Line._fields)} from raw.corrections "
                "where correction_file_id = ? order by line_number",
                [delivery_id],
            ).fetchall()
        ]
        name = f"{wave_id}/{file_name}"
        if reason := stale(connection, lines, name):
            decide(connection, [delivery_id], {delivery_id: reason}, clock)
            outcomes.append(
                Outcome(wave_id, CORRECTIONS, delivery_id, name, "refused", reason=reason)
            )
    return outcomes


def take_corrections(
    settings: Settings,
    codebook: Codebook,
    waves: Iterable[str] | None = None,
    clock: Clock = datetime.now,
) -> list[Outcome]:
    """Land the files of corrections of the given waves or all, and judge all that count.

    After the raw gate, because they are held against the deliveries that it accepted.
    """
    found = discover(settings.landing, codebook, waves)
    with connect(settings.warehouse) as connection:
        for wave_id, group in sorted(found.withdrawn):
            if group == CORRECTIONS:
                withdraw(connection, wave_id, group)
        outcomes = [
            _land(connection, delivery, codebook, settings, clock) for delivery in found.corrections
        ]
        here = [outcome.delivery_id for outcome in outcomes]
        # a refusal stands as long as its file lies there
        connection.execute(
            """
            update raw.deliveries as gone
            set status = case when later.delivery_id is null then 'withdrawn' else 'superseded' end,
                superseded_by = later.delivery_id
            from (select unnest(?::varchar[]) as wave_id) as wanted
            left join (select * from raw.deliveries where list_contains(?, delivery_id)) as later
                using (wave_id)
            where gone.wave_id = wanted.wave_id and gone.respondent_group = ?
                and gone.status in ('landed', 'refused') and not list_contains(?, gone.delivery_id)
            """,
            [codebook.waves if waves is None else list(waves), here, CORRECTIONS, here],
        )
        outcomes += _judge_again(connection, clock)
        note_changes(connection, clock)
    for outcome in outcomes:
        if outcome.status != "unchanged":
            logger.info(
                "%s: %d corrections, %s", outcome.file_name, outcome.row_count, outcome.status
            )
    return outcomes
