"""What became of deliveries, of the response and of a release: what the pages in Dagster tell.

Small tables in Markdown. Dagster hides a text of a thousand characters behind a link, so that a
table holds one wave, and its chart is a row of block characters instead of an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from orchestration.lib.landing.discovery import CORRECTIONS
from orchestration.lib.settings import Settings

Facts = dict[str, int | str | Path]

EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 8
COURSE_WIDTH = 10


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; headings that begin with `#` are of numbers, and lose the mark."""
    lines = [[heading.removeprefix("#") for heading in headings]]
    lines += [["--:" if heading.startswith("#") else "--" for heading in headings]]
    for row in rows:
        cells = ("" if value is None else str(value) for value in row)
        lines.append([" ".join(cell.split()).replace("|", r"\|") for cell in cells])
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


def bar(share: float | None) -> str:
    """A share of one as a bar of eight characters at most."""
    eighths = round(min(max(share or 0.0, 0.0), 1.0) * BAR_WIDTH * 8)
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def course(values: Sequence[float]) -> str:
    """Numbers in their order as a row of ten columns at most, the highest of full height."""
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
        text = f"{fate.landed:,}" if fate.status == "accepted" else "**refused**"
        cells.setdefault((fate.respondent_group, fate.wave_id), []).append(text)
    return markdown(
        ["rows accepted", *(f"#{wave}" for wave in waves)],
        [
            [group, *(" ".join(cells.get((group, wave), ["–"])) for wave in waves)]
            for group in groups
        ],
    )


def _per_wave(
    headings: Sequence[str], rows: Iterable[tuple[str, Sequence[object]]], name: str
) -> dict[str, str]:
    """Tables named `<name>_<wave>`, from rows with their wave in front."""
    of_wave: dict[str, list[Sequence[object]]] = {}
    for wave_id, row in rows:
        of_wave.setdefault(wave_id, []).append(row)
    return {f"{name}_{wave}": markdown(headings, found) for wave, found in of_wave.items()}


def response_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Response per wave and group; the bar is the rate beside the highest of the group."""
    found = connection.execute(
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
        select
            wave_id,
            respondent_group,
            responded,
            complete,
            population,
            rate,
            rate / max(rate) over (partition by respondent_group)
        from response
        order by wave_id desc, respondent_group
        """
    ).fetchall()
    return _per_wave(
        ["group", "#responded", "#complete", "#population", "#rate", "of the group's highest"],
        (
            (wave, (group, f"{responded:,}", f"{complete:,}", _number(population, ",.0f"),
                    _number(rate, ".1%"), bar(share)))
            for wave, group, responded, complete, population, rate, share in found
        ),
        "response",
    )  # fmt: skip


def _number(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


# where each wave that is not closed stands, and the newest one
STANDING = """
with newest as (
    select max(measurement_number) as measurement_number from core.dim_waves
    inner join core.fct_fieldwork_days using (wave_id)
)
select
    days.wave_id,
    days.respondent_group,
    days.swv_code,
    max(days.fieldwork_day) as fieldwork_day,
    any_value(days.fieldwork_days) as fieldwork_days,
    list(days.responded order by days.fieldwork_day) as course,
    arg_max_null(columns(days.* exclude (wave_id, respondent_group, swv_code, fieldwork_day,
        fieldwork_days, responded)), days.fieldwork_day)
from core.fct_fieldwork_days as days
inner join core.dim_waves as waves on days.wave_id = waves.wave_id
inner join newest on waves.closed_at is null
    or waves.measurement_number = newest.measurement_number
group by days.wave_id, days.respondent_group, days.swv_code
"""


def fieldwork_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """How the waves that are not closed stand, and the newest one.

    The day of the fieldwork; per group the response, how many are expected at close and how precise
    a share then is, what the previous wave had by then, and the course day by day; and the
    samenwerkingsverbanden that lag.
    """
    connection.execute(f"create or replace temp table standing as {STANDING}")
    groups = connection.execute(
        """
        select wave_id, respondent_group, fieldwork_day, fieldwork_days, responded_total,
            complete_total, response_rate, expected_at_close, expected_margin,
            previous_responded_total, is_lagging, course
        from standing where swv_code = 'all' order by wave_id, respondent_group
        """
    ).fetchall()
    lagging = connection.execute(
        """
        select wave_id, respondent_group, swv_code, responded_total, previous_responded_total
        from standing where swv_code <> 'all' and is_lagging
        order by wave_id, respondent_group, swv_code
        """
    ).fetchall()
    connection.execute("drop table standing")
    days = {f"day_{wave}": f"{day} of {days}" for wave, _, day, days, *_ in groups}
    tables = _per_wave(
        ["group", "#responded", "#complete", "#rate", "#at close", "#margin, points",
         "#previous wave", "course"],
        (
            (wave, (group, f"{responded:,}", f"{complete:,}", _number(rate, ".1%"),
                    _number(at_close, ",.0f"), _number(margin and 100 * margin, ".1f"),
                    f"{_number(previous, ',') or ''}{' **lags**' if lags else ''}", course(counts)))
            for (wave, group, _, _, responded, complete, rate, at_close, margin, previous, lags,
                 counts) in groups
        ),
        "fieldwork",
    )  # fmt: skip
    return (
        days
        | tables
        | _per_wave(
            ["group", "samenwerkingsverband", "#responded", "#previous wave"],
            ((wave, row) for wave, *row in lagging),
            "lagging",
        )
    )


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
