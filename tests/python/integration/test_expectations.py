"""The two gates as the pipeline runs them: a worker of its own on a small warehouse file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from expectations.client import ROOT, GateError, GateWorker, blocking
from expectations.codebook import Codebook
from expectations.registry import CHECKS

CODEBOOK = Codebook()
RAW = [check.name for check in CHECKS.values() if check.gate == "raw"]
PUBLICATION = [check.name for check in CHECKS.values() if check.gate == "publication"]
Rows = list[dict[str, str | None]]
Result = dict[str, Any]


@pytest.fixture(scope="module")
def worker() -> Iterator[GateWorker]:
    with GateWorker(timeout_seconds=60) as gates:
        yield gates


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add rows to a table; columns that they do not name stay empty."""
    if rows:
        connection.register("new_rows", pa.Table.from_pylist(list(rows)))
        connection.execute(f"insert into {table} by name from new_rows")


# ---------------------------------------------------------------- deliveries


def good_rows(wave_id: str, group: str, count: int = 50) -> Rows:
    """Rows as an agency delivers them, all answers cycling through their scale."""
    rows: Rows = []
    for number in range(count):
        row: dict[str, str | None] = {}
        for variable in CODEBOOK.variables(wave_id, group):
            delivered_as = "label_nl" if variable["answers_as"] == "label" else "value"
            options = [
                option[delivered_as]
                for option in CODEBOOK.options(variable["scale"])
                if not option["missing_reason"]
                or option["value"] in variable["missing_codes"].split("|")
            ]
            values = {
                "login": f"{number:032x}",
                "data_source": "3",
                "is_test": "2",
                "completed_at": "2022-03-08T10:00:00",
            }
            text = options[number % len(options)] if options else f"text {number}"
            row[variable["variable"]] = values.get(variable["attribute"], text)
        rows.append(row)
    return rows


def put(column: str, value: str | None, count: int) -> Callable[[Rows], None]:
    """A change that gives the first `count` rows this value."""

    def change(rows: Rows) -> None:
        for row in rows[:count]:
            assert column in row
            row[column] = value

    return change


@dataclass(frozen=True)
class Case:
    """A delivery with one change, the check that must fail, and what its message must quote."""

    delivery_id: str
    change: Callable[[Rows], None] = lambda rows: None
    check: str | None = None
    quotes: tuple[str, ...] = ()
    wave_id: str = "2022-voorjaar"
    group: str = "leraar"


@dataclass(frozen=True)
class LabelCase(Case):
    """The same in a wave that delivers labels."""

    wave_id: str = "2024-najaar"
    group: str = "ouder"


NASTY = "<script>{x} :y %s \"'</script>"
CASES = (
    Case("good_codes"),
    LabelCase("good_labels"),
    LabelCase("decimals", put("v13", "7,5", 50)),
    LabelCase("decimal_points", put("v13", " 7.5 ", 50)),
    LabelCase("upper_case_labels", put("v1", "MEE EENS", 50)),
    Case("no_rows", list.clear, "has_rows", ("raw.leraar: 0 rows",)),
    Case(
        "too_many_rows",
        lambda rows: rows.extend(good_rows("2022-voorjaar", "swv", 152)[50:]),
        "rows_within_population",
        ("151 people", "152 rows", "populations.csv"),
        group="swv",
    ),
    Case(
        "no_login",
        put("respondentnummer", None, 1),
        "login_is_present",
        ("raw.leraar.respondentnummer: 1 of 50", "row 1: empty"),
    ),
    Case("few_duplicates", put("respondentnummer", "aa", 6)),
    Case(
        "duplicates",
        put("respondentnummer", "aa", 7),
        "login_is_unique",
        ("At most 10%", "6 of 50", "row 2: 'aa'; row 3: 'aa'"),
    ),
    Case("few_wrong_codes", put("vraag_1", "7", 1)),
    Case(
        "wrong_codes",
        put("vraag_1", "7", 20),
        "answers_are_in_codebook",
        (
            "At least 98%",
            "raw.leraar.vraag_1: 20 of 50",
            "row 1: '7'; row 2: '7'; row 3: '7'; row 4: '7'; row 5: '7'. Ask",
            "seeds/codebook/variables.csv",
        ),
    ),
    Case(
        "not_agreed_missing_code",
        put("vraag_2", "97", 2),
        "answers_are_in_codebook",
        ("raw.leraar.vraag_2: 2 of 50", "row 1: '97'"),
    ),
    Case(
        "nasty_answer", put("vraag_3", NASTY, 2), "answers_are_in_codebook", (f"row 1: '{NASTY}'",)
    ),
    LabelCase(
        "unknown_label",
        put("v1", "Best wel", 2),
        "answers_are_in_codebook",
        ("'Best wel'",),
    ),
    LabelCase("mark_too_high", put("v13", "11", 2), "answers_are_in_codebook", ("v13", "'11'")),
    LabelCase("mark_in_words", put("v13", "goed", 2), "answers_are_in_codebook", ("'goed'",)),
    Case(
        "unknown_province",
        put("provincie", "Atlantis", 2),
        "background_is_in_codebook",
        ("raw.leraar.provincie: 2 of 50", "row 1: 'Atlantis'"),
    ),
    Case(
        "data_source_in_words",
        put("sys_datasource", "web", 1),
        "data_source_is_a_number",
        ("raw.leraar.sys_datasource: 1 of 50", "row 1: 'web'"),
    ),
    Case("half_complete", put("eindtijd", None, 25)),
    Case(
        "few_complete",
        put("eindtijd", None, 26),
        "rows_are_complete",
        ("At least 50%", "raw.leraar.eindtijd: 26 of 50", "row 1: empty"),
    ),
    Case("few_test_records", put("testrecord", "1", 5)),
    Case(
        "test_records",
        put("testrecord", "1", 6),
        "test_records_are_few",
        ("At most 10%", "raw.leraar.testrecord: 6 of 50", "row 1: '1'"),
    ),
    Case("some_answers", put("vraag_4", None, 15)),
    Case(
        "few_answers",
        put("vraag_4", None, 16),
        "answers_are_present",
        ("At most 30%", "raw.leraar.vraag_4: 16 of 50", "row 1: empty"),
    ),
    Case("routed_question_unanswered", put("vraag_5", None, 50)),
)


def make_raw(path: Path) -> None:
    """A warehouse with a delivery for each case."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw")
        for group in ("leraar", "ouder", "swv"):
            names = dict.fromkeys(
                row["variable"]
                for row in CODEBOOK.seed("variables")
                if row["respondent_group"] == group and row["role"] not in ("open_text", "ignore")
            )
            columns = ", ".join(f'"{name}" varchar' for name in names)
            connection.execute(
                f"create table raw.{group} (delivery_id varchar, row_number bigint, {columns})"
            )
        for case in CASES:
            rows = good_rows(case.wave_id, case.group)
            case.change(rows)
            insert(
                connection,
                f"raw.{case.group}",
                [
                    {"delivery_id": case.delivery_id, "row_number": number, **row}
                    for number, row in enumerate(rows, start=1)
                ],
            )


@dataclass(frozen=True)
class Run:
    """A request to the raw gate for every case, and its answer."""

    request: dict[str, Any]
    answer: dict[str, Any]

    def failures(self, delivery_id: str) -> list[Result]:
        return [
            row
            for row in self.answer["results"]
            if row["delivery_id"] == delivery_id and not row["success"]
        ]


@pytest.fixture(scope="module")
def raw_run(worker: GateWorker, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("een map met é en spaties")
    make_raw(folder / "monitor.duckdb")
    request = {
        "gate": "raw",
        "warehouse": str(folder / "monitor.duckdb"),
        "data_docs": str(folder / "data_docs"),
        "deliveries": [
            {
                "delivery_id": case.delivery_id,
                "wave_id": case.wave_id,
                "respondent_group": case.group,
            }
            for case in CASES
        ],
    }
    return Run(request, worker.run(request))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.delivery_id)
def test_a_delivery_fails_on_its_fault_alone(raw_run: Run, case: Case) -> None:
    failures = raw_run.failures(case.delivery_id)
    assert [row["expectation"] for row in failures] == [case.check] * bool(case.check), failures
    for row in failures:
        assert row["severity"] == CHECKS[row["expectation"]].severity
        assert f"Found in delivery {case.delivery_id}: raw.{case.group}" in row["message"]
        for quote in case.quotes:
            assert quote in row["message"]


def test_every_raw_check_has_a_case_that_fails_and_one_that_passes() -> None:
    assert {case.check for case in CASES} == {None} | set(RAW)


def test_results_tell_what_was_measured(raw_run: Run) -> None:
    results = {(row["delivery_id"], row["expectation"]): row for row in raw_run.answer["results"]}
    assert results["wrong_codes", "answers_are_in_codebook"] == {
        "gate": "raw",
        "suite": "raw.leraar",
        "expectation": "answers_are_in_codebook",
        "wave_id": "2022-voorjaar",
        "respondent_group": "leraar",
        "delivery_id": "wrong_codes",
        "severity": "error",
        "success": False,
        "observed_value": "40.0% in raw.leraar.vraag_1",
        "unexpected_count": 20,
        "message": results["wrong_codes", "answers_are_in_codebook"]["message"],
    }
    assert results["good_codes", "has_rows"]["observed_value"] == "50"
    assert results["no_rows", "login_is_present"]["observed_value"] == "nothing to judge"
    assert [row["expectation"] for row in raw_run.answer["results"][: len(RAW)]] == RAW


def test_only_errors_block(raw_run: Run) -> None:
    blocked = {row["delivery_id"] for row in blocking(raw_run.answer["results"])}
    assert {"no_login", "wrong_codes"} <= blocked
    assert not {"good_codes", "test_records", "few_answers", "too_many_rows"} & blocked


def test_the_warehouse_is_free_after_the_answer(raw_run: Run) -> None:
    with duckdb.connect(raw_run.request["warehouse"]) as connection:
        connection.execute("create or replace table raw.written_after_the_gate as select 1 as x")


def test_data_docs_are_pages_that_stay(worker: GateWorker, raw_run: Run) -> None:
    index = Path(raw_run.answer["data_docs"])
    page = (index.parent / "raw" / "nasty_answer.html").read_text(encoding="utf-8")
    assert "<h1>2022-voorjaar: Teachers and mentors</h1>" in page
    assert "failed 1 of 10 checks" in page
    assert "raw.leraar.vraag_3: 2 of 50" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    before = index.read_text(encoding="utf-8")
    worker.run({**raw_run.request, "deliveries": raw_run.request["deliveries"][:1]})
    assert index.read_text(encoding="utf-8") == before
    for case in CASES:
        assert f'href="raw/{case.delivery_id}.html"' in before
        assert (index.parent / "raw" / f"{case.delivery_id}.html").is_file()


def test_a_delivery_unknown_to_the_codebook_is_named(worker: GateWorker, raw_run: Run) -> None:
    delivery = {"delivery_id": "x", "wave_id": "1999-voorjaar", "respondent_group": "leraar"}
    with pytest.raises(GateError, match="no columns for leraar in 1999-voorjaar"):
        worker.run({**raw_run.request, "deliveries": [delivery]})


def test_no_warehouse_and_no_such_gate(worker: GateWorker, tmp_path: Path) -> None:
    request = {"gate": "raw", "warehouse": str(tmp_path / "no.duckdb"), "deliveries": []}
    with pytest.raises(GateError, match=r"No warehouse at .*no\.duckdb"):
        worker.run({**request, "data_docs": str(tmp_path)})
    assert not (tmp_path / "no.duckdb").exists()
    with pytest.raises(GateError, match="There is no gate 'side'"):
        worker.run({"gate": "side"})


def test_a_check_that_cannot_run_blocks(worker: GateWorker, tmp_path: Path) -> None:
    warehouse = tmp_path / "monitor.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema raw")
        connection.execute("create table raw.leraar (delivery_id varchar, row_number bigint)")
        connection.execute("insert into raw.leraar values ('x', 1)")
    answer = worker.run(
        {
            "gate": "raw",
            "warehouse": str(warehouse),
            "data_docs": str(tmp_path / "docs"),
            "deliveries": [
                {"delivery_id": "x", "wave_id": "2022-voorjaar", "respondent_group": "leraar"}
            ],
        }
    )
    failed = {row["expectation"]: row for row in answer["results"] if not row["success"]}
    assert len(failed) == len(RAW) - 2
    assert len(blocking(answer["results"])) == len(failed)
    assert "could not be checked in raw.leraar" in failed["answers_are_present"]["message"]
    assert '"vraag_1" not found' in failed["answers_are_present"]["message"]


def test_stdout_holds_answers_only_and_the_same_each_time(raw_run: Run) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "expectations"],
        cwd=ROOT,
        input="\n".join(("not json", json.dumps(raw_run.request))),
        capture_output=True,
        text=True,
        check=True,
    )
    error, answer = (json.loads(line) for line in run.stdout.splitlines())
    assert error["error"].startswith("JSONDecodeError")
    assert answer == raw_run.answer


def test_the_warehouse_is_free_after_an_error(worker: GateWorker, raw_run: Run) -> None:
    with pytest.raises(GateError, match=r"FileExistsError|NotADirectoryError"):
        worker.run({**raw_run.request, "data_docs": __file__})
    duckdb.connect(raw_run.request["warehouse"]).close()


# ---------------------------------------------------------------- publication

SHARE_ID = f"{1:032x}"  # D1.1 of schoolleider, a share
TABLES = """
    create schema published;
    create schema intermediate;
    create table published.dim_waves (wave_id varchar, closed_at date);
    create table published.fct_indicator_estimates (
        wave_id varchar, indicator_code varchar, respondent_group varchar, breakdown varchar,
        breakdown_value varchar, measure varchar, estimate_id varchar, estimate double,
        ci_method varchar, n_respondents bigint, n_units bigint, n_psu bigint,
        is_suppressed boolean, suppression_reason varchar, comparability varchar
    );
    create table published.fct_summary_statements (
        wave_id varchar, claim_id varchar, respondent_group varchar, estimate double,
        n_respondents bigint, is_consistent boolean, estimate_ids varchar
    );
    create table published.fct_response_rates (
        wave_id varchar, respondent_group varchar, stratum varchar, population_units bigint,
        responded bigint, response_rate double
    );
    create table intermediate.int_respondents__weighted (
        wave_id varchar, respondent_group varchar, respondent_key varchar, stratum varchar,
        weight double
    );
"""


def make_published(path: Path) -> None:
    """What is published of the first wave when all is well."""
    questions = [row for row in CODEBOOK.questions() if row[0] == "2022-voorjaar"]
    key = {"wave_id": "2022-voorjaar", "respondent_group": "leraar"}
    estimates = [
        {
            "wave_id": wave_id,
            "indicator_code": indicator,
            "respondent_group": group,
            "breakdown": "total",
            "breakdown_value": "all",
            "measure": measure,
            "estimate_id": f"{number:032x}",
            "estimate": 7.5 if measure == "mean" else 0.5,
            "ci_method": "logit",
            "n_respondents": 10,
            "n_units": 10,
            "n_psu": 5,
            "is_suppressed": False,
            "comparability": "first_measurement",
        }
        for number, (wave_id, indicator, group, measure) in enumerate(questions, start=1)
    ]
    bare = {name: estimates[0][name] for name in ("wave_id", "indicator_code", "measure")}
    regional = {**bare, "breakdown": "swv", "breakdown_value": "PO3001", "is_suppressed": True}
    suppressed: list[dict[str, object]] = [
        {
            **regional,
            "respondent_group": "schoolleider",
            "estimate_id": "a" * 32,
            "suppression_reason": "small_n",
        },
        {
            **regional,
            "respondent_group": "bestuur",
            "estimate_id": "b" * 32,
            "suppression_reason": "identifiable",
        },
    ]
    statements: list[dict[str, object]] = [
        {**key, "claim_id": "C1", "estimate": 0.5, "estimate_ids": f"{SHARE_ID}|{2:032x}"},
        {**key, "claim_id": "C2", "estimate_ids": "a" * 32},
    ]
    weights: list[dict[str, object]] = [
        {**key, "respondent_key": str(number), "stratum": "po", "weight": weight}
        for number, weight in enumerate((0.5, 1.5))
    ]
    rates: list[dict[str, object]] = [
        {**key, "stratum": "po", "population_units": 100, "responded": 50, "response_rate": 0.5}
    ]
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        connection.execute("insert into published.dim_waves values ('2022-voorjaar', '2022-07-01')")
        insert(connection, "published.fct_indicator_estimates", estimates)
        insert(connection, "published.fct_indicator_estimates", suppressed)
        insert(connection, "published.fct_summary_statements", statements)
        insert(connection, "published.fct_response_rates", rates)
        insert(connection, "intermediate.int_respondents__weighted", weights)


def publish(worker: GateWorker, folder: Path, fault: str = "") -> list[Result]:
    """Results of the publication gate on good tables with one fault."""
    warehouse = folder / "monitor.duckdb"
    make_published(warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(fault)
    request = {"gate": "publication", "warehouse": str(warehouse), "data_docs": str(folder)}
    results: list[Result] = worker.run(request)["results"]
    return results


ESTIMATES = "published.fct_indicator_estimates"
WEIGHTS = "intermediate.int_respondents__weighted"
ONE = f"where estimate_id = '{SHARE_ID}'"
FAULTS = (
    (f"update {ESTIMATES} set estimate = 1.2 {ONE}", "shares_are_shares", "'1.2'"),
    (f"update {ESTIMATES} set estimate = 'nan' {ONE}", "shares_are_shares", "'nan'"),
    (f"update {ESTIMATES} set estimate = 1 + 1e-12 {ONE}", None, ""),
    (f"update {ESTIMATES} set estimate = 10 + 1e-12 where measure = 'mean'", None, ""),
    (
        f"update {ESTIMATES} set estimate = 10.5 where measure = 'mean'",
        "means_are_on_scale",
        "10.5",
    ),
    (
        f"update {ESTIMATES} set n_psu = 5 where suppression_reason = 'small_n'",
        "suppressed_figures_are_empty",
        "2022-voorjaar D1.1 schoolleider swv=PO3001 share_endorsed: '5'",
    ),
    (
        f"update {ESTIMATES} set suppression_reason = null where suppression_reason = 'small_n'",
        "suppressed_figures_are_empty",
        "'no reason'",
    ),
    (f"update {ESTIMATES} set estimate = null {ONE}", "published_figures_are_present", "empty"),
    (
        f"update {ESTIMATES} set suppression_reason = 'small_n' {ONE}",
        "published_figures_are_present",
        "'small_n'",
    ),
    (
        f"update {ESTIMATES} set n_respondents = 5 {ONE}",
        "counts_are_large_enough",
        "at least 10 respondents",
    ),
    (f"update {ESTIMATES} set n_respondents = null {ONE}", "counts_are_large_enough", "empty"),
    (f"update {ESTIMATES} set n_respondents = 12 {ONE}", "counts_are_rounded", "'12 10 5'"),
    (f"update {ESTIMATES} set n_psu = 3 {ONE}", "counts_are_rounded", "multiple of 5"),
    (
        f"update {ESTIMATES} set suppression_reason = 'small_n' where respondent_group = 'bestuur' "
        "and breakdown = 'swv'",
        "no_identifiable_swv_figures",
        "bestuur swv=PO3001 share_endorsed: 'small_n'",
    ),
    (
        "update published.dim_waves set closed_at = null",
        "waves_are_closed",
        "2022-voorjaar in published.fct_summary_statements: empty",
    ),
    (
        "delete from published.dim_waves",
        "waves_are_closed",
        "2022-voorjaar in published.fct_response_rates: empty",
    ),
    (
        f"update {ESTIMATES} set breakdown = 'sector' where indicator_code = 'D1.1' and "
        "respondent_group = 'leraar'",
        "questions_are_covered",
        "2022-voorjaar D1.1 leraar share_endorsed",
    ),
    (f"update {WEIGHTS} set weight = weight * 1.00001", "weights_average_one", "'1.00001'"),
    (
        f"update {WEIGHTS} set weight = weight * 3 - 2",
        "weights_are_positive",
        "2022-voorjaar leraar po 0: '-0.5'",
    ),
    (
        f"insert into {WEIGHTS} select wave_id, 'ouder', i, stratum, if(i = 0, 10.5, 0.05) "
        f"from (from {WEIGHTS} limit 1), range(11) as t(i)",
        "weights_are_moderate",
        "No weight exceeds 10.",
    ),
    (
        "update published.fct_response_rates set response_rate = 1.01",
        "response_rates_are_rates",
        "'1.01'",
    ),
    ("update published.fct_response_rates set response_rate = null", None, ""),
    (
        "update published.fct_summary_statements set estimate = 0.4 where claim_id = 'C2'",
        "statements_rest_on_published_figures",
        f"2022-voorjaar C2 leraar on figure {'a' * 32}: 'suppressed'",
    ),
    (
        f"update published.fct_summary_statements set estimate_ids = '{'c' * 32}'",
        "statements_rest_on_published_figures",
        "'unknown'",
    ),
    (
        "update published.fct_summary_statements set estimate_ids = null where claim_id = 'C1'",
        "statements_rest_on_published_figures",
        "on figure none: 'unknown'",
    ),
)


@pytest.mark.parametrize(("fault", "check", "quote"), FAULTS)
def test_a_publication_fails_on_its_fault_alone(
    worker: GateWorker, tmp_path: Path, fault: str, check: str | None, quote: str
) -> None:
    failed = {
        row["expectation"]: row for row in publish(worker, tmp_path, fault) if not row["success"]
    }
    assert list(failed) == [check] * bool(check), failed
    if check:
        assert quote in failed[check]["message"]
        assert "Found in the published tables: " in failed[check]["message"]
        assert failed[check]["severity"] == CHECKS[check].severity


def test_a_goal_without_figures_fails(worker: GateWorker, tmp_path: Path) -> None:
    fault = f"delete from {ESTIMATES} where indicator_code like 'D3%'"
    failed = {
        row["expectation"]: row for row in publish(worker, tmp_path, fault) if not row["success"]
    }
    assert list(failed) == ["goals_are_covered", "questions_are_covered"]
    assert "figures on all goals" in failed["goals_are_covered"]["message"]
    assert "2022-voorjaar goal 3: 'no figure'" in failed["goals_are_covered"]["message"]


def test_a_good_publication_passes_and_has_a_page(worker: GateWorker, tmp_path: Path) -> None:
    results = publish(worker, tmp_path)
    assert [row["expectation"] for row in results if row["success"]] == PUBLICATION
    assert {(row["gate"], row["suite"], row["wave_id"]) for row in results} == {
        ("publication", "publication", None)
    }
    page = (tmp_path / "publication" / "publication.html").read_text(encoding="utf-8")
    assert "passed all 15 checks" in page


def test_every_publication_check_has_a_case_that_fails() -> None:
    failing = {check for _, check, _ in FAULTS} | {"goals_are_covered"}
    assert failing == {None} | set(PUBLICATION)


def test_a_missing_published_table_blocks(worker: GateWorker, tmp_path: Path) -> None:
    results = publish(worker, tmp_path, f"drop table {WEIGHTS}")
    blocked = {row["expectation"]: row for row in blocking(results)}
    assert set(blocked) == {"weights_average_one", "weights_are_positive", "weights_are_moderate"}
    assert "could not be checked" in blocked["weights_are_moderate"]["message"]
    assert "int_respondents__weighted does not exist" in blocked["weights_are_moderate"]["message"]
