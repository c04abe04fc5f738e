"""CSV: encoding and delimiter found or declared, every fault with its line."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from orchestration.lib.landing import tables
from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.landing.tables import (
    DeliveredTable,
    ReadOptions,
    Recognises,
    split_header,
)

DELIMITERS = ";,\t|"
LONGEST_LINE = 10_000_000  # characters; a file without line ends must not fill the memory
LONGEST_VALUE = 131_072  # characters; more is a quotation mark that was not closed
BLOCK = 1_000_000
BYTE_ORDER_MARKS = {  # utf-32 begins as utf-16 does, so it goes first
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# what Dutch text in cp1252 holds beyond ASCII; other characters point at another encoding
PLAUSIBLE = set(
    "áàâäãåéèêëíìîïóòôöõúùûüýÿçñæœøßÁÀÂÄÃÅÉÈÊËÍÌÎÏÓÒÔÖÕÚÙÛÜÝÇÑÆŒØ€£§©®°±²³µ·«»¡¿…’‘“”„–—•½¼¾´¨ªº×÷\xa0"
)
# quotation marks within a word are accented letters of DOS or Macintosh; and UTF-8 in cp1252
IMPLAUSIBLE = re.compile(r"[a-z][‘“”„…•\xa0÷][a-z]|[ÃÂ][\x80-\xbf€‚„…‘’“”•–—]|â€", re.IGNORECASE)


def _is_text(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_plausible_cp1252(path: Path) -> bool:
    try:
        with path.open(encoding="cp1252", newline="") as file:
            while block := file.read(BLOCK):
                odd = {character for character in set(block) if not character.isascii()}
                if odd - PLAUSIBLE or IMPLAUSIBLE.search(block):
                    return False
    except UnicodeDecodeError:
        return False
    return True


def _has_utf8_accents(path: Path) -> bool:
    accents = 0
    try:
        with path.open(encoding="utf-8") as file:
            for block in iter(lambda: file.read(BLOCK), ""):  # to the end: all must be UTF-8
                accents += not block.isascii()
    except UnicodeDecodeError:
        return False
    return accents > 0


def _encoding(path: Path, declared: str | None) -> str:
    """The encoding: as the byte order mark says, as declared, UTF-8, or else cp1252.

    Raises:
        DeliveryError: the file contradicts what is declared.
    """
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)
    if declared is None:
        if marked or _is_text(path, "utf-8") or not _is_plausible_cp1252(path):
            return marked or "utf-8-sig"
        return "cp1252"
    try:
        name = codecs.lookup(declared).name
        if not codecs.lookup(declared)._is_text_encoding:
            raise LookupError
    except LookupError:
        raise DeliveryError(
            f"{path.name}: delivery.yml names the encoding {declared!r}, which does not exist. "
            "Use for instance utf-8 or cp1252."
        ) from None
    if not name.startswith("utf") and _has_utf8_accents(path):
        raise DeliveryError(
            f"{path.name}: is UTF-8, while delivery.yml says {declared}; its accents would be "
            "garbled. Correct `encoding`, or leave it out."
        )
    if marked and not name.startswith(marked.removesuffix("-sig")):
        raise DeliveryError(
            f"{path.name}: begins with the byte order mark of {marked.removesuffix('-sig')}, while "
            f"delivery.yml says {declared}. Correct `encoding`, or leave it out."
        )
    return declared


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Lines of a text file, each with its line end; a byte that does not fit is refused."""
    number = 0
    name = encoding.removesuffix("-sig")
    try:
        with path.open(encoding=encoding, newline="") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
                if len(line) == LONGEST_LINE:
                    raise DeliveryError(
                        f"{path.name}: line {number} is longer than {LONGEST_LINE:,} characters. "
                        "Deliver a CSV file with a line for each respondent."
                    )
                if "\0" in line:
                    raise DeliveryError(
                        f"{path.name}: line {number} holds a NUL character, so this is no "
                        f"{name} text. Deliver a CSV file, or state its encoding in delivery.yml."
                    )
                yield line
    except UnicodeDecodeError as error:
        # what precedes the byte in its block, after the lines that were read
        line_number = number + 1 + error.object.count(b"\n", 0, error.start)
        raise DeliveryError(
            f"{path.name}: line {line_number} holds byte 0x{error.object[error.start]:02x}, which "
            f"is not {name}. State the encoding in delivery.yml (often cp1252), or deliver as "
            "UTF-8."
        ) from None
    except UnicodeError as error:
        raise DeliveryError(
            f"{path.name}: is no {name} text: {error}. Correct `encoding` in delivery.yml."
        ) from None


def _delimiter(lines: list[str], recognises: Recognises) -> str:
    """The delimiter with which a line is a header of the codebook; else the commonest outside
    quotation marks. Question texts may hold more commas than there are columns."""
    bare = re.sub(r'"[^"]*"', "", "".join(lines))
    by_count = sorted(DELIMITERS, key=bare.count, reverse=True)
    for delimiter in by_count:
        if any(recognises(row) for row in csv.reader(lines, delimiter=delimiter)):
            return delimiter
    return by_count[0]


def read_csv(path: Path, options: ReadOptions, recognises: Recognises) -> DeliveredTable:
    """A CSV file, row by row."""
    lines = _lines(path, _encoding(path, options.encoding))
    first, skipped = next(lines, "").removeprefix("\ufeff"), 0
    declared = options.delimiter
    if hint := re.fullmatch(r"sep=(.)\r?\n?", first):  # for Excel; no row
        declared, first, skipped = declared or hint[1], next(lines, ""), 1
    start = [first, *islice(lines, options.header_rows - 1)]
    csv.field_size_limit(LONGEST_LINE)  # of the whole process, and other libraries change it
    delimiter = declared or _delimiter(start, recognises)
    reader = csv.reader(chain(start, lines), delimiter=delimiter, strict=True)

    def numbered_rows() -> Iterator[tuple[int, list[str]]]:
        """Rows that are not blank, each with the line on which it begins."""
        while True:
            line = reader.line_num + 1 + skipped
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DeliveryError(
                    f"{path.name}: line {line} cannot be read: {error}. Check the quotation marks "
                    "from there on and deliver the file again."
                ) from None
            longest = max(map(len, row), default=0)
            if longest > LONGEST_VALUE:
                raise DeliveryError(
                    f"{path.name}: the row that begins on line {line} has a value of {longest:,} "
                    f"characters; at most {LONGEST_VALUE:,} are read. Check the quotation marks "
                    "from there on and deliver the file again."
                )
            if row:
                yield line, row

    rows = numbered_rows()
    header = [row for _, row in islice(rows, options.header_rows)]
    columns, labels = split_header(path.name, header, options.header_rows)

    def whole_rows() -> Iterator[list[str]]:
        for line, row in rows:
            if len(row) != len(columns):
                raise DeliveryError(
                    f"{path.name}: line {line} has {len(row)} values, the header has "
                    f"{len(columns)} (delimiter {delimiter!r}). Quote values that contain the "
                    "delimiter, or state the delimiter in delivery.yml."
                )
            yield row

    def batches() -> Iterator[list[pa.StringArray]]:
        delivered = whole_rows()
        while chunk := list(islice(delivered, tables.BATCH_ROWS)):
            yield [
                pa.array([value or None for value in values], pa.string())
                for values in zip(*chunk, strict=True)
            ]

    return DeliveredTable(columns, batches(), labels)
