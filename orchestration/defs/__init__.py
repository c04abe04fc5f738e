"""Dagster wiring: assets, checks, partitions and resources. The work is in `orchestration.lib`."""

import warnings

import dagster as dg

# Single-run backfills are marked beta; the version is pinned, so that nobody needs the reminder.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
