"""Who owns which group of assets, and what the project reads without making it as an asset."""

import dagster as dg

from orchestration.defs.partitions import codebook, waves

# group of assets → who answers questions about it
OWNERS = {
    "landing": "team:data-engineering",
    "audit": "team:data-engineering",
    "staging": "team:data-engineering",
    "intermediate": "team:data-engineering",
    "core": "team:data-engineering",
    "codebook": "team:research",
    "reference": "team:research",
    "indicators": "team:research",
    "disclosure": "team:publication",
    "published": "team:publication",
    "publication": "team:publication",
}


def owned(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset with the owner of its group."""
    return spec.replace_attributes(owners=[OWNERS[str(spec.group_name)]])


files = dg.AssetSpec(
    ["landing", "files"],
    partitions_def=waves,
    group_name="landing",
    kinds={"csv", "excel", "spss"},
    description="What the agency delivered: landing/<wave_id>. The sensor tells of new files here.",
)

sources = [
    files,
    dg.AssetSpec(
        ["raw", "corrections"],
        deps=[files],
        group_name="landing",
        kinds={"duckdb"},
        description="Lines of the corrections.csv files that the raw gate accepted.",
    ),
    dg.AssetSpec(
        ["audit", "quality_results"],
        deps=[["raw", name] for name in [*codebook.groups, "deliveries"]],
        group_name="audit",
        kinds={"duckdb", "greatexpectations"},
        description="What both gates found, check by check; written while they run.",
    ),
    dg.AssetSpec(
        ["audit", "publication"],
        deps=[["raw", "deliveries"]],
        group_name="audit",
        kinds={"duckdb"},
        description="What the release that is being made depends on, as hashes; one row.",
    ),
]
