"""The expectation that nearly all checks use: one query that judges many values at once.

One GX expectation for each of the 1,200 delivered columns would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render import LegacyDiagnosticRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from expectations.registry import CHECKS

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
        unexpected = sum(subject["unexpected"] for subject in subjects)
        total = sum(subject["total"] for subject in subjects)
        return {
            "success": not failed,
            "result": {
                "observed_value": _share(subjects[0]) if subjects else "nothing to judge",
                "unexpected_count": unexpected,
                "element_count": total,
                "unexpected_percent": 100 * unexpected / total if total else 0.0,
                "details": {"failed": [_sentence(subject) for subject in failed[:EXAMPLES]]},
            },
        }

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_STATEMENT)
    def _diagnostic_unexpected_statement_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """What Data Docs show of a failure: the subjects with their examples, escaped by GX."""
        if result is None or "details" not in result.result:
            return super()._diagnostic_unexpected_statement_renderer(configuration, result)
        return [
            RenderedStringTemplateContent(
                content_block_type="string_template",
                string_template={
                    "template": "$sentence",
                    "params": {"sentence": sentence},
                    "tag": "div",
                    "styling": {"classes": ["text-danger"]},
                },
            )
            for sentence in result.result["details"]["failed"]
        ]


def _share(subject: dict[str, Any]) -> str:
    """The share of unexpected values; without counts, for it is published."""
    share = subject["unexpected"] / subject["total"]
    return f"{'<0.1%' if 0 < share < 0.001 else f'{share:.1%}'} in {subject['subject']}"


def _sentence(subject: dict[str, Any]) -> str:
    return (
        f"{subject['subject']}: {subject['unexpected']} of {subject['total']}, "
        f"for example {'; '.join(subject['examples'])}"
    )


def describe(name: str, **figures: float) -> dict[str, Any]:
    """What an expectation gets from the registry's row of its check."""
    check = CHECKS[name]
    return {
        "meta": {"check": name},
        "description": check.expects(**figures),
        "severity": "critical" if check.severity == "error" else "warning",
    }


def few_unexpected(
    name: str, judged: str, *, context: str = "", places: str = "", **figures: float
) -> ExpectFewUnexpectedValues:
    """The check `name`, measured by a query.

    Args:
        judged: a query for the values looked at: `subject`, `place` (text or a number, by which
            examples are sorted), `value` and `is_unexpected`. `{batch}` is the data under test.
        context: CTEs that `judged` reads.
        places: what comes before a place in an example, such as `row `.
        figures: those that the rule names.
    """
    # The margin is there because in floating point 0.1 * 30 is not quite 3.
    query = f"""
        with {context and context + ","}
        judged as ({judged}),
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
            unexpected <= {CHECKS[name].limit} * total + 1e-9 as is_met
        from examples
        group by subject
        order by unexpected / total desc, subject
    """
    return ExpectFewUnexpectedValues(unexpected_rows_query=query, **describe(name, **figures))
