"""Command line: `python -m simulation --out landing --seed 2022 --scale 1 [--wave …]`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulation.deliveries import simulate
from simulation.questionnaires import Survey


def main(
    out: Annotated[Path, typer.Option(help="Folder that gets a folder per wave.")] = Path(
        "landing"
    ),
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 2022,
    scale: Annotated[float, typer.Option(help="Multiplies the sample sizes.")] = 1,
    wave: Annotated[
        list[str] | None, typer.Option(help="Only this wave; repeat for more. Default: all.")
    ] = None,
) -> None:
    """Write simulated deliveries, one folder per wave."""
    console = Console()
    for wave_id in wave or list(Survey().waves):
        started = time.perf_counter()
        try:
            files = simulate(out, [wave_id], scale=scale, seed=seed)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        console.print(
            f"[bold]{wave_id}[/]  {len(files) - 1} groups, {megabytes:.1f} MB, simulated in "
            f"{time.perf_counter() - started:.1f} s → {out / wave_id}",
            highlight=False,
        )


if __name__ == "__main__":
    typer.run(main)
