"""`python -m report build`: the report of a release."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from orchestration.lib.commands import application, console, stop
from orchestration.lib.publication import PublicationError, find_release, mark_pages
from orchestration.lib.settings import get_settings
from report.release import ReleaseError
from report.render import build

app = application("The public report.")


@app.callback()
def _report() -> None:
    """One command needs a name too, so that there may be more of them."""


@app.command("build")
def build_report(
    release: Annotated[str, typer.Option(help="A release_id, current or previous.")] = "current",
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write, an empty folder or a report; in the release if absent."),
    ] = None,
) -> None:
    """Write the pages in Dutch and English."""
    started = perf_counter()
    settings = get_settings()
    try:
        release_id = find_release(settings, release)
        folder = settings.published / "releases" / release_id
        summary = build(folder, out or folder / "report")
    except (PublicationError, ReleaseError) as error:
        raise stop(str(error)) from None
    if out is None:
        mark_pages(settings, release_id)
    console.print(
        f"{summary.pages} pages and {summary.charts} charts, {summary.size / 1e6:.0f} MB, in "
        f"{perf_counter() - started:.0f} s: {summary.path / 'index.html'}",
        soft_wrap=True,
    )


if __name__ == "__main__":
    app()
