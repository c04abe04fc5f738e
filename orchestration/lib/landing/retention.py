"""Delete what need not be kept: originals of which the archive has a copy."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from orchestration.lib.landing.discovery import file_sha256
from orchestration.lib.landing.trail import DELETED, Clock, note
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect


def retain(settings: Settings, clock: Clock = datetime.now) -> list[str]:
    """Do what the settings say of retention; returns the originals that were deleted.

    An original goes `keep_originals_days` after its delivery was accepted, when it is still the
    file that was landed and every copy in the archive still has the hash that it was written with.
    """
    with connect(settings.warehouse) as connection:
        if settings.keep_originals_days is None:
            return []
        limit = clock() - timedelta(days=settings.keep_originals_days)
        return [
            f"{wave_id}/{file_name}"
            for delivery_id, wave_id, file_name, sha256 in connection.execute(
                "select delivery_id, wave_id, file_name, sha256 from raw.deliveries "
                "where status = 'accepted' and decided_at <= ? "
                "and respondent_group <> 'corrections' order by wave_id, file_name",
                [limit],
            ).fetchall()
            if _delete_original(
                connection, settings, (delivery_id, wave_id, file_name, sha256), clock
            )
        ]


def _delete_original(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    delivery: tuple[str, str, str, str],
    clock: Clock,
) -> bool:
    delivery_id, wave_id, file_name, sha256 = delivery
    original = settings.landing / wave_id / file_name
    if not original.is_file() or original.is_symlink() or file_sha256(original) != sha256:
        return False
    copies = connection.execute(
        "select file, sha256 from raw.archived_files where delivery_id = ?", [delivery_id]
    ).fetchall()
    whole = [
        (settings.archive / file).is_file() and file_sha256(settings.archive / file) == copy_sha
        for file, copy_sha in copies
    ]
    if len(whole) != 2 or not all(whole):
        return False
    # told first: a file that is gone without a word would look as if the agency took it away
    note(connection, delivery_id, DELETED, f"{wave_id}/{file_name}", clock)
    original.unlink()
    return True
