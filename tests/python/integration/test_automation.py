"""Sensors and schedules, with Dagster's own test contexts: what they ask for, and when."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._utils.schedules import schedule_execution_time_iterator
from fixtures.daemon import look_at_failure

from orchestration.defs import duty as duty_checks
from orchestration.defs import schedules, sensors
from orchestration.defs.resources import free_places
from orchestration.lib import duty
from orchestration.lib.alerts import Alert
from orchestration.lib.codebook import Codebook
from orchestration.lib.home import open_instance
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import alone, connect, prepare

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OPEN = "2026-najaar"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of their own and an empty warehouse, with the last wave not yet closed."""
    for name in ("landing", "archive", "published", "data_docs"):
        monkeypatch.setenv(f"MONITOR_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("MONITOR_WAREHOUSE", str(tmp_path / "monitor.duckdb"))
    get_settings.cache_clear()
    codebook = Codebook()
    codebook.__dict__["closed"] = {
        wave: day for wave, day in codebook.closed.items() if wave != OPEN
    }
    for module in (schedules, sensors, duty_checks):
        monkeypatch.setattr(module, "codebook", codebook)
    with connect(get_settings().warehouse) as connection:
        prepare(connection, codebook)
    yield tmp_path
    get_settings.cache_clear()


def _at(*moment: int) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(
        scheduled_execution_time=datetime(*moment, tzinfo=AMSTERDAM)  # type: ignore[arg-type]
    )


def _waves(requests: object) -> list[str]:
    assert isinstance(requests, list)
    return [request.tags["dagster/asset_partition_range_start"] for request in requests]


def test_the_nightly_run_takes_waves_that_have_begun_and_are_not_closed(place: Path) -> None:
    assert isinstance(schedules.nightly(_at(2026, 9, 6, 2)), dg.SkipReason)
    assert _waves(schedules.nightly(_at(2026, 9, 7, 2))) == [OPEN]
    assert _waves(schedules.nightly(_at(2026, 11, 20, 2))) == [OPEN]
    assert isinstance(schedules.nightly(_at(2024, 10, 1, 2)), dg.SkipReason)


def test_the_closing_run_comes_once_for_all_waves(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "published_waves", lambda _: {"2022-voorjaar", "2023-najaar"})
    before = schedules.closing(_at(2025, 1, 12, 6))
    assert isinstance(before, dg.SkipReason)
    request = schedules.closing(_at(2025, 1, 13, 6))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["monitor/closing"] == "2024-najaar"
    assert request.tags["dagster/asset_partition_range_end"] == OPEN


@pytest.mark.parametrize("schedule", schedules.schedules, ids=lambda s: s.name)
def test_schedules_keep_dutch_time_when_the_clocks_change(schedule: dg.ScheduleDefinition) -> None:
    """On the last Sunday of March and October each ticks once, at its own hour or the next."""
    hour = int(str(schedule.cron_schedule).split()[1])
    for month, day in ((3, 29), (10, 25)):
        midnight = datetime(2026, month, day, 0, 0, tzinfo=AMSTERDAM).timestamp()
        ticks = [
            tick.astimezone(AMSTERDAM)
            for tick in islice(
                schedule_execution_time_iterator(
                    midnight, str(schedule.cron_schedule), str(schedule.execution_timezone)
                ),
                3,
            )
        ]
        of_the_day = [tick.hour for tick in ticks if (tick.month, tick.day) == (month, day)]
        # at two in the night of March there is no two o'clock
        assert of_the_day == [3 if (hour, month) == (2, 3) else hour]


def test_the_landing_sensor_asks_for_a_run_when_a_file_is_whole(place: Path) -> None:
    folder = place / "landing" / OPEN
    folder.mkdir(parents=True)
    (folder / "leraar.csv").write_text("a;b\n1;2\n")
    cursor = None
    results = []
    for _ in range(3):
        tick = sensors.landing_folder.evaluate_tick(dg.build_sensor_context(cursor=cursor))
        results.append(tick)
        cursor = tick.cursor
    assert [len(tick.run_requests or []) for tick in results] == [0, 1, 0]
    assert "leraar.csv" in str(results[0].skip_message)
    request = (results[1].run_requests or [])[0]
    assert request.tags["dagster/asset_partition_range_start"] == OPEN
    assert request.tags["monitor/files"] == "leraar.csv"
    (event,) = results[1].asset_events
    assert (event.asset_key.path, event.partition) == (["landing", "files"], OPEN)


def test_a_refusal_and_an_overdue_wave_are_told_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Alert] = []
    monkeypatch.setattr(sensors, "send", lambda alert, _: told.append(alert) or ["webhook"])
    monkeypatch.setitem(os.environ, "MONITOR_NOW", "2026-09-12T09:00:00")
    with connect(get_settings().warehouse) as connection:
        connection.execute(
            "insert into raw.deliveries by name select 'd1' as delivery_id, ? as wave_id, "
            "'leraar' as respondent_group, 'leraar.csv' as file_name, 's' as sha256, "
            "1 as size_bytes, timestamp '2026-09-09 08:00' as landed_at, 'refused' as status, "
            "false as is_synthetic, 'line 3 has no end' as refusal_reason",
            [OPEN],
        )
    cursor = None
    for _ in range(2):
        context = dg.build_sensor_context(cursor=cursor)
        sensors.duty_officer(context)
        cursor = context.cursor
    assert [alert.what for alert in told] == [
        f"Wave {OPEN} is overdue",
        f"Delivery {OPEN}/leraar.csv is refused",
    ]
    assert "line 3 has no end" in told[1].why and "waves.csv" in told[0].remedy

    with connect(get_settings().warehouse) as connection:  # corrected, and refused again
        connection.execute("update raw.deliveries set status = 'superseded'")
    context = dg.build_sensor_context(cursor=cursor)
    sensors.duty_officer(context)
    with connect(get_settings().warehouse) as connection:
        connection.execute("update raw.deliveries set status = 'refused'")
    sensors.duty_officer(dg.build_sensor_context(cursor=context.cursor))
    assert [alert.what for alert in told].count(f"Delivery {OPEN}/leraar.csv is refused") == 2


def test_what_no_channel_took_is_told_at_the_next_look(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITOR_ALERT_WEBHOOK", "http://127.0.0.1:9/nobody-listens")
    monkeypatch.setenv("MONITOR_NOW", "2026-09-12T09:00:00")
    get_settings.cache_clear()
    context = dg.build_sensor_context()
    sensors.duty_officer(context)
    assert json.loads(context.cursor or "") == []
    told: list[Alert] = []
    monkeypatch.setattr(sensors, "send", lambda alert, _: told.append(alert) or ["webhook"])
    sensors.duty_officer(dg.build_sensor_context(cursor=context.cursor))
    assert [alert.what for alert in told] == [f"Wave {OPEN} is overdue"]


def test_an_alert_of_the_gate_names_its_checks_and_no_answers(place: Path) -> None:
    with connect(get_settings().warehouse) as connection:
        connection.execute(
            "insert into raw.deliveries by name select 'd1' as delivery_id, ? as wave_id, "
            "'leraar' as respondent_group, 'leraar.csv' as file_name, 's' as sha256, "
            "1 as size_bytes, timestamp '2026-09-09 08:00' as landed_at, 'refused' as status, "
            "false as is_synthetic, 'row 2: jan@school.nl' as refusal_reason",
            [OPEN],
        )
        connection.execute(
            "insert into audit.quality_results by name select 'raw' as gate, 'd' as suite, "
            "'answers_are_in_codebook' as expectation, 'd1' as delivery_id, "
            "'error' as severity, false as success"
        )
        alerts = duty.standing_alerts(connection, sensors.codebook, datetime(2026, 12, 1))
    (alert,) = alerts.values()
    assert "answers_are_in_codebook" in alert.why and "jan@school.nl" not in alert.text()


def test_a_killed_refresh_does_not_keep_its_place_in_the_pool(tmp_path: Path) -> None:
    """Else every later refresh would wait for it, without end and without a word."""
    with open_instance(tmp_path) as instance:
        storage = instance.event_log_storage
        runs = {}
        for name, job, status in (
            ("killed", "refresh", dg.DagsterRunStatus.STARTED),
            ("ended", "__ASSET_JOB", dg.DagsterRunStatus.SUCCESS),
            ("busy", "__ASSET_JOB", dg.DagsterRunStatus.STARTED),
        ):
            run = dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status)
            runs[name] = instance.add_run(run).run_id
            storage.initialize_concurrency_limit_to_default(f"pool of {name}")
            storage.claim_concurrency_slot(f"pool of {name}", runs[name], "step")
        free_places(instance)
        assert storage.get_concurrency_run_ids() == {runs["busy"]}
        killed = instance.get_run_by_id(runs["killed"])
        assert killed and killed.status == dg.DagsterRunStatus.FAILURE


def _started(instance: dg.DagsterInstance) -> str:
    run = dg.DagsterRun(job_name="refresh", run_id=str(uuid4()), status=dg.DagsterRunStatus.STARTED)
    return instance.add_run(run).run_id


def test_a_refresh_whose_process_is_gone_is_ended_at_the_second_look(place: Path) -> None:
    warehouse = get_settings().warehouse
    cursor = None

    def look() -> None:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        sensors.killed_run(context)
        cursor = context.cursor

    def status(run_id: str) -> dg.DagsterRunStatus:
        run = instance.get_run_by_id(run_id)
        assert run
        return run.status

    with open_instance(place / "dagster") as instance:
        run_id = _started(instance)
        with alone(warehouse):  # it runs, or another one does, behind which it stands
            look()
            look()
        look()  # it may be about to take its turn
        with alone(warehouse):
            look()
        look()
        assert status(run_id) == dg.DagsterRunStatus.STARTED
        younger = _started(instance)
        look()
        assert status(run_id) == dg.DagsterRunStatus.FAILURE
        assert status(younger) == dg.DagsterRunStatus.STARTED
        look()
        assert status(younger) == dg.DagsterRunStatus.FAILURE
        with alone(warehouse):  # nobody is kept from the turn
            pass


@pytest.mark.parametrize(
    ("reason", "is_tried_again"),
    [
        (None, True),
        (RunFailureReason.STEP_FAILURE, False),
        (RunFailureReason.START_TIMEOUT, True),
        (RunFailureReason.RUN_EXCEPTION, True),
    ],
)
def test_a_run_is_tried_again_unless_a_step_failed(
    tmp_path: Path, reason: RunFailureReason | None, is_tried_again: bool
) -> None:
    with open_instance(tmp_path) as instance:
        run = instance.get_run_by_id(_started(instance))
        assert run
        instance.report_run_failed(run, "", JobFailureData(error=None, failure_reason=reason))
        failed = instance.get_run_by_id(run.run_id)
        assert failed and (failed.tags["dagster/will_retry"] == "true") == is_tried_again


def test_a_failed_run_is_told_with_its_cause_and_not_in_its_words(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts: list[Alert] = []
    monkeypatch.setattr(sensors, "send", lambda alert, _: alerts.append(alert) or ["webhook"])

    @dg.op
    def read_answers() -> None:
        raise ValueError("jan@school.nl")

    @dg.job
    def reading() -> None:
        read_answers()

    with open_instance(place / "dagster") as instance:
        run_id = reading.execute_in_process(instance=instance, raise_on_error=False).run_id
        look_at_failure(instance, run_id)
    (alert,) = alerts
    assert "of reading failed" in alert.what
    assert alert.why == "ValueError in step read_answers"
    assert "jan@school.nl" not in alert.text()


@pytest.mark.parametrize(("will_retry", "told"), [("true", 0), ("false", 1)])
def test_a_failed_run_is_told_unless_it_is_tried_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, will_retry: str, told: int
) -> None:
    alerts: list[Alert] = []
    monkeypatch.setattr(sensors, "send", lambda alert, _: alerts.append(alert) or ["webhook"])
    run = dg.DagsterRun(
        job_name="refresh",
        run_id=str(uuid4()),
        status=dg.DagsterRunStatus.STARTED,
    )
    with open_instance(place / "dagster") as instance:
        instance.report_run_failed(instance.add_run(run))
        instance.add_run_tags(run.run_id, {"dagster/will_retry": will_retry})
        look_at_failure(instance, run.run_id)
    assert len(alerts) == told


def test_a_wave_in_fieldwork_is_fresh_for_two_days(place: Path) -> None:
    codebook = sensors.codebook
    with connect(get_settings().warehouse) as connection:

        def late(*moment: int) -> list[bool]:
            found = duty.freshness(connection, codebook, datetime(*moment))  # type: ignore[arg-type]
            return [wave.is_overdue for wave in found]

        assert late(2026, 9, 6, 9) == []
        assert late(2026, 9, 8, 9) == [False]
        assert late(2026, 9, 9, 9) == [True]
        connection.execute(
            "insert into raw.deliveries by name select 'd1' as delivery_id, ? as wave_id, "
            "'leraar' as respondent_group, 'leraar.csv' as file_name, 's' as sha256, "
            "1 as size_bytes, timestamp '2026-09-09 08:00' as landed_at, 'accepted' as status, "
            "false as is_synthetic",
            [OPEN],
        )
        assert late(2026, 9, 11, 7) == [False]
        assert late(2026, 9, 11, 9) == [True]
        assert late(2026, 10, 31, 9) == []
