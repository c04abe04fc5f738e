"""Pages of a release say when another has taken its place, and stop saying so after a rollback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.lib.publication import PRECISION, _move_current, rollback
from orchestration.lib.settings import Settings
from report.notice import EMPTY

PAGE = f"<html><body>{EMPTY}<p>figures</p></body></html>"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three releases, each with two pages in two languages; only the first has a third page."""
    settings = Settings(published=tmp_path / "published")
    previous = None
    for day, name in enumerate(("first", "second", "third"), start=1):
        folder = settings.published / "releases" / name
        for language in ("nl", "en"):
            (folder / "report" / language / "working").mkdir(parents=True)
            (folder / "report" / language / "index.html").write_text(PAGE)
            (folder / "report" / language / "working" / "goal-1.html").write_text(PAGE)
            if name == "first":
                (folder / "report" / language / "swv-PO0000.html").write_text(PAGE)
        facts = {
            "release_id": name, "published_at": f"2026-11-0{day}T12:00:00+01:00",
            "previous_release_id": previous, "precision": PRECISION,
        }  # fmt: skip
        (folder / "release.json").write_text(json.dumps(facts))
        previous = name
    return settings


def read(settings: Settings, release: str, page: str) -> str:
    return (settings.published / "releases" / release / "report" / page).read_text("utf-8")


def test_an_older_release_says_so_and_leads_to_the_same_page(settings: Settings) -> None:
    _move_current(settings, "first")
    assert read(settings, "first", "nl/index.html") == PAGE
    _move_current(settings, "second")
    old = read(settings, "first", "nl/working/goal-1.html")
    assert "second heeft haar vervangen" in old
    assert 'href="../../../../../current/report/nl/working/goal-1.html"' in old
    assert "second has taken its place" in read(settings, "first", "en/index.html")
    assert read(settings, "second", "nl/index.html") == PAGE


def test_a_page_that_is_gone_leads_to_the_front_page(settings: Settings) -> None:
    _move_current(settings, "first")
    _move_current(settings, "second")
    old = read(settings, "first", "en/swv-PO0000.html")
    assert 'href="../../../../current/report/en/index.html"' in old


def test_a_rollback_takes_the_notice_off_and_puts_it_on_the_one_left(settings: Settings) -> None:
    _move_current(settings, "second")
    _move_current(settings, "third")
    assert rollback(settings).release_id == "second"
    assert read(settings, "second", "nl/index.html") == PAGE
    assert "second" in read(settings, "third", "nl/index.html")
    assert read(settings, "first", "nl/index.html") == PAGE  # it was never current
