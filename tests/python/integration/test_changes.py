"""What changed between two releases, and why; and that nothing withheld is told again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.small_releases import DELIVERIES, write_release

from publishing import add_changes
from publishing.changes import Changes, Side, compare
from publishing.dictionary import read_yaml

RAISE = "update fct_indicator_estimates set estimate = estimate + 0.125 where {where}"
WITHHOLD = (
    "update {table} set estimate = null, is_suppressed = true, suppression_reason = 'small_n' "
    "where respondent_group = 'ouder' and wave_id = '2024-najaar'"
)
OTHER_DELIVERY = [
    {**entry, "delivery_id": "another"} if entry == DELIVERIES[0] else entry for entry in DELIVERIES
]


def changes(folder: Path, *statements: str, **facts: Any) -> Changes:
    """What changed from a release to one after `statements` and with other `facts`."""
    before, after = write_release(folder, "a"), write_release(folder, "b", *statements, **facts)
    return compare(Side.open(before), Side.open(after), read_yaml())


def why(found: Changes) -> dict[tuple[str, str], list[str]]:
    return {(row["wave_id"], row["respondent_group"]): row["why"] for row in found.groups}


def test_nothing_changes_in_equal_figures(tmp_path: Path) -> None:
    found = changes(tmp_path)
    assert not found and not found.groups and not found.sentences
    assert "No published figure changed." in found.as_page()


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        ({"deliveries": OTHER_DELIVERY}, ["new delivery"]),
        ({"corrections_hash": "other"}, ["correction"]),
        ({"codebook_hash": "other"}, ["codebook"]),
        ({"code_version": "other"}, ["code"]),
        ({"deliveries": OTHER_DELIVERY, "code_version": "other"}, ["new delivery", "code"]),
        ({}, []),
    ],
)
def test_the_reason_follows_from_what_the_releases_are_made_of(
    tmp_path: Path, facts: dict[str, Any], reasons: list[str]
) -> None:
    where = "respondent_group = 'leraar' and wave_id = '2023-najaar'"
    found = changes(tmp_path, RAISE.format(where=where), **facts)
    assert why(found) == {("2023-najaar", "leraar"): reasons}
    (group,) = found.groups
    assert group["changed"] == 3 and group["largest"] == pytest.approx(0.125)
    assert [row["table"] for row in found.tables] == ["fct_indicator_estimates"]


def test_other_digits_are_named_and_not_repeated(tmp_path: Path) -> None:
    before = write_release(tmp_path, "a", precision=None)
    after = write_release(tmp_path, "b", RAISE.format(where="true"))
    found = compare(Side.open(before), Side.open(after), read_yaml())
    assert {reason for reasons in why(found).values() for reason in reasons} == {"precision"}
    assert found.inputs == ["precision"]
    assert {group["largest"] for group in found.groups} == {None}
    rows = found.figures.project("kind, value_before, value_after").fetchall()
    assert rows and {(kind, old) for kind, old, _ in rows} == {("changed", None)}
    assert all(new is not None for *_, new in rows)


def test_a_delivery_explains_its_own_group_first(tmp_path: Path) -> None:
    found = changes(tmp_path, RAISE.format(where="true"), deliveries=OTHER_DELIVERY)
    assert why(found) == {
        ("2023-najaar", "leraar"): ["new delivery"],
        ("2024-najaar", "leraar"): ["new delivery of 2023-najaar"],
        ("2023-najaar", "ouder"): ["new delivery of other groups"],
        ("2024-najaar", "ouder"): ["new delivery of other groups"],
    }
    assert found.deliveries == [
        {
            "wave_id": "2023-najaar",
            "respondent_group": "leraar",
            "before": "2023-najaar leraar one",
            "after": "another",
        }
    ]


def test_releases_that_list_no_deliveries_tell_that_some_changed(tmp_path: Path) -> None:
    before = write_release(tmp_path, "a")
    facts = json.loads((before / "release.json").read_text(encoding="utf-8"))
    del facts["deliveries"]
    (before / "release.json").write_text(json.dumps(facts), encoding="utf-8")
    after = write_release(
        tmp_path, "b", RAISE.format(where="indicator_code = 'D1.2'"), deliveries_hash="other"
    )
    found = compare(Side.open(before), Side.open(after), read_yaml())
    assert found.inputs == ["new delivery"] and not found.deliveries
    assert set(map(tuple, why(found).values())) == {("new delivery",)}


def test_what_is_withheld_is_not_told_again(tmp_path: Path) -> None:
    secret = "update {} set estimate = 0.123456789, {} where wave_id = '2024-najaar'"
    before = write_release(
        tmp_path, "a",
        secret.format("fct_indicator_estimates", "comparability = 'comparable'"),
        secret.format("fct_summary_statements", "sentence_nl = 'Geheim', sentence_en = 'Secret'"),
    )  # fmt: skip
    after = write_release(
        tmp_path, "b",
        secret.format("fct_indicator_estimates", "comparability = 'comparable'"),
        secret.format("fct_summary_statements", "sentence_nl = 'Geheim', sentence_en = 'Secret'"),
        *(
            f"update {table} set estimate = null, is_suppressed = true, "
            "suppression_reason = 'small_n' where wave_id = '2024-najaar'"
            for table in ("fct_indicator_estimates", "fct_summary_statements")
        ),
        "update fct_summary_statements set sentence_nl = null, sentence_en = null "
        "where is_suppressed",
        code_version="other",
    )  # fmt: skip
    found = compare(Side.open(before), Side.open(after), read_yaml())
    assert set(map(tuple, why(found).values())) == {("protection",)}
    assert {row["kind"] for row in found.sentences} == {"withheld"}
    assert all(row["why"] == ["protection"] for row in found.sentences)
    found.write(after)
    for name in ("changes.json", "changes.md", "changes.csv"):
        text = (after / name).read_text(encoding="utf-8")
        assert "withheld" in text
        assert "0.1234567" not in text and "Geheim" not in text and "Secret" not in text, name
    # and the other way round: what is shown now is published, so that it is told
    back = compare(Side.open(after), Side.open(before), read_yaml())
    assert {row["after_nl"] for row in back.sentences} == {"Geheim"}


def test_another_reason_is_no_other_figure(tmp_path: Path) -> None:
    withheld = [WITHHOLD.format(table="fct_indicator_estimates")]
    before = write_release(tmp_path, "a", *withheld)
    after = write_release(
        tmp_path, "b", *withheld,
        "update fct_indicator_estimates set suppression_reason = 'derived' where is_suppressed",
    )  # fmt: skip
    (group,) = compare(Side.open(before), Side.open(after), read_yaml()).groups
    assert (group["reason"], group["changed"], group["why"]) == (3, 0, ["protection"])


def test_rows_columns_tables_and_sentences_that_come_and_go(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        "delete from fct_indicator_estimates where indicator_code = 'D1.1'",
        "insert into dim_goals values (8, 'acht', 'eight')",
        "alter table dim_goals add column note varchar",
        "create table dim_waves (wave_id varchar)",
        "update fct_summary_statements set sentence_nl = 'Anders' where respondent_group = 'ouder'",
        codebook_hash="other",
    )
    tables = {row["table"]: row for row in found.tables}
    assert tables["fct_indicator_estimates"]["disappeared"] == 4
    assert tables["dim_goals"]["appeared"] == 1
    assert tables["dim_goals"]["columns_added"] == ["note"]
    assert tables["dim_waves"]["rows_before"] == 0
    assert [(row["before_nl"], row["after_nl"], row["why"]) for row in found.sentences] == [
        ("Volgens ouder", "Anders", ["codebook"])
    ] * 2
    page = found.as_page()
    assert "4 are gone" in page and "- after: Anders" in page and "2 sentences" in page


def test_last_digits_are_no_other_figure(tmp_path: Path) -> None:
    digits = "update fct_indicator_estimates set estimate = estimate * (1 + 1e-13)"
    found = changes(tmp_path, digits, code_version="other")
    assert {(row["rounding"], row["changed"]) for row in found.groups} == {(3, 0)}
    assert "12 differ in their last digits only" in found.as_page()
    assert found.figures.fetchall() == []


def test_every_changed_figure_is_a_row_of_the_file(tmp_path: Path) -> None:
    found = changes(tmp_path, RAISE.format(where="indicator_code <> 'D1.3'"), code_version="other")
    found.write(tmp_path)
    with (tmp_path / "changes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert {row["figure"] for row in rows} == {"D1.1 total all mean", "D1.2 total all mean"}
    assert {row["columns_changed"] for row in rows} == {"estimate"}
    for row in rows:
        assert float(row["value_after"]) - float(row["value_before"]) == pytest.approx(0.125)


def test_a_release_tells_what_changed_since_the_one_before(tmp_path: Path) -> None:
    write_release(tmp_path, "a")
    after = write_release(tmp_path, "b", RAISE.format(where="true"), code_version="other")
    facts = json.loads((after / "release.json").read_text(encoding="utf-8"))
    for previous in (None, "gone"):
        add_changes(after, {**facts, "previous_release_id": previous}, tmp_path, Path.cwd())
        assert not (after / "changes.json").exists()
    add_changes(after, {**facts, "previous_release_id": "a"}, tmp_path, Path.cwd())
    content = json.loads((after / "changes.json").read_text(encoding="utf-8"))
    assert (content["before"], content["after"], content["inputs"]) == ("a", "b", ["code"])
