"""The words of the report are there in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import report
from report.texts import Texts, messages

TEMPLATES = Path(report.__file__).with_name("templates")
# what a template may call a text by: t("nav.summary")
CALL = re.compile(r"""\bt\(\s*["']([a-z_.0-9]+)["']\s*[,)]""")


def leaves(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from leaves(value, f"{path}.{name}")
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from leaves(value, f"{path}.{number}")
    else:
        yield path, content


def test_both_catalogues_have_the_same_keys_and_no_empty_text() -> None:
    nl, en = (dict(leaves(messages(language))) for language in ("nl", "en"))
    assert nl.keys() == en.keys()
    for catalogue in (nl, en):
        assert not [key for key, text in catalogue.items() if not isinstance(text, str)]
        assert not [key for key, text in catalogue.items() if not text.strip()]


def test_texts_have_the_same_gaps_in_both_languages() -> None:
    nl, en = (dict(leaves(messages(language))) for language in ("nl", "en"))
    gaps = re.compile(r"\{[a-z_]*\}")
    assert {k: sorted(gaps.findall(v)) for k, v in nl.items()} == {
        k: sorted(gaps.findall(v)) for k, v in en.items()
    }


def test_templates_ask_for_texts_that_exist() -> None:
    known = {key.removeprefix(".") for key, _ in leaves(messages("nl"))}
    asked = {
        (path.name, key)
        for path in TEMPLATES.glob("*.html")
        for key in CALL.findall(path.read_text("utf-8"))
    }
    assert len(asked) > 100
    assert not {(name, key) for name, key in asked if key not in known}


def test_templates_hold_no_words_of_their_own() -> None:
    """All but the page on which readers choose a language, which is in both."""
    code, tags = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL), re.compile(r"<[^>]*>")
    for path in sorted(TEMPLATES.glob("*.html")):
        if path.name == "front.html":
            continue
        words = re.findall(r"[A-Za-z]{3,}", tags.sub(" ", code.sub(" ", path.read_text("utf-8"))))
        assert not [word for word in words if word not in ("published", "Parquet")], path.name


def test_a_code_that_the_catalogue_does_not_know_stands_for_itself() -> None:
    texts = Texts("nl")
    assert texts.label("verdicts", "mixed") == "Wisselend"
    assert texts.label("verdicts", "splendid") == "splendid"


def test_an_answer_option_has_the_words_of_its_scale() -> None:
    assert Texts("en").option("AGREE5", "share_option_4") == "Answer ‘Agree’"
    assert Texts("nl").option("MARK10", "share_option_7") == "Antwoord ‘7’"
    assert Texts("nl").option("AGREE5", "mean") == "Gemiddelde"


def test_a_text_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Texts("nl")("nav.nothing")
