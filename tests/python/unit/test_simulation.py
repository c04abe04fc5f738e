"""The simulated deliveries have the shape, the blemishes and the figures they promise."""

from __future__ import annotations

import csv
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastexcel
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
import yaml

from orchestration.lib.codebook import read_seed
from orchestration.lib.settings import ROOT
from simulation import simulate
from simulation.population import DESIGNS
from simulation.questionnaires import Survey

WAVES = [row["wave_id"] for row in read_seed("codebook/waves")]
FIRST = WAVES[0]
VARIABLES = read_seed("codebook/variables")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All waves at scale 1."""
    out = tmp_path_factory.mktemp("landing")
    simulate(out)
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All waves at a tenth of the size."""
    out = tmp_path_factory.mktemp("small")
    simulate(out, scale=0.1)
    return out


def columns(wave_id: str, group: str, role: str = "") -> list[dict[str, str]]:
    return [
        row
        for row in VARIABLES
        if (row["wave_id"], row["respondent_group"]) == (wave_id, group)
        and role in ("", row["role"])
    ]


def groups(wave_id: str) -> list[str]:
    return list(dict.fromkeys(r["respondent_group"] for r in VARIABLES if r["wave_id"] == wave_id))


def read(landing: Path, wave_id: str, group: str) -> pd.DataFrame:
    """The file as `delivery.yml` says it must be read, under its own headers."""
    manifest = yaml.safe_load((landing / wave_id / "delivery.yml").read_text(encoding="utf-8"))
    options = manifest["files"][group]
    path = landing / wave_id / options["file"]
    match path.suffix:
        case ".csv":
            sep, encoding = str(options["delimiter"]), str(options["encoding"])
            return pd.read_csv(path, dtype=str, sep=sep, encoding=encoding)
        case ".sav":
            return pd.DataFrame(pyreadstat.read_sav(path, user_missing=True)[0])
        case ".xlsx":
            sheet = fastexcel.read_excel(path).load_sheet(
                options["sheet"], header_row=options["header_rows"] - 1
            )
            return pd.DataFrame(sheet.to_pandas())
    return pd.DataFrame(pq.read_table(path).to_pandas())


def first_wave(landing: Path, group: str) -> pd.DataFrame:
    """Wave 1 with variables as headers and `attribute` columns beside them; answers as numbers."""
    rows = columns(FIRST, group)
    data = read(landing, FIRST, group)
    named = {row["attribute"]: data[row["column_name"]] for row in rows if row["attribute"]}
    items = {
        row["item_code"]: data[row["column_name"]].str.replace(",", ".").astype(float)
        for row in rows
        if row["role"] == "item"
    }
    return pd.DataFrame(named | items)


def kept(landing: Path, group: str) -> pd.DataFrame:
    """The respondents of wave 1 with `stratum` and `unit`, as the warehouse would keep them."""
    data = first_wave(landing, group)
    core = [row["item_code"] for row in columns(FIRST, group) if row["is_core"] == "true"]
    data = data[(data["is_test"] == "2") & (data["data_source"] == "1")]
    data = data[data[core].notna().mean(axis=1) >= 0.6]
    data = data.sort_values("completed_at", na_position="first").drop_duplicates(
        "login", keep="last"
    )
    design = {row["respondent_group"]: row for row in read_seed("codebook/respondent_groups")}[
        group
    ]
    parts = {row["province_code"]: row["landsdeel"] for row in read_seed("reference/provinces")}
    landsdeel = data["region"].map(parts)
    if design["stratum_by"] == "landsdeel":
        stratum = landsdeel
    else:
        stratum = data["sector"].map({"1": "po", "2": "vo", "3": "so"})
        if design["stratum_by"] == "sector_landsdeel":
            stratum = stratum + "_" + landsdeel
    return data.assign(stratum=stratum, unit=data[design["psu_attribute"]])


def population(group: str, unit_of_count: str, column: str = "population_units") -> dict[str, int]:
    return {
        row["stratum"]: int(row[column])
        for row in read_seed("codebook/populations")
        if (row["wave_id"], row["respondent_group"]) == (FIRST, group)
        and row["unit_of_count"] == unit_of_count
        and row[column]
    }


def estimate(data: pd.DataFrame, group: str, indicator_code: str) -> float:
    """The weighted share endorsed (or mean mark), written out as in the codebook."""
    indicator = {r["indicator_code"]: r for r in read_seed("codebook/indicators")}[indicator_code]
    unit_of_count = {
        (row["indicator_code"], row["respondent_group"]): row["unit_of_count"]
        for row in read_seed("codebook/indicator_groups")
    }[indicator_code, group]
    answer = data[next(name for name in data if str(name).startswith(f"{indicator_code}."))]
    asked = answer.notna() & ~answer.isin([97, 98, 99, -99])
    if indicator["dont_know_rule"] == "count_as_negative":
        asked |= answer == 98
    endorsed = answer.isin([int(code) for code in indicator["endorsed_codes"].split("|")])
    value = answer if indicator["headline_measure"] == "mean" else endorsed.astype(float)
    unit = data["unit"] if unit_of_count != "respondent" else data["login"]
    frame = pd.DataFrame({"unit": unit, "stratum": data["stratum"], "value": value})
    sampled = frame.drop_duplicates("unit").groupby("stratum").size()
    per_unit = frame[asked].groupby("unit").agg({"value": "mean", "stratum": "first"})
    totals = population(group, unit_of_count)
    weight = per_unit["stratum"].map(lambda name: totals[name] / sampled[name])
    return float((per_unit["value"] * weight).sum() / weight.sum())


@pytest.fixture(scope="module")
def estimates(landing: Path) -> dict[tuple[str, str], float]:
    """All indicator × group estimates of wave 1."""
    found = {}
    for group in groups(FIRST):
        data = kept(landing, group)
        for row in columns(FIRST, group, "item"):
            indicator_code = row["item_code"].split(f".{group}.")[0]
            found[indicator_code, group] = estimate(data, group, indicator_code)
    return found


@pytest.mark.parametrize(
    "claim", read_seed("codebook/claim_indicators"), ids=lambda row: "-".join([*row.values()][:3])
)
def test_claims_of_wave_1_hold(
    claim: dict[str, str], estimates: dict[tuple[str, str], float]
) -> None:
    value = estimates[claim["indicator_code"], claim["respondent_group"]]
    margin = 0.02
    assert float(claim["range_low"]) + margin < value < float(claim["range_high"]) - margin


def test_orderings_of_wave_1_hold(estimates: dict[tuple[str, str], float]) -> None:
    for group in ("leraar", "intern_begeleider"):
        assert estimates["D1.2", group] > estimates["D1.3", group] + 0.05
    for group in ("schoolleider", "intern_begeleider"):
        assert estimates["D2.5", group] > estimates["D2.1", group] + 0.05
        assert max(estimates["D5.4", group], estimates["D5.5", group]) < estimates["D5.3", group]
    useful, time_consuming, complex_ = (
        estimates[code, "intern_begeleider"] for code in ("D7.3", "D7.5", "D7.4")
    )
    assert useful > time_consuming + 0.05 > complex_ + 0.1


def test_targets_move_a_claim_out_of_its_range(tmp_path: Path) -> None:
    targets = {("D3.3", "leraar"): 0.35, ("D1.4", "ouder"): 5.4, ("D2.5", "schoolleider"): 0.95}
    simulate(tmp_path, [FIRST], targets=targets)
    for (indicator_code, group), level in targets.items():
        value = estimate(kept(tmp_path, group), group, indicator_code)
        assert value == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize("wave_id", WAVES)
def test_a_wave_alone_has_the_same_bytes(small: Path, wave_id: str, tmp_path: Path) -> None:
    for path in simulate(tmp_path, [wave_id], scale=0.1):
        same = small / wave_id / path.name
        assert path.read_bytes() == same.read_bytes(), f"{path.name} differs"


def test_another_seed_gives_other_answers(small: Path, tmp_path: Path) -> None:
    simulate(tmp_path, [FIRST], scale=0.1, seed=1)
    name = Path(FIRST) / "leraar.csv"
    assert (tmp_path / name).read_bytes() != (small / name).read_bytes()


@pytest.mark.parametrize("wave_id", WAVES)
def test_files_have_the_columns_of_the_codebook(small: Path, wave_id: str) -> None:
    for group in groups(wave_id):
        headers = [row["column_name"] for row in columns(wave_id, group)]
        assert list(read(small, wave_id, group).columns) == headers


@pytest.mark.parametrize("wave_id", WAVES)
def test_delivery_says_that_it_is_simulated(small: Path, wave_id: str) -> None:
    manifest = yaml.safe_load((small / wave_id / "delivery.yml").read_text(encoding="utf-8"))
    assert manifest["synthetic"] is True
    assert "Simulatie" in manifest["agency"]
    assert list(manifest["files"]) == groups(wave_id)


@pytest.mark.parametrize("group", groups(FIRST))
def test_sample_sizes(landing: Path, group: str) -> None:
    data = kept(landing, group)
    assert len(data) == pytest.approx(DESIGNS[group][0], rel=0.05)
    assert data["login"].is_unique
    if group in {"schoolleider", "bestuur", "swv", "gemeente_beleid", "gemeente_leerplicht"}:
        assert data["unit"].is_unique
    respondents = population(group, "respondent")
    units = population(group, "respondent", "population_psus")
    strata = data.groupby("stratum")
    assert set(strata.groups) == set(respondents)
    for stratum, size in strata.size().items():
        assert 10 <= size <= respondents[str(stratum)]
    for stratum, size in strata["unit"].nunique().items():
        assert size <= units.get(str(stratum), size)
    weight = data["stratum"].map(respondents) / strata["stratum"].transform("size")
    assert (weight / weight.mean()).between(0.35, 2).all()


def test_rows_that_must_be_dropped_are_there(landing: Path) -> None:
    data = first_wave(landing, "leraar")
    core = [row["item_code"] for row in columns(FIRST, "leraar") if row["is_core"] == "true"]
    answered = data[core].notna().mean(axis=1)
    is_open, is_again = data["completed_at"].isna(), data["login"].duplicated(keep=False)
    rates = {
        "test": (data["is_test"] == "1").mean(),
        "other source": data["data_source"].isin(["4", "5", "6"]).mean(),
        "twice": is_again.mean() / 2,
        "unfinished, kept": (is_open & (answered >= 0.6)).mean(),
        "abandoned": (is_open & ~is_again & (answered < 0.4)).mean(),
    }
    assert all(0.005 < rate < 0.045 for rate in rates.values()), rates
    pairs = data[is_again].groupby("login")["completed_at"]
    assert (pairs.size() == 2).all() and (pairs.count() == 1).all()
    started = pd.to_datetime(data["started_at"], format="%d-%m-%Y %H:%M")
    assert started.between("2022-03-07 08:00", "2022-05-20 22:00").all()
    assert started.dt.hour.between(8, 21).all()


def test_answers_cluster_in_schools(landing: Path) -> None:
    data = kept(landing, "leraar")
    scores = data["D3.1.leraar.1"].where(data["D3.1.leraar.1"] <= 5)
    by_school = scores.groupby(data["unit"])
    size, between = by_school.count(), by_school.mean()
    within = by_school.var().mean()
    mean_size = size[size > 1].mean()
    between_variance = between[size > 1].var() - within / mean_size
    assert 0.02 < between_variance / (between_variance + within) < 0.25


def test_schools_return_in_part(landing: Path) -> None:
    header = {
        wave_id: next(
            row["column_name"]
            for row in columns(wave_id, "schoolleider")
            if row["attribute"] == "school_code"
        )
        for wave_id in WAVES
    }
    schools = [set(read(landing, wave, "schoolleider")[header[wave]]) for wave in WAVES]
    for before, after in pairwise(schools):
        assert 0.25 < len(before & after) / len(after) < 0.55


def test_first_format_is_dutch_text(landing: Path) -> None:
    content = (landing / FIRST / "ouder.csv").read_bytes()
    text = content.decode("cp1252")
    assert text.count("\r\n") > 1400
    assert any(mark in text for mark in "éë“”")
    data = read(landing, FIRST, "ouder")
    assert data["Vraag 3"].str.contains(r"^\d,5$").sum() > 50
    assert data["Toelichting"].str.contains("\n").sum() > 0
    assert data["Toelichting"].str.contains(r"06|@example").sum() > 0


def test_second_format_has_labels_and_two_kinds_of_missing(landing: Path) -> None:
    path = landing / WAVES[1] / "leraar.sav"
    data, meta = pyreadstat.read_sav(path, user_missing=True)
    reversed_items = [r for r in columns(WAVES[1], "leraar", "item") if r["is_reversed"] == "true"]
    assert reversed_items
    for row in reversed_items:
        labels = meta.variable_value_labels[row["column_name"]]
        assert labels[1] == "Helemaal mee eens" and labels[98] == "Weet ik niet"
    name = reversed_items[0]["column_name"]
    assert data[name].isna().any() and (data[name] == 98).any()
    ranges: list[Any] = list(meta.missing_ranges[name])
    assert {entry["lo"] for entry in ranges} == {-99, 98, 99}
    assert str(meta.column_names_to_labels[name]).endswith((".", "?"))
    assert data["START_DT"].dtype.kind == "M"
    assert f"{meta.creation_time:%Y-%m-%d %H:%M}" == "2023-11-24 12:00"
    # leraren find registration a burden, also when the answers are delivered the other way round
    burden = next(r["column_name"] for r in reversed_items if r["item_code"].startswith("D7.6"))
    assert data[burden].isin([1, 2]).sum() > data[burden].isin([4, 5]).sum()


def test_third_format_has_labels_and_real_dates(landing: Path) -> None:
    data = read(landing, WAVES[2], "leraar")
    assert {"Mee eens", "Weet ik niet"} <= set(data["V1"].dropna())
    assert data["Start"].dtype.kind == "M"
    ouder = read(landing, WAVES[2], "ouder")
    mark = next(r for r in columns(WAVES[2], "ouder", "item") if r["scale"] == "MARK10")
    assert (pd.to_numeric(ouder[mark["column_name"]]) % 1 == 0.5).any()
    sheets = fastexcel.read_excel(landing / WAVES[2] / "leraar.xlsx").sheet_names
    assert sheets == ["Data", "Toelichting"]


def test_fourth_and_fifth_format(landing: Path) -> None:
    schema = pq.read_schema(landing / WAVES[3] / "ouder.parquet")
    types = {str(field.type) for field in schema}
    assert types >= {"int64", "double", "string"} and any("timestamp" in name for name in types)
    assert (landing / WAVES[4] / "ouder.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    data = read(landing, WAVES[4], "ouder")
    pd.to_datetime(data["started_at"], format="%Y-%m-%dT%H:%M:%S")
    assert "browser" in data


def test_routed_items_are_asked_only_with_a_support_plan(landing: Path) -> None:
    for wave_id, blank in ((FIRST, False), (WAVES[3], True)):
        row = next(r for r in columns(wave_id, "leraar", "item") if r["routed_by"])
        route = next(r for r in columns(wave_id, "leraar") if r["variable"] == row["routed_by"])
        data = read(landing, wave_id, "leraar")
        answers = pd.to_numeric(data[row["column_name"]])
        without = pd.to_numeric(data[route["column_name"]]) != 1
        assert answers[without].isin([-99, np.nan]).all()
        assert (answers == -99).any() == blank


def test_a_sixth_wave_needs_only_rows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    codebook = tmp_path / "seeds" / "codebook"
    for name, changes in {
        "waves": {
            "wave_id": "2027-najaar",
            "measurement_number": "6",
            "fieldwork_start": "2027-09-06",
            "fieldwork_end": "2027-10-29",
        },
        "variables": {"wave_id": "2027-najaar"},
    }.items():
        rows = [r for r in read_seed(f"codebook/{name}") if r["wave_id"] == WAVES[-1]]
        with (codebook / f"{name}.csv").open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writerows(row | changes for row in rows)
    files = simulate(tmp_path / "out", ["2027-najaar"], scale=0.05, root=tmp_path)
    assert {path.suffix for path in files} == {".csv", ".yml"}
    assert len(read(tmp_path / "out", "2027-najaar", "leraar")) > 50


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2021-voorjaar"):
        simulate(tmp_path, ["2021-voorjaar"])
    with pytest.raises(ValueError, match="positive"):
        simulate(tmp_path, scale=0)
    with pytest.raises(ValueError, match=r"D9\.9"):
        Survey(targets={("D9.9", "leraar"): 0.5})
