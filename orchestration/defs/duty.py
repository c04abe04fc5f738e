"""Checks that look at time: do deliveries keep coming in, and does the release still stand?"""

from collections.abc import Iterator

import dagster as dg

from orchestration.defs.landing import TURN, WRITER
from orchestration.defs.partitions import codebook
from orchestration.lib.duty import freshness, now
from orchestration.lib.overview import markdown
from orchestration.lib.publication import damaged_files
from orchestration.lib.replay import replay
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import connect


@dg.asset_check(
    asset=dg.AssetKey(["raw", "deliveries"]),
    name="deliveries_keep_coming",
    pool=WRITER,
    required_resource_keys=TURN,
    description="A wave in fieldwork has had a delivery in the last two days.",
)
def deliveries_keep_coming() -> dg.AssetCheckResult:
    """A warning: a late agency is no reason to stop a refresh."""
    with connect(get_settings().warehouse) as connection:
        found = freshness(connection, codebook, now())
    late = [wave for wave in found if wave.is_overdue]
    table = markdown(
        ["wave", "last delivery", "#days"],
        [(wave.wave_id, wave.last_landed_at or "none", wave.quiet_for.days) for wave in found],
    )
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"wave {wave.wave_id} is in fieldwork without a delivery for {wave.quiet_for.days} "
            "days: ask the agency"
            for wave in late
        )
        or ("all are on time" if found else "no wave is in fieldwork"),
        metadata={"waves": dg.MetadataValue.md(table)},
    )


@dg.multi_asset_check(
    name="release_audit",
    specs=[
        dg.AssetCheckSpec(
            "files_are_whole",
            asset=dg.AssetKey(["published", "current"]),
            description="Every file of the release has the checksum that release.json states.",
        ),
        dg.AssetCheckSpec(
            "archive_gives_it_again",
            asset=dg.AssetKey(["published", "current"]),
            description="Rebuilt from the archive in a clean place, the release is the same.",
        ),
    ],
    can_subset=True,
    pool=WRITER,
)
def release_audit(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """What the weekly audit looks at."""
    settings = get_settings()
    for key in sorted(context.selected_asset_check_keys):
        if key.name == "files_are_whole":
            complaints = damaged_files(settings)
        else:
            complaints = replay(settings).differences
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=not complaints,
            description="; ".join(complaints[:10]) or "as it should be",
        )
