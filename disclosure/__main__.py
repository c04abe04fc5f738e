"""The command behind `make attack`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from disclosure.attack import attack
from disclosure.frame import Frame, FrameError
from disclosure.programming import InfeasibleError
from disclosure.release import Release
from orchestration.lib.commands import application, console, stop
from orchestration.lib.publication import PublicationError, find_release, releases
from orchestration.lib.settings import get_settings
from orchestration.lib.warehouse import WarehouseBusyError, connect

# blocks whose secondary suppressions are compared with the optimum
COMPARED = 20

app = application("Attack on the disclosure control of a release.")


@app.callback()
def _commands() -> None:
    """With a callback, `attack` stays a command of its own."""


def _number_of_blocks(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise typer.BadParameter("a number, or all")
    return int(text)


@app.command("attack")
def attack_release(
    release: Annotated[str, typer.Option(help="A release_id, or current.")] = "current",
    blocks: Annotated[
        str, typer.Option(help="Blocks to attack by programming: all, or a number.")
    ] = "all",
    seed: Annotated[int, typer.Option(help="Of the sample of blocks and random objectives.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    """Try to recover what a release withholds; ends with status 1 if anything is recovered."""
    settings = get_settings()
    try:
        release_id = find_release(settings, release)
    except PublicationError as error:
        raise stop(str(error)) from None
    known = [found["release_id"] for found in releases(settings)]
    before = known[: known.index(release_id)]
    folder = settings.published / "releases"
    number = _number_of_blocks(blocks)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("By subtraction", total=None)
            with connect(settings.warehouse, read_only=True) as connection:
                frame = Frame.read(connection, release_id)
            result = attack(
                Release.open(folder / release_id),
                frame,
                [Release.open(folder / earlier) for earlier in before],
                release_id=release_id,
                blocks=number,
                seed=seed,
                workers=workers,
                compare=COMPARED,
                start=lambda total: bar.update(task, description="By programming", total=total),
                progress=lambda: bar.advance(task),
            )
    except (FrameError, InfeasibleError, WarehouseBusyError) as error:
        raise stop(str(error)) from None
    result.write(folder / release_id)
    for path, count in result.paths.items():
        console.print(f"  {count:>6}  {path}")
    console.print(
        f"{len(result.recovered)} cells recovered of {result.cells_suppressed} withheld, "
        f"{len(result.undecided)} undecided, "
        f"{len(result.narrowed)} narrowed that only protect others; "
        f"{result.blocks_attacked} of {result.blocks} blocks, {result.seconds:.0f} s. "
        f"Report: {folder / release_id / 'attack.md'}",
        soft_wrap=True,
    )
    raise typer.Exit(1 if result.recovered else 0)


if __name__ == "__main__":
    app()
