"""Corrections, withdrawals, purge and retention, with real files through landing and archive."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_landing import FIRST, ROWS, Monitor, as_csv

from orchestration.lib.landing import corrections as corrections_module
from orchestration.lib.landing.corrections import HEADERS, correction_path, take_corrections
from orchestration.lib.landing.open_text import purge
from orchestration.lib.landing.register import Outcome, archive_path, open_text_path, refused
from orchestration.lib.landing.retention import retain
from orchestration.lib.publication import identify
from orchestration.lib.settings import ROOT
from orchestration.lib.warehouse import connect

SECRET = "zwaluwstaartverbinding-8f3a61c07d"


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor(tmp_path)


def correct(monitor: Monitor, *lines: tuple[str, ...], header: tuple[str, ...] = HEADERS) -> None:
    """Write corrections.csv; a line gives delivery, row, column, old and new value."""
    usual = ("typefout", "medewerker bureau", "2022-06-01")
    rows = [[*line, *usual[len(line) - 5 :]] for line in lines]
    monitor.deliver(as_csv(rows, list(header)), "corrections.csv")


def take(monitor: Monitor) -> Outcome:
    (outcome,) = take_corrections(monitor.settings, monitor.codebook, [FIRST])
    return outcome


def hashes(monitor: Monitor) -> tuple[str, str]:
    with connect(monitor.settings.warehouse) as connection:
        identity = identify(connection)
    return identity["deliveries_hash"], identity["corrections_hash"]


def trail(monitor: Monitor, delivery_id: str) -> list[tuple[str, str | None]]:
    return [
        (event, detail)
        for event, detail in monitor.query(
            "select event, detail from raw.delivery_events where delivery_id = ? "
            "order by event_number",
            delivery_id,
        )
    ]


# --- corrections ----------------------------------------------------------------------------


def test_a_correction_is_archived_landed_and_makes_another_release(monitor: Monitor) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    before = hashes(monitor)
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5"), (delivery, "3", "vraag_1", "", "98"))

    outcome = take(monitor)

    assert (outcome.status, outcome.row_count) == ("landed", 2)
    assert monitor.statuses()[outcome.delivery_id] == "accepted"
    kept = [
        (2, FIRST, "leraar", delivery, 1, "vraag_1", "4", "5", "typefout", "medewerker bureau"),
        (3, FIRST, "leraar", delivery, 3, "vraag_1", None, "98", "typefout", "medewerker bureau"),
    ]
    landed = monitor.query("select * exclude (correction_file_id) from raw.corrections order by 1")
    assert [row[:-1] for row in landed] == kept
    assert {row[-1] for row in landed} == {dt.date(2022, 6, 1)}
    archived = pq.read_table(correction_path(monitor.settings, FIRST, outcome.delivery_id))
    assert [tuple(row.values()) for row in archived.to_pylist()] == landed
    # what was delivered stays as it was
    assert [row[-1] for row in monitor.rows()] == ["4", "98", None]
    after = hashes(monitor)
    assert after[0] == before[0] and after[1] != before[1]
    assert take(monitor).status == "unchanged"
    assert trail(monitor, outcome.delivery_id) == [("accepted", None)]


def test_a_reason_that_is_worded_better_makes_no_other_release(monitor: Monitor) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5"))
    first = take(monitor)
    before = hashes(monitor)
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5", "invoerfout"))
    second = take(monitor)
    assert monitor.statuses()[first.delivery_id] == "superseded"
    assert monitor.statuses()[second.delivery_id] == "accepted"
    assert hashes(monitor) == before
    correct(monitor)  # a list of nothing takes all corrections back
    assert take(monitor).row_count == 0
    assert hashes(monitor)[1] != before[1]
    assert len(monitor.query("from raw.corrections")) == 2  # the trail


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("D", "1", "Vraag 1", "3", "5"), ["column vraag_1", "expected '3', found '4' in row 1"]),
        (("D", "3", "Vraag 1", "3", "5"), ["expected '3', found an empty cell"]),
        (("D", "1", "Vraag 1", "", "5"), ["expected an empty cell, found '4'"]),
        (("D", "9", "Vraag 1", "", "5"), ["column row_number", "at most 3", "found 9"]),
        (("D", "0", "Vraag 1", "", "5"), ["column row_number", "whole number"]),
        (("D", "1e0", "Vraag 1", "4", "5"), ["column row_number"]),
        (("D", "1", "Vraag 2", "4", "5"), ["'Vraag 2' is no column", "Did you mean 'Vraag 1'?"]),
        (("D", "1", "E-mail", "jan@school.nl", "x"), ["role identifier", "corrected delivery"]),
        (("D", "1", "Toelichting", "Meer tijd", "x"), ["role open_text", "purge-open-text"]),
        (("D", "1", "Notitie", "x", "y"), ["role ignore"]),
        (("D", "1", "*", "4", ""), ["leave both values empty"]),
        (("0123456789abcdef", "1", "Vraag 1", "4", "5"), ["column delivery", "is no delivery of"]),
        (("D", "1", "Vraag 1", "4", "5", ""), ["column reason", "is empty"]),
        (("D", "1", "Vraag 1", "4", "5", "x", "mevrouw Jansen"), ["column requested_by_role"]),
        (("D", "1", "Vraag 1", "4", "5", "x", "y", "32-13-2022"), ["column date"]),
    ],
)
def test_a_correction_that_does_not_fit_is_refused_by_line_and_column(
    monitor: Monitor, line: tuple[str, ...], words: list[str]
) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    before = hashes(monitor)
    correct(monitor, tuple(delivery if part == "D" else part for part in line))
    outcome = take(monitor)
    assert outcome.status == "refused"
    assert outcome.reason.startswith(f"{FIRST}/corrections.csv, line 2, column ")
    assert not [word for word in words if word not in outcome.reason], outcome.reason
    assert "jan@school.nl" not in outcome.reason and "Meer tijd" not in outcome.reason
    assert monitor.query("from raw.corrections") == [] and hashes(monitor) == before
    with connect(monitor.settings.warehouse) as connection:
        assert [each.reason for each in refused(connection)] == [outcome.reason]
    monitor.file("corrections.csv").unlink()
    assert take_corrections(monitor.settings, monitor.codebook, [FIRST]) == []
    assert monitor.statuses()[outcome.delivery_id] == "withdrawn"


def test_one_cell_is_corrected_once(monitor: Monitor) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5"), (delivery, "1", "vraag_1", "4", "3"))
    assert "line 3, column column: corrects the cell of line 2 again" in take(monitor).reason


def test_other_columns_are_no_corrections(monitor: Monitor) -> None:
    monitor.deliver()
    monitor.accept()
    correct(monitor, header=("delivery", "row"))
    outcome = take(monitor)
    assert outcome.status == "refused" and "requested_by_role" in outcome.reason


def test_a_redelivery_makes_corrections_stale_until_they_are_looked_at(monitor: Monitor) -> None:
    monitor.deliver()
    old = monitor.accept().delivery_id
    correct(monitor, (old, "1", "Vraag 1", "4", "5"), (old, "2", "*", "", ""))
    accepted = take(monitor).delivery_id
    with_corrections = hashes(monitor)

    monitor.deliver(as_csv(ROWS[:2]))
    new = monitor.accept().delivery_id
    unchanged, again = take_corrections(monitor.settings, monitor.codebook, [FIRST])
    assert unchanged.status == "unchanged" and again.status == "refused"
    for line in (2, 3):
        assert f"line {line}, column delivery: expected an accepted delivery" in again.reason
    assert f"{old} is superseded by {new}" in again.reason
    assert monitor.statuses()[accepted] == "refused"
    assert take(monitor).reason == again.reason  # and it stays so

    correct(monitor, (new, "1", "Vraag 1", "4", "5"))
    assert take(monitor).status == "landed"
    assert hashes(monitor)[1] not in with_corrections
    events = [event for event, _ in trail(monitor, accepted)]
    assert events == ["accepted", "refused", "superseded"]


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_landing import Monitor, FIRST
from orchestration.lib.landing import corrections
def killed(*arguments, **more):
    os._exit(9)
corrections.{step} = killed
monitor = Monitor(Path({folder!r}))
corrections.take_corrections(monitor.settings, monitor.codebook, [FIRST])
"""


@pytest.mark.parametrize("step", ["note_archived", "_register", "decide"])
def test_a_killed_process_is_made_good_by_the_next(monitor: Monitor, step: str) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5"))
    before = hashes(monitor)
    assert hasattr(corrections_module, step)
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(monitor.folder), step=step)
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 9, process.stderr
    assert hashes(monitor) == before
    assert take(monitor).status == "landed"
    assert len(monitor.query("from raw.corrections")) == 1
    assert hashes(monitor) != before


# --- withdrawn ------------------------------------------------------------------------------


def test_a_withdrawn_delivery_is_out_until_the_line_is(monitor: Monitor) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    before = hashes(monitor)

    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    assert monitor.land() == [] and monitor.land() == []
    assert monitor.statuses() == {delivery: "withdrawn"}
    assert hashes(monitor) != before and len(monitor.rows()) == 3

    monitor.manifest("synthetic: true")
    assert monitor.accept().delivery_id == delivery
    assert monitor.statuses() == {delivery: "accepted"} and hashes(monitor) == before
    assert trail(monitor, delivery) == [
        ("landed", None),
        ("accepted", None),
        ("withdrawn", "delivery.yml withdraws it"),
        ("landed", None),
        ("accepted", None),
    ]


def test_a_withdrawn_delivery_without_its_file_comes_back_from_the_archive(
    monitor: Monitor,
) -> None:
    path = monitor.deliver()
    delivery = monitor.accept().delivery_id
    path.unlink()
    monitor.land()
    assert monitor.statuses() == {delivery: "accepted"}  # a file that is gone says nothing
    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    monitor.land()
    assert monitor.statuses() == {delivery: "withdrawn"}
    monitor.manifest("synthetic: true")
    for _ in range(3):  # also when the gate does not get to it
        monitor.land()
        assert monitor.statuses() in ({delivery: "landed"}, {delivery: "withdrawn"})
    monitor.land()
    monitor.decide()
    assert monitor.statuses() == {delivery: "accepted"}
    assert monitor.registered(delivery)["refusal_reason"] is None


def test_another_file_takes_the_place_of_a_withdrawn_one(monitor: Monitor) -> None:
    monitor.deliver()
    old = monitor.accept().delivery_id
    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    monitor.land()
    monitor.manifest("synthetic: true")
    monitor.deliver(as_csv(ROWS[:2]))
    new = monitor.accept().delivery_id
    monitor.file("leraar.csv").unlink()
    monitor.land()
    assert monitor.statuses() == {old: "withdrawn", new: "accepted"}


def test_corrections_of_a_withdrawn_delivery_wait_with_it(monitor: Monitor) -> None:
    monitor.deliver()
    delivery = monitor.accept().delivery_id
    correct(monitor, (delivery, "1", "Vraag 1", "4", "5"))
    take(monitor)
    before = hashes(monitor)
    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    monitor.land()
    assert take(monitor).status == "unchanged" and hashes(monitor)[1] != before[1]
    monitor.manifest("synthetic: true")
    monitor.accept()
    assert take(monitor).status == "unchanged" and hashes(monitor) == before
    # with another delivery in its place they are stale
    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    monitor.land()
    monitor.manifest("synthetic: true")
    monitor.deliver(as_csv(ROWS[:2]))
    monitor.accept()
    outcomes = take_corrections(monitor.settings, monitor.codebook, [FIRST])
    assert f"found that {delivery} is withdrawn." in outcomes[-1].reason


# --- open text ------------------------------------------------------------------------------


def bytes_below(*folders: Path) -> bytes:
    return b"".join(
        path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def with_text(text: str) -> str:
    return as_csv([[*ROWS[0][:4], text, "x"], *ROWS[1:]])


def test_open_answers_are_scanned_and_their_text_is_not_repeated(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.deliver(with_text(f"Juf Anke ({SECRET}) op 06-12345678"))
    delivery = monitor.land_one().delivery_id
    assert monitor.query("from open_text.findings order by all") == [
        (delivery, FIRST, "leraar", 1, "toelichting", "name"),
        (delivery, FIRST, "leraar", 1, "toelichting", "phone"),
    ]
    assert "name 1, phone 1" in caplog.text and SECRET not in caplog.text
    monitor.deliver()
    monitor.land()
    assert len(monitor.query("from open_text.findings")) == 2  # those of the first, as its rows


def test_a_purge_leaves_no_byte_and_touches_nothing_else(monitor: Monitor) -> None:
    path = monitor.deliver(with_text(SECRET))
    delivery = monitor.accept().delivery_id
    monitor.deliver(with_text("van een ouder"), name="ouder.csv")
    monitor.land("ouder")
    folders = (monitor.settings.archive, monitor.settings.warehouse.parent)
    assert bytes_below(folders[0]).count(SECRET.encode()) >= 1
    assert bytes_below(folders[1]).count(SECRET.encode()) >= 1
    kept = archive_path(monitor.settings, FIRST, "leraar", delivery).read_bytes()
    rows, before = monitor.rows(), hashes(monitor)

    assert purge(monitor.settings, FIRST, "leraar") == 2

    assert SECRET.encode() not in bytes_below(*folders)
    assert not list(monitor.settings.warehouse.parent.glob("*.wal"))
    assert archive_path(monitor.settings, FIRST, "leraar", delivery).read_bytes() == kept
    assert (monitor.rows(), hashes(monitor)) == (rows, before)
    assert monitor.query("select distinct respondent_group from open_text.answers") == [("ouder",)]
    assert trail(monitor, delivery)[-1] == ("open_text_purged", "2 answers")
    assert purge(monitor.settings, FIRST, "leraar") == 0

    # the file comes again, as the same delivery and as one that is read in another way
    monitor.manifest("synthetic: true\nwithdrawn: [leraar]")
    monitor.land()
    monitor.manifest("synthetic: true")
    assert monitor.land_one().delivery_id == delivery
    monitor.manifest('synthetic: true\nfiles: {leraar: {file: leraar.csv, delimiter: ";"}}')
    other = monitor.accept().delivery_id
    assert other != delivery and len(monitor.rows()) == 6
    assert SECRET.encode() not in bytes_below(*folders)
    # nor into a warehouse that is made anew
    monitor.settings.warehouse.unlink()
    monitor.land()
    assert SECRET.encode() not in bytes_below(*folders)
    assert SECRET.encode() in path.read_bytes()


def test_an_interrupted_purge_is_ended_by_the_next(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor.deliver(with_text(SECRET))
    monitor.accept()
    folders = (monitor.settings.archive, monitor.settings.warehouse.parent)
    for step in ("note", "rewrite"):
        with monkeypatch.context() as patch:

            def crash(*_: object, **__: object) -> None:
                raise RuntimeError("the lights went out")

            patch.setattr(f"orchestration.lib.landing.open_text.{step}", crash)
            with pytest.raises(RuntimeError, match="lights"):
                purge(monitor.settings, FIRST)
        assert SECRET.encode() not in bytes_below(folders[0])
    purge(monitor.settings, FIRST)
    assert SECRET.encode() not in bytes_below(*folders)
    assert len(monitor.rows()) == 3
    with pytest.raises(LookupError, match="ouder"):
        purge(monitor.settings, FIRST, "ouder")


# --- retention ------------------------------------------------------------------------------


def test_originals_go_when_their_time_has_come_and_their_copy_is_whole(monitor: Monitor) -> None:
    monitor.manifest("synthetic: true\nfiles: {leraar: {file: Leraren 2022.csv}}")
    path = monitor.deliver(name="Leraren 2022.csv")
    delivery = monitor.accept().delivery_id
    copy = archive_path(monitor.settings, FIRST, "leraar", delivery)
    now = dt.datetime.now()

    def run(days: int | None, later: int) -> list[str]:
        settings = monitor.settings.model_copy(update={"keep_originals_days": days})
        return retain(settings, lambda: now + dt.timedelta(days=later))

    assert run(None, 999) == [] and run(30, 29) == []
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1] + b"x")
    assert run(30, 31) == [] and path.exists()
    copy.write_bytes(whole)
    text = open_text_path(monitor.settings, FIRST, "leraar", delivery)
    text.rename(text.with_suffix(".away"))
    assert run(30, 31) == [] and path.exists()
    text.with_suffix(".away").rename(text)
    delivered = path.read_bytes()
    path.write_bytes(delivered + b"more")
    assert run(30, 31) == [] and path.exists()
    path.write_bytes(delivered)

    assert run(30, 31) == [f"{FIRST}/Leraren 2022.csv"]
    assert not path.exists() and run(30, 31) == []
    assert trail(monitor, delivery)[-1] == ("original_deleted", f"{FIRST}/Leraren 2022.csv")
    # it is neither withdrawn nor missed
    assert monitor.land() == []
    assert monitor.statuses() == {delivery: "accepted"}
