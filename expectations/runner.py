"""Runs the audits of a gate; gives results to Dagster and the warehouse, and pages to people.

What is delivered or published is measured first, with a plain connection. Great Expectations then
validates the measures, so that its work does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from great_expectations.core import ExpectationSuite, ExpectationValidationResult

from expectations.codebook import Codebook
from expectations.data_docs import Finding, Site
from expectations.measure import Measure, expectations, write_measures
from expectations.registry import CHECKS
from expectations.suites import publication, raw
from expectations.warehouse import open_warehouse

Result = dict[str, Any]
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Audit:
    """A suite, what was measured for it, and what its results are labelled with."""

    gate: str
    suite: str
    title: str
    measures: list[Measure]
    figures: Figures
    facts: dict[str, str] = field(default_factory=dict)
    wave_id: str | None = None
    respondent_group: str | None = None
    delivery_id: str | None = None
    compared_with: str | None = None


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a gate.

    Args:
        request: `gate` (raw or publication), `warehouse` and `data_docs` (paths) and, for the raw
            gate, `deliveries` (`delivery_id`, `wave_id`, `respondent_group` each). `is_synthetic`,
            of a delivery or of the publication, is shown in the title of its page.

    Returns:
        `results`, in the order of the deliveries and the registry, and `data_docs`, the index.

    Raises:
        ValueError: there is no such gate.
        LookupError: the codebook does not have the wave and group of a delivery.
        FileNotFoundError: there is no warehouse.
    """
    if request["gate"] not in ("raw", "publication"):
        raise ValueError(f"There is no gate {request['gate']!r}; there are raw and publication.")
    path = Path(request["warehouse"])
    if not path.is_file():
        raise FileNotFoundError(f"No warehouse at {path}. Run a refresh first.")
    with duckdb.connect(str(path), read_only=True) as connection:
        audits = list(measured_audits(connection, request))
    return judge(audits, Path(request["data_docs"]))


def measured_audits(
    connection: duckdb.DuckDBPyConnection, request: dict[str, Any]
) -> Iterator[Audit]:
    """Measure all that a request asks for, without judging it; arguments are those of `run`."""
    codebook = Codebook()
    if request["gate"] == "publication":
        published = publication.Publication(connection, codebook)
        yield Audit(
            "publication",
            "publication",
            "Publication" + _simulated(request),
            publication.measure(published),
            _figures(codebook, more=published.thresholds),
        )
        return
    labels = {row["respondent_group"]: row for row in codebook.seed("respondent_groups")}
    # a delivery is read again as the past of the next wave: what was measured is kept
    seen: dict[str, raw.Delivery] = {}
    for delivery in request["deliveries"]:
        wave_id, group = delivery["wave_id"], delivery["respondent_group"]
        delivery_id = delivery["delivery_id"]
        measured = raw.Delivery.of(connection, codebook, delivery_id, wave_id, group, seen)
        population = codebook.population(wave_id, group)
        yield Audit(
            "raw",
            f"raw.{group}",
            f"{wave_id}: {labels[group]['label_en']}" + _simulated(delivery),
            raw.measure(measured),
            _figures(codebook, group, {"population": population} if population else {}),
            measured.facts,
            wave_id,
            group,
            delivery_id,
            measured.previous.delivery_id if measured.previous else None,
        )


def judge(audits: list[Audit], data_docs: Path) -> dict[str, Any]:
    """Validate what was measured, and write a page of each audit; the answer is that of `run`."""
    site = Site(data_docs)
    results: list[Result] = []
    # one suite for all audits: each call of GX costs a tenth of a second beside its checks
    checks = ExpectationSuite(
        name="measured",
        expectations=[
            expectation
            for number, audit in enumerate(audits)
            for expectation in expectations(number, audit.measures, audit.figures)
        ],
    )
    with TemporaryDirectory(prefix="monitor-gates-") as folder:
        path = Path(folder) / "measured.duckdb"
        write_measures(path, (audit.measures for audit in audits))
        with open_warehouse(path) as warehouse:
            validation = warehouse.validate(checks, "select * from measured")
    order = list(CHECKS)
    of_audit: dict[int, list[Finding]] = {number: [] for number in range(len(audits))}
    for result in validation.results:
        of_audit[_meta(result)["audit"]].append(_finding(result))
    for audit, findings in zip(audits, of_audit.values(), strict=True):
        findings.sort(key=lambda finding: order.index(finding.check.name))
        results += [_outcome(audit, finding) for finding in findings]
        name = audit.delivery_id or audit.gate
        site.write(audit.gate, name, audit.title, audit.facts, findings)
    return {"results": results, "data_docs": str(site.write_index())}


def _figures(codebook: Codebook, group: str = "", more: dict[str, int] | None = None) -> Figures:
    """The figures that the rules of the checks name."""
    figures: Figures = {}
    for check in CHECKS.values():
        figures[check.name] = dict(more or {})
        if "{tolerance" in check.rule:
            tolerance = codebook.tolerance(check.name, group)
            figures[check.name] |= {"tolerance": tolerance, "inverse": 1 / tolerance}
    return figures


def _simulated(subject: dict[str, Any]) -> str:
    """What is simulated says so, on its page too."""
    return ", simulated data" if subject.get("is_synthetic") else ""


def _meta(result: ExpectationValidationResult) -> dict[str, Any]:
    configuration: Any = result.expectation_config
    meta: dict[str, Any] = configuration.meta
    return meta


def _finding(result: ExpectationValidationResult) -> Finding:
    """The result of a check as a page and a message need it."""
    check, found, error = CHECKS[_meta(result)["check"]], result.result, _error(result)
    configuration: Any = result.expectation_config
    observed_value = found.get("observed_value")
    return Finding(
        check=check,
        rule=str(configuration.description),
        success=bool(result.success),
        found=tuple(found.get("details", {}).get("failed", ())),
        observed_value=None if observed_value is None else str(observed_value),
        unexpected_count=found.get("unexpected_count"),
        error=error,
    )


def _outcome(audit: Audit, finding: Finding) -> Result:
    """A row for `quality_results`, with a message."""
    message = finding.rule
    if finding.error:
        message += (
            f" This could not be checked in {audit.suite}: {finding.error}. Look whether the "
            "tables and columns named here exist."
        )
    elif not finding.success:
        where = f"delivery {audit.delivery_id}" if audit.delivery_id else "the published tables"
        message += f" Found in {where}: {'. '.join(finding.found)}. {finding.check.remedy}"
    return {
        "gate": audit.gate,
        "suite": audit.suite,
        "expectation": finding.check.name,
        "wave_id": audit.wave_id,
        "respondent_group": audit.respondent_group,
        "delivery_id": audit.delivery_id,
        "compared_with": audit.compared_with,
        "severity": finding.severity,
        "success": finding.success,
        "observed_value": finding.observed_value,
        "unexpected_count": finding.unexpected_count,
        "message": message,
    }


def _error(result: ExpectationValidationResult) -> str | None:
    """Why the check could not run, if so; GX tells it of the expectation or of each metric."""
    info = result.exception_info or {}
    for exception in [info] if "raised_exception" in info else info.values():
        if exception["raised_exception"]:
            message, _, _ = str(exception["exception_message"]).partition("[SQL:")
            return " ".join(message.split())
    return None
