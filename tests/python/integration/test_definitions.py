"""What Dagster loads: assets from raw to release, their checks, and the lineage between them."""

from __future__ import annotations

import filecmp
from pathlib import Path

import dagster as dg
import pytest

from orchestration.lib.codebook import Codebook
from orchestration.lib.settings import ROOT


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    from orchestration.definitions import defs

    dg.Definitions.validate_loadable(defs)
    return defs.resolve_asset_graph()


def test_every_group_has_a_raw_asset_partitioned_by_wave(graph: dg.AssetGraph) -> None:
    for group in Codebook().groups:
        node = graph.get(dg.AssetKey(["raw", group]))
        assert node.partitions_def is not None
        assert node.partitions_def.get_partition_keys() == Codebook().waves


def test_lineage_is_unbroken_from_raw_to_release(graph: dg.AssetGraph) -> None:
    release = dg.AssetKey(["published", "current"])
    ancestors = graph.get_ancestor_asset_keys(release)
    assert {dg.AssetKey(["raw", group]) for group in Codebook().groups} <= ancestors
    assert dg.AssetKey(["raw", "deliveries"]) in ancestors
    assert dg.AssetKey(["codebook", "variables"]) in ancestors
    assert dg.AssetKey(["published", "fct_indicator_estimates"]) in ancestors


def test_both_gates_block(graph: dg.AssetGraph) -> None:
    checks = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}
    assert checks["raw_gate"].blocking and checks["publication_gate"].blocking
    gated = {key.asset_key.path[-1] for key in graph.asset_check_keys if key.name == "raw_gate"}
    assert gated == {*Codebook().groups, "deliveries"}


def test_data_tests_are_checks_and_unit_tests_are_not(graph: dg.AssetGraph) -> None:
    names = {key.name for key in graph.asset_check_keys}
    assert "rows_landed_are_kept_or_dropped" in names
    assert not any("respondents_of_one_unit" in name for name in names)


def test_the_profile_in_the_root_is_the_one_in_profiles() -> None:
    assert filecmp.cmp(ROOT / "profiles.yml", ROOT / "profiles" / "profiles.yml", shallow=False)


def test_the_event_log_still_makes_an_engine_per_event(tmp_path: Path) -> None:
    """`refresh` gives Dagster one engine a file; this fails when Dagster makes that needless."""
    from dagster._core.storage.event_log.sqlite import sqlite_event_log

    from orchestration import refresh

    original = sqlite_event_log.create_engine
    try:
        refresh._reuse_event_log_connections()
        storage = sqlite_event_log.SqliteEventLogStorage(str(tmp_path))

        def engines() -> set[int]:
            found = []
            for _ in range(2):
                with storage.index_connection() as connection:
                    found.append(connection.engine)
            return {id(engine) for engine in found}

        assert len(engines()) == 1
        sqlite_event_log.create_engine = original
        assert len(engines()) == 2
    finally:
        sqlite_event_log.create_engine = original
