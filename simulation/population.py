"""The simulated population of sampling units, and samples of respondents drawn from it.

The population depends on the seed alone, so schools, samenwerkingsverbanden, municipalities and
boards come back in later waves. Schools and boards are invented; the code of a school starts with
a 9, as no real one does.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.lib.codebook import read_seed
from simulation.questionnaires import Array, Floats, Survey, Wave

Places = NDArray[np.intp]

# respondents at scale 1, and respondents per sampling unit
DESIGNS: dict[str, tuple[int, float]] = {
    "swv": (100, 1),
    "gemeente_beleid": (150, 1),
    "gemeente_leerplicht": (120, 1),
    "bestuur": (200, 1),
    "schoolleider": (700, 1),
    "leraar": (1500, 3),
    "intern_begeleider": (900, 1.5),
    "swv_ondersteuner": (400, 4),
    "ouder": (1500, 4.5),
    "leerling": (800, 4.5),
    "ouder_thuiszitter": (250, 1),
}
DEFAULT_DESIGN = (400, 1.0)
SIZES = ["small", "medium", "large"]
SIZE_SHARES = {"po": [0.35, 0.5, 0.15], "vo": [0.05, 0.25, 0.7], "so": [0.6, 0.35, 0.05]}
SHARE_IN_SWV_PO = {"po": 1.0, "vo": 0.0, "so": 0.65}
SWV_VARIANCE, UNIT_VARIANCE = 0.03, 0.08  # shares of the variance of a latent answer
ALLOCATION_POWER = 0.75  # 1 is proportional to the population, 0 is equal
SMALLEST_STRATUM = 20  # respondents, but never more than a fifth of the stratum
TURNOVER = 0.6  # share of the units that the next wave replaces


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random stream for what `names` name; draws elsewhere never shift it."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(frozen=True)
class Units:
    """Sampling units of one kind in random order; arrays of one length.

    `swv` is a place among the swv's, `position` a permanent random number in [0, 1) by which
    samples rotate, `effects` the latent effect of unit and swv per goal, `person` that of
    whoever speaks for the unit.
    """

    code: Array
    sector: Array
    region: Array
    landsdeel: Array
    size: Array
    swv: Places
    position: Floats
    effects: Floats
    person: Floats

    def strata(self, stratum_by: str) -> Array:
        """The stratum of each unit: sector, landsdeel, or both as in `po_noord`."""
        both = self.sector + "_" + self.landsdeel
        return {"sector": self.sector, "landsdeel": self.landsdeel}.get(stratum_by, both)


@dataclass(frozen=True)
class Sample:
    """Respondents, as places in `units`.

    `weights` holds, per unit of count, the population of the stratum divided by the number of
    respondents, schools or swv's in the sample.
    """

    units: Units
    unit: Places
    stratum: Array
    weights: dict[str, Floats]
    is_single: bool


class Population:
    """All sampling units, by the attribute that names them (`psu_attribute`)."""

    def __init__(self, survey: Survey, seed: int) -> None:
        self.survey, self.seed = survey, seed
        self.goals = sorted({row["goal_id"] for row in survey.indicators.values()})
        provinces = read_seed("reference/provinces", survey.root)
        landsdelen = {row["region"]: row["landsdeel"] for row in provinces}
        # the two national swv's lie in no province, and every questionnaire asks for one
        rows = read_seed("reference/samenwerkingsverbanden", survey.root)
        swvs = [row for row in rows if row["region"] in landsdelen]
        self.swv_codes = _texts([row["swv_code"] for row in swvs])
        self._regions = _texts([row["region"] for row in swvs])
        self._landsdelen = _texts([landsdelen[row["region"]] for row in swvs])
        self._swv_effects = stream(seed, "swv").standard_normal((len(swvs), len(self.goals)))
        # a random postcode area gives a swv po and a swv vo of the same place
        place = {row["swv_code"]: number for number, row in enumerate(swvs)}
        rows = read_seed("reference/swv_regions_pc4", survey.root)
        areas = [row for row in rows if row["swv_po"] in place and row["swv_vo"] in place]
        self._area_swvs = [
            np.array([place[row[column]] for row in areas]) for column in ("swv_po", "swv_vo")
        ]
        municipalities = {row["municipality"]: place[row["swv_po"]] for row in areas}
        sectors = [row["sector"] for row in swvs]
        self.units = {
            "swv": self._build("swv", list(place), sectors, list(place.values())),
            "municipality": self._build(
                "municipality",
                list(municipalities),
                [""] * len(municipalities),
                list(municipalities.values()),
            ),
            "board_code": self._invent("board_code", _board_code),
            "school_code": self._invent("school_code", _school_code),
        }

    def _build(
        self, kind: str, codes: Sequence[str], sectors: Sequence[str], swvs: ArrayLike
    ) -> Units:
        rng, count = stream(self.seed, "units", kind), len(codes)
        order = rng.permutation(count)
        sector, swv = _texts(sectors)[order], np.asarray(swvs)[order]
        size = np.full(count, "", dtype=object)
        for name, shares in SIZE_SHARES.items():
            size[sector == name] = rng.choice(SIZES, np.count_nonzero(sector == name), p=shares)
        own = math.sqrt(UNIT_VARIANCE) * rng.standard_normal((count, len(self.goals)))
        shared = math.sqrt(SWV_VARIANCE) * self._swv_effects[swv]
        return Units(
            code=_texts(codes)[order],
            sector=sector,
            region=self._regions[swv],
            landsdeel=self._landsdelen[swv],
            size=size,
            swv=swv,
            position=rng.random(count),
            effects=shared + own,
            person=rng.standard_normal(count),
        )

    def _invent(self, kind: str, make_code: Callable[[int], str]) -> Units:
        """As many units per stratum as the largest population of any wave, at random places."""
        sectors: list[str] = []
        swvs: list[Places] = []
        for stratum, count in self.survey.largest_population(kind).items():
            rng = stream(self.seed, "places", kind, stratum)
            sector, _, landsdeel = stratum.partition("_")
            drawn = [
                rng.choice(areas[(self._landsdelen[areas] == landsdeel) | (not landsdeel)], count)
                for areas in self._area_swvs
            ]
            swvs.append(np.where(rng.random(count) < SHARE_IN_SWV_PO[sector], *drawn))
            sectors += [sector] * count
        numbers = stream(self.seed, "codes", kind).permutation(len(sectors)).tolist()
        return self._build(kind, [make_code(n) for n in numbers], sectors, np.concatenate(swvs))

    def sample(self, wave: Wave, group: str, scale: float) -> Sample:
        """Draw the respondents of a group in a wave.

        Sizes are those of `DESIGNS` times `scale`, and no stratum exceeds its population: swv's,
        municipalities and boards soon reach it, persons at schools much later. Units rotate by
        permanent random numbers, so that the next wave keeps about 40 % of the schools.
        """
        design = self.survey.groups[group]
        units = self.units[design["psu_attribute"] or "school_code"]
        strata = units.strata(design["stratum_by"])
        persons = self.survey.population(wave, group, "respondent", "population_units")
        psus = self.survey.population(wave, group, "respondent", "population_psus")
        size, per_unit = DESIGNS.get(group, DEFAULT_DESIGN)
        sizes = allocate(size * scale, np.array(list(persons.values())), min(scale, 1))
        rng = stream(self.seed, "sample", wave.wave_id, group)
        drawn = []
        for stratum, size_wanted in zip(persons, sizes.tolist(), strict=True):
            members = np.flatnonzero(strata == stratum)[: psus.get(stratum)]
            is_one_each = per_unit == 1 and stratum in psus
            wanted = min(size_wanted, len(members)) if is_one_each else size_wanted
            count = min(math.ceil(wanted / per_unit), len(members))
            shift = TURNOVER * min(count, len(members) - count) / len(members)
            turn = (units.position[members] - shift * (wave.number - 1)) % 1
            drawn.append(np.repeat(members[np.argsort(turn)[:count]], _spread(rng, wanted, count)))
        unit = np.concatenate(drawn)
        stratum_of = strata[unit]
        weights = {"respondent": _expansion(persons, stratum_of, np.arange(len(unit)))}
        for (_, asked), name in self.survey.units_of_count.items():
            if asked == group and name not in weights:
                totals = self.survey.population(wave, group, name, "population_units")
                weights[name] = _expansion(totals, stratum_of, unit)
        return Sample(units, unit, stratum_of, weights, per_unit == 1)


def allocate(total: float, population: Array, smallest: float) -> Places:
    """Divide `total` over strata by a power of their population, between a floor and the whole.

    `smallest` scales the floor of `SMALLEST_STRATUM` respondents.
    """
    floor = np.clip(np.minimum(SMALLEST_STRATUM * smallest, population / 5), 2, population)
    sizes, total = population**ALLOCATION_POWER, min(total, population.sum())
    for _ in range(50):  # clipping some strata leaves more or less for the others
        sizes = np.clip(sizes * total / sizes.sum(), floor, population)
    return np.rint(sizes).astype(np.intp)


def _spread(rng: np.random.Generator, respondents: int, units: int) -> Places:
    """Divide respondents over units: at least one each, at most about twice the mean."""
    mean = respondents / units
    places = max(math.ceil(mean - 1), round(2 * mean) - 2)
    extra = rng.choice(units * places, respondents - units, replace=False) // max(places, 1)
    return 1 + np.bincount(extra, minlength=units)


def _expansion(population: dict[str, int], stratum: Array, unit: Places) -> Floats:
    """Population of the stratum over the units sampled there, for each respondent."""
    _, first = np.unique(unit, return_index=True)
    names, counts = np.unique(stratum[first], return_counts=True)
    factors = {name: population[name] / count for name, count in zip(names, counts, strict=True)}
    return np.array([factors[name] for name in stratum])


def _texts(values: Sequence[str]) -> Array:
    return np.array(values, dtype=object)


def _school_code(number: int) -> str:
    """BRIN and vestiging, such as `91AB00`."""
    vestiging, brin = divmod(number, 10 * 26**2)
    tens, letters = divmod(brin, 26**2)
    return f"9{tens}{chr(65 + letters // 26)}{chr(65 + letters % 26)}{vestiging:02}"


def _board_code(number: int) -> str:
    return str(49_999 - number)
