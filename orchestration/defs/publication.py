"""The release: written beside the others once everything before it has passed."""

import dagster as dg

from orchestration.defs.landing import TURN, WRITER
from orchestration.defs.transformation import warehouse
from orchestration.lib.landing.retention import retain
from orchestration.lib.overview import release_facts
from orchestration.lib.publication import prune, publish
from orchestration.lib.settings import get_settings


@dg.asset(
    key=["published", "current"],
    deps=[key for key in sorted(warehouse.keys) if key.path[0] == "published"],
    group_name="publication",
    kinds={"duckdb", "parquet", "csv"},
    pool=WRITER,
    required_resource_keys=TURN,
    description="The release that readers see, published/current: tables, report and open data.",
)
def release() -> dg.MaterializeResult[None]:
    """Write the release, unless these inputs already have one, and make it current."""
    settings = get_settings()
    result = publish(settings)
    deleted = retain(settings)
    pruned = prune(settings)
    return dg.MaterializeResult(
        metadata={
            "release_id": result.release_id,
            "status": result.status,
            "path": result.path,
            # of one that waits while none is current there is nothing to tell
            **(release_facts(result.path, settings) if (result.path / "csv").exists() else {}),
            "originals_deleted": deleted,
            "releases_deleted": pruned,
            "differences": result.comparison.lines(),
            "told": result.comparison.told,
        }
    )
