"""No text of a release may start a formula in a spreadsheet, or be one that a cell cannot hold.

Spreadsheets run a text from a CSV file that starts with `=`, `+`, `-` or `@`, also in full
width, or behind a tab or the end of a line. Texts come from the codebook and from what checks
observed, so that none has a reason to: such a text stops the release, because changing it would be
another figure than the one in the other formats.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from orchestration.lib.warehouse import quote
from publishing.dictionary import Table

# A number such as -0.5 or +3 is no formula. A cell holds 32,767 characters, none of them a control,
# and takes `_x0041_` for the character of that code.
REFUSED = (
    "(regexp_matches({text}, '^[=+\\-@＝＋－＠\\t\\r\\n]') and try_cast({text} as double) is null) "
    "or regexp_matches({text}, '[\\x00-\\x08\\x0B-\\x1F]|_x[0-9A-Fa-f]{{4}}_') "
    "or length({text}) > 32767"
)


class UnsafeTextError(Exception):
    """A text starts like a formula, or fits no cell; the message says where and what to do."""


def refuse_formulas(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> None:
    """Look at every text of the release.

    Raises:
        UnsafeTextError: one starts like a formula, or a cell cannot hold it.
    """
    for table in tables:
        texts = [quote(column.name) for column in table.columns if column.type == "string"]
        if not texts:
            continue
        checks = ", ".join(f"min(case when {REFUSED.format(text=text)} then {text} end)"
                           for text in texts)  # fmt: skip
        row = connection.execute(f"select {checks} from {quote(table.name)}").fetchone() or ()
        for column, text in zip(texts, row, strict=True):
            if text is not None:
                raise UnsafeTextError(
                    f"{table.name}, column {column.strip(chr(34))}: a spreadsheet would run the "
                    f"text {text[:60]!r} as a formula, or cannot hold it, so that nothing is "
                    "published. Let it start with a letter, a digit or a quotation mark, without "
                    "control characters, in the codebook or wherever it comes from."
                )
