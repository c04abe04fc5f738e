"""Raw assets, one a respondent group, and the register with what belongs to no group."""

import logging
from collections.abc import Iterable

import dagster as dg

from orchestration.defs.partitions import codebook, waves
from orchestration.lib.landing.discovery import discover
from orchestration.lib.landing.register import Outcome, land_group
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import connect

logger = logging.getLogger("monitor")

WRITER = "duckdb_writer"


def _land(context: dg.AssetExecutionContext, respondent_group: str) -> list[Outcome]:
    settings = get_settings()
    wanted = context.partition_keys
    found = discover(settings.landing, codebook, wanted)
    with connect(settings.warehouse) as connection:
        outcomes = land_group(connection, found, respondent_group, wanted, codebook, settings)
    for status in ("landed", "refused"):
        of_status = [outcome for outcome in outcomes if outcome.status == status]
        if of_status:
            rows = sum(outcome.row_count for outcome in of_status)
            logger.info(
                "%s: %d deliveries %s, %d rows", respondent_group, len(of_status), status, rows
            )
    return outcomes


def _metadata(outcomes: Iterable[Outcome]) -> dict[str, dg.MetadataValue]:
    rows = list(outcomes)
    table = ["| file | status | rows | reason |", "|---|---|---:|---|"]
    table += [f"| {o.file_name} | {o.status} | {o.row_count} | {o.reason} |" for o in rows]
    return {
        "rows": dg.MetadataValue.int(sum(outcome.row_count for outcome in rows)),
        "deliveries": dg.MetadataValue.md("\n".join(table) if rows else "no delivery"),
    }


def _raw_asset(group: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["raw", group],
        partitions_def=waves,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="landing",
        kinds={"duckdb"},
        pool=WRITER,
        description=f"Delivered rows of group {group}: verbatim text, identifiers hashed.",
    )
    def raw(context: dg.AssetExecutionContext) -> None:
        outcomes = _land(context, group)
        for wave_id in context.partition_keys:
            context.add_asset_metadata(
                _metadata(outcome for outcome in outcomes if outcome.wave_id == wave_id),
                asset_key=["raw", group],
                partition_key=wave_id,
            )

    return raw


@dg.asset(
    key=["raw", "deliveries"],
    group_name="landing",
    kinds={"duckdb"},
    pool=WRITER,
    description="Register of deliveries; this step records files that belong to no wave or group.",
)
def deliveries(context: dg.AssetExecutionContext) -> None:
    """Put files that cannot be assigned to a group in the register, as refused."""
    settings = get_settings()
    selected = selected_waves(context)
    found = discover(settings.landing, codebook, selected)
    with connect(settings.warehouse) as connection:
        land_group(connection, found, "", selected, codebook, settings)


def selected_waves(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> list[str] | None:
    """The waves of the run, for a step that has no partitions of its own; None for all."""
    start = context.run.tags.get("dagster/asset_partition_range_start")
    end = context.run.tags.get("dagster/asset_partition_range_end")
    if start != end or start is None:
        return None
    return [start]


raw_assets = [_raw_asset(group) for group in codebook.groups]
assets = [*raw_assets, deliveries]
