"""Withhold more where the attack still finds something: the last line of protection.

The models protect sums of parts one relation at a time; figures that are bounded by several of them
together can slip through. A question of a wave and group in which that happens is closed: all its
breakdowns are withheld; if that does not help, its totals too. What is withheld stands in
`published__suppressions`, and the published models that read it are built again, so that what rests
on a closed question follows by their own rules: goal scores, gaps, benchmarks, and the families of
tests, which may hold published ones only. It depends on the same inputs as the release.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from disclosure.hypotheses import PATH as HIDDEN_TEST
from disclosure.result import Recovered

# every cell of a closed question, and of its pooled waves
WITHHELD = """
    insert into disclosure.suppressions (
        wave_id, kind, question, respondent_group, breakdown, breakdown_value, measure,
        suppression_reason, is_own
    )
    with cells as (
        select
            wave_id, indicator_code as question, respondent_group,
            breakdown, breakdown_value, measure
        from indicators.fct_indicator_estimates
        where (wave_id, indicator_code, respondent_group) in (from closed)
            and ($with_totals or breakdown <> 'total')
        union all
        select
            'pooled' as wave_id, indicator_code as question, respondent_group,
            'swv' as breakdown, swv_code as breakdown_value, measure
        from indicators.fct_swv_benchmarks
        where (indicator_code, respondent_group) in (
            select indicator_code, respondent_group from closed
        )
    )
    select
        wave_id, 'indicator', question, respondent_group, breakdown, breakdown_value, measure,
        'complementary', false
    from cells
    anti join disclosure.suppressions as known
        using (wave_id, question, respondent_group, breakdown, breakdown_value, measure)
"""


def close(
    connection: duckdb.DuckDBPyConnection, cells: Iterable[Recovered], with_totals: bool
) -> int:
    """Withhold the questions of recovered cells; returns how many.

    A benchmark belongs to its question in every wave, a goal score to all questions of its goal,
    and a hidden p-value to those of its family. The published models must be built again after.
    """
    questions = set()
    for cell in cells:
        is_test = cell.path == HIDDEN_TEST
        if cell.table == "fct_swv_benchmarks":
            indicator_code, group = cell.keys[:2] if is_test else cell.keys[1:3]
            questions |= _questions(connection, indicator_code=indicator_code, group=group)
        elif cell.table == "fct_goal_scores":
            wave_id, goal_id, group = cell.keys[:3]
            questions |= _questions(connection, wave_id=wave_id, goal_id=goal_id, group=group)
        elif is_test:
            groups = cell.keys[1:3] if cell.table == "fct_perspective_gaps" else cell.keys[2:3]
            for group in groups:
                questions |= _questions(connection, wave_id=cell.keys[0], group=group)
        else:
            questions.add((cell.keys[0], cell.keys[1], cell.keys[2]))
    connection.execute(
        "create or replace temp table closed "
        "(wave_id varchar, indicator_code varchar, respondent_group varchar)"
    )
    connection.executemany("insert into closed values (?, ?, ?)", sorted(questions))
    connection.execute(WITHHELD, {"with_totals": with_totals})
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
