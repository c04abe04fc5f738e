"""The attack on the release that a newcomer makes: it may recover nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from conftest import Workspace
from disclosure.attack import attack
from disclosure.cells import Cells
from disclosure.counting import tighten
from disclosure.frame import Frame, FrameError
from disclosure.optimum import secondary_suppressions
from disclosure.programming import blocks_of, withholding
from disclosure.release import Release
from disclosure.subtraction import estimate_bounds, nested_parts, subtraction_attack
from orchestration.lib.publication import _protect
from orchestration.lib.settings import Settings

BLOCKS, SEED = 10, 2026
# rows with a figure when figures had all their digits: steps may not cost any of them
SHOWN_WITH_ALL_DIGITS = {
    "fct_indicator_estimates": {
        "total": 3814, "sector": 8535, "region": 10092, "school_size": 2088, "experience": 1155,
        "swv": 20090,
    },
    "fct_indicator_changes": {
        "total": 1457, "sector": 3454, "region": 13646, "school_size": 2958, "experience": 1617,
        "swv": 15287,
    },
    "fct_goal_scores": {
        "total": 163, "sector": 365, "region": 1460, "school_size": 309, "experience": 165,
        "swv": 2172,
    },
    "fct_swv_benchmarks": {"swv": 5317},
}  # fmt: skip


@pytest.fixture(scope="module")
def release(example: Workspace) -> Release:
    return Release.open(example.published / "current")


@pytest.fixture(scope="module")
def frame(example: Workspace) -> Frame:
    release_id = example.query("select release_id from publication")[0][0]
    with duckdb.connect(str(example.warehouse), read_only=True) as connection:
        return Frame.read(connection, release_id)


@pytest.fixture(scope="module")
def cells(release: Release, frame: Frame) -> Cells:
    return Cells.of(release, frame)


def test_denominators_are_those_of_the_estimates(
    example: Workspace, release: Release, cells: Cells
) -> None:
    """The frame counts by itself; a difference would make every bound wrong."""
    counts = dict(
        example.query_warehouse(
            "select estimate_id, n_respondents from indicators.fct_indicator_estimates"
        )
    )
    expected = [counts[estimate_id] for estimate_id in release.estimates["estimate_id"]]
    assert np.array_equal(cells.count, expected)


def test_published_intervals_hold_the_truth_in_every_block(
    release: Release, frame: Frame, cells: Cells
) -> None:
    """Also those that whole numbers narrow; else the attack would prove nothing."""
    tight = tighten(cells, frame)
    shown = ~cells.is_suppressed
    assert ((tight.count >= tight.count_low) & (tight.count <= tight.count_high))[shown].all()
    assert (tight.value_high - tight.value_low < cells.value_high - cells.value_low).any()
    blocks = sum(1 for _ in blocks_of(frame, tight))
    assert blocks == len(withholding(cells)) > 100


def test_digits_of_one_wave_give_withheld_cells_away(
    example: Workspace, release: Release, frame: Frame
) -> None:
    """All digits of shares and means, and nothing else: whole numbers of each stratum follow."""
    exact = dict(
        example.query_warehouse(
            "select estimate_id, estimate from indicators.fct_indicator_estimates"
        )
    )
    estimates = release.estimates
    estimates = estimates[
        (estimates["wave_id"] == estimates["wave_id"].max())
        & estimates["respondent_group"].isin(["bestuur", "swv_ondersteuner"])
    ].reset_index(drop=True)

    def recovered(has_digits: bool) -> int:
        shown = estimates
        if has_digits:
            values = estimates["estimate_id"].map(exact).where(estimates["estimate"].notna())
            shown = estimates.assign(estimate=values).drop(columns="rounding_step")
        return len(attack(Release({"fct_indicator_estimates": shown}), frame, blocks=0).recovered)

    assert recovered(has_digits=False) == 0
    assert recovered(has_digits=True) >= 20


def test_bounds_of_subtraction_hold_the_truth(
    example: Workspace, release: Release, frame: Frame, cells: Cells
) -> None:
    values = dict(
        example.query_warehouse(
            "select estimate_id, estimate from indicators.fct_indicator_estimates"
        )
    )
    truth = np.array([values[key] for key in release.estimates["estimate_id"]], dtype=np.float64)
    system = estimate_bounds(release, frame, cells, nested_parts(frame, cells)).system
    low, high = system.low[: len(truth)], system.high[: len(truth)]
    target = cells.is_target
    assert target.sum() > 10_000
    assert (truth[target] >= low[target] - 1e-6).all()
    assert (truth[target] <= high[target] + 1e-6).all()


def test_subtraction_recovers_nothing(release: Release, frame: Frame, cells: Cells) -> None:
    found = subtraction_attack(release, frame, cells=cells)
    assert [cell for cell in found if cell.is_own] == []
    # cells that only protect others are narrowed, and that harms nobody
    assert found


def test_programs_recover_nothing_in_a_sample_of_blocks(release: Release, frame: Frame) -> None:
    result = attack(release, frame, blocks=BLOCKS, seed=SEED)
    assert result.blocks_attacked == BLOCKS and result.programs_solved > 0
    assert result.recovered == () and result.undecided == ()


def test_hardly_more_is_withheld_than_the_optimum(frame: Frame, cells: Cells) -> None:
    """The models withhold the next smallest part; HiGHS chooses which, under the same rule."""
    drawn = np.random.default_rng(SEED).permutation(withholding(cells))[:BLOCKS]
    made, least = secondary_suppressions(frame, cells, drawn)
    assert 0 < least <= made <= 1.5 * least


@pytest.mark.parametrize("table", SHOWN_WITH_ALL_DIGITS)
def test_no_breakdown_shows_fewer_figures_than_with_all_digits(
    example: Workspace, table: str
) -> None:
    before = SHOWN_WITH_ALL_DIGITS[table]
    breakdown = "breakdown" if len(before) > 1 else "'swv'"
    shown = dict(
        example.query(
            f"select {breakdown}, count(*) filter (where not is_suppressed) from {table} group by 1"
        )
    )
    assert shown.keys() == before.keys()
    assert {key: shown[key] for key in before if shown[key] < before[key]} == {}


def test_a_cell_that_is_withheld_from_a_release_later_is_recovered(
    release: Release, frame: Frame
) -> None:
    """The release itself is the earlier one; of the later one a part is taken away."""
    estimates = release.estimates.copy()
    chosen = estimates.index[
        (estimates["breakdown"] == "sector")
        & (estimates["measure"] == "share_endorsed")
        & ~estimates["is_suppressed"]
    ][0]
    estimates.loc[chosen, ["estimate", "n_respondents"]] = None
    estimates.loc[chosen, "is_suppressed"] = True
    estimates.loc[chosen, "suppression_reason"] = "complementary"
    later = Release({**release.tables, "fct_indicator_estimates": estimates})
    keys = tuple(estimates.loc[chosen, ["wave_id", "indicator_code", "respondent_group",
                                        "breakdown", "breakdown_value", "measure"]])  # fmt: skip
    alone = {cell.keys: cell.path for cell in subtraction_attack(later, frame)}
    assert alone[keys] != "earlier_release"
    both = {cell.keys: cell.path for cell in subtraction_attack(later, frame, [release])}
    assert both[keys] == "earlier_release"


def test_a_question_in_which_something_is_found_is_withheld_further(
    example: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that protects another is shown by mistake: its question is closed, and no other."""
    warehouse = tmp_path / "monitor.duckdb"
    shutil.copy(example.warehouse, warehouse)
    settings = Settings(warehouse=warehouse)
    monkeypatch.setattr("orchestration.lib.dbt.get_settings", lambda: settings)
    monkeypatch.setattr("orchestration.lib.dbt.TARGET", tmp_path / "target")
    with duckdb.connect(str(warehouse)) as connection:
        block = connection.execute(
            """
            select wave_id, indicator_code, respondent_group
            from published.fct_indicator_estimates
            where breakdown = 'region' and measure = 'share_endorsed' and is_suppressed
            group by all
            having count(*) = 2 and count(*) filter (where suppression_reason = 'small_n') = 1
            order by all limit 1
            """
        ).fetchone()
        assert block is not None
        connection.execute(
            """
            update published.fct_indicator_estimates as shown
            set is_suppressed = false, suppression_reason = null, estimate = truth.estimate,
                n_respondents = 5 * cast(round(truth.n_respondents / 5.0) as bigint)
            from indicators.fct_indicator_estimates as truth
            where shown.estimate_id = truth.estimate_id and shown.breakdown = 'region'
                and shown.suppression_reason = 'complementary'
                and (shown.wave_id, shown.indicator_code, shown.respondent_group) = (?, ?, ?)
            """,
            block,
        )
        # on their steps the figures of the question would still hold
        connection.execute(
            """
            update published.fct_indicator_estimates as shown
            set estimate = truth.estimate, rounding_step = null
            from indicators.fct_indicator_estimates as truth
            where shown.estimate_id = truth.estimate_id and not shown.is_suppressed
                and (shown.wave_id, shown.indicator_code, shown.respondent_group) = (?, ?, ?)
            """,
            block,
        )
        shown = (
            "select count(*) from published.fct_indicator_estimates where not is_suppressed "
            "and breakdown {} 'total' and (wave_id, indicator_code, respondent_group) {} (?, ?, ?)"
        )
        elsewhere = connection.execute(shown.format("<>", "<>"), block).fetchone()
        written = []

        def write() -> None:
            with connection.cursor() as cursor:
                written.append(cursor.execute(shown.format("<>", "="), block).fetchone())

        result = _protect(connection, "r1", write)
        assert result.closed == 1 and result.recovered == ()
        # what was written while the attack found something is written again
        assert len(written) == 2 and written[0] != (0,) and written[1] == (0,)
        assert connection.execute(shown.format("<>", "="), block).fetchone() == (0,)
        assert connection.execute(shown.format("=", "="), block).fetchone() != (0,)
        assert connection.execute(shown.format("<>", "<>"), block).fetchone() == elsewhere


def test_another_warehouse_is_refused(example: Workspace) -> None:
    with (
        duckdb.connect(str(example.warehouse), read_only=True) as connection,
        pytest.raises(FrameError, match="not to no-such-release"),
    ):
        Frame.read(connection, "no-such-release")


def test_the_command_writes_its_report_beside_the_tables(
    example: Workspace, tmp_path: Path
) -> None:
    published = tmp_path / "published"
    shutil.copytree(example.published, published, symlinks=True)
    before = {path: path.stat().st_mtime_ns for path in published.rglob("*.parquet")}
    command = [sys.executable, "-m", "disclosure", "attack", "--workers", "1", "--blocks"]
    environment = example.env | {"MONITOR_PUBLISHED": str(published)}
    run = subprocess.run(
        [*command, "1"], cwd=example.root, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    report = json.loads((published / "current" / "attack.json").read_text(encoding="utf-8"))
    assert run.returncode == (1 if report["recovered"] else 0), run.stderr
    assert report["release_id"] == (published / "current").readlink().name
    assert report["blocks_attacked"] == 1 and report["cells_suppressed"] > 10_000
    page = (published / "current" / "attack.md").read_text(encoding="utf-8")
    assert report["release_id"] in page
    assert {path: path.stat().st_mtime_ns for path in published.rglob("*.parquet")} == before
    wrong = subprocess.run(
        [*command, "1", "--release", "nothing"], cwd=example.root, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert wrong.returncode == 1 and "There is no release 'nothing'" in wrong.stderr
