"""Pairs of releases: what one tells beside the other waits while it is of fewer than ten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest
from fixtures.pairs import WAVE, Survey, people, warehouse

from orchestration.lib.batches import Comparison, Difference, compare, look_back
from orchestration.lib.released import note, remember, settle, unsettled

EARLIER = "2024-najaar"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse(tmp_path) as connection:
        yield connection


def publish(connection: duckdb.DuckDBPyConnection, release_id: str, survey: Survey) -> None:
    survey.write(connection)
    note(connection)
    remember(connection, release_id)


def told(connection: duckdb.DuckDBPyConnection, after: Survey, *before: Survey) -> Comparison:
    """What a release tells beside those before it."""
    names = [f"release {number}" for number in range(len(before))]
    for name, survey in zip(names, before, strict=True):
        publish(connection, name, survey)
    after.write(connection)
    note(connection)
    return Comparison(tuple(compare(connection, names)))


def few(comparison: Comparison, *columns: str) -> set[tuple[object, ...]]:
    return {
        tuple(getattr(difference, column) for column in columns)
        for difference in comparison.differences
    }


def questions(comparison: Comparison) -> set[tuple[object, ...]]:
    """Questions and respondents, but for scores on goals: those depend on all of them."""
    found = few(comparison, "question", "respondents")
    return {row for row in found if not str(row[0]).startswith("goal")}


PROVINCE = {"region": "utrecht", "sector": "po", "school_size": "small"}
ALL_OF_ONE = Survey(people(200, **PROVINCE))


def alike(survey: Survey, count: int) -> Survey:
    """So many respondents said 1 to the first question, and are corrected to 5."""
    said = [number for number, person in enumerate(survey.people) if person.answers["Q1"] == 1]
    return survey.corrected((number, "Q1", 5) for number in said[:count])


def elsewhere(survey: Survey, count: int) -> Survey:
    """So many respondents are corrected, each in a question of its own, to the next answer."""
    return survey.corrected(
        (number, f"Q{number + 1}", 1 + survey.people[number].answers[f"Q{number + 1}"] % 5)
        for number in range(count)
    )


# --- corrections ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_rounded", [False, True])
@pytest.mark.parametrize("count", [1, 5, 9, 10, 12])
def test_corrections_of_one_question_wait_until_they_are_ten(
    house: duckdb.DuckDBPyConnection, count: int, is_rounded: bool
) -> None:
    waits = count < 10
    before = Survey(ALL_OF_ONE.people, is_rounded=is_rounded)
    found = told(house, alike(before, count), before)
    assert few(found, "question", "respondents") - {("goal 1", count)} == (
        {("Q1", count)} if waits else set()
    )
    assert found.is_silent is not waits
    if waits and not is_rounded:
        # of total, province, sector and school size: mean, share, two options, and goal score
        assert found.told["figures"] == 4 * 5
        assert found.told["answers"] == 2 * count  # to the question, and the score on its goal
        assert found.told["fewest_respondents"] == count


@pytest.mark.parametrize("is_rounded", [False, True])
@pytest.mark.parametrize("count", [1, 5, 9, 10, 12])
def test_corrections_in_a_question_each_are_of_one_respondent_each(
    house: duckdb.DuckDBPyConnection, count: int, is_rounded: bool
) -> None:
    before = Survey(ALL_OF_ONE.people, is_rounded=is_rounded)
    found = told(house, elsewhere(before, count), before)
    assert questions(found) == {(f"Q{number}", 1) for number in range(1, count + 1)}
    assert found.told["fewest_respondents"] == 1


def old_and_new_answers(before: Survey, after: Survey) -> dict[str, tuple[int, int]]:
    """The attack: of a question of which one option has one answer less and one another more."""
    total = [
        survey._estimates(survey._rows()).query("breakdown == 'total'")
        for survey in (before, after)
    ]
    both = total[0].merge(total[1], on=["indicator_code", "measure"])
    both["moved"] = ((both["estimate_y"] - both["estimate_x"]) * len(before.people)).round(6)
    options = both[both["measure"].str.startswith("share_option")]
    return {
        str(question): (
            int(rows.loc[rows["moved"] == -1, "measure"].item()[-1]),
            int(rows.loc[rows["moved"] == 1, "measure"].item()[-1]),
        )
        for question, rows in options[options["moved"] != 0].groupby("indicator_code")
    }


def test_twelve_corrections_of_a_question_each_do_not_pass_as_a_batch(
    house: duckdb.DuckDBPyConnection,
) -> None:
    """Their releases tell both answers of each; counted over all questions they were twelve."""
    after = elsewhere(ALL_OF_ONE, 12)
    both = zip(ALL_OF_ONE.people, after.people, strict=True)
    changed = [(old, new) for old, new in both if old != new]
    assert len(changed) == 12 and len({str(old.places) for old, _ in changed}) == 1
    assert old_and_new_answers(ALL_OF_ONE, after) == {
        f"Q{number}": (old.answers[f"Q{number}"], new.answers[f"Q{number}"])
        for number, (old, new) in enumerate(changed, start=1)
    }
    found = told(house, after, ALL_OF_ONE)
    assert questions(found) == {(f"Q{number}", 1) for number in range(1, 13)}
    assert found.told["answers"] >= 12


def test_what_rounding_hides_needs_no_waiting(house: duckdb.DuckDBPyConnection) -> None:
    """76 and 77 of 150 are both published as .51; 78 is .52."""
    sure = [
        person.says("Q1", 5 if number < 76 else 1) for number, person in enumerate(people(150, 1))
    ]
    before = Survey(sure, is_rounded=True, measures=("share_endorsed",))
    one, two = ([(number, "Q1", 5) for number in range(76, 76 + count)] for count in (1, 2))
    assert questions(told(house, before.corrected(one), before)) == set()
    assert questions(told(house, before.corrected(two), before)) == {("Q1", 2)}


def test_measures_count_what_they_tell_apart(house: duckdb.DuckDBPyConnection) -> None:
    """Of twelve who change their answer, three become favourable: the share is of these three."""
    disagree = [person.says("Q1", 2) for person in ALL_OF_ONE.people]
    before = Survey(disagree)
    after = before.corrected((number, "Q1", 4 if number < 3 else 1) for number in range(12))
    found = told(house, after, before)
    assert {row for row in few(found, "question", "measure", "respondents") if row[0] == "Q1"} == {
        ("Q1", "share_endorsed", 3), ("Q1", "share_option_4", 3), ("Q1", "share_option_1", 9),
    }  # fmt: skip


def test_twelve_who_come_and_go_within_an_answer_are_none(house: duckdb.DuckDBPyConnection) -> None:
    """Two respondents of one place and weight who exchange their answers change no figure."""
    people_ = ALL_OF_ONE.people
    one, other = (people_[number].answers for number in (0, 1))
    after = ALL_OF_ONE.corrected(
        [*((0, q, a) for q, a in other.items()), *((1, q, a) for q, a in one.items())]
    )
    assert told(house, after, ALL_OF_ONE).is_silent


def test_a_respondent_of_another_province_is_told_by_both(house: duckdb.DuckDBPyConnection) -> None:
    before = Survey([*people(60, 1, region="utrecht"), *people(60, 1, region="gelderland")])
    after = Survey([before.people[0].moves(region="gelderland"), *before.people[1:]])
    found = told(house, after, before)
    assert few(found, "breakdown_value", "respondents") == {("utrecht", 1), ("gelderland", 1)}


def test_don_t_know_is_an_answer(house: duckdb.DuckDBPyConnection) -> None:
    found = told(house, ALL_OF_ONE.corrected([(0, "Q1", 0)]), ALL_OF_ONE)
    assert ("Q1", "share_endorsed", 1) in few(found, "question", "measure", "respondents")


# --- what is shown on one side, or nowhere --------------------------------------------------

PROVINCES = Survey(
    [
        *people(100, 1, region="utrecht"),
        *people(100, 1, region="gelderland"),
        *people(8, 1, region="drenthe"),
        *people(9, 1, region="zeeland"),
    ],
    withheld={("region", "drenthe"), ("region", "zeeland")},
    measures=("mean",),
)


def to_five(survey: Survey, numbers: Iterable[int], count: int) -> list[tuple[int, str, int]]:
    """Corrections of the first so many who did not say 5, to 5."""
    found = [n for n in numbers if survey.people[n].answers["Q1"] != 5]
    return [(n, "Q1", 5) for n in found[:count]]


def in_province(survey: Survey, region: str, count: int) -> list[tuple[int, str, int]]:
    people_ = enumerate(survey.people)
    return to_five(survey, [n for n, p in people_ if p.places["region"] == region], count)


def test_a_rest_that_is_published_nowhere_is_told_by_subtraction(
    house: duckdb.DuckDBPyConnection,
) -> None:
    """Fifteen change in total and twelve in a published province: three are left."""
    changes = [
        *in_province(PROVINCES, "utrecht", 12),
        *in_province(PROVINCES, "zeeland", 3),
    ]
    found = told(house, PROVINCES.corrected(changes), PROVINCES)
    assert few(found, "question", "breakdown", "less", "respondents") == {
        ("Q1", "total", "region", 3), ("goal 1", "total", "region", 3),
    }  # fmt: skip
    without = told(house, PROVINCES.corrected(changes[:12]), PROVINCES)
    assert without.is_silent


def test_twelve_of_two_provinces_are_told_by_each(house: duckdb.DuckDBPyConnection) -> None:
    changes = [
        *in_province(PROVINCES, "utrecht", 9),
        *in_province(PROVINCES, "gelderland", 3),
    ]
    found = told(house, PROVINCES.corrected(changes), PROVINCES)
    assert few(found, "breakdown_value", "less", "respondents") == {
        ("utrecht", "", 9), ("gelderland", "", 3),
    }  # fmt: skip


def test_a_samenwerkingsverband_s_rest_in_its_province(house: duckdb.DuckDBPyConnection) -> None:
    """All of the province is published, and one of its two samenwerkingsverbanden."""
    before = Survey(
        [
            *people(100, 1, region="utrecht", swv="PO01"),
            *people(40, 1, region="utrecht", swv="PO02"),
        ],
        withheld={("swv", "PO02")},
        measures=("mean",),
    )  # fmt: skip
    changes = [*to_five(before, range(100), 12), *to_five(before, range(100, 140), 2)]
    found = told(house, before.corrected(changes), before)
    assert few(found, "breakdown", "less", "respondents") >= {
        ("region", "swv", 2), ("total", "swv", 2),
    }  # fmt: skip


def test_what_was_published_once_stays_known(house: duckdb.DuckDBPyConnection) -> None:
    """A figure that is withheld in between is compared with the release that showed it."""
    changed = PROVINCES.corrected(in_province(PROVINCES, "utrecht", 12))
    hidden = Survey(
        changed.people, PROVINCES.withheld | {("region", "utrecht")}, measures=("mean",)
    )
    back = changed.corrected(
        [
            *(
                (n, "Q1", PROVINCES.people[n].answers["Q1"])
                for n, _, _ in in_province(PROVINCES, "utrecht", 12)[3:]
            ),
            *in_province(PROVINCES, "gelderland", 12),
        ]
    )
    found = told(house, back, PROVINCES, hidden)
    assert ("release 0", "region", "utrecht", 3) in few(
        found, "release_id", "breakdown", "breakdown_value", "respondents"
    )
    assert ("release 1", "utrecht") not in few(found, "release_id", "breakdown_value")


# --- waves, groups, deliveries --------------------------------------------------------------


@pytest.mark.parametrize("wave", [WAVE, "2026-najaar"])
def test_another_group_or_wave_tells_nothing_of_those_that_were_there(
    house: duckdb.DuckDBPyConnection, wave: str
) -> None:
    late = people(40, wave=wave, group="ouder")
    assert told(house, Survey([*ALL_OF_ONE.people, *late]), ALL_OF_ONE).is_silent


def test_a_group_that_is_withdrawn_tells_nothing(house: duckdb.DuckDBPyConnection) -> None:
    both = Survey([*ALL_OF_ONE.people, *people(40, group="ouder")])
    assert told(house, ALL_OF_ONE, both).is_silent


@pytest.mark.parametrize(("count", "waits"), [(1, True), (9, True), (10, False), (40, False)])
def test_a_late_or_withdrawn_part_of_a_group_is_as_many_as_come_or_go(
    house: duckdb.DuckDBPyConnection, count: int, waits: bool
) -> None:
    more = Survey([*ALL_OF_ONE.people, *people(count, **PROVINCE)])
    for after, before in ((more, ALL_OF_ONE), (ALL_OF_ONE, more)):
        found = told(house, after, before)
        assert found.is_silent is not waits
        # the response table has a stratum with other respondents, rounded to five
        assert all(row.respondents == count for row in found.differences if row.measure == "mean")
        assert (("respondents",) in few(found, "question")) is (count == 9)


def test_equal_answers_in_another_release_tell_nothing(house: duckdb.DuckDBPyConnection) -> None:
    """Open answers were purged, or other code gives other digits: nobody's answer changed."""
    rounded = Survey(ALL_OF_ONE.people, is_rounded=True)
    assert told(house, ALL_OF_ONE, ALL_OF_ONE).is_silent
    assert told(house, rounded, ALL_OF_ONE).is_silent


def test_weights_that_move_a_figure_tell_of_nobody_in_it(house: duckdb.DuckDBPyConnection) -> None:
    ALL_OF_ONE.write(house)
    note(house)
    remember(house, "before")
    house.execute("update published.fct_indicator_estimates set estimate = estimate + 1e-3")
    note(house)
    assert compare(house, ["before"]) == []


POOLED = Survey(
    [
        *people(200, 1, wave=EARLIER, region="utrecht"),
        *people(6, 1, wave=EARLIER, swv="PO01"),
        *people(200, 1, region="utrecht"),
        *people(6, 1, swv="PO01"),
    ],
    withheld={("swv", "PO01")},
    measures=("mean",),
)


def test_pooled_figures_tell_of_waves_in_which_theirs_is_withheld(
    house: duckdb.DuckDBPyConnection,
) -> None:
    """Twelve respondents change in the wave, two of these in the samenwerkingsverband."""
    changes = [*to_five(POOLED, range(206, 406), 10), *to_five(POOLED, range(406, 412), 2)]
    found = told(house, POOLED.corrected(changes), POOLED)
    assert few(found, "question", "breakdown_value", "less", "respondents") == {
        ("Q1", "PO01", "", 2),
        # and those of no province, who are the same two
        ("Q1", "all", "region", 2), ("goal 1", "all", "region", 2),
    }  # fmt: skip


def test_a_new_wave_in_pooled_figures_is_no_correction(house: duckdb.DuckDBPyConnection) -> None:
    new = [*people(200, 1, wave="2026-najaar"), *people(6, 1, wave="2026-najaar", swv="PO01")]
    assert told(house, Survey([*POOLED.people, *new], POOLED.withheld), POOLED).is_silent


def test_a_new_wave_of_a_handful_is_told_by_pooled_figures(
    house: duckdb.DuckDBPyConnection,
) -> None:
    new = people(6, 1, wave="2026-najaar", swv="PO01")
    found = told(house, Survey([*POOLED.people, *new], POOLED.withheld), POOLED)
    assert few(found, "wave_id", "question", "respondents") == {("2026-najaar", "respondents", 6)}


# --- records --------------------------------------------------------------------------------


def test_records_hold_no_key_and_link_no_two_answers(house: duckdb.DuckDBPyConnection) -> None:
    publish(house, "one", ALL_OF_ONE)
    columns = [row[0] for row in house.execute("describe audit.released_answers").fetchall()]
    assert columns == [
        "answers_part", "wave_id", "respondent_group", "question", "breakdown", "breakdown_value",
        "weight_class", "unit_bucket", "option", "score", "is_endorsed", "respondents",
    ]  # fmt: skip
    # where respondents are counted, their schools are not even a bucket
    assert house.execute(
        "select count(*) from audit.released_answers where unit_bucket is not null"
    ).fetchall() == [(0,)]


def test_waves_that_did_not_change_are_kept_once(house: duckdb.DuckDBPyConnection) -> None:
    before = Survey([*people(100, 2, wave=EARLIER), *people(100, 2)])
    publish(house, "one", before)

    def rows() -> dict[str, int]:
        return dict(
            house.execute(
                "select wave_id, count(*) from audit.released_answers group by all"
            ).fetchall()
        )

    once = rows()
    publish(house, "two", before.corrected([(150, "Q1", 1)]))
    assert rows()[EARLIER] == once[EARLIER] and rows()[WAVE] > once[WAVE]
    again = rows()
    for name in ("three", "one"):  # another, and one that is written anew
        publish(house, name, before)
        assert rows() == again
    assert house.execute("select count(*) from audit.released_parts").fetchall() == [(6,)]


# --- earlier releases without records -------------------------------------------------------


class Earlier:
    """A release of old code: its folder is there, and the warehouse has no records of it."""

    def __init__(self, folder: Path, release_id: str, survey: Survey) -> None:
        self.folder = folder / release_id
        self.folder.mkdir(parents=True)
        with duckdb.connect(str(folder / "made.duckdb")) as connection:
            survey.write(connection)
            connection.execute(f"attach '{self.folder / 'monitor.duckdb'}' as release")
            for (table,) in connection.execute(
                "select table_name from information_schema.tables "
                "where table_schema = 'published' and table_catalog = 'made'"
            ).fetchall():
                connection.execute(f"create table release.{table} as from made.published.{table}")
        self.facts = {
            "release_id": release_id,
            "corrections_hash": "none",
            "deliveries": [
                {"wave_id": wave, "respondent_group": group, "delivery_id": f"{wave} {group}"}
                for wave, group in sorted({(p.wave, p.group) for p in survey.people})
            ],
        }


def beside(
    connection: duckdb.DuckDBPyConnection, survey: Survey, *earlier: Earlier,
    corrections: str = "none", other: dict[tuple[str, str], str] | None = None,
) -> Comparison:  # fmt: skip
    """What is told when the survey is published beside releases without records."""
    survey.write(connection)
    deliveries = [
        (*pair, (other or {}).get(pair, " ".join(pair)))
        for pair in sorted({(p.wave, p.group) for p in survey.people})
    ]
    return look_back(
        connection,
        "new",
        {release.folder: release.facts for release in earlier},
        deliveries,
        lambda _: corrections,
    )


def test_an_earlier_release_without_records_holds_a_correction_back(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    old = Earlier(tmp_path, "old", ALL_OF_ONE)
    found = beside(house, alike(ALL_OF_ONE, 12), old, corrections="some")
    assert found.incomparable == ("old",) and found.differences == ()
    assert found.told["incomparable_releases"] == ["old"] and not found.is_silent
    (line,) = found.lines()
    assert "release old" in line and "not known" in line
    redelivered = beside(house, ALL_OF_ONE, old, other={(WAVE, "leraar"): "another"})
    assert redelivered.incomparable == ("old",)
    # whoever publishes all the same is not asked again
    settle(house, found.incomparable)
    assert beside(house, alike(ALL_OF_ONE, 12), old, corrections="some").is_silent


def test_unchanged_data_with_other_code_passes_and_is_remembered(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """From then on corrections are compared with it, in the digits of today."""
    old = Earlier(tmp_path, "old", ALL_OF_ONE)
    today = Survey(ALL_OF_ONE.people, is_rounded=True)
    assert beside(house, today, old).is_silent
    remember(house, "new")
    one = beside(house, alike(today, 1), old, corrections="some")
    assert one.incomparable == ()
    assert ("old", "Q1", 1) in few(one, "release_id", "question", "respondents")
    assert beside(house, alike(today, 12), old, corrections="some").is_silent


@pytest.mark.parametrize("new", [("2026-najaar", "leraar"), (WAVE, "ouder")])
def test_a_new_wave_or_group_passes_beside_a_release_without_records(
    house: duckdb.DuckDBPyConnection, tmp_path: Path, new: tuple[str, str]
) -> None:
    old = Earlier(tmp_path, "old", ALL_OF_ONE)
    more = Survey([*ALL_OF_ONE.people, *people(60, wave=new[0], group=new[1])])
    assert beside(house, more, old).is_silent


def test_a_release_of_which_only_its_name_is_left(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """It was made by older code and pruned. Beside a release of the same data it tells nothing new;
    a correction it holds back."""
    house.execute("insert into audit.released values ('gone', false)")
    assert unsettled(house, []) == {"gone"}
    old = Earlier(tmp_path, "old", ALL_OF_ONE)
    assert beside(house, ALL_OF_ONE, old).is_silent
    assert beside(house, alike(ALL_OF_ONE, 12), old, corrections="some").incomparable == ("gone",)


def test_an_older_release_of_fewer_waves_does_not_stand_for_a_newer_one(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """The first wave is as it was; of the second, which the other release has, nothing is known."""
    first = Survey(people(100, wave=EARLIER))
    both = Survey([*first.people, *ALL_OF_ONE.people])
    releases = Earlier(tmp_path / "a", "first", first), Earlier(tmp_path / "b", "both", both)
    found = beside(house, alike(both, 12), *releases, other={(WAVE, "leraar"): "another"})
    assert found.incomparable == ("both",)


def test_a_rewritten_release_is_not_compared_with_itself(
    house: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    publish(house, "new", ALL_OF_ONE)
    assert beside(house, alike(ALL_OF_ONE, 1)).is_silent


# --- words ----------------------------------------------------------------------------------


def test_figures_are_told_once_and_parts_of_a_breakdown_add_up() -> None:
    def row(release: str, region: str, respondents: int, question: str = "Q1") -> Difference:
        return Difference(
            release, WAVE, "leraar", question, "region", region, "mean", "", respondents
        )

    found = Comparison(
        (
            row("a", "utrecht", 3),
            row("a", "zeeland", 2),
            row("b", "utrecht", 4),
            row("b", "utrecht", 1, "Q2"),
        )
    )
    assert found.told == {
        "figures": 3, "answers": 5 + 1, "fewest_respondents": 1, "incomparable_releases": [],
    }  # fmt: skip
    assert found.lines() == [
        f"{WAVE}, leraar, Q1: 2 figures, the fewest of 2 respondents, since release a, b",
        f"{WAVE}, leraar, Q2: 1 figure, the fewest of 1 respondent, since release b",
    ]
    silent = Comparison()
    assert silent.is_silent and silent.lines() == []
    assert silent.told["figures"] == 0 and silent.told["fewest_respondents"] is None
