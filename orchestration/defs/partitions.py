"""Waves as partitions, from the codebook."""

import dagster as dg

from orchestration.lib.codebook import Codebook

codebook = Codebook()
waves = dg.StaticPartitionsDefinition(codebook.waves)
