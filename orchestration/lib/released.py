"""Remember what each release showed, and what was said behind it, so that releases can be compared.

A release may be pruned from disk while somebody keeps a copy. So the private warehouse keeps, per
release, a hash of the published numbers of every figure and, per question and breakdown value that
it shows, how many gave which answer. Waves and groups in which neither changed are stored once,
whatever the number of releases.

No key to a person is kept, and no row links two answers or two breakdown values of a respondent: of
somebody who was taken out of a delivery, nothing is left that could be put together again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.landing.discovery import CORRECTIONS
from orchestration.lib.warehouse import literal, quote, transaction

# Respondents of one weight class weigh the same, so that a figure cannot tell them apart. Where
# schools or samenwerkingsverbanden are counted, a respondent weighs by how many there are in its
# own; one of 256 buckets says that an answer came from elsewhere, and not from where.
MEMBERS = """
create or replace temp table members as
select
    respondents.respondent_key,
    breakdowns.domain_key,
    concat_ws(
        '|',
        coalesce(respondents.stratum, ''),
        coalesce(respondents.sector, ''),
        coalesce(respondents.landsdeel, ''),
        case when respondents.weighting = 'delivered' then respondents.delivered_weight end
    ) as weight_class,
    (md5_number_lower(respondents.psu_id) % 256)::utinyint as unit_bucket
from intermediate.int_respondents__weighted as respondents
inner join intermediate.int_respondents__breakdowns as breakdowns
    on respondents.respondent_key = breakdowns.respondent_key
"""
# only what enters a denominator: substantive answers, and don't know
ANSWERS = """
create or replace temp table answers as
with counted as (
    select
        decoded.variable_key as estimand_key,
        members.domain_key,
        members.weight_class,
        case when estimands.unit_of_count <> 'respondent' then members.unit_bucket end
            as unit_bucket,
        case
            when decoded.missing_reason is not null then 'dont_know'
            when estimands.scale_kind = 'numeric'
                then coalesce(round(decoded.score)::integer::varchar, decoded.answer_value)
            else decoded.answer_value
        end as option,
        decoded.score,
        case
            when decoded.missing_reason is null then decoded.is_endorsed
            when estimands.is_dont_know_negative then false
        end as is_endorsed,
        count(*)::integer as respondents
    from intermediate.int_answers__decoded as decoded
    inner join intermediate.int_estimation__estimands as estimands
        on decoded.variable_key = estimands.estimand_key and estimands.kind = 'indicator'
    inner join members on decoded.respondent_key = members.respondent_key
    where decoded.missing_reason is null or decoded.missing_reason = 'dont_know'
    group by all
    union all
    select
        scores.estimand_key,
        members.domain_key,
        members.weight_class,
        null,
        'score',
        round(scores.score, 6),
        null,
        count(*)::integer
    from intermediate.int_answers__goal_scores as scores
    inner join members on scores.respondent_key = members.respondent_key
    group by all
),
domains as (
    select distinct domain_key, breakdown, breakdown_value
    from intermediate.int_respondents__breakdowns
),
said as (
    select
        estimands.wave_id,
        estimands.respondent_group,
        coalesce(estimands.indicator_code, 'goal ' || estimands.goal_id) as question,
        domains.breakdown,
        domains.breakdown_value,
        counted.* exclude (estimand_key, domain_key)
    from counted
    inner join intermediate.int_estimation__estimands as estimands
        on counted.estimand_key = estimands.estimand_key
    inner join domains on counted.domain_key = domains.domain_key
    union all
    -- who took part at all
    select
        wave_id,
        respondent_group,
        'respondents',
        'total',
        'all',
        '',
        null,
        case when is_complete then 'complete' else 'partial' end,
        null,
        null,
        count(*)::integer
    from intermediate.int_respondents__weighted
    group by all
)
from said
semi join figures using (wave_id, respondent_group, question, breakdown, breakdown_value)
"""
# of each wave and group the hash of all that was said, and of all that is shown
PARTS = """
create or replace temp table {target} as
with said as (
    select
        wave_id,
        respondent_group,
        concat_ws('|', bit_xor(md5_number(concat_ws(
            '|', wave_id, respondent_group, question, breakdown, breakdown_value, weight_class,
            coalesce(unit_bucket::varchar, ''), option, coalesce(score::varchar, ''),
            coalesce(is_endorsed::varchar, ''), respondents
        ))), count(*)) as answers_part
    from answers
    group by all
),
shown as (
    select
        wave_id,
        respondent_group,
        concat_ws('|', bit_xor(md5_number(concat_ws(
            '|', kind, wave_id, respondent_group, question, breakdown, breakdown_value, measure,
            about, coalesce(numbers::varchar, '')
        ))), count(*)) as figures_part
    from {figures}
    group by all
)
select wave_id, respondent_group, answers_part, figures_part
from said inner join shown using (wave_id, respondent_group)
"""

# what a figure rests on: the answers of a wave and group to a question at a breakdown value, as
# far as a measure tells them apart. A figure of more has a row for each; `about` tells it from
# others on the same. {numbers(…)} is a hash of what is published.
FIGURES = {
    "fct_indicator_estimates": """
        select 'estimate' as kind, wave_id, respondent_group, indicator_code as question, breakdown,
            breakdown_value, measure, '' as about, {numbers} as numbers
        from {schema}.fct_indicator_estimates where not is_suppressed
    """,
    "fct_goal_scores": """
        select 'goal score', wave_id, respondent_group, 'goal ' || goal_id, breakdown,
            breakdown_value, 'mean', '', {numbers}
        from {schema}.fct_goal_scores where not is_suppressed
    """,
    "fct_indicator_changes": """
        select 'change', unnest([wave_id, baseline_wave_id]), respondent_group, indicator_code,
            breakdown, breakdown_value, measure, wave_id || '|' || baseline_wave_id, {numbers}
        from {schema}.fct_indicator_changes where not is_suppressed
    """,
    "fct_perspective_gaps": """
        select 'gap', gaps.wave_id, unnest([group_a, group_b]), gaps.indicator_code, breakdown,
            breakdown_value, indicators.headline_measure, group_a || '|' || group_b, {numbers}
        from {schema}.fct_perspective_gaps as gaps
        inner join {schema}.dim_indicators as indicators
            on gaps.indicator_code = indicators.indicator_code
        where not is_suppressed
    """,
    # its own answers; and, as it stands beside the country, everybody's
    "fct_swv_benchmarks": """
        select 'pooled', unnest(string_split(waves_pooled, '|')), respondent_group, indicator_code,
            'swv', swv_code, measure, '', {numbers}
        from {schema}.fct_swv_benchmarks where not is_suppressed
        union all
        select 'pooled', unnest(string_split(waves_pooled, '|')), respondent_group, indicator_code,
            'total', 'all', measure, swv_code, {numbers}
        from {schema}.fct_swv_benchmarks where not is_suppressed
        union all
        select distinct 'national', unnest(string_split(waves_pooled, '|')), respondent_group,
            indicator_code, 'total', 'all', measure, waves_pooled, {national}
        from {schema}.fct_swv_benchmarks where national_estimate is not null
    """,
    "fct_summary_statements": """
        select 'statement', wave_id, respondent_group, figures.indicator_code, figures.breakdown,
            figures.breakdown_value, figures.measure, claim_id, numbers
        from (
            select claim_id, unnest(string_split(estimate_ids, '|')) as estimate_id,
                {numbers} as numbers
            from {schema}.fct_summary_statements where not is_suppressed
        )
        inner join {schema}.fct_indicator_estimates as figures using (estimate_id)
    """,
    "fct_goal_verdicts": """
        select 'verdict', wave_id, respondent_group, indicator_code, 'total', 'all',
            headline_measure, '', numbers
        from (
            select wave_id, respondent_group,
                unnest(string_split(indicators, '|')) as indicator_code, {numbers} as numbers
            from {schema}.fct_goal_verdicts where not is_suppressed
        )
        inner join {schema}.dim_indicators using (indicator_code)
    """,
    "fct_response_rates": """
        select 'rate', wave_id, respondent_group, 'respondents', 'total', 'all', 'count', stratum,
            {numbers}
        from {schema}.fct_response_rates
    """,
    "quality_certificates": """
        select 'certificate', wave_id, respondent_group, 'respondents', 'total', 'all', 'count', '',
            {numbers}
        from {schema}.quality_certificates
    """,
    "quality_results": """
        select 'check', wave_id, respondent_group, 'respondents', 'total', 'all', 'count',
            gate || '|' || suite || '|' || expectation, {numbers}
        from {schema}.quality_results where wave_id is not null and respondent_group is not null
    """,
}
ORDERS = {
    "figures": "kind, wave_id, respondent_group, about, question, measure, breakdown, "
    "breakdown_value",
    "answers": "wave_id, respondent_group, question, breakdown, breakdown_value, option, "
    "weight_class, unit_bucket, score, is_endorsed",
}
# what names a figure rather than telling its number
NAMES = (
    "wave_id", "respondent_group", "indicator_code", "goal_id", "breakdown", "breakdown_value",
    "measure", "baseline_wave_id", "group_a", "group_b", "swv_code", "claim_id", "stratum", "gate",
    "suite", "expectation", "estimate_id", "estimate_ids", "is_suppressed", "suppression_reason",
)  # fmt: skip


def note(connection: duckdb.DuckDBPyConnection) -> None:
    """List what schema `published` shows and count what is said behind it, in temp tables
    `figures`, `answers` and `parts`."""
    note_figures(connection)
    connection.execute(MEMBERS)
    connection.execute(ANSWERS)
    connection.execute(PARTS.format(target="parts", figures="figures"))


def note_what_is_left(connection: duckdb.DuckDBPyConnection) -> None:
    """List the figures anew, when more is withheld than when `note` listed them."""
    note_figures(connection)
    connection.execute(PARTS.format(target="parts", figures="figures"))


def note_figures(
    connection: duckdb.DuckDBPyConnection,
    schema: str = "published",
    target: str = "figures",
    *,
    is_named_only: bool = False,
) -> None:
    """List the figures that the tables of a schema show, each with a hash of its numbers.

    Args:
        schema: schema, or database and schema, with the published tables.
        target: temp table to make.
        is_named_only: leave the numbers out; tables of older code have other columns.
    """
    there = {row[0] for row in connection.execute(f"show tables from {schema}").fetchall()}
    selects = []
    for table, select in FIGURES.items():
        if table not in there:
            continue
        described = connection.execute(f"describe {schema}.{quote(table)}").fetchall()
        told = [str(row[0]) for row in described if row[0] not in NAMES]
        national = [name for name in told if name.startswith("national")]
        selects.append(
            select.format(
                schema=schema,
                numbers="null::uinteger" if is_named_only else _hash(told),
                national="null::uinteger" if is_named_only else _hash(national),
            )
        )
    connection.execute(
        f"create or replace temp table {quote(target)} as select kind, wave_id, respondent_group, "
        "question, breakdown, breakdown_value, measure, about, bit_xor(numbers) as numbers "
        f"from ({' union all '.join(selects)}) group by all"
    )


def _hash(columns: Iterable[str]) -> str:
    """32 bits of what the columns hold; that two of a figure's numbers share them is no matter of
    chance worth counting (1 in 4 billion)."""
    texts = ", ".join(f"coalesce({quote(column)}::varchar, '')" for column in columns)
    return f"(md5_number_lower(concat_ws('|', {texts})) >> 32)::uinteger"


def remember(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Keep what a release shows and what is behind it, as `note` has listed it."""
    _keep(connection, release_id, "parts", "figures")


def _keep(connection: duckdb.DuckDBPyConnection, release_id: str, parts: str, figures: str) -> None:
    """Keep the parts of a release, and of those that no other has what they hold."""
    with transaction(connection):
        _forget(connection, release_id)
        connection.execute("insert into audit.released values (?, false)", [release_id])
        for what, temp in (("figures", figures), ("answers", "answers")):
            # in an order in which equal values stand together, and take no room
            connection.execute(
                f"""
                insert into audit.released_{what}
                select new.{what}_part, kept.*
                from {temp} as kept
                inner join (
                    from {parts}
                    where {what}_part not in (select {what}_part from audit.released_{what})
                ) as new using (wave_id, respondent_group)
                order by {ORDERS[what]}
                """
            )
        connection.execute(
            f"insert into audit.released_parts select ?, * from {parts} order by all", [release_id]
        )


def remember_if_missing(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Keep the records of a release that was written, of which there are none yet.

    To be called while the marts are those of the release.
    """
    if release_id not in remembered(connection):
        note(connection)
        remember(connection, release_id)


def remembered(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Releases of which the warehouse has records."""
    rows = connection.execute(
        "select distinct release_id from audit.released_parts order by release_id"
    ).fetchall()
    return [row[0] for row in rows]


def adopt(connection: duckdb.DuckDBPyConnection, release_id: str, folder: Path) -> None:
    """Make the records of an earlier release of which there are none, from marts of the same data.

    Which figures it showed stands in its folder. As their numbers count those that this code
    publishes from the same data: the older ones may have had more digits, and what a later release
    tells beyond them shows in the digits of today. A figure that is withheld today has none, and
    counts as different whenever it is shown again.
    """
    with _attached(connection, folder / "monitor.duckdb"):
        note_figures(connection, "earlier.main", "theirs", is_named_only=True)
    connection.execute(
        """
        create or replace temp table theirs as
        select theirs.* replace (figures.numbers as numbers)
        from theirs
        left join figures using (
            kind, wave_id, respondent_group, question, breakdown, breakdown_value, measure, about
        )
        """
    )
    connection.execute(PARTS.format(target="their_parts", figures="theirs"))
    _keep(connection, release_id, "their_parts", "theirs")


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    connection.execute(f"attach {literal(path)} as earlier (read_only)")
    try:
        yield
    finally:
        connection.execute("detach earlier")


def _forget(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    for table in ("released", "released_parts"):
        connection.execute(f"delete from audit.{table} where release_id = ?", [release_id])


def settle(connection: duckdb.DuckDBPyConnection, release_ids: Iterable[str]) -> None:
    """Note that somebody published beside releases of which there are no records.

    Later releases are compared with the one that was published then; these hold nothing back any
    more.
    """
    with transaction(connection):
        for release_id in release_ids:
            _forget(connection, release_id)
            connection.execute("insert into audit.released values (?, true)", [release_id])


def unsettled(connection: duckdb.DuckDBPyConnection, there: Iterable[str]) -> set[str]:
    """Releases that were ever made here or whose folders are there, but for settled ones."""
    rows = connection.execute("select release_id, is_settled from audit.released").fetchall()
    settled = {release_id for release_id, is_settled in rows if is_settled}
    return ({release_id for release_id, _ in rows} | set(there)) - settled


def pairs_of(facts: dict[str, Any]) -> set[tuple[str, str]]:
    """Waves and groups of which a release had a delivery, by its release.json."""
    return {(wave_id, group) for wave_id, group, _ in _deliveries_of(facts)}


def _deliveries_of(facts: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (row["wave_id"], row["respondent_group"], row["delivery_id"])
        for row in facts.get("deliveries", [])
        if row["respondent_group"] != CORRECTIONS
    }


def same_data(
    facts: dict[str, Any], deliveries: Iterable[tuple[str, str, str]], corrections: str
) -> bool:
    """Whether an earlier release has the deliveries that stand now, as far as it had any.

    A wave or a group that it did not have makes no difference to what it published.

    Args:
        facts: its release.json.
        deliveries: wave, group and id of the deliveries that stand now.
        corrections: hash of the corrections that stand now, of the waves that it had.
    """
    theirs = _deliveries_of(facts)
    return bool(theirs) and theirs <= set(deliveries) and facts["corrections_hash"] == corrections
