"""Answers from a latent-variable model, at the levels of `targets.csv`.

A latent score has variance 1: the swv and the school (or other unit) per goal, the person over all
items, and noise. Cutting it at one point divides endorsed from other answers; the other categories
lie at a fixed distance. In the first wave that point is chosen so that the weighted share of the
sample itself is the target (a quota), in later waves it is that of a normal distribution, so that
shares vary by chance.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from simulation.population import SWV_VARIANCE, UNIT_VARIANCE, Population, stream
from simulation.questionnaires import Floats, Question, Scale, Target, Wave
from simulation.respondents import UNFINISHED, Rows

PERSON_VARIANCE = 0.35
NOISE_VARIANCE = 1 - PERSON_VARIANCE - UNIT_VARIANCE - SWV_VARIANCE
OFFICE_LOADING = 0.8  # how much of a single spokesperson's view comes back in later waves
STRATUM_SD = 0.12  # on the latent scale, some five percentage points
CATEGORY_WIDTH = 0.85  # of an answer category, on the latent scale
MARK_SD, HALF_MARKS = 1.3, 0.1
RATES = {"not_applicable": 0.02, "refused": 0.01}
NOT_ANSWERED_RATE = 0.015


class AnswerModel:
    """Answers the questions of one group in one wave."""

    def __init__(self, population: Population, wave: Wave, group: str, rows: Rows) -> None:
        self.survey, self.wave, self.group, self.rows = population.survey, wave, group, rows
        self.goals, self.seed = population.goals, population.seed
        units, unit = rows.sample.units, rows.unit
        self._effects = units.effects[unit]
        person = stream(self.seed, "person", wave.wave_id, group).standard_normal(len(unit))
        if rows.sample.is_single:
            own = math.sqrt(1 - OFFICE_LOADING**2) * person
            person = OFFICE_LOADING * units.person[unit] + own
        self._person = math.sqrt(PERSON_VARIANCE) * person
        self._strata, self._stratum = np.unique(
            rows.sample.stratum[rows.respondent], return_inverse=True
        )
        self._weight = rows.sample.weights["respondent"][rows.respondent] * rows.is_kept

    def answer(self, question: Question, is_asked: NDArray[np.bool_]) -> Floats:
        """Codes per row, NaN where left blank; who is not asked counts in no target."""
        if question.scale is None:
            raise ValueError(f"{self.wave.wave_id}, {question.variable}: an item needs a scale")
        indicator = self.survey.indicators[question.indicator_code]
        target = self.survey.targets[question.indicator_code, self.group]
        rng = stream(self.seed, "answers", self.wave.wave_id, self.group, question.variable)
        missing = self._missing(rng, question, target)
        is_substantive = np.isinf(missing)
        is_counted = is_base = is_substantive & is_asked & self.rows.is_kept
        if indicator["dont_know_rule"] == "count_as_negative":
            is_dont_know = missing == question.missing_code("dont_know")
            is_base = (is_substantive | is_dont_know) & is_asked & self.rows.is_kept
        weight = self._weights(question.indicator_code, is_base)
        quota = np.where(is_counted, weight, 0)
        latent = self._latent(rng, indicator)
        level = target.level + target.change_per_wave * (self.wave.number - 1)
        if question.scale.is_numeric:
            values = self._marks(rng, latent, level, quota)
        else:
            share = level * weight[is_base].sum() / max(quota.sum(), 1e-9)
            endorsed = [int(code) for code in indicator["endorsed_codes"].split("|")]
            values = self._categories(question.scale, endorsed, latent, share, quota)
        return np.where(is_substantive, values, missing)

    def _missing(self, rng: np.random.Generator, question: Question, target: Target) -> Floats:
        """The code of a missing answer, NaN for a blank, infinite for a substantive answer."""
        rates = {"dont_know": target.dont_know} | RATES
        coded = {question.missing_code(reason): rate for reason, rate in rates.items()}
        offered = {code: rate for code, rate in coded.items() if not np.isnan(code)}
        codes = np.array([*offered, np.nan, np.inf])
        edges = np.cumsum([*offered.values(), NOT_ANSWERED_RATE])
        place = np.searchsorted(edges, rng.random(len(self.rows.kind)), side="right")
        missing = codes[place]
        # an unfinished questionnaire is kept for what it answers: no blanks before its end
        missing[np.isnan(missing) & (self.rows.kind == UNFINISHED)] = np.inf
        return missing

    def _latent(self, rng: np.random.Generator, indicator: dict[str, str]) -> Floats:
        shifts = stream(self.seed, "strata", indicator["indicator_code"], self.group)
        shift = shifts.normal(0, STRATUM_SD, len(self._strata))[self._stratum]
        shift -= np.average(shift, weights=self._weight)  # strata differ, the population does not
        goal = self.goals.index(indicator["goal_id"])
        view: Floats = self._effects[:, goal] + self._person + shift
        if indicator["direction"] == "lower_better":
            view = -view
        return view + math.sqrt(NOISE_VARIANCE) * rng.standard_normal(len(view))

    def _weights(self, indicator_code: str, is_base: NDArray[np.bool_]) -> Floats:
        """Weight of each row in the estimate; within a school or swv the respondents share it."""
        unit_of_count = self.survey.units_of_count[indicator_code, self.group]
        weight: Floats = self.rows.sample.weights[unit_of_count][self.rows.respondent]
        if unit_of_count == "respondent":
            return weight
        answers = np.bincount(self.rows.unit[is_base], minlength=self.rows.unit.max() + 1)
        return weight / np.maximum(answers[self.rows.unit], 1)

    def _categories(
        self, scale: Scale, endorsed: list[int], latent: Floats, share: float, quota: Floats
    ) -> Floats:
        """Codes of which the endorsed ones, the highest of the scale, have this share."""
        codes = scale.substantive
        first = min(codes.index(code) for code in endorsed)
        if self.wave.number == 1:
            cut = _weighted_cut(latent, quota, share)
        else:
            cut = NormalDist().inv_cdf(1 - min(max(share, 0.001), 0.999))
        place = first + np.floor((latent - cut) / CATEGORY_WIDTH)
        return np.array(codes, dtype=float)[place.clip(0, len(codes) - 1).astype(np.intp)]

    def _marks(
        self, rng: np.random.Generator, latent: Floats, mean: float, quota: Floats
    ) -> Floats:
        """Marks with this mean, some of them half ones."""
        is_half = rng.random(len(latent)) < HALF_MARKS

        def marks(centre: float) -> Floats:
            exact = centre + MARK_SD * latent
            return np.where(is_half, np.floor(exact) + 0.5, np.rint(exact)).clip(1, 10)

        centre = mean
        if self.wave.number == 1:
            for _ in range(5):
                centre += mean - float(np.average(marks(centre), weights=quota))
        return marks(centre)


def _weighted_cut(latent: Floats, weight: Floats, share: float) -> float:
    """The score at and above which lies, as nearly as can be, this share of the weight."""
    latent, weight = latent[weight > 0], weight[weight > 0]
    order = np.argsort(-latent)
    middles = np.cumsum(weight[order]) - weight[order] / 2
    place = np.searchsorted(middles, share * weight.sum())
    return float(np.append(np.inf, latent[order])[place])
