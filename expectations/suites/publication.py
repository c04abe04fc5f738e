"""The publication gate: are the figures possible, complete, and safe to show?

Keys, relationships and accepted values are tested by dbt and not here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from great_expectations.core import ExpectationSuite

from expectations.codebook import Codebook
from expectations.measure import few_unexpected, in_list, literal
from expectations.registry import CHECKS

ESTIMATES = "published.fct_indicator_estimates"
RATES = "published.fct_response_rates"
STATEMENTS = "published.fct_summary_statements"
WEIGHTS = "intermediate.int_respondents__weighted"
QUERY = f"select * from {ESTIMATES}"

MAXIMUM_WEIGHT = 10
# Sums are taken in 12 decimals, so a mean of fives may come out as 5.000000000001.
TOLERANCE = 1e-9

# What a suppressed row leaves empty, as far as the table has these columns.
FIGURES = (
    "estimate standard_error ci_lower ci_upper ci_method n_respondents n_units n_psu "
    "degrees_of_freedom design_effect effective_n reliability minimum_detectable_change"
)
CONTEXT = f"""
        estimates as (
            select
                *,
                concat_ws(' ', wave_id, indicator_code, respondent_group,
                    breakdown || '=' || breakdown_value, measure) as key,
                concat_ws(' ', *columns(lambda name: name in {in_list(FIGURES.split())}))
                    as figures,
                not coalesce(is_suppressed, false) as is_shown
            from {{batch}}
        ),
        totals as (select * from estimates where breakdown = 'total')"""


def suite(codebook: Codebook) -> ExpectationSuite:
    """What the published tables must be like."""
    thresholds = {row["rule"]: int(row["threshold"]) for row in codebook.seed("suppression_rules")}
    measures = {
        **_possible(codebook),
        **_safe(codebook, thresholds["min_respondents"], thresholds["count_rounding"]),
        **_complete(codebook),
    }
    return ExpectationSuite(
        name="publication",
        expectations=[
            few_unexpected(
                check,
                f"select {literal(measures[name][0])}, {measures[name][1]}",
                context=CONTEXT,
                figures={**thresholds, "maximum_weight": MAXIMUM_WEIGHT},
            )
            for name, check in CHECKS.items()
            if check.gate == "publication"
        ],
    )


# Of each check: the table it is about, and the place, value and judgement of what is looked at.
Measures = dict[str, tuple[str, str]]


def _possible(codebook: Codebook) -> Measures:
    codes: dict[str, list[str]] = defaultdict(list)
    for row in codebook.seed("indicators"):
        scale = codebook.scale(row["scale"])
        codes[_is_outside(scale["min_score"], scale["max_score"])].append(row["indicator_code"])
    cases = " ".join(
        f"when indicator_code in {in_list(some)} then {is_outside}"
        for is_outside, some in codes.items()
    )
    respondent = "concat_ws(' ', wave_id, respondent_group, stratum, respondent_key)"
    return {
        "shares_are_shares": (
            ESTIMATES,
            f"""key, estimate, {_is_outside("0", "1")} from estimates
            where starts_with(measure, 'share_') and estimate is not null""",
        ),
        "means_are_on_scale": (
            ESTIMATES,
            f"""key, estimate, case {cases} end from estimates
            where measure = 'mean' and estimate is not null""",
        ),
        "weights_average_one": (
            WEIGHTS,
            f"""wave_id || ' ' || respondent_group, round(avg(weight), 12),
            coalesce(abs(avg(weight) - 1) > {TOLERANCE}, true)
            from {WEIGHTS} group by wave_id, respondent_group""",
        ),
        "weights_are_positive": (
            WEIGHTS,
            f"""{respondent}, weight, not coalesce(weight > 0 and isfinite(weight), false)
            from {WEIGHTS}""",
        ),
        "weights_are_moderate": (
            WEIGHTS,
            f"{respondent}, weight, coalesce(weight > {MAXIMUM_WEIGHT}, false) from {WEIGHTS}",
        ),
        "response_rates_are_rates": (
            RATES,
            f"""concat_ws(' ', wave_id, respondent_group, stratum), response_rate,
            response_rate not between 0 and 1 from {RATES} where response_rate is not null""",
        ),
    }


def _is_outside(low: str, high: str) -> str:
    return f"estimate not between {low} - {TOLERANCE} and {high} + {TOLERANCE}"


def _safe(codebook: Codebook, minimum: int, multiple: int) -> Measures:
    without_swv = in_list(
        row["respondent_group"]
        for row in codebook.seed("respondent_groups")
        if row["has_swv_breakdown"] == "false"
    )
    waves = " union ".join(
        f"select {literal(table)} as of_table, wave_id from {table}"
        for table in (ESTIMATES, RATES, STATEMENTS)
    )
    ids = f"regexp_extract_all(cast(estimate_ids as varchar), {literal('[0-9a-f]{32}')})"
    # A statement without figures of its own says nothing, so it may name suppressed ones.
    named = f"""
            select
                concat_ws(' ', wave_id, claim_id, respondent_group) as statement,
                unnest(case when len({ids}) > 0 then {ids} else [null] end) as estimate_id
            from {STATEMENTS}
            where coalesce(estimate, n_respondents, cast(is_consistent as integer)) is not null"""
    return {
        "suppressed_figures_are_empty": (
            ESTIMATES,
            """key, coalesce(nullif(figures, ''), suppression_reason, 'no reason'),
            figures <> '' or suppression_reason is null from estimates where is_suppressed""",
        ),
        "published_figures_are_present": (
            ESTIMATES,
            """key, coalesce(suppression_reason, cast(estimate as varchar)),
            estimate is null or suppression_reason is not null from estimates where is_shown""",
        ),
        "counts_are_large_enough": (
            ESTIMATES,
            f"""key, n_respondents, coalesce(n_respondents < {minimum}, true)
            from estimates where is_shown""",
        ),
        "counts_are_rounded": (
            ESTIMATES,
            f"""key, concat_ws(' ', n_respondents, n_units, n_psu), coalesce(greatest(
            n_respondents % {multiple}, n_units % {multiple}, n_psu % {multiple}) > 0, false)
            from estimates where is_shown""",
        ),
        "no_identifiable_swv_figures": (
            ESTIMATES,
            f"""key, coalesce(suppression_reason, 'published'),
            is_shown or suppression_reason is distinct from 'identifiable'
            from estimates where breakdown = 'swv' and respondent_group in {without_swv}""",
        ),
        "waves_are_closed": (
            "published.dim_waves",
            f"""wave_id || ' in ' || of_table, closed_at, closed_at is null
            from ({waves}) left join published.dim_waves using (wave_id)""",
        ),
        "statements_rest_on_published_figures": (
            STATEMENTS,
            f"""concat_ws(' ', statement, 'on figure', coalesce(estimate_id, 'none')),
            case when is_suppressed then 'suppressed' else 'unknown' end,
            coalesce(is_suppressed, true)
            from ({named}) left join estimates using (estimate_id)""",
        ),
    }


def _complete(codebook: Codebook) -> Measures:
    goals = _values((row["goal_id"],) for row in codebook.seed("goals"))
    goal_of = _values(
        (row["indicator_code"], row["goal_id"]) for row in codebook.seed("indicators")
    )
    asked = "wave_id, indicator_code, respondent_group, measure"
    return {
        "goals_are_covered": (
            ESTIMATES,
            f"""wave_id || ' goal ' || goal_id, 'no figure', (wave_id, goal_id) not in (
                select (wave_id, goal_id)
                from totals inner join ({goal_of}) as goal_of(indicator_code, goal_id)
                using (indicator_code)
            ) from (select distinct wave_id from estimates), ({goals}) as goals(goal_id)""",
        ),
        "questions_are_covered": (
            ESTIMATES,
            f"""concat_ws(' ', {asked}), 'no figure',
            ({asked}) not in (select ({asked}) from totals)
            from ({_values(codebook.questions())}) as asked({asked})
            where (wave_id, respondent_group) in
                (select (wave_id, respondent_group) from estimates)""",
        ),
    }


def _values(rows: Iterable[tuple[str, ...]]) -> str:
    return "values " + ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
