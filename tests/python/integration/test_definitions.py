"""What Dagster loads: assets from raw to release, their checks, and the lineage between them."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration.lib.codebook import Codebook
from orchestration.lib.dbt import warehouse_name
from orchestration.lib.settings import ROOT

LONGEST_NAME = 60
GRAPH = Path(__file__).with_name("asset_graph.txt")
# what only runs need, and what makes loading slow
HEAVY = {"great_expectations", "pandas", "altair", "scipy", "polars", "sqlfluff", "report"}


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    from orchestration.definitions import defs

    dg.Definitions.validate_loadable(defs)
    return defs.resolve_asset_graph()


def _described(graph: dg.AssetGraph) -> Iterator[str]:
    """The definitions in words, a line for each thing that may change."""
    by_group: dict[str, list[dg.AssetKey]] = {}
    for key in sorted(graph.get_all_asset_keys()):
        by_group.setdefault(graph.get(key).group_name, []).append(key)
    for group, keys in sorted(by_group.items()):
        yield f"group {group}"
        for key in keys:
            node = graph.get(key)
            facts = [", ".join(sorted(node.kinds or [])), *node.owners]
            if node.partitions_def:
                facts.append("a partition a wave")
            if node.is_external:
                facts.append("made elsewhere")
            if node.automation_condition:
                facts.append(f"automation {node.automation_condition}")
            yield f"  {key.to_user_string()}: {'; '.join(facts)}"
            yield from (
                f"    from {parent.to_user_string()}" for parent in sorted(node.parent_keys)
            )
            for check in sorted(node.check_keys, key=lambda check: check.name):
                blocks = " (blocks)" if graph.get_check_spec(check).blocking else ""
                # dbt names a test after all its arguments
                yield f"    check {check.name[:LONGEST_NAME]}{blocks}"
    yield f"waves {', '.join(Codebook().waves)}"
    from orchestration.defs import jobs, schedules, sensors

    for job in (jobs.refresh, jobs.audit):
        yield f"job {job.name}"
    for schedule in schedules.schedules:
        when = f"{schedule.cron_schedule} {schedule.execution_timezone}"
        yield f"schedule {schedule.name}: {when}; job {schedule.job_name}"
    for sensor in sensors.sensors:
        yield f"sensor {sensor.name}: every {sensor.minimum_interval_seconds} s"


def test_the_graph_is_the_one_that_was_looked_at(graph: dg.AssetGraph) -> None:
    """MONITOR_WRITE_GRAPH=1 writes the file anew; read then what `git diff` says of it."""
    described = "\n".join(_described(graph)) + "\n"
    if os.environ.get("MONITOR_WRITE_GRAPH"):
        GRAPH.write_text(described, encoding="utf-8")
    assert described.splitlines() == GRAPH.read_text(encoding="utf-8").splitlines()


def test_every_asset_says_what_it_is_and_whose(graph: dg.AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners and all(owner.startswith("team:") for owner in node.owners), key
        assert node.group_name != "default", key
        assert node.kinds, key


def test_definitions_load_nothing_that_only_runs_need(graph: dg.AssetGraph) -> None:
    """`graph` has prepared the manifest: a process that loads the definitions parses nothing."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import orchestration.definitions, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not HEAVY & set(loaded)
    assert "dbt.parser.manifest" not in loaded


def test_every_group_has_a_raw_asset_partitioned_by_wave(graph: dg.AssetGraph) -> None:
    for group in Codebook().groups:
        node = graph.get(dg.AssetKey(["raw", group]))
        assert node.partitions_def is not None
        assert node.partitions_def.get_partition_keys() == Codebook().waves


def test_lineage_is_unbroken_from_raw_to_release(graph: dg.AssetGraph) -> None:
    release = dg.AssetKey(["published", "current"])
    ancestors = graph.get_ancestor_asset_keys(release)
    assert dg.AssetKey(["landing", "files"]) in ancestors
    assert {dg.AssetKey(["raw", group]) for group in Codebook().groups} <= ancestors
    stubs = [
        key for key in ancestors if "dagster/auto_created_stub_asset" in graph.get(key).metadata
    ]
    assert not stubs
    assert dg.AssetKey(["raw", "deliveries"]) in ancestors
    assert dg.AssetKey(["codebook", "variables"]) in ancestors
    assert dg.AssetKey(["published", "fct_indicator_estimates"]) in ancestors


def test_both_gates_block(graph: dg.AssetGraph) -> None:
    checks = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}
    assert checks["raw_gate"].blocking and checks["publication_gate"].blocking
    gated = {key.asset_key.path[-1] for key in graph.asset_check_keys if key.name == "raw_gate"}
    assert gated == {*Codebook().groups, "deliveries"}


def test_every_part_of_a_refresh_takes_its_turn_also_alone() -> None:
    from orchestration.definitions import defs

    parts = defs.resolve_job_def("refresh").nodes
    without = {
        part.name for part in parts if not part.definition.required_resource_keys & {"gates"}
    }
    assert len(parts) > len(Codebook().groups) and without == set()


def test_data_tests_are_checks_and_unit_tests_are_not(graph: dg.AssetGraph) -> None:
    names = {key.name for key in graph.asset_check_keys}
    assert "rows_landed_are_kept_or_dropped" in names
    assert not any("respondents_of_one_unit" in name for name in names)


def test_the_profile_in_the_root_is_the_one_in_profiles() -> None:
    assert filecmp.cmp(ROOT / "profiles.yml", ROOT / "profiles" / "profiles.yml", shallow=False)


def test_dbt_is_told_the_warehouse_as_the_profile_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    default = ROOT / "warehouse" / "monitor.duckdb"
    profile = (ROOT / "profiles.yml").read_text(encoding="utf-8")
    assert f"env_var('MONITOR_WAREHOUSE', '{warehouse_name(default)}')" in profile
    assert warehouse_name(tmp_path / "monitor.duckdb") == str(tmp_path / "monitor.duckdb")
    # a relative name leads elsewhere from another folder
    monkeypatch.chdir(tmp_path)
    assert warehouse_name(default) == str(default)


def test_the_event_log_still_opens_a_connection_per_event(tmp_path: Path) -> None:
    """`refresh` keeps Dagster's connections; this fails when Dagster makes that needless."""
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

    from orchestration.refresh import _kept_event_log

    def connections(storage: SqliteEventLogStorage) -> list[object]:
        found = []
        for _ in range(2):
            with storage.index_connection() as connection:
                found.append(connection.connection.dbapi_connection)
        return found

    with _kept_event_log():
        storage = SqliteEventLogStorage(str(tmp_path))
        kept = connections(storage)
        with storage.index_connection() as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 1
    assert kept[0] is kept[1]
    assert not list(tmp_path.glob("*-wal"))  # closed: what was written stands in the file itself
    opened = connections(storage)
    assert opened[0] is not opened[1]
