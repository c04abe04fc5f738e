"""Hold a release back while it would differ from an earlier one by a handful of respondents.

Who holds two releases can subtract them. Where a correction adds, takes away or changes one to nine
respondents of a figure that both publish, the difference is what these few said, so that the
correction waits until more have gathered, or until somebody decides that the batch is complete.

What the respondents of a release said is kept in the private warehouse, as hashes: nothing else
tells how many of them changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from orchestration.lib.warehouse import transaction

# One record a respondent; equal answers in equal places have equal hashes, whatever the delivery.
RECORDS = """
create or replace temp table records as
with answers as (
    select
        answers.respondent_key,
        md5(string_agg(
            variables.item_code || '=' || coalesce(answers.answer_value, answers.missing_reason)
                || coalesce(' ' || answers.score, ''),
            '|' order by variables.item_code
        )) as content
    from intermediate.int_answers__decoded as answers
    inner join intermediate.int_codebook__variables as variables
        on answers.variable_key = variables.variable_key
    group by answers.respondent_key
)
select
    respondents.wave_id,
    respondents.respondent_group,
    breakdowns.breakdown,
    breakdowns.breakdown_value,
    answers.content,
    count(*) as respondents
from intermediate.int_respondents__weighted as respondents
inner join intermediate.int_respondents__breakdowns as breakdowns
    on respondents.respondent_key = breakdowns.respondent_key
left join answers on respondents.respondent_key = answers.respondent_key
group by all
"""
SHOWN = """
select distinct wave_id, respondent_group, breakdown, breakdown_value
from published.fct_indicator_estimates where not is_suppressed
"""
CHANGED = """
select
    wave_id,
    respondent_group,
    breakdown,
    breakdown_value,
    greatest(
        sum(greatest(coalesce(new.respondents, 0) - coalesce(old.respondents, 0), 0)),
        sum(greatest(coalesce(old.respondents, 0) - coalesce(new.respondents, 0), 0))
    ) as changed
from records as new
full join (select * from audit.released_records where release_id = ?) as old
    using (wave_id, respondent_group, breakdown, breakdown_value, content)
inner join shown using (wave_id, respondent_group, breakdown, breakdown_value)
group by all
having changed between 1 and (
    select threshold - 1 from codebook.suppression_rules where rule = 'min_respondents'
)
order by all
"""


@dataclass(frozen=True)
class Difference:
    """A published figure's respondents, of whom few changed since an earlier release."""

    release_id: str
    wave_id: str
    respondent_group: str
    breakdown: str
    breakdown_value: str
    changed: int

    def __str__(self) -> str:
        return (
            f"{self.wave_id}, {self.respondent_group}, {self.breakdown} {self.breakdown_value}: "
            f"{self.changed} respondents since release {self.release_id}"
        )


def small_differences(connection: duckdb.DuckDBPyConnection) -> list[Difference]:
    """Figures of which one to nine respondents changed since any earlier release.

    Whether its folder is still there does not matter: somebody may have kept it. Releases of which
    the warehouse has no records (it was made anew) cannot be compared.
    """
    connection.execute(RECORDS)
    found = []
    for (release_id,) in connection.execute(
        "select distinct release_id from audit.released_records order by release_id"
    ).fetchall():
        connection.execute(
            f"""
            create or replace temp table shown as
            {SHOWN}
            intersect
            select wave_id, respondent_group, breakdown, breakdown_value
            from audit.released_records where release_id = ?
            """,
            [release_id],
        )
        for wave_id, group, breakdown, value, changed in connection.execute(
            CHANGED, [release_id]
        ).fetchall():
            found.append(Difference(release_id, wave_id, group, breakdown, value, int(changed)))
    return found


def remember(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Keep the records behind what a release shows; `small_differences` has made them."""
    with transaction(connection):
        connection.execute("delete from audit.released_records where release_id = ?", [release_id])
        connection.execute(
            f"""
            insert into audit.released_records
            select ?, records.* from records
            inner join ({SHOWN}) as shown
                using (wave_id, respondent_group, breakdown, breakdown_value)
            """,
            [release_id],
        )


def remember_if_missing(connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Keep the records behind a release that was written, of which there are none yet.

    To be called while the marts are those of the release.
    """
    known = connection.execute(
        "select count(*) from audit.released_records where release_id = ?", [release_id]
    ).fetchone()
    if not known or not known[0]:
        connection.execute(RECORDS)
        remember(connection, release_id)
