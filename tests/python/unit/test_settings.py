"""Settings come from the environment, and secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestration.lib.settings import ROOT, Settings

NAMES = ("landing", "archive", "warehouse", "published", "data_docs")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "pseudonym_key"):
        monkeypatch.delenv(f"MONITOR_{name.upper()}", raising=False)


def test_defaults_lie_in_the_project() -> None:
    settings = Settings()
    assert settings.warehouse == ROOT / "warehouse" / "monitor.duckdb"
    assert all(getattr(settings, name).is_relative_to(ROOT) for name in NAMES)
    assert settings.pseudonym_key is None


def test_paths_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONITOR_LANDING", str(tmp_path / "in"))
    monkeypatch.setenv("MONITOR_ARCHIVE", "elders/archief")
    settings = Settings()
    assert settings.landing == tmp_path / "in"
    assert settings.archive == ROOT / "elders" / "archief"  # not where the command was given


def test_a_key_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PSEUDONYM_KEY", "0123456789abcdef")
    settings = Settings()
    assert settings.pseudonym_key
    assert settings.pseudonym_key.get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_an_empty_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PSEUDONYM_KEY", "")
    assert Settings().pseudonym_key is None


def test_a_short_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PSEUDONYM_KEY", "kort")
    with pytest.raises(ValidationError, match="shorter than 16") as error:
        Settings()
    assert "kort" not in str(error.value)
