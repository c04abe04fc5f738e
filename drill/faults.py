"""The faults: each begins in a fresh copy of the prepared state, and says what became of it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drill.place import END, STAGES, START, SWITCH, DrillError, Place, wait
from drill.readers import Reading
from drill.state import complaints, contents, differences
from orchestration.lib.publication import current
from orchestration.refresh import part_of

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# where a drill with few kills begins: what writes files that others read
FIRST_KILLS = ("landing", "dbt build", SWITCH, "publication")
POLL_SECONDS = 0.0005


@dataclass(frozen=True)
class Reference:
    """What an undisturbed refresh leaves, the seconds that each stage took, and bytes added."""

    release_id: str
    contents: dict[str, str]
    seconds: dict[str, float]
    added: int


@dataclass(frozen=True)
class Trial:
    """One fault: its name, what it hit, and what was wrong afterwards (nothing, if all is well)."""

    fault: str
    hit: str
    wrong: list[str]


class SkippedError(Exception):
    """This machine cannot do that; the message says what is missing."""


def undisturbed(prepared: Place, folder: Path) -> Reference:
    """Refresh once without a fault.

    Raises:
        DrillError: it failed, or made no other release than the one that was there.
    """
    place = prepared.copy(folder)
    before = (current(place.settings) or {}).get("release_id")
    began = time.time()
    status = place.refresh()
    ended = time.time()
    now = current(place.settings) or {}
    wrong = complaints(place, is_settled=True)
    if status or wrong or now.get("release_id") in (None, before):
        raise DrillError(
            f"the undisturbed refresh ended with status {status} and release "
            f"{now.get('release_id')} after {before}. {'; '.join(wrong)} {place.said()[-2000:]}"
        )
    release_id = str(now["release_id"])
    # when each stage began: by Dagster's steps, and for the switch by the files
    starts = {START: began}
    for key, moment in place.steps():
        starts.setdefault(part_of(key), moment)
    starts[SWITCH] = (place.releases / release_id).stat().st_ctime
    starts[END] = (place.settings.published / "current.json").stat().st_ctime
    moments = [*(starts[stage] for stage in STAGES), ended]
    seconds = {stage: moments[number + 1] - moments[number] for number, stage in enumerate(STAGES)}
    added = _size(place.folder) - _size(prepared.folder)
    return Reference(release_id, contents(place), seconds, added)


def judge(place: Place, reference: Reference) -> list[str]:
    """What is wrong after a fault: now, and after another refresh, which nothing disturbs."""
    wrong = complaints(place, is_settled=False)
    before = place.log.stat().st_size
    status = place.refresh()
    if status:
        said = place.log.read_bytes()[before:].decode(errors="replace")
        return [*wrong, f"the next refresh ended with status {status}: {said[-2000:]}"]
    wrong += [f"next: {complaint}" for complaint in complaints(place, is_settled=True)]
    return wrong + [f"next: {text}" for text in differences(reference.contents, contents(place))]


def _refusal(place: Place, status: int) -> list[str]:
    """A refresh that cannot go on says so in words, and does not claim to have succeeded."""
    said = place.said()
    if status == 0:
        return ["the refresh claims to have succeeded"]
    return ["the refresh ended with a traceback"] if "Traceback (most recent" in said else []


def kill_at(place: Place, reference: Reference, stage: str, share: float) -> Trial:
    """Kill a refresh and its children at a share (0-1) of the time that a stage takes; where the
    stage is over sooner than it was for the reference, at its end."""
    with place.refreshing() as process:
        # the files are looked at more often than Dagster's history: the switch takes a moment
        reached = STAGES.index(stage)
        folder = place.releases / reference.release_id
        while process.poll() is None and reached:
            if stage in (SWITCH, END):
                if folder.exists() and (stage == SWITCH or _is_current(place, reference)):
                    break
                time.sleep(POLL_SECONDS)
            elif STAGES.index(place.stage(reference.release_id)) >= reached:
                break
            else:
                time.sleep(POLL_SECONDS * 40)
        end = time.monotonic() + share * reference.seconds[stage]
        while process.poll() is None and place.stage(reference.release_id) == stage:
            if (left := end - time.monotonic()) <= 0:
                break
            time.sleep(min(left, POLL_SECONDS * 40))
        had_ended = process.poll() is not None
    hit = "after its end" if had_ended else place.stage(reference.release_id)
    return Trial("kill -9", hit, judge(place, reference))


def _is_current(place: Place, reference: Reference) -> bool:
    return (current(place.settings) or {}).get("release_id") == reference.release_id


def kills(number: int, seed: int) -> list[tuple[str, float]]:
    """Random moments, as many in each stage: stage, and share (0-1) of the time that it takes."""
    random_ = random.Random(seed)
    stages = [*FIRST_KILLS, *(stage for stage in STAGES if stage not in FIRST_KILLS)]
    return [(stages[kill % len(stages)], random_.random()) for kill in range(number)]


@contextmanager
def _mounted(folder: Path, *options: str) -> Iterator[None]:
    """Something mounted on a folder, seen by this process and its children only.

    Raises:
        SkippedError: mounting is not allowed here.
    """
    if not is_apart():
        raise SkippedError("mounts need `unshare -rm`, which is not allowed here")
    _mount(*options, str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    result = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise SkippedError(f"mount {' '.join(arguments)}: {result.stderr.strip()}")


def is_apart() -> bool:
    """Whether this process has mounts of its own, and may make more."""
    return os.environ.get("MONITOR_DRILL_APART") == "true"


def _size(folder: Path) -> int:
    """Bytes of all files, in blocks as a file system keeps them."""
    return sum(
        -(-path.lstat().st_size // 4096) * 4096 + 4096
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )


def disk_full(prepared: Place, folder: Path, reference: Reference, share: float) -> Trial:
    """A disk with room for a share of what the refresh adds; then there is room again."""
    folder.mkdir()
    room = _size(prepared.folder) + int(share * reference.added)
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={room}", "none"):
        place = prepared.copy(folder)
        status = place.refresh()
        wrong = _refusal(place, status) if status else []
        _mount("-o", "remount,size=4g", str(folder))
        # Dagster's history cannot be read either while there is no room
        hit = f"{place.stage(reference.release_id)}, status {status}"
        wrong += judge(place, reference)
        if wrong:  # the disk goes with the mount
            shutil.copytree(folder, folder.with_name(f"{folder.name}-kept"), symlinks=True)
    return Trial("disk full", hit, wrong)


def read_only(prepared: Place, folder: Path, reference: Reference, name: str) -> Trial:
    """A folder that cannot be written, then can again."""
    place = prepared.copy(folder)
    target = folder / name
    with _mounted(target, "--bind", str(target)):
        _mount("-o", "remount,bind,ro", str(target))
        status = place.refresh()
    # originals are read only; only retention deletes them
    wrong = _refusal(place, status) if name != "landing" else [f"status {status}"] * bool(status)
    return Trial("read-only folder", f"{name}, status {status}", wrong + judge(place, reference))


def two_at_once(place: Place, reference: Reference, seconds: float) -> Trial:
    """A second refresh, so many seconds after the first: one of them waits or says why not."""
    with place.refreshing() as first:
        time.sleep(seconds)
        with place.refreshing() as second:
            statuses = [wait(first), wait(second)]
    wrong = []
    if 0 not in statuses:
        wrong.append(f"both refreshes failed: {statuses}")
    if any(statuses) and "another refresh of this warehouse is running" not in place.said():
        wrong.append("the refresh that failed does not say that another one runs")
    if "Traceback (most recent" in place.said():
        wrong.append("a refresh ended with a traceback")
    hit = f"{seconds:.1f} s apart, statuses {statuses[0]} and {statuses[1]}"
    return Trial("two refreshes", hit, wrong + judge(place, reference))


def clock_jumps(place: Place, reference: Reference, stage: str, jump: str) -> Trial:
    """The clock jumps when a refresh reaches a stage, and stays there to its end.

    Args:
        jump: in days, such as `+3d`.
    """
    libraries = sorted(Path("/").glob(FAKETIME.removeprefix("/")))
    if not libraries:
        raise SkippedError("libfaketime is not installed (apt-get install faketime)")
    offset = place.folder.with_suffix(".clock")
    offset.write_text("+0", encoding="utf-8")
    env = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "NO_FAKE_STAT": "1",
    }
    with place.refreshing(**env) as process:
        reached = STAGES.index(stage)
        while process.poll() is None:
            if STAGES.index(place.stage(reference.release_id)) >= reached:
                break
            time.sleep(POLL_SECONDS * 40)
        hit = place.stage(reference.release_id)
        offset.write_text(jump, encoding="utf-8")
        status = wait(process)
    wrong = [f"the refresh ended with status {status}: {place.said()[-1000:]}"] if status else []
    return Trial("clock jumps", f"{jump} in {hit}", wrong + judge(place, reference))


def reader_holds(place: Place, reference: Reference) -> Trial:
    """A BI tool keeps the release open and asks throughout, also during the switch."""
    before = str((current(place.settings) or {})["release_id"])
    with Reading(place.settings.published, 1, holds=True) as reading:
        reading.wait_for(before)
        status = place.refresh()
        reading.wait_for(reference.release_id)
    tally = reading.tally
    wrong = [f"reader: {error}" for error in sorted(set(tally.errors))]
    if status:
        wrong.append(f"the refresh ended with status {status}: {place.said()[-1000:]}")
    hit = f"{tally.answers} answers, {len(tally.errors)} errors"
    return Trial("reader holds the file", hit, wrong + judge(place, reference))


Run = Callable[[Place, Path, Reference], Trial]


def _in_a_copy(fault: Callable[..., Trial], *arguments: object) -> Run:
    """A fault that needs no more than a copy of the prepared state."""
    return lambda prepared, folder, reference: fault(prepared.copy(folder), reference, *arguments)


def _as_it_is(fault: Callable[..., Trial], *arguments: object) -> Run:
    return lambda prepared, folder, reference: fault(prepared, folder, reference, *arguments)


def faults(number_of_kills: int, seed: int) -> dict[str, list[Run]]:
    """Every fault by name, with its trials."""
    random_ = random.Random(seed)
    return {
        "kill": [_in_a_copy(kill_at, *moment) for moment in kills(number_of_kills, seed)],
        "disk-full": [_as_it_is(disk_full, share) for share in (0.02, 0.15, 0.4, 0.7, 0.95)],
        "read-only": [
            _as_it_is(read_only, name)
            for name in ("archive", "published", "warehouse", "landing", "data_docs")
        ],
        "two-refreshes": [
            _in_a_copy(two_at_once, seconds) for seconds in (0.0, random_.uniform(1, 15))
        ],
        "clock": [
            _in_a_copy(clock_jumps, "landing", "-3d"),
            _in_a_copy(clock_jumps, "dbt build", "+400d"),
        ],
        "reader": [_in_a_copy(reader_holds)],
    }
