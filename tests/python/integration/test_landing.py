"""Landing as a whole: real files through discovery, readers, archive, raw tables and register."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from xlsxwriter import Workbook

from orchestration.lib.codebook import Codebook
from orchestration.lib.landing import register
from orchestration.lib.landing.discovery import discover
from orchestration.lib.landing.register import (
    Outcome,
    archive_path,
    decide,
    land_group,
    open_text_path,
    refused,
    waiting,
)
from orchestration.lib.settings import ROOT, Settings
from orchestration.lib.warehouse import connect, prepare
from simulation import simulate

FIRST, SECOND = "2022-voorjaar", "2023-najaar"
HEADER = ["Respondentnr", "E-mail", "Sector", "Vraag 1", "Toelichting", "Notitie"]
ROWS = [
    ["ab1", "jan@school.nl", "po", "4", "Meer tijd; minder werk", "x"],
    ["ab2", "els@school.nl", "vo", "98", "", "y"],
    ["ab3", "", "po", "", 'Zij zei: "nee"\nen nog eens nee', ""],
]
SEEDS = {
    "waves": f"wave_id,measurement_number\n{FIRST},1\n{SECOND},2\n",
    "respondent_groups": "respondent_group\nleraar\nouder\n",
    "group_synonyms": "synonym,respondent_group\nleraren,leraar\n",
    "variables": "wave_id,respondent_group,variable,column_name,role,attribute\n"
    + "".join(
        f"{wave},{group},respondentnr,Respondentnr,identifier,login\n"
        f"{wave},{group},e_mail,E-mail,identifier,email\n"
        f"{wave},{group},sector,Sector,breakdown,sector\n"
        f"{wave},{group},vraag_1,Vraag 1,item,\n"
        f"{wave},{group},toelichting,Toelichting,open_text,\n"
        f"{wave},{group},notitie,Notitie,ignore,\n"
        for wave in (FIRST, SECOND)
        for group in ("leraar", "ouder")
    ),
}


def as_csv(rows: list[list[str]], header: list[str] | None = None) -> str:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if set(value) & set(';"\n') else value

    return "".join(
        ";".join(map(quoted, row)) + "\n" for row in [HEADER if header is None else header, *rows]
    )


CSV = as_csv(ROWS)


class Monitor:
    """A small codebook, empty folders and an open warehouse."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.root = folder / "project"
        self.settings = Settings(
            landing=folder / "landing",
            archive=folder / "archive",
            warehouse=folder / "warehouse" / "monitor.duckdb",
            published=folder / "published",
            data_docs=folder / "data_docs",
            **settings,
        )
        (self.root / "seeds" / "codebook").mkdir(parents=True, exist_ok=True)
        for name, content in SEEDS.items():
            self.seed(name).write_text(content, encoding="utf-8")
        self.reload()
        self.manifest("synthetic: true\n")

    def seed(self, name: str) -> Path:
        return self.root / "seeds" / "codebook" / f"{name}.csv"

    def reload(self) -> None:
        """Read the codebook anew, and open the warehouse for it."""
        self.codebook = Codebook(self.root)

    def file(self, name: str, wave: str = FIRST) -> Path:
        path = self.settings.landing / wave / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def manifest(self, content: str, wave: str = FIRST) -> None:
        self.file("delivery.yml", wave).write_text(content, encoding="utf-8")

    def deliver(self, content: str = CSV, name: str = "leraar.csv", wave: str = FIRST) -> Path:
        path = self.file(name, wave)
        path.write_text(content, encoding="utf-8", newline="")
        return path

    def land(
        self,
        group: str = "leraar",
        waves: list[str] | None = None,
        settings: Settings | None = None,
        clock: Callable[[], dt.datetime] = dt.datetime.now,
    ) -> list[Outcome]:
        settings = settings or self.settings
        found = discover(settings.landing, self.codebook, waves)
        with connect(settings.warehouse) as connection:
            prepare(connection, self.codebook)
            return land_group(
                connection, found, group, waves or [FIRST, SECOND], self.codebook, settings, clock
            )

    def land_one(self, group: str = "leraar") -> Outcome:
        (outcome,) = self.land(group)
        return outcome

    def refusal(self, group: str = "leraar") -> str:
        """Land, expect one refusal that leaves nothing, and return its reason."""
        outcome = self.land_one(group)
        assert outcome.status == "refused"
        assert outcome.reason.startswith(f"{outcome.wave_id}/")
        assert self.rows(group) == [] and self.query("from open_text.answers") == []
        assert not list(self.settings.archive.rglob("*.p*"))
        return outcome.reason

    def decide(self, refusals: dict[str, str] | None = None) -> None:
        with connect(self.settings.warehouse) as connection:
            ids = [delivery["delivery_id"] for delivery in waiting(connection)]
            decide(connection, ids, refusals or {})

    def accept(self) -> Outcome:
        outcome = self.land_one()
        self.decide()
        return outcome

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.settings.warehouse) as connection:
            return connection.execute(sql, parameters).fetchall()

    def rows(self, group: str = "leraar") -> list[tuple[Any, ...]]:
        return self.query(f"select * exclude (delivery_id) from raw.{group} order by row_number")

    def statuses(self) -> dict[str, str]:
        """Status by delivery id."""
        return dict(self.query("select delivery_id, status from raw.deliveries"))

    def registered(self, delivery_id: str) -> dict[str, Any]:
        with connect(self.settings.warehouse) as connection:
            cursor = connection.execute("from raw.deliveries where delivery_id = ?", [delivery_id])
            names = [column[0] for column in cursor.description or ()]
            (row,) = cursor.fetchall()
        return dict(zip(names, row, strict=True))

    @property
    def snapshot(self) -> dict[str, Any]:
        """All that landing keeps, but for the clock."""
        files = sorted(path for path in self.settings.archive.rglob("*") if path.is_file())
        return {
            "files": {
                path.relative_to(self.settings.archive).as_posix(): path.read_bytes()
                for path in files
            },
            "raw": self.query("from raw.leraar order by all"),
            "open_text": self.query("from open_text.answers order by all"),
            "register": self.query(
                "select * exclude (landed_at, decided_at) from raw.deliveries order by all"
            ),
        }


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor(tmp_path)


# --- what lands -----------------------------------------------------------------------------


def test_a_delivery_lands_in_archive_raw_table_and_register(monitor: Monitor) -> None:
    path = monitor.deliver()
    (outcome,) = monitor.land(clock=lambda: dt.datetime(2022, 6, 1, 9, 30))

    assert (outcome.status, outcome.row_count) == ("landed", 3)
    assert outcome.file_name == f"{FIRST}/leraar.csv"
    row = monitor.registered(outcome.delivery_id)
    assert row == {
        "delivery_id": outcome.delivery_id,
        "wave_id": FIRST,
        "respondent_group": "leraar",
        "file_name": "leraar.csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": path.stat().st_size,
        "row_count": 3,
        "column_count": 6,
        "format": "csv",
        "landed_at": dt.datetime(2022, 6, 1, 9, 30),
        "decided_at": None,
        "status": "landed",
        "superseded_by": None,
        "is_synthetic": True,
        "refusal_reason": None,
        "labels": None,
        "options": "{}",
    }
    archived = pq.read_table(
        archive_path(monitor.settings, FIRST, "leraar", outcome.delivery_id)
    ).to_pylist()
    raw = monitor.query("select * exclude (delivery_id) from raw.leraar order by row_number")
    assert [tuple(record.values()) for record in archived] == raw
    assert [(row[0], *row[3:]) for row in raw] == [(1, "po", "4"), (2, "vo", "98"), (3, "po", None)]


def test_open_answers_lie_apart_and_ignored_columns_nowhere(monitor: Monitor) -> None:
    monitor.deliver()
    outcome = monitor.land_one()
    answers = [(1, "toelichting", ROWS[0][4]), (3, "toelichting", ROWS[2][4])]

    assert monitor.query(
        "select row_number, variable, answer from open_text.answers where delivery_id = ? "
        "and wave_id = ? and respondent_group = 'leraar' order by row_number",
        outcome.delivery_id, FIRST,
    ) == answers  # fmt: skip
    settings, delivery_id = monitor.settings, outcome.delivery_id
    kept = pq.read_table(archive_path(settings, FIRST, "leraar", delivery_id))
    assert kept.column_names == ["row_number", "respondentnr", "e_mail", "sector", "vraag_1"]
    apart = pq.read_table(open_text_path(settings, FIRST, "leraar", delivery_id))
    assert [tuple(row.values()) for row in apart.to_pylist()] == answers
    columns = {row[0] for row in monitor.query("describe raw.leraar")}
    assert columns == {"delivery_id", *kept.column_names}


def test_nobody_can_be_recognised_or_followed(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path, pseudonym_key="0123456789abcdef")
    monitor.manifest("synthetic: true", SECOND)
    for wave in (FIRST, SECOND):
        monitor.deliver(wave=wave)
    monitor.deliver(name="ouder.csv")
    monitor.land()
    monitor.land("ouder")

    by_wave = dict(
        monitor.query(
            "select wave_id, list(respondentnr order by row_number) from raw.leraar "
            "join raw.deliveries using (delivery_id) group by wave_id"
        )
    )
    assert not set(by_wave[FIRST]) & set(by_wave[SECOND])
    assert all(len(set(logins)) == 3 for logins in by_wave.values())
    assert monitor.query("select e_mail from raw.leraar where row_number = 3") == [(None,)] * 2
    # within a wave the same person stays the same, so that doubles can be found
    assert [row[1] for row in monitor.rows("ouder")] == by_wave[FIRST]
    stored = b"".join(
        path.read_bytes()
        for folder in (monitor.settings.archive, monitor.settings.warehouse.parent)
        for path in folder.rglob("*")
        if path.is_file()
    )
    assert b"jan@school.nl" not in stored and b"0123456789abcdef" not in stored

    other = Monitor(tmp_path / "other", pseudonym_key="another key of 16")
    other.deliver()
    other.land()
    assert not {row[1] for row in other.rows()} & set(by_wave[FIRST])


def write_csv(path: Path, rows: list[list[str]]) -> None:
    path.write_text(as_csv(rows), encoding="utf-8", newline="")


def write_sav(path: Path, rows: list[list[str]]) -> None:
    names = ["Respondentnr", "E_mail", "Sector", "Vraag_1", "Toelichting", "Notitie"]
    frame = pd.DataFrame(rows, columns=names)
    frame["Vraag_1"] = pd.to_numeric(frame["Vraag_1"])
    pyreadstat.write_sav(
        frame,
        path,
        column_labels={"Vraag_1": "Kunt u het werk aan?"},
        variable_value_labels={
            "Vraag_1": {4: "eens", 98: "weet niet"},
            "Respondentnr": {"ab1": "Jan Jansen"},
        },
        missing_ranges={"Vraag_1": [98]},
    )


def write_xlsx(path: Path, rows: list[list[str]]) -> None:
    with Workbook(str(path), {"strings_to_numbers": True, "strings_to_urls": False}) as workbook:
        sheet = workbook.add_worksheet("Data")
        sheet.write_row(0, 0, ["Technisch", "Technisch", "", "Kunt u het werk aan?", "", ""])
        for number, row in enumerate([HEADER, *rows], 1):
            sheet.write_row(number, 0, row)


def write_parquet(path: Path, rows: list[list[str]]) -> None:
    columns = [pa.array(values) for values in zip(*rows, strict=True)]
    columns[3] = pa.array([float(row[3]) if row[3] else None for row in rows])
    pq.write_table(pa.Table.from_arrays(columns, names=HEADER), path)


WRITERS: dict[str, Callable[[Path, list[list[str]]], None]] = {
    "csv": write_csv,
    "sav": write_sav,
    "xlsx": write_xlsx,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_gives_the_same_rows(monitor: Monitor, suffix: str) -> None:
    monitor.deliver(CSV)
    monitor.land()
    expected = (
        monitor.rows(),
        monitor.query("select row_number, answer from open_text.answers order by row_number"),
    )
    monitor.file("leraar.csv").unlink()

    WRITERS[suffix](monitor.file(f"leraar.{suffix}"), ROWS)
    if suffix == "xlsx":
        monitor.manifest("synthetic: true\nfiles: {leraar: {sheet: Data, header_rows: 2}}")
    outcome = monitor.land_one()
    assert (outcome.status, outcome.row_count, outcome.reason) == ("landed", 3, "")
    got = [
        monitor.query(
            f"select * exclude (delivery_id {more}) from {table} where delivery_id = ? "
            "order by row_number",
            outcome.delivery_id,
        )
        for table, more in (
            ("raw.leraar", ""),
            ("open_text.answers", ", wave_id, respondent_group, variable"),
        )
    ]
    assert tuple(got) == expected
    row = monitor.registered(outcome.delivery_id)
    assert (row["format"], row["row_count"], row["column_count"]) == (suffix, 3, 6)


def test_labels_are_kept_but_for_those_of_identifiers(monitor: Monitor) -> None:
    write_sav(monitor.file("leraar.sav"), ROWS)
    labels = json.loads(monitor.registered(monitor.land_one().delivery_id)["labels"])
    assert labels == {
        "variables": {"Vraag 1": "Kunt u het werk aan?"},
        "values": {"Vraag 1": {"4": "eens", "98": "weet niet"}},
        "user_missing": {"Vraag 1": [{"lo": "98", "hi": "98"}]},
    }


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """All waves of the real codebook, a tenth of the size, each in its own format, landed."""
    folder = tmp_path_factory.mktemp("simulated")
    settings = Settings(
        landing=folder / "landing",
        archive=folder / "archive",
        warehouse=folder / "monitor.duckdb",
        published=folder / "published",
        data_docs=folder / "data_docs",
    )
    simulate(settings.landing, scale=0.1)
    codebook = Codebook()
    found = discover(settings.landing, codebook)
    assert found.strays == []
    with connect(settings.warehouse) as connection:
        prepare(connection, codebook)
        for group in codebook.groups:
            for outcome in land_group(connection, found, group, codebook.waves, codebook, settings):
                assert outcome.status == "landed", outcome.reason
    yield settings


def test_all_simulated_waves_land(simulated: Settings) -> None:
    codebook = Codebook()
    files = [path for path in simulated.landing.rglob("*.*") if path.suffix != ".yml"]
    with connect(simulated.warehouse) as connection:
        register_rows = connection.execute(
            "select wave_id, respondent_group, delivery_id, file_name, sha256, size_bytes, "
            "row_count, column_count, format, status, is_synthetic from raw.deliveries"
        ).fetchall()
        assert len(register_rows) == len(files) > 45
        assert {row[8] for row in register_rows} == {"csv", "sav", "xlsx", "parquet"}
        for wave, group, delivery_id, name, sha256, size, rows, columns, *rest in register_rows:
            path = simulated.landing / wave / name
            assert (sha256, size) == (
                hashlib.sha256(path.read_bytes()).hexdigest(),
                path.stat().st_size,
            )
            assert rest == [path.suffix[1:], "landed", True]
            assert columns == len(codebook.variables(wave, group))
            count = connection.execute(
                f"select count(*), max(row_number) from raw.{group} where delivery_id = ?",
                [delivery_id],
            ).fetchone()
            assert count == (rows, rows)
            archived = pq.ParquetFile(archive_path(simulated, wave, group, delivery_id))
            assert archived.metadata.num_rows == rows
            assert set(archived.schema_arrow.names) == {
                "row_number",
                *(v.variable for v in codebook.variables(wave, group) if v.is_kept),
            }
            with_text = {v.variable for v in codebook.variables(wave, group)}
            answers = connection.execute(
                "select distinct variable from open_text.answers where delivery_id = ?",
                [delivery_id],
            ).fetchall()
            assert {row[0] for row in answers} <= with_text - set(archived.schema_arrow.names)


def test_simulated_identifiers_are_hashed_and_answers_are_plain(simulated: Settings) -> None:
    with connect(simulated.warehouse) as connection:
        for wave in Codebook().waves:
            for variable in Codebook().variables(wave, "leraar"):
                if not variable.is_kept:
                    continue
                values = [
                    row[0]
                    for row in connection.execute(
                        f'select distinct "{variable.variable}" from raw.leraar '
                        "join raw.deliveries using (delivery_id) where wave_id = ? "
                        f'and "{variable.variable}" is not null',
                        [wave],
                    ).fetchall()
                ]
                if variable.role == "identifier":
                    assert all(len(value) == 64 for value in values)
                else:
                    assert not [value for value in values if value == "" or value.endswith(".0")]


# --- the same again, and corrected ----------------------------------------------------------


def test_the_same_file_again_changes_nothing(monitor: Monitor) -> None:
    path = monitor.deliver()
    first = monitor.accept()
    before = monitor.registered(first.delivery_id), monitor.snapshot
    (archived,) = (monitor.settings.archive / "leraar").rglob("*.parquet")
    written = archived.stat().st_mtime_ns

    path.touch()
    again = monitor.land_one()
    assert (again.status, again.delivery_id, again.row_count) == ("unchanged", first.delivery_id, 3)
    assert (monitor.registered(first.delivery_id), monitor.snapshot) == before
    assert archived.stat().st_mtime_ns == written

    path.unlink()
    assert monitor.land() == []  # deleted by retention: what was accepted stays
    assert (monitor.registered(first.delivery_id), monitor.snapshot) == before


def test_the_same_rows_under_another_name_or_declared_otherwise(monitor: Monitor) -> None:
    first = monitor.accept() if monitor.deliver() else None
    assert first is not None
    monitor.file("leraar.csv").rename(monitor.file("Leraren.csv"))
    assert monitor.land_one().status == "unchanged"
    # declared to be real, it must be hashed with the key: that is another delivery
    monitor.manifest("synthetic: false")
    assert monitor.land_one().status == "refused"
    assert monitor.statuses()[first.delivery_id] == "accepted"


def test_a_corrected_file_supersedes_at_its_acceptance_and_never_before(monitor: Monitor) -> None:
    monitor.deliver()
    first = monitor.accept()
    monitor.deliver(as_csv(ROWS[:2]))
    second = monitor.land_one()
    assert monitor.statuses() == {first.delivery_id: "accepted", second.delivery_id: "landed"}
    assert len(monitor.rows()) == 5

    monitor.decide({second.delivery_id: "too few rows"})
    assert len(monitor.rows()) == 3  # those of a refused one go, from its open answers too
    assert monitor.query("select distinct delivery_id from open_text.answers") == [
        (first.delivery_id,)
    ]
    assert archive_path(monitor.settings, FIRST, "leraar", second.delivery_id).exists()
    assert monitor.statuses() == {first.delivery_id: "accepted", second.delivery_id: "refused"}

    third = monitor.accept() if monitor.deliver(as_csv(ROWS[1:])) else None
    assert third is not None
    assert monitor.statuses() == {
        first.delivery_id: "superseded",
        second.delivery_id: "superseded",
        third.delivery_id: "accepted",
    }
    assert monitor.registered(first.delivery_id)["superseded_by"] == third.delivery_id
    assert monitor.registered(third.delivery_id)["decided_at"] is not None


def test_an_earlier_file_that_is_put_back_takes_its_place_again(monitor: Monitor) -> None:
    first = monitor.accept() if monitor.deliver() else None
    second = monitor.accept() if monitor.deliver(as_csv(ROWS[:2])) else None
    assert first and second
    monitor.deliver()
    back = monitor.land_one()
    assert (back.status, back.delivery_id) == ("landed", first.delivery_id)
    row = monitor.registered(first.delivery_id)
    assert (row["status"], row["superseded_by"], row["decided_at"]) == ("landed", None, None)
    monitor.decide()
    assert monitor.statuses() == {
        first.delivery_id: "accepted",
        second.delivery_id: "superseded",
    }
    assert monitor.query("select count(*) from raw.leraar") == [(5,)]


def test_groups_and_waves_do_not_supersede_each_other(monitor: Monitor) -> None:
    monitor.manifest("synthetic: true", SECOND)
    for name, wave in (("leraar.csv", FIRST), ("leraar.csv", SECOND), ("ouder.csv", FIRST)):
        monitor.deliver(name=name, wave=wave)
    outcomes = [*monitor.land(), *monitor.land("ouder")]
    assert len({outcome.delivery_id for outcome in outcomes}) == 3
    monitor.decide()
    assert set(monitor.statuses().values()) == {"accepted"}


def test_a_wave_of_its_own_leaves_the_others_alone(monitor: Monitor) -> None:
    monitor.manifest("synthetic: true", SECOND)
    monitor.deliver("", wave=FIRST)
    monitor.deliver(wave=SECOND)
    monitor.land()
    assert [outcome.status for outcome in monitor.land(waves=[SECOND])] == ["landed"]
    assert set(monitor.statuses().values()) == {"refused", "landed"}


# --- refused --------------------------------------------------------------------------------

REFUSALS = {
    "unknown column": (
        as_csv([[*row, "1"] for row in ROWS], [*HEADER, "Vraag 9"]),
        ["unknown column Vraag 9", "Did you mean 'Vraag 1'?", "variables.csv"],
    ),
    "unknown columns": (
        as_csv([[*row, "1", "2"] for row in ROWS], [*HEADER, "Vraag 9", "Q"]),
        ["unknown columns Vraag 9, Q."],
    ),
    "missing column": (
        as_csv([row[:5] for row in ROWS], HEADER[:5]),
        ["missing column Notitie.", "correct the file, or add the row"],
    ),
    "blank header": (as_csv(ROWS, [*HEADER[:5], " "]), ["column 6 has no name"]),
    "double header": (
        as_csv(ROWS, [*HEADER[:5], "VRAAG_1"]),
        ["column 'VRAAG_1' occurs twice (columns 4 and 6)"],
    ),
    "ragged row": (
        CSV + "ab4;x@y.nl;po;4;een; twee;\n",
        ["line 6 has 7 values, the header has 6", "';'"],
    ),
    "ragged row after a quoted newline": (CSV + "\n\nab4;po\n", ["line 8 has 2 values"]),
    "open quotation mark": (
        as_csv(ROWS[:1]) + 'ab2;;vo;98;"nooit gesloten;\n' + as_csv(ROWS),
        ["line 3 cannot be read", "quotation marks"],
    ),
    "NUL": (as_csv(ROWS[:1]) + "ab2;;vo;\0;;\n", ["line 3 holds a NUL character"]),
    "empty": ("", ["the file is empty"]),
    "blank lines": ("\n\n", ["the file is empty"]),
    "no rows": (as_csv([]), ["has a header and no rows"]),
    "no header": (
        as_csv(ROWS[1:], ROWS[0]),
        ["its header row holds none of the columns", "'Respondentnr'", "header_rows"],
    ),
    "wrong delimiter": (CSV.replace(";", "^"), ["none of the columns", "delimiter"]),
}


@pytest.mark.parametrize(("content", "complaints"), REFUSALS.values(), ids=REFUSALS)
def test_a_faulty_file_is_refused_as_a_whole(
    monitor: Monitor, content: str, complaints: list[str]
) -> None:
    monitor.deliver(content)
    reason = monitor.refusal()
    assert reason.startswith(f"{FIRST}/leraar.csv: ")
    assert not [complaint for complaint in complaints if complaint not in reason], reason
    # the register, the log and the UI show the reason to more people than may see answers
    assert not [value for value in ("ab1", "ab4", "jan@school.nl", "x@y.nl") if value in reason]
    (standing,) = _refused(monitor)
    assert (standing.reason, standing.file_name) == (reason, "leraar.csv")


def _refused(monitor: Monitor, waves: list[str] | None = None) -> list[Outcome]:
    with connect(monitor.settings.warehouse) as connection:
        return refused(connection, waves)


@pytest.mark.parametrize(
    ("manifest", "content", "complaints"),
    [
        ("{encoding: utf-16}", CSV.encode(), ["is no utf-16 text", "Correct `encoding`"]),
        ("{encoding: latin-7000}", CSV.encode(), ["'latin-7000', which does not exist"]),
        ("{encoding: base64}", CSV.encode(), ["'base64'", "does not exist"]),
        ("{encoding: undefined}", CSV.encode(), ["is no undefined text"]),
        ("{}", CSV.replace("Meer", "Één").encode("cp850"), ["line 2 holds byte 0x90", "cp1252"]),
        ("{}", CSV.replace("Meer", "Één").encode("mac-roman"), ["line 2 holds byte 0x83"]),
        ("{encoding: cp1252}", CSV.encode("utf-16"), ["byte order mark of utf-16", "cp1252"]),
        ("{}", CSV.encode("utf-16-le"), ["line 1 holds a NUL character"]),
        ("{encoding: cp1252}", CSV.replace("Meer", "Één").encode(), ["is UTF-8", "cp1252"]),
        ("{delimiter: ','}", CSV.encode(), ["none of the columns"]),
        ("{header_rows: 2}", CSV.encode(), ["none of the columns", "header_rows"]),
        ("{header_rows: 9}", CSV.encode(), ["has 4 rows", "announces 9 header rows"]),
    ],
)
def test_what_is_declared_wrongly_is_told(
    monitor: Monitor, manifest: str, content: bytes, complaints: list[str]
) -> None:
    monitor.manifest(f"synthetic: true\nfiles: {{leraar: {manifest}}}")
    monitor.file("leraar.csv").write_bytes(content)
    reason = monitor.refusal()
    assert not [complaint for complaint in complaints if complaint not in reason], reason


def test_a_fault_in_a_late_batch_takes_the_earlier_ones_along(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.lib.landing.tables.BATCH_ROWS", 2)
    monitor.deliver(as_csv(ROWS * 3) + "ab9;po\n")
    assert "line 14 has 2 values" in monitor.refusal()
    monitor.deliver(as_csv(ROWS * 3))
    assert monitor.land_one().row_count == 9
    assert [row[0] for row in monitor.rows()] == list(range(1, 10))


def test_one_refused_file_and_the_others_land(monitor: Monitor) -> None:
    monitor.deliver(REFUSALS["ragged row"][0])
    monitor.deliver(name="ouder.csv")
    assert [outcome.status for outcome in (*monitor.land(), *monitor.land("ouder"))] == [
        "refused",
        "landed",
    ]
    assert [outcome.respondent_group for outcome in _refused(monitor)] == ["leraar"]
    assert _refused(monitor, [SECOND]) == []


def test_without_a_key_only_synthetic_deliveries_are_taken(monitor: Monitor) -> None:
    monitor.deliver()
    monitor.file("delivery.yml").unlink()
    reason = monitor.refusal()
    assert "MONITOR_PSEUDONYM_KEY" in reason and "synthetic: true" in reason

    with_key = monitor.settings.model_copy(
        update={"pseudonym_key": Settings(pseudonym_key="k" * 16).pseudonym_key}
    )
    (outcome,) = monitor.land(settings=with_key)
    assert outcome.status == "landed"
    assert monitor.registered(outcome.delivery_id)["is_synthetic"] is False
    assert monitor.registered(outcome.delivery_id)["refusal_reason"] is None

    # the key is lost before the gate has spoken: the rows go with the refusal
    assert monitor.land_one().status == "refused"
    row = monitor.registered(outcome.delivery_id)
    assert (row["row_count"], row["labels"], monitor.rows()) == (None, None, [])


def test_a_refused_file_is_accepted_once_the_codebook_is_mended(monitor: Monitor) -> None:
    monitor.deliver(REFUSALS["unknown column"][0])
    refusal = monitor.land_one()
    assert refusal.status == "refused"
    with monitor.seed("variables").open("a", encoding="utf-8") as file:
        file.write(f"{FIRST},leraar,vraag_9,Vraag 9,item,\n")
    monitor.reload()
    outcome = monitor.accept()
    assert monitor.statuses() == {
        refusal.delivery_id: "superseded",
        outcome.delivery_id: "accepted",
    }
    assert monitor.query("select vraag_9 from raw.leraar") == [("1",)] * 3
    assert _refused(monitor) == []


def test_a_file_that_the_gate_refused_is_judged_anew(monitor: Monitor) -> None:
    monitor.deliver()
    outcome = monitor.land_one()
    monitor.decide({outcome.delivery_id: "a doubtful check"})
    assert [standing.reason for standing in _refused(monitor)] == ["a doubtful check"]
    assert monitor.land_one().delivery_id == outcome.delivery_id
    row = monitor.registered(outcome.delivery_id)
    assert (row["status"], row["refusal_reason"], row["decided_at"]) == ("landed", None, None)
    monitor.decide()
    assert monitor.statuses() == {outcome.delivery_id: "accepted"}
    assert len(monitor.rows()) == 3


def test_refusals_follow_their_files(monitor: Monitor) -> None:
    path = monitor.deliver(REFUSALS["ragged row"][0])
    first = monitor.land_one()
    monitor.deliver(REFUSALS["NUL"][0])
    second = monitor.land_one()
    assert monitor.statuses() == {first.delivery_id: "superseded", second.delivery_id: "refused"}
    assert monitor.registered(first.delivery_id)["superseded_by"] == second.delivery_id
    path.unlink()
    assert monitor.land() == []
    assert monitor.statuses()[second.delivery_id] == "withdrawn"
    assert _refused(monitor) == []
    monitor.deliver(REFUSALS["NUL"][0])  # and back
    assert monitor.land_one().delivery_id == second.delivery_id
    assert monitor.registered(second.delivery_id)["status"] == "refused"


def test_a_delivery_that_waits_is_withdrawn_with_its_file(monitor: Monitor) -> None:
    path = monitor.deliver()
    outcome = monitor.land_one()
    path.unlink()
    monitor.land()
    assert monitor.statuses() == {outcome.delivery_id: "withdrawn"}
    with connect(monitor.settings.warehouse) as connection:
        assert waiting(connection) == []


def test_two_files_for_a_group_are_both_refused_until_one_is_left(monitor: Monitor) -> None:
    monitor.deliver()
    monitor.deliver(name="leraren.csv")
    outcomes = monitor.land()
    assert {outcome.status for outcome in outcomes} == {"refused"}
    assert all("leraar.csv, leraren.csv" in outcome.reason for outcome in outcomes)
    assert monitor.rows() == []
    monitor.file("leraren.csv").unlink()
    outcome = monitor.accept()
    assert _refused(monitor) == []
    assert monitor.statuses()[outcome.delivery_id] == "accepted"


def test_a_broken_manifest_stops_the_wave_and_forgets_nothing(monitor: Monitor) -> None:
    monitor.deliver(REFUSALS["NUL"][0])
    refusal = monitor.land_one()
    monitor.manifest("synthetic: [")
    assert monitor.land() == []
    (outcome,) = monitor.land("")
    assert outcome.status == "refused" and "no valid YAML" in outcome.reason
    assert {standing.reason for standing in _refused(monitor)} == {refusal.reason, outcome.reason}
    monitor.manifest("synthetic: true")
    assert monitor.land("") == []
    assert [standing.reason for standing in _refused(monitor)] == [refusal.reason]


def test_what_belongs_nowhere_is_refused_until_it_is_gone(monitor: Monitor) -> None:
    monitor.manifest("", "2022-voorjaren")
    monitor.deliver(wave="2022-voorjaren")
    stray = monitor.settings.landing / "leraar.csv"
    stray.write_text(CSV, encoding="utf-8")

    def land_strays() -> list[Outcome]:
        found = discover(monitor.settings.landing, monitor.codebook)
        with connect(monitor.settings.warehouse) as connection:
            prepare(connection, monitor.codebook)
            return land_group(connection, found, "", None, monitor.codebook, monitor.settings)

    reasons = [outcome.reason for outcome in land_strays()]
    assert len(reasons) == 2
    assert any("unknown wave '2022-voorjaren'. Did you mean '2022-voorjaar'?" in r for r in reasons)
    assert any("lies in the landing folder itself" in reason for reason in reasons)
    assert len(_refused(monitor)) == 2
    monitor.settings.landing.joinpath("2022-voorjaren").rename(monitor.folder / "elsewhere")
    stray.unlink()
    assert land_strays() == []
    assert _refused(monitor) == []


def test_a_file_that_vanishes_after_it_was_found_is_refused(monitor: Monitor) -> None:
    path = monitor.deliver()
    found = discover(monitor.settings.landing, monitor.codebook)
    path.unlink()
    with connect(monitor.settings.warehouse) as connection:
        prepare(connection, monitor.codebook)
        (outcome,) = land_group(
            connection, found, "leraar", [FIRST], monitor.codebook, monitor.settings
        )
    assert outcome.status == "refused"
    assert "leraar.csv: cannot be opened: No such file or directory" in outcome.reason


def test_a_link_out_of_the_folder_is_not_even_read(monitor: Monitor) -> None:
    secret = monitor.folder / "secret.csv"
    secret.write_text(CSV, encoding="utf-8")
    monitor.file("leraar.csv").symlink_to(secret)
    assert "is no ordinary file" in monitor.refusal()
    assert monitor.query("select sha256, size_bytes from raw.deliveries") == [("", 0)]


# --- interrupted ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["_insert_raw", "_register"])
def test_a_crash_between_archive_and_database_leaves_nothing_half(
    monitor: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole = Monitor(tmp_path / "whole")
    for each in (whole, monitor):
        each.deliver()
    whole.land()

    real: Callable[..., None] = getattr(register, step)

    def crash(*arguments: Any) -> None:
        real(*arguments)
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr(register, step, crash)
        with pytest.raises(RuntimeError, match="lights"):
            monitor.land()
    assert monitor.rows() == [] and monitor.statuses() == {}
    assert monitor.query("from open_text.answers") == []
    assert monitor.land_one().status == "landed"
    assert monitor.snapshot == whole.snapshot


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_landing import Monitor
from orchestration.lib.landing import register
real = register.{step}
def killed(*arguments):
    real(*arguments)
    os._exit(9)
register.{step} = killed
Monitor(Path({folder!r})).land()
"""


@pytest.mark.parametrize("step", ["_insert_raw", "_write_archive"])
def test_a_killed_process_leaves_nothing_half(monitor: Monitor, tmp_path: Path, step: str) -> None:
    whole = Monitor(tmp_path / "whole")
    for each in (whole, monitor):
        each.deliver()
    whole.land()
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(monitor.folder), step=step)
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 9, process.stderr
    if step == "_write_archive":
        assert len(list(monitor.settings.archive.rglob("*.part"))) == 2
    assert monitor.rows() == [] and monitor.statuses() == {}
    if step == "_write_archive":  # a corrected file comes in between
        monitor.deliver(as_csv(ROWS[:1]))
        monitor.land()
        assert not list(monitor.settings.archive.rglob("*.part"))
        return
    monitor.land()
    assert monitor.snapshot == whole.snapshot


# --- damaged --------------------------------------------------------------------------------


def damage(content: bytes, seed: int) -> bytes:
    """Cut off, or with bytes changed, at random places."""
    random_source = random.Random(seed)
    if seed % 3 == 0:
        return content[: random_source.randrange(len(content))]
    changed = bytearray(content)
    limit = 2000 if seed % 3 == 1 else len(changed)  # headers, or anywhere
    for _ in range(random_source.randrange(1, 12)):
        changed[random_source.randrange(min(limit, len(changed)))] = random_source.randrange(256)
    return bytes(changed)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    files = {}
    for suffix, write in WRITERS.items():
        write(folder / f"leraar.{suffix}", ROWS * 20)
        files[suffix] = (folder / f"leraar.{suffix}").read_bytes()
    return files


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_damaged_file_lands_whole_or_is_refused(
    monitor: Monitor, whole_files: dict[str, bytes], suffix: str
) -> None:
    manifest = "synthetic: true"
    if suffix == "xlsx":
        manifest += "\nfiles: {leraar: {header_rows: 2}}"
    monitor.manifest(manifest)
    statuses = set()
    path = monitor.file(f"leraar.{suffix}")
    with connect(monitor.settings.warehouse) as connection:
        prepare(connection, monitor.codebook)
        for seed in range(15):
            path.write_bytes(damage(whole_files[suffix], seed))
            found = discover(monitor.settings.landing, monitor.codebook)
            (outcome,) = land_group(
                connection, found, "leraar", [FIRST], monitor.codebook, monitor.settings
            )
            rows = connection.execute(
                "select count(*) from raw.leraar where delivery_id = ?", [outcome.delivery_id]
            ).fetchone()
            statuses.add(outcome.status)
            if outcome.status == "refused":
                assert outcome.reason.startswith(f"{FIRST}/leraar.{suffix}: ")
                assert outcome.reason.endswith(".") and rows == (0,)
            else:
                assert rows == (outcome.row_count,)
                # of a text file that is cut off between two rows nobody can tell
                assert suffix == "csv" or outcome.row_count == 60
    assert "refused" in statuses
    assert not list(monitor.settings.archive.rglob("*.part"))


def test_a_damaged_spss_file_that_kills_the_library_is_refused(monitor: Monitor) -> None:
    """Value labels of a column that is not there: a segmentation fault in ReadStat."""
    path = monitor.file("leraar.sav")
    write_sav(path, ROWS)
    content = path.read_bytes()
    record = (4).to_bytes(4, "little") + (1).to_bytes(4, "little")
    place = content.index(record, content.index(b"weet niet")) + len(record)
    path.write_bytes(content[:place] + (200).to_bytes(4, "little") + content[place + 4 :])
    assert "is damaged: reading it broke off" in monitor.refusal()


def test_names_of_folders_do_not_matter(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path / "d'Ooster [map] 1")
    monitor.deliver()
    assert monitor.land_one().status == "landed"
    assert len(monitor.rows()) == 3


def test_the_archive_alone_gives_the_raw_table_again(monitor: Monitor) -> None:
    monitor.deliver()
    outcome = monitor.land_one()
    path = archive_path(monitor.settings, FIRST, "leraar", outcome.delivery_id)
    with duckdb.connect() as connection:
        archived = connection.execute(
            "select * from read_parquet(?, hive_partitioning = false) order by row_number",
            [str(path)],
        ).fetchall()
    assert archived == monitor.rows()
    metadata = json.loads((pq.read_schema(path).metadata or {})[b"delivery"])
    assert metadata["sha256"] == monitor.registered(outcome.delivery_id)["sha256"]
    assert "landed_at" not in metadata  # no clock: the same file gives the same bytes


def test_csv_helper_agrees_with_the_csv_module() -> None:
    """The tests' own writer is no source of surprises."""
    assert list(csv.reader(CSV.splitlines(keepends=True), delimiter=";")) == [HEADER, *ROWS]
