"""Sensors: new files in the landing folder, and what whoever is on duty must know."""

import json

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError

from orchestration.defs.catalogue import files
from orchestration.defs.jobs import refresh
from orchestration.defs.partitions import codebook, range_tags
from orchestration.defs.resources import end_killed
from orchestration.lib import arrivals, duty
from orchestration.lib.alerts import Alert, send
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import WarehouseBusyError, connect


def _landed(wave_id: str) -> set[str] | None:
    """Hashes that the register knows of a wave; None while the warehouse is being written."""
    settings = get_settings()
    if not settings.warehouse.exists():
        return set()
    try:
        with connect(settings.warehouse, read_only=True, patience=0) as connection:
            rows = connection.execute(
                "select sha256 from raw.deliveries where wave_id = ?", [wave_id]
            ).fetchall()
    except WarehouseBusyError:
        return None
    return {row[0] for row in rows}


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=get_settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a refresh of each wave whose new files are wholly there.",
)
def landing_folder(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run a wave; files that are still being written wait for the next look."""
    memory = arrivals.Memory.loads(context.cursor)
    found, waiting = arrivals.look(get_settings().landing, codebook.waves, memory, _landed)
    names = [f"{wave}/{name}" for wave, files in waiting.items() for name in files]
    return dg.SensorResult(
        skip_reason=None
        if found
        else f"waiting until {', '.join(names)} is whole"
        if names
        else "nothing new",
        run_requests=[
            dg.RunRequest(
                run_key=arrival.key,
                tags={
                    **range_tags([arrival.wave_id]),
                    "monitor/files": ", ".join(arrival.files)[:200],
                },
            )
            for arrival in found
        ],
        asset_events=[
            dg.AssetObservation(
                files.key,
                partition=arrival.wave_id,
                metadata={"new_files": ", ".join(arrival.files)},
            )
            for arrival in found
        ],
        cursor=memory.dumps(),
    )


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells once of each refused delivery and each overdue wave.",
)
def duty_officer(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """What was told already is in the cursor; what no longer stands is forgotten."""
    settings = get_settings()
    told = set(json.loads(context.cursor or "[]"))
    if not settings.warehouse.exists():
        return dg.SkipReason("there is no warehouse yet")
    try:
        with connect(settings.warehouse, read_only=True, patience=0) as connection:
            standing = duty.standing_alerts(connection, codebook, duty.now())
    except WarehouseBusyError:
        return dg.SkipReason("the warehouse is being written")
    has_channel = bool(settings.alert_webhook or settings.alert_smtp)
    new = sorted(set(standing) - told)
    # what no channel took is tried again at the next look
    lost = {key for key in new if not send(standing[key], settings) and has_channel}
    context.update_cursor(json.dumps(sorted(set(standing) - lost)))
    return dg.SkipReason(f"{len(new) - len(lost)} told, {len(standing)} standing")


@dg.sensor(
    minimum_interval_seconds=max(15, 2 * get_settings().sensor_seconds),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends refreshes whose process was killed, so that they are tried once more.",
)
def killed_run(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Where the code location died too, Dagster takes them to be running, and later runs wait."""
    dead, suspects = end_killed(context.instance, set(json.loads(context.cursor or "[]")))
    context.update_cursor(json.dumps(sorted(suspects)))
    return dg.SkipReason(f"{len(dead)} killed, {len(suspects)} to be looked at again")


@dg.run_failure_sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of each failed run that is not tried again, unless a refusal is why.",
)
def failed_run(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """What, why and what to do; the refused delivery has a message of its own."""
    run = context.dagster_run
    if run.tags.get("dagster/will_retry") == "true":
        return dg.SkipReason("no step failed, and it is tried once more")
    causes = {}
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        causes[event.step_key] = (error.cls_name if error else None) or "an unknown error"
    # the gate's step fails in other ways too: its process may have died
    if causes == {"raw_gate": DagsterAssetCheckFailedError.__name__}:
        return dg.SkipReason("a delivery is refused: the duty officer tells")
    send(
        Alert(
            f"Run {run.run_id[:8]} of {run.job_name} failed",
            # an error's own words may quote what somebody answered, and stay inside
            "; ".join(f"{cause} in step {step}" for step, cause in causes.items())
            or "no step told why",
            "Open the run in Dagster's UI, which has the whole message. What is published is "
            "untouched; after mending the cause, `make refresh` takes up where it stopped.",
        ),
        get_settings(),
    )
    return None


sensors = [landing_folder, duty_officer, killed_run, failed_run]
