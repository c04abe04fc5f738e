"""Data Docs: the results as HTML pages that open without a network.

Great Expectations renders the results. The page around them is ours: GX's own fetches styles and
scripts from ten hosts, is named after its query, and its index lists the last run only.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

TEMPLATES = Path(__file__).parent / "templates"
TITLE = re.compile(r"<title>(?P<title>.*) \((?P<status>.*)\)</title>")


class Site:
    """A folder of pages with an index; a page stays until the same delivery is audited again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._renderer = ValidationResultsPageRenderer(run_info_at_end=True)
        self._view: Any = DefaultJinjaPageView(custom_views_directory=str(TEMPLATES))

    def write(
        self,
        gate: str,
        name: str,
        title: str,
        status: str,
        messages: list[str],
        validation: ExpectationSuiteValidationResult,
    ) -> None:
        """Write the page of a validation.

        Args:
            name: what the page is about, as unique text.
            title: the same for a person.
            status: how it ended, in words that begin with `passed` or `failed`.
            messages: of each check that failed, what was found, where, and what to do.
        """
        document = self._renderer.render(validation)
        # The first section links to pages that we do not have, the last one holds clock times.
        document.sections = document.sections[1:-1]
        page = self._view.render(
            document, template="page.html", title=title, status=status, name=name, messages=messages
        )
        path = self._folder / gate / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")

    def write_index(self) -> Path:
        """List every page there is, by gate and title; returns the index."""
        pages = []
        for path in self._folder.glob("*/*.html"):
            if found := TITLE.search(path.read_text(encoding="utf-8")):
                texts = {key: html.unescape(text) for key, text in found.groupdict().items()}
                href = path.relative_to(self._folder).as_posix()
                pages.append({"gate": path.parent.name, "href": href, **texts})
        pages.sort(key=lambda page: (page["title"], page["href"]))
        index = self._folder / "index.html"
        self._folder.mkdir(parents=True, exist_ok=True)
        template = self._view.env.get_template(index.name)
        index.write_text(template.render(pages=pages), encoding="utf-8")
        return index
