"""What a newcomer gets from `make refresh`: five waves, audited and published."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import fastexcel
import pandas as pd
import polars as pl
import pyreadstat
import yaml

from conftest import Workspace
from orchestration.lib.codebook import Codebook, normalise_name, read_seed
from orchestration.lib.publication import publish
from orchestration.lib.settings import ROOT, Settings

ENDORSED = ("4", "5")


def test_the_summary_tells_what_happened(example: Workspace) -> None:
    log = (example.folder / "refresh.log").read_text(encoding="utf-8")
    for text in ("2022-voorjaar", "ouder_thuiszitter", "landed", "kept", "dropped", "Checks:",
                 "dbt build", "raw gate", "Release:", "is_synthetic is true"):  # fmt: skip
        assert text in log, log


def test_waves_groups_and_goals_are_all_there(example: Workspace) -> None:
    assert example.query("select wave_id from dim_waves order by measurement_number") == [
        (wave,) for wave in Codebook().waves
    ]
    groups = Counter(
        wave
        for wave, _ in example.query(
            "select distinct wave_id, respondent_group from fct_indicator_estimates"
        )
    )
    assert groups == {
        "2022-voorjaar": 9, "2023-najaar": 10, "2024-najaar": 11, "2025-najaar": 11,
        "2026-najaar": 11,
    }  # fmt: skip
    assert example.query("select count(*), min(goal_id), max(goal_id) from dim_goals") == [
        (7, 1, 7)
    ]
    assert example.query("select count(*) from dim_indicators") == [(43,)]
    assert example.query("select count(*) from dim_samenwerkingsverbanden") == [(152,)]


def test_every_indicator_that_should_be_there_is(example: Workspace) -> None:
    expected = {
        (wave["wave_id"], row["indicator_code"], row["respondent_group"])
        for row in read_seed("codebook/indicator_groups")
        for wave in read_seed("codebook/waves")
        if int(row["first_measurement"])
        <= int(wave["measurement_number"])
        <= int(row["last_measurement"] or 99)
    }
    measures = {
        row["indicator_code"]: row["headline_measure"] for row in read_seed("codebook/indicators")
    }
    found = example.query(
        "select wave_id, indicator_code, respondent_group, measure from fct_indicator_estimates "
        "where breakdown = 'total' and not is_suppressed"
    )
    assert {row[:3] for row in found if row[3] == measures[row[1]]} == expected


def test_the_claims_of_wave_1_hold(example: Workspace) -> None:
    statements = example.query(
        "select claim_id, respondent_group, is_consistent, estimate, qualifier_nl, sentence_en "
        "from fct_summary_statements where wave_id = '2022-voorjaar'"
    )
    findings = {row["claim_id"] for row in read_seed("codebook/claims") if row["kind"] == "finding"}
    assert {row[0] for row in statements} == findings
    assert all(row[2] for row in statements)
    assert all(row[5] for row in statements)
    ids = {
        estimate_id
        for (ids,) in example.query("select estimate_ids from fct_summary_statements")
        for estimate_id in ids.split("|")
    }
    known = {row[0] for row in example.query("select estimate_id from fct_indicator_estimates")}
    assert ids <= known


def test_the_orders_that_the_summary_implies_hold(example: Workspace) -> None:
    share = {
        row[:2]: row[2]
        for row in example.query(
            "select indicator_code, respondent_group, estimate from fct_indicator_estimates "
            "where wave_id = '2022-voorjaar' and breakdown = 'total' and measure = 'share_endorsed'"
        )
    }
    for group in ("leraar", "intern_begeleider"):
        assert share["D1.2", group] > share["D1.3", group]
    for group in ("schoolleider", "intern_begeleider"):
        assert share["D2.5", group] > share["D2.1", group]
        assert max(share["D5.4", group], share["D5.5", group]) < share["D5.3", group]
    ib = "intern_begeleider"
    assert share["D7.3", ib] > share["D7.5", ib] > share["D7.4", ib]


def test_the_structure_claims_describe_the_waves(example: Workspace) -> None:
    """C0.1: eight groups in wave 1, municipalities in two roles; C0.2: the first two waves."""
    first = example.query(
        "select respondent_group from dim_respondent_groups where first_wave_id = '2022-voorjaar'"
    )
    assert len(first) == 9
    assert example.query(
        "select wave_id from dim_waves where measurement_number <= 2 order by measurement_number"
    ) == [("2022-voorjaar",), ("2023-najaar",)]
    assert {row[0] for row in example.query("select distinct kind from dim_indicators")} == {
        "perception", "factual",
    }  # fmt: skip
    assert example.query("select count(*) from fct_specialised_education") == [(150,)]


def _kept(rows: list[dict[str, str]], names: dict[str, str]) -> list[dict[str, str]]:
    """The rule of the design by hand: tests and other sources out, one row per login."""
    best: dict[str, dict[str, str]] = {}
    core = [
        name for name in rows[0] if name.startswith(("vraag_", "v", "q")) and name[-1].isdigit()
    ]
    for row in rows:
        if row[names["is_test"]] in ("1", "Ja") or row[names["data_source"]] in ("4", "5", "6"):
            continue
        if sum(bool(row[name]) for name in core) < 0.5 * len(core):
            continue
        old = best.get(row[names["login"]])
        if old is None or bool(row[names["completed_at"]]) >= bool(old[names["completed_at"]]):
            best[row[names["login"]]] = row
    return list(best.values())


def _weighted_share(
    rows: list[dict[str, str]], sector: str, item: str, population: dict[str, int]
) -> float:
    """Share of endorsed answers with weight N/n of the stratum, over substantive answers."""
    sizes = Counter(row[sector] for row in rows)
    weight = {code: population[code] / size for code, size in sizes.items()}
    answers = [row for row in rows if row[item] in ("1", "2", "3", "4", "5")]
    total = sum(weight[row[sector]] for row in answers)
    return sum(weight[row[sector]] for row in answers if row[item] in ENDORSED) / total


def test_a_figure_is_the_one_in_the_raw_csv(example: Workspace) -> None:
    """D5.6 of the directors in wave 1, from the delivered file to the share, by hand."""
    path = example.landing / "2022-voorjaar" / "swv.csv"
    with path.open(encoding="cp1252", newline="") as file:
        reader = csv.reader(file, delimiter=";")
        header = [normalise_name(name) for name in next(reader)]
        rows = [dict(zip(header, row, strict=True)) for row in reader]
    names = {"login": "respondentnummer", "is_test": "testrecord",
             "data_source": "sys_datasource", "completed_at": "eindtijd"}  # fmt: skip
    item = _variable("2022-voorjaar", "swv", "D5.6.swv.1")
    share = _weighted_share(_kept(rows, names), "sector", item, {"1": 77, "2": 74})
    _check_share(example, share, "2022-voorjaar", "D5.6", "swv")


def test_a_figure_is_the_one_in_the_raw_sav(example: Workspace) -> None:
    """D3.1 of teachers in wave 2, whose scale was turned round: code 1 means fully agree."""
    frame, metadata = pyreadstat.read_sav(
        example.landing / "2023-najaar" / "leraar.sav", user_missing=True
    )
    item = _variable("2023-najaar", "leraar", "D3.1.leraar.1").upper()
    assert metadata.variable_value_labels[item][1.0] == "Helemaal mee eens"
    kept = {
        row[0]
        for row in example.query_warehouse(
            "select row_number from core.fct_responses "
            "where wave_id = '2023-najaar' and respondent_group = 'leraar' and is_kept"
        )
    }
    weights = dict(
        example.query_warehouse(
            "select row_number, weight from core.fct_responses "
            "where wave_id = '2023-najaar' and respondent_group = 'leraar' and is_kept"
        )
    )
    sums: dict[bool, float] = defaultdict(float)
    for number, answer in enumerate(frame[item], start=1):
        if number in kept and answer in (1, 2, 3, 4, 5):
            sums[answer in (1, 2)] += weights[number]
    share = sums[True] / (sums[True] + sums[False])
    _check_share(example, share, "2023-najaar", "D3.1", "leraar")


def test_a_figure_is_the_one_in_the_raw_workbook(example: Workspace) -> None:
    """D5.6 of the boards in wave 3, where answers are labels below two header rows."""
    sheet = fastexcel.read_excel(example.landing / "2024-najaar" / "bestuur.xlsx")
    table = sheet.load_sheet("Data", header_row=1, dtypes="string").to_pandas()
    item = _variable("2024-najaar", "bestuur", "D5.6.bestuur.1").upper()
    weights = dict(
        example.query_warehouse(
            "select row_number, weight from core.fct_responses "
            "where wave_id = '2024-najaar' and respondent_group = 'bestuur' and is_kept"
        )
    )
    labels = {
        row["label_nl"]: row["value"]
        for row in read_seed("codebook/scale_options")
        if row["scale"] == "AGREE5" and row["score"]
    }
    sums: dict[bool, float] = defaultdict(float)
    for number, label in enumerate(table[item], start=1):
        if number in weights and label in labels:
            sums[labels[label] in ENDORSED] += weights[number]
    share = sums[True] / (sums[True] + sums[False])
    _check_share(example, share, "2024-najaar", "D5.6", "bestuur")


def _variable(wave: str, group: str, item: str) -> str:
    return next(
        row["variable"]
        for row in read_seed("codebook/variables")
        if (row["wave_id"], row["respondent_group"], row["item_code"]) == (wave, group, item)
    )


def _check_share(example: Workspace, share: float, wave: str, indicator: str, group: str) -> None:
    """The share is that of the private mart with all digits, and its step of the published one."""
    where = (
        "where wave_id = ? and indicator_code = ? and respondent_group = ? "
        "and breakdown = 'total' and measure = 'share_endorsed'"
    )
    key = (wave, indicator, group)
    [(exact,)] = example.query_warehouse(
        f"select estimate from indicators.fct_indicator_estimates {where}", *key
    )
    assert abs(share - exact) < 1e-9
    [(shown, step)] = example.query(
        f"select estimate, rounding_step from fct_indicator_estimates {where}", *key
    )
    assert abs(share - shown) <= step / 2 + 1e-9


def test_every_landed_row_is_kept_or_dropped(example: Workspace) -> None:
    rows = example.query_warehouse(
        "select d.row_count, count(*) filter (where r.is_kept), "
        "count(*) filter (where not r.is_kept and r.drop_reason is not null) "
        "from raw.deliveries d join core.fct_responses r using (delivery_id) "
        "group by d.delivery_id, d.row_count"
    )
    assert len(rows) == 52
    assert all(landed == kept + dropped for landed, kept, dropped in rows)
    reasons = example.query_warehouse("select distinct drop_reason from core.fct_responses")
    assert {row[0] for row in reasons} >= {
        "test_record", "excluded_source", "incomplete", "duplicate_login", None,
    }  # fmt: skip


def test_rare_things_of_the_questionnaires_come_through(example: Workspace) -> None:
    reasons = {
        row[0]
        for row in example.query_warehouse("select distinct missing_reason from core.fct_answers")
    }
    assert reasons >= {None, "dont_know", "not_applicable", "refused", "not_answered", "not_routed"}
    half_marks = example.query_warehouse(
        "select wave_id, count(*) from core.fct_answers where indicator_code = 'D1.4' "
        "and score <> round(score) group by wave_id"
    )
    assert {row[0] for row in half_marks} == set(Codebook().waves)
    assert example.query(
        "select distinct wave_id from dim_items where comparability = 'reworded'"
    ) == [("2025-najaar",)]
    assert example.query(
        "select count(*) from dim_items where indicator_code = 'D4.6' "
        "and respondent_group = 'ouder' and wave_id >= '2025'"
    ) == [(0,)]


def test_small_figures_are_not_published(example: Workspace) -> None:
    exact = {
        row[0]: row[1]
        for row in example.query_warehouse(
            "select estimate_id, n_respondents from indicators.fct_indicator_estimates"
        )
    }
    rows = example.query(
        "select estimate_id, estimate, n_respondents, n_units, n_psu, is_suppressed, "
        "suppression_reason from fct_indicator_estimates"
    )
    assert len(rows) == len(exact)
    for estimate_id, estimate, n, units, psu, is_suppressed, reason in rows:
        if is_suppressed:
            assert (estimate, n, units, psu) == (None, None, None, None) and reason
        else:
            assert exact[estimate_id] >= 10 and n % 5 == 0 and reason is None
        if exact[estimate_id] < 10:
            assert is_suppressed


def test_no_part_can_be_found_by_subtraction(example: Workspace) -> None:
    """No breakdown of a published total has exactly one suppressed part: it would be the rest."""
    place = "wave_id, indicator_code, respondent_group, measure"
    parts = f"""
        from fct_indicator_estimates as parts
        inner join (
            select {place} from fct_indicator_estimates
            where breakdown = 'total' and not is_suppressed
        ) using ({place})
        where breakdown <> 'total' group by {place}, breakdown
        having count(*) > 1 and count(*) filter (where is_suppressed)"""
    assert not example.query(f"select {place}, breakdown {parts} = 1")
    assert example.query(f"select count(*) from (select 1 {parts} > 1)") > [(100,)]


def test_pseudonyms_differ_between_waves_and_open_text_is_apart(example: Workspace) -> None:
    columns = {
        (table, column)
        for table, column in example.query_warehouse(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'raw'"
        )
    }
    assert ("leraar", "toelichting") not in columns and ("leraar", "remarks") not in columns
    assert ("leraar", "browser") not in columns
    assert (
        example.query_warehouse(
            "select count(*) from open_text.answers where wave_id = '2022-voorjaar'"
        )[0][0]
        > 100
    )
    reached = example.query_warehouse(
        "select count(*) from core.fct_answers a join open_text.answers o "
        "on a.answer_value = o.answer"
    )
    assert reached == [(0,)]


def test_descriptions_are_persisted_everywhere(example: Workspace) -> None:
    for query in (example.query, example.query_warehouse):
        missing = query(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where comment is null and not internal "
            "and schema_name not in ('raw', 'open_text', 'audit')"
        )
        assert missing == []
        tables = query(
            "select table_name from duckdb_tables() where comment is null and not internal "
            "and schema_name not in ('raw', 'open_text', 'audit')"
        )
        assert tables == []


def test_both_gates_ran_and_are_published(example: Workspace) -> None:
    gates = example.query(
        "select gate, count(*), bool_and(success) from quality_results group by 1"
    )
    assert {row[0]: row[2] for row in gates} == {"publication": True, "raw": True}
    waves = example.query("select distinct wave_id from quality_results where gate = 'raw'")
    assert {row[0] for row in waves} == set(Codebook().waves)
    pages = list(example.data_docs.rglob("*.html"))
    assert len(pages) > 52 and (example.data_docs / "index.html").exists()


def test_synthetic_travels_to_the_release(example: Workspace) -> None:
    assert example.query("select is_synthetic from publication") == [(True,)]
    release = json.loads((example.published / "current" / "release.json").read_text("utf-8"))
    assert release["is_synthetic"] is True
    assert set(release) >= {"published_at", "sha256", "rows", "previous_release_id"}
    for name, checksum in release["sha256"].items():
        content = (example.published / "current" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum


def test_a_release_opens_everywhere_while_the_warehouse_is_written(example: Workspace) -> None:
    release = example.published / "current"
    with duckdb.connect(str(example.warehouse)):  # a writer holds the private file
        count = example.query("select count(*) from fct_indicator_estimates")[0][0]
        assert (
            len(pd.read_parquet(release / "parquet" / "fct_indicator_estimates.parquet")) == count
        )
        assert (
            pl.scan_parquet(release / "parquet" / "fct_indicator_estimates.parquet")
            .select(pl.len())
            .collect()
            .item()
            == count
        )
        assert len(pl.read_csv(release / "csv" / "dim_waves.csv")) == 5


def test_plain_dbt_build_works_on_the_same_warehouse(example: Workspace, tmp_path: Path) -> None:
    """As any data engineer would type it, on a copy so that the example stays as it is."""
    copy = Workspace(tmp_path)
    copy.warehouse.parent.mkdir()
    copy.warehouse.write_bytes(example.warehouse.read_bytes())
    result = copy.dbt("build")
    assert result.returncode == 0, result.stdout
    estimates = "select * from published.fct_indicator_estimates order by estimate_id"
    assert copy.query_warehouse(estimates) == example.query_warehouse(estimates)


def test_a_table_that_cannot_be_made_keeps_its_rows(
    example: Workspace, project: Path, tmp_path: Path
) -> None:
    copy = Workspace(tmp_path / "copy", project)
    copy.warehouse.parent.mkdir(parents=True)
    copy.warehouse.write_bytes(example.warehouse.read_bytes())
    model = project / "models" / "marts" / "core" / "dim_goals.sql"
    sql = model.read_text(encoding="utf-8")
    for change, complaint in (
        ("select nullif(goal_id, 7) as", "NOT NULL constraint failed: dim_goals.goal_id"),
        ("{{ config(indexes=[{'columns': ['goal_id']}]) }} select", "makes no indexes"),
    ):
        model.write_text(sql.replace("select\n   ", change, 1), encoding="utf-8")
        result = copy.dbt("run", "--select", "dim_goals")
        assert result.returncode == 1 and complaint in result.stdout, result.stdout
    goals = "select * from core.dim_goals order by goal_id"
    assert copy.query_warehouse(goals) == example.query_warehouse(goals)


def test_unit_tests_of_dbt_pass(example: Workspace) -> None:
    result = example.dbt("test", "--select", "test_type:unit")
    assert result.returncode == 0, result.stdout
    written = [
        yaml.safe_load(path.read_text(encoding="utf-8")).get("unit_tests", [])
        for path in (ROOT / "models").rglob("*unit_tests.yml")
    ]
    assert f"PASS={sum(map(len, written))} " in result.stdout


def test_the_same_inputs_give_the_same_bytes(example: Workspace, tmp_path: Path) -> None:
    """Landed wave by wave, the last first, and built anew: the release is the same to the byte."""
    again = Workspace(tmp_path)
    simulate_again = [sys.executable, "-m", "simulation", "--out", str(again.landing)]
    subprocess.run(simulate_again, cwd=again.root, check=True, capture_output=True)
    assert again.run("refresh", "--wave", "2026-najaar").returncode == 0
    result = again.run("refresh")
    assert result.returncode == 0, result.stdout
    assert again.query("select release_id from publication") == example.query(
        "select release_id from publication"
    )
    for kind in ("csv", "parquet"):
        for path in sorted((example.published / "current" / kind).iterdir()):
            other = again.published / "current" / kind / path.name
            assert path.read_bytes() == other.read_bytes(), path.name


def test_an_unchanged_refresh_makes_no_release(example: Workspace) -> None:
    before = example.releases
    settings = Settings(
        landing=example.landing, archive=example.archive, warehouse=example.warehouse,
        published=example.published, data_docs=example.data_docs,
    )  # fmt: skip
    assert publish(settings).status == "unchanged"
    assert example.releases == before
