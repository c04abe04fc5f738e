"""A wave is data, not code; and statements follow the answers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from conftest import WorkspaceFactory
from orchestration.lib.codebook import read_seed
from simulation import simulate

FIRST, LAST, NEW = "2022-voorjaar", "2026-najaar", "2027-najaar"


def _append(project: Path, name: str, rows: list[dict[str, str]]) -> None:
    path = project / "seeds" / "codebook" / f"{name}.csv"
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, read_seed(f"codebook/{name}")[0], lineterminator="\n")
        writer.writerows(rows)


def test_a_sixth_wave_is_rows_and_files(project: Path, workspace: WorkspaceFactory) -> None:
    """Rows in four seeds and files in landing/: no SQL, no Python, no YAML."""
    _append(project, "waves", [{
        "wave_id": NEW, "measurement_number": "6", "label_nl": "Najaar 2027",
        "label_en": "Autumn 2027", "fieldwork_start": "2027-09-06", "fieldwork_end": "2027-10-29",
        "closed_at": "2027-11-15", "is_assumed": "true", "source": "test",
    }])  # fmt: skip
    _append(project, "populations", [
        row | {"wave_id": NEW}
        for row in read_seed("codebook/populations")
        if row["wave_id"] == LAST
    ])  # fmt: skip
    new_item = next(
        row for row in read_seed("codebook/items") if row["item_code"] == "D3.1.leraar.1"
    ) | {
        "item_code": "D3.1.leraar.2",
        "wording_version": "2",
        "wording_nl": "Ik voel mij gesteund.",
    }
    _append(project, "items", [new_item])
    variables = []
    for row in read_seed("codebook/variables"):
        if row["wave_id"] != LAST:
            continue
        new = row | {"wave_id": NEW}
        if row["role"] == "item":  # every question moves ten places and is asked as before
            number = int(row["column_name"][1:]) + 10
            new |= {
                "column_name": f"Vr{number}",
                "variable": f"vr{number}",
                "is_comparable": "true",
            }
        if row["item_code"] == "D3.1.leraar.1":  # but one, which is reworded
            new |= {"item_code": "D3.1.leraar.2", "is_comparable": "false"}
        if row["attribute"] == "experience":  # and the agency asks one thing more of teachers
            variables.append(
                new | {"variable": "functie", "column_name": "Functie", "attribute": "position"}
            )
        variables.append(new)
    _append(project, "variables", variables)

    monitor = workspace(project)
    simulate(monitor.landing, [LAST, NEW], scale=0.2, root=project)
    result = monitor.run("refresh")
    assert result.returncode == 0, result.stdout

    assert monitor.query("select count(*) from dim_waves") == [(6,)]
    groups = monitor.query(
        "select count(distinct respondent_group), count(distinct indicator_code) "
        "from fct_indicator_estimates where wave_id = ?", NEW,
    )  # fmt: skip
    assert groups == [(11, 43)]
    comparability = dict(
        monitor.query(
            "select indicator_code, comparability from dim_items "
            "where wave_id = ? and respondent_group = 'leraar'", NEW,
        )
    )  # fmt: skip
    assert comparability.pop("D3.1") == "reworded"
    assert set(comparability.values()) == {"comparable"}
    breakdowns = monitor.query(
        "select distinct breakdown from fct_indicator_estimates "
        "where wave_id = ? and respondent_group = 'leraar'", NEW,
    )  # fmt: skip
    assert ("position",) in breakdowns


def _pushed_out(beyond: Callable[[float, float], float]) -> dict[tuple[str, str], float]:
    """A target outside the range of every figure that a claim requires."""
    return {
        (row["indicator_code"], row["respondent_group"]): beyond(
            float(row["range_low"]), float(row["range_high"])
        )
        for row in read_seed("codebook/claim_indicators")
        if row["is_required"] == "true"
    }


def test_statements_turn_when_the_answers_leave_their_range(workspace: WorkspaceFactory) -> None:
    """Every claim's items pushed below their range in the raw files: every statement turns, and
    none keeps the word of wave 1."""

    def below(lowest: float, _: float) -> float:
        # far enough for sampling error, yet never so near zero that the figure is unreliable
        return lowest - (1.2 if lowest > 1 else min(0.08, lowest / 2))

    low = workspace(name="low")
    simulate(low.landing, [FIRST], targets=_pushed_out(below))
    assert low.run("refresh").returncode == 0
    required = {
        (row["claim_id"], row["respondent_group"])
        for row in read_seed("codebook/claim_indicators")
        if row["is_required"] == "true"
    }
    # inside: a share near zero of a small group is withheld, with the statement that rests on it
    statements = low.query_warehouse(
        "select claim_id, respondent_group, is_consistent, qualifier_nl "
        "from indicators.fct_summary_statements"
    )
    turned = {row[:2]: row[3] for row in statements if row[2] is False}
    assert turned.keys() == required
    labels = {row["qualifier"]: row["label_nl"] for row in read_seed("codebook/qualifiers")}
    words = {
        row["claim_id"]: labels[row["qualifier"]]
        for row in read_seed("codebook/claims")
        if row["kind"] == "finding"
    }
    assert all(turned.values())
    assert [key for key, word in turned.items() if word == words[key[0]]] == []
