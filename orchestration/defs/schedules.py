"""Schedules, on the clock of the Netherlands: summer time is the scheduler's work."""

from datetime import date
from functools import partial

import dagster as dg

from orchestration.defs.jobs import audit, refresh
from orchestration.defs.partitions import codebook, range_tags
from orchestration.lib.duty import ZONE, is_closed
from orchestration.lib.publication import published_waves
from orchestration.lib.settings import get_settings

_schedule = partial(
    dg.schedule,
    execution_timezone=ZONE.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _day(context: dg.ScheduleEvaluationContext) -> date:
    """The day in the Netherlands for which the schedule ticks."""
    return context.scheduled_execution_time.astimezone(ZONE).date()


@_schedule(
    job=refresh,
    cron_schedule="0 2 * * *",
    description="Every night: build and check the waves that have begun and are not closed.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Privately: figures of a wave are published once it is closed."""
    day = _day(context)
    wanted = [
        wave
        for wave in codebook.waves
        if codebook.fieldwork[wave][0] <= day and wave not in codebook.closed
    ]
    if not wanted:
        return dg.SkipReason("no wave is in fieldwork or waits to be closed")
    return [
        dg.RunRequest(run_key=f"nightly {wave} {day}", tags=range_tags([wave])) for wave in wanted
    ]


@_schedule(
    job=refresh,
    cron_schedule="0 6 * * *",
    description="Every morning: publish a wave that was closed and is not published yet.",
)
def closing(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The closing run takes all waves, so that changes against earlier ones are made with it."""
    day = _day(context)
    published = published_waves(get_settings())
    due = [
        wave for wave in codebook.waves if is_closed(codebook, wave, day) and wave not in published
    ]
    if not due:
        return dg.SkipReason("every closed wave is published")
    return dg.RunRequest(
        run_key=f"closing {' '.join(due)} {day}",
        tags={**range_tags(codebook.waves), "monitor/closing": ", ".join(due)},
    )


@_schedule(
    job=audit,
    cron_schedule="0 5 * * 0",
    description="Every Sunday: the release is whole, and the archive gives it again to the byte.",
)
def weekly_audit(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"audit {_day(context)}")


schedules = [nightly, closing, weekly_audit]
