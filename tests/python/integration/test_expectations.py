"""The two gates as the pipeline runs them: a worker of its own on a small warehouse file."""

from __future__ import annotations

import html
import json
import random
import re
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
from orchestration.lib.warehouse import DELIVERIES, OPEN_TEXT, OPEN_TEXT_FINDINGS

CODEBOOK = Codebook()
RAW = [check.name for check in CHECKS.values() if check.gate == "raw"]
PUBLICATION = [check.name for check in CHECKS.values() if check.gate == "publication"]
MONTHS = {"voorjaar": "04", "najaar": "10"}
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
    """Rows as an agency delivers them, with answers drawn at random."""
    rows: Rows = []
    for number in range(count):
        rng = random.Random(number)
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
                "started_at": f"{wave_id[:4]}-{MONTHS[wave_id[5:]]}-08T09:50:00",
                "completed_at": f"{wave_id[:4]}-{MONTHS[wave_id[5:]]}-08T10:00:00",
                "duration_seconds": str(rng.randrange(500, 700)),
                "swv": "PO2001",
                "school_code": f"{number % 90 + 10}AB00",
                "sector": "1" if delivered_as == "value" else "Primair onderwijs",
                "region": "20" if delivered_as == "value" else "Groningen",
            }
            text = rng.choice(options) if options else str(number + 1)
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
        ("At most 10%", "6 of 50", "row 2 repeats row 1"),
    ),
    Case("few_wrong_codes", put("vraag_1", "7", 1)),
    Case(
        "wrong_codes",
        put("vraag_1", "7", 20),
        "answers_are_in_codebook",
        (
            "than its scale bears",
            "raw.leraar.vraag_1: 20 of 50 (at most 2% may be)",
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
        "numbers_are_numbers",
        ("raw.leraar.sys_datasource: 1 of 50 (at most 0% may be)", "row 1: 'web'"),
    ),
    Case("duration_with_a_comma", put("duur_sec", "600,5", 50)),
    Case("few_unknown_swvs", put("samenwerkingsverband", "PO9999", 2)),
    Case("swv_in_another_spelling", put("samenwerkingsverband", " swv-po-20.01 ", 50)),
    Case(
        "unknown_swvs",
        put("samenwerkingsverband", "PO9999", 50),
        "swv_codes_are_known",
        ("raw.leraar.samenwerkingsverband: 50 of 50 (at most 5% may be)", "row 1: 'PO9999'"),
    ),
    Case("few_unknown_schools", put("brin_en_vestiging", "onbekend", 2)),
    Case("schools_in_another_spelling", put("brin_en_vestiging", "03ak-00", 50)),
    Case(
        "unknown_schools",
        put("brin_en_vestiging", "onbekend", 3),
        "school_codes_are_possible",
        ("raw.leraar.brin_en_vestiging: 3 of 50 (at most 5% may be)", "row 1: 'onbekend'"),
    ),
    Case("few_unreadable_moments", put("eindtijd", "gisteren", 2)),
    Case("days_without_a_time", put("eindtijd", "8-4-2022", 50)),
    Case(
        "unreadable_moments",
        put("eindtijd", "2022-02-31T10:00:00", 3),
        "moments_are_possible",
        ("raw.leraar.eindtijd: 3 of 50", "row 1: '2022-02-31T10:00:00'"),
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
        connection.execute("create schema raw; create schema open_text")
        for table in (DELIVERIES, OPEN_TEXT, OPEN_TEXT_FINDINGS):
            connection.execute(table)
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
            connection.execute(
                "insert into raw.deliveries (delivery_id, wave_id, respondent_group, file_name, "
                "sha256, size_bytes, row_count, landed_at, status, is_synthetic) "
                "values (?, ?, ?, 'file.csv', '', 0, ?, now(), 'landed', true)",
                [case.delivery_id, case.wave_id, case.group, len(rows)],
            )
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


def test_results_tell_what_was_measured(raw_run: Run) -> None:
    results = {(row["delivery_id"], row["expectation"]): row for row in raw_run.answer["results"]}
    assert results["wrong_codes", "answers_are_in_codebook"] == {
        "gate": "raw",
        "suite": "raw.leraar",
        "expectation": "answers_are_in_codebook",
        "wave_id": "2022-voorjaar",
        "respondent_group": "leraar",
        "delivery_id": "wrong_codes",
        "compared_with": None,
        "severity": "error",
        "success": False,
        "observed_value": "40.0% in raw.leraar.vraag_1",
        "unexpected_count": 20,
        "message": results["wrong_codes", "answers_are_in_codebook"]["message"],
    }
    # exact numbers of rows are not published
    assert results["good_codes", "has_rows"]["observed_value"] == "some rows"
    assert ("no_rows", "login_is_present") not in results
    of_first = [name for delivery, name in results if delivery == "good_codes"]
    assert of_first == [name for name in RAW if name in of_first]


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
    assert re.search(r"failed 1 of \d+ checks", page)
    assert "The delivery is refused" in page
    assert "file.csv" in page
    assert CHECKS["answers_are_in_codebook"].remedy in html.unescape(page)
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
        connection.execute(DELIVERIES)
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
    assert {"answers_are_present", "login_is_unique", "answers_vary"} <= set(failed)
    assert "has_rows" not in failed
    assert len(blocking(answer["results"])) == len(failed)
    assert "could not be checked in raw.leraar" in failed["answers_are_present"]["message"]
    assert 'column named "sys_datasource"' in failed["answers_are_present"]["message"]


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


def test_a_publication_without_its_tables_blocks(worker: GateWorker, tmp_path: Path) -> None:
    warehouse = tmp_path / "monitor.duckdb"
    duckdb.connect(str(warehouse)).close()
    request = {"gate": "publication", "warehouse": str(warehouse), "data_docs": str(tmp_path)}
    results = worker.run(request)["results"]
    # in a schema without tables there is no column to look at
    without_columns = [name for name in PUBLICATION if name != "no_personal_columns"]
    assert [row["expectation"] for row in results] == without_columns
    assert {(row["gate"], row["suite"], row["wave_id"]) for row in results} == {
        ("publication", "publication", None)
    }
    blocked = {row["expectation"]: row["message"] for row in blocking(results)}
    assert "weights_are_moderate" in blocked  # a warning, if only it could be measured
    assert "could not be checked in publication" in blocked["weights_average_one"]
    assert "int_respondents__weighted" in blocked["weights_average_one"]
    page = (tmp_path / "publication" / "publication.html").read_text(encoding="utf-8")
    assert "Nothing is published." in page
    assert "int_respondents__weighted" in page
