"""The data dictionary of the published tables, with their diagram, from the YAML of the models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from publishing.dictionary import Column, Table

DICTIONARY = Path("docs/data_dictionary.md")
INTRODUCTION = """\
# Data dictionary

<!-- Written by `make dictionary` from the YAML of the models; change it there. -->

The published tables, as they stand in `published/current`: same names and columns in
`monitor.duckdb`, `parquet/`, `csv/`, `monitor.xlsx` and PostgreSQL. [bi.md](bi.md) says how to open
them. Most numbers may be neither summed nor averaged: column *aggregation* says which may.

## How the tables refer to each other
"""


def _lines(tables: Iterable[Table]) -> Iterator[str]:
    """A Mermaid diagram: boxes with their keys and references, and lines between them."""
    yield "erDiagram"
    for table in tables:
        references = {reference.column for reference in table.references}
        yield f"    {table.name} {{"
        for column in table.columns:
            marks = [
                mark
                for mark, is_so in (
                    ("PK" if table.has_primary_key else "UK", column.name in table.key),
                    ("FK", column.name in references),
                )
                if is_so
            ]
            if marks:
                yield f"        {column.type} {column.name} {', '.join(marks)}"
        yield "    }"
    for table in tables:
        required = {column.name for column in table.columns if column.is_required}
        for reference in table.references:
            one = "||" if reference.column in required else "|o"
            many = "o|" if table.key == (reference.column,) else "o{"
            yield f"    {reference.table} {one}--{many} {table.name} : {reference.column}"


def diagram(tables: Mapping[str, Table]) -> str:
    """The diagram of the tables, as Mermaid."""
    return "\n".join(_lines(list(tables.values())))


def _row(table: Table, column: Column) -> str:
    refers = [f"`{ref.table}`" for ref in table.references if ref.column == column.name]
    marks = [
        *(["key"] if column.name in table.key else []),
        *(["always filled"] if column.is_required else []),
        *(f"in {name}" for name in refers),
        *(
            [f"one of {', '.join(f'`{value}`' for value in column.values)}"]
            if column.values
            else []
        ),
    ]
    cells = (
        f"`{column.name}`", column.type, column.description, "; ".join(marks),
        column.aggregation or "",
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def dictionary(tables: Mapping[str, Table]) -> str:
    """The data dictionary, as Markdown."""
    lines = [INTRODUCTION, "```mermaid", diagram(tables), "```", ""]
    for table in tables.values():
        lines += [f"## {table.name}", "", table.description, ""]
        lines += [
            "| column | type | what it holds | rules | aggregation |",
            "|---|---|---|---|---|",
        ]
        lines += [*(_row(table, column) for column in table.columns), ""]
    return "\n".join(lines)
