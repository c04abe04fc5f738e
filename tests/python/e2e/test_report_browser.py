"""The report in a real browser: accessible, self-contained, on a phone and on paper."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from fixtures.browser import ARGUMENTS, CHROMIUM, needs_chromium

from conftest import Workspace
from publishing.changes import Side, compare
from publishing.dictionary import read_yaml
from report.release import Release
from report.render import STATIC
from report.site import Site

pytest.importorskip("playwright")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

PAGES = [
    "index.html",
    *(
        f"{language}/{page}.html"
        for language in ("nl", "en")
        for page in (
            "index", "goal-2", "groups", "group-leraar", "swvs",
            "swv-PO3002", "specialised-education", "questionnaire", "quality", "methods",
            "downloads", "changes", "working/D1.4-2026-najaar", "working/goal-4",
        )
    ),
]  # fmt: skip

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(example: Workspace) -> Path:
    return (example.published / "current" / "report").resolve()


@pytest.fixture(scope="module")
def changed(example: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on what changed, of a release that follows on the example: some figures of teachers
    are others, one is withheld, a sentence reads differently."""
    before = (example.published / "current").resolve()
    after = tmp_path_factory.mktemp("changed") / "later"
    after.mkdir()
    shutil.copy(before / "monitor.duckdb", after)
    with duckdb.connect(str(after / "monitor.duckdb")) as connection:
        connection.execute(
            "update fct_indicator_estimates set estimate = estimate + 0.01 "
            "where respondent_group = 'leraar' and estimate < 0.9"
        )
        connection.execute(
            "update fct_summary_statements set sentence_nl = 'Zo luidt hij nu.', "
            "sentence_en = 'Thus it reads now.' where not is_suppressed and claim_id = "
            "(select min(claim_id) from fct_summary_statements where not is_suppressed)"
        )
    facts = json.loads((before / "release.json").read_text(encoding="utf-8"))
    later = facts | {"release_id": "later", "codebook_hash": "other"}
    (after / "release.json").write_text(json.dumps(later), encoding="utf-8")
    compare(Side.open(before), Side.open(after), read_yaml()).write(after)
    report = after / "report"
    shutil.copytree(STATIC, report / "static")
    for language in ("nl", "en"):
        pages = Site(Release.read(after), language, {}).pages()
        content = next(content for path, content in pages if path == "changes.html")
        (report / language).mkdir()
        (report / language / "changes.html").write_text(content, encoding="utf-8")
    return report


def test_what_changed_is_told_in_both_languages(browser: Browser, changed: Path) -> None:
    for name, sentence, reason in (
        ("nl", "Zo luidt hij nu.", "codeboek"), ("en", "Thus it reads now.", "codebook"),
    ):  # fmt: skip
        page = browser.new_page()
        page.goto((changed / name / "changes.html").as_uri())
        told = page.locator("main").inner_text()
        assert sentence in told and reason in told
        rows = page.locator("section[aria-labelledby=figures] tbody tr").all_inner_texts()
        assert rows and all(reason in row for row in rows)
        page.close()
        assert_sound(browser, changed, f"{name}/changes.html")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_self_contained_and_fits_a_phone(
    browser: Browser, site: Path, name: str
) -> None:
    assert_sound(browser, site, name)


def assert_sound(browser: Browser, site: Path, name: str) -> None:
    """No barrier that axe knows, nothing from elsewhere, no scrolling sideways on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((site / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # what is folded away is part of the page too
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    result = Axe().run(page, options=options)
    assert result.violations_count == 0, result.generate_report()
    elsewhere = [url for url in requests if not url.startswith((site.as_uri(), "data:"))]
    assert not elsewhere
    assert page.evaluate("document.scripts.length") == 0
    context.close()


@pytest.mark.parametrize("name", ["nl/index.html", "en/goal-2.html", "nl/swv-PO3002.html"])
def test_a_printed_page_has_tags(browser: Browser, site: Path, name: str) -> None:
    page = browser.new_page()
    page.goto((site / name).as_uri())
    pdf = page.pdf(tagged=True, prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    assert re.search(rb"/MarkInfo\s*<<[^>]*/Marked true", pdf)
    language = name.split("/", maxsplit=1)[0].encode()
    assert b"/Lang (" + language + b")" in pdf
    page.close()


def test_a_keyboard_reaches_the_content_first(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "nl/goal-1.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()


def test_a_figure_leads_to_its_working(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "nl/goal-1.html").as_uri())
    figure = page.locator("main a.figure[data-table=fct_indicator_estimates]").first
    key, shown = figure.get_attribute("data-key"), figure.inner_text()
    figure.click()
    row = page.locator(f"[id='e~{key}']")
    assert row.is_visible()
    assert shown in row.inner_text()
    page.close()
