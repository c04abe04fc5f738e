"""Every seeded fault is caught by the check that should, and the documentation says which.

One refreshed example; a fault is applied in a transaction, measured, and rolled back. Great
Expectations judges all of them in one go.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from fixtures.faults import PUBLICATION, RAW, Fault

from expectations.registry import CHECKS
from orchestration.lib.settings import ROOT

if TYPE_CHECKING:
    from conftest import Workspace

DOCUMENT = ROOT / "docs" / "quality.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
REWRITE = "MONITOR_WRITE_FAULTS"
FEWEST_CAUGHT = 0.98
Result = dict[str, Any]

# Fewer waves and no samenwerkingsverbanden: the same tables, in a quarter of the time.
SMALLER = """
    delete from published.dim_waves where wave_id < '2025';
    delete from published.fct_indicator_estimates where wave_id < '2025' or breakdown = 'swv';
    delete from published.fct_indicator_changes
        where wave_id < '2025' or baseline_wave_id < '2025' or breakdown = 'swv';
    delete from published.fct_perspective_gaps where wave_id < '2025' or breakdown = 'swv';
    delete from published.fct_goal_scores where wave_id < '2025' or breakdown = 'swv';
    delete from published.fct_goal_verdicts where wave_id < '2025';
    delete from published.fct_response_rates where wave_id < '2025';
    delete from published.fct_summary_statements where wave_id < '2025';
    delete from indicators.fct_indicator_estimates where wave_id < '2025' or breakdown = 'swv';
    delete from intermediate.int_respondents__weighted where wave_id < '2025';
    delete from audit.quality_results where wave_id < '2025';
    update raw.deliveries set status = 'superseded' where wave_id < '2025';
"""


class Seeded:
    """The results of the gates on each fault, and on the example without one."""

    def __init__(self, warehouse: Path, data_docs: Path) -> None:
        # Great Expectations takes seconds to load, so only where this runs
        from expectations.runner import judge, measured_audits

        audits, labels = [], []
        with duckdb.connect(str(warehouse)) as connection:
            # the simulation writes telephone numbers into open answers, rightly warned of
            connection.execute("delete from open_text.findings")
            for fault in RAW:
                request = {"gate": "raw", "deliveries": [_delivery(connection, fault)]}
                connection.begin()
                _apply(connection, fault, request["deliveries"][0]["delivery_id"])
                audits += list(measured_audits(connection, request))
                labels.append(fault)
                connection.rollback()
            everything = [_delivery(connection, fault) for fault in _all_deliveries(connection)]
            audits += list(measured_audits(connection, {"gate": "raw", "deliveries": everything}))
            labels += [None] * len(everything)
            connection.execute(SMALLER)
            for fault in (None, *PUBLICATION):
                connection.begin()
                if fault:
                    _apply(connection, fault, "")
                audits += list(measured_audits(connection, {"gate": "publication"}))
                labels.append(fault)
                connection.rollback()
        self.sound: list[Result] = []
        self.of_fault: dict[str, list[Result]] = {}
        results = iter(judge(audits, data_docs)["results"])
        for fault, audit in zip(labels, audits, strict=True):
            # one result for each check of which something was measured
            own = list(islice(results, len({one.check for one in audit.measures})))
            if fault is None:
                self.sound += own
            else:
                self.of_fault[f"{audit.gate}: {fault.name}"] = own

    def failed(self, gate: str, fault: Fault) -> dict[str, Result]:
        """Results of the checks that failed on a fault, by check."""
        results = self.of_fault[f"{gate}: {fault.name}"]
        return {row["expectation"]: row for row in results if not row["success"]}


def _all_deliveries(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    for wave_id, group in connection.execute(
        "select wave_id, respondent_group from raw.deliveries where status = 'accepted' "
        "order by all"
    ).fetchall():
        yield Fault("", "", (), group=group, wave_id=wave_id)


def _delivery(connection: duckdb.DuckDBPyConnection, fault: Fault) -> dict[str, Any]:
    row = connection.execute(
        "select delivery_id from raw.deliveries "
        "where wave_id = ? and respondent_group = ? and status = 'accepted'",
        [fault.wave_id, fault.group],
    ).fetchone()
    assert row
    return {
        "delivery_id": row[0],
        "wave_id": fault.wave_id,
        "respondent_group": fault.group,
    }


def _apply(connection: duckdb.DuckDBPyConnection, fault: Fault, delivery_id: str) -> None:
    its = f"delivery_id = '{delivery_id}'"
    for statement in fault.statements:
        sql = statement.format(rows=f"raw.{fault.group}", id=delivery_id, its=its)
        changed = connection.execute(sql).fetchone()
        assert statement.startswith("alter") or (changed and changed[0]), f"{fault.name}: no effect"


@pytest.fixture(scope="module")
def seeded(example: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    folder = tmp_path_factory.mktemp("faults")
    # the views of the warehouse know it by this name
    warehouse = folder / "monitor.duckdb"
    shutil.copy(example.warehouse, warehouse)
    return Seeded(warehouse, folder / "data_docs")


ALL = [("raw", fault) for fault in RAW] + [("publication", fault) for fault in PUBLICATION]


def test_there_are_enough_faults_with_names_of_their_own() -> None:
    assert len(ALL) >= 50
    assert max(Counter((gate, fault.name) for gate, fault in ALL).values()) == 1


def test_nearly_every_fault_is_caught_by_the_check_that_should(seeded: Seeded) -> None:
    missed = [
        f"{gate}: {fault.name} (by {fault.check}; failed: {', '.join(seeded.failed(gate, fault))})"
        for gate, fault in ALL
        if fault.check not in seeded.failed(gate, fault)
    ]
    assert len(missed) <= (1 - FEWEST_CAUGHT) * len(ALL), missed


def test_messages_quote_what_is_wrong(seeded: Seeded) -> None:
    silent = [
        (fault.name, quote, message)
        for gate, fault in ALL
        if fault.check in seeded.failed(gate, fault)
        for message in [seeded.failed(gate, fault)[fault.check]["message"]]
        for quote in fault.quotes
        if quote not in message
    ]
    assert not silent


def test_faults_fail_as_severely_as_the_registry_says(seeded: Seeded) -> None:
    for gate, fault in ALL:
        for name, row in seeded.failed(gate, fault).items():
            assert row["severity"] == CHECKS[name].severity, row["message"]


def test_the_example_without_faults_passes_every_check(seeded: Seeded) -> None:
    assert [row["message"] for row in seeded.sound if not row["success"]] == []


def test_every_check_has_passed_and_has_failed(seeded: Seeded) -> None:
    failed = {(gate, name) for gate, fault in ALL for name in seeded.failed(gate, fault)}
    registered = {(check.gate, check.name) for check in CHECKS.values()}
    assert failed == registered
    results = [*seeded.sound, *(row for rows in seeded.of_fault.values() for row in rows)]
    passed = {(row["gate"], row["expectation"]) for row in results if row["success"]}
    # of these the sound example has nothing to judge: any row of theirs is a fault
    assert registered - passed <= {("publication", "no_identifiable_swv_figures")}


def test_no_message_tells_a_login(seeded: Seeded, example: Workspace) -> None:
    logins = {
        login
        for (login,) in example.query_warehouse(
            "select respnr from raw.leraar where respnr is not null"
        )
    }
    for rows in seeded.of_fault.values():
        for row in rows:
            assert not logins & set(re.split(r"[^\w@.-]+|[.](?=\s|$)", row["message"]))


def table(seeded: Seeded) -> str:
    """The faults with the check that catches each, and what else fails, as Markdown."""
    lines = ["| gate | fault | caught by | also fails |", "|---|---|---|---|"]
    for gate, fault in ALL:
        failed = seeded.failed(gate, fault)
        caught = f"`{fault.check}`" if fault.check in failed else f"missed by `{fault.check}`"
        others = ", ".join(f"`{name}`" for name in failed if name != fault.check)
        lines.append(f"| {gate} | {fault.name} | {caught} | {others} |")
    return "\n".join(lines)


def test_the_documentation_has_the_table_of_faults(seeded: Seeded) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    expected = f"{before}{BEGIN}\n{table(seeded)}\n{END}{after}"
    if os.environ.get(REWRITE):
        DOCUMENT.write_text(expected, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == expected, (
        f"docs/quality.md does not say what the gates find. Run this test with {REWRITE}=1."
    )
