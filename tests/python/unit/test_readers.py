"""Each format gives the same plain text: shortest numbers, ISO dates, NULL for what is empty."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from pydantic import ValidationError
from xlsxwriter import Workbook

from orchestration.lib.landing import statistical_files, tables
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.readers import DeliveredTable, ReadOptions, read
from orchestration.lib.landing.values import text, texts

Row = tuple[str | None, ...]


def rows_of(table: DeliveredTable) -> list[Row]:
    return [
        row
        for arrays in table.batches
        for row in zip(*(array.to_pylist() for array in arrays), strict=True)
    ]


def read_rows(path: Path, **options: Any) -> list[Row]:
    return rows_of(read(path, ReadOptions(**options)))


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DeliveryError) as error:
        read_rows(path, **options)
    assert str(error.value).startswith(f"{path.name}: ")
    return str(error.value)


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[bytes | str], Path]:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "leraar.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


CsvFile = Callable[[bytes | str], Path]


# --- CSV ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_csv_detects_its_delimiter(csv_file: CsvFile, delimiter: str) -> None:
    path = csv_file(delimiter.join("ab") + "\n" + delimiter.join(["1", ""]) + "\n")
    assert read_rows(path) == [("1", None)]
    assert read(path, ReadOptions()).columns == ["a", "b"]


def test_csv_is_verbatim(csv_file: CsvFile) -> None:
    path = csv_file('a;b;c\r\n007; 4,50 ;" "\r\n"een ""tweede""\r\nregel; met";1.0;-\r\n')
    assert read_rows(path) == [("007", " 4,50 ", " "), ('een "tweede"\r\nregel; met', "1.0", "-")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "end"])
def test_csv_line_ends(csv_file: CsvFile, newline: str, end: str) -> None:
    text = newline.join(["a;b", "", "1;2", "", "3;4"]) + (newline if end else "")
    assert read_rows(csv_file(text)) == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("naam\nÉén".encode(), None),
        ("\ufeffnaam\nÉén".encode(), None),
        ("\ufeffnaam\nÉén".encode(), "utf-8"),
        ("naam\nÉén".encode("cp1252"), "cp1252"),
        ("naam\nÉén".encode("latin-1"), "ISO-8859-1"),
        ("naam\nÉén".encode("utf-16"), "utf-16"),
        ("naam\nÉén".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffnaam\nÉén".encode("utf-16-le"), "utf-16-le"),
        (b"naam\n\xc9\xe9n", "cp1252"),
        (b"naam\neen", "cp1252"),
    ],
)
def test_csv_encodings(csv_file: CsvFile, content: bytes, encoding: str | None) -> None:
    table = read(csv_file(content), ReadOptions(encoding=encoding))
    assert table.columns == ["naam"]
    assert rows_of(table) in ([("Één",)], [("een",)])


def test_csv_quoted_header_after_a_byte_order_mark(csv_file: CsvFile) -> None:
    assert read(csv_file('\ufeff"a;b";c\n1;2\n'), ReadOptions()).columns == ["a;b", "c"]


def test_csv_question_texts_above_the_header(csv_file: CsvFile) -> None:
    path = csv_file('"Hoe; oud?";\na;b\n1;2\n')
    table = read(path, ReadOptions(header_rows=2))
    assert (table.columns, table.labels) == (["a", "b"], {"variables": {"a": "Hoe; oud?"}})
    assert rows_of(table) == [("1", "2")]


@pytest.mark.parametrize("before", [0, 3, 400, 9_000])
def test_csv_names_the_line_of_each_fault(csv_file: CsvFile, before: int) -> None:
    """At the start, and far beyond the blocks in which files are read."""
    good = 'één;"met\nregels"\n' * before
    line = 2 + 2 * before
    start = f"a;b\n{good}"
    assert f"line {line} has 3 values, the header has 2" in refusal(csv_file(start + "1;2;3\n1;2"))
    assert f"line {line} has 1 values" in refusal(csv_file(start + "1\n"))
    assert f"line {line} holds a NUL" in refusal(csv_file(start + "1;\0\n"))
    assert f"line {line} cannot be read" in refusal(csv_file(start + '1;"2\n' + good))
    assert f"line {line} cannot be read" in refusal(csv_file(start + '"1"2;3\n'))
    wrong = start.encode() + "1;é\n".encode("cp850")
    assert f"line {line} holds byte 0x82, which is not utf-8" in refusal(csv_file(wrong))
    assert f"line {line} holds byte 0x82" in refusal(csv_file(b"\xef\xbb\xbf" + wrong))


def test_csv_says_no_value_of_a_row(csv_file: CsvFile) -> None:
    assert "jan@school.nl" not in refusal(csv_file("a;b\njan@school.nl;2;3\n"))


def test_csv_of_which_the_accents_would_be_garbled(csv_file: CsvFile) -> None:
    path = csv_file("a\nÉén\n")
    assert "is UTF-8, while delivery.yml says cp1252" in refusal(path, encoding="cp1252")
    # somebody pasted a garbled accent in a file that is not UTF-8: that is an answer
    assert read_rows(csv_file(b"a\n\xc3\xa9\n\xe9\n"), encoding="cp1252") == [("Ã©",), ("é",)]


def test_csv_in_batches(csv_file: CsvFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 3)
    table = read(csv_file("a\n" + "".join(f"{n}\n" for n in range(7))), ReadOptions())
    assert [len(arrays[0]) for arrays in table.batches] == [3, 3, 1]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", "\r\n\r\n"])
def test_csv_without_content(csv_file: CsvFile, content: str) -> None:
    assert "the file is empty" in refusal(csv_file(content))


def test_csv_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "leraar.csv").mkdir()
    assert "cannot be read as csv: [Errno 21] Is a directory" in refusal(tmp_path / "leraar.csv")


# --- SPSS -----------------------------------------------------------------------------------


@pytest.fixture
def sav_file(tmp_path: Path) -> Path:
    path = tmp_path / "leraar.sav"
    moment = pd.Timestamp("2023-10-01 09:05:07.9")
    pyreadstat.write_sav(
        pd.DataFrame(
            {
                "vraag": [1.0, 98.0, 99.0, None],
                "cijfer": [7.5, 0.1, 1e-7, -0.0],
                "tekst": ["één", " spatie", "", "a\nb"],
                "datum": [dt.date(2023, 10, 1), None, dt.date(1999, 1, 31), None],
                "moment": [moment, None, moment, None],
                "duur": [dt.time(9, 5), None, dt.time(0, 0, 1), None],
            }
        ),
        path,
        column_labels={"vraag": "Hoe gaat het?"},
        variable_value_labels={"vraag": {1: "goed", 98: "weet niet", 99: "n.v.t."}},
        missing_ranges={"vraag": [98, {"lo": 99, "hi": float("inf")}]},
    )
    return path


def test_sav_values_and_user_missing_codes(sav_file: Path) -> None:
    assert read_rows(sav_file) == [
        ("1", "7.5", "één", "2023-10-01", "2023-10-01T09:05:07", "09:05:00"),
        ("98", "0.1", " spatie", None, None, None),
        ("99", "1e-07", None, "1999-01-31", "2023-10-01T09:05:07", "00:00:01"),
        (None, "0", "a\nb", None, None, None),
    ]


def test_sav_labels_in_the_words_of_the_data(sav_file: Path) -> None:
    assert read(sav_file, ReadOptions()).labels == {
        "variables": {"vraag": "Hoe gaat het?"},
        "values": {"vraag": {"1": "goed", "98": "weet niet", "99": "n.v.t."}},
        "user_missing": {"vraag": [{"lo": "99", "hi": "inf"}, {"lo": "98", "hi": "98"}]},
    }


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 4, 5])
def test_sav_in_batches(sav_file: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", batch_rows)
    assert [row[0] for row in read_rows(sav_file)] == ["1", "98", "99", None]


def test_a_process_that_died_while_it_waited_is_replaced(sav_file: Path) -> None:
    expected = read_rows(sav_file)
    (waiting,) = statistical_files._ready
    waiting.process.kill()
    waiting.process.wait()
    assert read_rows(sav_file) == expected
    assert len(statistical_files._ready) == 1


def test_sav_cut_off_between_two_rows(tmp_path: Path) -> None:
    """Not compressed, so that the cut leaves whole rows and ReadStat may see nothing wrong."""
    path = tmp_path / "leraar.sav"
    pyreadstat.write_sav(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}), path)
    content = path.read_bytes()
    path.write_bytes(content[:-16])
    refusal(path)


def test_sav_header_that_announces_more_rows(sav_file: Path) -> None:
    content = bytearray(sav_file.read_bytes())
    assert content[80:84] == (4).to_bytes(4, "little")  # ncases of the file header
    content[80:84] = (5).to_bytes(4, "little")
    sav_file.write_bytes(content)
    reason = refusal(sav_file)
    assert "cut off" in reason or "cannot be read as sav" in reason
    content[80:84] = (-1).to_bytes(4, "little", signed=True)  # unknown, which SPSS allows
    sav_file.write_bytes(content)
    assert len(read_rows(sav_file)) == 4


@pytest.mark.parametrize("content", [b"", b"$FL2", b"no SPSS at all" * 100])
def test_sav_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "leraar.sav"
    path.write_bytes(content)
    assert "cannot be read as sav" in refusal(path)


# --- Excel ----------------------------------------------------------------------------------


@pytest.fixture
def xlsx_file(tmp_path: Path) -> Path:
    path = tmp_path / "leraar.xlsx"
    with Workbook(str(path), {"default_date_format": "dd-mm-yyyy hh:mm"}) as workbook:
        workbook.add_worksheet("Leesmij").write(0, 0, "Zie het blad Data")
        sheet = workbook.add_worksheet("Data")
        bold = workbook.add_format({"bold": True})
        sheet.write_row(0, 0, ["Hoe gaat het?", "", "Achtergrond"])
        sheet.write_row(1, 0, ["vraag", "tekst", "moment", "cijfer"])
        sheet.write_row(2, 0, [4, "007", dt.datetime(2024, 9, 16, 12, 0, 1), 0.1])
        sheet.write_row(3, 0, [98.0, ' a "b"\nc', None, 1234567890123])
        sheet.write_string(4, 1, "")
        sheet.write_boolean(4, 0, True)
        sheet.write_formula(4, 3, "=1+1", None, 2)
        for row in (5, 6):
            sheet.write_blank(row, 0, None, bold)
    return path


def test_xlsx_values(xlsx_file: Path) -> None:
    options = {"sheet": "Data", "header_rows": 2}
    assert read_rows(xlsx_file, **options) == [
        ("4", "007", "2024-09-16 12:00:01", "0.1"),
        ("98", ' a "b"\nc', None, "1234567890123"),
        ("true", None, None, "2"),
    ]
    table = read(xlsx_file, ReadOptions(**options))
    assert table.columns == ["vraag", "tekst", "moment", "cijfer"]
    assert table.labels == {"variables": {"vraag": "Hoe gaat het?", "moment": "Achtergrond"}}


def test_xlsx_text_late_in_a_column_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "leraar.xlsx"
    with Workbook(str(path)) as workbook:
        workbook.add_worksheet().write_column(0, 0, ["vraag", *range(3000), "n.v.t."])
    assert [row[0] for row in read_rows(path)][-2:] == ["2999", "n.v.t."]


def test_xlsx_in_batches(xlsx_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 2)
    table = read(xlsx_file, ReadOptions(sheet="Data", header_rows=2))
    assert [len(arrays[0]) for arrays in table.batches] == [2, 1]


def test_xlsx_sheet_that_is_not_there(xlsx_file: Path) -> None:
    reason = refusal(xlsx_file, sheet="data")
    assert "no sheet 'data'; it has Leesmij, Data" in reason


def test_xlsx_error_cell_is_no_empty_answer(tmp_path: Path) -> None:
    path = tmp_path / "leraar.xlsx"
    with Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet("Data")
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_row(1, 0, [1, 2])
        sheet.write_formula(2, 1, "=NA()", None, "#N/A")
    assert "cell B3 of sheet 'Data' holds an Excel error" in refusal(path)


def test_xlsx_without_content(tmp_path: Path) -> None:
    path = tmp_path / "leraar.xlsx"
    with Workbook(str(path)) as workbook:
        workbook.add_worksheet()
    assert "the file is empty" in refusal(path)
    with Workbook(str(path)) as workbook:
        workbook.add_worksheet().write_row(0, 0, ["a", "b"])
    assert read_rows(path) == []
    assert "has 1 rows, where delivery.yml announces 2" in refusal(path, header_rows=2)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99])
def test_xlsx_that_is_none(tmp_path: Path, content: bytes) -> None:
    """The last is what a workbook with a password looks like."""
    path = tmp_path / "leraar.xlsx"
    path.write_bytes(content)
    assert "cannot be read as xlsx" in refusal(path)


def test_xlsx_with_one_changed_digit(xlsx_file: Path) -> None:
    """A changed byte within a part need not break its XML; the checksum tells."""
    import zipfile

    plain = xlsx_file.with_name("plain.xlsx")
    with zipfile.ZipFile(xlsx_file) as source, zipfile.ZipFile(plain, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    content = plain.read_bytes()
    assert content.count(b"<v>98</v>") == 1
    plain.write_bytes(content.replace(b"<v>98</v>", b"<v>99</v>"))
    assert "is damaged in xl/worksheets/sheet2.xml" in refusal(plain, sheet="Data", header_rows=2)


# --- Parquet --------------------------------------------------------------------------------


def test_parquet_values(tmp_path: Path) -> None:
    path = tmp_path / "leraar.parquet"
    moment = dt.datetime(2025, 9, 15, 8, 30)
    columns = {
        "int": pa.array([4, None], pa.int8()),
        "double": pa.array([98.0, float("nan")]),
        "float": pa.array([0.1, 3.0], pa.float32()),
        "decimal": pa.array([Decimal("4.50"), Decimal("100.00")]),
        "text": pa.array(["", "é"]),
        "large_text": pa.array(["007", None], pa.large_string()),
        "dictionary": pa.array(["po", "vo"]).dictionary_encode(),
        "flag": pa.array([True, False]),
        "day": pa.array([moment.date(), None]),
        "second": pa.array([moment, None], pa.timestamp("s")),
        "nanosecond": pa.array([1_757_925_000_000_000_001, None], pa.timestamp("ns")),
        "zoned": pa.array([moment, None], pa.timestamp("us", "Europe/Amsterdam")),
        "nothing": pa.nulls(2),
    }
    pq.write_table(pa.table(columns), path)
    assert list(zip(columns, *read_rows(path), strict=True)) == [
        ("int", "4", None),
        ("double", "98", None),
        ("float", "0.1", "3"),
        ("decimal", "4.5", "100"),
        ("text", None, "é"),
        ("large_text", "007", None),
        ("dictionary", "po", "vo"),
        ("flag", "true", "false"),
        ("day", "2025-09-15", None),
        ("second", "2025-09-15T08:30:00", None),
        ("nanosecond", "2025-09-15T08:30:00", None),
        ("zoned", "2025-09-15T10:30:00", None),
        ("nothing", None, None),
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([b"a"]),
        pa.array([b"a"], pa.large_binary()),
        pa.array([b"a"], pa.binary(1)),
    ],
    ids=lambda column: str(column.type),
)
def test_parquet_cells_of_more_than_one_value(tmp_path: Path, column: pa.Array[Any]) -> None:
    path = tmp_path / "leraar.parquet"
    pq.write_table(pa.table({"goed": pa.array([1]), "fout": column}), path)
    assert "column 'fout' is of type" in refusal(path)


def test_parquet_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 2)
    path = tmp_path / "leraar.parquet"
    pq.write_table(pa.table({"a": list(range(5))}), path, row_group_size=3)
    table = read(path, ReadOptions())
    assert [row for arrays in table.batches for row in arrays[0].to_pylist()] == list("01234")


def test_parquet_text_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "leraar.parquet"
    column = pa.array([b"Meer tijd"]).cast(pa.string())
    options: dict[str, Any] = {"compression": "none", "write_statistics": False}
    pq.write_table(pa.table({"a": column}), path, use_dictionary=False, **options)
    path.write_bytes(path.read_bytes().replace(b"Meer", b"M\xe9\xe9r"))
    assert "cannot be read as parquet" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 50])
def test_parquet_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "leraar.parquet"
    path.write_bytes(content)
    assert "cannot be read as parquet" in refusal(path)


# --- options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"file": "../leraar.csv"},
        {"file": "/etc/passwd"},
        {"file": "map\\leraar.csv"},
        {"file": ".."},
        {"file": ""},
        {"delimiter": ";;"},
        {"delimiter": ""},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"header_rows": 0},
        {"header_rows": 11},
        {"separator": ";"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadOptions(**options)


def test_the_extension_may_be_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "LERAAR.CSV"
    path.write_text("a\n1\n", encoding="utf-8")
    assert read_rows(path) == [("1",)]


@pytest.mark.parametrize(
    "column",
    [
        [4.0, None, float("nan"), 4.5, "", "4"],
        [True, 3, "ja", dt.date(2026, 11, 2), dt.datetime(2026, 11, 2, 9, 30)],
        [2**70, 1, None],
        [Decimal("1.50"), Decimal("200"), None],
        ["ja", "ja", None, ""],
        # Parquet may hold these, and Arrow makes no dictionary of them
        [["ja", "nee"], None, []],
        [{"antwoord": 1}, None],
        [],
    ],
)
def test_a_column_becomes_the_text_of_each_value(column: list[object]) -> None:
    """Whether Arrow has a type for the column or not."""
    assert texts(column).to_pylist() == [text(value) for value in column]
