"""What changed between two releases, in figures and sentences, and why.

A row is the same figure when its key is. Why it changed follows from what the releases say they
were made of: which delivery of a wave and group, and the hashes of corrections, codebook and code.
Where several of these changed at once, all are named: a hash does not tell them apart. A figure
that only went behind the protection of respondents, or came from behind it, has `protection` as its
reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.warehouse import literal, quote
from publishing.dictionary import Table

# inputs of a release as `publication` hashes them, and what they are called
HASHES = {
    "precision": "precision",
    "corrections_hash": "correction",
    "codebook_hash": "codebook",
    "code_version": "code",
}
DELIVERY, PROTECTION = "new delivery", "protection"
PROTECTED = ("is_suppressed", "suppression_reason")
SENTENCES = "fct_summary_statements"
# what a release says of itself, which differs whenever there are two
NOT_COMPARED = ("publication",)
FILES = {"json": "changes.json", "page": "changes.md", "figures": "changes.csv"}
# `reason`: withheld before and after, for another reason; `rounding`: the last digits of a double
# differ, because the same sums were made in another order
KINDS = ("appeared", "disappeared", "withheld", "shown", "reason", "rounding", "changed")
# of two doubles that are the same but for rounding
SAME = "abs({a} - {b}) <= 1e-12 + 1e-9 * greatest(abs({a}), abs({b}))"
WORDS = {
    "appeared": "are new",
    "disappeared": "are gone",
    "withheld": "are withheld from now on",
    "shown": "are shown from now on",
    "reason": "are withheld for another reason",
    "rounding": "differ in their last digits only",
    "changed": "changed",
}
SHOWN_SENTENCES = 50  # on the page; changes.json has all


@dataclass(frozen=True)
class Side:
    """The folder of a release and its release.json."""

    folder: Path
    facts: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Side:
        return cls(folder, json.loads((folder / "release.json").read_text(encoding="utf-8")))

    @property
    def release_id(self) -> str:
        return str(self.facts["release_id"])

    @cached_property
    def deliveries(self) -> dict[tuple[str, str], str] | None:
        """Wave and group → delivery; None where an early release.json does not tell."""
        if "deliveries" not in self.facts:
            return None
        return {
            (entry["wave_id"], entry["respondent_group"]): entry["delivery_id"]
            for entry in self.facts["deliveries"]
        }


@dataclass(frozen=True)
class Causes:
    """Which inputs differ between two releases."""

    deliveries: frozenset[tuple[str, str]]  # those of which wave and group
    unknown_deliveries: bool  # some differ, and it is not recorded which
    others: tuple[str, ...]

    @classmethod
    def between(cls, before: Side, after: Side) -> Causes:
        others = tuple(
            name for key, name in HASHES.items() if before.facts.get(key) != after.facts.get(key)
        )
        old, new = before.deliveries, after.deliveries
        if old is None or new is None:
            differ = before.facts.get("deliveries_hash") != after.facts.get("deliveries_hash")
            return cls(frozenset(), differ, others)
        changed = {pair for pair in old.keys() | new.keys() if old.get(pair) != new.get(pair)}
        return cls(frozenset(changed), False, others)

    def of(self, wave: str | None, groups: Iterable[str]) -> list[str]:
        """What may have changed a figure: its own delivery first, then the rest.

        Deliveries of the same groups in other waves count, because a change has two waves and a
        benchmark pools them; deliveries of other groups only when nothing else can have done it
        (adjusted p-values share a family).
        """
        groups = set(groups)
        own = {pair for pair in self.deliveries if pair[1] in groups and wave in (None, pair[0])}
        same = {pair for pair in self.deliveries if pair[1] in groups} - own
        found = [DELIVERY] if own or self.unknown_deliveries else []
        if same and not own:
            found.append(f"{DELIVERY} of {', '.join(sorted({pair[0] for pair in same}))}")
        found += self.others
        if not found and self.deliveries:
            found.append(f"{DELIVERY} of other groups")
        return found


@dataclass(frozen=True)
class Changes:
    """What differs; `figures` has a row for every figure that does, beyond its last digits."""

    before: str
    after: str
    inputs: list[str]
    deliveries: list[dict[str, str]]
    tables: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    sentences: list[dict[str, Any]]
    figures: duckdb.DuckDBPyRelation

    def __bool__(self) -> bool:
        return bool(self.tables)

    def as_json(self) -> str:
        content = {key: value for key, value in vars(self).items() if key != "figures"}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write changes.json, the page changes.md and all figures that changed, changes.csv."""
        (folder / FILES["json"]).write_text(self.as_json(), encoding="utf-8")
        (folder / FILES["page"]).write_text(self.as_page(), encoding="utf-8")
        self.figures.write_csv(str(folder / FILES["figures"]), header=True)

    def as_page(self) -> str:
        """The same in words and tables, as Markdown."""
        lines = [f"# What changed from release {self.before} to {self.after}", ""]
        if not self:
            return "\n".join([*lines, "No published figure changed.", ""])
        totals = {kind: sum(entry[kind] for entry in self.groups) for kind in KINDS}
        counts = [f"{total:,} {WORDS[kind]}" for kind, total in totals.items() if total]
        read = f"{len(self.sentences)} sentences read differently"
        inputs = _joined(self.inputs) or "nothing that is recorded"
        lines += [f"Between the two releases changed: {inputs}.", ""]
        lines += [f"Of the figures {_joined(counts)}; {read}." if counts else f"{read}.", ""]
        if self.deliveries:
            lines += _table(("wave", "group", "before", "after"), [list(entry.values())
                            for entry in self.deliveries])  # fmt: skip
        lines += ["## Tables", ""]
        lines += _table(
            ("table", "rows before", "rows after", *KINDS, "new columns", "dropped columns"),
            [
                [
                    entry["table"], entry["rows_before"], entry["rows_after"],
                    *(entry[kind] for kind in KINDS),
                    ", ".join(entry["columns_added"]), ", ".join(entry["columns_removed"]),
                ]
                for entry in self.tables
            ],
        )  # fmt: skip
        if self.groups:
            lines += ["## Figures by wave and group, and why", ""]
            lines += _table(
                ("table", "wave", "group", *KINDS, "largest difference", "why"),
                [
                    [
                        entry["table"], entry["wave_id"] or "all", entry["respondent_group"],
                        *(entry[kind] for kind in KINDS),
                        "" if entry["largest"] is None else f"{entry['largest']:.4g}",
                        " or ".join(entry["why"]),
                    ]
                    for entry in self.groups
                    if any(entry[kind] for kind in KINDS if kind != "rounding")
                ],
            )  # fmt: skip
        lines += ["## Sentences", ""]
        if not self.sentences:
            lines += ["No published sentence changed.", ""]
        for entry in self.sentences[:SHOWN_SENTENCES]:
            where = f"{entry['wave_id']}, {entry['claim_id']}, {entry['respondent_group']}"
            lines += [
                f"**{where}** ({' or '.join(entry['why'])})",
                "",
                f"- before: {entry['before_nl'] or 'no sentence'}",
                f"- after: {entry['after_nl'] or 'no sentence'}",
                f"- before (English): {entry['before_en'] or 'no sentence'}",
                f"- after (English): {entry['after_en'] or 'no sentence'}",
                "",
            ]
        if len(self.sentences) > SHOWN_SENTENCES:
            lines += [f"{len(self.sentences) - SHOWN_SENTENCES} more in {FILES['json']}.", ""]
        return "\n".join(lines)


def _joined(words: Iterable[str]) -> str:
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    header = list(header)
    body = [f"| {' | '.join(str(value) for value in row)} |" for row in rows]
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *body, ""]


def _columns(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, dict[str, str]]:
    """Table → column → type of one side."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? and not internal order by table_name, column_index",
        [side],
    ).fetchall():
        tables.setdefault(table, {})[column] = kind
    return tables


def _groups(columns: Iterable[str]) -> list[str]:
    return [name for name in ("respondent_group", "group_a", "group_b") if name in columns]


# One row a figure that differs: its kind, wave, group, key in words, and the columns that differ.
DIFFERING = """
create or replace temp table differing as
select
    {wave} as change_wave,
    {group} as change_group,
    {words} as change_key,
    {kind} as change_kind,
    concat_ws('|', {columns}) as change_columns,
    {before} as value_before,
    {after} as value_after,
    {pairs}
from (select *, true as is_there from old.main.{table}) as a
full join (select *, true as is_there from new.main.{table}) as b on {same}
where a.is_there is null or b.is_there is null or {differs}
"""
# The figure before is not repeated once it is withheld: a release tells nothing that it protects.
# Nor is one that was published with more digits, whatever it is now.
FIGURES = """
create temp table figures as
select
    cast(null as varchar) as table_name, cast(null as varchar) as wave_id,
    cast(null as varchar) as respondent_group, cast(null as varchar) as figure,
    cast(null as varchar) as kind, cast(null as varchar) as columns_changed,
    cast(null as double) as value_before, cast(null as double) as value_after
limit 0
"""
KEPT = """
insert into figures
select
    {table}, change_wave, change_group, change_key, change_kind, change_columns,
    case when change_kind <> 'withheld' and not {is_finer} then value_before end, value_after
from differing
where change_kind <> 'rounding'
"""


def _words(names: Iterable[str], either: Mapping[str, str]) -> str:
    return " || ' ' || ".join(f"coalesce(cast({either[name]} as varchar), '')" for name in names)


def _find_differing(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    types: Mapping[str, str],
    main: str | None,
    is_finer: bool,
) -> None:
    """Fill temp table `differing` with the rows that differ in one of the columns of `types`.

    `is_finer` says that the release before had other digits, which are not repeated.
    """
    values = [column for column in types if column not in table.key]
    either = {key: f"coalesce(a.{quote(key)}, b.{quote(key)})" for key in table.key}
    rest = [key for key in table.key if key not in ("wave_id", "respondent_group")]
    differs = {name: f"a.{quote(name)} is distinct from b.{quote(name)}" for name in values}
    kind = "case when a.is_there is null then 'appeared' when b.is_there is null then 'disappeared'"
    if "is_suppressed" in values:
        kind += (
            " when b.is_suppressed and not a.is_suppressed then 'withheld'"
            " when a.is_suppressed and not b.is_suppressed then 'shown'"
        )
        others = [text for name, text in differs.items() if name not in PROTECTED]
        kind += f" when a.is_suppressed and not ({' or '.join(others) or 'false'}) then 'reason'"
    more = [
        f"{text} and not coalesce({SAME.format(a=f'a.{quote(name)}', b=f'b.{quote(name)}')}, false)"
        if types[name] == "DOUBLE"
        else text
        for name, text in differs.items()
    ]
    kind += f" when not ({' or '.join(more) or 'false'}) then 'rounding'"
    connection.execute(
        DIFFERING.format(
            table=quote(table.name),
            wave=either.get("wave_id", "cast(null as varchar)"),
            group=" || ' − ' || ".join(either[name] for name in _groups(table.key))
            or "cast(null as varchar)",
            words=_words(rest or table.key, either),
            kind=f"{kind} else 'changed' end",
            columns=", ".join(
                f"case when a.is_there and b.is_there and {text} then {literal(name)} end"
                for name, text in differs.items()
            )
            or "null",
            before=f"a.{quote(main)}" if main else "cast(null as double)",
            after=f"b.{quote(main)}" if main else "cast(null as double)",
            pairs=", ".join(
                [f"{either[key]} as {quote(key)}" for key in table.key]
                + [
                    f"{side}.{quote(name)} as {quote(f'{name} {word}')}"
                    for name in values
                    if name.startswith("sentence_")
                    for side, word in (("a", "before"), ("b", "after"))
                ]
            ),
            same=" and ".join(
                f"a.{quote(key)} is not distinct from b.{quote(key)}" for key in table.key
            ),
            differs=" or ".join(differs.values()) or "false",
        )
    )
    connection.execute(KEPT.format(table=literal(table.name), is_finer=is_finer))


def _why(row: Mapping[str, Any], causes: Causes) -> list[str]:
    """The reasons of a wave and group of a table: protection alone where nothing else differs."""
    moved = causes.of(row["wave_id"], (row["respondent_group"] or "").split(" − "))
    protected = row["withheld"] + row["shown"] + row["reason"]
    only_protection = protected and not (row["changed"] or row["appeared"] or row["disappeared"])
    if only_protection:
        return [PROTECTION]
    return [*moved, *([PROTECTION] if protected else [])]


def _count(
    connection: duckdb.DuckDBPyConnection, table: str, is_finer: bool
) -> list[dict[str, Any]]:
    """Differing rows by wave and group, with the largest difference between two figures.

    From a figure with other digits the difference would give these, so that there is none.
    """
    kinds = ", ".join(f"count(*) filter (where change_kind = '{kind}')" for kind in KINDS)
    largest = "cast(null as double)" if is_finer else "max(abs(value_after - value_before))"
    names = ("wave_id", "respondent_group", *KINDS, "largest")
    return [
        {"table": table, **dict(zip(names, row, strict=True))}
        for row in connection.execute(
            f"select change_wave, change_group, {kinds}, {largest} from differing "
            "group by change_wave, change_group order by all"
        ).fetchall()
    ]


def _sentences(connection: duckdb.DuckDBPyConnection, causes: Causes) -> list[dict[str, Any]]:
    """Sentences that read differently; one that is withheld now is not repeated."""
    names = (
        "wave_id", "claim_id", "respondent_group",
        "before_nl", "after_nl", "before_en", "after_en", "kind",
    )  # fmt: skip
    found = []
    for row in connection.execute(
        """
        select
            wave_id, claim_id, respondent_group,
            case when change_kind <> 'withheld' then "sentence_nl before" end, "sentence_nl after",
            case when change_kind <> 'withheld' then "sentence_en before" end, "sentence_en after",
            change_kind
        from differing
        where "sentence_nl before" is distinct from "sentence_nl after"
            or "sentence_en before" is distinct from "sentence_en after"
        order by all
        """
    ).fetchall():
        entry = dict(zip(names, row, strict=True))
        hidden = entry["kind"] in ("withheld", "shown")
        why = [PROTECTION] if hidden else causes.of(entry["wave_id"], [entry["respondent_group"]])
        found.append({**entry, "why": why})
    return found


def _main(columns: Mapping[str, str]) -> str | None:
    """The figure of a table, whose differences are told: an estimate, a change, a gap."""
    names = ("estimate", "change", "gap", "response_rate", "value")
    return next((name for name in names if columns.get(name) == "DOUBLE"), None)


def compare(before: Side, after: Side, described: Mapping[str, Table]) -> Changes:
    """Compare all tables with a key that both releases have, over the columns that both have."""
    causes = Causes.between(before, after)
    is_finer = before.facts.get("precision") != after.facts.get("precision")
    connection = duckdb.connect()
    for name, release in (("old", before), ("new", after)):
        path = literal(release.folder / "monitor.duckdb")
        connection.execute(f"attach {path} as {name} (read_only)")
    connection.execute(FIGURES)
    old, new = _columns(connection, "old"), _columns(connection, "new")
    tables, groups, sentences = [], [], []
    for name in sorted((old.keys() | new.keys()) - set(NOT_COMPARED)):
        counts = []
        for side, present in (("old", old), ("new", new)):
            row = (
                connection.execute(f"select count(*) from {side}.main.{quote(name)}").fetchone()
                if name in present
                else None
            )
            counts.append(row[0] if row else 0)
        shared = [column for column in new.get(name, ()) if column in old.get(name, ())]
        entry = {
            "table": name,
            "rows_before": counts[0],
            "rows_after": counts[1],
            "columns_added": [column for column in new.get(name, ()) if column not in shared],
            "columns_removed": [column for column in old.get(name, ()) if column not in shared],
            **dict.fromkeys(KINDS, 0),
        }
        table = described.get(name)
        if table and table.key and set(table.key) <= set(shared):
            main = _main(new[name])
            types = {column: new[name][column] for column in shared}
            _find_differing(connection, table, types, main if main in shared else None, is_finer)
            for group in _count(connection, name, is_finer):
                for kind in KINDS:
                    entry[kind] += group[kind]
                if name.startswith("fct_"):
                    groups.append({**group, "why": _why(group, causes)})
            if name == SENTENCES:
                sentences = _sentences(connection, causes)
        if old.get(name) != new.get(name) or counts[0] != counts[1] or any(
            entry[kind] for kind in KINDS
        ):  # fmt: skip
            tables.append(entry)
    inputs = [DELIVERY] if causes.deliveries or causes.unknown_deliveries else []
    return Changes(
        before.release_id,
        after.release_id,
        [*inputs, *causes.others],
        [
            {
                "wave_id": wave,
                "respondent_group": group,
                "before": (before.deliveries or {}).get((wave, group), ""),
                "after": (after.deliveries or {}).get((wave, group), ""),
            }
            for wave, group in sorted(causes.deliveries)
        ],
        tables,
        groups,
        sentences,
        connection.sql("select * from figures order by all"),
    )
