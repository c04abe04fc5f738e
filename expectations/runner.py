"""Runs the audits of a gate, and hands the results to Dagster, the warehouse and Data Docs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from great_expectations.core import (
    ExpectationSuite,
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)

from expectations import data_docs
from expectations.codebook import Codebook
from expectations.registry import CHECKS, Severity
from expectations.suites import publication, raw
from expectations.warehouse import open_warehouse

Request = dict[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """A suite, the rows it judges, and what the results are labelled with."""

    gate: str
    suite: ExpectationSuite
    query: str
    title: str
    wave_id: str | None = None
    respondent_group: str | None = None
    delivery_id: str | None = None


def run(request: Request, codebook: Codebook | None = None) -> dict[str, Any]:
    """Run a gate.

    Args:
        request: `gate` (raw or publication), `warehouse` and `data_docs` (paths) and, for the raw
            gate, `deliveries` (`delivery_id`, `wave_id`, `respondent_group` each).

    Returns:
        `results`, in the order of the deliveries and the registry, and `data_docs`, the index.

    Raises:
        ValueError: there is no such gate.
        LookupError: a delivery is of a wave and group that the codebook does not have.
        FileNotFoundError: there is no warehouse.
    """
    audits = list(_audits(request, codebook or Codebook()))
    site = data_docs.Site(Path(request["data_docs"]))
    results: list[Result] = []
    with open_warehouse(Path(request["warehouse"])) as warehouse:
        for audit in audits:
            validation = warehouse.validate(audit.suite, audit.query)
            order = list(CHECKS)
            validation.results.sort(key=lambda result: order.index(_check(result)))
            outcomes = [_outcome(audit, result) for result in validation.results]
            results += outcomes
            name = audit.delivery_id or audit.gate
            site.write(audit.gate, name, audit.title, _status(outcomes), validation)
    return {"results": results, "data_docs": str(site.write_index())}


def _audits(request: Request, codebook: Codebook) -> Iterator[Audit]:
    if request["gate"] == "publication":
        yield Audit("publication", publication.suite(codebook), publication.QUERY, "Publication")
    elif request["gate"] == "raw":
        labels = {
            row["respondent_group"]: row["label_en"] for row in codebook.seed("respondent_groups")
        }
        for delivery in request["deliveries"]:
            wave_id, group = delivery["wave_id"], delivery["respondent_group"]
            yield Audit(
                "raw",
                raw.suite(codebook, wave_id, group),
                raw.query(delivery["delivery_id"], group),
                f"{wave_id}: {labels[group]}",
                wave_id,
                group,
                delivery["delivery_id"],
            )
    else:
        raise ValueError(f"There is no gate {request['gate']!r}; there are raw and publication.")


def _check(result: ExpectationValidationResult) -> str:
    return str(result.expectation_config.meta["check"])


def _outcome(audit: Audit, result: ExpectationValidationResult) -> Result:
    """A row for `quality_results`, with a message."""
    check = CHECKS[_check(result)]
    found = result.result
    message = str(result.expectation_config.description)
    severity: Severity = check.severity
    error = _error(result)
    if error:
        # What cannot be checked may be wrong, so it blocks whatever its severity.
        severity = "error"
        message += (
            f" This could not be checked in {audit.suite.name}: {error}. Look whether the "
            "tables and columns named here exist."
        )
    elif not result.success:
        where = f"delivery {audit.delivery_id}" if audit.delivery_id else "the published tables"
        table = audit.suite.name
        details = found.get("details", {"failed": [f"{table}: {found['observed_value']} rows"]})
        message += f" Found in {where}: {'. '.join(details['failed'])}. {check.remedy}"
    observed_value = found.get("observed_value")
    return {
        "gate": audit.gate,
        "suite": audit.suite.name,
        "expectation": check.name,
        "wave_id": audit.wave_id,
        "respondent_group": audit.respondent_group,
        "delivery_id": audit.delivery_id,
        "severity": severity,
        "success": bool(result.success),
        "observed_value": None if observed_value is None else str(observed_value),
        "unexpected_count": found.get("unexpected_count"),
        "message": message,
    }


def _status(outcomes: list[Result]) -> str:
    """How the audit ended, for a page; the first word says whether it blocks."""
    failed = [outcome["severity"] for outcome in outcomes if not outcome["success"]]
    if "error" in failed:
        return f"failed {len(failed)} of {len(outcomes)} checks"
    if failed:
        return f"passed with {len(failed)} warning{'s' if len(failed) > 1 else ''}"
    return f"passed all {len(outcomes)} checks"


def _error(result: ExpectationValidationResult) -> str | None:
    """Why the check could not run, if so; GX tells it of the expectation or of each metric."""
    info = result.exception_info or {}
    for exception in [info] if "raised_exception" in info else info.values():
        if exception["raised_exception"]:
            message, _, _ = str(exception["exception_message"]).partition("[SQL:")
            return " ".join(message.split())
    return None
