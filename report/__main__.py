"""`python -m report build`: the report of a release."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from report.release import ReleaseError
from report.render import build

app = typer.Typer(help="The public report.", no_args_is_help=True, add_completion=False)


@app.callback()
def _report() -> None:
    """One command needs a name too, so that there may be more of them."""


@app.command("build")
def build_report(
    release: Annotated[Path, typer.Option(help="Folder of a release.")] = Path("published/current"),
    out: Annotated[
        Path | None, typer.Option(help="Where to write; `report` in the release if absent.")
    ] = None,
) -> None:
    """Write the pages in Dutch and English."""
    started = perf_counter()
    try:
        summary = build(release.resolve(), out or release.resolve() / "report")
    except ReleaseError as error:
        typer.echo(f"Stopped: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"{summary.pages} pages and {summary.charts} charts, {summary.size / 1e6:.0f} MB, in "
        f"{perf_counter() - started:.0f} s: {summary.path / 'index.html'}"
    )


if __name__ == "__main__":
    app()
