"""The dbt project as assets, with its data tests as asset checks."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.defs.dbt_project import dbt_project
from orchestration.defs.landing import TURN, WRITER, observe_deliveries, selected_waves
from orchestration.lib.dbt import DbtError, build
from orchestration.lib.overview import fieldwork_tables, response_tables, row_counts
from orchestration.lib.publication import note_build
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import connect


class Translator(DagsterDbtTranslator):
    """Assets named as their tables, schema and alias, in groups named as the schemas."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] in ("model", "seed"):
            return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["alias"]])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["schema"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["description"])  # without the SQL, which dbt's pages have


translator = Translator()


@dbt_assets(
    manifest=dbt_project.manifest_path,
    project=dbt_project,
    dagster_dbt_translator=translator,
    exclude="resource_type:unit_test",
    pool=WRITER,
    required_resource_keys=TURN,
)
def warehouse(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Seeds, staging, intermediate models and marts, in one dbt build inside this process."""
    messages: list[DbtCoreCliEventMessage] = []
    failure: DbtError | None = None
    note_build(get_settings())
    try:
        build(
            lambda event: messages.append(
                DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
            )
        )
    except DbtError as error:  # what succeeded before the failure is told first
        failure = error
    else:
        observe_deliveries(context.log_event, selected_waves(context))
        _tell(context)
    for message in messages:
        yield from message.to_default_asset_events(
            manifest=dbt_project.manifest_path,
            dagster_dbt_translator=translator,
            context=context,
            project=dbt_project,
        )
    if failure:
        raise dg.Failure(description=str(failure)) from failure


def _tell(context: dg.AssetExecutionContext) -> None:
    """Rows of every table, the response and the fieldwork, on the pages of the assets."""
    with connect(get_settings().warehouse) as connection:
        counts = row_counts(connection)
        tables = {
            ("indicators", "fct_response_rates"): response_tables(connection),
            ("core", "fct_fieldwork_days"): fieldwork_tables(connection),
        }
    for key in context.selected_asset_keys:
        place = (key.path[0], key.path[-1])
        facts: dict[str, Any] = {"dagster/row_count": counts[place]} if place in counts else {}
        for name, table in tables.get(place, {}).items():
            facts[name] = dg.MetadataValue.md(table)
        context.add_asset_metadata(facts, asset_key=key)
