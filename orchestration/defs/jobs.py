"""The jobs: from the landing folder to the release, and the audit of what is published."""

import dagster as dg

from orchestration.defs.duty import release_audit

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all() - dg.AssetSelection.checks(release_audit),
    executor_def=dg.in_process_executor,
    tags={"dagster/retry_strategy": "ALL_STEPS"},
    description="Land, gate, build, gate, publish: all steps in one process, one dbt invocation.",
)

audit = dg.define_asset_job(
    "audit",
    selection=dg.AssetSelection.checks(release_audit),
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": "3600"},  # a replay ends by itself after half of that
    description="Is the release whole, and does the archive give it again?",
)
