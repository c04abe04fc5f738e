"""What became of deliveries, of the response and of a release: what the pages in Dagster tell.

Small tables in Markdown with bars of block characters, since Dagster shows no images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from orchestration.lib.landing.discovery import CORRECTIONS
from orchestration.lib.settings import Settings

Facts = dict[str, int | str | Path]

EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 10
COURSE_WIDTH = 20


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; headings that begin with `#` are of numbers, and lose the mark."""
    lines = [
        "| " + " | ".join(heading.removeprefix("#") for heading in headings) + " |",
        "|" + "|".join("---:" if heading.startswith("#") else "---" for heading in headings) + "|",
    ]
    for row in rows:
        cells = ("" if value is None else str(value) for value in row)
        plain = (" ".join(cell.split()).replace("|", r"\|") for cell in cells)
        lines.append(f"| {' | '.join(plain)} |")
    return "\n".join(lines)


def bar(share: float | None) -> str:
    """A share of one as a bar of ten characters at most."""
    eighths = round(min(max(share or 0.0, 0.0), 1.0) * BAR_WIDTH * 8)
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def course(values: Sequence[float]) -> str:
    """Numbers in their order as a row of twenty columns at most, the highest of full height."""
    width = min(COURSE_WIDTH, len(values))
    edges = [round(part * len(values) / width) for part in range(width + 1)] if width else []
    parts = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    highest = max(parts, default=0) or 1
    return "".join(HEIGHTS[round(part / highest * 7)] for part in parts)


@dataclass(frozen=True)
class Fate:
    """A delivery that was decided about: `accepted` or `refused`, with the reason and its rows.

    `kept`, `dropped`, `complete` and `quarantined` are None until the marts hold the delivery.
    """

    wave_id: str
    respondent_group: str
    delivery_id: str
    file_name: str
    status: str
    reason: str
    landed: int
    checks: int
    failed: int
    warned: int
    kept: int | None
    dropped: int | None
    complete: int | None
    quarantined: int | None


FATES = """
select
    deliveries.wave_id,
    deliveries.respondent_group,
    deliveries.delivery_id,
    deliveries.file_name,
    deliveries.status,
    coalesce(deliveries.refusal_reason, ''),
    coalesce(deliveries.row_count, 0),
    count(results.delivery_id),
    count(*) filter (where not results.success and results.severity = 'error'),
    count(*) filter (where not results.success and results.severity = 'warning'),
    {counted}
from raw.deliveries as deliveries
left join audit.quality_results as results
    on deliveries.delivery_id = results.delivery_id and results.gate = 'raw'
{joined}
where deliveries.status in ('accepted', 'refused')
    and deliveries.respondent_group <> ?
group by all
order by deliveries.wave_id, deliveries.respondent_group, deliveries.delivery_id
"""
COUNTED = (
    "responses.kept, responses.dropped, responses.complete, "
    "case when responses.kept is not null then coalesce(quarantined.value_count, 0) end"
)
JOINED = """
left join (
    select
        delivery_id,
        count(*) filter (where is_kept) as kept,
        count(*) filter (where not is_kept) as dropped,
        count(*) filter (where is_kept and is_complete) as complete
    from core.fct_responses group by delivery_id
) as responses on deliveries.delivery_id = responses.delivery_id
left join (
    select delivery_id, count(*) as value_count from core.quarantined_values group by delivery_id
) as quarantined on deliveries.delivery_id = quarantined.delivery_id
"""


def fates(connection: duckdb.DuckDBPyConnection) -> list[Fate]:
    """What became of each delivery that stands; corrections have their own trail."""
    built = connection.execute(
        "select count(*) = 2 from duckdb_tables() where schema_name = 'core' "
        "and table_name in ('fct_responses', 'quarantined_values')"
    ).fetchone()
    is_built = bool(built and built[0])
    query = FATES.format(
        counted=COUNTED if is_built else "null, null, null, null",
        joined=JOINED if is_built else "",
    )
    return [Fate(*row) for row in connection.execute(query, [CORRECTIONS]).fetchall()]


def delivery_facts(of_partition: Sequence[Fate], settings: Settings) -> Facts:
    """The account of a wave and group: outcome, reason, rows and checks.

    A refused delivery stands beside the one that it should have replaced; then the outcome and the
    page are those of the refused one, the rows those of the accepted one.
    """
    accepted = [fate for fate in of_partition if fate.status == "accepted"]
    refused = [fate for fate in of_partition if fate.status == "refused"]
    told = (refused or accepted)[-1]
    rows = (accepted or refused)[-1]
    facts: Facts = {
        "outcome": told.status + (", the delivery before it stays" if accepted and refused else ""),
        "file": told.file_name,
    }
    if refused:
        facts["reason"] = told.reason
    facts["rows_landed"] = rows.landed
    if rows.kept is not None and rows.dropped is not None and rows.quarantined is not None:
        facts |= {
            "rows_kept": rows.kept,
            "rows_dropped": rows.dropped,
            "values_quarantined": rows.quarantined,
        }
    facts |= {
        "checks": told.checks,
        "checks_failed": told.failed,
        "checks_warned": told.warned,
    }
    page = settings.data_docs / "raw" / f"{told.delivery_id}.html"
    if page.exists():
        facts["data_docs"] = page
    return facts


def delivery_matrix(found: Sequence[Fate], groups: Sequence[str], waves: Sequence[str]) -> str:
    """Groups × waves: rows of what is accepted, and what is refused."""
    cells: dict[tuple[str, str], list[str]] = {}
    for fate in found:
        text = f"{fate.landed:,} rows" if fate.status == "accepted" else "**refused**"
        cells.setdefault((fate.respondent_group, fate.wave_id), []).append(text)
    return markdown(
        ["group", *(f"#{wave}" for wave in waves)],
        [
            [group, *(", ".join(cells.get((group, wave), ["–"])) for wave in waves)]
            for group in groups
        ],
    )


def response_table(connection: duckdb.DuckDBPyConnection) -> str:
    """Response per group and wave, with the rate as a bar beside the highest of the group."""
    rows = connection.execute(
        """
        with response as (
            select
                respondent_group,
                wave_id,
                sum(responded) as responded,
                sum(complete) as complete,
                sum(population_units) as population,
                sum(responded) / sum(population_units) as rate
            from indicators.fct_response_rates group by all
        )
        select *, rate / max(rate) over (partition by respondent_group) from response
        order by respondent_group, wave_id
        """
    ).fetchall()
    return markdown(
        ["group", "wave", "#responded", "#complete", "#population", "#rate", "beside the highest"],
        [
            [group, wave, f"{responded:,}", f"{complete:,}",
             None if rate is None else f"{population:,}", None if rate is None else f"{rate:.1%}",
             bar(share)]
            for group, wave, responded, complete, population, rate, share in rows
        ],
    )  # fmt: skip


STANDING = """
select distinct on (days.wave_id, days.respondent_group, days.swv_code) days.*
from core.fct_fieldwork_days as days
inner join core.dim_waves as waves on days.wave_id = waves.wave_id
where waves.closed_at is null
    or waves.measurement_number = (
        select max(measurement_number) from core.dim_waves
        inner join core.fct_fieldwork_days using (wave_id)
    )
order by days.wave_id desc, days.respondent_group, days.swv_code, days.fieldwork_day desc
"""


def fieldwork_facts(connection: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """How the waves that are not closed stand, and the newest one: per group the response, what is
    expected at close and how precise that is, and who lags. As Markdown, by heading."""
    connection.execute(f"create or replace temp table standing as {STANDING}")
    courses = {
        (wave, group): counts
        for wave, group, counts in connection.execute(
            "select wave_id, respondent_group, list(responded order by fieldwork_day) "
            "from core.fct_fieldwork_days where swv_code = 'all' group by all"
        ).fetchall()
    }
    groups = connection.execute(
        """
        select wave_id, respondent_group, fieldwork_day, fieldwork_days, responded_total,
            complete_total, response_rate, expected_at_close, expected_margin,
            previous_responded_total, is_lagging
        from standing where swv_code = 'all' order by wave_id desc, respondent_group
        """
    ).fetchall()
    lagging = connection.execute(
        """
        select wave_id, respondent_group, swv_code, responded_total, previous_responded_total
        from standing where swv_code <> 'all' and is_lagging
        order by wave_id desc, respondent_group, swv_code
        """
    ).fetchall()
    connection.execute("drop table standing")
    return {
        "fieldwork": markdown(
            ["wave", "group", "#day", "#responded", "#complete", "#rate", "#expected at close",
             "#margin at close", "#previous wave by then", "lags", "day by day"],
            [
                [wave, group, f"{day} of {days}", f"{responded:,}", f"{complete:,}",
                 None if rate is None else f"{rate:.1%}", f"{expected:,.0f}",
                 None if margin is None else f"± {100 * margin:.1f} points", previous,
                 "**lags**" if lags else "", course(courses[wave, group])]
                for (wave, group, day, days, responded, complete, rate, expected, margin, previous,
                     lags) in groups
            ],
        ),
        "samenwerkingsverbanden_that_lag": markdown(
            ["wave", "group", "samenwerkingsverband", "#responded", "#previous wave by then"],
            lagging,
        )
        if lagging
        else "none",
    }  # fmt: skip


def row_counts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Schema and name of each table → its rows."""
    rows = connection.execute(
        "select schema_name, table_name, estimated_size from duckdb_tables()"
    ).fetchall()
    return {(schema, table): size for schema, table, size in rows}


def release_facts(folder: Path, settings: Settings) -> Facts:
    """What a release holds, and where its pages are."""
    with duckdb.connect(str(folder / "monitor.duckdb"), read_only=True) as connection:
        figures = connection.execute(
            "select count(*) filter (not is_suppressed), count(*) filter (is_suppressed) "
            "from fct_indicator_estimates"
        ).fetchone()
        warned = connection.execute(
            "select count(*) from quality_results where not success and severity = 'warning'"
        ).fetchone()
        waves = connection.execute(
            "select distinct wave_id from fct_response_rates order by wave_id"
        ).fetchall()
    facts: Facts = {
        "waves": ", ".join(wave for (wave,) in waves),
        "figures_published": figures[0] if figures else 0,
        "figures_suppressed": figures[1] if figures else 0,
        "checks_warned": warned[0] if warned else 0,
    }
    pages = {
        "report": folder / "report" / "index.html",
        "changes": folder / "changes.md",
        "attack": folder / "attack.md",
        "data_docs": settings.data_docs / "index.html",
    }
    return facts | {name: page for name, page in pages.items() if page.exists()}
