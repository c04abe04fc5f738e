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
    result = publish(get_settings())
    deleted = retain(get_settings())
    pruned = prune(get_settings())
    return dg.MaterializeResult(
        metadata={
            "release_id": result.release_id,
            "status": result.status,
            "path": result.path,
            **release_facts(result.path, get_settings()),
            "originals_deleted": deleted,
            "releases_deleted": pruned,
            "differences": [str(difference) for difference in result.differences],
        }
    )
