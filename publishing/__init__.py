"""A release in the forms that others open: workbook, data package, PostgreSQL, and what changed.

Nothing here reads the private warehouse: all is made from the tables of a release and from the
descriptions in the YAML of the models. `add_exports` and `add_changes` run where a release is
written; `python -m publishing` does the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from publishing import changes, datapackage, workbook
from publishing.dictionary import read_release, read_yaml
from publishing.safety import UnsafeTextError, refuse_formulas

__all__ = ["UnsafeTextError", "add_changes", "add_exports"]

WORKBOOK, PACKAGE = "monitor.xlsx", "datapackage.json"


def add_exports(folder: Path, facts: dict[str, Any], root: Path) -> None:
    """Write the workbook and the data package beside the tables of a release; no clock in them.

    Raises:
        UnsafeTextError: a text would be a formula in a spreadsheet.
    """
    with duckdb.connect(str(folder / "monitor.duckdb"), read_only=True) as connection:
        tables = read_release(connection, read_yaml(root))
        refuse_formulas(connection, tables)
        workbook.write(connection, tables, facts, folder / WORKBOOK)
    datapackage.write(tables, facts, folder, folder / PACKAGE)


def add_changes(folder: Path, facts: dict[str, Any], releases: Path, root: Path) -> None:
    """Write what changed since the previous release, as `changes.json`, `.md` and `.csv`.

    The same release can follow different ones, so that these files have no part in its identity.
    """
    previous = facts.get("previous_release_id")
    if previous and (releases / previous / "release.json").exists():
        before = changes.Side.open(releases / previous)
        changes.compare(before, changes.Side(folder, facts), read_yaml(root)).write(folder)
