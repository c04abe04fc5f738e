"""The expectation that nearly all checks use: one query that judges many values at once.

One GX expectation for each of the 1,200 delivered columns would take minutes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation

from expectations.registry import Check

EXAMPLES = 5


def escape(text: str) -> str:
    """Text that passes unchanged through `str.format` (GX) and bind parameters (SQLAlchemy)."""
    return text.replace("{", "{{").replace("}", "}}").replace(":", "\\:")


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + escape(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """An SQL identifier."""
    return '"' + escape(name).replace('"', '""') + '"'


def in_list(texts: Iterable[str]) -> str:
    """The right side of an SQL `in`, sorted."""
    return "(" + ", ".join(literal(text) for text in sorted(texts)) + ")"


class ExpectFewUnexpectedValues(BatchExpectation):
    """Within each subject (a column, a table) the share of unexpected values is within the limit.

    `unexpected_rows_query`, named after the GX metric it feeds, returns a row for each subject,
    the worst first: `subject`, `total`, `unexpected`, `examples`, `is_met`.
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
        subjects = metrics["unexpected_rows_query.table"]
        failed = [subject for subject in subjects if not subject["is_met"]]
        sentences = [_sentence(subject) for subject in failed[:EXAMPLES]]
        if failed[EXAMPLES:]:
            sentences.append(f"And {len(failed) - EXAMPLES} more")
        unexpected = sum(subject["unexpected"] for subject in subjects)
        total = sum(subject["total"] for subject in subjects)
        return {
            "success": not failed,
            "result": {
                "observed_value": _share(subjects[0]) if subjects else "nothing to judge",
                "unexpected_count": unexpected,
                "element_count": total,
                "unexpected_percent": 100 * unexpected / total if total else 0.0,
                "details": {"failed": sentences},
                # For Data Docs, where GX shows delivered text as if it were HTML.
                "partial_unexpected_list": [html.escape(sentence) for sentence in sentences],
            },
        }


def _share(subject: dict[str, Any]) -> str:
    """The share of unexpected values; without counts, for it is published."""
    share = subject["unexpected"] / subject["total"]
    return f"{'<0.1%' if 0 < share < 0.001 else f'{share:.1%}'} in {subject['subject']}"


def _sentence(subject: dict[str, Any]) -> str:
    return (
        f"{subject['subject']}: {subject['unexpected']} of {subject['total']}, "
        f"for example {'; '.join(subject['examples'])}"
    )


def describe(check: Check, figures: Mapping[str, float] = {}) -> dict[str, Any]:
    """What an expectation gets from its row of the registry."""
    return {
        "meta": {"check": check.name},
        "description": check.expects(figures),
        "severity": "critical" if check.severity == "error" else "warning",
    }


def few_unexpected(
    check: Check,
    judged: str,
    *,
    context: str = "",
    places: str = "",
    figures: Mapping[str, float] = {},
) -> ExpectFewUnexpectedValues:
    """A check, measured by a query.

    Args:
        judged: a query for the values looked at, with four columns: subject, place (text or
            number, by which examples are sorted), value, and whether it is unexpected. `{batch}`
            stands for the data under test.
        context: CTEs that `judged` reads.
        places: what comes before a place in an example, such as `row `.
        figures: those that the rule names.
    """
    # The margin is there because in floating point 0.1 * 30 is not quite 3.
    query = f"""
        with {context and context + ","}
        judged(subject, place, value, is_unexpected) as ({judged}),
        examples as (
            select
                *,
                {literal(places)} || place || ': '
                || coalesce('''' || left(cast(value as varchar), 40) || '''', 'empty') as example
            from judged
        )
        select
            subject,
            count(*) as total,
            count(*) filter (where is_unexpected) as unexpected,
            coalesce(arg_min(example, place, {EXAMPLES}) filter (where is_unexpected), [])
                as examples,
            unexpected <= {check.limit} * total + 1e-9 as is_met
        from examples
        group by subject
        order by unexpected / total desc, subject
    """
    return ExpectFewUnexpectedValues(unexpected_rows_query=query, **describe(check, figures))
