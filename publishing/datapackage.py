"""A release described as a Data Package (version 2): every field, key, reference and checksum.

The resources are the CSV files, whose names and order of rows are the same in every release. There
is no clock in it, so that the same release gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestration.lib.landing.discovery import file_sha256
from publishing.dictionary import Column, Table

PACKAGE_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
SCHEMA_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
TYPES = {"int": "integer", "bigint": "integer", "double": "number"}
LICENCE = {
    "name": "CC0-1.0",
    "title": "Creative Commons Zero v1.0 Universal",
    "path": "https://creativecommons.org/publicdomain/zero/1.0/",
}
SOURCE = {"title": "Doelstellingenmonitor passend onderwijs: deliveries of the research agency"}
SIMULATED = {
    "title": "Simulated deliveries: no real respondent answered; the microdata are not public"
}


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if column.is_required:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    return {
        "name": column.name,
        "type": TYPES.get(column.type, column.type),
        "description": column.full_description,
        **({"constraints": constraints} if constraints else {}),
    }


def _schema(table: Table) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "$schema": SCHEMA_PROFILE,
        "fields": [_field(column) for column in table.columns],
        "missingValues": [""],
    }
    if table.has_primary_key:
        schema["primaryKey"] = list(table.key)
    elif table.key:
        schema["uniqueKeys"] = [list(table.key)]
    if table.references:
        schema["foreignKeys"] = [
            {
                "fields": [reference.column],
                "reference": {"resource": reference.table, "fields": [reference.target]},
            }
            for reference in table.references
        ]
    return schema


def _resource(table: Table, folder: Path) -> dict[str, Any]:
    path = folder / "csv" / f"{table.name}.csv"
    return {
        # names of resources hold lower case letters, digits, -, _ and .
        "name": table.name,
        "type": "table",
        "path": path.relative_to(folder).as_posix(),
        "description": table.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": path.stat().st_size,
        "hash": f"sha256:{file_sha256(path)}",
        "dialect": {"delimiter": ",", "header": True},
        "schema": _schema(table),
    }


def write(tables: Iterable[Table], facts: dict[str, Any], folder: Path, path: Path) -> None:
    """Describe the CSV files below `folder`; `facts` holds release_id and is_synthetic."""
    synthetic = bool(facts.get("is_synthetic"))
    package = {
        "$schema": PACKAGE_PROFILE,
        "name": "doelstellingenmonitor",
        "id": facts["release_id"],
        "title": "Doelstellingenmonitor passend onderwijs",
        "description": (
            "Figures on inclusive education in the Netherlands, by wave and respondent group, "
            "after disclosure control."
            + (" Simulated data: no real respondent answered." if synthetic else "")
        ),
        "version": facts["release_id"],
        "licenses": [LICENCE],
        "sources": [SIMULATED if synthetic else SOURCE],
        "contributors": [{"title": "Doelstellingenmonitor", "roles": ["publisher"]}],
        "keywords": ["passend onderwijs", "inclusive education", "survey", "Netherlands"],
        "resources": [_resource(table, folder) for table in tables],
    }
    path.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
