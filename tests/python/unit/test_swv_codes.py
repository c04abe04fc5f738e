"""Codes of samenwerkingsverbanden in all spellings, by the SQL that the models use."""

from __future__ import annotations

import re

import duckdb
import pytest

from expectations.macros import render


def clean(value: str | None) -> str | None:
    query = f"select {render('clean_swv_code', 'value')} from (select cast(? as varchar) as value)"
    row = duckdb.execute(query, [value]).fetchone()
    assert row is not None
    result: str | None = row[0]
    return result


@pytest.mark.parametrize(
    "spelling",
    ["PO2702", "po2702", " PO 2702 ", "PO-2702", "po-27.02", "PO 27 02", "PO27-02", "PO.27.02",
     "SWV PO2702", "swv-po-2702", "SWV PO 27.02", "2702PO", "2702 po", "27.02-PO", "PO_2702",
     "PO\u20132702", "PO\u00a02702"],
)  # fmt: skip
def test_spellings_of_one_code(spelling: str) -> None:
    assert clean(spelling) == "PO2702"


@pytest.mark.parametrize(
    ("value", "kept"),
    [("vo 2801", "VO2801"), ("2702", "2702"), ("PO27021", "PO27021"), ("PO270", "PO270"),
     ("PO2702 VO2801", "PO2702 VO2801"), ("Voorne PO2702", "VOORNE PO2702"),
     ("onbekend", "ONBEKEND"),
     ("", ""), (None, None)],
)  # fmt: skip
def test_what_is_no_code_stays_and_is_unknown(value: str | None, kept: str | None) -> None:
    assert clean(value) == kept


def test_no_code_of_the_division_is_changed() -> None:
    from orchestration.lib.codebook import read_seed

    codes = [row["swv_code"] for row in read_seed("reference/samenwerkingsverbanden")]
    assert len(codes) > 100 and all(re.fullmatch("(PO|VO)[0-9]{4}", code) for code in codes)
    assert [clean(code) for code in codes] == codes
