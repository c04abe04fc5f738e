"""Raw assets, one a respondent group, and the register with what belongs to no group."""

import logging
from collections.abc import Callable, Iterable

import dagster as dg

from orchestration.defs.catalogue import files
from orchestration.defs.partitions import codebook, waves
from orchestration.lib.landing.discovery import discover
from orchestration.lib.landing.register import Outcome, land_group
from orchestration.lib.overview import delivery_facts, delivery_matrix, fates, markdown
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import connect

logger = logging.getLogger("monitor")

WRITER = "duckdb_writer"
TURN = {"gates"}  # the resource that takes the run's turn: every part of a refresh waits for it


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
    table = markdown(
        ["file", "status", "#rows", "reason"],
        [(o.file_name, o.status, o.row_count, o.reason) for o in rows],
    )
    return {
        "rows_landed": dg.MetadataValue.int(sum(outcome.row_count for outcome in rows)),
        "deliveries": dg.MetadataValue.md(table if rows else "no delivery"),
    }


def _columns(group: str) -> dg.TableSchema:
    """Columns of the raw table, with the header under which each is delivered."""
    headers = {
        variable.variable: f"{variable.role}, delivered as {variable.column_name!r}"
        for wave_id in codebook.waves
        for variable in codebook.variables(wave_id, group)
    }
    return dg.TableSchema(
        [
            dg.TableColumn("delivery_id", "varchar", "Delivery of the row"),
            dg.TableColumn("row_number", "bigint", "Number of the row in the delivered file"),
            *(
                dg.TableColumn(column, "varchar", headers[column])
                for column in codebook.raw_columns(group)
            ),
        ]
    )


def _raw_asset(group: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["raw", group],
        deps=[files],
        partitions_def=waves,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="landing",
        kinds={"duckdb", "parquet"},
        pool=WRITER,
        required_resource_keys=TURN,
        description=f"Delivered rows of group {group}: verbatim text, identifiers hashed. Each run "
        "observes what became of the delivery: rows kept and dropped, values, checks, its page.",
        metadata={"dagster/table_name": f"raw.{group}", "dagster/column_schema": _columns(group)},
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
    deps=[files],
    group_name="landing",
    kinds={"duckdb"},
    pool=WRITER,
    required_resource_keys=TURN,
    description="Register of deliveries: what came, and what became of it. This step records files "
    "that belong to no wave or group.",
    metadata={"dagster/table_name": "raw.deliveries"},
)
def deliveries(context: dg.AssetExecutionContext) -> None:
    """Put files that cannot be assigned to a group in the register, as refused."""
    settings = get_settings()
    selected = selected_waves(context)
    found = discover(settings.landing, codebook, selected)
    with connect(settings.warehouse) as connection:
        outcomes = land_group(connection, found, "", selected, codebook, settings)
    context.add_asset_metadata({"files_of_no_group": _metadata(outcomes)["deliveries"]})


def selected_waves(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
) -> list[str] | None:
    """The waves of the run, for a step that has no partitions of its own; None for all."""
    start = context.run.tags.get("dagster/asset_partition_range_start")
    end = context.run.tags.get("dagster/asset_partition_range_end")
    if start != end or start is None:
        return None
    return [start]


def observe_deliveries(
    log: Callable[[dg.AssetObservation], None], selected: list[str] | None
) -> None:
    """Tell on the pages of the raw assets what became of each delivery.

    Args:
        log: `log_event` of the step's context.
        selected: the waves of the run; None for all.
    """
    settings = get_settings()
    with connect(settings.warehouse) as connection:
        found = fates(connection)
    matrix = delivery_matrix(found, codebook.groups, codebook.waves)
    log(
        dg.AssetObservation(
            ["raw", "deliveries"], metadata={"outcomes": dg.MetadataValue.md(matrix)}
        )
    )
    for group in codebook.groups:
        for wave_id in selected or codebook.waves:
            here = [f for f in found if (f.wave_id, f.respondent_group) == (wave_id, group)]
            if here:
                log(
                    dg.AssetObservation(
                        ["raw", group],
                        partition=wave_id,
                        metadata=delivery_facts(here, settings),
                    )
                )


raw_assets = [_raw_asset(group) for group in codebook.groups]
assets = [*raw_assets, deliveries]
