"""What the published tables hold: columns, keys, references and what may be added up.

The YAML of the models says it once; workbook, data package, PostgreSQL, data dictionary and diagram
are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.lib.settings import ROOT

# the same as SafeLoader, and ten times as fast: a second of each release
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MODELS = Path("models/marts")
PREFIX = "published__"
# columns that the tests of the marts do not relate, beside those that they do
ALSO = {
    "group_a": ("dim_respondent_groups", "respondent_group"),
    "group_b": ("dim_respondent_groups", "respondent_group"),
    "swv_code": ("dim_samenwerkingsverbanden", "swv_code"),
}
# Names of types: that of the YAML, of DuckDB, and ours are the same three lists in a row
TYPES = {
    "VARCHAR": "string",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
}
NUMBERS = ("int", "bigint", "double")
# Numbers that name or order rather than measure
NAMES = ("goal_id", "measurement_number", "wording_version")
NEVER = "never: not summed, not averaged"
# The few columns that may be added up, and over what; no other number of a table of facts may
SUMMABLE = {
    ("fct_response_rates", "population_units"): "sum over the strata of one wave and group",
    ("fct_response_rates", "responded"): (
        "sum over the strata of one wave and group, within 2.5 a stratum: each is rounded to 5"
    ),
    ("fct_response_rates", "complete"): (
        "sum over the strata of one wave and group, within 2.5 a stratum: each is rounded to 5"
    ),
    ("fct_goal_verdicts", "indicator_count"): "sum over the goals of one wave and group",
    ("fct_goal_verdicts", "favourable_count"): "sum over the goals of one wave and group",
    ("fct_goal_verdicts", "needs_improvement_count"): "sum over the goals of one wave and group",
    ("quality_results", "unexpected_count"): "sum over the checks of one wave and group",
}


@dataclass(frozen=True)
class Column:
    """A column: its type as in the YAML, whether it is always filled, and the values allowed."""

    name: str
    type: str
    description: str = ""
    is_required: bool = False
    values: tuple[str, ...] = ()
    aggregation: str | None = None

    @property
    def full_description(self) -> str:
        """The description, and for a number whether it may be aggregated."""
        more = f"Aggregation: {self.aggregation}" if self.aggregation else ""
        return ". ".join(part for part in (self.description.rstrip("."), more) if part)


@dataclass(frozen=True)
class Reference:
    """A column whose values stand in the key column of another table."""

    column: str
    table: str
    target: str


@dataclass(frozen=True)
class Table:
    """A published table, its key in order, and the tables that it refers to."""

    name: str
    columns: tuple[Column, ...]
    description: str = ""
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def has_primary_key(self) -> bool:
        """Whether every column of the key is filled; a key with empty ones is only unique."""
        required = {column.name for column in self.columns if column.is_required}
        return bool(self.key) and required.issuperset(self.key)


def _text(text: Any) -> str:
    return " ".join(str(text or "").split())


def _arguments(model: dict[str, Any]) -> dict[str, Any]:
    for test in model.get("data_tests", []):
        if isinstance(test, dict) and "valid_columns" in test:
            arguments: dict[str, Any] = test["valid_columns"]["arguments"]
            return arguments
    return {}


def _aggregation(table: str, column: str, kind: str) -> str | None:
    if kind not in NUMBERS or column in NAMES or not table.startswith(("fct_", "quality_")):
        return None
    return SUMMABLE.get((table, column), NEVER)


def _table(model: dict[str, Any]) -> Table:
    name = model["name"].removeprefix(PREFIX)
    arguments = _arguments(model)
    columns = tuple(
        Column(
            column["name"],
            column["data_type"],
            _text(column.get("description")),
            any(rule["type"] == "not_null" for rule in column.get("constraints", [])),
            tuple(arguments.get("accepted_values", {}).get(column["name"], ())),
            _aggregation(name, column["name"], column["data_type"]),
        )
        for column in model["columns"]
    )
    return Table(name, columns, _text(model.get("description")), tuple(arguments.get("key", ())))


def _relations(models: Iterable[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Column → table and column that its values stand in, as the tests of the marts say."""
    found = dict(ALSO)
    for model in models:
        for column, parent in _arguments(model).get("relationships", {}).items():
            target = re.fullmatch(r"ref\('([a-z_]+)'\)", parent["to"])
            if target:
                found[column] = (target[1].removeprefix(PREFIX), parent["field"])
    return found


def _refer(tables: Iterable[Table], relations: Mapping[str, tuple[str, str]]) -> list[Table]:
    """The tables, each with the references to others of them."""
    tables = list(tables)
    keys = {(table.name, table.key) for table in tables}
    return [
        replace(
            table,
            references=tuple(
                Reference(column.name, *relations[column.name])
                for column in table.columns
                if column.name in relations
                and relations[column.name][0] != table.name
                and (relations[column.name][0], (relations[column.name][1],)) in keys
            ),
        )
        for table in tables
    ]


def read_yaml(root: Path = ROOT) -> dict[str, Table]:
    """The published tables as the YAML below `root` describes them, by name, in order of name."""
    models = [
        model
        for path in sorted((root / MODELS).rglob("*.yml"))
        for model in yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER).get("models", [])
    ]
    # `suppressions` is made beside the published tables and stays inside
    tables = (
        _table(model)
        for model in models
        if model["name"].startswith(PREFIX) and model["name"] != f"{PREFIX}suppressions"
    )
    ordered = sorted(tables, key=lambda table: table.name)
    return {table.name: table for table in _refer(ordered, _relations(models))}


def read_release(
    connection: duckdb.DuckDBPyConnection, described: Mapping[str, Table]
) -> list[Table]:
    """The tables that a release has, described by the YAML where that knows them.

    Names, order and types are those of the release; of a table that the YAML does not know the
    descriptions are the comments in the release, and it has no key.
    """
    tables: dict[str, list[Column]] = {}
    known = {
        (table.name, column.name): column
        for table in described.values()
        for column in table.columns
    }
    for table, name, kind, comment in connection.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'main' and not internal "
        "order by table_name, column_index"
    ).fetchall():
        column = known.get((table, name), Column(name, "", _text(comment)))
        tables.setdefault(table, []).append(replace(column, type=TYPES.get(kind, "string")))
    comments: dict[str, str] = dict(
        connection.execute(
            "select table_name, coalesce(comment, '') from duckdb_tables() where not internal"
        ).fetchall()
    )
    result = []
    for name, columns in tables.items():
        model = described.get(name, Table(name, (), _text(comments.get(name))))
        names = {column.name for column in columns}
        result.append(
            replace(
                model,
                columns=tuple(columns),
                key=model.key if names.issuperset(model.key) else (),
                references=tuple(
                    reference
                    for reference in model.references
                    if reference.column in names and reference.table in tables
                ),
            )
        )
    return result
