"""`make bench`: what a refresh, its orchestration, the gates and the estimation models cost, and
whether intervals are right."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.coverage import measure_coverage, show
from benchmarks.estimation import COPIES, measure_estimation
from benchmarks.gates import measure_gates
from benchmarks.orchestration import measure_orchestration
from benchmarks.refresh import measure_refresh, refresh_example


class Part(StrEnum):
    """What is measured."""

    refresh = "refresh"
    orchestration = "orchestration"
    estimation = "estimation"
    coverage = "coverage"
    gates = "gates"


def main(
    parts: Annotated[list[Part] | None, typer.Argument(help="All when none is named.")] = None,
    scale: Annotated[
        list[int] | None,
        typer.Option(help="Of estimation and gates: 1, 10, 100 or 1000, repeatable."),
    ] = None,
    waves: Annotated[int, typer.Option(min=4, help="Samples of coverage, in pairs.")] = 200,
    seed: Annotated[int, typer.Option(help="Of coverage: population and samples.")] = 1,
) -> None:
    """Measure the refresh, orchestration, the models at 1, 10 and 100 times, coverage and gates."""
    if waves % 2:
        raise typer.BadParameter("waves come in pairs: an even number is needed")
    scales = scale or [1, 10, 100]
    if unknown := set(scales) - set(COPIES):
        raise typer.BadParameter(f"no scale {unknown}; there are {', '.join(map(str, COPIES))}")
    console = Console()
    if not console.is_terminal:
        console.width = 120
    wanted = set(parts or Part)
    if Part.refresh in wanted:
        measure_refresh(console)
    if Part.orchestration in wanted:
        measure_orchestration(console)
    if Part.estimation in wanted:
        with tempfile.TemporaryDirectory(prefix="monitor-estimation-") as folder:
            measure_estimation(console, refresh_example(Path(folder)), Path(folder), scales)
    if Part.gates in wanted:
        with tempfile.TemporaryDirectory(prefix="monitor-gates-") as folder:
            measure_gates(console, refresh_example(Path(folder)), Path(folder), scale or [1])
    if Part.coverage in wanted:
        console.print(f"measuring: coverage over {waves} samples", style="dim")
        with tempfile.TemporaryDirectory(prefix="monitor-coverage-") as folder:
            show(console, measure_coverage(Path(folder), waves, seed))


if __name__ == "__main__":
    typer.run(main)
