"""Dagster wiring: assets, checks, partitions and resources. The work is in `orchestration.lib`."""

import gc
import warnings

import dagster as dg

# Single-run backfills are marked beta; the version is pinned, so that nobody needs the reminder.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
# Definitions are many objects that stay; to look among them for garbage takes a sixth of the time
# that they load.
gc.set_threshold(50_000)
