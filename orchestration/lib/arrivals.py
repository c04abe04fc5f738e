"""Which waves have new files that are wholly there: what the sensor on the landing folder asks.

A file is whole when nothing about it changed between two looks, or when `<name>.done` lies beside
it. A wave is ready when all its files are whole, so that files that come together are one run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.lib.landing.discovery import file_sha256

DONE = ".done"
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".partial")

State = dict[str, tuple[int, int]]  # file name → size in bytes, modification time in ns


@dataclass
class Memory:
    """What earlier looks found; survives a restart as the sensor's cursor.

    Attributes:
        seen: wave → files at the last look.
        hashes: wave → file → size, modification time and SHA-256, so that a file is read once.
        handled: wave → file → SHA-256 for which a run was asked, or that had landed already.
        turns: runs asked for, so that files that are put back as they were are a new run.
    """

    seen: dict[str, State] = field(default_factory=dict)
    hashes: dict[str, dict[str, tuple[int, int, str]]] = field(default_factory=dict)
    handled: dict[str, dict[str, str]] = field(default_factory=dict)
    turns: int = 0

    @classmethod
    def loads(cls, text: str | None) -> Memory:
        """From a cursor; one that cannot be read counts as none."""
        try:
            content: dict[str, Any] = json.loads(text or "{}")
            return cls(
                {
                    wave: {name: (int(size), int(time)) for name, (size, time) in files.items()}
                    for wave, files in content.get("seen", {}).items()
                },
                {
                    wave: {name: (int(s), int(t), str(h)) for name, (s, t, h) in files.items()}
                    for wave, files in content.get("hashes", {}).items()
                },
                {wave: dict(files) for wave, files in content.get("handled", {}).items()},
                int(content.get("turns", 0)),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def dumps(self) -> str:
        return json.dumps(self.__dict__, sort_keys=True)


@dataclass(frozen=True)
class Arrival:
    """A wave with new files, and a key by which Dagster knows this arrival again."""

    wave_id: str
    key: str
    files: tuple[str, ...]


def _files(folder: Path) -> tuple[State, set[str]]:
    """Files with size and time, and the names of those that are declared to be whole."""
    state: State = {}
    done = set()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.name.endswith(DONE):
            done.add(path.name.removesuffix(DONE))
            continue
        status = path.stat()
        state[path.name] = (status.st_size, status.st_mtime_ns)
    return state, done


def look(
    landing: Path,
    waves: Iterable[str],
    memory: Memory,
    landed: Callable[[str], set[str] | None],
) -> tuple[list[Arrival], dict[str, list[str]]]:
    """Look once; `memory` is brought up to date.

    Args:
        landed: hashes of the files of a wave that the register knows; None when it cannot be read
            now, and then the wave waits for the next look.

    Returns:
        Waves for which a run is wanted, and wave → files that are still being written.
    """
    arrivals: list[Arrival] = []
    waiting: dict[str, list[str]] = {}
    for wave in waves:
        folder = landing / wave
        try:
            state, done = _files(folder) if folder.is_dir() else ({}, set())
        except OSError:  # a file went away while we looked: next time
            continue
        before = memory.seen.get(wave, {})
        memory.seen[wave] = state
        growing = [
            name
            for name, found in state.items()
            if name.lower().endswith(UNFINISHED) or (name not in done and before.get(name) != found)
        ]
        if growing:
            waiting[wave] = growing
            continue
        known = memory.hashes.get(wave, {})
        try:
            hashes = {
                name: known[name]
                if name in known and known[name][:2] == found
                else (*found, file_sha256(folder / name))
                for name, found in state.items()
            }
        except OSError:
            continue
        memory.hashes[wave] = hashes
        content = {name: found[2] for name, found in hashes.items()}
        if memory.handled.get(wave, {}) == content:
            continue
        if wave not in memory.handled:  # a first look, or a lost cursor
            registered = landed(wave)
            if registered is None:
                waiting[wave] = sorted(state)
                continue
            if {sha for name, sha in content.items() if not name.endswith(".yml")} <= registered:
                memory.handled[wave] = content
                continue
        handled = memory.handled.get(wave, {})
        fresh = tuple(name for name, sha in content.items() if handled.get(name) != sha)
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        memory.turns += 1
        arrivals.append(Arrival(wave, f"{wave}-{digest}-{memory.turns}", fresh))
        memory.handled[wave] = content
    return arrivals, waiting
