"""How a cell of a published table is written, and where its working stands."""

from __future__ import annotations

from markupsafe import Markup, escape

from report.numbers import Numbers
from report.release import Row, key

SIGNED = ("change", "gap", "difference", "difference_ci_lower", "difference_ci_upper")
COUNTS = {
    "n_respondents", "n_units", "n_psu", "degrees_of_freedom", "effective_n", "population_units",
    "responded", "complete", "value", "indicator_count", "favourable_count",
    "needs_improvement_count",
}  # fmt: skip
# the step that a column is published on, where it is not `rounding_step`
STEPS = {
    "national_estimate": "national_rounding_step",
    "difference": "difference_rounding_step",
    "difference_standard_error": "difference_rounding_step",
    "difference_ci_lower": "difference_rounding_step",
    "difference_ci_upper": "difference_rounding_step",
}
STATISTICS = (
    "estimate", "standard_error", "ci_lower", "ci_upper", "n_respondents", "n_units", "n_psu",
    "degrees_of_freedom", "design_effect", "effective_n",
)  # fmt: skip


# how the id of a figure begins; its key follows, with `~` between the parts
INITIALS = {
    "fct_indicator_estimates": "e",
    "fct_indicator_changes": "c",
    "fct_perspective_gaps": "g",
    "fct_swv_benchmarks": "b",
    "fct_goal_scores": "s",
    "fct_goal_verdicts": "v",
    "fct_summary_statements": "t",
}


def text(table: str, column: str, row: Row, numbers: Numbers, measure: str = "") -> str:
    """A number of a published table as readers see it.

    `measure` is that of the indicator, for tables that have none themselves. Shares become
    percentages and their differences percentage points; means and scores stay on their scale. Each
    has the decimals of the step on which it is published.
    """
    value = row[column]
    if value is None or isinstance(value, str):
        return value or numbers.decimal(None, 0)
    if column in COUNTS or table == "quality_certificates":
        return numbers.count(value)
    if column == "design_effect":
        return numbers.decimal(value, 1)
    if column == "mean_weight":
        return numbers.decimal(value, 2)
    if column in ("p_value", "p_value_adjusted"):
        return numbers.p_value(value)
    if column == "response_rate":
        return numbers.percent(value)
    step = row.get(STEPS.get(column, "rounding_step"))
    of_share = 1 if step is None else decimals(100 * step)
    if table == "fct_summary_statements":
        return numbers.percent(value, of_share)
    if table == "fct_goal_scores":
        return numbers.decimal(value, 1 if step is None else decimals(step))
    # a change or gap has limits that are differences themselves
    is_difference = column in SIGNED or (
        table in ("fct_indicator_changes", "fct_perspective_gaps") and column.startswith("ci_")
    )
    if (row.get("measure") or measure) == "mean":
        digits = 2 if step is None else decimals(step)
        return numbers.decimal(value, digits, signed=is_difference)
    if is_difference:
        return numbers.points(value, digits=of_share)
    if "standard_error" in column or column == "minimum_detectable_change":
        return numbers.points(value, signed=False, digits=of_share)
    return numbers.percent(value, of_share)


def decimals(step: float) -> int:
    """The decimals that numbers on a step have: 0 of 2, 1 of 0.5, 3 of 0.045."""
    return next(digits for digits in range(10) if abs(step - round(step, digits)) < 1e-9)


def anchor(table: str, row: Row) -> str:
    """The id of a figure on the page with its working."""
    return f"{INITIALS[table]}~{key(table, row).replace('|', '~')}"


def page(table: str, row: Row) -> str:
    """The page with the working of a figure, from the folder of the language."""
    if table == "fct_swv_benchmarks":
        return f"swv-{row['swv_code']}.html"
    if "indicator_code" in row:
        return f"working/{row['indicator_code']}-{row['wave_id']}.html"
    return f"working/goal-{row['goal_id']}.html"


def cells(table: str, row: Row, columns: tuple[str, ...], numbers: Numbers, measure: str) -> Markup:
    """The cells of a row of a working table, whose `data-columns` names the columns."""
    # tens of thousands of rows: plain strings, for Markup.format takes ten times as long
    texts = (text(table, column, row, numbers, measure) for column in columns)
    return Markup("".join(f"<td>{shown.replace('<', '&lt;')}</td>" for shown in texts))


def mark(table: str, row: Row, column: str) -> Markup:
    """The attributes that tell which published cell an element shows."""
    return Markup('data-table="{}" data-key="{}" data-column="{}"').format(
        table, escape(key(table, row)), column
    )
