"""Populations and deliveries from which no figure can be made: each has a defined outcome."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Workspace, WorkspaceFactory
from simulation import simulate

WAVE = "2026-najaar"
Row = dict[str, str]


def _rewrite(path: Path, change: Callable[[Row], Row | None], encoding: str = "utf-8-sig") -> None:
    """Change or drop rows of a CSV file."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.DictReader(file)
        header = list(reader.fieldnames or [])
        rows = [changed for row in reader if (changed := change(row)) is not None]
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_a_population_that_cannot_be_stops_the_build(
    project: Path, workspace: WorkspaceFactory
) -> None:
    """None for a stratum, fewer units than the sample, fewer PSUs: all are named, with numbers."""

    def change(row: Row) -> Row | None:
        key = (row["wave_id"], row["respondent_group"], row["stratum"], row["unit_of_count"])
        if key == (WAVE, "bestuur", "so", "respondent"):
            return None
        if key == (WAVE, "bestuur", "vo", "respondent"):
            return {**row, "population_units": "2"}
        if key == (WAVE, "swv", "po", "respondent"):
            return {**row, "population_psus": "1"}
        return row

    _rewrite(project / "seeds" / "codebook" / "populations.csv", change, "utf-8")
    monitor = workspace(project)
    simulate(monitor.landing, [WAVE], scale=0.2)

    result = monitor.run("refresh")

    assert result.returncode == 1 and not monitor.releases
    assert "strata_have_populations" in result.stdout and "Traceback" not in result.stdout
    told = [line for line in result.stdout.splitlines() if WAVE in line and "population" in line]
    assert any("bestuur" in line and "so" in line and "no population" in line for line in told)
    assert any("vo" in line and "fewer units in the population" in line for line in told)
    assert any("swv" in line and "po" in line and "fewer PSUs" in line for line in told)


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A wave in which nobody answered a question, and one board answered at all."""
    monitor = Workspace(tmp_path_factory.mktemp("thin"))
    simulate(monitor.landing, [WAVE], scale=0.2)
    _rewrite(monitor.landing / WAVE / "schoolleider.csv", lambda row: {**row, "Q01": ""})
    kept: list[Row] = []

    def only_one(row: Row) -> Row | None:
        is_good = row["completed_at"] and row["is_test"] != "1"
        if kept or not is_good:
            return None
        kept.append(row)
        return row

    _rewrite(monitor.landing / WAVE / "bestuur.csv", only_one)
    result = monitor.run("refresh")
    assert result.returncode == 0, result.stdout
    return monitor


def test_a_question_that_nobody_answered_keeps_its_rows(thin: Workspace) -> None:
    code = thin.query_warehouse(
        "select indicator_code from intermediate.int_codebook__variables "
        "where wave_id = ? and respondent_group = 'schoolleider' and variable = 'q01'", WAVE,
    )[0][0]  # fmt: skip
    where = (
        f"wave_id = '{WAVE}' and respondent_group = 'schoolleider' and indicator_code = '{code}'"
    )
    private = thin.query_warehouse(
        "select estimate, standard_error, n_respondents, reliability "
        f"from indicators.fct_indicator_estimates where {where} and measure = 'share_endorsed'"
    )
    assert private and set(private) == {(None, None, 0, None)}
    published = thin.query(
        f"select distinct estimate, n_respondents, suppression_reason "
        f"from fct_indicator_estimates where {where} and measure = 'share_endorsed'"
    )
    assert published == [(None, None, "small_n")]
    changes = thin.query_warehouse(
        "select count(*) from indicators.fct_indicator_changes "
        f"where {where} and (change is not null or p_value is not null)"
    )
    assert changes == [(0,)]


def test_one_respondent_has_an_estimate_without_error(thin: Workspace) -> None:
    rows = thin.query_warehouse(
        "select distinct standard_error, ci_lower, n_respondents, degrees_of_freedom, reliability "
        "from indicators.fct_indicator_estimates "
        "where wave_id = ? and respondent_group = 'bestuur' and breakdown = 'total' "
        "and measure = 'share_endorsed' and n_respondents > 0", WAVE,
    )  # fmt: skip
    assert rows == [(None, None, 1, 0, "unreliable")]
    shown = thin.query(
        "select count(*) from fct_indicator_estimates "
        "where respondent_group = 'bestuur' and not is_suppressed"
    )
    assert shown == [(0,)]
