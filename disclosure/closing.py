"""Withhold more where the attack still finds something: the last line of protection.

The models protect sums of parts one relation at a time; figures that are bounded by several of them
together can slip through. A question of a wave and group in which that happens is closed: all its
breakdowns are withheld, and what is derived from them; if that does not help, its totals too.
Withholding more never tells more, so that this ends. It depends on the same inputs as the release.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from disclosure.result import Recovered

# the columns that a withheld row keeps, beside its reason
KEPT = {
    "fct_indicator_estimates": (
        "wave_id indicator_code respondent_group breakdown breakdown_value measure estimate_id "
        "unit_of_count comparability"
    ),
    "fct_indicator_changes": (
        "wave_id indicator_code respondent_group breakdown breakdown_value measure "
        "baseline_wave_id comparability"
    ),
    "fct_perspective_gaps": "wave_id indicator_code group_a group_b breakdown breakdown_value",
    "fct_goal_scores": ("wave_id goal_id respondent_group breakdown breakdown_value comparability"),
    "fct_swv_benchmarks": (
        "swv_code indicator_code respondent_group measure waves_pooled national_estimate "
        "national_rounding_step"
    ),
    "fct_goal_verdicts": "wave_id goal_id respondent_group indicators",
    "fct_summary_statements": "wave_id claim_id respondent_group goal_id estimate_ids",
}
# which rows of a table rest on a closed question; {parts} leaves the totals alone
QUESTION = "(wave_id, indicator_code, respondent_group) in (from closed)"
GOAL = """(wave_id, goal_id, respondent_group) in (
    select closed.wave_id, indicators.goal_id, closed.respondent_group
    from closed inner join published.dim_indicators as indicators using (indicator_code)
)"""
RESTS_ON = {
    "fct_indicator_estimates": f"{QUESTION} {{parts}}",
    "fct_indicator_changes": (
        f"({QUESTION} or (baseline_wave_id, indicator_code, respondent_group) in (from closed)) "
        "{parts}"
    ),
    "fct_perspective_gaps": (
        "((wave_id, indicator_code, group_a) in (from closed) "
        "or (wave_id, indicator_code, group_b) in (from closed)) {parts}"
    ),
    "fct_goal_scores": f"{GOAL} {{parts}}",
    "fct_swv_benchmarks": (
        "(indicator_code, respondent_group) in "
        "(select indicator_code, respondent_group from closed)"
    ),
}
TOTALS_REST_ON = {
    "fct_goal_verdicts": GOAL,
    "fct_summary_statements": GOAL,
}


def close(
    connection: duckdb.DuckDBPyConnection, cells: Iterable[Recovered], with_totals: bool
) -> int:
    """Withhold the questions of recovered cells in schema `published`; returns how many.

    A benchmark belongs to its question in every wave, a goal score to all questions of its goal.
    """
    questions = set()
    for cell in cells:
        if cell.table == "fct_swv_benchmarks":
            questions |= _questions(connection, indicator_code=cell.keys[1], group=cell.keys[2])
        elif cell.table == "fct_goal_scores":
            wave_id, goal_id, group = cell.keys[:3]
            questions |= _questions(connection, wave_id=wave_id, goal_id=goal_id, group=group)
        else:
            questions.add((cell.keys[0], cell.keys[1], cell.keys[2]))
    connection.execute(
        "create or replace temp table closed "
        "(wave_id varchar, indicator_code varchar, respondent_group varchar)"
    )
    connection.executemany("insert into closed values (?, ?, ?)", sorted(questions))
    rests_on = {**RESTS_ON, **TOTALS_REST_ON} if with_totals else RESTS_ON
    parts = "" if with_totals else "and breakdown <> 'total'"
    for table, condition in rests_on.items():
        present = [
            row[0]
            for row in connection.execute(
                "select column_name from information_schema.columns "
                "where table_schema = 'published' and table_name = ?",
                [table],
            ).fetchall()
        ]
        emptied = [
            f'"{column}" = null'
            for column in present
            if column not in (*KEPT[table].split(), "is_suppressed", "suppression_reason")
        ]
        reason = "complementary" if table == "fct_indicator_estimates" else "derived"
        connection.execute(
            f"update published.{table} set {', '.join(emptied)}, is_suppressed = true, "
            f"suppression_reason = '{reason}' "
            f"where not is_suppressed and {condition.format(parts=parts)}"
        )
    return len(questions)


def _questions(
    connection: duckdb.DuckDBPyConnection,
    group: str,
    wave_id: str | None = None,
    indicator_code: str | None = None,
    goal_id: str | None = None,
) -> set[tuple[str, str, str]]:
    rows = connection.execute(
        "select distinct items.wave_id, items.indicator_code, items.respondent_group "
        "from published.dim_items as items "
        "inner join published.dim_indicators as indicators using (indicator_code) "
        "where items.respondent_group = ? and items.wave_id = coalesce(?, items.wave_id) "
        "and items.indicator_code = coalesce(?, items.indicator_code) "
        "and coalesce(cast(indicators.goal_id as varchar) = ?, true)",
        [group, wave_id, indicator_code, goal_id],
    ).fetchall()
    return {(str(row[0]), str(row[1]), str(row[2])) for row in rows}
