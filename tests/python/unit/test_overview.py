"""What the pages in Dagster tell: small tables, bars, and what became of a delivery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.codebook import Codebook
from orchestration.lib.overview import (
    Fate,
    bar,
    course,
    delivery_facts,
    delivery_matrix,
    fates,
    fieldwork_tables,
    markdown,
    response_tables,
)
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import prepare

# Dagster shows a shorter text at once, and a longer one behind a link
LONGEST_TEXT = 999
ACCEPTED = Fate(
    "2026-najaar", "leraar", "d1", "leraar.csv", "accepted", "", landed=317, checks=27, failed=0,
    warned=2, kept=301, dropped=16, complete=296, quarantined=3,
)  # fmt: skip
REFUSED = replace(
    ACCEPTED, delivery_id="d2", status="refused", reason="row 2: no", landed=400, failed=1,
    kept=None, dropped=None, complete=None, quarantined=None,
)  # fmt: skip


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    prepare(connection, Codebook())
    return connection


def test_a_cell_cannot_break_its_table() -> None:
    assert markdown(["a", "#n"], [("x | y\nz", 1), (None, 2)]) == (
        "|a|n|\n|--|--:|\n|x \\| y z|1|\n||2|"
    )


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, ""), (None, ""), (1, "█" * 8), (7, "█" * 8), (0.5, "█" * 4), (1 / 64, "▏")],
)
def test_a_bar_is_as_long_as_its_share(share: float | None, drawn: str) -> None:
    assert bar(share) == drawn


def test_a_course_has_a_column_a_day_or_means_of_days() -> None:
    assert course([]) == ""
    assert course([0, 0]) == "▁▁"
    assert course([0, 7, 3.5]) == "▁█▅"
    assert course([*[2] * 40, *[0] * 10]) == "█" * 8 + "▁" * 2


def test_a_delivery_that_is_not_built_has_no_rows_kept(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute(
        "insert into raw.deliveries by name select 'd1' as delivery_id, '2026-najaar' as wave_id, "
        "'leraar' as respondent_group, 'leraar.csv' as file_name, 's' as sha256, "
        "1 as size_bytes, 317 as row_count, now() as landed_at, 'accepted' as status, "
        "false as is_synthetic"
    )
    (fate,) = fates(warehouse)
    assert (fate.landed, fate.kept, fate.quarantined) == (317, None, None)


def test_the_account_of_a_delivery(tmp_path: Path) -> None:
    settings = Settings(data_docs=tmp_path)
    page = tmp_path / "raw" / "d1.html"
    page.parent.mkdir()
    page.touch()
    assert delivery_facts([ACCEPTED], settings) == {
        "outcome": "accepted",
        "file": "leraar.csv",
        "rows_landed": 317,
        "rows_kept": 301,
        "rows_dropped": 16,
        "values_quarantined": 3,
        "checks": 27,
        "checks_failed": 0,
        "checks_warned": 2,
        "data_docs": page,
    }
    both = delivery_facts([ACCEPTED, REFUSED], settings)
    assert both["outcome"] == "refused, the delivery before it stays"
    assert (both["reason"], both["rows_kept"], both["checks_failed"]) == ("row 2: no", 301, 1)
    assert "data_docs" not in both  # a delivery that was not judged has no page
    alone = delivery_facts([REFUSED], settings)
    assert alone["rows_landed"] == 400 and "rows_kept" not in alone


def test_tables_of_all_groups_are_shown_at_once(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Of numbers as large as those of a national survey, and with every group lagging."""
    codebook = Codebook()
    warehouse.execute("create schema core; create schema indicators")
    warehouse.execute(
        "create table members as select unnest(?) as respondent_group", [codebook.groups]
    )
    warehouse.execute(
        """
        create table core.dim_waves as
        select 'w1' as wave_id, 1 as measurement_number, cast(null as date) as closed_at;
        create table indicators.fct_response_rates as
        select 'w1' as wave_id, respondent_group, 'all' as stratum, 216000 as population_units,
            12345 as responded, 11234 as complete
        from members;
        create table core.fct_fieldwork_days as
        select 'w1' as wave_id, respondent_group, 'all' as swv_code, day as fieldwork_day,
            75 as fieldwork_days, 100 as responded, 100 * day as responded_total,
            90 * day as complete_total, 216000 as population_units, 0.123 as response_rate,
            12345.6 as expected_at_close, 0.0123 as expected_margin,
            54321 as previous_responded_total, true as is_lagging
        from members, range(1, 76) as days(day);
        """
    )
    tables = response_tables(warehouse) | fieldwork_tables(warehouse)
    assert list(tables) == ["response_w1", "day_w1", "fieldwork_w1"]
    assert tables["day_w1"] == "75 of 75"
    assert all(len(table) <= LONGEST_TEXT for table in tables.values())
    assert (
        "|leraar|7,500|6,750|12.3%|12,346|1.2|54,321 **lags**|██████████|"
        in (tables["fieldwork_w1"])
    )
    fate = [replace(ACCEPTED, wave_id=w, respondent_group=g, landed=12345)
            for w in codebook.waves for g in codebook.groups]  # fmt: skip
    matrix = delivery_matrix([*fate, REFUSED], codebook.groups, codebook.waves)
    assert len(matrix) <= LONGEST_TEXT
    assert "|leraar|12,345|12,345|12,345|12,345|12,345 **refused**|" in matrix
