"""Simulated deliveries: a folder per wave, with a file per respondent group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from simulation.answers import AnswerModel
from simulation.formats import COMMA_CSV, FORMATS, Table
from simulation.population import Population, stream
from simulation.questionnaires import Array, Question, Survey, Wave
from simulation.respondents import describe, make_rows


def simulate(
    out: Path,
    waves: Sequence[str] | None = None,
    scale: float = 1,
    seed: int = 2022,
    root: Path | None = None,
    targets: Mapping[tuple[str, str], float] | None = None,
) -> list[Path]:
    """Write `<out>/<wave_id>/<respondent_group>.<format>` and `delivery.yml` for each wave.

    The same seed, scale and wave give the same bytes, whatever other waves are written.

    Args:
        out: folder that gets a folder per wave; files of the same name are overwritten.
        waves: wave ids; all waves of the codebook when left out.
        scale: multiplies the sample sizes (respondents); no stratum exceeds its population, so
            swv's, municipalities and boards soon stop growing.
        seed: of all random streams, 0 or higher.
        root: project root above `seeds/`; this project when left out.
        targets: levels in wave 1 by (indicator_code, respondent_group) instead of those of
            `targets.csv`: a share endorsed (0–1), for marks a mean (1–10).

    Returns:
        The files written.

    Raises:
        ValueError: an unknown wave or target, or a scale that is not positive.
    """
    survey = Survey(root, targets)
    wanted = list(survey.waves) if waves is None else list(waves)
    if unknown := set(wanted) - set(survey.waves):
        raise ValueError(f"unknown waves {sorted(unknown)}; waves.csv has {list(survey.waves)}")
    if scale <= 0:
        raise ValueError(f"scale must be positive, not {scale}")
    population = Population(survey, seed)
    return [
        path
        for wave_id in wanted
        for path in _write_wave(out / wave_id, survey.waves[wave_id], population, scale)
    ]


def _write_wave(folder: Path, wave: Wave, population: Population, scale: float) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    write = FORMATS.get(wave.number, COMMA_CSV)
    files = {
        group: write(folder, group, _simulate_group(wave, group, population, scale))
        for wave_id, group in population.survey.questionnaires
        if wave_id == wave.wave_id
    }
    settings = f"seed {population.seed}, schaal {scale:g}"
    manifest = {
        "synthetic": True,
        "agency": f"Simulatie ({settings}): geen van deze respondenten bestaat",
        "files": files,
    }
    path = folder / "delivery.yml"
    path.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return [*(folder / str(entry["file"]) for entry in files.values()), path]


def _simulate_group(wave: Wave, group: str, population: Population, scale: float) -> Table:
    survey = population.survey
    questions = survey.questionnaires[wave.wave_id, group]
    rng = stream(population.seed, "respondents", wave.wave_id, group)
    core_items = sum(question.is_core for question in questions)
    rows = make_rows(rng, population.sample(wave, group, scale), core_items)
    psu_attribute = survey.groups[group]["psu_attribute"] or "school_code"
    facts = describe(rng, rows, population, wave, psu_attribute)
    model = AnswerModel(population, wave, group, rows)

    values: dict[str, Array] = {}
    core_before = 0
    for question in questions:
        if not question.is_item:
            values[question.variable] = _fact(rng, question, facts, len(rows.kind))
            if question.role == "open_text":
                values[question.variable][rows.reach <= core_items] = None
            continue
        is_reached, is_routed = rows.reach > core_before, np.full(len(rows.kind), True)
        if question.routed_by:
            is_routed = np.isin(values[question.routed_by], question.routed_values)
        answers = model.answer(question, is_reached & is_routed)[rows.source]
        answers = np.where(is_routed, answers, question.missing_code("not_routed"))
        values[question.variable] = np.where(is_reached, answers, np.nan)
        core_before += question.is_core

    order = rng.permutation(len(rows.kind))
    return Table(
        wave,
        [
            (question, question.delivered(values[question.variable][order]))
            for question in questions
        ],
    )


def _fact(
    rng: np.random.Generator, question: Question, facts: Mapping[str, Array], count: int
) -> Array:
    """What is known of the rows; a background question that nobody knows gets random answers."""
    known = (facts.get(key) for key in (question.attribute, question.role, question.variable))
    values = next((values for values in known if values is not None), None)
    if question.scale is None:
        return np.full(count, None, dtype=object) if values is None else values
    if values is None:
        return rng.choice(question.scale.substantive, count).astype(float)
    codes = question.scale.breakdowns
    return np.array([codes.get(value, np.nan) for value in values.tolist()], dtype=float)
