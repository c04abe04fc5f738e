"""The publication gate: are the figures possible, complete, and safe to show?

Keys, relationships and accepted values are tested by dbt and not here. Exact counts stay inside;
where a rule is about them, the private marts are read beside the published tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import duckdb

from expectations.codebook import Codebook
from expectations.measure import Measure, in_list, judged, literal, measure_all
from orchestration.lib.landing.discovery import CORRECTIONS

ESTIMATES = "published.fct_indicator_estimates"
CHANGES = "published.fct_indicator_changes"
GAPS = "published.fct_perspective_gaps"
SCORES = "published.fct_goal_scores"
VERDICTS = "published.fct_goal_verdicts"
BENCHMARKS = "published.fct_swv_benchmarks"
RATES = "published.fct_response_rates"
STATEMENTS = "published.fct_summary_statements"
MART_ESTIMATES = "indicators.fct_indicator_estimates"
MART_SCORES = "indicators.fct_goal_scores"
MART_RATES = "indicators.fct_response_rates"
MART_CHANGES = "indicators.fct_indicator_changes"
MART_GAPS = "indicators.fct_perspective_gaps"
WEIGHTS = "intermediate.int_respondents__weighted"

# Sums are taken in 12 decimals, so a mean of fives may come out as 5.000000000001.
TOLERANCE = 1e-9
WIDEST_RELIABLE = 0.30
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """A published table of figures: its key, and its figure, if it has one of its own."""

    name: str
    keys: tuple[str, ...]
    figure: str | None
    kept: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()

    @property
    def mart(self) -> str:
        """The private table of the same figures, with all digits."""
        return self.name.replace("published.", "indicators.")

    @property
    def place(self) -> str:
        """The key as text."""
        return f"concat_ws(' ', {', '.join(self.keys)})"


DOMAIN = ("breakdown", "breakdown_value")
COUNTS = ("n_respondents", "n_units", "n_psu")
# `kept` stays in a suppressed row beside the keys; every other column is a figure
TABLES = (
    Table(
        ESTIMATES,
        ("wave_id", "indicator_code", "respondent_group", *DOMAIN, "measure"),
        "estimate",
        ("estimate_id", "unit_of_count", "comparability"),
        COUNTS,
    ),
    Table(
        CHANGES,
        (
            *("wave_id", "indicator_code", "respondent_group", *DOMAIN, "measure"),
            "baseline_wave_id",
        ),
        "change",
        ("comparability",),
    ),
    Table(GAPS, ("wave_id", "indicator_code", "group_a", "group_b", *DOMAIN), "gap"),
    Table(
        SCORES,
        ("wave_id", "goal_id", "respondent_group", *DOMAIN),
        "estimate",
        ("comparability",),
        COUNTS,
    ),
    Table(VERDICTS, ("wave_id", "goal_id", "respondent_group"), None, ("indicators",)),
    Table(
        BENCHMARKS,
        ("swv_code", "indicator_code", "respondent_group", "measure"),
        "estimate",
        ("waves_pooled", "national_estimate", "national_rounding_step"),
        COUNTS,
    ),
    Table(
        STATEMENTS,
        ("wave_id", "claim_id", "respondent_group"),
        None,
        ("goal_id", "sentence_nl", "sentence_en", "qualifier_nl", "qualifier_en", "estimate_ids"),
        ("n_respondents",),
    ),
)
FIGURES = {table.name: table for table in TABLES if table.figure}


class Publication:
    """What is about to be published, on an open warehouse."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, codebook: Codebook) -> None:
        self.connection = connection
        self.codebook = codebook
        self.thresholds = {
            row["rule"]: int(row["threshold"]) for row in codebook.seed("suppression_rules")
        }

    def columns(self, table: str) -> list[str]:
        """The columns of a published table."""
        rows = self.connection.execute(f"describe {table}").fetchall()
        return [row[0] for row in rows]

    def tolerance(self, check: str) -> float:
        return self.codebook.tolerance(check)


Queries = Iterator[tuple[str, str]]


def measure(publication: Publication) -> list[Measure]:
    """All that the publication gate measures."""
    parts: list[tuple[tuple[str, ...], Callable[[], Iterable[Measure]]]] = [
        ((check,), _taker(publication, check, queries)) for check, queries in CHECKS_OF.items()
    ]
    return measure_all(parts)


def _taker(
    publication: Publication, check: str, queries: Callable[[Publication], Queries]
) -> Callable[[], Iterable[Measure]]:
    def take() -> Iterator[Measure]:
        for subject, query in queries(publication):
            looked_at = f"select {literal(subject)}, {query}"
            yield from judged(publication.connection, check, looked_at)

    return take


# Each function gives tables, and of each a query for place, value and judgement of what is
# looked at, as `judged` takes them.
# ---------------------------------------------------------------- possible


def _shares_are_shares(_: Publication) -> Queries:
    yield (
        ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, estimate, {_is_outside("estimate", "0", "1")}
        from {ESTIMATES} where starts_with(measure, 'share_') and estimate is not null""",
    )


def _is_outside(column: str, low: str, high: str, margin: float = TOLERANCE) -> str:
    return f"{column} not between {low} - {margin} and {high} + {margin}"


def _means_are_on_scale(publication: Publication) -> Queries:
    codes: dict[str, list[str]] = defaultdict(list)
    for row in publication.codebook.seed("indicators"):
        scale = publication.codebook.scale(row["scale"])
        is_outside = _is_outside("estimate", scale["min_score"], scale["max_score"])
        codes[is_outside].append(row["indicator_code"])
    cases = " ".join(
        f"when indicator_code in {in_list(some)} then {is_outside}"
        for is_outside, some in codes.items()
    )
    yield (
        ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, estimate, case {cases} end from {ESTIMATES}
        where measure = 'mean' and estimate is not null""",
    )
    yield (
        SCORES,
        f"""{FIGURES[SCORES].place}, estimate, {_is_outside("estimate", "0", "100")}
        from {SCORES} where estimate is not null""",
    )


def _intervals_contain_estimates(_: Publication) -> Queries:
    intervals = [(table, table.figure, "") for table in FIGURES.values()]
    intervals.append((FIGURES[BENCHMARKS], "difference", "difference_"))
    for table, figure, prefix in intervals:
        low, high = f"{prefix}ci_lower", f"{prefix}ci_upper"
        yield (
            table.name,
            f"""{table.place}, concat({figure}, ' not in ', {low}, ' to ', {high}),
            not coalesce({figure} between {low} - {TOLERANCE} and {high} + {TOLERANCE}, false)
            from {table.name}
            where {figure} is not null and ({low} is not null or {high} is not null)""",
        )


def _intervals_are_on_scale(_: Publication) -> Queries:
    for name, condition, high in (
        (ESTIMATES, "starts_with(measure, 'share_')", "1"),
        (BENCHMARKS, "starts_with(measure, 'share_')", "1"),
    ):
        yield (
            name,
            f"""{FIGURES[name].place}, concat(ci_lower, ' to ', ci_upper),
            {_is_outside("ci_lower", "0", high)} or {_is_outside("ci_upper", "0", high)}
            from {name} where {condition} and ci_lower is not null and ci_upper is not null""",
        )


def _errors_are_possible(publication: Publication) -> Queries:
    rules = {
        "standard_error": "not (standard_error >= 0 and isfinite(standard_error))",
        "degrees_of_freedom": "degrees_of_freedom < 0",
        # zero where everybody was asked
        "design_effect": "design_effect < 0",
        "effective_n": "effective_n < 0",
    }
    for table in FIGURES.values():
        there = [name for name in publication.columns(table.mart) if name in rules]
        wrong = " or ".join(f"coalesce({rules[name]}, false)" for name in there)
        told = ", ' ', ".join(f"'{name} ', {name}" for name in there)
        yield table.mart, f"{table.place}, concat({told}), {wrong} from {table.mart}"


def _design_effects_are_plausible(publication: Publication) -> Queries:
    largest = publication.tolerance("design_effects_are_plausible")
    for table in (FIGURES[ESTIMATES], FIGURES[SCORES]):
        yield (
            table.mart,
            f"""{table.place}, design_effect, design_effect > {largest} from {table.mart}
            where breakdown = 'total' and design_effect is not null""",
        )


def _reliability_follows_width(_: Publication) -> Queries:
    yield (
        MART_ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, concat(ci_lower, ' to ', ci_upper),
        ci_upper - ci_lower > {WIDEST_RELIABLE} + {TOLERANCE} from {MART_ESTIMATES}
        where starts_with(measure, 'share_') and reliability = 'reliable'
            and ci_upper is not null""",
    )


def _figures_are_those_of_the_marts(publication: Publication) -> Queries:
    # figure, error and limits, the step that each is published on, and a number on its lattice
    own, difference = "shown.rounding_step", "shown.difference_rounding_step"
    errors_from = publication.thresholds["min_error_respondents"]
    for name, respondents, origin in (
        (ESTIMATES, "n_respondents", "mart.rounding_origin"),
        (CHANGES, "least_respondents", "0"),
        (GAPS, "least_respondents", "0"),
        (SCORES, "n_respondents", "0"),
        (BENCHMARKS, "n_respondents", "mart.rounding_origin"),
    ):
        table = FIGURES[name]
        has_errors = f"mart.{respondents} >= {errors_from}"
        wrong = [
            _is_not_rounded(str(table.figure), own, origin),
            _is_not_rounded("ci_lower", own, origin),
            _is_not_rounded("ci_upper", own, origin),
            _is_not_rounded("standard_error", own, "0", has_errors),
        ]
        if name == BENCHMARKS:
            wrong += [
                _is_not_rounded("difference_standard_error", difference, "0", has_errors),
                _is_not_rounded("difference", difference, "0"),
                _is_not_rounded("difference_ci_lower", difference, "0"),
                _is_not_rounded("difference_ci_upper", difference, "0"),
            ]
        yield (
            table.name,
            f"""{table.place}, concat(shown.{table.figure}, ', in the mart ', mart.{table.figure},
                ', on steps of ', shown.rounding_step),
            {" or ".join(wrong)} or shown.rounding_step is distinct from mart.rounding_step
            from {table.name} as shown
            left join {table.mart} as mart using ({", ".join(table.keys)})
            where not shown.is_suppressed""",
        )


def _is_not_rounded(column: str, step: str, origin: str, is_shown: str = "true") -> str:
    """Whether a published number is more than a step from that of the mart, or between two steps;
    or is there where it should not be."""
    shown, mart = f"shown.{column}", f"mart.{column}"
    steps = f"(({shown} - {origin}) / {step})"
    return f"""(
        ({shown} is null) <> ({mart} is null or not ({is_shown}))
        or coalesce(abs({shown} - {mart}) > {step} + {TOLERANCE}, false)
        or coalesce(abs({steps} - round({steps})) > 1e-5, false)
    )"""


# ---------------------------------------------------------------- safe


def _suppressed_figures_are_empty(publication: Publication) -> Queries:
    for table in TABLES:
        stays = {*table.keys, *table.kept, "is_suppressed", "suppression_reason"}
        figures = [name for name in publication.columns(table.name) if name not in stays]
        text = f"concat_ws(' ', {', '.join(figures)})"
        yield (
            table.name,
            f"""{table.place}, coalesce(nullif({text}, ''), suppression_reason, 'no reason'),
            {text} <> '' or suppression_reason is null from {table.name} where is_suppressed""",
        )


def _published_figures_are_present(_: Publication) -> Queries:
    for table in TABLES:
        is_empty = f"{table.figure} is null" if table.figure else "false"
        if table.name == CHANGES:  # nothing can be compared with a question that nobody answered
            is_empty = "false"
        value = f"cast({table.figure} as varchar)" if table.figure else "null"
        yield (
            table.name,
            f"""{table.place}, coalesce(suppression_reason, {value}),
            {is_empty} or suppression_reason is not null or is_suppressed is null
            from {table.name} where not coalesce(is_suppressed, false)""",
        )


def _counts_are_large_enough(publication: Publication) -> Queries:
    least = publication.thresholds["min_respondents"]
    for table in TABLES:
        if table.counts and table.figure:
            yield (
                table.name,
                f"""{table.place}, n_respondents, coalesce(n_respondents < {least}, true)
                from {table.name} where not coalesce(is_suppressed, false)""",
            )


def _small_cells_are_withheld(publication: Publication) -> Queries:
    limits = publication.thresholds
    through_schools = in_list(
        row["respondent_group"]
        for row in publication.codebook.seed("respondent_groups")
        if row["psu_attribute"] == "school_code"
    )
    # of two options without don't know, the share of one is the share endorsed
    two_options = in_list(
        row["indicator_code"]
        for row in publication.codebook.seed("indicators")
        if row["dont_know_rule"] == "exclude" and _width(publication, row["scale"]) == 1
    )
    is_distribution = f"""(
        shown.measure not in ('share_endorsed', 'mean')
        and not (starts_with(shown.measure, 'share_option_') and indicator_code in {two_options})
    )"""
    for table, mart, is_of_options in (
        (FIGURES[ESTIMATES], MART_ESTIMATES, is_distribution),
        (FIGURES[SCORES], MART_SCORES, "false"),
    ):
        yield (
            table.name,
            f"""{table.place}, concat(mart.n_respondents, ' respondents, ', mart.n_psu, ' units'),
            coalesce(
                mart.n_respondents < {limits["min_respondents"]}
                or (
                    {is_of_options}
                    and mart.n_respondents < {limits["min_distribution_respondents"]}
                )
                or (
                    breakdown in ('swv', 'region') and respondent_group in {through_schools}
                    and mart.n_psu < {limits["min_schools"]}
                ),
                true
            )
            from {table.name} as shown left join {mart} as mart using ({", ".join(table.keys)})
            where not coalesce(shown.is_suppressed, false)""",
        )


def _width(publication: Publication, name: str) -> float:
    """From the lowest to the highest score of a scale."""
    scale = publication.codebook.scale(name)
    return float(scale["max_score"]) - float(scale["min_score"])


def _distributions_are_of_totals_and_sectors(_: Publication) -> Queries:
    yield (
        ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, breakdown, breakdown not in ('total', 'sector')
        from {ESTIMATES}
        where measure not in ('share_endorsed', 'mean') and not coalesce(is_suppressed, false)""",
    )


def _regional_figures_are_not_of_everybody(_: Publication) -> Queries:
    yield (
        ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, estimate,
        estimate <= {TOLERANCE} or estimate >= 1 - {TOLERANCE} from {ESTIMATES}
        where breakdown in ('swv', 'region') and starts_with(measure, 'share_')
            and estimate is not null""",
    )


def _suppressed_cells_are_not_alone(_: Publication) -> Queries:
    for table in (FIGURES[ESTIMATES], FIGURES[SCORES]):
        places = ", ".join(key for key in table.keys if key not in DOMAIN)
        # a cell without anybody is suppressed, and there is nothing to find in it
        yield (
            table.name,
            f"""concat_ws(' ', {places}, parts.breakdown), alone, withheld = 1 and is_shown
            from (
                select {places}, breakdown,
                    count(*) filter (where is_suppressed and mart.n_respondents > 0) as withheld,
                    any_value(breakdown_value)
                        filter (where is_suppressed and mart.n_respondents > 0) as alone
                from {table.name} left join {table.mart} as mart using ({", ".join(table.keys)})
                where breakdown <> 'total'
                group by {places}, breakdown having count(*) > 1
            ) as parts
            inner join (
                select {places}, not is_suppressed as is_shown
                from {table.name} where breakdown = 'total'
            ) using ({places})""",
        )


def _derived_figures_are_withheld(publication: Publication) -> Queries:
    for wave in ("wave_id", "baseline_wave_id"):
        keys = ", ".join(f"shown.{key}" for key in FIGURES[CHANGES].keys)
        yield (
            CHANGES,
            f"""concat_ws(' ', {keys}, 'for', side.wave_id), shown.change,
            coalesce(side.is_suppressed, false)
            from {CHANGES} as shown left join {ESTIMATES} as side
            on side.wave_id = shown.{wave} and {_same_cell("shown", "side")}
            where not coalesce(shown.is_suppressed, false)""",
        )
    yield (
        GAPS,
        f"""concat_ws(' ', shown.wave_id, shown.indicator_code, shown.group_a, shown.group_b,
            shown.breakdown, shown.breakdown_value),
        shown.gap, coalesce(bool_or(side.is_suppressed), false)
        from {GAPS} as shown left join {ESTIMATES} as side
        on side.wave_id = shown.wave_id and side.indicator_code = shown.indicator_code
            and side.respondent_group in (shown.group_a, shown.group_b)
            and side.breakdown = shown.breakdown and side.breakdown_value = shown.breakdown_value
            and {_is_headline(publication, "side")}
        where not coalesce(shown.is_suppressed, false)
        group by shown.wave_id, shown.indicator_code, shown.group_a, shown.group_b,
            shown.breakdown, shown.breakdown_value, shown.gap""",
    )


def _same_cell(one: str, other: str) -> str:
    keys = ("indicator_code", "respondent_group", *DOMAIN, "measure")
    return " and ".join(f"{one}.{key} = {other}.{key}" for key in keys)


def _is_headline(publication: Publication, alias: str) -> str:
    measures: dict[str, list[str]] = defaultdict(list)
    for row in publication.codebook.seed("indicators"):
        measures[row["headline_measure"]].append(row["indicator_code"])
    rules = (
        f"({alias}.measure = {literal(name)} and {alias}.indicator_code in {in_list(codes)})"
        for name, codes in measures.items()
    )
    return f"({' or '.join(rules)})"


def _counts_are_rounded(publication: Publication) -> Queries:
    multiple = publication.thresholds["count_rounding"]
    rates = Table(RATES, ("wave_id", "respondent_group", "stratum"), None, (), ())
    tables = [(table, table.counts) for table in TABLES if table.counts]
    for table, counts in [*tables, (rates, ("responded", "complete"))]:
        rests = ", ".join(f"{name} % {multiple}" for name in counts)
        yield (
            table.name,
            f"""{table.place}, concat_ws(' ', {", ".join(counts)}),
            coalesce(greatest({rests}) > 0, false) from {table.name}""",
        )


def _no_identifiable_swv_figures(publication: Publication) -> Queries:
    without_swv = in_list(
        row["respondent_group"]
        for row in publication.codebook.seed("respondent_groups")
        if row["has_swv_breakdown"] == "false"
    )
    yield (
        ESTIMATES,
        f"""{FIGURES[ESTIMATES].place}, coalesce(suppression_reason, 'published'),
        not coalesce(is_suppressed, false) or suppression_reason is distinct from 'identifiable'
        from {ESTIMATES} where breakdown = 'swv' and respondent_group in {without_swv}""",
    )


def _no_personal_columns(publication: Publication) -> Queries:
    personal = {"respondent_key", "respondent_id", "delivery_id", "row_number", "login", "answer"}
    personal |= {
        row["variable"]
        for row in publication.codebook.seed("variables")
        if row["role"] in ("identifier", "open_text")
    }
    yield (
        "schema published",
        f"""table_name, column_name, column_name in {in_list(personal)}
        from information_schema.columns where table_schema = 'published'""",
    )


def _waves_are_closed(publication: Publication) -> Queries:
    tables = publication.connection.execute(
        "select table_name from information_schema.columns where table_schema = 'published' "
        "and column_name = 'wave_id' and not starts_with(table_name, 'dim_') order by table_name"
    ).fetchall()
    waves = " union ".join(
        f"select {literal(name)} as of_table, wave_id from published.{name}" for (name,) in tables
    )
    yield (
        "published.dim_waves",
        f"""wave_id || ' in ' || of_table, closed_at, closed_at is null
        from ({waves}) left join published.dim_waves using (wave_id) where wave_id is not null""",
    )


# ---------------------------------------------------------------- complete


def _goals_are_covered(publication: Publication) -> Queries:
    codebook = publication.codebook
    goals = _values((row["goal_id"],) for row in codebook.seed("goals"))
    goal_of = _values(
        (row["indicator_code"], row["goal_id"]) for row in codebook.seed("indicators")
    )
    yield (
        ESTIMATES,
        f"""wave_id || ' goal ' || goal_id, 'no figure', (wave_id, goal_id) not in (
            select (wave_id, goal_id)
            from {ESTIMATES} inner join ({goal_of}) as goal_of(indicator_code, goal_id)
            using (indicator_code) where breakdown = 'total'
        ) from (select distinct wave_id from {ESTIMATES}), ({goals}) as goals(goal_id)""",
    )


def _groups_are_covered(_: Publication) -> Queries:
    yield (
        ESTIMATES,
        f"""wave_id || ' ' || respondent_group, 'no figure',
        (wave_id, respondent_group) not in (select (wave_id, respondent_group) from {ESTIMATES})
        from raw.deliveries inner join published.dim_waves using (wave_id)
        where status = 'accepted' and closed_at is not null
            and respondent_group <> {literal(CORRECTIONS)}""",
    )


def _groups_are_delivered(publication: Publication) -> Queries:
    asked = sorted(
        {
            (row["wave_id"], row["respondent_group"])
            for row in publication.codebook.seed("variables")
        }
    )
    yield (
        "raw.deliveries",
        f"""wave_id || ' ' || respondent_group, 'no delivery',
        (wave_id, respondent_group) not in
            (select (wave_id, respondent_group) from raw.deliveries where status = 'accepted')
        from ({_values(asked)}) as asked(wave_id, respondent_group)
        where wave_id in (select wave_id from {ESTIMATES})""",
    )


def _questions_are_covered(publication: Publication) -> Queries:
    asked = "wave_id, indicator_code, respondent_group, measure"
    yield (
        ESTIMATES,
        f"""concat_ws(' ', {asked}), 'no figure',
        ({asked}) not in (select ({asked}) from {ESTIMATES} where breakdown = 'total')
        from ({_values(publication.codebook.questions())}) as asked({asked})
        where (wave_id, respondent_group) in
            (select (wave_id, respondent_group) from {ESTIMATES})""",
    )


def _values(rows: Iterable[tuple[str, ...]]) -> str:
    return "values " + ", ".join(f"({', '.join(map(literal, row))})" for row in rows)


# ---------------------------------------------------------------- coherent


def _totals_are_sums(_: Publication) -> Queries:
    question = "wave_id, indicator_code, respondent_group, measure"
    yield (
        MART_ESTIMATES,
        f"""concat_ws(' ', {question}, parts.breakdown),
        concat(parts.n, ' respondents and ', parts.estimate, ', in total ', total.n_respondents,
            ' and ', total.estimate),
        parts.n > total.n_respondents or (
            parts.n = total.n_respondents and abs(parts.estimate - total.estimate) > {TOLERANCE}
        )
        from (
            select {question}, breakdown, sum(n_respondents) as n,
                sum(total_weight * estimate) / nullif(sum(total_weight), 0) as estimate
            from {MART_ESTIMATES} where breakdown <> 'total' group by {question}, breakdown
        ) as parts
        inner join {MART_ESTIMATES} as total using ({question}) where total.breakdown = 'total'""",
    )


def _option_shares_add_up(_: Publication) -> Queries:
    question = "wave_id, indicator_code, respondent_group, breakdown, breakdown_value"
    yield (
        MART_ESTIMATES,
        f"""concat_ws(' ', {question}), round(total, 6), abs(total - 1) > {TOLERANCE}
        from (
            select {question}, sum(estimate) as total from {MART_ESTIMATES}
            where starts_with(measure, 'share_option_')
            group by {question} having count(*) = count(estimate)
        )""",
    )


def _changes_are_differences(_: Publication) -> Queries:
    place = "concat_ws(' ', " + ", ".join(f"shown.{key}" for key in FIGURES[CHANGES].keys) + ")"
    yield (
        MART_CHANGES,
        f"""{place}, concat(change, ', from ', before.estimate, ' to ', now.estimate),
        abs(change - (now.estimate - before.estimate)) > {TOLERANCE}
        from {MART_CHANGES} as shown
        inner join {MART_ESTIMATES} as now
            on now.wave_id = shown.wave_id and {_same_cell("shown", "now")}
        inner join {MART_ESTIMATES} as before
            on before.wave_id = shown.baseline_wave_id and {_same_cell("shown", "before")}
        where change is not null and now.estimate is not null and before.estimate is not null""",
    )


def _gaps_are_differences(publication: Publication) -> Queries:
    place = "concat_ws(' ', " + ", ".join(f"shown.{key}" for key in FIGURES[GAPS].keys) + ")"
    sides = " ".join(
        f"""inner join {MART_ESTIMATES} as {side}
            on {side}.wave_id = shown.wave_id and {side}.indicator_code = shown.indicator_code
            and {side}.respondent_group = shown.group_{side}
            and {side}.breakdown = shown.breakdown
            and {side}.breakdown_value = shown.breakdown_value
            and {_is_headline(publication, side)}"""
        for side in ("a", "b")
    )
    yield (
        MART_GAPS,
        f"""{place}, concat(gap, ', of ', a.estimate, ' and ', b.estimate),
        abs(gap - (a.estimate - b.estimate)) > {TOLERANCE}
        from {MART_GAPS} as shown {sides}
        where gap is not null and a.estimate is not null and b.estimate is not null""",
    )


def _changes_are_plausible(publication: Publication) -> Queries:
    check = "changes_are_plausible"
    whens = []
    for row in publication.codebook.seed("indicators"):
        width = _width(publication, row["scale"])
        whens.append(f"when {literal(row['indicator_code'])} then {width}")
    widths = f"case when measure = 'mean' then case indicator_code {' '.join(whens)} end else 1 end"
    yield (
        CHANGES,
        f"""{FIGURES[CHANGES].place}, change,
        abs(change) - 2 * coalesce(standard_error, 0) > {publication.tolerance(check)} * {widths}
        from {CHANGES} where breakdown = 'total' and change is not null""",
    )


def _directions_follow_changes(publication: Publication) -> Queries:
    lower = in_list(
        row["indicator_code"]
        for row in publication.codebook.seed("indicators")
        if row["direction"] == "lower_better"
    )
    yield (
        CHANGES,
        f"""{FIGURES[CHANGES].place}, concat_ws(' ', direction, change, p_value_adjusted,
            comparability),
        case
            when is_significant then
                comparability <> 'comparable' or coalesce(p_value_adjusted >= {SIGNIFICANT}, true)
                or direction is distinct from case
                    when (change > 0) = (indicator_code not in {lower}) then 'improved'
                    else 'worsened'
                end
            else direction in ('improved', 'worsened')
        end
        from {CHANGES} where not is_suppressed and direction is not null""",
    )


def _probabilities_are_probabilities(_: Publication) -> Queries:
    for table in (FIGURES[CHANGES], FIGURES[GAPS]):
        yield (
            table.name,
            f"""{table.place}, concat_ws(' ', p_value, p_value_adjusted),
            {_is_outside("p_value", "0", "1", TOLERANCE)}
            or coalesce(p_value_adjusted < p_value - {TOLERANCE}, false)
            from {table.name} where p_value is not null""",
        )


# ---------------------------------------------------------------- weights and response

RESPONDENT = "concat_ws(' ', wave_id, respondent_group, stratum, respondent_key)"


def _weights_average_one(_: Publication) -> Queries:
    yield (
        WEIGHTS,
        f"""wave_id || ' ' || respondent_group, round(avg(weight), 12),
        coalesce(abs(avg(weight) - 1) > {TOLERANCE}, true)
        from {WEIGHTS} group by wave_id, respondent_group""",
    )


def _weights_are_positive(_: Publication) -> Queries:
    yield (
        WEIGHTS,
        f"""{RESPONDENT}, weight, not coalesce(weight > 0 and isfinite(weight), false)
        from {WEIGHTS}""",
    )


def _weights_are_moderate(publication: Publication) -> Queries:
    largest = publication.tolerance("weights_are_moderate")
    yield WEIGHTS, f"{RESPONDENT}, weight, coalesce(weight > {largest}, false) from {WEIGHTS}"


def _weights_cost_little_precision(publication: Publication) -> Queries:
    largest = publication.tolerance("weights_cost_little_precision")
    yield (
        WEIGHTS,
        f"""wave_id || ' ' || respondent_group, round(effect, 2), effect > {largest}
        from (
            select wave_id, respondent_group, count(*) * sum(weight * weight) / sum(weight) ^ 2
                as effect
            from {WEIGHTS} group by wave_id, respondent_group
        ) where effect is not null""",
    )


def _weights_meet_populations(_: Publication) -> Queries:
    yield (
        WEIGHTS,
        f"""concat_ws(' ', wave_id, respondent_group, stratum),
        concat(round(total / sum(total) over groups, 6), ' of the weight, ',
            round(population_units / sum(population_units) over groups, 6), ' of the population'),
        abs(total / sum(total) over groups - population_units / sum(population_units) over groups)
            > {TOLERANCE}
        from (
            select wave_id, respondent_group, stratum, sum(weight) as total
            from {WEIGHTS} where weighting = 'post_stratification'
            group by wave_id, respondent_group, stratum
        )
        inner join {MART_RATES} as rates using (wave_id, respondent_group, stratum)
        where rates.weighting = 'post_stratification'
        window groups as (partition by wave_id, respondent_group)""",
    )


def _response_rates_are_rates(_: Publication) -> Queries:
    yield (
        RATES,
        f"""concat_ws(' ', wave_id, respondent_group, stratum), response_rate,
        response_rate not between 0 and 1 from {RATES} where response_rate is not null""",
    )


def _responses_are_within_population(_: Publication) -> Queries:
    yield (
        MART_RATES,
        f"""concat_ws(' ', wave_id, respondent_group, stratum),
        concat(responded, ' of ', population_units), responded > population_units
        from {MART_RATES}""",
    )


def _responses_add_up(publication: Publication) -> Queries:
    half = publication.thresholds["count_rounding"] / 2
    sums = "sum(responded) as responded, sum(population_units) as population, count(*) as strata"
    yield (
        RATES,
        f"""shown.wave_id || ' ' || shown.respondent_group,
        concat(shown.responded, ' of ', shown.population, ', in the mart ', mart.responded, ' of ',
            mart.population),
        abs(shown.responded - mart.responded) > {half} * shown.strata
            or shown.population is distinct from mart.population
        from (select wave_id, respondent_group, {sums} from {RATES} group by all) as shown
        left join (select wave_id, respondent_group, {sums} from {MART_RATES} group by all) as mart
        using (wave_id, respondent_group)""",
    )


# ---------------------------------------------------------------- statements


def _statements_rest_on_published_figures(_: Publication) -> Queries:
    ids = "regexp_extract_all(cast(estimate_ids as varchar), '[0-9a-f]{32}')"
    # A statement without figures of its own says nothing, so it may name suppressed ones.
    named = f"""
        select
            concat_ws(' ', wave_id, claim_id, respondent_group) as statement,
            unnest(case when len({ids}) > 0 then {ids} else [null] end) as estimate_id
        from {STATEMENTS}
        where coalesce(estimate, n_respondents, cast(is_consistent as integer)) is not null"""
    yield (
        STATEMENTS,
        f"""concat_ws(' ', statement, 'on figure', coalesce(estimate_id, 'none')),
        case when is_suppressed then 'suppressed' else 'unknown' end,
        coalesce(is_suppressed, true)
        from ({named}) left join {ESTIMATES} using (estimate_id)""",
    )


def _sentences_are_whole(_: Publication) -> Queries:
    yield (
        STATEMENTS,
        f"""concat_ws(' ', wave_id, claim_id, respondent_group, language), sentence,
        case
            when is_suppressed then sentence is not null
            else not coalesce(regexp_matches(sentence, '^[^{{}}]+[.]$'), false)
        end
        from (
            select *, 'nl' as language, sentence_nl as sentence from {STATEMENTS}
            union all
            select *, 'en', sentence_en from {STATEMENTS}
        )""",
    )


CHECKS_OF: dict[str, Callable[[Publication], Queries]] = {
    function.__name__.removeprefix("_"): function
    for function in (
        _shares_are_shares,
        _means_are_on_scale,
        _intervals_contain_estimates,
        _intervals_are_on_scale,
        _errors_are_possible,
        _design_effects_are_plausible,
        _reliability_follows_width,
        _figures_are_those_of_the_marts,
        _suppressed_figures_are_empty,
        _published_figures_are_present,
        _counts_are_large_enough,
        _small_cells_are_withheld,
        _distributions_are_of_totals_and_sectors,
        _regional_figures_are_not_of_everybody,
        _suppressed_cells_are_not_alone,
        _derived_figures_are_withheld,
        _counts_are_rounded,
        _no_identifiable_swv_figures,
        _no_personal_columns,
        _waves_are_closed,
        _goals_are_covered,
        _groups_are_covered,
        _groups_are_delivered,
        _questions_are_covered,
        _totals_are_sums,
        _option_shares_add_up,
        _changes_are_differences,
        _gaps_are_differences,
        _changes_are_plausible,
        _directions_follow_changes,
        _probabilities_are_probabilities,
        _weights_average_one,
        _weights_are_positive,
        _weights_are_moderate,
        _weights_cost_little_precision,
        _weights_meet_populations,
        _response_rates_are_rates,
        _responses_are_within_population,
        _responses_add_up,
        _statements_rest_on_published_figures,
        _sentences_are_whole,
    )
}
