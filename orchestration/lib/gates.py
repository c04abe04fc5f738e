"""Run the quality gates and act on their verdicts.

The checks stand in `expectations/` and run in a process of their own; here their results are
stored, deliveries are accepted or refused, and a failed publication gate is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import duckdb

from expectations.client import blocking
from expectations.codebook import Codebook, previous_delivery
from orchestration.lib.landing.register import decide, waiting
from orchestration.lib.publication import identify
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import connect, transaction

logger = logging.getLogger("monitor")

Result = dict[str, Any]
RESULT_COLUMNS = (
    "gate",
    "suite",
    "expectation",
    "wave_id",
    "respondent_group",
    "delivery_id",
    "compared_with",
    "severity",
    "success",
    "observed_value",
    "unexpected_count",
    "message",
)


class Worker(Protocol):
    """What runs a gate: see `expectations.client.GateWorker`."""

    def run(self, request: dict[str, Any]) -> dict[str, Any]: ...


def _store(connection: duckdb.DuckDBPyConnection, results: list[Result]) -> None:
    if results:
        marks = ", ".join("?" for _ in RESULT_COLUMNS)
        connection.executemany(
            f"insert into audit.quality_results ({', '.join(RESULT_COLUMNS)}) values ({marks})",
            [[row[column] for column in RESULT_COLUMNS] for row in results],
        )


def standing_results(connection: duckdb.DuckDBPyConnection, gate: str) -> list[Result]:
    """The last results of a gate; of the raw gate for deliveries that are accepted or refused."""
    rows = connection.execute(
        f"""
        select {", ".join(f"results.{column}" for column in RESULT_COLUMNS)}
        from audit.quality_results as results
        left join raw.deliveries as deliveries using (delivery_id)
        where results.gate = ?
            and (results.gate = 'publication' or deliveries.status in ('accepted', 'refused'))
        order by all
        """,
        [gate],
    ).fetchall()
    return [dict(zip(RESULT_COLUMNS, row, strict=True)) for row in rows]


def judge_deliveries(
    settings: Settings, worker: Worker, clock: Callable[[], datetime] = datetime.now
) -> None:
    """Raw gate over all deliveries that wait: store the results, accept or refuse each.

    A delivery is compared with the wave before. Where that has changed, by what was just decided,
    or because a delivery was withdrawn, the results of accepted deliveries are taken anew, so that
    they do not tell in which order things came; acceptance stays as it was decided.
    """
    with connect(settings.warehouse) as connection:
        deliveries = waiting(connection)
    if deliveries:
        _decide(settings, deliveries, _judge_raw(settings, worker, deliveries), clock)
    with connect(settings.warehouse) as connection:
        changed = _compared_with_others(connection)
    if changed:
        _judge_raw(settings, worker, changed)
        logger.info("raw gate: %d accepted deliveries compared anew", len(changed))


def _decide(
    settings: Settings,
    deliveries: list[dict[str, Any]],
    results: list[Result],
    clock: Callable[[], datetime],
) -> None:
    """Accept the deliveries, or refuse those of which an error failed."""
    refusals: dict[str, list[str]] = {}
    for row in blocking(results):
        refusals.setdefault(row["delivery_id"], []).append(row["message"])
    ids = [delivery["delivery_id"] for delivery in deliveries]
    with connect(settings.warehouse) as connection:
        decide(connection, ids, {key: " ".join(value) for key, value in refusals.items()}, clock)
    logger.info(
        "raw gate: %d deliveries, %d checks, %d accepted, %d refused",
        len(ids),
        len(results),
        len(ids) - len(refusals),
        len(refusals),
    )


def judge_again(settings: Settings, worker: Worker) -> None:
    """Results of deliveries that were accepted before, and are restored: that stays decided."""
    with connect(settings.warehouse) as connection:
        deliveries = waiting(connection)
    _judge_raw(settings, worker, deliveries)
    with connect(settings.warehouse) as connection:
        decide(connection, [delivery["delivery_id"] for delivery in deliveries], {})


def _run(settings: Settings, worker: Worker, **request: Any) -> list[Result]:
    places = {"warehouse": str(settings.warehouse), "data_docs": str(settings.data_docs)}
    results: list[Result] = worker.run(places | request)["results"]
    return results


def _judge_raw(
    settings: Settings, worker: Worker, deliveries: list[dict[str, Any]]
) -> list[Result]:
    """Run the raw gate; its results replace the earlier ones of these deliveries."""
    results = _run(settings, worker, gate="raw", deliveries=deliveries)
    ids = [delivery["delivery_id"] for delivery in deliveries]
    with connect(settings.warehouse) as connection, transaction(connection):
        connection.execute(
            "delete from audit.quality_results where list_contains(?, delivery_id)", [ids]
        )
        _store(connection, results)
    return results


def _compared_with_others(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Accepted deliveries whose results compare them with another past than they have now."""
    columns = ("delivery_id", "wave_id", "respondent_group", "is_synthetic")
    rows = connection.execute(
        f"""
        select {", ".join(f"deliveries.{column}" for column in columns)},
            any_value(results.compared_with)
        from raw.deliveries as deliveries
        inner join audit.quality_results as results using (delivery_id)
        where deliveries.status = 'accepted' and results.gate = 'raw'
        group by all
        order by deliveries.wave_id, deliveries.respondent_group, deliveries.delivery_id
        """
    ).fetchall()
    codebook = Codebook()
    changed = []
    for *values, compared_with in rows:
        delivery = dict(zip(columns, values, strict=True))
        past = previous_delivery(
            connection, codebook, delivery["wave_id"], delivery["respondent_group"]
        )
        if (past[1] if past else None) != compared_with:
            changed.append(delivery)
    return changed


def judge_publication(settings: Settings, worker: Worker) -> list[Result]:
    """Publication gate over the published models; its results replace the earlier ones."""
    with connect(settings.warehouse) as connection:
        is_synthetic = identify(connection)["is_synthetic"]
    results = _run(settings, worker, gate="publication", is_synthetic=is_synthetic)
    with connect(settings.warehouse) as connection, transaction(connection):
        connection.execute("delete from audit.quality_results where gate = 'publication'")
        _store(connection, results)
    logger.info("publication gate: %d checks, %d failed", len(results), len(blocking(results)))
    return results
