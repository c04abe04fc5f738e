"""Words in both languages, from `report/messages`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from report.release import Row

FOLDER = Path(__file__).with_name("messages")
LANGUAGES = ("nl", "en")


@lru_cache
def messages(language: str) -> dict[str, Any]:
    """The catalogue of a language: nested keys, texts at the ends."""
    content = yaml.safe_load((FOLDER / f"{language}.yml").read_text("utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{FOLDER / language}.yml: a mapping of keys to texts is expected")
    return content


class Texts:
    """Words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.catalogue = messages(language)

    def __call__(self, path: str, **values: object) -> str:
        """The text at a dotted path, filled in.

        Raises:
            KeyError: there is no such text.
        """
        found: Any = self.catalogue
        for part in path.split("."):
            found = found[part]
        return str(found).format(**values) if values else str(found)

    def label(self, kind: str, code: object) -> str:
        """The word for a code, or the code itself where the codebook has grown beyond the list."""
        return str(self.catalogue[kind].get(str(code), code))

    def of(self, row: Row, name: str = "label") -> str:
        """The text of a row in this language, from `<name>_nl` or `<name>_en`."""
        return row[f"{name}_{self.language}"] or row[f"{name}_nl"] or ""

    def option(self, scale: str, measure: str) -> str:
        """What a measure is called, an answer option by its words on the scale."""
        if not measure.startswith("share_option_"):
            return self.label("measures", measure)
        value = measure.removeprefix("share_option_")
        options = self.catalogue["options"].get(scale, {})
        return self("option", answer=options.get(value, value))
