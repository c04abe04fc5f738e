"""Both quality gates as blocking asset checks, with the results per wave in their metadata."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from expectations.client import blocking
from orchestration.defs.landing import TURN, WRITER, assets, observe_deliveries, selected_waves
from orchestration.defs.partitions import codebook
from orchestration.lib.gates import judge_deliveries, judge_publication, standing_results
from orchestration.lib.landing.corrections import take_corrections
from orchestration.lib.landing.register import refused
from orchestration.lib.overview import markdown
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import connect

PUBLISHED = dg.AssetKey(["published", "fct_indicator_estimates"])


def _metadata(results: Iterable[dict[str, Any]], refusals: list[str]) -> dict[str, Any]:
    rows = list(results)
    table = []
    for wave_id in [*codebook.waves, None]:
        of_wave = [row for row in rows if row["wave_id"] == wave_id]
        if of_wave:
            failed = len(blocking(of_wave))
            warned = sum(not row["success"] for row in of_wave) - failed
            table.append((wave_id or "all", len(of_wave), failed, warned))
    messages = [row["message"] for row in rows if not row["success"]]
    return {
        "checks": len(rows),
        "failed": len(blocking(rows)),
        "results": dg.MetadataValue.md(markdown(["wave", "#checks", "#failed", "#warned"], table)),
        "messages": dg.MetadataValue.md("\n\n".join([*refusals, *messages]) or "none"),
        "data_docs": dg.MetadataValue.path(str(get_settings().data_docs / "index.html")),
    }


@dg.multi_asset_check(
    name="raw_gate",
    specs=[
        dg.AssetCheckSpec(
            "raw_gate",
            asset=asset.key,
            blocking=True,
            description="Every delivery is readable, known to the codebook, and plausible.",
        )
        for asset in assets
    ],
    can_subset=True,
    pool=WRITER,
    required_resource_keys=TURN,
)
def raw_gate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Accept or refuse what has landed; any refusal that still stands stops the refresh here."""
    settings = get_settings()
    judge_deliveries(settings, context.resources.gates)
    take_corrections(settings, codebook, selected_waves(context))
    with connect(settings.warehouse) as connection:
        standing = refused(connection)
        results = standing_results(connection, "raw")
    if standing:  # the run ends here; else the marts tell more
        observe_deliveries(context.op_execution_context.log_event, selected_waves(context))
    for key in sorted(context.selected_asset_check_keys):
        group = key.asset_key.path[-1] if key.asset_key.path[-1] in codebook.groups else ""
        # what belongs to no group, corrections among them, is judged with the register
        refusals = [
            outcome.reason
            for outcome in standing
            if (outcome.respondent_group if outcome.respondent_group in codebook.groups else "")
            == group
        ]
        of_group = [row for row in results if row["respondent_group"] == group]
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=not refusals,
            description=" ".join(refusals) or None,
            metadata=_metadata(of_group, refusals),
        )


@dg.multi_asset_check(
    name="publication_gate",
    specs=[
        dg.AssetCheckSpec(
            "publication_gate",
            asset=PUBLISHED,
            blocking=True,
            description="What is about to be published is complete, plausible and protected.",
        )
    ],
    pool=WRITER,
    required_resource_keys=TURN,
)
def publication_gate(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Stop the release when what is about to be published is not whole, plausible and safe."""
    results = judge_publication(get_settings(), context.resources.gates)
    context.resources.gates.close()  # the last gate: the release needs the memory
    yield dg.AssetCheckResult(
        asset_key=PUBLISHED,
        check_name="publication_gate",
        passed=not blocking(results),
        description=" ".join(row["message"] for row in blocking(results)) or None,
        metadata=_metadata(results, []),
    )
