"""Hold a release back while it would tell what a handful of respondents said.

Who holds two releases can subtract them. Where a correction adds, takes away or changes the answers
of one to nine respondents behind a number that both publish, and the number is another one, the
difference is what these few said. So the correction waits until more have gathered, or until
somebody decides that the batch is complete. What no published number shows needs no waiting.

It is counted per question, breakdown value and measure: twelve respondents who are corrected in
twelve questions are one in each. How is written in docs/adr/0006-corrections-wait.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.released import (
    adopt,
    note,
    pairs_of,
    remembered,
    same_data,
    unsettled,
)

BASE = "wave_id, respondent_group, question, breakdown, breakdown_value, measure"
# answers that a release has more (or less) often than the earlier one, in waves and groups of both
CHANGED = """
create or replace temp table changed as
with touched as (
    select wave_id, respondent_group, theirs.answers_part
    from parts
    inner join audit.released_parts as theirs using (wave_id, respondent_group)
    where theirs.release_id = $release_id and parts.answers_part <> theirs.answers_part
)
select * exclude (respondents), sum(respondents)::bigint as difference
from (
    from answers semi join touched using (wave_id, respondent_group)
    union all
    select * exclude (answers_part) replace (-respondents as respondents)
    from audit.released_answers semi join touched using (answers_part)
)
group by all
having difference <> 0
"""
# what both releases show a figure of, and whether any figure of it has another number; what is
# recorded on one side alone, because it is shown there alone, is no difference
COMMON = f"""
create or replace temp table common as
with theirs as (
    select shown.* exclude (figures_part)
    from audit.released_figures as shown
    semi join (
        from audit.released_parts
        where release_id = $release_id
            and (wave_id, respondent_group) in (select (wave_id, respondent_group) from changed)
    ) using (figures_part)
)
select
    {BASE},
    bool_or(theirs.numbers is distinct from figures.numbers) as is_moved,
    bool_or(kind in ('estimate', 'goal score')) as is_shown
from figures
inner join theirs using (kind, {BASE}, about)
group by all
"""
# Answers that a measure does not tell apart are the same, and so are respondents of one weight.
COUNTED = f"""
create or replace temp table counted as
with told_apart as (
    select
        {BASE},
        is_moved,
        is_shown,
        weight_class,
        unit_bucket,
        case
            when measure = 'mean' then score::varchar
            when measure = 'share_endorsed' then is_endorsed::varchar
            when measure = 'share_dont_know' then (option = 'dont_know')::varchar
            when measure = 'count' then option
            when option <> 'dont_know' then (measure = 'share_option_' || option)::varchar
        end as said,
        difference
    from common
    inner join changed using (wave_id, respondent_group, question, breakdown, breakdown_value)
)
select * exclude (difference), sum(difference)::bigint as difference
from told_apart
where said is not null  -- not in the denominator
group by all
having sum(told_apart.difference) <> 0
"""
# A breakdown's published parts taken off the whole that they add up to leave a rest, which is
# published nowhere and can be subtracted all the same.
RESTS = f"""
create or replace temp table rests as
with parts_of as (
    select
        parts.*,
        wholes.breakdown as whole,
        wholes.breakdown_value as whole_value
    from common as parts
    inner join common as wholes using (wave_id, respondent_group, question, measure)
    left join published.dim_samenwerkingsverbanden as swv on parts.breakdown_value = swv.swv_code
    where parts.is_shown and wholes.is_shown and parts.breakdown <> 'total'
        and (
            wholes.breakdown = 'total'
            or (parts.breakdown = 'swv' and wholes.breakdown = 'sector'
                and wholes.breakdown_value = swv.sector)
            or (parts.breakdown = 'swv' and wholes.breakdown = 'region'
                and wholes.breakdown_value = swv.region)
        )
),
moved as (select distinct {BASE} from counted where is_moved),
-- a whole that stands, beside a part that moved, tells of the rest too
splits as (
    select distinct wave_id, respondent_group, question, measure, whole, whole_value,
        parts_of.breakdown as part
    from parts_of
    left join moved as own using ({BASE})
    left join moved as total
        on total.wave_id = parts_of.wave_id
        and total.respondent_group = parts_of.respondent_group
        and total.question = parts_of.question
        and total.measure = parts_of.measure
        and total.breakdown = parts_of.whole
        and total.breakdown_value = parts_of.whole_value
    where own.wave_id is not null or total.wave_id is not null
),
pieces as (
    select splits.* exclude (part), part, counted.* exclude ({BASE}, is_moved, is_shown)
    from splits
    inner join counted using (wave_id, respondent_group, question, measure)
    where counted.breakdown = splits.whole and counted.breakdown_value = splits.whole_value
    union all
    select splits.* exclude (part), part,
        counted.* exclude ({BASE}, is_moved, is_shown) replace (-difference as difference)
    from splits
    inner join parts_of using (wave_id, respondent_group, question, measure, whole, whole_value)
    inner join counted
        on counted.wave_id = splits.wave_id
        and counted.respondent_group = splits.respondent_group
        and counted.question = splits.question
        and counted.measure = splits.measure
        and counted.breakdown = parts_of.breakdown
        and counted.breakdown_value = parts_of.breakdown_value
    where parts_of.breakdown = splits.part
)
select
    wave_id, respondent_group, question, whole as breakdown, whole_value as breakdown_value,
    measure, part as less, weight_class, unit_bucket, said, sum(difference) as difference
from pieces
group by all
having sum(difference) <> 0
"""
FEW = f"""
with rows as (
    select {BASE}, '' as less, difference from counted where is_moved
    union all
    select {BASE}, less, difference from rests
),
-- a wave and group that either release has alone, of a few respondents in all: it moves what is
-- pooled over waves
alone as (
    select wave_id, respondent_group, sum(respondents) as respondents
    from (
        from answers
        anti join (from audit.released_parts where release_id = $release_id) as theirs
            using (wave_id, respondent_group)
        union all
        select answers.* exclude (answers_part)
        from audit.released_answers as answers
        semi join (from audit.released_parts where release_id = $release_id) as theirs
            using (answers_part)
        anti join parts using (wave_id, respondent_group)
    )
    where question = 'respondents'
    group by all
),
pooled as (
    select distinct respondent_group
    from figures
    inner join (
        from audit.released_figures
        semi join (from audit.released_parts where release_id = $release_id) using (figures_part)
    ) as theirs using (kind, {BASE}, about)
    where kind in ('pooled', 'national') and theirs.numbers is distinct from figures.numbers
),
found as (
    select
        {BASE},
        less,
        greatest(sum(greatest(difference, 0)), sum(greatest(-difference, 0))) as respondents
    from rows
    group by all
    union all
    select wave_id, respondent_group, 'respondents', 'total', 'all', 'count', '', respondents
    from alone semi join pooled using (respondent_group)
)
select {BASE}, less, respondents::bigint
from found
where respondents between 1 and (
    select threshold - 1 from codebook.suppression_rules where rule = 'min_respondents'
)
order by all
"""


@dataclass(frozen=True)
class Difference:
    """A published number that tells, by its difference with an earlier one, what few said.

    `less` names the breakdown whose published values are taken off, where a rest is told.
    """

    release_id: str
    wave_id: str
    respondent_group: str
    question: str
    breakdown: str
    breakdown_value: str
    measure: str
    less: str
    respondents: int

    @property
    def answers_of(self) -> tuple[str, str, str]:
        """Wave, group and question."""
        return self.wave_id, self.respondent_group, self.question


@dataclass(frozen=True)
class Comparison:
    """What a release would tell beside the earlier ones.

    `incomparable` are earlier releases of which nothing is known, while the answers may be others.
    """

    differences: tuple[Difference, ...] = ()
    incomparable: tuple[str, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is told of a few respondents."""
        return not self.differences and not self.incomparable

    @property
    def told(self) -> dict[str, Any]:
        """What is told when the release is made all the same, for release.json.

        A figure is counted once, whatever the number of releases that it differs from. An answer
        is one respondent's to one question; in the breakdown where most of them are told.
        """
        most: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
        for difference in self.differences:
            # parts of one breakdown hold different respondents, so that theirs add up
            places = most.setdefault((*difference.answers_of, difference.release_id), {})
            place = (difference.breakdown, difference.measure, difference.less)
            places[place] = places.get(place, 0) + difference.respondents
        answers: dict[tuple[str, ...], int] = {}
        for (*question, _), places in most.items():
            key = tuple(question)
            answers[key] = max(answers.get(key, 0), *places.values())
        return {
            "figures": len({_figure(difference) for difference in self.differences}),
            "answers": sum(answers.values()),
            "fewest_respondents": min((d.respondents for d in self.differences), default=None),
            "incomparable_releases": list(self.incomparable),
        }

    def lines(self) -> list[str]:
        """For whoever runs the refresh: each question that waits, and releases not compared."""
        found = [
            f"release {release_id}: what its respondents said is not known here"
            for release_id in self.incomparable
        ]
        ordered = sorted(self.differences, key=lambda difference: difference.answers_of)
        for (wave_id, group, question), some in groupby(ordered, key=lambda d: d.answers_of):
            rows = list(some)
            fewest = min(row.respondents for row in rows)
            figures = len({_figure(row) for row in rows})
            since = ", ".join(sorted({row.release_id for row in rows}))
            found.append(
                f"{wave_id}, {group}, {question}: {_number(figures, 'figure')}, the fewest of "
                f"{_number(fewest, 'respondent')}, since release {since}"
            )
        return found


def _figure(difference: Difference) -> tuple[str, ...]:
    return (
        *difference.answers_of, difference.breakdown, difference.breakdown_value,
        difference.measure, difference.less,
    )  # fmt: skip


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def look_back(
    connection: duckdb.DuckDBPyConnection,
    release_id: str,
    earlier: Mapping[Path, dict[str, Any]],
    deliveries: Iterable[tuple[str, str, str]],
    corrections_hash: Callable[[list[str]], str],
) -> Comparison:
    """Compare what is about to be published with every earlier release, also the pruned ones.

    An earlier release of which the warehouse has no records is remembered now, where the marts are
    those of its data. Where they are not, it cannot be compared, unless a release of today's data
    is out already: what that one told beside it, this one tells again.

    Args:
        release_id: of what is about to be published.
        earlier: folder and release.json of the releases that are there, oldest first.
        deliveries: wave, group and id of the deliveries that stand now.
        corrections_hash: of the corrections that stand now, of the given waves.
    """
    note(connection)
    now = set(deliveries)
    earlier = {
        folder: facts for folder, facts in earlier.items() if facts["release_id"] != release_id
    }
    same = {
        str(facts["release_id"]): facts
        for facts in earlier.values()
        if same_data(facts, now, corrections_hash(sorted({w for w, _ in pairs_of(facts)})))
    }
    known = {*remembered(connection), release_id}
    for folder, facts in earlier.items():
        if facts["release_id"] in same and facts["release_id"] not in known:
            adopt(connection, str(facts["release_id"]), folder)
            known.add(facts["release_id"])
    there = {str(facts["release_id"]): facts for facts in earlier.values()}
    newest = list(there)[-1:]
    unknown = unsettled(connection, list(there)) - known
    incomparable = [
        name
        for name in sorted(unknown)
        if not (
            any(pairs_of(there[name]) <= pairs_of(facts) for facts in same.values())
            if name in there
            else newest and newest[0] in same
        )
    ]
    return Comparison(tuple(compare(connection, sorted(known - {release_id}))), tuple(incomparable))


def compare(connection: duckdb.DuckDBPyConnection, release_ids: Iterable[str]) -> list[Difference]:
    """What few respondents said, as told by what is about to be published and each earlier release.

    `released.note` has listed the first; the others are those of which there are records. Whether
    their folders are still there does not matter: somebody may have kept them.
    """
    found = []
    for release_id in release_ids:
        named = {"release_id": release_id}
        connection.execute(CHANGED, named)
        connection.execute(COMMON, named)
        connection.execute(COUNTED)
        connection.execute(RESTS)
        rows = connection.execute(FEW, named).fetchall()
        found += [Difference(release_id, *row) for row in rows]
    return found
