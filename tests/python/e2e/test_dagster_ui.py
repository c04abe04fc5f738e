"""Dagster's own pages in a real browser, after a refresh in which one delivery was refused.

`MONITOR_SCREENSHOTS=<folder>` keeps a picture of each page; those in docs/images come from here.
"""

from __future__ import annotations

import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fixtures.browser import ARGUMENTS, CHROMIUM, needs_chromium
from fixtures.daemon import running, wait_until

from conftest import Workspace
from orchestration.lib.codebook import Codebook
from orchestration.lib.settings import ROOT

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect, sync_playwright

WAVE, GROUP = "2026-najaar", "leraar"
SLOW = 120_000  # milliseconds; the first page loads the code location

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def refused(small: Workspace) -> Workspace:
    """The small example, after a redelivery in which a fifth of the rows repeat a login."""
    path = small.landing / WAVE / f"{GROUP}.csv"
    header, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *rows, *rows[: len(rows) // 5]]))
    result = small.run("refresh")
    assert result.returncode == 1, result.stdout
    return small


@pytest.fixture(scope="module")
def address(refused: Workspace) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with suppress(urllib.error.URLError, ConnectionError):
            return bool(urllib.request.urlopen(f"{address}/server_info", timeout=5).status == 200)
        return False

    arguments = ("--host", "127.0.0.1", "--port", str(port))
    with running("dagster-webserver", *arguments, root=ROOT, env=refused.env) as log:
        wait_until(answers, 180, "the webserver", log)
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(base_url=address, viewport={"width": 1440, "height": 900})
        page.set_default_timeout(SLOW)
        expect.set_options(timeout=SLOW)
        yield page
        browser.close()


def _keep(page: Page, name: str, height: int = 900) -> None:
    """A picture of the page down to `height`, when somebody asked for it."""
    if folder := os.environ.get("MONITOR_SCREENSHOTS"):
        page.wait_for_timeout(1500)  # what moves comes to rest
        page.screenshot(
            path=Path(folder).absolute() / f"dagster-{name}.png",
            clip={"x": 0, "y": 0, "width": 1440, "height": height},
        )


def _values(page: Page) -> dict[str, str]:
    """Name → value of the metadata that the page shows."""
    rows = page.locator("tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.innerText.trim()))"
    )
    return {row[0]: row[1] for row in rows if len(row) >= 2}


def _rows(page: Page, name: str) -> list[list[str]]:
    """Rows of the Markdown table that stands beside a name."""
    table = page.locator(f"//tr[td[1][normalize-space()='{name}']]//table").first
    table.wait_for()
    return table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.innerText.trim()))"
    )


def test_the_graph_goes_from_the_files_to_the_release(page: Page) -> None:
    page.goto("/asset-groups")
    page.get_by_text("Hide navigation").click()
    page.reload()  # the graph takes the room that it now has
    for group in ("landing", "staging", "intermediate", "indicators", "published", "publication"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    _keep(page, "graph")


def test_a_file_leads_to_its_table_and_on_to_its_model(page: Page) -> None:
    page.goto(f"/assets/raw/{GROUP}?view=lineage&lineageScope=neighbors")
    for name in ("files", GROUP, f"stg_survey__{GROUP}", "quality_results"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()


def test_a_partition_tells_what_became_of_its_delivery(page: Page, refused: Workspace) -> None:
    page.goto(f"/assets/raw/{GROUP}?view=partitions&partition={WAVE}")
    for wave in Codebook().waves:
        expect(page.get_by_text(wave, exact=True).first).to_be_visible()
    expect(page.get_by_text("refused, the delivery before it stays")).to_be_visible()
    values = _values(page)
    ((landed, kept, dropped),) = refused.query_warehouse(
        "select count(*), count(*) filter (is_kept), count(*) filter (not is_kept) "
        "from core.fct_responses where wave_id = ? and respondent_group = ?",
        WAVE, GROUP,
    )  # fmt: skip
    assert landed == kept + dropped > 0
    assert values["rows_landed"] == str(landed)
    assert values["rows_kept"] == str(kept)
    assert values["rows_dropped"] == str(dropped)
    ((reason, delivery_id),) = refused.query_warehouse(
        "select refusal_reason, delivery_id from raw.deliveries where status = 'refused'"
    )
    assert values["reason"] == reason and "repeat a login" in reason
    assert values["checks_failed"] == "1"
    assert values["data_docs"].startswith(str(refused.data_docs / "raw" / delivery_id))
    _keep(page, "partition")


def test_a_failed_check_says_why_and_what_to_do(page: Page, refused: Workspace) -> None:
    page.goto(f"/assets/raw/{GROUP}?view=checks")
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    ((reason,),) = refused.query_warehouse(
        "select refusal_reason from raw.deliveries where status = 'refused'"
    )
    expect(page.get_by_text(reason)).to_be_visible()
    assert "Ask the agency for a corrected file." in reason
    _keep(page, "check", height=520)
    page.goto("/assets/raw/ouder?view=checks")
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()


def test_the_response_is_that_of_the_warehouse(page: Page, refused: Workspace) -> None:
    page.goto("/assets/indicators/fct_response_rates?view=events")
    shown = _rows(page, f"response_{WAVE}")
    expected = refused.query_warehouse(
        "select respondent_group, sum(responded)::bigint, sum(complete)::bigint, "
        "sum(population_units)::bigint from indicators.fct_response_rates where wave_id = ? "
        "group by all order by all",
        WAVE,
    )
    assert [row[:4] for row in shown] == [
        [group, *(f"{number:,}" for number in numbers)] for group, *numbers in expected
    ]
    assert [row[0] for row in shown] == sorted(Codebook().groups)
    assert all(re.fullmatch("█*[▏▎▍▌▋▊▉]?", row[5]) for row in shown)


def test_the_fieldwork_shows_its_course(page: Page, refused: Workspace) -> None:
    page.goto("/assets/core/fct_fieldwork_days?view=events")
    shown = _rows(page, f"fieldwork_{WAVE}")
    expected = refused.query_warehouse(
        "select respondent_group, max(responded_total), any_value(fieldwork_days), "
        "max_by(expected_at_close, fieldwork_day), max_by(expected_margin, fieldwork_day) "
        "from core.fct_fieldwork_days where wave_id = ? and swv_code = 'all' "
        "group by all order by all",
        WAVE,
    )
    assert [(*row[:2], *row[4:6]) for row in shown] == [
        (group, f"{total:,}", f"{at_close:,.0f}", f"{100 * margin:.1f}")
        for group, total, _, at_close, margin in expected
    ]
    assert _values(page)[f"day_{WAVE}"] == f"{expected[0][2]} of {expected[0][2]}"
    _keep(page, "fieldwork")


def test_the_release_says_what_it_holds(page: Page, refused: Workspace) -> None:
    page.goto("/assets/published/current?view=events")
    expect(page.get_by_text("figures_published")).to_be_visible()
    values = _values(page)
    ((release_id,),) = refused.query("select release_id from publication")
    ((published, withheld),) = refused.query(
        "select count(*) filter (not is_suppressed), count(*) filter (is_suppressed) "
        "from fct_indicator_estimates"
    )
    assert values["release_id"] == release_id
    assert values["figures_published"] == str(published)
    assert values["figures_suppressed"] == str(withheld)
    assert values["waves"] == f"2025-najaar, {WAVE}"
    assert release_id in values["path"]


def test_the_register_shows_groups_and_waves(page: Page, refused: Workspace) -> None:
    page.goto("/assets/raw/deliveries?view=events")
    shown = {row[0]: row for row in _rows(page, "outcomes")}
    accepted = dict(
        refused.query_warehouse(
            "select respondent_group, row_count from raw.deliveries "
            "where status = 'accepted' and wave_id = ?",
            WAVE,
        )
    )
    assert shown[GROUP][-1] == f"refused {accepted[GROUP]:,}"
    assert shown["ouder"][-1] == f"{accepted['ouder']:,}"
    assert shown["ouder"][1] == "–"
