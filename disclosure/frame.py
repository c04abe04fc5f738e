"""What the attacker is credited with beside the release, and the truth to check the attack against.

The only module that reads the private warehouse. It reads tables that are unlikely to change and
turns them into counts per *atom*: respondents who share wave, group, stratum and all breakdowns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pandas as pd

from disclosure.precision import STEPS
from disclosure.result import Recovered

RESPONDENTS = """
select respondent_key, wave_id, respondent_group, stratum, weight
from intermediate.int_respondents__weighted
"""
MEMBERSHIPS = """
select respondent_key, breakdown, breakdown_value
from intermediate.int_respondents__breakdowns
"""
# the weight of a unit is shared by its respondents, as in the estimates
ANSWERS = """
with answers as (
    select
        answers.respondent_key,
        answers.wave_id,
        answers.indicator_code,
        answers.respondent_group,
        case when answers.missing_reason is null then answers.answer_value end as option,
        case when answers.missing_reason is null then answers.score end as score,
        units.unit_id,
        units.unit_weight
    from core.fct_answers as answers
    inner join codebook.indicator_groups as asked using (indicator_code, respondent_group)
    inner join intermediate.int_respondents__units as units
        on answers.respondent_key = units.respondent_key
        and asked.unit_of_count = units.unit_of_count
    where answers.missing_reason is null or answers.missing_reason = 'dont_know'
)
select
    respondent_key,
    wave_id,
    indicator_code,
    respondent_group,
    option,
    score,
    case when option is not null then unit_weight / count(option) over unit end
        as weight_substantive,
    unit_weight / count(*) over unit as weight_with_dont_know
from answers
window unit as (partition by wave_id, indicator_code, respondent_group, unit_id)
"""
INDICATORS = """
select
    indicators.indicator_code,
    indicators.endorsed_codes,
    indicators.headline_measure,
    indicators.dont_know_rule = 'count_as_negative' as is_dont_know_negative,
    scales.scale,
    scales.kind,
    scales.min_score,
    scales.max_score
from codebook.indicators as indicators
inner join codebook.scales as scales using (scale)
"""
OPTIONS = """
select scale, value as option, score from codebook.scale_options where score is not null
order by scale, score
"""
UNITS = "select indicator_code, respondent_group, unit_of_count from codebook.indicator_groups"
GROUPS = "select respondent_group, has_swv_breakdown from codebook.respondent_groups"
RULES = "select rule, threshold from codebook.suppression_rules"
GOALS = """
select wave_id, goal_id, respondent_group, breakdown, breakdown_value, total_weight
from indicators.fct_goal_scores
"""
CLAIMS = """
select claim_id, indicator_code, respondent_group, measure, range_low, range_high, is_required
from codebook.claim_indicators
"""

# what is withheld for its own sake, under the table and keys that the release has for it
OWN = """
select
    case
        when kind = 'goal' then 'fct_goal_scores'
        when wave_id = 'pooled' then 'fct_swv_benchmarks'
        else 'fct_indicator_estimates'
    end as table_name,
    case
        when kind = 'goal' then [wave_id, question, respondent_group, breakdown, breakdown_value]
        when wave_id = 'pooled' then [breakdown_value, question, respondent_group]
        else [wave_id, question, respondent_group, breakdown, breakdown_value, measure]
    end as keys
from disclosure.suppressions
where is_own
"""

BLOCK = ["wave_id", "indicator_code", "respondent_group"]
DOMAIN = ["breakdown", "breakdown_value"]


class FrameError(Exception):
    """The warehouse is not the one that the release was made from; the message says what to do."""


@dataclass(frozen=True)
class Scale:
    """The answers that an indicator allows, as the codebook publishes them.

    `options` holds (code, score, is_endorsed) of every possible substantive answer; of marks also
    the half ones, each with the whole mark that it is counted under.
    """

    kind: str
    lowest: float
    highest: float
    options: tuple[tuple[str, float, bool], ...]
    is_dont_know_negative: bool
    headline_measure: str

    def bounds(self, measure: str) -> tuple[float, float]:
        """The range of a measure: the scale for a mean, 0 to 1 for a share."""
        return (self.lowest, self.highest) if measure == "mean" else (0.0, 1.0)

    def counts_dont_know(self, measure: str) -> bool:
        """Whether *don't know* stands in the denominator of the measure."""
        return measure == "share_dont_know" or (
            measure == "share_endorsed" and self.is_dont_know_negative
        )


@dataclass(frozen=True)
class Frame:
    """The structure of the respondents, and the truth.

    atoms: atom_id, wave_id, respondent_group, stratum, weight, n (respondents).
    memberships: atom_id, breakdown, breakdown_value.
    goals: wave_id, goal_id, respondent_group, breakdown, breakdown_value, total_weight.
    answers: block keys, atom_id, option (empty for *don't know*), score, weight_substantive,
    weight_with_dont_know, n: the truth.
    own: table and keys of what is withheld for its own sake; without it the reasons tell.
    steps: of published shares, in units of the share.
    """

    atoms: pd.DataFrame
    memberships: pd.DataFrame
    answers: pd.DataFrame
    scales: dict[str, Scale]
    units: dict[tuple[str, str], str]
    has_swv_breakdown: dict[str, bool]
    rules: dict[str, int]
    claims: pd.DataFrame
    goals: pd.DataFrame
    own: frozenset[tuple[str, tuple[str, ...]]] | None = None
    steps: tuple[float, ...] = STEPS

    def judge(self, cells: Iterable[Recovered]) -> list[Recovered]:
        """The same cells, each with whether it is withheld for its own sake."""
        return [replace(cell, is_own=self._is_own(cell)) for cell in cells]

    def _is_own(self, cell: Recovered) -> bool:
        if cell.quantity == "difference":
            return True
        if self.own is None:
            return cell.reason not in ("complementary", "derived")
        measure = cell.keys[-1]
        is_count = cell.quantity == "n_respondents" and measure not in ("share_endorsed", "mean")
        if is_count or measure == "share_dont_know":
            # published numbers of respondents tell, within their rounding, how many answered and
            # how many did not know, on purpose: a secret only where the share is withheld too
            return (cell.table, (*cell.keys[:-1], "share_endorsed")) in self.own
        return (cell.table, cell.keys) in self.own

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection, release_id: str | None = None) -> Frame:
        """From the private warehouse; the release must have been made from it.

        Raises:
            FrameError: the warehouse made another release since.
        """
        if release_id is not None:
            rows = connection.execute("select release_id from audit.publication").fetchall()
            if rows != [(release_id,)]:
                raise FrameError(
                    f"The warehouse belongs to release {rows[0][0] if rows else 'none'}, not to "
                    f"{release_id}, so that its answers are not those of the release. Attack the "
                    "current release, or rebuild the warehouse of the other one first."
                )
        own = frozenset((table, tuple(keys)) for table, keys in connection.execute(OWN).fetchall())
        frame = cls.build(connection, RESPONDENTS, MEMBERSHIPS, ANSWERS, _codebook(connection))
        return replace(frame, own=own)

    @classmethod
    def build(
        cls,
        connection: duckdb.DuckDBPyConnection,
        respondents: str,
        memberships: str,
        answers: str,
        codebook: dict[str, Any],
    ) -> Frame:
        """From three queries with the columns of RESPONDENTS, MEMBERSHIPS and ANSWERS."""
        connection.execute(
            f"""
            create or replace temp table attack_atoms as
            with respondents as ({respondents}),
            memberships as ({memberships}),
            combinations as (
                select
                    respondent_key,
                    string_agg(
                        breakdown || '=' || breakdown_value, '|' order by breakdown, breakdown_value
                    ) as combination
                from memberships
                group by respondent_key
            )
            select
                respondents.*,
                cast(dense_rank() over (
                    order by wave_id, respondent_group, stratum, weight, combination
                ) - 1 as int) as atom_id
            from respondents
            inner join combinations using (respondent_key)
            """
        )
        atoms = connection.execute(
            "select atom_id, wave_id, respondent_group, stratum, weight, count(*) as n "
            "from attack_atoms group by all order by atom_id"
        ).df()
        pairs = connection.execute(
            f"select distinct atom_id, breakdown, breakdown_value from ({memberships}) as m "
            "inner join attack_atoms using (respondent_key) order by all"
        ).df()
        counts = connection.execute(
            f"""
            select
                answers.wave_id,
                answers.indicator_code,
                answers.respondent_group,
                atoms.atom_id,
                answers.option,
                answers.score,
                round(answers.weight_substantive, 12) as weight_substantive,
                round(answers.weight_with_dont_know, 12) as weight_with_dont_know,
                count(*) as n
            from ({answers}) as answers
            inner join attack_atoms as atoms using (respondent_key)
            group by all
            order by all
            """
        ).df()
        connection.execute("drop table attack_atoms")
        return cls(atoms=atoms, memberships=pairs, answers=counts, **codebook)


def _codebook(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The public codebook, as keyword arguments of `Frame`."""
    options: dict[str, list[tuple[str, float]]] = {}
    for scale, option, score in connection.execute(OPTIONS).fetchall():
        options.setdefault(scale, []).append((option, float(score)))
    scales = {}
    for code, endorsed, headline, is_negative, scale, kind, low, high in connection.execute(
        INDICATORS
    ).fetchall():
        scales[code] = Scale(
            kind=kind,
            lowest=float(low),
            highest=float(high),
            options=answers_of_scale(kind, options[scale], endorsed.split("|")),
            is_dont_know_negative=bool(is_negative),
            headline_measure=headline,
        )
    has_steps = connection.execute(
        "select count(*) > 0 from information_schema.tables "
        "where table_schema = 'codebook' and table_name = 'precision_steps'"
    ).fetchone()
    steps: tuple[float, ...] = STEPS
    if has_steps and has_steps[0]:
        rows = connection.execute("select step from codebook.precision_steps").fetchall()
        steps = tuple(sorted(float(row[0]) for row in rows))
    return {
        "steps": steps,
        "scales": scales,
        "units": {row[:2]: row[2] for row in connection.execute(UNITS).fetchall()},
        "has_swv_breakdown": dict(connection.execute(GROUPS).fetchall()),
        "rules": {rule: int(value) for rule, value in connection.execute(RULES).fetchall()},
        "claims": connection.execute(CLAIMS).df(),
        "goals": connection.execute(GOALS).df(),
    }


def answers_of_scale(
    kind: str, options: list[tuple[str, float]], endorsed: list[str]
) -> tuple[tuple[str, float, bool], ...]:
    """(code, score, is_endorsed) of each possible answer; marks come in halves, counted upwards."""
    if kind != "numeric":
        return tuple((code, score, code in endorsed) for code, score in options)
    threshold = min(float(code) for code in endorsed)
    whole = [(code, score, score >= threshold) for code, score in options]
    halves = [(code, score - 0.5, score - 0.5 >= threshold) for code, score in options[1:]]
    return tuple(sorted(whole + halves, key=lambda option: option[1]))
