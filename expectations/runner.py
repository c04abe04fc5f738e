"""Runs the audits of a gate; gives results to Dagster and the warehouse, and pages to people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuite, ExpectationValidationResult

from expectations.codebook import Codebook
from expectations.data_docs import Site
from expectations.registry import CHECKS, Check
from expectations.suites import publication, raw
from expectations.warehouse import open_warehouse

Result = dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """A suite, the rows it judges, and what its results are labelled with."""

    gate: str
    suite: ExpectationSuite
    query: str
    title: str
    wave_id: str | None = None
    respondent_group: str | None = None
    delivery_id: str | None = None


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
    audits = list(_audits(request))
    site = Site(Path(request["data_docs"]))
    results: list[Result] = []
    with open_warehouse(Path(request["warehouse"])) as warehouse:
        for audit in audits:
            validation = warehouse.validate(audit.suite, audit.query)
            validation.results.sort(key=lambda result: list(CHECKS).index(_check(result).name))
            outcomes = [_outcome(audit, result) for result in validation.results]
            results += outcomes
            name = audit.delivery_id or audit.gate
            messages = [outcome["message"] for outcome in outcomes if not outcome["success"]]
            site.write(audit.gate, name, audit.title, _verdict(outcomes), messages, validation)
    return {"results": results, "data_docs": str(site.write_index())}


def _audits(request: dict[str, Any]) -> Iterator[Audit]:
    codebook = Codebook()
    if request["gate"] == "publication":
        title = "Publication" + _simulated(request)
        yield Audit("publication", publication.suite(codebook), publication.QUERY, title)
    elif request["gate"] == "raw":
        groups = codebook.seed("respondent_groups")
        labels = {row["respondent_group"]: row["label_en"] for row in groups}
        for delivery in request["deliveries"]:
            wave_id, group = delivery["wave_id"], delivery["respondent_group"]
            delivery_id = delivery["delivery_id"]
            suite = raw.suite(codebook, wave_id, group)
            title = f"{wave_id}: {labels[group]}" + _simulated(delivery)
            query = raw.query(delivery_id, group)
            yield Audit("raw", suite, query, title, wave_id, group, delivery_id)
    else:
        raise ValueError(f"There is no gate {request['gate']!r}; there are raw and publication.")


def _simulated(subject: dict[str, Any]) -> str:
    """What is simulated says so, on its page too."""
    return ", simulated data" if subject.get("is_synthetic") else ""


def _check(result: ExpectationValidationResult) -> Check:
    configuration: Any = result.expectation_config
    return CHECKS[configuration.meta["check"]]


def _outcome(audit: Audit, result: ExpectationValidationResult) -> Result:
    """A row for `quality_results`, with a message."""
    check, found, error = _check(result), result.result, _error(result)
    configuration: Any = result.expectation_config
    message = str(configuration.description)
    if error:
        message += (
            f" This could not be checked in {audit.suite.name}: {error}. Look whether the tables "
            "and columns named here exist."
        )
    elif not result.success:
        where = f"delivery {audit.delivery_id}" if audit.delivery_id else "the published tables"
        row_count = {"failed": [f"{audit.suite.name}: {found['observed_value']} rows"]}
        failed = found.get("details", row_count)["failed"]
        message += f" Found in {where}: {'. '.join(failed)}. {check.remedy}"
    observed_value = found.get("observed_value")
    return {
        "gate": audit.gate,
        "suite": audit.suite.name,
        "expectation": check.name,
        "wave_id": audit.wave_id,
        "respondent_group": audit.respondent_group,
        "delivery_id": audit.delivery_id,
        # What cannot be checked may be wrong, so it blocks.
        "severity": "error" if error else check.severity,
        "success": bool(result.success),
        "observed_value": None if observed_value is None else str(observed_value),
        "unexpected_count": found.get("unexpected_count"),
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


def _verdict(outcomes: list[Result]) -> str:
    """How an audit ended, for a page; the first word says whether it blocks."""
    failed = [outcome["severity"] for outcome in outcomes if not outcome["success"]]
    if "error" in failed:
        return f"failed {len(failed)} of {len(outcomes)} checks"
    if failed:
        return f"passed with {len(failed)} warning{'s' * (len(failed) > 1)}"
    return f"passed all {len(outcomes)} checks"
