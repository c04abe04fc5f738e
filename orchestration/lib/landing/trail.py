"""The trail of deliveries: what became of each, when, and why, in `raw.delivery_events`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import duckdb

Clock = Callable[[], datetime]

PURGED = "open_text_purged"
DELETED = "original_deleted"


def note(
    connection: duckdb.DuckDBPyConnection,
    delivery_id: str,
    event: str,
    detail: str | None,
    clock: Clock = datetime.now,
) -> None:
    """Add an event of a delivery."""
    connection.execute(
        "insert into raw.delivery_events "
        "select coalesce(max(event_number), 0) + 1, ?, ?, ?, ? from raw.delivery_events",
        [delivery_id, event, clock(), detail],
    )


def note_changes(connection: duckdb.DuckDBPyConnection, clock: Clock = datetime.now) -> None:
    """Add an event for each delivery whose status is not the one that the trail ends with.

    What a killed run changed without telling is told by the next.
    """
    connection.execute(
        """
        with told as (
            select delivery_id, max_by(event, event_number) as status
            from raw.delivery_events
            where event not in (?, ?)
            group by delivery_id
        )
        insert into raw.delivery_events
        select
            (select coalesce(max(event_number), 0) from raw.delivery_events)
                + row_number() over (order by deliveries.landed_at, deliveries.delivery_id),
            deliveries.delivery_id,
            deliveries.status,
            ?,
            case
                when deliveries.status in ('refused', 'withdrawn') then deliveries.refusal_reason
                when deliveries.status = 'superseded' then 'by ' || deliveries.superseded_by
            end
        from raw.deliveries as deliveries
        left join told using (delivery_id)
        where deliveries.status is distinct from told.status
        """,
        [PURGED, DELETED, clock()],
    )
