"""What the gates measure, and the expectation that judges it.

A delivery is scanned a few times by SQL that ends in small aggregates; these are the measures that
Great Expectations validates. One GX expectation for each of the 1,200 delivered columns would take
minutes, and a query for each check would read every delivery twenty times.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import duckdb
from great_expectations.expectations.expectation import BatchExpectation, Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.registry import CHECKS

EXAMPLES = 5
LONGEST_VALUE = 80


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def in_list(texts: Iterable[str]) -> str:
    """The right side of an SQL `in`, sorted; of no texts one that no column holds."""
    return "(" + ", ".join(literal(text) for text in sorted(texts) or [""]) + ")"


def quoted(value: object) -> str:
    """A delivered value as a message shows it."""
    return "empty" if value is None else f"'{str(value)[:LONGEST_VALUE]}'"


@dataclass(frozen=True)
class Measure:
    """What a check found in one subject (a column, a table).

    `unexpected` of `total` values offend, such as `examples`; `finding` says it in other words
    where it is not a share, `observed` is what is published of it instead of that share,
    `excess` how far it is beyond what is allowed (below zero: within), so that the worst is told,
    `error` is why the check could not be measured, and `limit` is the share that passes (0-1)
    where the codebook has one for this subject, instead of that of the check.
    """

    check: str
    subject: str
    total: int
    unexpected: int
    examples: tuple[str, ...] = ()
    finding: str | None = None
    observed: str | None = None
    excess: float = 0.0
    error: str | None = None
    limit: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the share of offending values is within the limit."""
        limit = CHECKS[self.check].limit if self.limit is None else self.limit
        # The margin is there because in floating point 0.1 * 30 is not quite 3.
        return self.unexpected <= limit * self.total + 1e-9

    @property
    def share(self) -> float:
        """Offending values as a share of all, 0 to 1."""
        return self.unexpected / self.total if self.total else float(self.unexpected > 0)


def measure_all(
    parts: Iterable[tuple[tuple[str, ...], Callable[[], Iterable[Measure]]]],
) -> list[Measure]:
    """The measures of all parts; a part that fails gives an error for each of its checks.

    Args:
        parts: names of checks, and the function that measures them.
    """
    measures: list[Measure] = []
    for checks, take in parts:
        try:
            measures += take()
        except Exception as error:  # one odd delivery may not stop the others
            # what follows is the query, which would drown the reason
            told, _, _ = str(error).partition("\nLINE ")
            reason = " ".join(f"{type(error).__name__}: {told}".split())
            measures += [Measure(check, check, 0, 0, error=reason) for check in checks]
    return measures


def judged(connection: duckdb.DuckDBPyConnection, check: str, query: str) -> Iterator[Measure]:
    """Measures of a check that looks at every value of a table.

    Args:
        query: selects subject, place (text or number, by which examples are sorted), value, and
            whether it is unexpected.
    """
    judged_values = f"with judged(subject, place, value, is_unexpected) as ({query})"
    # without places and values, of which most tables have a hundred thousand, this is fast
    rows = connection.execute(f"""
        {judged_values}
        select subject, count(*), count(*) filter (where is_unexpected)
        from judged
        group by subject
        order by subject
    """).fetchall()
    for subject, total, unexpected in rows:
        examples: list[tuple[Any, Any]] = []
        if unexpected:
            examples = connection.execute(
                f"""
                {judged_values}
                select place, cast(value as varchar) from judged
                where is_unexpected and subject = ? order by place limit {EXAMPLES}
                """,
                [subject],
            ).fetchall()
        told = tuple(f"{place}: {quoted(value)}" for place, value in examples)
        yield Measure(check, subject, total, unexpected, told)


COLUMNS = {
    "audit": "integer",
    "position": "integer",
    "check_name": "varchar",
    "subject": "varchar",
    "total": "bigint",
    "unexpected": "bigint",
    "share": "double",
    "is_met": "boolean",
    "examples": "varchar",
    "finding": "varchar",
    "observed": "varchar",
    "excess": "double",
    "error": "varchar",
    "own_limit": "double",
}


def write_measures(path: Path, audits: Iterable[Iterable[Measure]]) -> None:
    """Put the measures of each audit into a file of their own, which Great Expectations reads."""
    rows = [
        [
            *(number, position, one.check, one.subject, one.total, one.unexpected, one.share),
            *(one.is_met, json.dumps(one.examples), one.finding, one.observed),
            *(one.excess, one.error, one.limit),
        ]
        for number, measures in enumerate(audits)
        for position, one in enumerate(measures)
    ]
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table measured ({', '.join(map(' '.join, COLUMNS.items()))})")
        if rows:
            columns = ", ".join(f"unnest(?::{kind}[])" for kind in COLUMNS.values())
            values = [list(column) for column in zip(*rows, strict=True)]
            connection.execute(f"insert into measured select {columns}", values)


class ExpectFewUnexpectedValues(BatchExpectation):
    """Within each subject (a column, a table) the share of unexpected values is within the limit.

    All expectations of an audit ask for the same metric, which GX computes once: the rows of
    `measured`, the worst first. `unexpected_rows_query` is named after that metric.
    """

    unexpected_rows_query: str

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)
    success_keys: ClassVar[tuple[str, ...]] = ("unexpected_rows_query",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        check = (self.meta or {})["check"]
        subjects = [
            row for row in metrics["unexpected_rows_query.table"] if row["check_name"] == check
        ]
        for subject in subjects:
            if subject["error"]:
                raise RuntimeError(subject["error"])
        failed = [subject for subject in subjects if not subject["is_met"]]
        sentences = [_sentence(subject) for subject in failed[:EXAMPLES]]
        if failed[EXAMPLES:]:
            sentences.append(f"And {len(failed) - EXAMPLES} more")
        unexpected = sum(subject["unexpected"] for subject in subjects)
        total = sum(subject["total"] for subject in subjects)
        return {
            "success": not failed,
            "result": {
                "observed_value": _observed(subjects[0]) if subjects else "nothing to judge",
                "unexpected_count": unexpected,
                "element_count": total,
                "unexpected_percent": 100 * unexpected / total if total else 0.0,
                "details": {"failed": sentences},
                # For Data Docs, where GX shows delivered text as if it were HTML.
                "partial_unexpected_list": [html.escape(sentence) for sentence in sentences],
            },
        }


def _observed(subject: dict[str, Any]) -> str:
    """The share of unexpected values; without counts, for it is published."""
    if subject["observed"]:
        return str(subject["observed"])
    share = subject["share"]
    return f"{'<0.1%' if 0 < share < 0.001 else f'{share:.1%}'} in {subject['subject']}"


def _sentence(subject: dict[str, Any]) -> str:
    if subject["finding"]:
        return f"{subject['subject']}: {subject['finding']}"
    limit = subject["own_limit"]
    tolerated = "" if limit is None else f" (at most {100 * limit:g}% may be)"
    return (
        f"{subject['subject']}: {subject['unexpected']} of {subject['total']}{tolerated}, "
        f"for example {'; '.join(json.loads(subject['examples']))}"
    )


def expectations(
    audit: int, measures: Iterable[Measure], figures: Mapping[str, Mapping[str, float]]
) -> list[Expectation]:
    """An expectation for each check that something was measured of, in the order of the registry.

    Args:
        audit: the number of the audit in the file of measures.
        figures: of each check, the figures that its rule names.

    Raises:
        KeyError: a rule names a figure that is not given.
    """
    measured = {one.check for one in measures}
    worst_first = (
        f"select * from {{batch}} where audit = {audit} order by share desc, excess desc, position"
    )
    severities = {"error": FailureSeverity.CRITICAL, "warning": FailureSeverity.WARNING}
    return [
        ExpectFewUnexpectedValues(
            unexpected_rows_query=worst_first,
            meta={"check": check.name, "audit": audit},
            description=check.expects(figures[check.name]),
            severity=severities[check.severity],
        )
        for check in CHECKS.values()
        if check.name in measured
    ]
