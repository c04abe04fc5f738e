"""Deliveries spoilt at random: each lands whole or is refused, and touches nothing else.

8 examples of each kind and format (64 in all), 63 where `CI` is true (504 in all);
`FUZZ_EXAMPLES` sets another number.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from fixtures.deliveries import GROUP, HEADER, IDENTIFYING, ROWS, WAVE, WRITERS, Desk, csv_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xlsxwriter import Workbook

IN_CI = os.environ.get("CI", "").lower() == "true"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES") or (63 if IN_CI else 8))
SECONDS = 30  # of one example; a hang is a failure
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=not IN_CI,  # the same examples at every desk, others in CI
    deadline=timedelta(seconds=SECONDS),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    database=None,
)
MANY = [[f"{row[0]}{n}" if n else row[0], *row[1:]] for n in range(8) for row in ROWS]

Spoil = Callable[[bytes], bytes]
Grid = tuple[list[str], list[list[str]]]  # header and rows

NASTY = [
    "", " ", "\t", "-", ";", '"', "a\nb", "a\r", "=1+1", "é", "Ã©", "\ufeff", "\u202e", "😀", "NaN",
    "inf", "-0", "1e999", "9" * 400, "2.0E+05", "2022-13-45", "0000-00-00", "7,5", "8-", "\x1a",
    "\0", "\ufffd", "NULL", "#N/A", "'; drop table raw.leraar; --", "{{ 1 }}", "../../etc/passwd",
    "x" * 40_000,
]  # fmt: skip


@st.composite
def spoilers(draw: st.DrawFn) -> Spoil:
    """A change of bytes, at places relative to the length of the file."""
    kind = draw(st.sampled_from(["flip", "cut", "splice", "insert", "repeat", "zero"]))
    places = draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=8))
    extra = draw(st.binary(min_size=1, max_size=12))

    def spoil(content: bytes) -> bytes:
        start, end = sorted(int(place * len(content)) for place in places[:2])
        match kind:
            case "cut":
                return content[:end]
            case "splice":
                return content[:start] + content[end:]
            case "insert":
                return content[:start] + extra + content[start:]
            case "repeat":
                return content[:end] + content[start:]
            case "zero":
                return content[:start] + bytes(min(end - start, 64)) + content[start + 64 :]
        changed = bytearray(content)
        for place, value in zip(places, extra * 8, strict=False):
            if changed:
                changed[int(place * len(changed))] = value
        return bytes(changed)

    return spoil


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """The rows with nasty cells, and columns renamed, doubled, dropped or in another order."""
    header, rows = list(HEADER), [list(row) for row in MANY[: draw(st.integers(0, len(MANY)))]]
    cells = st.tuples(
        st.integers(0, len(MANY) - 1),
        st.integers(0, len(HEADER) - 1),
        st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]))),
    )
    for row, column, value in draw(st.lists(cells, max_size=4)):
        if row < len(rows):
            rows[row][column] = value
    place, other = draw(st.integers(0, len(HEADER) - 1)), draw(st.integers(0, len(HEADER) - 1))
    match draw(st.sampled_from(["same", "same", "rename", "double", "drop", "swap"])):
        case "rename":
            header[place] = draw(st.sampled_from([*NASTY, "Vraag 9", header[other].upper()]))
        case "double":
            header.append(header[place])
            rows = [[*row, row[place]] for row in rows]
        case "drop":
            header = [name for n, name in enumerate(header) if n != place]
            rows = [[value for n, value in enumerate(row) if n != place] for row in rows]
        case "swap":
            for row in (header, *rows):
                row[place], row[other] = row[other], row[place]
    return header, rows


def _as_numbers(values: list[str]) -> list[Any]:
    """Numbers when all are, so that a nasty text changes the type of its whole column."""
    try:
        return [float(value) if value else None for value in values]
    except ValueError:
        return list(values)


def write_grid(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """The grid in the format of the path.

    Raises:
        Exception: this format has no room for such names or values.
    """
    columns = [_as_numbers([row[n] for row in rows]) for n in range(len(header))]
    match path.suffix:
        case ".csv":
            path.write_text(csv_text(rows or [[]], header), encoding="utf-8", newline="")
        case ".parquet":
            pq.write_table(pa.Table.from_arrays([pa.array(c) for c in columns], header), path)
        case ".sav":
            names = [re.sub(r"[^\w]+", "_", name) for name in header]
            frame = pd.DataFrame(dict(enumerate(columns))).set_axis(names, axis=1)
            pyreadstat.write_sav(frame, path)
        case ".xlsx":
            with Workbook(str(path), {"nan_inf_to_errors": True}) as workbook:
                sheet = workbook.add_worksheet()
                sheet.write_row(0, 0, header)
                for place, column in enumerate(columns):
                    sheet.write_column(1, place, column)


@lru_cache
def whole_file(suffix: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{GROUP}.{suffix}"
        WRITERS[suffix](path, MANY)
        return path.read_bytes()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("fuzz"))


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Break off what hangs."""

    def strike(*_: Any) -> None:
        raise TimeoutError(f"no outcome within {seconds} seconds")

    previous = signal.signal(signal.SIGALRM, strike)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def land_and_look(desk: Desk, path: Path) -> str:
    """Land the one file, and compare register, raw tables and archive with its outcome."""
    before = desk.others()
    try:
        with within(SECONDS):
            (outcome,) = desk.land()
        assert desk.others() == before
        assert desk.registered() == [(outcome.delivery_id, outcome.status, outcome.reason or None)]
        assert not list(desk.settings.archive.rglob("*.part"))
        if outcome.status == "refused":
            assert desk.left_behind(outcome) == []
            assert outcome.reason.startswith(f"{WAVE}/{path.name}: ")
            assert outcome.reason.endswith(".") and len(outcome.reason) < 2_000
            shown = [v for v in IDENTIFYING if re.search(rf"\b{v}\d?\b", outcome.reason)]
            assert not shown, outcome.reason
        else:
            assert outcome.status == "landed"
            assert len(desk.rows(outcome)) == outcome.row_count > 0
            files = [file for file in desk.left_behind(outcome) if isinstance(file, Path)]
            assert [file.stem for file in files] == [outcome.delivery_id] * 2
        return outcome.status
    finally:
        path.unlink(missing_ok=True)
        for folder in (desk.settings.archive / GROUP, desk.settings.archive / "open_text" / GROUP):
            for file in folder.rglob("*.parquet"):
                file.unlink()
        keep = desk.bystander.delivery_id
        for table in (f"raw.{GROUP}", "open_text.answers", "raw.deliveries"):
            desk.connection.execute(f"delete from {table} where delivery_id != ?", [keep])


@pytest.mark.parametrize("suffix", WRITERS)
def test_spoilt_bytes(desk: Desk, suffix: str) -> None:
    @fuzz
    @given(spoils=st.lists(spoilers(), min_size=1, max_size=3))
    def check(spoils: list[Spoil]) -> None:
        content = whole_file(suffix)
        for spoil in spoils:
            content = spoil(content)
        path = desk.wave / f"{GROUP}.{suffix}"
        path.write_bytes(content)
        land_and_look(desk, path)

    check()


@pytest.mark.parametrize("suffix", WRITERS)
def test_nasty_cells_and_headers(desk: Desk, suffix: str) -> None:
    @fuzz
    @given(grid=grids())
    def check(grid: Grid) -> None:
        path = desk.wave / f"{GROUP}.{suffix}"
        try:
            write_grid(path, *grid)
        except Exception:  # the library that writes is not what is tested
            path.unlink(missing_ok=True)
            return
        land_and_look(desk, path)

    check()


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_whole_file_lands(desk: Desk, suffix: str) -> None:
    """What is spoilt above is sound before."""
    path = desk.wave / f"{GROUP}.{suffix}"
    path.write_bytes(whole_file(suffix))
    assert land_and_look(desk, path) == "landed"
