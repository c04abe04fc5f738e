"""`make drill`: faults on purpose, and what was left after each."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from drill.faults import SkippedError, Trial, faults, is_apart, undisturbed
from drill.place import STAGES, DrillError, prepare
from drill.readers import READERS, drill_readers
from orchestration.lib.commands import console


class Fault(StrEnum):
    """What is tried."""

    kill = "kill"
    disk_full = "disk-full"
    read_only = "read-only"
    two_refreshes = "two-refreshes"
    clock = "clock"
    reader = "reader"
    readers = "readers"


def _go_apart() -> None:
    """Start again with mounts of its own, where the system allows; mounting needs no root then."""
    apart = ["unshare", "--map-root-user", "--mount"]
    if is_apart() or shutil.which("unshare") is None:
        return
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        return
    os.environ["MONITOR_DRILL_APART"] = "true"
    os.execvp(apart[0], [*apart, sys.executable, "-m", "drill", *sys.argv[1:]])


def main(
    only: Annotated[
        list[Fault] | None, typer.Argument(help="The faults to try; all when none is named.")
    ] = None,
    kills: Annotated[int, typer.Option(min=1, help="Random moments at which to kill.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Of the moments; random if absent.")] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Of each other fault at most so many trials.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to work; a temporary folder if absent.")
    ] = None,
) -> None:
    """Disturb refreshes; ends with status 1 if a release is not whole, or anything lost."""
    _go_apart()
    # who stops the drill stops its refreshes too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    wanted = only or [*Fault]
    began = time.monotonic()
    console.print(f"Seed {seed}; the same seed draws the same moments")
    place = Path(tempfile.mkdtemp(prefix="monitor-drill-", dir=folder))
    told: list[Trial] = []
    skipped: dict[str, str] = {}
    try:
        if set(wanted) - {Fault.readers}:
            _try_all(place, wanted, kills, seed, trials, told, skipped, began)
        if Fault.readers in wanted:
            told.append(_try_readers())
    except DrillError as error:
        console.print(f"[bold red]Stopped:[/] {error}. See {place}", soft_wrap=True)
        raise typer.Exit(1) from None
    _summarise(told, skipped, seed, time.monotonic() - began)
    if any(trial.wrong for trial in told):
        console.print(f"What was left stands in {place}, a folder and a log for each trial")
        raise typer.Exit(1)
    shutil.rmtree(place)


def _try_all(
    folder: Path,
    wanted: list[Fault],
    kills: int,
    seed: int,
    trials: int | None,
    told: list[Trial],
    skipped: dict[str, str],
    began: float,
) -> None:
    """Try the faults one after another; `told` and `skipped` are filled in."""
    # one place for all: where the warehouse stands elsewhere, dbt parses everything anew
    here = folder / "place"
    prepared = prepare(here).move(folder / "prepared")
    reference = undisturbed(prepared, here)
    _clear(here)
    console.print(
        f"An undisturbed refresh makes release {reference.release_id}: "
        + ", ".join(f"{stage} {reference.seconds[stage]:.2f} s" for stage in STAGES)
    )
    for name, runs in faults(kills, seed).items():
        if name not in wanted:
            continue
        tried = runs if name == Fault.kill else runs[:trials]
        for number, run in enumerate(tried, 1):
            try:
                trial = run(prepared, here, reference)
            except SkippedError as reason:
                skipped[name] = str(reason)
                console.print(f"[yellow]skipped[/] {name}: {reason}")
                _clear(here)
                break
            told.append(trial)
            verdict = "[bold red]wrong[/]" if trial.wrong else "survived"
            minutes = (time.monotonic() - began) / 60
            console.print(
                f"{name} {number} of {len(tried)}: {trial.hit}: {verdict} ({minutes:.1f} min)"
            )
            for wrong in trial.wrong:
                console.print(f"  {wrong}", markup=False, soft_wrap=True)
            if trial.wrong:
                for left in folder.glob(f"{here.name}*"):
                    left.rename(folder / left.name.replace(here.name, f"{name}-{number}", 1))
            _clear(here)


def _clear(place: Path) -> None:
    """Delete a place and what was written beside it, its log and clock."""
    if place.exists():  # what stayed of it would be taken for the next trial's
        shutil.rmtree(place)
    for left in place.parent.glob(f"{place.name}.*"):
        left.unlink()


def _try_readers() -> Trial:
    tally = drill_readers()
    return Trial(
        f"{READERS} readers",
        f"{tally.answers} answers from {len(tally.releases)} releases, {len(tally.errors)} errors",
        sorted(set(tally.errors)),
    )


def _summarise(told: list[Trial], skipped: dict[str, str], seed: int, seconds: float) -> None:
    table = Table("fault", "what it hit", title=f"Drill, seed {seed}", title_justify="left")
    table.add_column("trials", justify="right")
    table.add_column("survived", justify="right")
    hits = Counter((trial.fault, trial.hit) for trial in told)
    survived = Counter((trial.fault, trial.hit) for trial in told if not trial.wrong)
    order = {stage: number for number, stage in enumerate(STAGES)}
    names = list(dict.fromkeys(trial.fault for trial in told))
    for fault, hit in sorted(hits, key=lambda at: (names.index(at[0]), order.get(at[1], 99))):
        table.add_row(fault, hit, str(hits[fault, hit]), str(survived[fault, hit]))
    for name, reason in skipped.items():
        table.add_row(name, f"skipped: {reason}", "0", "0")
    console.print(table)
    console.print(
        f"{sum(survived.values())} of {len(told)} faults survived, in {seconds / 60:.1f} minutes"
    )


if __name__ == "__main__":
    typer.run(main)
