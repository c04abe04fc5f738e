"""What Dagster loads."""

import dagster as dg

from orchestration.defs import gates, jobs, landing, publication, resources, transformation

defs = dg.Definitions(
    assets=[*landing.assets, transformation.warehouse, publication.release],
    asset_checks=[gates.raw_gate, gates.publication_gate],
    jobs=[jobs.refresh],
    resources={"gates": resources.gates},
    executor=dg.in_process_executor,
)
