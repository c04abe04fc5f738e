"""What the estimation models cost on 1, 10 and 100 times the example's answers.

The inputs of the models are replicated in a DuckDB file of their own: copies of a respondent become
other respondents of its PSU or of a copy of that PSU, as `COPIES` says. The models' own SQL, as dbt
compiled it, then runs in one connection, without dbt's start-up. Beside it the core of the work,
`share_endorsed` and `mean` with Taylor standard errors in every breakdown, is done in pandas, in
polars and, where it is installed, with R's `survey`; they are spared the other measures, goal
scores, intervals and reliability, which the models do too.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import polars as pl
from rich.console import Console
from rich.table import Table

from orchestration.lib.settings import ROOT

COPIES = {
    1: (1, 1),
    10: (2, 5),
    100: (10, 10),
    1000: (20, 50),
}  # scale: (PSUs, respondents in each)
MODELS = "+fct_indicator_estimates,models/intermediate/estimation fct_indicator_estimates"
MEMORY_LIMIT = "3GB"  # of DuckDB; the process takes more
TOLERANCE = 1e-9
R_ITEMS = 3  # svyby takes seconds an item: a sample is timed
R_SCRIPT = """
suppressPackageStartupMessages(library(survey))
options(survey.lonely.psu = "adjust")
answers <- read.csv(commandArgs(TRUE)[1])
fpc <- if (all(is.na(answers$population_psus))) NULL else ~population_psus
estimates <- 0
seconds <- system.time(for (item in unique(answers$estimand_key)) {
  rows <- answers[answers$estimand_key == item, ]
  design <- svydesign(~psu_key, strata = ~stratum_key, weights = ~w, fpc = fpc, data = rows)
  for (breakdown in setdiff(names(rows), c("estimand_key", "psu_key", "stratum_key",
                                           "population_psus", "w", "e", "v"))) {
    for (value in c("e", "v")) {
      found <- svyby(reformulate(value), reformulate(breakdown), design, svymean)
      estimates <- estimates + nrow(found)
    }
  }
})[["elapsed"]]
cat(seconds, estimates)
"""


class Model(NamedTuple):
    """A model as dbt compiled it."""

    relation: str
    is_view: bool
    sql: str


@dataclass(frozen=True)
class Cost:
    """Seconds, peak memory in MB, and the number of estimates made."""

    seconds: float
    memory_mb: float
    estimates: int


def compile_models(env: dict[str, str], target: Path) -> tuple[list[Model], list[str]]:
    """The estimation models in the order in which they run, and the relations they read.

    Raises:
        RuntimeError: dbt failed, with what it said.
    """
    dbt = [str(Path(sys.executable).with_name("dbt")), "--quiet", "--log-level-file", "none"]
    result = subprocess.run(
        [*dbt, "compile", "--select", *MODELS.split()],
        cwd=ROOT, env=env | {"DBT_TARGET_PATH": str(target)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"dbt failed:\n{result.stdout}{result.stderr}")
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    wanted = {name: node for name, node in nodes.items() if node.get("compiled_code")}
    wanted = {name: node for name, node in wanted.items() if node["resource_type"] == "model"}
    parents = {name: node["depends_on"]["nodes"] for name, node in wanted.items()}
    order = [name for name in TopologicalSorter(parents).static_order() if name in wanted]
    inputs = {parent for found in parents.values() for parent in found} - set(wanted)
    return (
        [
            Model(
                wanted[name]["relation_name"],
                wanted[name]["config"]["materialized"] == "view",
                wanted[name]["compiled_code"],
            )
            for name in order
        ],
        sorted(nodes[name]["relation_name"] for name in inputs),
    )


def replicate(source: Path, target: Path, inputs: list[str], scale: int) -> None:
    """Write the inputs of the models, replicated, into a warehouse of their own.

    Weights have mean 1 at any scale, so that they stay as they are.
    """
    psus, persons = COPIES[scale]
    copy = "copies.copy"
    columns = {
        "respondent_key": f"respondent_key * {scale} + {copy} as respondent_key",
        "psu_key": f"cast(psu_key * {psus} + {copy} % {psus} as int) as psu_key",
        "psu_id": f"psu_id || '-' || {copy} % {psus} as psu_id",
        "unit_id": f"""case unit_of_count
            when 'respondent' then cast(respondent_key * {scale} + {copy} as varchar)
            else unit_id || '-' || {copy} % {psus}
        end as unit_id""",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'; set threads = 2")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach '{source}' as example (read_only)")
        connection.execute(f"attach '{target}' as monitor")
        for relation in inputs:
            _, schema, name = (part.strip('"') for part in relation.split("."))
            connection.execute(f"create schema if not exists monitor.{schema}")
            found = [
                row[0] for row in connection.execute(f"describe example.{schema}.{name}").fetchall()
            ]
            selected, source_rows = "*", f"example.{schema}.{name}"
            if "respondent_key" in found:
                selected = ", ".join(columns.get(column, column) for column in found)
                source_rows += f", range({scale}) as copies(copy)"
            elif name == "populations":
                selected = f"""* replace (
                    cast(population_units * {scale} as bigint) as population_units,
                    cast(population_psus * {psus} as bigint) as population_psus)"""
            connection.execute(
                f"create table monitor.{schema}.{name} as select {selected} from {source_rows}"
            )
    assert psus * persons == scale


def _open(warehouse: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'; set threads = 2")
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set temp_directory = '{warehouse.parent / 'spill'}'")
    connection.execute(f"attach '{warehouse}' as monitor; use monitor")
    return connection


def run_models(warehouse: Path, models: list[Model]) -> tuple[float, int]:
    """Run the models; seconds and number of estimates."""
    with _open(warehouse) as connection:
        began = time.perf_counter()
        for model in models:
            connection.execute(
                f"create schema if not exists {model.relation.split('.')[1]};"
                f"create {'view' if model.is_view else 'table'} {model.relation} as {model.sql}"
            )
        seconds = time.perf_counter() - began
        counted = connection.execute(
            "select count(*) from indicators.fct_indicator_estimates where estimate is not null"
        ).fetchone()
    assert counted
    return seconds, counted[0]


class Chunk(NamedTuple):
    """The answers of one wave and group and what estimating takes; columns as in ANSWERS."""

    answers: Any
    breakdowns: Any
    strata: Any
    is_near_census: bool


ANSWERS = """
with answers as (
    select
        estimands.wave_id, estimands.respondent_group, estimands.estimand_key,
        estimands.is_dont_know_negative, estimands.scale_kind in ('ordinal', 'numeric') as has_mean,
        units.respondent_key, units.psu_key, units.stratum_key,
        units.unit_weight, units.unit_id, estimands.unit_of_count <> 'respondent' as is_unit,
        decoded.is_endorsed, decoded.score, decoded.missing_reason is not null as is_dont_know
    from intermediate.int_answers__decoded as decoded
    inner join intermediate.int_estimation__estimands as estimands
        on decoded.variable_key = estimands.estimand_key and estimands.kind = 'indicator'
    inner join intermediate.int_respondents__units as units
        on decoded.respondent_key = units.respondent_key
        and estimands.unit_of_count = units.unit_of_count
    where decoded.missing_reason is null or decoded.missing_reason = 'dont_know'
),
weighted as (
    select * exclude (unit_id, is_unit), unit_weight as substantive, unit_weight as answered
    from answers where not is_unit
    union all
    select
        * exclude (unit_id, is_unit),
        unit_weight / nullif(count(*) filter (not is_dont_know) over unit, 0) as substantive,
        unit_weight / count(*) over unit as answered
    from answers where is_unit window unit as (partition by estimand_key, unit_id)
)
select
    wave_id, respondent_group, respondent_key, estimand_key, psu_key, stratum_key,
    case when is_dont_know_negative then answered when not is_dont_know then substantive end as w_e,
    case when has_mean and not is_dont_know then substantive end as w_v,
    case when is_endorsed then 1e0 else 0e0 end as e,
    score as v
from weighted
"""
ANSWERS_OF_GROUP = """
select * exclude (wave_id, respondent_group) from answers where wave_id = ? and respondent_group = ?
"""
BREAKDOWNS = """
select breakdowns.respondent_key, breakdowns.domain_key, breakdowns.breakdown
from intermediate.int_respondents__breakdowns as breakdowns
where breakdowns.respondent_key in (
    select respondent_key from intermediate.int_respondents__units
    where wave_id = ? and respondent_group = ?
)
"""
STRATA = """
select stratum_key, n_psu, population_psus from intermediate.int_estimation__strata
where wave_id = ? and respondent_group = ?
"""


def _chunks(connection: duckdb.DuckDBPyConnection, kind: str) -> Iterator[Chunk]:
    """Waves and groups one by one, as frames of pandas or polars: all at once fit no memory."""

    def frame(sql: str, *parameters: str) -> Any:
        found = connection.execute(sql, parameters)
        return found.pl() if kind == "polars" else found.df()

    groups = connection.execute(
        "select distinct wave_id, respondent_group, is_near_census "
        "from intermediate.int_estimation__estimands order by all"
    ).fetchall()
    for wave, group, is_near_census in groups:
        yield Chunk(
            frame(ANSWERS_OF_GROUP, wave, group),
            frame(BREAKDOWNS, wave, group),
            frame(STRATA, wave, group),
            is_near_census,
        )


def with_pandas(chunk: Chunk) -> pd.DataFrame:
    """Estimates and variances per estimand, domain and measure, in pandas."""
    strata = chunk.strata.set_index("stratum_key")
    in_domains = chunk.answers.merge(chunk.breakdowns, on="respondent_key")
    in_domains = in_domains.drop(columns="respondent_key")
    estimated: list[pd.DataFrame] = []
    for measure, weight, value in (("share_endorsed", "w_e", "e"), ("mean", "w_v", "v")):
        rows = in_domains[in_domains[weight].notna()]
        rows = rows.assign(w=rows[weight], wy=rows[weight] * rows[value])
        keys = ["estimand_key", "domain_key", "breakdown", "stratum_key", "psu_key"]
        psus = rows.groupby(keys, sort=False)[["w", "wy"]].sum().reset_index()
        psus = psus.assign(ww=psus.w**2, wwy=psus.w * psus.wy, wywy=psus.wy**2, n_answered=1)
        sums = ["w", "wy", "ww", "wwy", "wywy", "n_answered"]
        moments = psus.groupby(keys[:-1], sort=False)[sums].sum().reset_index()
        totals = moments.groupby(["estimand_key", "domain_key"])[["w", "wy"]].transform("sum")
        n_h = moments.stratum_key.map(strata.n_psu)
        if chunk.is_near_census:
            whole = moments[moments.breakdown == "total"]
            whole = whole.set_index(["estimand_key", "stratum_key"]).n_answered
            answered = pd.MultiIndex.from_frame(moments[["estimand_key", "stratum_key"]])
            n_h = pd.Series(whole.reindex(answered).to_numpy(), index=moments.index)
        f = (n_h / moments.stratum_key.map(strata.population_psus)).astype(float).fillna(0)
        mean = totals.wy / totals.w
        z = (moments.wy - mean * moments.w) / totals.w
        zz = (moments.wywy - 2 * mean * moments.wwy + mean**2 * moments.ww) / totals.w**2
        within = np.where(n_h > 1, n_h / np.maximum(n_h - 1, 1) * (zz - z**2 / n_h), zz)
        moments = moments.assign(estimate=mean, variance=(1 - f).clip(lower=0) * within)
        found = moments.groupby(["estimand_key", "domain_key"]).agg(
            estimate=("estimate", "first"), variance=("variance", "sum")
        )
        estimated.append(found.reset_index().assign(measure=measure))
    return pd.concat(estimated)


def with_polars(chunk: Chunk) -> pl.DataFrame:
    """The same in polars."""
    in_domains = chunk.answers.lazy().join(chunk.breakdowns.lazy(), on="respondent_key")
    estimated = []
    for measure, weight, value in (("share_endorsed", "w_e", "e"), ("mean", "w_v", "v")):
        w, wy, n_h = pl.col("w"), pl.col("wy"), pl.col("n_h")
        moments = (
            in_domains.filter(pl.col(weight).is_not_null())
            .group_by("estimand_key", "domain_key", "breakdown", "stratum_key", "psu_key")
            .agg(
                pl.col(weight).sum().alias("w"),
                (pl.col(weight) * pl.col(value)).sum().alias("wy"),
            )
            .group_by("estimand_key", "domain_key", "breakdown", "stratum_key")
            .agg(
                w.sum(), wy.sum(), (w * w).sum().alias("ww"), (w * wy).sum().alias("wwy"),
                (wy * wy).sum().alias("wywy"), pl.len().alias("n_answered"),
            )
            .join(chunk.strata.lazy(), on="stratum_key")
        )  # fmt: skip
        if chunk.is_near_census:
            whole = moments.filter(pl.col("breakdown") == "total").select(
                "estimand_key", "stratum_key", pl.col("n_answered").alias("n_h")
            )
            moments = moments.join(whole, on=["estimand_key", "stratum_key"])
        else:
            moments = moments.with_columns(pl.col("n_psu").alias("n_h"))
        cell = ["estimand_key", "domain_key"]
        mean, total = pl.col("mean"), pl.col("total")
        z = (wy - mean * w) / total
        zz = (pl.col("wywy") - 2 * mean * pl.col("wwy") + mean**2 * pl.col("ww")) / total**2
        within = pl.when(n_h > 1).then(n_h / (n_h - 1) * (zz - z**2 / n_h)).otherwise(zz)
        f = (n_h / pl.col("population_psus")).fill_null(0)
        estimated.append(
            moments.with_columns(
                (wy.sum().over(cell) / w.sum().over(cell)).alias("mean"),
                w.sum().over(cell).alias("total"),
            )
            .group_by(cell)
            .agg(
                mean.first().alias("estimate"),
                ((1 - f).clip(lower_bound=0) * within).sum().alias("variance"),
            )
            .with_columns(pl.lit(measure).alias("measure"))
        )
    return pl.concat(pl.collect_all(estimated))


IMPLEMENTATIONS: dict[str, Callable[[Chunk], Any]] = {"pandas": with_pandas, "polars": with_polars}


def run_frames(warehouse: Path, kind: str, is_compared: bool) -> tuple[float, int]:
    """Estimate every wave and group in pandas or polars.

    Joining answers with their weights is DuckDB's work here too, and counts; reading frames does
    not.

    Raises:
        ValueError: a figure is not that of the models, or is missing.
    """
    with _open(warehouse) as connection:
        began = time.perf_counter()
        connection.execute(f"create temp table answers as {ANSWERS}")
        seconds, results = time.perf_counter() - began, []
        for chunk in _chunks(connection, kind):
            began = time.perf_counter()
            results.append(IMPLEMENTATIONS[kind](chunk))
            seconds += time.perf_counter() - began
    estimates = pd.concat(
        result if isinstance(result, pd.DataFrame) else result.to_pandas() for result in results
    )
    if is_compared:
        with _open(warehouse) as connection:
            connection.register("frames", estimates)
            differing, missing = connection.execute(
                """
                select
                    count(*) filter (
                        abs(frames.estimate - variances.estimate) > $1
                        -- below, a variance is what rounding to twelve places leaves of zero
                        or greatest(frames.variance, variances.variance) > 1e-10
                        and abs(sqrt(greatest(frames.variance, 0)) - sqrt(variances.variance)) > $1
                        or frames.estimate is null
                    ),
                    count(*) filter (frames.estimand_key is null or variances.estimand_key is null)
                from frames
                full join (
                    select variances.* from intermediate.int_estimation__variances as variances
                    inner join intermediate.int_estimation__estimands as estimands
                        using (estimand_key)
                    where estimands.kind = 'indicator' and (
                        variances.measure = 'share_endorsed'
                        or variances.measure = 'mean'
                        and estimands.scale_kind in ('ordinal', 'numeric')
                    )
                ) as variances using (estimand_key, domain_key, measure)
                """,
                [TOLERANCE],
            ).fetchone() or (1, 1)
        if differing or missing:
            raise ValueError(f"{kind}: {differing} figures differ, {missing} on one side only")
    return seconds, len(estimates)


def run_r(warehouse: Path) -> tuple[float, int] | None:
    """Seconds and estimates of svyby on a few items; None where R or `survey` is missing."""
    script = shutil.which("Rscript")
    if (
        not script
        or subprocess.run(
            [script, "-e", "library(survey)"], capture_output=True, check=False
        ).returncode
    ):
        return None
    with _open(warehouse) as connection, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.csv"
        connection.execute(f"create temp table all_answers as {ANSWERS}")
        connection.execute(
            "create temp table answers as select * from all_answers "
            "where wave_id = ? and respondent_group = ?",
            ["2024-najaar", "leraar"],
        )
        connection.execute(
            f"""
            copy (
                with items as (
                    select distinct estimand_key from answers order by all limit {R_ITEMS}
                ),
                domains as (
                    pivot (
                        select respondent_key, breakdown, domain_key
                        from intermediate.int_respondents__breakdowns
                        where respondent_key in (select respondent_key from answers)
                    ) on breakdown using max(domain_key)
                )
                select
                    answers.estimand_key, answers.psu_key, answers.stratum_key, answers.w_e as w,
                    answers.e, answers.v, strata.population_psus,
                    domains.* exclude (respondent_key)
                from answers
                inner join items using (estimand_key)
                inner join domains using (respondent_key)
                inner join intermediate.int_estimation__strata as strata using (stratum_key)
                where answers.w_e is not null and answers.w_v is not null
            ) to '{file}'
            """
        )
        result = subprocess.run(
            [script, "-e", R_SCRIPT, str(file)], capture_output=True, text=True, check=False
        )
    if result.returncode:
        raise RuntimeError(f"R failed:\n{result.stderr}")
    seconds, estimates = result.stdout.split()
    return float(seconds), int(estimates)


def _with_memory(function: Callable[..., tuple[float, int]], *arguments: Any) -> Cost:
    seconds, estimates = function(*arguments)
    return Cost(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, estimates)


def in_own_process(function: Callable[..., tuple[float, int]], *arguments: Any) -> Cost:
    """Run a function in a fresh process, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_with_memory, function, *arguments).result()


def measure_estimation(console: Console, example: Path, folder: Path, scales: list[int]) -> None:
    """Measure and print.

    Args:
        example: a refreshed warehouse of the example.
        folder: where the replicated warehouses go, one at a time.
        scales: multiples of the example's answers, keys of `COPIES`.

    Raises:
        ValueError: pandas or polars found other figures than the models, at scale 1.
    """
    models, inputs = compile_models(
        dict(os.environ) | {"MONITOR_WAREHOUSE": str(example)}, folder / "target"
    )
    for scale in scales:
        console.print(f"measuring: estimation at {scale}×", style="dim")
        warehouse = folder / "scaled" / "monitor.duckdb"
        shutil.rmtree(warehouse.parent, ignore_errors=True)
        replicate(example, warehouse, inputs, scale)
        costs = {"the models": in_own_process(run_models, warehouse, models)}
        for kind in IMPLEMENTATIONS:
            costs[kind] = in_own_process(run_frames, warehouse, kind, scale == 1)
        with _open(warehouse) as connection:
            counted = connection.execute(f"select count(*) from ({ANSWERS})").fetchone()
        assert counted
        answers = counted[0]
        if scale == 1 and (sample := run_r(warehouse)):
            share = costs["pandas"].estimates / sample[1]
            costs[f"R, {sample[1]} estimates scaled up"] = Cost(
                sample[0] * share, 0, costs["pandas"].estimates
            )
        psus, persons = COPIES[scale]
        title = f"Estimation at {scale}×: {psus} × the PSUs, {persons} × the respondents in each"
        table = Table("by", title=title, title_justify="left")
        for heading in (
            "answers",
            "estimates",
            "seconds",
            "peak MB",
            "ns an answer",
            "× the models",
        ):
            table.add_column(heading, justify="right")
        base = costs["the models"].seconds
        for label, cost in costs.items():
            table.add_row(
                label, f"{answers:,}", f"{cost.estimates:,}", f"{cost.seconds:.2f}",
                f"{cost.memory_mb:,.0f}" if cost.memory_mb else "",
                f"{cost.seconds / answers * 1e9:,.0f}", f"{cost.seconds / base:,.1f}",
            )  # fmt: skip
        console.print(table)
        shutil.rmtree(warehouse.parent)
    console.print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
