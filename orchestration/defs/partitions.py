"""Waves as partitions, from the codebook."""

import dagster as dg

from orchestration.lib.codebook import Codebook

codebook = Codebook()
waves = dg.StaticPartitionsDefinition(codebook.waves)


def range_tags(wanted: list[str]) -> dict[str, str]:
    """Tags of one run over consecutive waves."""
    return {
        "dagster/asset_partition_range_start": wanted[0],
        "dagster/asset_partition_range_end": wanted[-1],
    }
