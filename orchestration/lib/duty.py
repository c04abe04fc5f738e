"""What whoever is on duty must know: refusals that stand, and waves that are overdue."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from orchestration.lib.alerts import Alert
from orchestration.lib.codebook import Codebook
from orchestration.lib.landing.discovery import CORRECTIONS
from orchestration.lib.landing.register import Outcome, refused

ZONE = ZoneInfo("Europe/Amsterdam")
QUIET_DAYS = 2


def now() -> datetime:
    """The time in the Netherlands, without zone; `MONITOR_NOW` puts tests in another month."""
    stated = os.environ.get("MONITOR_NOW")
    return datetime.fromisoformat(stated) if stated else datetime.now(ZONE).replace(tzinfo=None)


@dataclass(frozen=True)
class Freshness:
    """Whether deliveries of a wave in fieldwork keep coming in."""

    wave_id: str
    last_landed_at: datetime | None
    quiet_for: timedelta

    @property
    def is_overdue(self) -> bool:
        return self.quiet_for > timedelta(days=QUIET_DAYS)


def freshness(
    connection: duckdb.DuckDBPyConnection, codebook: Codebook, at: datetime
) -> list[Freshness]:
    """Each wave in fieldwork, with the time since its last delivery or the start of fieldwork."""
    found = []
    for wave_id in codebook.in_fieldwork(at.date()):
        row = connection.execute(
            "select max(landed_at) from raw.deliveries where wave_id = ? and status <> 'refused'",
            [wave_id],
        ).fetchone()
        last = row[0] if row else None
        began = datetime.combine(codebook.fieldwork[wave_id][0], datetime.min.time())
        found.append(Freshness(wave_id, last, at - max(last or began, began)))
    return found


def standing_alerts(
    connection: duckdb.DuckDBPyConnection, codebook: Codebook, at: datetime
) -> dict[str, Alert]:
    """What should be told now; a key stays the same as long as the cause does."""
    alerts = {
        f"refused {outcome.delivery_id}": Alert(
            f"Delivery {outcome.wave_id}/{outcome.file_name} is refused",
            _why_refused(connection, outcome),
            "Send the reason, or the delivery's page in the data docs, to the agency, and put the "
            "corrected file in its place. What is published is untouched.",
        )
        for outcome in refused(connection)
    }
    for wave in freshness(connection, codebook, at):
        if wave.is_overdue:
            last = wave.last_landed_at
            since = f"since {last:%Y-%m-%d %H:%M}" if last else "at all"
            alerts[f"overdue {wave.wave_id} {last}"] = Alert(
                f"Wave {wave.wave_id} is overdue",
                f"it is in fieldwork, and nothing was delivered {since}.",
                f"Ask the agency for the delivery, or correct `fieldwork_end` of {wave.wave_id} in "
                "seeds/codebook/waves.csv.",
            )
    return alerts


def _why_refused(connection: duckdb.DuckDBPyConnection, outcome: Outcome) -> str:
    """The reason, without what somebody answered: gates and corrections quote it, landing does
    not, and a message may pass many servers."""
    failed = connection.execute(
        "select distinct expectation from audit.quality_results "
        "where delivery_id = ? and not success and severity = 'error' order by all",
        [outcome.delivery_id],
    ).fetchall()
    if failed:
        return f"it fails {', '.join(check for (check,) in failed)}."
    if outcome.respondent_group == CORRECTIONS:
        return "lines of it do not fit the deliveries; `make refresh` says which."
    return outcome.reason


def is_closed(codebook: Codebook, wave_id: str, on: date) -> bool:
    """Whether somebody closed the wave, on that day or before."""
    closed = codebook.closed.get(wave_id)
    return closed is not None and closed <= on
