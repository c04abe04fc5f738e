"""Impossible values, corrections, withdrawals, purge, retention and replay, of one release.

The tests follow each other on one workspace; each refreshes it once.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from conftest import Workspace
from orchestration.lib.landing.corrections import HEADERS

WAVE = "2026-najaar"
SECRET = "zwaluwstaartverbinding-8f3a61c07d"
# row of teachers (from 1) → column, impossible value, column name in the warehouse, rule
BROKEN = {
    3: ("Q01", "8-", "q01", "no answer of scale AGREE5"),
    4: ("Q02", "6", "q02", "no answer of scale AGREE5"),
    5: ("completed_at", "2026-02-31T10:00:00", "completed_at", "no moment"),
    6: ("started_at", "1926-10-01T10:00:00", "started_at", "more than 92 days before or after"),
    7: ("school_size", "9", "school_size", "no option of scale SCHOOLSIZE"),
    8: ("swv_code", "PO9999", "swv_code", "no samenwerkingsverband"),
    9: ("brin_vestiging", "onbekend", "brin_vestiging", "not of the form"),
    10: ("brin_vestiging", "", "", ""),
    11: ("duration_seconds", "een uur", "duration_seconds", "no number"),
    12: ("Q03", "4,0", "q03", "no answer of scale AGREE5"),
    13: ("Q04", "\uff14", "q04", "no answer of scale AGREE5"),
    14: ("completed_at", "2026-10-01 10.00 uur", "completed_at", "no moment"),
}
# odd, but not impossible
ODD = {
    15: ("started_at", "1-10-2026"),
    16: ("swv_code", "swv-po-27.02"),
    17: ("brin_vestiging", "03ak-00"),
    18: ("duration_seconds", "600,5"),
    19: ("Q05", "   "),
}
DROPPED = {8: "unknown_swv", 9: "unknown_school", 10: "no_cluster"}
RETAIN = "MONITOR_KEEP_ORIGINALS_DAYS"


def edit(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    """Change the rows of a delivered CSV file, in place."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, header = list(reader), list(reader.fieldnames or ())
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)


def accepted(small: Workspace, group: str) -> str:
    ((delivery_id,),) = small.query_warehouse(
        "select delivery_id from raw.deliveries "
        "where wave_id = ? and respondent_group = ? and status = 'accepted'",
        WAVE, group,
    )  # fmt: skip
    return str(delivery_id)


def correct(small: Workspace, *lines: tuple[str, ...]) -> None:
    with (small.landing / WAVE / "corrections.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        writer.writerows([*line, "typefout", "bureau", "2026-11-10"] for line in lines)


def answers(small: Workspace, group: str, row: int, variable: str) -> tuple[object, ...]:
    """The value of a cell as staging gives it."""
    ((value,),) = small.query_warehouse(
        f"select value from staging.stg_survey__{group} "
        "where wave_id = ? and row_number = ? and variable = ?",
        WAVE, row, variable,
    )  # fmt: skip
    return (value,)


def rows_add_up(small: Workspace) -> None:
    assert small.query_warehouse(
        "select count(*) from (select d.row_count, count(r.respondent_key) as there, "
        "count(*) filter (where r.is_kept) + count(r.drop_reason) as judged "
        "from raw.deliveries d left join core.fct_responses r using (delivery_id) "
        "where d.status = 'accepted' and d.respondent_group <> 'corrections' "
        "group by d.delivery_id, d.row_count) "
        "where row_count <> there or row_count <> judged"
    ) == [(0,)]


def gate_counts_what_decoding_lists(workspace: Workspace) -> int:
    """Number of invalid values, which the raw gate and the models must agree on."""
    from expectations.suites.raw import INVALID  # loads Great Expectations, which takes seconds

    listed = workspace.query_warehouse(
        "select d.wave_id, d.respondent_group, count(q.delivery_id) from raw.deliveries d "
        "left join core.quarantined_values q using (delivery_id) where d.status = 'accepted' "
        "and d.respondent_group <> 'corrections' group by all order by all"
    )
    counted = workspace.query_warehouse(
        "select wave_id, respondent_group, cast(sum(unexpected_count) as bigint) "
        "from audit.quality_results where list_contains(?, expectation) group by all order by all",
        list(INVALID),
    )
    assert counted == listed
    return sum(row[2] for row in listed)


def test_impossible_values_are_listed_and_corrections_applied(small: Workspace) -> None:
    def break_values(rows: list[dict[str, str]]) -> None:
        for row, (column, value, _, _) in BROKEN.items():
            rows[row - 1] |= {column: value, "is_test": "2", "sys_DataSource": "1"}
        for row, (column, value) in ODD.items():
            rows[row - 1][column] = value
        rows[0]["remarks"] = f"{SECRET}, bel 06-12345678"

    edit(small.landing / WAVE / "leraar.csv", break_values)
    assert gate_counts_what_decoding_lists(small) == 0
    before = small.query("select corrections_hash, release_id from publication")
    leader = accepted(small, "schoolleider")
    (old,) = answers(small, "schoolleider", 1, "q01")
    new = "2" if old != "2" else "3"
    correct(
        small,
        (leader, "1", "Q01", str(old), new),
        (accepted(small, "ouder"), "2", "*", "", ""),
    )
    small.more_env["MONITOR_RELEASE_BATCH"] = "true"

    result = small.run("refresh")

    assert result.returncode == 0, result.stdout
    assert gate_counts_what_decoding_lists(small) == len(BROKEN) - 1  # one is empty
    teachers = accepted(small, "leraar")
    listed = small.query_warehouse(
        "select row_number, variable, delivered_value, rule from core.quarantined_values "
        "where delivery_id = ? order by row_number",
        teachers,
    )
    expected = [(row, name, value, rule) for row, (_, value, name, rule) in BROKEN.items() if rule]
    assert [row[:3] for row in listed] == [row[:3] for row in expected]
    for (*_, rule), (*_, beginning) in zip(listed, expected, strict=True):
        assert rule.startswith(beginning)
    judged = dict(
        small.query_warehouse(
            "select row_number, drop_reason from core.fct_responses "
            "where delivery_id = ? and list_contains(?, row_number)",
            teachers, list(BROKEN),
        )
    )  # fmt: skip
    assert {row: reason for row, reason in judged.items() if row in DROPPED} == DROPPED
    assert not set(judged.values()) & {"no_stratum", "test_record", "excluded_source"}
    rows_add_up(small)

    assert answers(small, "schoolleider", 1, "q01") == (new,)
    assert small.query_warehouse(
        "select row_number, variable, old_value, new_value, is_in_effect "
        "from core.fct_corrections order by line_number"
    ) == [(1, "q01", old, new, True), (2, "*", None, None, True)]
    assert small.query_warehouse(
        "select row_number from core.fct_responses where drop_reason = 'removed_on_request'"
    ) == [(2,)]
    after = small.query("select corrections_hash, release_id from publication")
    assert after[0][0] != before[0][0] and after[0][1] != before[0][1]


def test_a_stale_correction_stops_the_release_and_a_withdrawal_is_told(small: Workspace) -> None:
    before = small.query("select * from publication")
    old = accepted(small, "schoolleider")
    edit(small.landing / WAVE / "schoolleider.csv", lambda rows: rows[5].update(Q02="3", Q03="4"))
    manifest = small.landing / WAVE / "delivery.yml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + "withdrawn: [bestuur]\n", encoding="utf-8"
    )
    result = small.run("refresh")
    assert result.returncode == 1
    said = " ".join(result.stdout.split())
    assert f"{WAVE}/corrections.csv, line 2, column delivery: expected an accepted" in said
    assert f"{old} is superseded by {accepted(small, 'schoolleider')}" in said
    assert "Traceback" not in result.stdout
    assert small.query("select * from publication") == before
    assert small.query_warehouse(
        "select status from raw.deliveries where wave_id = ? and respondent_group = 'bestuur'", WAVE
    ) == [("withdrawn",)]


def test_what_is_withdrawn_disappears_and_originals_go(small: Workspace) -> None:
    correct(small, (accepted(small, "ouder"), "2", "*", "", ""))
    small.more_env[RETAIN] = "0"
    result = small.run("refresh")
    assert result.returncode == 0, result.stdout
    boards = "from {} where wave_id = ? and respondent_group = 'bestuur'"
    figures = boards.format("fct_indicator_estimates")
    assert small.query(f"select count(*) {figures}", WAVE) == [(0,)]
    responses = boards.format("core.fct_responses")
    assert small.query_warehouse(f"select count(*) {responses}", WAVE) == [(0,)]
    left = {path.name for path in (small.landing / WAVE).iterdir()}
    # what is withdrawn is not accepted, and corrections are small and read by people
    assert left == {"delivery.yml", "corrections.csv", "bestuur.csv"}


def test_a_purge_leaves_the_release_as_it_was_and_originals_are_not_missed(
    small: Workspace,
) -> None:
    open_text = "from {} where expectation = 'open_text_is_free_of_personal_data' and not success"
    told = small.query_warehouse(
        f"select message {open_text.format('audit.quality_results')} and delivery_id = ?",
        accepted(small, "leraar"),
    )
    assert len(told) == 1 and "row 1: phone" in told[0][0] and SECRET not in told[0][0]
    assert small.query(f"select count(*) {open_text.format('quality_results')}") == [(0,)]
    release = small.query("select release_id from publication")[0][0]
    folder = small.published / "releases" / release
    shutil.move(folder, small.folder / "release_before")
    result = small.run("purge-open-text", "--wave", WAVE, "--group", "leraar")
    assert result.returncode == 0, result.stdout
    unknown = small.run("purge-open-text", "--wave", "2026-voorjaar")
    assert unknown.returncode == 1 and "Did you mean" in unknown.stdout

    result = small.run("refresh")

    assert result.returncode == 0, result.stdout
    shas = [
        json.loads((each / "release.json").read_text(encoding="utf-8"))["sha256"]
        for each in (small.folder / "release_before", folder)
    ]
    for name, sha in shas[0].items():
        if not name.endswith(".duckdb"):
            assert shas[1][name] == sha, name
    assert small.query("select release_id from publication") == [(release,)]
    stored = b"".join(
        path.read_bytes()
        for place in (small.archive, small.warehouse.parent, small.published, small.data_docs)
        for path in place.rglob("*") if path.is_file()
    )  # fmt: skip
    assert SECRET.encode() not in stored
    rows_add_up(small)


AUDIT = """
import dagster as dg
from orchestration.definitions import defs
with dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def("audit")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
for check in result.get_asset_check_evaluations():
    print(check.check_name, check.passed, check.description, sep="|")
"""


def test_the_archive_gives_the_release_again(small: Workspace) -> None:
    """Corrections, a withdrawal and a purge included; the originals are gone."""
    release = small.query("select release_id from publication")[0][0]
    result = small.run("replay")
    assert result.returncode == 0, result.stdout
    assert f"Release {release}: 36 of 36 files are the same to the byte" in result.stdout
    assert not list(small.published.glob(".replay-*"))


def test_the_weekly_audit_names_what_is_damaged(small: Workspace) -> None:
    current = small.published / "current"
    with (current / "csv" / "dim_goals.csv").open("a", encoding="utf-8") as file:
        file.write("8,Doel,Goal\n")
    (current / "parquet" / "dim_goals.parquet").unlink()
    result = subprocess.run(
        [sys.executable, "-c", AUDIT], cwd=small.root, env=small.env, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    found = dict(line.split("|", 1) for line in result.stdout.splitlines() if "|" in line)
    assert found == {
        "files_are_whole": "False|csv/dim_goals.csv differs from its checksum; "
        "parquet/dim_goals.parquet is missing",
        "archive_gives_it_again": "False|csv/dim_goals.csv: differs; "
        "parquet/dim_goals.parquet: was not published",
    }


def test_what_cannot_be_replayed_says_why(small: Workspace) -> None:
    delivery = accepted(small, "leraar")
    (small.archive / "leraar" / f"wave_id={WAVE}" / f"{delivery}.parquet").unlink()
    result = small.run("replay")
    assert result.returncode == 1 and "could not be built again" in " ".join(result.stdout.split())
    path = small.published / "current" / "release.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"code_version": "other"}), encoding="utf-8")
    result = small.run("replay")
    said = " ".join(result.stdout.split())
    assert result.returncode == 1 and "was made with other code than stands here. Check out" in said
    assert "Traceback" not in result.stdout
