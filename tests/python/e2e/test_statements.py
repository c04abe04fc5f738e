"""The words of statements: the models' own SQL over figures that no survey would give."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, pairwise

import duckdb
import pytest

from conftest import Workspace
from orchestration.lib.codebook import read_seed

FIRST, SECOND = "2022-voorjaar", "2023-najaar"
STEPS = 200
FIGURES = read_seed("codebook/claim_indicators")
CLAIMS = {row["claim_id"]: row for row in read_seed("codebook/claims")}
TEMPLATES = {row["claim_id"]: row for row in read_seed("codebook/claim_templates")}
QUALIFIERS = {row["qualifier"]: row for row in read_seed("codebook/qualifiers")}
VOICES = {row["respondent_group"]: row for row in read_seed("codebook/group_voices")}
CHANGE_WORDS = read_seed("codebook/change_words")
STATEMENTS = sorted({(row["claim_id"], row["respondent_group"]) for row in FIGURES})


class Models:
    """Compiled models over the tables of the example warehouse, some of them replaced."""

    def __init__(self, example: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
        self.compiled = example.folder / "target" / "compiled" / "doelstellingenmonitor"
        self.execute = connection.execute

    def replace(self, table: str, sql: str) -> None:
        """Make the rows of `sql` stand in for `table` (`schema.name`)."""
        self.execute(f"create or replace table {table.replace('.', '_')} as {sql}")

    def rows(self, path: str, *replaced: str) -> list[dict[str, object]]:
        """What the compiled file gives, reading the replaced tables for the real ones."""
        sql = (self.compiled / path).read_text("utf-8")
        for table in replaced:
            schema, name = table.split(".")
            source = f'"monitor"."{schema}"."{name}"'
            assert source in sql
            sql = sql.replace(source, table.replace(".", "_"))
        result = self.execute(sql)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def statements(self) -> list[dict[str, object]]:
        """Statements of the estimates and changes that stand in."""
        return self.rows(
            "models/marts/indicators/fct_summary_statements.sql",
            "indicators.fct_indicator_estimates",
            "indicators.fct_indicator_changes",
        )

    def every_figure(self, *, wave_id: str, steps: str) -> None:
        """All figures of all claims at a place between 0 and 1: shares, and marks on their scale.

        Args:
            wave_id: SQL for the wave of a step, which is called `range`.
            steps: SQL for the number of steps between 0 and `STEPS`, as arguments of `range`.
        """
        self.replace(
            "indicators.fct_indicator_estimates",
            f"""
            select distinct
                {wave_id} as wave_id, indicator_code, respondent_group, 'total' as breakdown,
                measure, 100 as n_respondents, 0.01 as rounding_step, 'reliable' as reliability,
                md5(concat_ws('|', range, indicator_code, respondent_group, measure))
                    as estimate_id,
                case measure
                    when 'mean' then min_score + (max_score - min_score) * range / {STEPS}
                    else range / {STEPS}
                end as estimate
            from monitor.codebook.claim_indicators
            inner join monitor.codebook.indicators using (indicator_code)
            inner join monitor.codebook.scales using (scale), range({steps})
            """,
        )

    def every_change(self, change: float | None, *, is_significant: bool = True) -> None:
        """The same change in every figure of the second wave; None for no rows."""
        self.replace(
            "indicators.fct_indicator_changes",
            f"""
            select distinct
                '{SECOND}' as wave_id, '{FIRST}' as baseline_wave_id, indicator_code,
                respondent_group, 'total' as breakdown, measure, {change or 0} as change,
                {is_significant} as is_significant
            from monitor.codebook.claim_indicators where {change is not None}
            """,
        )


@pytest.fixture
def models(example: Workspace) -> Iterator[Models]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{example.warehouse}' as monitor (read_only)")
        yield Models(example, connection)


def assert_reads_well(sentence: object) -> None:
    """One sentence, whole, without slots or holes."""
    assert isinstance(sentence, str)
    assert re.fullmatch(r"[A-Z][^{}.]*[a-z)]\.", sentence), sentence
    assert not re.search(r"  | [,.)]|\( |,,", sentence), sentence


def spoken_changes(*sentences: object) -> set[str]:
    """The directions of the words of change in sentences; `either` for words of both."""
    text = " ".join(str(sentence) for sentence in sentences).lower()
    return {row["direction"] or "either" for row in CHANGE_WORDS if row["word"] in text}


def test_every_share_earns_words_that_read_well(models: Models) -> None:
    """Each claim and group at each share from 0 to 1: one sentence, the word of wave 1 within the
    claim's range and only there, every other word of the ladder in its order around it."""
    models.every_figure(wave_id="cast(range as varchar)", steps=f"{STEPS} + 1")
    models.every_change(None)
    rendered = models.statements()
    assert len(rendered) == (STEPS + 1) * len(STATEMENTS)

    words = defaultdict(dict)
    for row in rendered:
        claim_id, group = str(row["claim_id"]), str(row["respondent_group"])
        sentences = [str(row["sentence_nl"]), str(row["sentence_en"])]
        for language, sentence in zip(("nl", "en"), sentences, strict=True):
            assert_reads_well(sentence)
            assert str(row[f"qualifier_{language}"] or "") in sentence
            if "{voice}" in TEMPLATES[claim_id][f"template_{language}"]:
                assert VOICES[group][f"voice_{language}"].lower() in sentence.lower()
        assert spoken_changes(*sentences) == set()
        words[claim_id, group][int(str(row["wave_id"]))] = row["qualifier_nl"] or ""

    assert sorted(words) == STATEMENTS
    for (claim_id, group), word_at in words.items():
        bounds = next(
            (float(row["range_low"]), float(row["range_high"]), row["is_low_exclusive"] == "true")
            for row in FIGURES
            if row["measure"] == "share_endorsed"
            and (row["claim_id"], row["respondent_group"]) == (claim_id, group)
        )
        low, high, is_exclusive = bounds
        own = QUALIFIERS[CLAIMS[claim_id]["qualifier"]]["label_nl"]
        within = {
            step
            for step in word_at
            if low <= step / STEPS <= high and not (is_exclusive and step / STEPS == low)
        }
        assert {step for step, word in word_at.items() if word == own} == within
        ladder = [
            QUALIFIERS[row["qualifier"]]["label_nl"]
            for row in read_seed("codebook/qualifier_ladder")
            if row["family"] == TEMPLATES[claim_id]["family"]
            and not (low <= float(row["range_low"]) and float(row["range_high"]) <= high)
        ]
        ordered = [word for word, _ in groupby(word_at[step] for step in sorted(word_at))]
        assert [word for word in ordered if word != own] == ladder, (claim_id, group)


@pytest.mark.parametrize(
    "silence", ["reliability = 'unreliable'", "estimate = null, reliability = null"]
)
def test_what_a_measurement_does_not_allow_is_not_said(models: Models, silence: str) -> None:
    """Unreliable, or empty: a sentence without qualifier, and without change."""
    models.every_figure(wave_id=f"'{SECOND}'", steps=f"{STEPS // 2}, {STEPS // 2 + 1}")
    models.execute(f"update indicators_fct_indicator_estimates set {silence}")
    models.every_change(0.1)
    rendered = models.statements()
    assert len(rendered) == len(STATEMENTS)
    for row in rendered:
        for language, denial in (("nl", "geen uitspraak"), ("en", "no statement")):
            sentence = row[f"sentence_{language}"]
            assert_reads_well(sentence)
            assert denial in str(sentence)
            assert row[f"qualifier_{language}"] is row[f"change_{language}"] is None
        assert spoken_changes(row["sentence_nl"], row["sentence_en"]) == set()
        assert row["is_consistent"] is None


@pytest.mark.parametrize(("change", "direction"), [(0.1, "increase"), (-0.1, "decrease")])
def test_a_demonstrated_change_is_said_in_its_direction(
    models: Models, change: float, direction: str
) -> None:
    models.every_figure(wave_id=f"'{SECOND}'", steps=f"{STEPS // 2}, {STEPS // 2 + 1}")
    models.every_change(change)
    rendered = models.statements()
    assert len(rendered) == len(STATEMENTS)
    for row in rendered:
        for language in ("nl", "en"):
            assert_reads_well(row[f"change_{language}"])
            assert spoken_changes(row[f"change_{language}"]) == {direction, "either"}
    models.every_change(change, is_significant=False)
    assert {row["change_nl"] for row in models.statements()} == {None}


def test_no_word_of_change_passes_without_a_contrast(models: Models) -> None:
    """The guard itself: it names each word that nothing supports, and lets through what is."""
    claim_id, group = "C1.2", "leraar"
    guard = "tests/singular/change_words_rest_on_tested_contrasts.sql"
    replaced = ("indicators.fct_summary_statements", "indicators.fct_indicator_changes")

    def found(word: str) -> set[object]:
        models.replace(
            replaced[0],
            f"""
            select * replace (case
                when (wave_id, claim_id, respondent_group) = ('{SECOND}', '{claim_id}', '{group}')
                then 'Zij zijn {word} tevreden.' else sentence_en
            end as sentence_en, null::varchar as change_nl, null::varchar as change_en)
            from monitor.indicators.fct_summary_statements
            """,
        )
        rows = models.rows(guard, *replaced)
        assert {(row["layer"], row["claim_id"], row["respondent_group"]) for row in rows} <= {
            ("indicators", claim_id, group)
        }
        return {row["word"] for row in rows}

    for row in CHANGE_WORDS:
        word, direction = row["word"], row["direction"]
        models.every_change(0.1, is_significant=False)
        assert word in found(word)
        models.every_change(-0.1 if direction == "increase" else 0.1)
        assert (word in found(word)) == (direction != "")
    models.every_change(0.1)
    assert found("meer dan") == set()
    # one of its four figures points the other way
    models.execute(
        "update indicators_fct_indicator_changes set change = -0.1 "
        "where indicator_code = 'D1.3' and respondent_group = 'leraar'"
    )
    assert found("meer dan") == {"meer dan"}


@pytest.mark.parametrize(
    ("table", "rows", "found"),
    [
        ("qualifier_ladder", "* from {table} where qualifier <> 'zelden'",
         {"frequency lang_niet_altijd"}),
        ("qualifier_ladder", "* from {table} where qualifier <> 'vrijwel_altijd'",
         {"frequency doorgaans"}),
        ("qualifier_ladder", "* replace (if(qualifier = 'erg', 0.7, range_low) as range_low) "
         "from {table}", {"intensity erg", "C7.2a erg"}),
        ("claim_templates", "* from {table} where claim_id <> 'C7.3'", {"C7.3"}),
        ("claim_templates", "* replace (if(claim_id = 'C4.2', replace(template_en, '{{voice}}', "
         "'people'), template_en) as template_en) from {table}", {"C4.2 leraar", "C4.2 ouder"}),
        ("group_voices", "* from {table} where respondent_group <> 'ouder'",
         {f"{claim_id} ouder" for claim_id, group in STATEMENTS if group == "ouder"}),
    ],
)  # fmt: skip
def test_a_codebook_that_cannot_word_a_statement_is_found(
    models: Models, table: str, rows: str, found: set[str]
) -> None:
    """A gap or overlap in a ladder, a word of wave 1 out of its range, no template or voice."""
    models.replace(f"codebook.{table}", "select " + rows.format(table=f"monitor.codebook.{table}"))
    wrong = models.rows("tests/singular/statements_can_be_worded.sql", f"codebook.{table}")
    assert {row["place"] for row in wrong} == found


def test_a_statement_turns_with_each_single_figure(models: Models) -> None:
    """One estimate at a time moved just out of its range."""
    models.replace(
        "indicators.fct_indicator_estimates",
        f"select * replace ('reliable' as reliability) "
        f"from monitor.indicators.fct_indicator_estimates where wave_id = '{FIRST}'",
    )
    models.every_change(None)

    def turned() -> set[tuple[object, object]]:
        return {
            (row["claim_id"], row["respondent_group"])
            for row in models.statements()
            if row["is_consistent"] is False
        }

    def move(figure: dict[str, str], estimate: str) -> None:
        models.execute(
            f"update indicators_fct_indicator_estimates set estimate = {estimate} "
            "where breakdown = 'total' and indicator_code = ? and respondent_group = ? "
            "and measure = ?",
            [figure["indicator_code"], figure["respondent_group"], figure["measure"]],
        )

    models.execute("alter table indicators_fct_indicator_estimates add column original double")
    models.execute("update indicators_fct_indicator_estimates set original = estimate")
    assert turned() == set()
    for row in FIGURES:
        for moved in (float(row["range_low"]) - 0.001, float(row["range_high"]) + 0.001):
            move(row, str(moved))
            statement = (row["claim_id"], row["respondent_group"])
            assert (statement in turned()) == (row["is_required"] == "true"), (row, moved)
            move(row, "original")


def test_ladders_rise(models: Models) -> None:
    """Two claims as published, word by word: what a reader meets from nobody to everybody."""
    models.every_figure(wave_id="cast(range as varchar)", steps=f"{STEPS} + 1")
    models.every_change(None)
    for claim_id, group, expected in (
        ("C6.2", "swv", [
            "In vrijwel geen van de samenwerkingsverbanden is er",
            "In weinig samenwerkingsverbanden is er",
            "In een minderheid van de samenwerkingsverbanden is er",
            "In ongeveer de helft van de samenwerkingsverbanden is er",
            "In ruim de helft van de samenwerkingsverbanden is er",
            "In de meeste samenwerkingsverbanden is er",
            "In vrijwel alle samenwerkingsverbanden is er",
        ]),
        ("C5.2a", "bestuur", [
            "Volgens schoolbestuurders is het aanbod van ondersteuning nauwelijks inzichtelijk.",
            "Volgens schoolbestuurders is het aanbod van ondersteuning niet erg inzichtelijk.",
            "Volgens schoolbestuurders is het aanbod van ondersteuning slechts ten dele "
            "inzichtelijk.",
            "Volgens schoolbestuurders is het aanbod van ondersteuning redelijk inzichtelijk.",
            "Volgens schoolbestuurders is het aanbod van ondersteuning inzichtelijk.",
            "Volgens schoolbestuurders is het aanbod van ondersteuning zeer inzichtelijk.",
        ]),
    ):  # fmt: skip
        sentence_at = {
            int(str(row["wave_id"])): str(row["sentence_nl"])
            for row in models.statements()
            if (row["claim_id"], row["respondent_group"]) == (claim_id, group)
        }
        met = [sentence for sentence, _ in groupby(sentence_at[s] for s in sorted(sentence_at))]
        assert len(met) == len(expected)
        assert all(map(str.startswith, met, expected)), met
        assert all(first != second for first, second in pairwise(met))
