"""The publication gate: are the figures possible, complete, and safe to show?

Keys, relationships and accepted values are tested by dbt and not here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from great_expectations.core import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from expectations.codebook import Codebook
from expectations.measure import few_unexpected, in_list, literal

ESTIMATES = "published.fct_indicator_estimates"
RATES = "published.fct_response_rates"
STATEMENTS = "published.fct_summary_statements"
WEIGHTS = "intermediate.int_respondents__weighted"
QUERY = f"select * from {ESTIMATES}"

MAXIMUM_WEIGHT = 10
MEAN_TOLERANCE = 1e-9

# What a suppressed row leaves empty, as far as the table has these columns.
FIGURES = (
    "estimate standard_error ci_lower ci_upper ci_method n_respondents n_units n_psu "
    "degrees_of_freedom design_effect effective_n reliability minimum_detectable_change"
).split()
BATCH = f"""
        estimates as (
            select *, concat_ws(' ', *columns(lambda name: name in {in_list(FIGURES)})) as figures
            from {{batch}}
        )"""
KEY = (
    "concat_ws(' ', wave_id, indicator_code, respondent_group, "
    "breakdown || '=' || breakdown_value, measure)"
)
PUBLISHED = "not coalesce(is_suppressed, false)"


def suite(codebook: Codebook) -> ExpectationSuite:
    """What the published tables must be like."""
    return ExpectationSuite(
        name="publication",
        expectations=[
            *_estimates(codebook),
            _closed_waves(),
            *_coverage(codebook),
            *_weights_and_rates(),
            _statements(),
        ],
    )


def _judged(
    subject: str, source: str, place: str, value: str, is_unexpected: str, where: str = "true"
) -> str:
    """Rows of `source`, each judged."""
    return f"""
            select
                {literal(subject)} as subject,
                {place} as place,
                {value} as value,
                {is_unexpected} as is_unexpected
            from {source}
            where {where}
        """


def _values(rows: Iterable[tuple[str, ...]]) -> str:
    return "values " + ", ".join(f"({', '.join(map(literal, row))})" for row in rows)


def _estimates(codebook: Codebook) -> list[Expectation]:
    """What holds for every single estimate."""
    minimum = codebook.threshold("min_respondents")
    multiple = codebook.threshold("count_rounding")
    no_swv = in_list(
        row["respondent_group"]
        for row in codebook.seed("respondent_groups")
        if row["has_swv_breakdown"] == "false"
    )
    unrounded = " or ".join(
        f"coalesce({count} % {multiple}, 0) <> 0" for count in ("n_respondents", "n_units", "n_psu")
    )
    is_identifiable = "coalesce(is_suppressed and suppression_reason = 'identifiable', false)"

    # check, which rows, the value to show, when it is unexpected, figures that the rule names
    measures: tuple[tuple[str, str, str, str, dict[str, float]], ...] = (
        (
            "shares_are_shares",
            "starts_with(measure, 'share_') and estimate is not null",
            "estimate",
            "estimate not between 0 and 1",
            {},
        ),
        (
            "means_are_on_scale",
            "measure = 'mean' and estimate is not null",
            "estimate",
            _is_off_scale(codebook),
            {},
        ),
        (
            "suppressed_figures_are_empty",
            "is_suppressed",
            "coalesce(nullif(figures, ''), suppression_reason, 'no reason')",
            "figures <> '' or suppression_reason is null",
            {},
        ),
        (
            "published_figures_are_present",
            PUBLISHED,
            "coalesce(suppression_reason, cast(estimate as varchar))",
            "estimate is null or suppression_reason is not null",
            {},
        ),
        (
            "counts_are_large_enough",
            PUBLISHED,
            "n_respondents",
            f"coalesce(n_respondents < {minimum}, true)",
            {"minimum": minimum},
        ),
        (
            "counts_are_rounded",
            PUBLISHED,
            "concat_ws(' ', n_respondents, n_units, n_psu)",
            unrounded,
            {"multiple": multiple},
        ),
        (
            "no_identifiable_swv_figures",
            f"breakdown = 'swv' and respondent_group in {no_swv}",
            "coalesce(suppression_reason, 'published')",
            f"not {is_identifiable}",
            {},
        ),
    )
    return [
        few_unexpected(
            check,
            _judged(ESTIMATES, "estimates", KEY, value, is_unexpected, where),
            context=BATCH,
            **figures,
        )
        for check, where, value, is_unexpected, figures in measures
    ]


def _is_off_scale(codebook: Codebook) -> str:
    indicators: dict[str, list[str]] = defaultdict(list)
    for row in codebook.seed("indicators"):
        scale = codebook.scales[row["scale"]]
        limits = f"{scale['min_score']} and {scale['max_score']}"
        indicators[limits].append(row["indicator_code"])
    cases = (
        f"when indicator_code in {in_list(codes)} then estimate not between {limits}"
        for limits, codes in indicators.items()
    )
    return f"case {' '.join(cases)} end"


def _closed_waves() -> Expectation:
    tables = " union all ".join(
        f"select distinct {literal(table)} as table_name, wave_id from {table}"
        for table in (ESTIMATES, RATES, STATEMENTS)
    )
    return few_unexpected(
        "waves_are_closed",
        f"""
            select
                table_name as subject,
                wave_id as place,
                closed_at as value,
                closed_at is null as is_unexpected
            from ({tables}) left join published.dim_waves using (wave_id)
        """,
    )


def _coverage(codebook: Codebook) -> list[Expectation]:
    goals = [(row["goal_id"],) for row in codebook.seed("goals")]
    goal_of = _values((row["indicator_code"], row["goal_id"]) for row in codebook.seed("indicators"))
    totals = f"{BATCH}, totals as (select * from estimates where breakdown = 'total')"
    return [
        few_unexpected(
            "goals_are_covered",
            _judged(
                ESTIMATES,
                "(select distinct wave_id from estimates) cross join goals",
                "wave_id || ' goal ' || goal_id",
                "'no figure'",
                "(wave_id, goal_id) not in (select (wave_id, goal_id) "
                "from totals inner join goal_of using (indicator_code))",
            ),
            context=f"{totals}, goals(goal_id) as ({_values(goals)}), "
            f"goal_of(indicator_code, goal_id) as ({goal_of})",
            goals=len(goals),
        ),
        few_unexpected(
            "questions_are_covered",
            _judged(
                ESTIMATES,
                "asked",
                "concat_ws(' ', wave_id, indicator_code, respondent_group, measure)",
                "'no figure'",
                "(wave_id, indicator_code, respondent_group, measure) not in "
                "(select (wave_id, indicator_code, respondent_group, measure) from totals)",
                "(wave_id, respondent_group) in "
                "(select (wave_id, respondent_group) from estimates)",
            ),
            context=f"{totals}, asked(wave_id, indicator_code, respondent_group, measure) as "
            f"({_values(codebook.questions())})",
        ),
    ]


def _weights_and_rates() -> list[Expectation]:
    means = f"(select wave_id, respondent_group, avg(weight) as mean from {WEIGHTS} group by all)"
    respondent = "concat_ws(' ', wave_id, respondent_group, stratum, respondent_key)"
    return [
        few_unexpected(
            "weights_average_one",
            _judged(
                WEIGHTS,
                means,
                "wave_id || ' ' || respondent_group",
                "round(mean, 12)",
                f"coalesce(abs(mean - 1) > {MEAN_TOLERANCE}, true)",
            ),
        ),
        few_unexpected(
            "weights_are_positive",
            _judged(
                WEIGHTS,
                WEIGHTS,
                respondent,
                "weight",
                "not coalesce(weight > 0 and isfinite(weight), false)",
            ),
        ),
        few_unexpected(
            "weights_are_moderate",
            _judged(
                WEIGHTS, WEIGHTS, respondent, "weight", f"coalesce(weight > {MAXIMUM_WEIGHT}, false)"
            ),
            maximum=MAXIMUM_WEIGHT,
        ),
        few_unexpected(
            "response_rates_are_rates",
            _judged(
                RATES,
                RATES,
                "concat_ws(' ', wave_id, respondent_group, stratum)",
                "response_rate",
                "response_rate not between 0 and 1",
                "response_rate is not null",
            ),
        ),
    ]


def _statements() -> Expectation:
    """A statement without figures of its own says nothing, so it may name suppressed ones."""
    ids = f"regexp_extract_all(cast(estimate_ids as varchar), {literal('[0-9a-f]{32}')})"
    named = f"""
        {BATCH},
        named as (
            select
                concat_ws(' ', wave_id, claim_id, respondent_group) as statement,
                unnest(case when len({ids}) > 0 then {ids} else [null] end) as estimate_id
            from {STATEMENTS}
            where coalesce(estimate, n_respondents, cast(is_consistent as integer)) is not null
        )"""
    return few_unexpected(
        "statements_rest_on_published_figures",
        _judged(
            STATEMENTS,
            "named left join estimates using (estimate_id)",
            "concat_ws(' ', statement, 'on figure', coalesce(estimate_id, 'none'))",
            "case when is_suppressed then 'suppressed' else 'unknown' end",
            "coalesce(is_suppressed, true)",
        ),
        context=named,
    )
