"""What the sensor on the landing folder sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.lib.arrivals import Memory, look
from orchestration.lib.landing.discovery import file_sha256

WAVE = "2026-najaar"


def nothing_landed(_: str) -> set[str]:
    return set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / WAVE
    folder.mkdir()
    return folder


def _look(folder: Path, memory: Memory, landed=nothing_landed):
    """One look by a sensor that was restarted since: only the cursor remains."""
    restarted = Memory.loads(memory.dumps())
    arrivals, waiting = look(folder.parent, [WAVE], restarted, landed)
    memory.__dict__.update(restarted.__dict__)
    return [arrival.files for arrival in arrivals], waiting


def test_a_file_that_grows_waits_until_it_stands_still(folder: Path) -> None:
    memory = Memory()
    path = folder / "leraar.csv"
    path.write_text("a;b\n")
    assert _look(folder, memory) == ([], {WAVE: ["leraar.csv"]})
    path.write_text("a;b\n1;2\n")
    assert _look(folder, memory) == ([], {WAVE: ["leraar.csv"]})
    assert _look(folder, memory) == ([("leraar.csv",)], {})
    assert _look(folder, memory) == ([], {})


def test_a_done_file_speaks_for_its_file_alone(folder: Path) -> None:
    memory = Memory()
    (folder / "leraar.csv").write_text("a\n")
    (folder / "leraar.csv.done").touch()
    assert _look(folder, memory) == ([("leraar.csv",)], {})
    (folder / "ouder.csv").write_text("a\n")
    assert _look(folder, memory) == ([], {WAVE: ["ouder.csv"]})


def test_files_of_one_wave_are_one_run(folder: Path) -> None:
    memory = Memory()
    (folder / "leraar.csv").write_text("a\n")
    _look(folder, memory)
    (folder / "ouder.csv").write_text("a\n")
    assert _look(folder, memory)[0] == []
    assert _look(folder, memory)[0] == [("leraar.csv", "ouder.csv")]


def test_what_landed_already_asks_for_no_run(folder: Path) -> None:
    path = folder / "leraar.csv"
    path.write_text("a\n")
    memory = Memory()
    known = {file_sha256(path)}
    _look(folder, memory, lambda _: known)
    assert _look(folder, memory, lambda _: known) == ([], {})
    assert memory.handled


def test_a_register_that_cannot_be_read_means_later(folder: Path) -> None:
    (folder / "leraar.csv").write_text("a\n")
    memory = Memory()
    _look(folder, memory, lambda _: None)
    assert _look(folder, memory, lambda _: None) == ([], {WAVE: ["leraar.csv"]})
    assert _look(folder, memory)[0] == [("leraar.csv",)]


def test_new_content_under_the_old_name_and_a_file_taken_away_count(folder: Path) -> None:
    memory = Memory()
    path = folder / "leraar.csv"
    path.write_text("a\n")
    (folder / "delivery.yml").write_text("synthetic: true\n")
    _look(folder, memory)
    _look(folder, memory)
    path.write_text("b\n")
    _look(folder, memory)
    assert _look(folder, memory)[0] == [("leraar.csv",)]
    path.unlink()
    assert _look(folder, memory)[0] == [()]


def test_unfinished_copies_and_hidden_files_are_no_deliveries(folder: Path) -> None:
    memory = Memory()
    (folder / ".leraar.csv.swp").write_text("a\n")
    assert _look(folder, memory) == ([], {})
    (folder / "leraar.csv.filepart").write_text("a\n")
    for _ in range(3):
        assert _look(folder, memory) == ([], {WAVE: ["leraar.csv.filepart"]})


def test_files_that_are_put_back_as_they_were_are_a_new_run(folder: Path) -> None:
    memory = Memory()
    path, keys = folder / "leraar.csv", []
    for content in ("a\n", "b\n", "a\n"):
        path.write_text(content)
        for _ in range(2):
            arrivals, _waiting = look(folder.parent, [WAVE], memory, nothing_landed)
            keys += [arrival.key for arrival in arrivals]
    assert len(keys) == len(set(keys)) == 3


@pytest.mark.parametrize(
    "cursor", [None, "", "nonsense", "[1]", '{"seen": {"w": 3}}', '{"handled": {"w": 3}}']
)
def test_a_cursor_that_cannot_be_read_starts_anew(cursor: str | None) -> None:
    assert Memory.loads(cursor) == Memory()
