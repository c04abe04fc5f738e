"""Every page of the example's report: what it shows is what is published, and all links are whole.

Pages are well-formed XML, so that they can be read in seconds.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

import report
from conftest import Workspace
from report.release import KEYS
from report.texts import LANGUAGES, Texts

FIRST_VIEW = 100_000  # bytes, compressed
PAGE_TYPES = (
    "index.html", "goal-1.html", "group-leraar.html", "groups.html", "swvs.html",
    "specialised-education.html", "questionnaire.html", "quality.html", "methods.html",
    "downloads.html", "working/D1.1-2026-najaar.html", "working/goal-1.html",
)  # fmt: skip
# columns that are words, by the part of the catalogue that names them
WORDS = {"verdict": "verdicts"}
LAYOUT = {
    "nl": re.compile(r"[+−]?(\d{1,3}(\.\d{3})*)(,(\d+))?(%?)"),
    "en": re.compile(r"[+−]?(\d{1,3}(,\d{3})*)(\.(\d+))?(%?)"),
}
WHOLE = {
    "n_respondents", "n_units", "n_psu", "degrees_of_freedom", "effective_n", "population_units",
    "responded", "complete", "indicator_count", "favourable_count", "needs_improvement_count",
    "value", "deliveries", "rows_landed", "rows_kept", "rows_dropped", "values_quarantined",
    "checks_run", "checks_passed", "checks_warned",
}  # fmt: skip
PLAIN = {"design_effect", "mean_weight", "p_value", "p_value_adjusted"}


@dataclass(frozen=True)
class Cell:
    """A figure on a page: which published cell it claims to be, and what it says."""

    page: Path
    language: str
    table: str
    key: str
    column: str
    text: str


@dataclass(frozen=True)
class Pages:
    folder: Path
    trees: dict[Path, ElementTree.Element]

    def cells(self) -> Iterator[Cell]:
        for path, tree in self.trees.items():
            language = path.relative_to(self.folder).parts[0]
            yield from _cells(tree, path, language, "", "")


def _text(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).strip()


def _cells(
    element: ElementTree.Element, page: Path, language: str, table: str, key: str,
    columns: tuple[str, ...] = (),
) -> Iterator[Cell]:  # fmt: skip
    table = element.get("data-table", table)
    key = element.get("data-key", key)
    if element.get("data-columns"):
        columns = tuple(str(element.get("data-columns")).split())
    if element.get("data-column"):
        yield Cell(page, language, table, key, str(element.get("data-column")), _text(element))
        return
    if element.tag == "tr" and columns and element.get("id"):
        key = str(element.get("id")).partition("~")[2].replace("~", "|")
        inner = list(element)
        start = next(place for place, cell in enumerate(inner) if cell.tag == "th") + 1
        start += {"fct_indicator_changes": 3, "fct_perspective_gaps": 2, "fct_goal_scores": 1}.get(
            table, 0
        )
        if inner[start].get("colspan"):
            yield Cell(page, language, table, key, "is_suppressed", _text(inner[start]))
            return
        for column, cell in zip(columns, inner[start:], strict=False):
            yield Cell(page, language, table, key, column, _text(cell))
        return
    for child in element:
        yield from _cells(child, page, language, table, key, columns)


@pytest.fixture(scope="module")
def pages(example: Workspace) -> Pages:
    folder = (example.published / "current" / "report").resolve()
    found = {
        path: ElementTree.fromstring(path.read_text("utf-8")) for path in folder.rglob("*.html")
    }
    assert len(found) > 700
    return Pages(folder, found)


@pytest.fixture(scope="module")
def published(example: Workspace) -> dict[str, dict[str, dict[str, Any]]]:
    """Published rows by table and key."""
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    path = str(example.published / "current" / "monitor.duckdb")
    with duckdb.connect(path, read_only=True) as connection:
        known = {
            name
            for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()
        }
        for table, names in KEYS.items():
            if table not in known:
                continue
            result = connection.execute(f"select * from {table}")
            columns = [column[0] for column in result.description]
            tables[table] = {}
            for values in result.fetchall():
                row = dict(zip(columns, values, strict=True))
                key = "|".join("" if row[name] is None else str(row[name]) for name in names)
                tables[table][key] = row
    return tables


@pytest.fixture(scope="module")
def headline_measures(example: Workspace) -> dict[str, str]:
    return dict(
        example.query("select indicator_code, headline_measure from dim_indicators")  # type: ignore[arg-type]
    )


def _is_share(table: str, column: str, measure: str) -> bool:
    if column in WHOLE or column in PLAIN or table == "fct_goal_scores":
        return False
    return column == "response_rate" or table == "fct_summary_statements" or measure != "mean"


def _complaint(cell: Cell, row: dict[str, Any], measure: str) -> str:
    """What is wrong with a cell, or nothing."""
    value = row[cell.column]
    if cell.column in WORDS:
        expected = Texts(cell.language).label(WORDS[cell.column], value)
        return "" if cell.text == expected else f"expected {expected}"
    if isinstance(value, str) or value is None:
        return "" if cell.text == (value or "–") else f"expected {value}"
    if cell.text.startswith("<"):
        return "" if value == 0.01 else f"expected {value}"
    found = LAYOUT[cell.language].fullmatch(cell.text)
    if not found:
        return "is no number of its language"
    digits, percent = len(found[4] or ""), bool(found[5])
    mark = "," if cell.language == "nl" else "."
    shown = float(re.sub(rf"[^\d{mark}]", "", cell.text).replace(",", "."))
    shown *= -1 if cell.text.startswith("−") else 1
    factor = 100 if _is_share(cell.table, cell.column, measure) else 1
    if percent and factor == 1:
        return "is a percentage but no share"
    step = _step(cell.column, row)
    if step is None:
        if cell.column not in WHOLE and digits == 0:
            return "has no decimals"
        is_right = abs(shown - factor * value) <= 0.5 * 10**-digits + 1e-9
        return "" if is_right else f"expected {value}"
    # all digits that are published, and no more than their step bears
    decimal = Decimal(str(factor)) * Decimal(str(step))
    if digits != max(0, -int(decimal.normalize().as_tuple().exponent)):
        return f"has {digits} decimals on steps of {decimal}"
    return "" if abs(shown - factor * value) < 1e-6 else f"expected {value}"


def _step(column: str, row: dict[str, Any]) -> float | None:
    """The step that a column is published on; None for counts, rates, p-values and the like."""
    if column in WHOLE or column in PLAIN or column == "response_rate":
        return None
    if column == "national_estimate":
        return row["national_rounding_step"]
    if column.startswith("difference"):
        return row["difference_rounding_step"]
    return row.get("rounding_step")


def test_every_figure_is_the_published_one(
    pages: Pages,
    published: dict[str, dict[str, dict[str, Any]]],
    headline_measures: dict[str, str],
) -> None:
    wrong, shown = [], dict.fromkeys(LANGUAGES, 0)
    workings: dict[str, set[tuple[str, str]]] = {language: set() for language in LANGUAGES}
    for cell in pages.cells():
        row = published[cell.table][cell.key]
        if row.get("is_suppressed") or cell.column == "is_suppressed":
            continue  # the next test
        measure = row.get("measure") or headline_measures.get(row.get("indicator_code") or "", "")
        if complaint := _complaint(cell, row, measure):
            wrong.append((cell, complaint))
        shown[cell.language] += 1
        if cell.table == "fct_indicator_estimates":
            workings[cell.language].add((cell.key, cell.column))
    assert not wrong, wrong[:10]
    assert shown["nl"] == shown["en"] > 500_000
    expected = {
        (key, column)
        for key, row in published["fct_indicator_estimates"].items()
        if not row["is_suppressed"]
        for column in ("estimate", "ci_lower", "ci_upper", "n_respondents", "design_effect")
    }
    for language in LANGUAGES:
        assert expected <= workings[language]


def test_withheld_cells_show_the_reason_and_no_value(
    pages: Pages, published: dict[str, dict[str, dict[str, Any]]]
) -> None:
    reasons = {
        language: {
            code: Texts(language).label("suppression", code)
            for code in ("small_n", "few_schools", "identifiable", "complementary", "derived")
        }
        for language in LANGUAGES
    }
    seen = 0
    for cell in pages.cells():
        row = published[cell.table][cell.key]
        if not row.get("is_suppressed"):
            assert cell.column != "is_suppressed", cell
            continue
        if cell.column == "national_estimate":
            continue  # the country is published where the samenwerkingsverband is withheld
        assert cell.column == "is_suppressed", cell
        assert cell.text == reasons[cell.language][row["suppression_reason"]], cell
        seen += 1
    assert seen > 100


def _loose_text(element: Any) -> str:
    """The text of an element without that of figures with their address."""
    if element.get("data-column"):
        return ""
    return (element.text or "") + "".join(_loose_text(e) + (e.tail or "") for e in element)


def test_no_number_in_a_table_is_without_its_source(pages: Pages) -> None:
    """Digits in cells are figures with their address, or names: of waves, codes, periods, sources.

    In the large tables the row has the address, and the table says what its columns are.
    """
    names = re.compile(
        r"\b(19|20)\d\d\b|\b[A-Z]{1,2}\d[\d.]*[a-z]?\b|‘\d+’|\d+ (tot|to|jaar|years)|\d+\."
        r"|\(95%|0–100|[5]a?\b|CBS, \d{5}|schooljaar (y/y\+1|20\d\d/\d\d)"
    )
    seen, loose = 0, set()
    for path, tree in pages.trees.items():
        for table in tree.iter("table"):
            if table.get("data-columns"):
                continue
            for cell in table.iter("td"):
                seen += 1
                text = _loose_text(cell)
                if "counted" not in cell.get("class", "") and re.search(r"\d", names.sub("", text)):
                    loose.add((path.name, " ".join(text.split())))
    assert seen > 1000
    assert not loose, sorted(loose)[:10]


def test_all_links_are_whole_and_only_sources_are_elsewhere(pages: Pages) -> None:
    ids: dict[Path, set[str]] = {}
    for path, tree in pages.trees.items():
        found = [str(element.get("id")) for element in tree.iter() if element.get("id")]
        assert len(found) == len(set(found)), (path, "an id twice")
        ids[path] = set(found)
    broken = []
    for path, tree in pages.trees.items():
        for element in tree.iter():
            for attribute in ("href", "src"):
                target = element.get(attribute)
                if not target or target.startswith("data:"):
                    continue
                if re.match(r"[a-z]+:", target):
                    if element.tag != "a" or "external" not in element.get("rel", ""):
                        broken.append((path, target))
                    continue
                address, _, fragment = target.partition("#")
                file = (path.parent / address).resolve() if address else path
                is_there = file == path or file.is_file()
                if not is_there or (fragment and fragment not in ids.get(file, set())):
                    broken.append((path, target))
    assert not broken, (len(broken), broken[:10])


def test_both_languages_have_the_same_pages(pages: Pages) -> None:
    nl, en = (
        {
            path.relative_to(pages.folder / language)
            for path in (pages.folder / language).rglob("*.html")
        }
        for language in LANGUAGES
    )
    assert nl == en
    assert {Path(name) for name in PAGE_TYPES} <= nl
    assert sum(path.name.startswith("swv-") for path in nl) == 152


def test_every_page_says_which_release_it_is_and_that_data_are_simulated(
    pages: Pages, example: Workspace
) -> None:
    ((release_id, is_synthetic),) = example.query(
        "select release_id, is_synthetic from publication"
    )
    assert is_synthetic
    for path, tree in pages.trees.items():
        codes = {_text(code) for code in tree.iter("code")}
        assert release_id in codes, path
        alerts = [e for e in tree.iter("div") if "--warning" in e.get("class", "")]
        assert len(alerts) == 1, path


def test_a_first_view_is_light(pages: Pages) -> None:
    css = len(gzip.compress((pages.folder / "static" / "report.css").read_bytes()))
    sizes = {path: css + len(gzip.compress(path.read_bytes())) for path in pages.trees}
    heaviest = max(sizes, key=lambda path: sizes[path])
    assert sizes[heaviest] <= FIRST_VIEW, (heaviest.name, sizes[heaviest])


def test_every_code_has_words_in_both_languages(example: Workspace) -> None:
    for kind, query in {
        "verdicts": "select distinct verdict from fct_goal_verdicts where verdict is not null",
        "reliability": "select distinct reliability from fct_indicator_estimates "
        "where reliability is not null",
        "suppression": "select distinct suppression_reason from fct_indicator_estimates "
        "where suppression_reason is not null",
        "comparability": "select distinct comparability from fct_indicator_changes",
        "directions": "select distinct direction from fct_indicator_changes "
        "where direction is not null",
        "sector": "select distinct breakdown_value from fct_indicator_estimates "
        "where breakdown = 'sector'",
        "region": "select distinct breakdown_value from fct_indicator_estimates "
        "where breakdown = 'region'",
        "scales": "select distinct scale from dim_items",
        "series": "select distinct series from fct_specialised_education",
        "statuses": "select distinct status from fct_specialised_education",
        "groups_short": "select distinct respondent_group from dim_respondent_groups",
        "units": "select distinct unit_of_count from fct_indicator_estimates",
        "designs": "select distinct design from dim_respondent_groups",
        "gates": "select distinct gate from quality_results",
    }.items():
        for (code,) in example.query(query):
            for language in LANGUAGES:
                assert code in Texts(language).catalogue[kind], (kind, code, language)


def test_the_same_release_gives_the_same_bytes(
    pages: Pages, example: Workspace, tmp_path: Path
) -> None:
    again = report.build((example.published / "current").resolve(), tmp_path / "report")
    assert again.pages == len(pages.trees)
    for path in pages.folder.rglob("*"):
        if path.is_file():
            copy = again.path / path.relative_to(pages.folder)
            assert copy.read_bytes() == path.read_bytes(), path
    _mark(again.path.parent, pages)


def _mark(release: Path, pages: Pages) -> None:
    """Superseding writes the same notice on every page, once, and can be undone."""
    newer = pages.folder.parent
    assert report.mark_superseded(release, newer, "0123456789abcdef") == len(pages.trees) - 1
    assert report.mark_superseded(release, newer, "0123456789abcdef") == 0
    page = ElementTree.fromstring((release / "report/nl/working/goal-1.html").read_text("utf-8"))
    notice = next(e for e in page.iter("div") if "notice" in e.get("class", "").split())
    assert "0123456789abcdef" in _text(notice)
    link = next(notice.iter("a")).get("href", "")
    assert (
        release / "report/nl/working" / link
    ).resolve() == newer / "report/nl/working/goal-1.html"
    assert report.mark_current(release) == len(pages.trees) - 1
    for path in pages.trees:
        copy = release / "report" / path.relative_to(pages.folder)
        assert copy.read_bytes() == path.read_bytes()
