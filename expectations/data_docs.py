"""Data Docs: the results of Great Expectations as HTML pages that open without a network.

The pages are ours: GX's own fetch styles and scripts from ten hosts, are named after their query,
and their index lists the last run only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from expectations.registry import Check

TEMPLATES = Path(__file__).parent / "templates"
TITLE = re.compile(r"<title>(?P<title>.*) \((?P<status>.*)\)</title>")
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Finding:
    """The result of a check; `error` is why it could not be checked."""

    check: Check
    rule: str
    success: bool
    found: tuple[str, ...]
    observed_value: str | None
    unexpected_count: int | None
    error: str | None

    @property
    def severity(self) -> str:
        """What cannot be checked may be wrong, so it blocks."""
        return "error" if self.error else self.check.severity

    @property
    def status(self) -> str:
        """`passed`, `warning` or `failed`."""
        if self.success:
            return "passed"
        return "failed" if self.severity == "error" else "warning"

    @property
    def name(self) -> str:
        """The name of the check as words."""
        return self.check.name.replace("_", " ").capitalize()


class Site:
    """A folder of pages with an index; a page stays until the same delivery is audited again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
        )

    def write(
        self,
        gate: str,
        name: str,
        title: str,
        facts: Mapping[str, str],
        findings: list[Finding],
    ) -> None:
        """Write the page of an audit.

        Args:
            name: what the page is about, as unique text.
            title: the same for a person.
            facts: what to know of the delivery, by heading.
        """
        page = self._templates.get_template("page.html").render(
            gate=gate,
            name=name,
            title=title,
            status=_verdict(findings),
            facts=facts,
            findings=findings,
            failed=sorted(
                (finding for finding in findings if not finding.success),
                key=lambda finding: finding.severity,
            ),
        )
        path = self._folder / gate / f"{UNSAFE.sub('_', name)}.html"
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
        template = self._templates.get_template(index.name)
        index.write_text(template.render(pages=pages), encoding="utf-8")
        return index


def _verdict(findings: list[Finding]) -> str:
    """How an audit ended; the first word says whether it blocks."""
    statuses = [finding.status for finding in findings]
    failed, warned = statuses.count("failed"), statuses.count("warning")
    warnings = f"{warned} warning{'s' * (warned > 1)}"
    if failed:
        return f"failed {failed} of {len(findings)} checks" + (f", {warnings}" if warned else "")
    if warned:
        return f"passed with {warnings}"
    return f"passed all {len(findings)} checks"
