"""The drill finds what it is there to find; readers meet one release at a time."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import duckdb
import pytest
from fixtures.pairs import Survey, people, warehouse

from drill.faults import kills
from drill.place import STAGES, Place
from drill.readers import (
    READERS,
    RELEASES,
    Reading,
    drill_readers,
    read_database,
    read_files,
    releasing,
)
from drill.state import complaints, contents, differences
from orchestration.lib.released import remember_if_missing
from orchestration.lib.warehouse import connect


@pytest.fixture(scope="module")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("two")
    (folder / "archive").mkdir()
    (folder / "archive" / "copy.parquet").write_bytes(b"a delivery")
    with releasing(folder) as release:
        release()
        release()
    return Place(folder)


@pytest.fixture
def place(two_releases: Place, tmp_path: Path) -> Place:
    return two_releases.copy(tmp_path / "copy")


def _current(place: Place) -> Path:
    return (place.settings.published / "current").resolve()


def _other(place: Place) -> Path:
    (other,) = set(place.releases.iterdir()) - {_current(place)}
    return other


def test_what_is_whole_is_found_whole(place: Place, two_releases: Place) -> None:
    assert complaints(place, is_settled=True) == []
    assert differences(contents(two_releases), contents(place)) == []


def test_damage_that_readers_would_meet_is_found(place: Place) -> None:
    current = _current(place)
    (current / "parquet" / "dim_goals.parquet").unlink()
    assert any(
        "dim_goals.parquet is missing" in said for said in complaints(place, is_settled=True)
    )


def test_a_release_that_is_half_there_is_found(place: Place) -> None:
    (_other(place) / "release.json").unlink()
    said = complaints(place, is_settled=True)
    assert any("release.json cannot be read" in complaint for complaint in said), said


def test_current_without_a_release_is_found(place: Place) -> None:
    shutil.rmtree(_current(place))
    assert any("is current, and not there" in said for said in complaints(place, is_settled=True))


def test_two_names_for_what_is_current_are_found_once_all_is_settled(place: Place) -> None:
    other = _other(place).name
    path = place.settings.published / "current.json"
    path.write_text(json.dumps({"release_id": other, "path": f"releases/{other}"}))
    assert complaints(place, is_settled=False) == []
    (said,) = complaints(place, is_settled=True)
    assert "current.json to" in said


def test_what_is_lost_doubled_or_left_over_is_found(place: Place, two_releases: Place) -> None:
    with connect(place.settings.warehouse) as connection:
        connection.execute("delete from raw.deliveries where delivery_id = '0'")
        # twice the same rows: a hash that cancels pairs out would not see them
        for number in range(2):
            connection.execute(
                "insert into raw.delivery_events values (?, 'a', 'b', now(), '')", [number]
            )
    (place.settings.archive / "copy.parquet").unlink()
    (place.settings.archive / "copy.part").write_bytes(b"")
    (place.releases / ".draft.part").mkdir()
    found = {said.split(": ")[0] for said in differences(contents(two_releases), contents(place))}
    assert found == {
        "table raw.deliveries", "table raw.delivery_events", "archive/copy.parquet",
        "archive/copy.part", "release .draft.part",
    }  # fmt: skip


def test_kills_are_drawn_from_the_seed_and_reach_every_stage() -> None:
    assert kills(100, 1) == kills(100, 1) != kills(100, 2)
    assert {stage for stage, _ in kills(len(STAGES), 1)} == set(STAGES)


def test_a_reader_tells_a_mixed_answer(place: Place) -> None:
    current, other = _current(place), _other(place)
    assert read_database(place.settings.published) == {current.name}
    assert read_files(place.settings.published) == {current.name}
    shutil.copy(other / "csv" / "dim_goals.csv", current / "csv")
    assert read_files(place.settings.published) == {current.name, other.name}
    with duckdb.connect(str(current / "monitor.duckdb")) as connection:
        connection.execute("update dim_goals set release_id = 'another' where number = 0")
    assert read_database(place.settings.published) == {current.name, "another"}


def test_readers_complain_of_a_release_that_nobody_can_read(place: Place) -> None:
    with Reading(place.settings.published, 1) as reading:
        reading.wait_for(_current(place).name)
        (_current(place) / "monitor.duckdb").unlink()
        (_current(place) / "release.json").unlink()
        end = time.monotonic() + 60
        while not reading.tally.errors and time.monotonic() < end:
            reading.listen(0.5)
    assert reading.tally.errors


def test_ten_readers_of_twenty_releases_see_each_of_them_whole() -> None:
    tally = drill_readers()
    assert tally.errors == []
    assert len(tally.releases) == RELEASES + 1
    assert tally.answers >= READERS * RELEASES


def test_a_release_that_a_killed_refresh_wrote_is_remembered_once(tmp_path: Path) -> None:
    with warehouse(tmp_path) as connection:
        Survey(people(20, questions=1)).write(connection)
        for _ in range(2):
            remember_if_missing(connection, "release")
        rows = connection.execute(
            "select release_id, sum(respondents) from audit.released_parts "
            "inner join audit.released_answers using (answers_part) "
            "where question = 'respondents' group by all"
        ).fetchall()
    assert rows == [("release", 20)]
