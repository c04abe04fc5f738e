"""What an open answer may tell of somebody: found by form, and plain opinions left alone."""

from __future__ import annotations

import itertools
import time

import pytest

from orchestration.lib.landing.open_text import is_bsn, personal_data
from simulation.remarks import CONTACTS, REMARKS


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Mail mij op j.de.vries@school-oost.nl a.u.b.", {"email"}),
        ("Ik ben bereikbaar via jansen @ gmail.com.", {"email"}),
        ("Bel 06-12345678.", {"phone"}),
        ("Bel 06 12 34 56 78 na vieren", {"phone"}),
        ("tel. +31 (0)20 123 4567", {"phone"}),
        ("(030) 123 45 67 is het nummer", {"phone"}),
        ("0031612345678", {"phone"}),
        ("Zijn nummer is 111222333", {"bsn"}),
        ("111.222.333", {"bsn"}),
        ("1112.22.333", {"bsn"}),
        ("BSN: 11222232 staat in het dossier", {"bsn"}),
        ("Juf Anke doet haar best.", {"name"}),
        ("Mevrouw Van den Berg belde nooit terug.", {"name"}),
        ("Volgens dhr. Jansen kan het niet.", {"name"}),
        ("Onze zoon Zweder zit thuis.", {"name"}),
        ("Onze intern begeleider Wilhelmina is geweldig.", {"name"}),
        ("Voor Daan is er geen plek.", {"name"}),
        ("Meester Kees (kees@abc.nl, 0612345678)", {"name", "email", "phone"}),
    ],
)
def test_personal_data_is_found(text: str, kinds: set[str]) -> None:
    assert personal_data(text) == kinds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "De juf is lief en de meester ook.",
        "Mevrouw, het moet anders.",
        "Onze zoon zit sinds 12-05-2022 thuis, dat kost 1.250.000 euro.",
        "In 2021-2022 waren er 123456789 formulieren.",  # fails the test of eleven
        "Artikel 2.0123456789 van versie 10.1112.22.333",
        "Brin 03AK00, postcode 1234 AB, bestuur 41234",
        "Per 1 januari 2023 @ school",
    ],
)
def test_plain_answers_are_left_alone(text: str) -> None:
    assert personal_data(text) == set()


@pytest.mark.parametrize(
    "part",
    ["a", "1", "0 ", "mevrouw van ", "a.b-", "06 ", "x@", "x@y.", "mijn zoon ", "1.1", "Ten "],
)
def test_a_long_answer_takes_no_time(part: str) -> None:
    began = time.process_time()
    personal_data(part * (40_000 // len(part)))
    assert time.process_time() - began < 2


def test_the_test_of_eleven_catches_any_digit_that_is_wrong() -> None:
    number = "111222333"
    assert is_bsn(number) and is_bsn("11222232") == is_bsn("011222232")
    for place, digit in itertools.product(range(9), "0123456789"):
        if number[place] != digit:
            assert not is_bsn(number[:place] + digit + number[place + 1 :])
    assert not is_bsn("000000000") and not is_bsn("1234567890") and not is_bsn("12345678x")


def test_simulated_remarks_tell_nobody_and_contacts_do() -> None:
    assert not [text for text in REMARKS if personal_data(text)]
    assert all(personal_data(text) for text in CONTACTS)
