"""The commands behind `make`: set up, refresh, roll back."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer
from pydantic import ValidationError

from orchestration.lib.codebook import Codebook
from orchestration.lib.commands import application, console, stop
from orchestration.lib.home import HomeError, dagster_home, open_instance
from orchestration.lib.landing.discovery import did_you_mean, discover
from orchestration.lib.publication import PublicationError, rollback
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import WarehouseBusyError, alone, connect, prepare

app = application("Doelstellingenmonitor warehouse.")


@app.callback()
def _check_settings() -> None:
    try:
        get_settings()
    except ValidationError as error:
        raise stop("; ".join(str(item["msg"]) for item in error.errors())) from None


@app.command()
def setup() -> None:
    """Create the warehouse with its raw tables, empty, and parse the dbt project."""
    from orchestration.lib.dbt import ensure_manifest

    try:
        with connect(get_settings().warehouse) as connection:
            prepare(connection, Codebook())
    except WarehouseBusyError as error:
        raise stop(str(error)) from None
    ensure_manifest()


@app.command()
def home(
    renew_settings: Annotated[
        bool, typer.Option("--renew-settings", help="Replace dagster.yaml by the project's.")
    ] = False,
) -> None:
    """Make Dagster's home where there is none; to be run before what serves or schedules."""
    try:
        open_instance(dagster_home(), renew_settings=renew_settings).dispose()
    except HomeError as error:
        raise stop(str(error)) from None


def _simulate_if_nothing_is_there(codebook: Codebook) -> None:
    """Example deliveries for a newcomer: never beside deliveries that are or ever were there."""
    settings = get_settings()
    with connect(settings.warehouse) as connection:
        prepare(connection, codebook)
        known = connection.execute("select count(*) from raw.deliveries").fetchone()
    if discover(settings.landing, codebook).waves or (known and known[0]):
        return
    from simulation import simulate

    console.print(f"Nothing in {settings.landing} yet: simulating example deliveries")
    simulate(settings.landing)


@app.command()
def refresh(
    wave: Annotated[
        str | None, typer.Option(help="Take this wave only, such as 2023-najaar.")
    ] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="Simulate example deliveries if there is nothing.")
    ] = False,
) -> None:
    """Land, check, build, check and publish; shows progress and ends with a summary."""
    codebook = Codebook()
    if wave and wave not in codebook.waves:
        raise stop(
            f"There is no wave {wave!r}.{did_you_mean(wave, codebook.waves)} Known waves: "
            f"{', '.join(codebook.waves)}."
        )
    # half a second that other commands need not wait for
    from sqlalchemy.exc import SQLAlchemyError

    from orchestration.refresh import RefreshError, run

    try:
        if examples:
            _simulate_if_nothing_is_there(codebook)
        succeeded = run(codebook, [wave] if wave else None, console)
    except (HomeError, RefreshError, WarehouseBusyError) as error:
        raise stop(str(error)) from None
    except (OSError, duckdb.IOException, SQLAlchemyError) as error:
        raise stop(
            f"a file could not be read or written: {str(error).splitlines()[0]}. Look whether the "
            "disk is full, and whether the folders of the MONITOR_ variables and DAGSTER_HOME may "
            "be written; then start again. What is published is untouched."
        ) from None
    raise typer.Exit(0 if succeeded else 1)


@app.command("rollback")
def roll_back(
    to: Annotated[
        str | None, typer.Option(help="Release to go to; the one before if absent.")
    ] = None,
) -> None:
    """Move `published/current` back to an earlier release."""
    try:
        release = rollback(get_settings(), to)
    except PublicationError as error:
        raise stop(str(error)) from None
    console.print(f"published/current is now release [bold]{release.release_id}[/]")


@app.command()
def replay(
    release: Annotated[str, typer.Option(help="A release_id, current or previous.")] = "current",
) -> None:
    """Rebuild a release from the archive in a clean place, and compare byte by byte."""
    from orchestration.lib.replay import replay as rebuild

    try:
        result = rebuild(get_settings(), release)
    except PublicationError as error:
        raise stop(str(error)) from None
    for difference in result.differences:
        console.print(f"[bold red]differs[/] {difference}")
    console.print(
        f"Release {result.release_id}: {result.files - len(result.differences)} of {result.files} "
        "files are the same to the byte"
    )
    raise typer.Exit(1 if result.differences else 0)


@app.command("purge-open-text")
def purge_open_text(
    wave: Annotated[str, typer.Option(help="The wave, such as 2023-najaar.")],
    group: Annotated[str | None, typer.Option(help="The group; all when absent.")] = None,
) -> None:
    """Delete open answers from archive and warehouse, for good; figures do not change."""
    codebook = Codebook()
    for name, known in ((wave, codebook.waves), (group, codebook.groups)):
        if name is not None and name not in known:
            raise stop(
                f"{name!r} is unknown.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )
    from orchestration.lib.landing.open_text import purge

    settings = get_settings()
    try:
        with alone(settings.warehouse):
            with connect(settings.warehouse) as connection:
                prepare(connection, codebook)
            purged = purge(settings, wave, group)
    except (LookupError, WarehouseBusyError) as error:
        raise stop(str(error)) from None
    console.print(
        f"{purged} open answers deleted from {settings.archive} and {settings.warehouse}. "
        f"Originals in {settings.landing} still hold them: delete those too, or set "
        "MONITOR_KEEP_ORIGINALS_DAYS."
    )


if __name__ == "__main__":
    app()
