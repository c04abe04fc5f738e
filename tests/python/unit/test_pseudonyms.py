"""Identifiers become keyed hashes that differ by wave and by key."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.pseudonyms import SYNTHETIC_KEY, key_for, pseudonymiser
from orchestration.lib.settings import Settings

KEY = b"a key of more than sixteen"


def test_it_is_hmac_sha256_of_wave_and_value() -> None:
    expected = hmac.new(KEY, "2022-voorjaar|één".encode(), hashlib.sha256).hexdigest()
    assert pseudonymiser("2022-voorjaar", KEY)("één") == expected


def test_waves_and_keys_cannot_be_linked() -> None:
    pseudonyms = {
        pseudonymiser(wave, key)("jan@school.nl")
        for wave in ("2022-voorjaar", "2023-najaar")
        for key in (KEY, SYNTHETIC_KEY)
    }
    assert len(pseudonyms) == 4
    assert all(pseudonym and len(pseudonym) == 64 for pseudonym in pseudonyms)


def test_wave_and_value_do_not_run_into_each_other() -> None:
    assert pseudonymiser("a", KEY)("b|c") == pseudonymiser("a|b", KEY)("c")  # why waves hold no |
    assert pseudonymiser("a", KEY)("bc") != pseudonymiser("ab", KEY)("c")


def test_the_same_login_is_the_same_however_it_is_padded() -> None:
    pseudonymise = pseudonymiser("2022-voorjaar", KEY)
    assert pseudonymise(" ab1 ") == pseudonymise("ab1") != pseudonymise("AB1")


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n"])
def test_blanks_do_not_become_one_respondent(blank: str | None) -> None:
    assert pseudonymiser("2022-voorjaar", KEY)(blank) is None


def test_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONITOR_PSEUDONYM_KEY", raising=False)
    without = Settings(landing=Path("landing"))
    assert key_for(without, is_synthetic=True, file_name="a.csv") == SYNTHETIC_KEY
    with pytest.raises(DeliveryError, match=r"a\.csv: .*MONITOR_PSEUDONYM_KEY.*synthetic: true"):
        key_for(without, is_synthetic=False, file_name="a.csv")

    monkeypatch.setenv("MONITOR_PSEUDONYM_KEY", KEY.decode())
    for is_synthetic in (True, False):
        assert key_for(Settings(), is_synthetic=is_synthetic, file_name="a.csv") == KEY
