"""The one job: from the landing folder to the release."""

import dagster as dg

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="Land, gate, build, gate, publish: all steps in one process, one dbt invocation.",
)
