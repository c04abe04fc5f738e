"""The commands behind `make publish-postgres`, `make diff` and `make dictionary`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from orchestration.lib.commands import application, console, stop
from orchestration.lib.publication import PublicationError, find_release
from orchestration.lib.settings import ROOT, get_settings
from publishing import changes, documents, postgres
from publishing.dictionary import read_yaml

app = application("A release in other forms.")


def _folder(release: str) -> Path:
    """The folder of a release by its id, the start of its id, `current` or `previous`."""
    settings = get_settings()
    try:
        return settings.published / "releases" / find_release(settings, release)
    except PublicationError as error:
        raise stop(str(error)) from None


@app.command("postgres")
def publish_postgres(
    url: Annotated[
        str,
        typer.Option(
            envvar="MONITOR_POSTGRES_URL",
            help="postgresql://user@host:5432/database; the password may be in PGPASSWORD.",
            show_default=False,
        ),
    ],
    release: Annotated[str, typer.Option(help="A release_id, or current.")] = "current",
    keep: Annotated[
        int, typer.Option(min=2, help="Releases that stay, this one and the one before included.")
    ] = postgres.KEEP,
    wait: Annotated[
        int, typer.Option(min=0, help="Seconds that readers may hold up the switch.")
    ] = postgres.WAIT,
    grant: Annotated[
        bool, typer.Option("--grant", help=f"Let {postgres.READER} read, also if unchanged.")
    ] = False,
) -> None:
    """Write a release to PostgreSQL and let the views of schema `monitor` show it."""
    folder = _folder(release)
    started = time.perf_counter()
    try:
        outcome = postgres.publish(folder, url, read_yaml(), keep, wait, grant)
    except postgres.PostgresError as error:
        raise stop(str(error)) from None
    for note in outcome.notes:
        console.print(note, markup=False, style="yellow", soft_wrap=True)
    console.print(
        f"Release [bold]{folder.name}[/] {outcome.status}: {outcome.rows:,} rows written, "
        f"{time.perf_counter() - started:.1f} s"
    )


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A release_id, current or previous.")],
    after: Annotated[str, typer.Argument(help="A release_id, current or previous.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for changes.json, changes.md and changes.csv.")
    ] = None,
) -> None:
    """Tell which figures and sentences differ between two releases, and why."""
    old, new = (changes.Side.open(_folder(release)) for release in (before, after))
    found = changes.compare(old, new, read_yaml())
    if out:
        out.mkdir(parents=True, exist_ok=True)
        found.write(out)
    typer.echo(found.as_page())


@app.command()
def dictionary(
    out: Annotated[Path, typer.Option(help="File to write.")] = ROOT / documents.DICTIONARY,
) -> None:
    """Write the data dictionary and the diagram of the published tables."""
    out.write_text(documents.dictionary(read_yaml()), encoding="utf-8")


if __name__ == "__main__":
    app()
