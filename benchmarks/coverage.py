"""Do intervals of 95 % hold the truth in 95 % of samples?

A finite population with the example's design (strata, schools, samenwerkingsverbanden,
municipalities, boards and the persons in them) is drawn once, so that every figure has a truth.
Samples from it enter a copy of the project as waves, and one dbt build estimates them all.

Waves come in pairs that no other pair shares anything with. In the second of a pair opinions have
changed by a known amount, and its units overlap with the first's as in the example; between pairs
units overlap by chance alone. Groups that are not drawn by chance (parents, pupils) stay out: no
interval is promised for them.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from orchestration.lib.codebook import Codebook, read_seed
from orchestration.lib.settings import ROOT
from orchestration.lib.warehouse import connect, prepare, quote, transaction
from simulation.answers import CATEGORY_WIDTH, NOISE_VARIANCE, PERSON_VARIANCE
from simulation.population import (
    DESIGNS,
    TURNOVER,
    Places,
    Population,
    Units,
    allocate,
    stream,
)
from simulation.questionnaires import Array, Question, Survey
from simulation.respondents import EXPERIENCE, EXPERIENCE_SHARES

TEMPLATE = "2022-voorjaar"  # the wave whose questionnaires and populations are used
PROJECT = (
    "dbt_project.yml", "profiles.yml", "selectors.yml", "profiles", "models", "macros", "seeds",
    "tests/generic",
)  # fmt: skip
ITEMS_PER_UNIT_OF_COUNT = 3
CHANGE = 0.1  # between the waves of a pair, on the latent scale: some four percentage points
BLANK_RATE = 0.045  # not answered, refused or not applicable, by chance in every wave
AIM = 0.94, 0.97  # on average
TAKEN_WHOLE = 2  # persons; in larger units a sample is drawn

# one row per figure and wave, with its truth; `is_change` tells changes from levels
RESULTS = """
with truth as (

    select * from truths

),

levels as (

    select
        estimates.*,
        waves.measurement_number,
        truth.value as truth
    from indicators.fct_indicator_estimates as estimates
    inner join codebook.waves as waves using (wave_id)
    inner join truth
        on
            waves.measurement_number % 2 = truth.wave_in_pair % 2
            and estimates.indicator_code = truth.indicator_code
            and estimates.respondent_group = truth.respondent_group
            and estimates.breakdown = truth.breakdown
            and estimates.breakdown_value = truth.breakdown_value
            and estimates.measure = truth.measure
    where estimates.reliability = 'reliable'

),

changes as (

    select
        changes.*,
        later.measurement_number,
        later.truth - earlier.truth as truth
    from indicators.fct_indicator_changes as changes
    inner join levels as later
        using (wave_id, indicator_code, respondent_group, breakdown, breakdown_value, measure)
    inner join levels as earlier
        on
            changes.baseline_wave_id = earlier.wave_id
            and later.measurement_number = earlier.measurement_number + 1
            and changes.indicator_code = earlier.indicator_code
            and changes.respondent_group = earlier.respondent_group
            and changes.breakdown = earlier.breakdown
            and changes.breakdown_value = earlier.breakdown_value
            and changes.measure = earlier.measure
    where changes.comparability = 'comparable'

)

select
    'level' as kind, (measurement_number + 1) // 2 as pair, respondent_group, breakdown,
    case when measure like 'share_option%' then 'share_option' else measure end as measure,
    truth between ci_lower and ci_upper as is_covered,
    estimate - truth as error, standard_error
from levels
where ci_lower is not null
union all
select
    case when measurement_number % 2 = 0 then 'change, rotated' else 'change, apart' end as kind,
    (measurement_number + 1) // 2 as pair, respondent_group, breakdown, measure,
    truth between ci_lower and ci_upper as is_covered,
    change - truth as error, standard_error
from changes
where ci_lower is not null
"""


@dataclass(frozen=True)
class Persons:
    """Everybody of a group, ordered by unit; `unit` is the place of each person's unit in `units`,
    `first` and `size` where a unit's persons begin and how many they are (0: not in the group)."""

    units: Units
    unit: Places
    first: Places
    size: Places
    stratum: Array
    facts: dict[str, Array]


@dataclass(frozen=True)
class Item:
    """A question with everybody's answer: codes per wave of a pair × person."""

    question: Question
    unit_of_count: str
    is_ordinal: bool
    is_negative: bool
    endorsed: list[int]
    codes: NDArray[np.int64]
    is_dont_know: NDArray[np.bool_]


def _persons(population: Population, group: str) -> Persons:
    """Spread a group's population evenly over its units, so that units weigh about the same."""
    survey, design = population.survey, population.survey.groups[group]
    wave = survey.waves[TEMPLATE]
    units = population.units[design["psu_attribute"]]
    strata = units.strata(design["stratum_by"])
    psus = survey.population(wave, group, "respondent", "population_psus")
    size = np.zeros(len(strata), dtype=np.intp)
    for stratum, count in survey.population(wave, group, "respondent", "population_units").items():
        members = np.flatnonzero(strata == stratum)[: psus.get(stratum)]
        # one person each stays one each where the example knows fewer units than the seed
        persons = len(members) if count == psus.get(stratum) else count
        size[members] = persons // len(members)
        size[members[: persons % len(members)]] += 1
    unit = np.repeat(np.arange(len(size)), size)
    rng = stream(population.seed, "coverage", "experience", group)
    facts = {
        "sector": units.sector[unit],
        "region": units.region[unit],
        "school_size": units.size[unit],
        "swv": population.swv_codes[units.swv[unit]],
        "experience": rng.choice(np.array(EXPERIENCE, object), len(unit), p=EXPERIENCE_SHARES),
        design["psu_attribute"]: units.code[unit],
    }
    return Persons(units, unit, np.cumsum(size) - size, size, strata, facts)


def _answer(population: Population, group: str, persons: Persons, question: Question) -> Item:
    """What everybody thinks in both waves of a pair: the same view, other noise, and a change."""
    assert question.scale is not None
    indicator = population.survey.indicators[question.indicator_code]
    target = population.survey.targets[question.indicator_code, group]
    rng = stream(population.seed, "coverage", question.indicator_code, group)
    goal = population.goals.index(indicator["goal_id"])
    count = len(persons.unit)
    view = persons.units.effects[persons.unit, goal] + math.sqrt(
        PERSON_VARIANCE
    ) * rng.standard_normal(count)
    latent = view + math.sqrt(NOISE_VARIANCE) * rng.standard_normal((2, count))
    latent[1] += CHANGE
    is_negative = indicator["dont_know_rule"] == "count_as_negative"
    share = target.level / (1 - target.dont_know) if is_negative else target.level
    codes = question.scale.substantive
    endorsed = [int(code) for code in indicator["endorsed_codes"].split("|")]
    cut = np.quantile(latent[0], 1 - share)
    place = min(map(codes.index, endorsed)) + np.floor((latent - cut) / CATEGORY_WIDTH)
    return Item(
        question,
        population.survey.units_of_count[question.indicator_code, group],
        is_ordinal=indicator["scale"] != "YND",
        is_negative=is_negative,
        endorsed=endorsed,
        codes=np.array(codes)[place.clip(0, len(codes) - 1).astype(np.intp)],
        is_dont_know=rng.random(count) < target.dont_know,
    )


def _truths(group: str, persons: Persons, item: Item, breakdowns: Iterable[str]) -> Iterator[Any]:
    """The figures of the whole population, as rows of the table `truths`."""
    is_substantive = ~item.is_dont_know
    everyone = np.full(len(persons.unit), "all", dtype=object)
    domains = {name: persons.facts.get(name, everyone) for name in ("total", *breakdowns)}
    for wave, codes in enumerate(item.codes, start=1):
        is_endorsed = np.isin(codes, item.endorsed) & is_substantive
        base = np.ones(len(codes), dtype=bool) if item.is_negative else is_substantive
        measures = {
            "share_endorsed": (is_endorsed, base),
            "share_dont_know": (item.is_dont_know, np.ones(len(codes), dtype=bool)),
        }
        if item.is_ordinal:
            measures["mean"] = codes, is_substantive
        for code in item.question.scale.substantive if item.question.scale else []:
            measures[f"share_option_{code}"] = codes == code, is_substantive
        for measure, (values, is_base) in measures.items():
            weight = is_base.astype(float)
            if item.unit_of_count != "respondent":
                in_unit = np.bincount(persons.unit, weight, len(persons.size))
                weight /= np.maximum(in_unit[persons.unit], 1)
            for breakdown, domain in domains.items():
                names, place = np.unique(domain.astype(str), return_inverse=True)
                total = np.bincount(place, weight)
                figures = np.bincount(place, weight * values) / np.maximum(total, 1e-12)
                for name, figure in zip(names.tolist(), figures.tolist(), strict=True):
                    yield (
                        wave, item.question.indicator_code, group, breakdown, name, measure, figure,
                    )  # fmt: skip


def _draw_pair(
    rng: np.random.Generator, group: str, persons: Persons, turnover: float
) -> list[Places]:
    """Persons in the two samples of a pair; `turnover` is the share of units that is replaced."""
    total, per_unit = DESIGNS[group]
    present = np.flatnonzero(persons.size)
    _, place = np.unique(persons.stratum[present], return_inverse=True)
    population = np.bincount(place, persons.size[present])
    wanted = allocate(total, population, 1)
    units: list[list[Places]] = [[], []]
    for number, size in enumerate(wanted.tolist()):
        members = rng.permutation(present[place == number])
        mean = min(per_unit, population[number] / len(members))
        count = min(math.ceil(size / mean), len(members))
        shift = round(turnover * min(count, len(members) - count))
        units[0].append(members[:count])
        units[1].append(members[shift : shift + count])
    return [_draw_persons(rng, persons, np.concatenate(drawn), per_unit) for drawn in units]


def _draw_persons(
    rng: np.random.Generator, persons: Persons, units: Places, per_unit: float
) -> Places:
    """One to about twice `per_unit` persons of each unit, or all of a small one."""
    size = persons.size[units]
    most = max(1, round(2 * per_unit) - 1)
    take = np.where(
        size <= TAKEN_WHOLE, size, np.minimum(size, rng.integers(1, most + 1, len(size)))
    )
    place = np.repeat(np.arange(len(units)), size)
    within = np.arange(len(place)) - np.repeat(np.cumsum(size) - size, size)
    order = np.lexsort((rng.random(len(place)), place))
    is_drawn = within < take[place]  # `within` counts persons of a unit in the shuffled order too
    return (persons.first[units][place] + within)[order][is_drawn]


def _copy_project(folder: Path) -> Path:
    root = folder / "project"
    for name in PROJECT:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return root


def _write_seed(root: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with (root / "seeds" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_codebook(
    root: Path, waves: list[str], asked: dict[str, list[Question]], groups: dict[str, Persons]
) -> None:
    """Seeds of as many waves as there are samples, alike in all but their number."""
    model = next(row for row in read_seed("codebook/waves") if row["wave_id"] == TEMPLATE)
    _write_seed(
        root,
        "codebook/waves",
        [
            model | {"wave_id": wave, "measurement_number": number}
            for number, wave in enumerate(waves, start=1)
        ],
    )
    names = {(group, q.variable) for group, questions in asked.items() for q in questions}
    plain = {"answers_as": "code", "is_reversed": "false", "is_core": "false", "routed_by": ""}
    plain |= {"routed_values": "", "is_comparable": "true"}
    columns = [
        row | (plain if row["scale"] else {})
        for row in read_seed("codebook/variables")
        if row["wave_id"] == TEMPLATE and (row["respondent_group"], row["variable"]) in names
    ]
    _write_seed(
        root,
        "codebook/variables",
        [row | {"wave_id": wave} for wave in waves for row in columns],
    )
    populations = []
    for row in read_seed("codebook/populations"):
        if row["wave_id"] == TEMPLATE and row["respondent_group"] in groups:
            persons = groups[row["respondent_group"]]
            size = persons.size[(persons.stratum == row["stratum"]) & (persons.size > 0)]
            counts = size.sum() if row["unit_of_count"] == "respondent" else len(size)
            psus = len(size) if row["population_psus"] else ""
            populations.append(row | {"population_units": counts, "population_psus": psus})
    _write_seed(
        root,
        "codebook/populations",
        [row | {"wave_id": wave} for wave in waves for row in populations],
    )


def _deliver(
    connection: duckdb.DuckDBPyConnection,
    rng: np.random.Generator,
    group: str,
    waves: list[str],
    samples: list[Places],
    persons: Persons,
    items: list[Item],
    background: list[Question],
) -> None:
    """Write the samples of a group as accepted deliveries: `raw.<group>` and the register."""
    person = np.concatenate(samples)
    wave = np.repeat(np.arange(len(waves)), [len(sample) for sample in samples])
    ids = np.array([f"{group}-{wave_id}" for wave_id in waves], dtype=object)
    columns: dict[str, Any] = {
        "delivery_id": ids[wave],
        "row_number": np.concatenate([np.arange(len(sample)) for sample in samples]) + 1,
    }
    for question in background:
        values = persons.facts[question.attribute][person]
        if question.scale:
            options = question.scale.breakdowns
            values = np.array([options[value] for value in values.tolist()])
        columns[question.variable] = values
    for item in items:
        codes = np.where(
            item.is_dont_know[person],
            int(item.question.missing_code("dont_know")),
            item.codes[wave % 2, person],
        )
        columns[item.question.variable] = pa.array(codes, mask=rng.random(len(codes)) < BLANK_RATE)
    rows = pa.table(columns)
    register = pa.table({"delivery_id": ids, "wave_id": waves})
    with transaction(connection):
        connection.register("delivered_rows", rows)
        connection.execute(f"insert into raw.{quote(group)} by name select * from delivered_rows")
        connection.register("delivered_files", register)
        connection.execute(
            """
            insert into raw.deliveries by name
            select
                delivery_id, wave_id, ? as respondent_group, delivery_id as file_name,
                md5(delivery_id) as sha256, 0 as size_bytes, timestamp '2022-01-01' as landed_at,
                'accepted' as status, true as is_synthetic
            from delivered_files
            """,
            [group],
        )


def _choose(questions: list[Question], population: Population, group: str) -> list[Question]:
    """A few items per unit of count, from the whole range of goals."""
    chosen: list[Question] = []
    by_unit: dict[str, list[Question]] = {}
    for question in questions:
        unit = population.survey.units_of_count.get((question.indicator_code, group))
        if question.is_item and unit:
            by_unit.setdefault(unit, []).append(question)
    for found in by_unit.values():
        places = np.linspace(0, len(found) - 1, min(len(found), ITEMS_PER_UNIT_OF_COUNT))
        chosen += [found[place] for place in places.round().astype(int).tolist()]
    return chosen


def measure_coverage(
    folder: Path, waves: int, seed: int = 1, turnover: float = TURNOVER
) -> pd.DataFrame:
    """Draw samples, build, and compare every reliable figure with the truth.

    Args:
        folder: an empty folder for the copy of the project and its warehouse.
        waves: number of samples, even: they come in pairs.
        turnover: share of the units of a sample that the second of a pair replaces.

    Returns:
        A row per figure and wave: kind (`level`, `change, rotated` within a pair, `change, apart`
        between pairs), pair, respondent_group, breakdown, measure, is_covered, error (estimate
        minus truth) and standard_error.

    Raises:
        RuntimeError: dbt failed, with what it said.
    """
    population = Population(Survey(), seed)
    survey, wave_ids = population.survey, [f"w{number:04}" for number in range(1, waves + 1)]
    chance = [name for name, row in survey.groups.items() if row["design"] != "nonprobability"]
    groups = {group: _persons(population, group) for group in chance}
    background: dict[str, list[Question]] = {}
    items: dict[str, list[Item]] = {}
    truths: list[Any] = []
    for group, persons in groups.items():
        questions = survey.questionnaires[TEMPLATE, group]
        background[group] = [q for q in questions if q.attribute in persons.facts]
        chosen = _choose(questions, population, group)
        items[group] = [_answer(population, group, persons, question) for question in chosen]
        breakdowns = [q.attribute for q in background[group] if q.role == "breakdown"]
        for item in items[group]:
            truths += _truths(group, persons, item, breakdowns)

    root = _copy_project(folder)
    asked = {
        group: background[group] + [item.question for item in items[group]] for group in groups
    }
    _write_codebook(root, wave_ids, asked, groups)
    warehouse = folder / "monitor.duckdb"
    with connect(warehouse) as connection:
        prepare(connection, Codebook(root))
        for group in set(survey.groups) - set(groups):  # dbt unpivots one column at least
            connection.execute(f"alter table raw.{quote(group)} add column unasked varchar")
        for group, persons in groups.items():
            rng = stream(seed, "coverage", "samples", group)
            samples = [
                sample
                for _ in range(waves // 2)
                for sample in _draw_pair(rng, group, persons, turnover)
            ]
            _deliver(
                connection, rng, group, wave_ids, samples, persons, items[group], background[group]
            )
    select = ["+fct_indicator_estimates", "+fct_indicator_changes"]
    result = subprocess.run(
        [
            Path(sys.executable).with_name("dbt"), "--quiet", "--log-level-file", "none", "build",
            "--select", *select, "--exclude-resource-type", "test", "unit_test",
        ],
        cwd=root,
        env={"MONITOR_MEMORY_LIMIT": "4GB"}
        | os.environ
        | {"MONITOR_WAREHOUSE": str(warehouse), "DBT_TARGET_PATH": str(folder / "target")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"dbt failed:\n{result.stdout}{result.stderr}")
    names = ("wave_in_pair", "indicator_code", "respondent_group", "breakdown", "breakdown_value")
    with connect(warehouse, read_only=True) as connection:
        columns = zip(*truths, strict=True)
        connection.register(
            "truths",
            pa.table(dict(zip((*names, "measure", "value"), map(list, columns), strict=True))),
        )
        return connection.execute(RESULTS).df()


def summarise(results: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Coverage per value of `by`, with its Monte Carlo error and the spread of the errors.

    Figures of one sample depend on each other, pairs of samples do not: the error is that of the
    mean over pairs. `spread` is the standard deviation of error over standard error; 1 is ideal.
    """
    scaled = results.error / results.standard_error.where(results.standard_error > 0)
    groups = results.assign(scaled=scaled).groupby(list(by))
    pairs = results.groupby([*by, "pair"]).is_covered.mean().groupby(list(by))
    return pd.DataFrame(
        {
            "figures": groups.size(),
            "coverage": groups.is_covered.mean(),
            "error": pairs.std() / np.sqrt(pairs.size()),
            "spread": groups.scaled.std(),
        }
    ).reset_index()


def show(console: Console, results: pd.DataFrame) -> None:
    """Print coverage by kind, and by group, measure and breakdown within it."""
    for column in ("kind", "respondent_group", "measure", "breakdown"):
        by = ["kind"] if column == "kind" else ["kind", column]
        table = Table(*by, title=f"Coverage of 95 % intervals by {column}", title_justify="left")
        for heading in ("figures", "coverage", "Monte Carlo error", "spread of errors", ""):
            table.add_column(heading, justify="right")
        for row in summarise(results, *by).to_dict("records"):
            low, high = (row["coverage"] + sign * 2 * row["error"] for sign in (-1, 1))
            is_outside = high < AIM[0] or low > AIM[1]
            table.add_row(
                *(row[name] for name in by),
                f"{row['figures']:,}",
                f"{row['coverage']:.1%}",
                f"{row['error']:.1%}",
                f"{row['spread']:.2f}",
                "outside" if is_outside else "",
            )
        console.print(table)
    console.print(f"outside: beyond {AIM[0]:.0%} to {AIM[1]:.0%} by more than two errors")
