"""Refusal, correction, rollback, interruption: what is published stays whole through all of it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path

import dagster as dg
import pytest
from fixtures.daemon import look_at_failure

from conftest import Workspace, WorkspaceFactory
from orchestration.lib.home import open_instance
from simulation import simulate

WAVE = "2026-najaar"


def _statuses(workspace: Workspace, group: str) -> list[tuple[str, bool]]:
    return workspace.query_warehouse(
        "select status, superseded_by is not null from raw.deliveries "
        "where wave_id = ? and respondent_group = ? order by landed_at",
        WAVE, group,
    )  # fmt: skip


def test_a_refused_file_stops_the_release_and_nothing_else(small: Workspace) -> None:
    """An unknown column: named, exit status 1, the others land, the release is untouched."""
    before = small.query("select * from publication")
    leraar, bestuur = (small.landing / WAVE / f"{name}.csv" for name in ("leraar", "bestuur"))
    good = {path: path.read_text(encoding="utf-8-sig") for path in (leraar, bestuur)}
    leraar.write_text(good[leraar].replace("Q01", "Q01_nieuw", 1), encoding="utf-8")
    rows = good[bestuur].splitlines()
    bestuur.write_text("\n".join(rows[:-1]) + "\n", encoding="utf-8")

    result = small.run("refresh")

    assert result.returncode == 1
    assert f"{WAVE}/leraar.csv" in result.stdout and "Q01_nieuw" in result.stdout
    assert "Traceback" not in result.stdout
    assert _statuses(small, "leraar") == [("accepted", False), ("refused", False)]
    assert _statuses(small, "bestuur") == [("superseded", True), ("accepted", False)]
    assert small.query("select * from publication") == before
    assert len(small.releases) == 1
    leraar.write_text(good[leraar], encoding="utf-8-sig")


def test_a_correction_of_one_respondent_waits_for_its_batch(small: Workspace) -> None:
    """The board that is gone could be read from the difference of two releases."""
    before = small.query("select release_id from publication")
    result = small.run("refresh")
    assert result.returncode == 0, result.stdout
    assert "waiting" in result.stdout and "BATCH=true" in result.stdout
    assert f"{WAVE}, bestuur, D5.1: " in result.stdout
    assert "the fewest of 1 respondent, since release" in result.stdout
    assert small.query("select release_id from publication") == before
    assert len(small.releases) == 1


def test_the_corrected_delivery_is_published(small: Workspace) -> None:
    before = small.query("select release_id from publication")
    small.more_env["MONITOR_RELEASE_BATCH"] = "true"
    result = small.run("refresh")
    del small.more_env["MONITOR_RELEASE_BATCH"]
    assert result.returncode == 0, result.stdout
    assert small.query("select release_id from publication") != before
    assert len(small.releases) == 2
    told = json.loads((small.published / "current" / "release.json").read_text())["told"]
    assert told["fewest_respondents"] == 1 and told["incomparable_releases"] == []
    assert f"in {told['figures']} figures {told['answers']} answers" in result.stdout
    assert 0 < told["answers"] <= told["figures"]
    assert [row[0] for row in _statuses(small, "leraar")] == ["accepted", "superseded"]
    landed = small.query_warehouse(
        "select count(*) from core.fct_responses r join raw.deliveries d using (delivery_id) "
        "where d.status <> 'accepted'"
    )
    assert landed == [(0,)]


def test_the_raw_gate_refuses_what_lands_but_cannot_be_right(small: Workspace) -> None:
    """Codes beyond the scale: the delivery lands, the gate refuses it and quotes the values."""
    path = small.landing / WAVE / "schoolleider.csv"
    good = path.read_text(encoding="utf-8-sig")
    header, *rows = csv.reader(io.StringIO(good))
    for row in rows:
        row[header.index("Q01")] = "7"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    before = small.query("select * from publication")

    result = small.run("refresh")

    assert result.returncode == 1
    assert "'7'" in result.stdout and "q01" in result.stdout
    assert small.query("select * from publication") == before
    assert _statuses(small, "schoolleider") == [("accepted", False), ("refused", False)]
    path.write_text(good, encoding="utf-8-sig")
    # who is told of the refusal is not told of its run too
    with open_instance(small.folder / "dagster") as instance:
        (failed, *_) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        answer = look_at_failure(instance, failed.run_id)
    assert isinstance(answer, dg.SkipReason) and "the duty officer tells" in str(answer)


def test_rollback_moves_back_and_a_refresh_does_not_undo_it(small: Workspace) -> None:
    newest = small.query("select release_id from publication")[0][0]
    result = small.run("rollback")
    assert result.returncode == 0, result.stdout
    older = small.query("select release_id from publication")[0][0]
    assert older != newest
    current = json.loads((small.published / "current.json").read_text(encoding="utf-8"))
    assert current["release_id"] == older

    assert small.run("refresh").returncode == 0
    assert small.query("select release_id from publication") == [(older,)]

    assert small.run("rollback", "--to", newest).returncode == 0
    assert small.query("select release_id from publication") == [(newest,)]
    unknown = small.run("rollback", "--to", "nonsense")
    assert unknown.returncode == 1 and "nonsense" in unknown.stdout
    assert "Traceback" not in unknown.stdout


def test_a_second_refresh_is_told_to_wait(small: Workspace) -> None:
    first = small.start("refresh")
    time.sleep(2.5)
    second = small.run("refresh")
    output, _ = first.communicate(timeout=300)
    assert second.returncode == 1
    assert "another refresh" in second.stdout and "Traceback" not in second.stdout
    assert first.returncode == 0, output


@pytest.mark.parametrize("seconds", [5.0, 11.0])
def test_a_killed_refresh_leaves_the_release_and_can_be_repeated(
    small: Workspace, seconds: float
) -> None:
    before = small.query("select * from fct_indicator_estimates order by estimate_id")
    process = small.start("refresh")
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert small.query("select * from fct_indicator_estimates order by estimate_id") == before
    for _ in range(20):  # the gates' process ends by itself when its caller is gone
        result = small.run("refresh")
        if "in use by another process" not in result.stdout:
            break
        time.sleep(0.5)
    assert result.returncode == 0, result.stdout
    assert small.query("select * from fct_indicator_estimates order by estimate_id") == before
    assert not list((small.published / "releases").glob(".*"))


def test_unknown_waves_are_named(workspace: WorkspaceFactory) -> None:
    empty = workspace()
    wrong = empty.run("refresh", "--wave", "2023-voorjaar")
    assert wrong.returncode == 1
    assert "2023-voorjaar" in wrong.stdout and "2023-najaar" in wrong.stdout
    nothing = empty.run("refresh")
    assert nothing.returncode == 1 and "no deliveries" in nothing.stdout


def test_an_unknown_wave_is_refused_beside_a_single_known_one(workspace: WorkspaceFactory) -> None:
    monitor = workspace()
    simulate(monitor.landing, [WAVE], scale=0.2)
    stray = monitor.landing / "2026-herfst" / "leraar.csv"
    stray.parent.mkdir()
    stray.write_text("a;b\n1;2\n", encoding="utf-8")
    result = monitor.run("refresh")
    assert result.returncode == 1 and "unknown wave '2026-herfst'" in result.stdout
    assert not monitor.releases


def test_dbt_build_works_before_the_first_delivery(workspace: WorkspaceFactory) -> None:
    empty = workspace()
    assert empty.run("setup").returncode == 0
    result = empty.dbt("build")
    assert result.returncode == 0, result.stdout
    assert empty.query_warehouse("select count(*) from published.fct_indicator_estimates") == [(0,)]


def test_an_open_wave_is_built_but_not_published(
    project: Path, workspace: WorkspaceFactory
) -> None:
    """`closed_at` is a row that somebody sets: until then the figures stay private."""
    seed = project / "seeds" / "codebook" / "waves.csv"
    seed.write_text(seed.read_text(encoding="utf-8").replace("2026-11-16", ""), encoding="utf-8")
    monitor = workspace(project)
    simulate(monitor.landing, ["2025-najaar", WAVE], scale=0.2)
    result = monitor.run("refresh")
    assert result.returncode == 0, result.stdout
    private = monitor.query_warehouse(
        "select distinct wave_id from indicators.fct_indicator_estimates"
    )
    assert {row[0] for row in private} == {"2025-najaar", WAVE}
    for table in ("fct_indicator_estimates", "fct_summary_statements", "fct_response_rates"):
        assert monitor.query(f"select distinct wave_id from {table}") == [("2025-najaar",)]


def test_a_real_delivery_needs_a_key(workspace: WorkspaceFactory) -> None:
    monitor = workspace()
    simulate(monitor.landing, [WAVE], scale=0.2)
    manifest = monitor.landing / WAVE / "delivery.yml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace("synthetic: true", "synthetic: false"),
        encoding="utf-8",
    )
    refused = monitor.run("refresh")
    assert refused.returncode == 1 and "MONITOR_PSEUDONYM_KEY" in refused.stdout
    assert not monitor.releases
    monitor.more_env["MONITOR_PSEUDONYM_KEY"] = "a key of more than sixteen characters"
    accepted = monitor.run("refresh")
    assert accepted.returncode == 0, accepted.stdout
    assert monitor.query("select is_synthetic from publication") == [(False,)]
    assert "simulated" not in accepted.stdout
    stored = b"".join(
        path.read_bytes()
        for folder in (monitor.archive, monitor.published, monitor.warehouse.parent)
        for path in folder.rglob("*") if path.is_file()
    )  # fmt: skip
    assert b"a key of more than sixteen" not in stored


def test_folders_with_spaces_and_quotes(tmp_path: Path) -> None:
    monitor = Workspace(tmp_path / "d'Ooster monitor")
    simulate(monitor.landing, [WAVE], scale=0.2)
    result = monitor.run("refresh")
    assert result.returncode == 0, result.stdout
    assert monitor.query("select count(*) from dim_waves") == [(5,)]


def test_leftovers_of_a_crash_do_not_matter(small: Workspace) -> None:
    draft = small.published / "releases" / ".half.part"
    draft.mkdir()
    (draft / "monitor.duckdb").write_bytes(os.urandom(100))
    half = small.published / "releases" / "0123456789abcdef"
    half.mkdir()
    assert small.run("refresh").returncode == 0
    assert small.run("rollback").returncode == 0
    shutil.rmtree(half)


def test_twelve_who_are_corrected_in_a_question_each_wait(small: Workspace) -> None:
    """Of one province, sector and school size: as a batch of twelve they would pass, and the
    difference with the release before would tell old and new answer of each."""
    ((delivery, rows),) = small.query_warehouse(
        """
        select any_value(delivery_id), list(row_number order by row_number)
        from core.fct_responses
        inner join (
            select respondent_key, breakdown_value as size
            from intermediate.int_respondents__breakdowns where breakdown = 'school_size'
        ) using (respondent_key)
        where wave_id = ? and respondent_group = 'leraar' and is_kept
        group by region, sector, size
        order by count(*) desc, min(row_number) limit 1
        """,
        WAVE,
    )
    assert len(rows) >= 12
    lines = ["delivery,row_number,column,old_value,new_value,reason,requested_by_role,date"]
    for number, row in enumerate(rows[:12], start=1):
        ((old,),) = small.query_warehouse(
            f"select coalesce(q{number:02}, '') from raw.leraar "
            "where delivery_id = ? and row_number = ?",
            delivery, row,
        )  # fmt: skip
        new = "2" if old != "2" else "4"
        lines.append(f"{delivery},{row},Q{number:02},{old},{new},typing error,agency,2026-11-20")
    corrections = small.landing / WAVE / "corrections.csv"
    corrections.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = small.query("select release_id from publication")
    result = small.run("refresh")
    assert result.returncode == 0, result.stdout
    assert "waiting" in result.stdout and "the fewest of 1 respondent" in result.stdout
    assert small.query("select release_id from publication") == before
    corrected = small.query_warehouse(
        "select count(*) from core.fct_corrections where is_in_effect and wave_id = ?", WAVE
    )
    assert corrected == [(12,)]
