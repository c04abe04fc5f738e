"""What Dagster loads."""

import dagster as dg

from orchestration.defs import (
    catalogue,
    duty,
    gates,
    jobs,
    landing,
    publication,
    resources,
    schedules,
    sensors,
    transformation,
)

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        catalogue.owned,
        [*catalogue.sources, *landing.assets, transformation.warehouse, publication.release],
    ),
    asset_checks=[
        gates.raw_gate,
        gates.publication_gate,
        duty.deliveries_keep_coming,
        duty.release_audit,
    ],
    jobs=[jobs.refresh, jobs.audit],
    schedules=schedules.schedules,
    sensors=sensors.sensors,
    resources={"gates": resources.gates},
    executor=dg.in_process_executor,
)
