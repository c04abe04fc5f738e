"""Releases: whole, the same for the same inputs, and `current` that moves in one step, and back."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.lib import publication
from orchestration.lib.batches import Comparison, Difference
from orchestration.lib.codebook import Codebook
from orchestration.lib.publication import (
    PublicationError,
    Release,
    current,
    damaged_files,
    find_release,
    identify,
    note_build,
    prune,
    publish,
    releases,
    rollback,
)
from orchestration.lib.settings import Settings
from orchestration.lib.warehouse import WarehouseBusyError, connect, prepare

INSERT = (
    "insert or replace into raw.deliveries (delivery_id, wave_id, respondent_group, file_name, "
    "sha256, size_bytes, landed_at, status, is_synthetic) values (?, ?, ?, 'f', '', 0, ?, ?, ?)"
)
PUBLISHED = """
create schema published;
create table published.dim_waves (wave_id varchar, label_nl varchar, closed_at date);
insert into published.dim_waves values
    ('2023-najaar', 'Najaar; "2023"', '2024-01-15'), ('2022-voorjaar', '', null);
comment on table published.dim_waves is 'Waves: the monitor''s measurements.
';
comment on column published.dim_waves.label_nl is 'Label, "as shown"';
create table published."order" as
    select i, i / 7e0 as estimate, i % 3 = 0 as is_suppressed from range(5000) as t (i);
create view published.publication as select * from audit.publication;
comment on view published.publication is 'What this release is made of';
comment on column published.publication.release_id is 'Hash of the inputs';
create schema marts;
create table marts.fct_answers as select 'private' as answer;
"""


class Clock:
    """A day later each time it is asked."""

    def __init__(self, day: int = 1) -> None:
        self.now = dt.datetime(2024, 1, day, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(days=1)
        return self.now


class House:
    """A small warehouse with accepted deliveries and published tables."""

    def __init__(self, folder: Path, day: int = 1) -> None:
        self.settings = Settings(
            landing=folder / "landing",
            archive=folder / "archive",
            warehouse=folder / "warehouse" / "monitor.duckdb",
            published=folder / "published",
            data_docs=folder / "data_docs",
        )
        self.clock = Clock(day)
        # a project of a few files, so that a test may change its code and codebook
        self.root = folder / "project"
        for name in ("models/a.sql", "seeds/codebook/goals.csv", "requirements.lock"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text("one", encoding="utf-8")
        (self.root / "seeds" / "codebook" / "waves.csv").write_text(
            "wave_id,measurement_number,closed_at\n2022-voorjaar,1,2022-07-01\n2023-najaar,2,\n",
            encoding="utf-8",
        )
        with connect(self.settings.warehouse) as connection:
            prepare(connection, Codebook())
            connection.execute(PUBLISHED)

    def sql(self, statement: str, *parameters: Any) -> None:
        with connect(self.settings.warehouse) as connection:
            connection.execute(statement, parameters)

    def accept(
        self,
        *deliveries: str,
        status: str = "accepted",
        is_synthetic: bool = True,
        wave_id: str = "2022-voorjaar",
    ) -> None:
        with connect(self.settings.warehouse) as connection:
            for delivery_id in deliveries:
                connection.execute(
                    INSERT,
                    [delivery_id, wave_id, "leraar", self.clock(), status, is_synthetic],
                )

    def publish(self) -> Release:
        return publish(self.settings, self.clock, self.root)

    def new_release(self, delivery: str) -> str:
        self.accept(delivery)
        release = self.publish()
        assert release.status == "published"
        return release.release_id

    def identity(self) -> dict[str, Any]:
        with connect(self.settings.warehouse) as connection:
            return identify(connection, self.root)

    @property
    def link(self) -> Path:
        return self.settings.published / "current"

    @property
    def current(self) -> str:
        """The current release, in which link, file and content agree."""
        now = current(self.settings)
        assert now is not None
        release_id: str = now["release_id"]
        assert now["path"] == f"releases/{release_id}"
        assert self.link.readlink() == Path("releases") / release_id
        release = json.loads((self.link / "release.json").read_text(encoding="utf-8"))
        assert release["release_id"] == release_id
        return release_id

    @property
    def state(self) -> dict[str, tuple[bytes, int]]:
        """Bytes and moment of writing of all that is published."""
        return {
            path.relative_to(self.settings.published).as_posix(): (
                path.read_bytes(),
                path.stat().st_mtime_ns,
            )
            for path in sorted(self.settings.published.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.accept("a")
    return made


def tables_of(release: Path) -> dict[str, bytes]:
    return {
        path.relative_to(release).as_posix(): path.read_bytes()
        for kind in ("csv", "parquet")
        for path in sorted((release / kind).iterdir())
    }


# --- what a release holds -------------------------------------------------------------------


def test_a_release_is_whole(house: House) -> None:
    release = house.publish()
    assert release.status == "published"
    assert release.path == house.settings.published / "releases" / release.release_id
    names = ["dim_waves", "order", "publication"]
    assert sorted(
        path.relative_to(release.path).as_posix()
        for path in release.path.rglob("*")
        if path.is_file()
    ) == sorted(
        [
            "datapackage.json",
            "monitor.duckdb",
            "monitor.xlsx",
            "release.json",
            *(f"{kind}/{name}.{kind}" for kind in ("csv", "parquet") for name in names),
        ]
    )
    facts = json.loads((release.path / "release.json").read_text(encoding="utf-8"))
    assert facts == {
        **house.identity(),
        "published_at": house.clock.now.astimezone().isoformat(timespec="seconds"),
        "previous_release_id": None,
        "told": {
            "figures": 0,
            "answers": 0,
            "fewest_respondents": None,
            "incomparable_releases": [],
        },
        "precision": "steps",
        "commit": None,  # this project is no git repository
        "deliveries": [
            {"wave_id": "2022-voorjaar", "respondent_group": "leraar", "delivery_id": "a"}
        ],
        "rows": {"dim_waves": 2, "order": 5000, "publication": 1},
        "sha256": facts["sha256"],
    }
    assert facts["release_id"] == release.release_id and facts["is_synthetic"] is True
    assert len(facts["sha256"]) == 9
    for name, checksum in facts["sha256"].items():
        assert hashlib.sha256((release.path / name).read_bytes()).hexdigest() == checksum
    assert house.current == release.release_id
    assert releases(house.settings) == [facts]


@pytest.mark.parametrize("is_first", [True, False])
def test_what_tells_of_a_few_waits_until_somebody_decides(
    house: House, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """Also where no release is current: one that is lost here may be kept elsewhere."""
    before = None if is_first else house.new_release("b")
    house.accept("c")
    few = Difference(
        "earlier", "2022-voorjaar", "leraar", "D1.1", "total", "all", "mean", "", respondents=3
    )
    settled: list[str] = []
    monkeypatch.setattr(publication, "FIGURES", "order")
    monkeypatch.setattr(
        publication, "_look_back", lambda *_: Comparison((few,), incomparable=("older",))
    )
    monkeypatch.setattr(publication, "_protect", lambda _, __, write: write())
    monkeypatch.setattr(publication, "remember", lambda *_: None)
    monkeypatch.setattr(publication, "settle", lambda _, names: settled.extend(names))
    waiting = house.publish()
    assert waiting.status == "waiting" and waiting.comparison.differences == (few,)
    assert (current(house.settings) or {}).get("release_id") == before and not settled
    assert len(releases(house.settings)) == (0 if is_first else 1)

    house.settings.release_batch = True
    release = house.publish()
    assert release.status == "published" and settled == ["older"]
    facts = json.loads((release.path / "release.json").read_text(encoding="utf-8"))
    assert facts["told"] == {
        "figures": 1,
        "answers": 3,
        "fewest_respondents": 3,
        "incomparable_releases": ["older"],
    }


def test_a_release_names_its_commit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def committed() -> str | None:
        facts = json.loads((house.publish().path / "release.json").read_text(encoding="utf-8"))
        commit: str | None = facts["commit"]
        return commit

    who = ["-c", "user.name=a", "-c", "user.email=a@b.nl"]
    for command in (["init", "--quiet"], [*who, "commit", "--quiet", "--allow-empty", "-m", "a"]):
        subprocess.run(["git", *command], cwd=house.root, check=True)
    head = (house.root / ".git" / "HEAD").read_text(encoding="utf-8").split()[1]
    commit = (house.root / ".git" / head).read_text(encoding="utf-8").strip()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as on a server
    assert committed() == commit

    house.settings.commit = "abc"  # as in an image, which has no .git
    house.accept("b")
    assert committed() == "abc"


def test_all_three_forms_hold_the_same_rows_in_order(house: House) -> None:
    path = house.publish().path
    waves: list[dict[str, Any]] = [
        {"wave_id": "2022-voorjaar", "label_nl": "", "closed_at": None},
        {"wave_id": "2023-najaar", "label_nl": 'Najaar; "2023"', "closed_at": dt.date(2024, 1, 15)},
    ]
    with connect(path / "monitor.duckdb", read_only=True) as connection:
        assert connection.execute("from dim_waves").fetchall() == [
            tuple(row.values()) for row in waves
        ]
        schemas = connection.execute(
            "select distinct table_schema from information_schema.tables"
        ).fetchall()
        assert schemas == [("main",)]  # published tables, and nothing of the marts
        ordered = connection.execute('from "order"').fetchall()
    assert ordered == sorted(ordered)
    assert pq.read_table(path / "parquet" / "dim_waves.parquet").to_pylist() == waves
    assert [
        tuple(row.values()) for row in pq.read_table(path / "parquet" / "order.parquet").to_pylist()
    ] == ordered
    with (path / "csv" / "dim_waves.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["wave_id", "label_nl", "closed_at"],
            ["2022-voorjaar", "", ""],
            ["2023-najaar", 'Najaar; "2023"', "2024-01-15"],
        ]
    with (path / "csv" / "publication.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["release_id"] == path.name and row["is_synthetic"] == "true"


def test_descriptions_travel_with_tables_and_views(house: House) -> None:
    with connect(house.publish().path / "monitor.duckdb", read_only=True) as connection:
        tables = dict(
            connection.execute("select table_name, comment from duckdb_tables()").fetchall()
        )
        columns = connection.execute(
            "select table_name, column_name, comment from duckdb_columns() "
            "where comment is not null"
        ).fetchall()
    assert tables == {
        "dim_waves": "Waves: the monitor's measurements.",
        "order": None,
        "publication": "What this release is made of",
    }
    assert columns == [
        ("dim_waves", "label_nl", 'Label, "as shown"'),
        ("publication", "release_id", "Hash of the inputs"),
    ]


def test_a_release_file_stands_alone(house: House) -> None:
    """No write-ahead log is left, and the warehouse is free again."""
    path = house.publish().path
    assert not list(house.settings.published.rglob("*.wal"))
    assert not list(house.settings.warehouse.parent.glob("*.wal"))
    copy = house.settings.landing.with_name("copy.duckdb")
    copy.write_bytes((path / "monitor.duckdb").read_bytes())
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("select count(*) from dim_waves").fetchall() == [(2,)]


def test_folders_with_quotes_and_spaces(tmp_path: Path) -> None:
    house = House(tmp_path / 'd\'Ooster "monitor" [1] é')
    release_id = house.new_release("a")
    assert house.current == release_id
    with connect(house.link / "monitor.duckdb", read_only=True) as connection:
        assert connection.execute("select release_id from publication").fetchall() == [
            (release_id,)
        ]


# --- identity -------------------------------------------------------------------------------


def test_an_unchanged_publication_rewrites_nothing(house: House) -> None:
    first = house.publish()
    before = house.state
    again = house.publish()
    assert (again.release_id, again.path, again.status) == (
        first.release_id,
        first.path,
        "unchanged",
    )
    assert house.state == before


@pytest.mark.parametrize(
    "change",
    [
        lambda house: house.accept("b"),
        lambda house: house.accept("a", status="superseded") or house.accept("b"),
        lambda house: (house.root / "models" / "a.sql").write_text("two"),
        lambda house: (house.root / "models" / "b.yml").write_text("one"),
        lambda house: (house.root / "models" / "a.sql").rename(house.root / "models" / "c.sql"),
        lambda house: (house.root / "seeds" / "codebook" / "goals.csv").write_text("two"),
        lambda house: (house.root / "requirements.lock").write_text("two"),
    ],
)
def test_other_inputs_make_another_release(house: House, change: Callable[[House], Any]) -> None:
    first = house.publish()
    change(house)
    second = house.publish()
    assert second.status == "published" and second.release_id != first.release_id
    assert house.current == second.release_id
    known = releases(house.settings)
    assert [release["release_id"] for release in known] == [first.release_id, second.release_id]
    assert known[1]["previous_release_id"] == first.release_id


@pytest.mark.parametrize(
    "change",
    [
        lambda house: house.accept("b", status="landed"),
        lambda house: house.accept("b", status="refused", is_synthetic=False),
        lambda house: house.accept("b", status="withdrawn"),
        lambda house: (house.root / "models" / "notes.md").write_text("a note"),
        lambda house: (house.root / "README.md").write_text("a note"),
        lambda house: house.accept("a"),  # landed at another time
    ],
)
def test_what_is_no_input_makes_no_release(house: House, change: Callable[[House], Any]) -> None:
    house.publish()
    change(house)
    assert house.publish().status == "unchanged"


def test_the_same_inputs_elsewhere_and_later_give_the_same_bytes(tmp_path: Path) -> None:
    here, there = House(tmp_path / "here"), House(tmp_path / "there", day=20)
    here.accept("a", "b", "c")
    there.accept("c", "a", "b")  # landed in another order
    there.sql('create or replace table published."order" as from published."order" order by i desc')
    first, second = here.publish(), there.publish()
    assert first.release_id == second.release_id
    assert tables_of(first.path) == tables_of(second.path)
    (facts,), (others) = releases(here.settings), releases(there.settings)
    assert facts["published_at"] != others[0]["published_at"]
    differing = {name for name, value in facts.items() if others[0][name] != value}
    assert differing <= {"published_at", "sha256"}  # the DuckDB file is no function of the rows


def test_it_is_synthetic_as_long_as_one_delivery_is(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.accept("a", is_synthetic=False)
    assert house.identity()["is_synthetic"] is False
    house.accept("b", status="superseded")
    assert house.identity()["is_synthetic"] is False
    house.accept("c")
    assert house.identity()["is_synthetic"] is True


def test_nothing_to_publish(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.accept("a", status="refused")
    with pytest.raises(PublicationError, match=r"No delivery is accepted.*make refresh"):
        house.publish()
    house.accept("a")
    house.sql("drop schema published cascade")
    with pytest.raises(PublicationError, match=r"holds no tables.*make refresh"):
        house.publish()
    assert not house.settings.published.exists()
    assert (current(house.settings), releases(house.settings)) == (None, [])


# --- interrupted ----------------------------------------------------------------------------


def test_a_wave_that_is_open_makes_no_release(house: House) -> None:
    """A delivery a day in fieldwork, and nothing of it in the release: the id stays."""
    first = house.new_release("a")
    house.accept("b", wave_id="2023-najaar")
    assert house.publish().status == "unchanged"
    facts = json.loads((house.publish().path / "release.json").read_text(encoding="utf-8"))
    assert facts["release_id"] == first
    assert facts["deliveries"] == [
        {"wave_id": "2022-voorjaar", "respondent_group": "leraar", "delivery_id": "a"}
    ]


def test_a_codebook_that_changes_while_dbt_builds_is_not_published(house: House) -> None:
    house.accept("a")
    note_build(house.settings, house.root)
    (house.root / "seeds" / "codebook" / "goals.csv").write_text("two")
    with pytest.raises(PublicationError, match="changed while the marts were built"):
        house.publish()
    note_build(house.settings, house.root)
    assert house.publish().status == "published"


def test_a_file_that_is_damaged_or_gone_is_named(house: House) -> None:
    house.new_release("a")
    assert damaged_files(house.settings) == []
    folder = house.settings.published / "current"
    (folder / "csv" / "dim_waves.csv").write_text("2023", encoding="utf-8")
    (folder / "parquet" / "order.parquet").unlink()
    assert damaged_files(house.settings) == [
        "csv/dim_waves.csv differs from its checksum",
        "parquet/order.parquet is missing",
    ]


def test_a_release_is_found_by_its_place_or_the_start_of_its_id(house: House) -> None:
    with pytest.raises(PublicationError, match="none; run `make refresh` first"):
        find_release(house.settings, "current")
    first, second = house.new_release("a"), house.new_release("b")
    assert find_release(house.settings, "current") == second
    assert find_release(house.settings, "previous") == first
    assert find_release(house.settings, first[:12]) == first
    for name in ("nonsense", ""):
        with pytest.raises(PublicationError, match=f"{first}, {second}"):
            find_release(house.settings, name)


def test_old_releases_go_but_never_the_current_one_and_the_one_before(house: House) -> None:
    ids = [house.new_release(delivery) for delivery in "abcd"]
    assert prune(house.settings) == []
    settings = house.settings.model_copy(update={"keep_releases": 1})
    assert prune(settings) == ids[:2]
    assert [release["release_id"] for release in releases(settings)] == ids[2:]
    assert prune(settings) == []


@pytest.mark.parametrize("step", ["_copy_comments", "_export", "_write_json", "_move_current"])
def test_a_crash_leaves_current_alone_and_the_next_publication_whole(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = house.publish().release_id
    before = house.state
    house.accept("b")

    def crash(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(publication, step, crash)
        with pytest.raises(RuntimeError, match="lights"):
            house.publish()
    assert house.current == first
    assert {name: house.state[name] for name in before} == before

    second = house.publish()
    assert second.status == "published"
    assert house.current == second.release_id != first
    assert not list(house.settings.published.rglob(".*"))
    facts = releases(house.settings)[-1]
    assert facts["rows"]["order"] == 5000 and len(facts["sha256"]) == 9


def test_a_release_whose_folder_was_lost_is_written_anew(house: House) -> None:
    first = house.publish().release_id
    second = house.new_release("b")
    folder = house.settings.published / "releases" / second
    before = tables_of(folder)
    shutil.rmtree(folder)
    assert house.publish().status == "published"
    assert tables_of(folder) == before
    assert house.current == second
    # it does not take its own place
    assert rollback(house.settings).release_id == first


def test_leftovers_are_cleared_or_left_out(house: House) -> None:
    folder = house.settings.published / "releases"
    (folder / ".0123.part" / "csv").mkdir(parents=True)
    half = folder / house.identity()["release_id"]
    half.mkdir()
    (half / "monitor.duckdb").write_bytes(b"half")
    (folder / "another half").mkdir()
    (house.settings.published / ".current.part").symlink_to("nowhere")
    assert releases(house.settings) == []
    release = house.publish()
    assert release.status == "published" and house.current == half.name
    assert [item["release_id"] for item in releases(house.settings)] == [half.name]
    assert not list(house.settings.published.rglob(".*"))


def test_a_move_that_was_cut_short_is_finished(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between link and file: they disagree until the next publication."""
    first = house.publish().release_id
    second = house.new_release("b")

    def crash(*arguments: Any) -> None:
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(publication, "_write_json", crash)
        with pytest.raises(RuntimeError):
            rollback(house.settings)
    assert house.link.readlink().name == first
    assert house.publish().status == "published"
    assert house.current == second


def test_a_system_without_links_has_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*arguments: Any, **more: Any) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    for delivery in "ab":
        house.accept(delivery)
        release = house.publish()
        assert release.status == "published"
        assert current(house.settings) == {
            "release_id": release.release_id,
            "path": f"releases/{release.release_id}",
        }
        assert house.publish().status == "unchanged"
    assert rollback(house.settings).status == "published"
    assert house.publish().status == "held"


# --- back and forth -------------------------------------------------------------------------


def test_rollback_holds_until_something_changes(house: House) -> None:
    first = house.publish().release_id
    second = house.new_release("b")
    back = rollback(house.settings)
    assert (back.release_id, back.status) == (first, "published")
    assert house.current == first

    before = house.state
    for _ in range(2):
        held = house.publish()
        assert (held.release_id, held.status) == (second, "held")
    assert house.state == before

    third = house.new_release("c")
    assert house.current == third
    # the release that stood there before, not the one that was rolled back
    assert rollback(house.settings).release_id == first


def test_a_release_with_old_digits_is_not_gone_back_to(house: House) -> None:
    first = house.publish()
    house.accept("b")
    second = house.publish()
    path = first.path / "release.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    assert facts.pop("precision") == "steps"
    path.write_text(json.dumps(facts), encoding="utf-8")
    for to in (None, first.release_id):
        with pytest.raises(PublicationError, match=r"all their digits.*make refresh"):
            rollback(house.settings, to)
    assert house.current == second.release_id


def test_rollback_forward_again(house: House) -> None:
    house.publish()
    second = house.new_release("b")
    rollback(house.settings)
    assert rollback(house.settings, second).release_id == second
    assert house.current == second
    assert "rolled_back_from" not in (current(house.settings) or {})
    assert house.publish().status == "unchanged"


def test_rollback_step_by_step_is_held_as_well(house: House) -> None:
    first = house.publish().release_id
    second, third = house.new_release("b"), house.new_release("c")
    assert rollback(house.settings).release_id == second
    assert house.publish().status == "held"
    assert rollback(house.settings).release_id == first
    assert house.publish().status == "held"
    assert rollback(house.settings, second).release_id == second  # half the way forward
    assert house.publish().status == "held"
    assert house.current == second
    assert rollback(house.settings, third).release_id == third
    assert house.publish().status == "unchanged"


def test_inputs_that_return_bring_their_release_back(house: House) -> None:
    first = house.publish()
    second = house.new_release("b")
    house.accept("b", status="superseded")
    before = tables_of(first.path)
    again = house.publish()
    assert (again.release_id, again.status) == (first.release_id, "published")
    assert house.current == first.release_id and tables_of(first.path) == before

    # and rolled back from there, it is held although another release is newer
    rollback(house.settings, second)
    assert house.publish().status == "held"
    assert house.current == second


def test_rollback_where_there_is_nothing_to_go_back_to(house: House) -> None:
    with pytest.raises(PublicationError, match="Nothing is published yet"):
        rollback(house.settings)
    first = house.publish().release_id
    before = house.state
    with pytest.raises(PublicationError, match=rf"No release comes before {first}.*--to.*{first}"):
        rollback(house.settings)
    for unknown in ("nonsense", "../..", ".part"):
        with pytest.raises(PublicationError, match=rf"no release '{unknown}'.*{first}"):
            rollback(house.settings, unknown)
    assert house.state == before


def test_rollback_from_a_release_that_somebody_removed(house: House) -> None:
    first = house.publish().release_id
    second = house.new_release("b")
    (house.settings.published / "releases" / second / "release.json").unlink()
    with pytest.raises(PublicationError, match=rf"No release comes before {second}.*{first}"):
        rollback(house.settings)
    assert rollback(house.settings, first).release_id == first


def test_releases_are_in_order_of_time_and_not_of_text(house: House) -> None:
    """Summer time ends: 02:30+02:00 comes before 02:10+01:00."""
    zones = (dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=1)))
    moments = [
        dt.datetime(2024, 10, 27, 2, minute, tzinfo=zone)
        for minute, zone in zip((30, 10), zones, strict=True)
    ]
    ids = [house.new_release(delivery) for delivery in "bc"]
    for release_id, moment in zip(ids, moments, strict=True):
        path = house.settings.published / "releases" / release_id / "release.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(facts | {"published_at": moment.isoformat()}), encoding="utf-8")
    assert [release["release_id"] for release in releases(house.settings)] == ids


# --- readers --------------------------------------------------------------------------------


def test_a_reader_keeps_its_release_and_a_new_one_reads_the_new(house: House) -> None:
    first = house.publish().release_id
    question = "select release_id from publication"
    path = str(house.link / "monitor.duckdb")
    with duckdb.connect(path, read_only=True) as reader:
        assert reader.execute(question).fetchall() == [(first,)]
        second = house.new_release("b")  # written beside it, whatever the reader holds
        assert reader.execute(question).fetchall() == [(first,)]
        script = f"import duckdb; print(duckdb.connect({path!r}, read_only=True).sql({question!r}))"
        other = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert second in other.stdout
        rollback(house.settings)
        assert reader.execute("select count(*) from dim_waves").fetchall() == [(2,)]


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_warehouse_that_another_process_writes(house: House) -> None:
    first = house.publish().release_id
    house.accept("b")
    before = house.state
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(house.settings.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WarehouseBusyError, match="in use by another process"):
            house.publish()
        # readers do not notice, and going back needs no warehouse
        with connect(house.link / "monitor.duckdb", read_only=True) as connection:
            assert connection.execute("select count(*) from dim_waves").fetchall() == [(2,)]
        holder.stdin.close()
    assert house.state == before and house.current == first
    assert house.publish().status == "published"


def test_a_process_that_is_killed_while_it_writes(house: House) -> None:
    first = house.publish().release_id
    house.accept("b")
    script = f"""
import os, sys
from pathlib import Path
from orchestration.lib import publication
from orchestration.lib.batches import Comparison, Difference
from orchestration.lib.settings import Settings
publication._copy_comments = lambda *arguments: os._exit(9)
settings = Settings.model_validate_json({house.settings.model_dump_json()!r})
publication.publish(settings, root=Path({str(house.root)!r}))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(publication.__file__).parents[2])}
    process = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=False
    )
    assert process.returncode == 9, process.stderr
    assert list((house.settings.published / "releases").glob(".*.part"))
    assert house.current == first
    assert house.publish().status == "published"
    assert not list(house.settings.published.rglob(".*"))
    assert house.current != first
