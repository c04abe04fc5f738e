"""R `survey`, where it is installed, computes again: the fixture's answers, the example's figures.

The last two example waves hold every group, design, unit of count and measure; of the questions
that are alike in these, one is taken. Left out: samenwerkingsverbanden and school sizes as
breakdowns (as regions, but many), goal scores, intervals at 0 and 1, which R leaves to its user,
and Benjamini-Hochberg, which test_estimates_agree_with_r.py has.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from fixtures.agreement import EXACT, ITERATED, assert_agree, assert_estimates_agree, joined
from fixtures.estimation import FOLDER, read_table

from conftest import Workspace

SCRIPTS = Path(__file__).parents[2] / "r"
WAVES = ("2025-najaar", "2026-najaar")
BREAKDOWNS = ("total", "sector", "region", "experience")
KEYS = [
    "wave_id", "indicator_code", "respondent_group", "breakdown", "breakdown_value", "measure",
]  # fmt: skip

EXPORTS = {
    # one question for every group, unit of count, kind of scale and don't-know rule
    "questions": f"""
        with questions as (
            select
                variables.respondent_group, variables.unit_of_count, variables.scale_kind,
                indicators.dont_know_rule, min(variables.indicator_code) as indicator_code
            from intermediate.int_codebook__variables as variables
            inner join codebook.indicators using (indicator_code)
            where variables.role = 'item' and variables.wave_id in {WAVES}
            group by all
        )
        select
            questions.*, indicators.endorsed_codes, respondent_groups.design,
            coalesce(
                respondent_groups.psu_attribute in ('swv', 'municipality', 'school_code'), false
            ) as is_matched,
            (
                select max(options.value) from codebook.scale_options as options
                where options.scale = indicators.scale and options.score is not null
            ) as option_value
        from questions
        inner join codebook.indicators using (indicator_code)
        inner join codebook.respondent_groups using (respondent_group)
        order by all
    """,
    "members": f"""
        select
            units.wave_id, units.respondent_group, units.unit_of_count, units.respondent_key,
            units.unit_id, units.stratum, units.psu_id, units.unit_weight,
            populations.population_psus
        from intermediate.int_respondents__units as units
        left join codebook.populations
            using (wave_id, respondent_group, unit_of_count, stratum)
        where units.wave_id in {WAVES}
        order by all
    """,
    "breakdowns": f"""
        select breakdowns.respondent_key, breakdowns.breakdown, breakdowns.breakdown_value
        from intermediate.int_respondents__breakdowns as breakdowns
        inner join intermediate.int_respondents__weighted using (respondent_key)
        where wave_id in {WAVES} and breakdown in {BREAKDOWNS}
        order by all
    """,
    "answers": f"""
        select
            respondent_key, indicator_code, answer_value, score,
            missing_reason is not null as is_dont_know
        from core.fct_answers
        where wave_id in {WAVES} and (missing_reason is null or missing_reason = 'dont_know')
        order by all
    """,
}
RAKING_EXPORTS = {
    "respondents": """
        select respondent_key, wave_id, respondent_group, sector, landsdeel, region, weight
        from intermediate.int_respondents__weighted where weighting = 'raking' order by all
    """,
    "margins": "select * from codebook.population_margins order by all",
}


def _run_r(script: Path, *arguments: Path) -> None:
    result = subprocess.run(
        ["Rscript", str(script), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def r_survey() -> None:
    """R with its package survey; without, the tests of this module are skipped."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed: apt-get install r-base-core r-cran-survey")
    loaded = subprocess.run(
        ["Rscript", "-e", "library(survey)"], capture_output=True, text=True, check=False
    )
    if loaded.returncode != 0:
        pytest.skip("R has no package survey: apt-get install r-cran-survey")


def _export(workspace: Workspace, tables: dict[str, str], folder: Path) -> None:
    with duckdb.connect(str(workspace.warehouse), read_only=True) as connection:
        for name, sql in tables.items():
            connection.execute(f"copy ({sql}) to '{folder / name}.csv' (header)")


@pytest.fixture(scope="module")
def recomputed(
    r_survey: None, example: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """What R makes of the example's microdata, about 30 s, with the measures named as ours."""
    given, made = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("made")
    _export(example, EXPORTS, given)
    _run_r(SCRIPTS / "example_estimates.R", given, made)
    questions = pd.read_csv(given / "questions.csv", dtype=str)
    assert set(questions["unit_of_count"]) == {"respondent", "school", "samenwerkingsverband"}
    assert questions["respondent_group"].nunique() == 11
    tables = {}
    for name in ("estimates", "changes", "poststratified"):
        table = pd.read_csv(made / f"{name}.csv").merge(
            questions[["respondent_group", "indicator_code", "option_value"]],
            on=["respondent_group", "indicator_code"],
        )
        is_option = table["measure"] == "share_option"
        option = table["measure"] + "_" + table["option_value"]
        tables[name] = table.assign(measure=table["measure"].where(~is_option, option))
    return tables


def _mart(example: Workspace, name: str) -> pd.DataFrame:
    with duckdb.connect(str(example.warehouse), read_only=True) as connection:
        return connection.execute(f"select * from indicators.{name}").df()


def test_the_stored_answers_are_those_of_r(r_survey: None, tmp_path: Path) -> None:
    """R gives on the fixture what the fixture says that R gives."""
    _run_r(FOLDER / "reference.R", FOLDER, tmp_path)
    keys = {
        "r_estimates": ["wave", "item", "type", "grp", "sector", "ervaring"],
        "r_near_census": ["wave", "item", "type", "grp"],
        "r_changes": ["item", "grp", "w0"],
    }
    for name, columns in keys.items():
        stored = read_table(name)
        again = pd.read_csv(tmp_path / f"{name}.csv.gz")
        assert len(again) == len(stored) > 0
        pd.testing.assert_frame_equal(
            again.sort_values(columns, ignore_index=True),
            stored.sort_values(columns, ignore_index=True),
            rtol=EXACT, atol=1e-12,
        )  # fmt: skip


def test_estimates_of_the_example(recomputed: dict[str, pd.DataFrame], example: Workspace) -> None:
    rows = joined(_mart(example, "fct_indicator_estimates"), recomputed["estimates"], KEYS)
    assert set(rows["breakdown"]) == set(BREAKDOWNS)
    n_compared, n_shares = assert_estimates_agree(rows)
    assert n_compared > 1500
    assert 500 < n_shares < n_compared
    designed = rows[(rows["se"] > 1e-9) & (rows["df"] >= 2) & rows["deff"].notna()]
    assert len(designed) > 1000
    assert_agree(designed, "design_effect", "deff", EXACT)


def test_changes_of_the_example(recomputed: dict[str, pd.DataFrame], example: Workspace) -> None:
    """With the covariance of schools, municipalities and samenwerkingsverbanden in both waves."""
    changes = recomputed["changes"]
    changes = changes[changes["measure"].isin(["share_endorsed", "mean"])]
    keys = [*KEYS, "baseline_wave_id"]
    rows = joined(_mart(example, "fct_indicator_changes"), changes, keys)
    assert_agree(rows, "change", "change", EXACT)
    # a wave in which all answers were alike has no error here, and so no change has
    compared = rows[(rows["min_se"] > 1e-9) & (rows["se"] > 1e-9) & (rows["min_df"] >= 2)]
    assert len(compared) > 500
    assert (compared["covariance"].abs() > 0.1 * compared["se"] ** 2).sum() > 100
    assert_agree(compared, "degrees_of_freedom", "df", 0)
    assert_agree(compared, "standard_error", "se", EXACT)
    half_width = compared["ours_ci_upper"] - compared["ours_change"]
    compared = compared.assign(ours_half_width=half_width)
    assert_agree(compared, "half_width", "half_width", EXACT)
    tested = compared[compared["ours_p_value"].notna()]
    nonprobability = {"ouder", "leerling", "ouder_thuiszitter"}
    is_tested = (compared["df"] >= 8) & ~compared["respondent_group"].isin(nonprobability)
    assert set(tested.index) == set(compared.index[is_tested])
    assert len(tested) > 300
    assert_agree(tested, "p_value", "p", ITERATED)


def test_weights_taken_as_fixed_are_about_as_good_as_poststratified(
    recomputed: dict[str, pd.DataFrame],
) -> None:
    """The strata of the weights are those of the design, so that little is left to gain."""
    rows = recomputed["poststratified"]
    ratio = rows["se_fixed"] / rows["se_poststratified"]
    assert rows["respondent_group"].nunique() == 11
    assert ratio.groupby(rows["respondent_group"]).median().between(0.99, 1.02).all(), ratio
    assert ratio.between(0.97, 1.05).all(), ratio


def test_raked_weights_of_the_example(r_survey: None, example: Workspace, tmp_path: Path) -> None:
    _export(example, RAKING_EXPORTS, tmp_path)
    _run_r(SCRIPTS / "raking.R", tmp_path, tmp_path)
    rows = joined(
        pd.read_csv(tmp_path / "respondents.csv"),
        pd.read_csv(tmp_path / "weights.csv"),
        ["respondent_key"],
    )
    assert len(rows) > 500
    assert rows["weight"].nunique() > 10
    assert_agree(rows, "weight", "weight", EXACT)
