"""The raw gate: is a delivery shaped, coded and filled as the codebook says, and as before?

Every delivery is scanned three times: for the values of its columns, for its rows, and for how
questions go together. What follows works on the small tables that come out.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import duckdb

from expectations.codebook import Codebook, Row, previous_delivery
from expectations.drift import noise, stability_index
from expectations.macros import render
from expectations.measure import (
    EXAMPLES,
    Measure,
    identifier,
    in_list,
    literal,
    measure_all,
    quoted,
)
from orchestration.lib.codebook import normalise_name

# Of shorter questionnaires two honest people may well agree on everything.
SHORT_QUESTIONNAIRE = 8
OTHER_SOURCES = (4, 5, 6)
# Of fewer completed questionnaires one or two fast ones are already too large a share.
SMALLEST_SAMPLE = 50
# How alike the answers of one school or samenwerkingsverband are (intraclass correlation, a round
# figure from surveys of schools); their backgrounds are the same.
LIKENESS_OF_ANSWERS = 0.1
# Standard deviations of chance by which an item must go against the others.
TURNED_DEVIATIONS = 3.5
# Columns of moments and codes are read in more than one way; the name says which.
RULE, FIELDWORK, CLEAN, MOMENT = "rule of ", "fieldwork of ", "clean ", "moment "


class Cell(NamedTuple):
    """A value of a column, as a number if it is one, how often it occurs, and where first."""

    value: str | None
    number: float | None
    total: int
    rows: list[int]


@dataclass(frozen=True)
class Option:
    """What a delivered text means: the option's value, its score, and why it is no answer."""

    value: str
    score: float | None
    missing_reason: str


class Column:
    """A column of a delivery as the codebook describes it."""

    def __init__(self, codebook: Codebook, row: Row) -> None:
        self.row = row
        self.name = row["variable"]
        self.scale = row["scale"]
        self.is_item = row["role"] == "item"
        self._codebook = codebook

    @property
    def sql(self) -> str:
        """The column of the rows `delivered`, as staging has it: without blanks around it."""
        return f"nullif(trim(delivered.{identifier(self.name)}), '')"

    @cached_property
    def rule(self) -> Row | None:
        """The rule of `value_rules` that holds for a column without a scale."""
        rules = {row["attribute"]: row for row in self._codebook.seed("value_rules")}
        return None if self.scale else rules.get(self.row["attribute"])

    def has_rule(self, rule: str) -> bool:
        """Whether this rule holds for the column."""
        return self.rule is not None and self.rule["rule"] == rule

    @cached_property
    def max_invalid_share(self) -> float:
        """Share of the values (0-1) that may be `invalid`; above it the column is wrong.

        Raises:
            LookupError: the codebook has neither a scale nor a rule for the column.
        """
        judge = self._codebook.scale(self.scale) if self.scale else self.rule
        if judge is None:
            raise LookupError(f"seeds/codebook/value_rules.csv has no row for {self.name}.")
        return float(judge["max_invalid_share"])

    @cached_property
    def is_numeric(self) -> bool:
        return bool(self.scale) and self._codebook.scale(self.scale)["kind"] == "numeric"

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest score of the scale."""
        scale = self._codebook.scale(self.scale)
        return float(scale["min_score"] or 0), float(scale["max_score"] or 0)

    @property
    def scale_options(self) -> list[Row]:
        """The rows of the scale."""
        return self._codebook.options(self.scale)

    def labels(self, code: str) -> tuple[str, ...]:
        """The Dutch and English label of a delivered code, also of one that nobody agreed on."""
        for option in self.scale_options:
            value = option["value"]
            if self.row["is_reversed"] == "true" and option["score"]:
                value = f"{sum(self.limits) - float(option['score']):g}"
            if value == code:
                return (option["label_nl"], option["label_en"])
        return ()

    @cached_property
    def options(self) -> dict[str, Option]:
        """Delivered text, in small letters → what it means; as int_codebook__options has it."""
        delivered_as = "label_nl" if self.row["answers_as"] == "label" else "value"
        agreed = self.row["missing_codes"].split("|")
        low, high = self.limits
        options = {}
        for option in self.scale_options:
            if option["missing_reason"] and option["value"] not in agreed:
                continue
            score = float(option["score"]) if option["score"] else None
            if score is not None and self.row["is_reversed"] == "true":
                score = low + high - score
            options[option[delivered_as].lower()] = Option(
                option["value"], score, option["missing_reason"]
            )
        return options

    def meaning(self, value: str, number: float | None) -> Option | None:
        """What a delivered value means, or None when the codebook does not know it.

        Args:
            number: the value as the engine reads it as a number; counts on numeric scales.
        """
        if found := self.options.get(value.lower()):
            return found
        low, high = self.limits
        if self.is_item and self.is_numeric and number is not None and low <= number <= high:
            return Option(str(round(number)), number, "")
        return None

    def answer(self, cell: Cell) -> str | None:
        """The answer as it is compared between waves; None for what says nothing."""
        meaning = None if cell.value is None else self.meaning(cell.value, cell.number)
        if meaning is None or meaning.missing_reason == "not_routed":
            return None
        if meaning.missing_reason or meaning.score is None:
            return meaning.value
        return f"{math.floor(meaning.score + 0.5)}"

    def score_sql(self, *, is_turned: bool) -> str:
        """The answer as a number from 0 to 1, high is favourable; NULL when it is none."""
        low, high = self.limits
        text = f"lower(trim({identifier(self.name)}))"
        whens = " ".join(
            f"when {literal(delivered)} then {option.score}"
            for delivered, option in self.options.items()
            if option.score is not None and not option.missing_reason
        )
        number = f"case {text} {whens} end"
        if self.is_numeric:
            marks = render("delivered_number", text)
            number = f"case when {marks} between {low} and {high} then {marks} end"
        place = f"({number} - {low}) / {high - low}"
        return f"1 - {place}" if is_turned else place

    def substantive_sql(self) -> str:
        """The delivered text when it is an answer, else NULL."""
        codes = [text for text, option in self.options.items() if option.missing_reason]
        text = f"lower(trim({identifier(self.name)}))"
        return f"case when {text} not in {in_list(codes)} then {text} end" if codes else text


class Delivery:
    """A delivery and what is measured of it; nothing is read before it is asked for.

    Raises:
        LookupError: the codebook has no such questionnaire.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        codebook: Codebook,
        delivery_id: str,
        wave_id: str,
        respondent_group: str,
    ) -> None:
        self._connection = connection
        self._seen: dict[str, Delivery] = {}
        self.codebook = codebook
        self.delivery_id = delivery_id
        self.wave_id = wave_id
        self.group = respondent_group
        self.columns = [
            Column(codebook, row) for row in codebook.variables(wave_id, respondent_group)
        ]
        self.items = [column for column in self.columns if column.is_item]
        self.core = [column for column in self.items if column.row["is_core"] == "true"]
        self.background = [column for column in self.columns if not column.is_item and column.scale]
        self._by_attribute = {column.row["attribute"]: column for column in self.columns}
        self.rows = (
            f"(select * from raw.{identifier(respondent_group)} "
            f"where delivery_id = {literal(delivery_id)})"
        )

    @classmethod
    def of(
        cls,
        connection: duckdb.DuckDBPyConnection,
        codebook: Codebook,
        delivery_id: str,
        wave_id: str,
        respondent_group: str,
        seen: dict[str, Delivery],
    ) -> Delivery:
        """The delivery, from those that were `seen` before or as a new one among them."""
        if delivery_id not in seen:
            seen[delivery_id] = cls(connection, codebook, delivery_id, wave_id, respondent_group)
            seen[delivery_id]._seen = seen
        return seen[delivery_id]

    @cached_property
    def facts(self) -> dict[str, str]:
        """What the agency knows the delivery by."""
        found = self._connection.execute(
            "select file_name, row_count from raw.deliveries where delivery_id = ?",
            [self.delivery_id],
        ).fetchone()
        facts = {"Wave": self.wave_id, "Respondent group": self.group}
        if found:
            facts |= {"File": str(found[0]), "Rows": f"{found[1] or 0:,}"}
        if self.previous:
            facts["Compared with"] = self.previous.wave_id
        return facts

    def column(self, attribute: str) -> Column | None:
        """The column with this attribute, if the questionnaire has one."""
        return self._by_attribute.get(attribute)

    def subject(self, column: Column) -> str:
        """A column as messages name it."""
        return f"raw.{self.group}.{column.name}"

    @cached_property
    def unit(self) -> Column | None:
        """The column that names the sampling unit."""
        groups = self.codebook.seed("respondent_groups")
        row = next(row for row in groups if row["respondent_group"] == self.group)
        return self.column(row["psu_attribute"]) if row["psu_attribute"] else None

    @cached_property
    def rows_per_unit(self) -> float:
        """Respondents of one sampling unit, on average; 1 where there are no units."""
        if self.unit is None:
            return 1.0
        name = identifier(self.unit.name)
        ((rows, units),) = self.select(
            f"select count({name}), count(distinct {name}) from {self.rows}"
        )
        return max(rows / units, 1.0) if units else 1.0

    @cached_property
    def row_count(self) -> int:
        return int(self.select(f"select count(*) from {self.rows}")[0][0])

    def select(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self._connection.execute(query).fetchall()

    @cached_property
    def cells(self) -> dict[str, list[Cell]]:
        """The values of every column that is judged by its values, the commonest first.

        Of columns in which nearly every value differs only what is wrong with it is kept.
        """
        looks = {
            column.name: column.sql
            for column in self.columns
            if column.scale or column.row["attribute"] == "data_source"
        }
        for column in _some(self.column("completed_at"), self.unit):
            looks.setdefault(column.name, f"case when {column.sql} is not null then '' end")
        for column in _some(self.column("started_at")):
            looks[FIELDWORK + column.name] = self._fieldwork_look(column)
        for column in self.ruled:
            looks[RULE + column.name] = self._rule_look(column)
        for column in self.columns:
            if column.row["role"] == "weight":
                looks[column.name] = (
                    f"case when {render('delivered_number', column.sql)} > 0 "
                    f"then '' else coalesce({column.sql}, 'empty') end"
                )
        # codes and moments are read once: the looks name them many times
        read = {
            CLEAN + column.name: render("clean_value", literal(column.row["attribute"]), column.sql)
            for column in self.ruled
        } | {
            MOMENT + column.name: render("parse_timestamp", column.sql)
            for column in self.columns
            if column.row["attribute"] == "started_at" or column.has_rule("moment")
        }
        readings = "".join(f", {sql} as {identifier(name)}" for name, sql in read.items())
        delivered = f"(select *{readings} from {self.rows} as delivered) as delivered"
        selected = ", ".join(f"{look} as {identifier(name)}" for name, look in looks.items())
        names = ", ".join(map(identifier, looks))
        rows = self._connection.execute(f"""
            select
                subject, value, {render("delivered_number", "value")},
                count(*), arg_min(place, place, {EXAMPLES})
            from (select row_number as place, {selected} from {delivered})
            unpivot include nulls (value for subject in ({names}))
            group by subject, value
            order by count(*) desc, value
        """).fetchall()
        cells: dict[str, list[Cell]] = {name: [] for name in looks}
        for subject, *cell in rows:
            cells[subject].append(Cell(*cell))
        return cells

    @cached_property
    def ruled(self) -> list[Column]:
        """The columns that a rule of `value_rules` holds for."""
        return [column for column in self.columns if column.rule]

    def _rule_look(self, column: Column) -> str:
        """Empty text for a value that keeps the rule of its column, else the value."""
        assert column.rule
        rule, clean = column.rule, identifier(CLEAN + column.name)
        known = in_list(
            row["swv_code"] for row in self.codebook.seed("samenwerkingsverbanden", "reference")
        )
        margin = int(rule["margin_days"] or 0)
        broken = render(
            "broken_rule",
            literal(rule["rule"]),
            clean,
            f"({clean} in {known})" if column.has_rule("samenwerkingsverband") else "true",
            literal(rule["pattern"]),
            identifier(MOMENT + column.name)
            if column.has_rule("moment")
            else "cast(null as timestamp)",
            *self._fieldwork(margin),
            literal(str(margin)),
        )
        return (
            f"case when {clean} is null then null when ({broken}) is null then '' "
            f"else {column.sql} end"
        )

    def _fieldwork(self, margin: int) -> tuple[str, str]:
        """SQL of the first moment of the fieldwork, and of the first one after it.

        Args:
            margin: days that are taken in before and after it.
        """
        wave = next(row for row in self.codebook.seed("waves") if row["wave_id"] == self.wave_id)
        first = dt.date.fromisoformat(wave["fieldwork_start"]) - dt.timedelta(days=margin)
        after = dt.date.fromisoformat(wave["fieldwork_end"]) + dt.timedelta(days=margin + 1)
        return f"timestamp '{first} 00:00:00'", f"timestamp '{after} 00:00:00'"

    def _fieldwork_look(self, column: Column) -> str:
        """Empty text for a moment in the fieldwork, its day for another; NULL where none is."""
        margin = self.codebook.tolerance("rows_are_from_the_fieldwork", self.group)
        first, after = self._fieldwork(round(margin))
        moment = identifier(MOMENT + column.name)
        return (
            f"case when {moment} is null then null when {moment} >= {first} and {moment} < {after} "
            f"then '' else cast(cast({moment} as date) as varchar) end"
        )

    def answers(self, column: Column, read_as: Column | None = None) -> Counter[str]:
        """How often each answer was given, comparable between waves; blanks do not count.

        Args:
            read_as: another column, by which the codes are read as if they stood there.
        """
        counts: Counter[str] = Counter()
        reader = read_as or column
        for cell in self.cells[column.name]:
            answer = reader.answer(cell)
            if answer is not None:
                counts[answer] += cell.total
        return counts

    @cached_property
    def labels(self) -> dict[str, dict[str, object]]:
        """Labels as delivered, by variable: `text` of the question and `values` (code → label)."""
        row = self._connection.execute(
            "select labels from raw.deliveries where delivery_id = ?", [self.delivery_id]
        ).fetchone()
        delivered = json.loads(row[0]) if row and row[0] else {}
        by_header = {normalise_name(column.row["column_name"]): column for column in self.columns}
        labels: dict[str, dict[str, object]] = defaultdict(dict)
        for part, name in (("variables", "text"), ("values", "values")):
            for header, content in delivered.get(part, {}).items():
                if column := by_header.get(normalise_name(header)):
                    labels[column.name][name] = content
        return labels

    @cached_property
    def previous(self) -> Delivery | None:
        """The delivery of the same group in the wave before, accepted or else just landed."""
        found = previous_delivery(self._connection, self.codebook, self.wave_id, self.group)
        if found is None:
            return None
        wave_id, delivery_id = found
        return Delivery.of(
            self._connection, self.codebook, delivery_id, wave_id, self.group, self._seen
        )

    def comparable(self) -> Iterator[tuple[Column, Column]]:
        """Questions that may be compared with the previous wave: the column now and then."""
        if self.previous is None:
            return
        before = {
            self.codebook.item(column.row["item_code"])["indicator_code"]: column
            for column in self.previous.items
        }
        for column in self.items:
            indicator = self.codebook.item(column.row["item_code"])["indicator_code"]
            then = before.get(indicator)
            if then and column.row["is_comparable"] == "true" and then.scale == column.scale:
                yield column, then


def measure(delivery: Delivery) -> list[Measure]:
    """All that the raw gate measures of a delivery; checks with nothing to judge are absent."""
    parts: list[tuple[tuple[str, ...], Callable[[], Iterable[Measure]]]] = [
        (("has_rows", "rows_within_population"), lambda: _sizes(delivery)),
        (("rows_follow_previous_wave",), lambda: _size_before(delivery)),
        (("login_is_present", "login_is_unique"), lambda: _logins(delivery)),
        (("answers_are_not_copied",), lambda: _copies(delivery)),
        *(((check,), _of_cells(delivery, check)) for check in CELL_CHECKS),
        (("background_agrees_with_swv",), lambda: _places(delivery)),
        (("durations_are_plausible",), lambda: _durations(delivery)),
        (("answers_vary",), lambda: _straight_lines(delivery)),
        (("answers_agree_in_direction",), lambda: _directions(delivery)),
        (("background_is_distributed_as_before",), lambda: _background_drift(delivery)),
        (
            ("answers_are_distributed_as_before", "questions_are_in_their_place"),
            lambda: _drift(delivery),
        ),
        (
            ("labels_agree_with_codebook", "questions_are_worded_as_in_codebook"),
            lambda: _labels(delivery),
        ),
        (("labels_agree_with_previous_wave",), lambda: _label_drift(delivery)),
        (("open_text_is_free_of_personal_data",), lambda: _open_answers(delivery)),
    ]
    return measure_all(parts)


# ---------------------------------------------------------------- how many rows


def _sizes(delivery: Delivery) -> Iterator[Measure]:
    subject, count = f"raw.{delivery.group}", delivery.row_count
    told = f"{count} rows"
    # exact numbers of rows stay inside: the observed value is published
    there = "some rows" if count else "no rows"
    yield Measure("has_rows", subject, 1, int(count == 0), finding=told, observed=there)
    population = delivery.codebook.population(delivery.wave_id, delivery.group)
    if population is not None:
        yield Measure(
            "rows_within_population",
            subject,
            1,
            int(count > population),
            finding=told,
            observed=f"{'more' if count > population else 'no more'} rows than people",
        )


def _size_before(delivery: Delivery) -> Iterator[Measure]:
    check = "rows_follow_previous_wave"
    if delivery.previous is None or not (delivery.row_count and delivery.previous.row_count):
        return
    least = delivery.codebook.tolerance(check, delivery.group)
    ratio = delivery.row_count / delivery.previous.row_count
    yield Measure(
        check,
        f"raw.{delivery.group}",
        1,
        int(not least <= ratio <= 1 / least),
        finding=f"{delivery.row_count} rows, and {delivery.previous.row_count} in "
        f"{delivery.previous.wave_id}",
        observed=f"{ratio:.1f} times {delivery.previous.wave_id}",
    )


# ---------------------------------------------------------------- who answered


def _logins(delivery: Delivery) -> Iterator[Measure]:
    column = delivery.column("login")
    if column is None or not delivery.row_count:
        return
    name, subject = identifier(column.name), delivery.subject(column)
    ((total, empty, rows),) = delivery.select(f"""
        select count(*), count(*) filter (where {name} is null),
            arg_min(row_number, row_number, {EXAMPLES}) filter (where {name} is null)
        from {delivery.rows}
    """)
    examples = tuple(f"row {row}: empty" for row in rows or [])
    yield Measure("login_is_present", subject, total, empty, examples)
    yield _repeats(delivery, "login_is_unique", subject, name, f"{name} is not null", None)


def _repeats(
    delivery: Delivery, check: str, subject: str, key: str, condition: str, person: str | None
) -> Measure:
    """Rows after the first that have the same key; the key itself is never told.

    Args:
        person: when given, a key is repeated only where it occurs with more than one of these.
    """
    persons = f"count(distinct {person}) > 1" if person else "true"
    ((total, repeated, places),) = delivery.select(f"""
        select
            sum(occurrences),
            sum(occurrences - 1) filter (where is_repeated),
            arg_min(places, places[1], {EXAMPLES}) filter (where is_repeated)
        from (
            select
                count(*) as occurrences,
                arg_min(row_number, row_number, 2) as places,
                count(*) > 1 and {persons} as is_repeated
            from {delivery.rows}
            where {condition}
            group by {key}
        )
    """)
    examples = tuple(f"row {then[1]} repeats row {then[0]}" for then in places or [])
    return Measure(check, subject, int(total or 0), int(repeated or 0), examples)


def _copies(delivery: Delivery) -> Iterator[Measure]:
    login = delivery.column("login")
    if login is None or not delivery.row_count:
        return
    columns = [*delivery.items, *delivery.background]
    columns += [column for column in (delivery.unit, delivery.column("swv")) if column]
    if len(delivery.items) < SHORT_QUESTIONNAIRE:
        times = map(delivery.column, ("started_at", "completed_at", "duration_seconds"))
        columns += [column for column in times if column]
    names = list(dict.fromkeys(identifier(column.name) for column in columns))
    answered = " + ".join(
        f"cast({identifier(column.name)} is not null as integer)" for column in delivery.core
    )
    yield _repeats(
        delivery,
        "answers_are_not_copied",
        f"raw.{delivery.group}",
        f"hash({', '.join(names)})",
        f"{answered or 1} >= {max(len(delivery.core) / 2, 1)}",
        identifier(login.name),
    )


# ---------------------------------------------------------------- what columns hold

Judge = Callable[[Column, Cell], bool]


def _is_empty(column: Column, cell: Cell) -> bool:
    return cell.value is None


def _is_told(column: Column, cell: Cell) -> bool:
    """Of columns in which only what is wrong was kept: something was."""
    return bool(cell.value)


def _is_unknown(column: Column, cell: Cell) -> bool:
    return cell.value is not None and column.meaning(cell.value, cell.number) is None


def _is_yes(column: Column, cell: Cell) -> bool:
    texts = {
        option["label_nl" if column.row["answers_as"] == "label" else "value"].lower()
        for option in column.scale_options
        if option["breakdown_value"] == "yes"
    }
    return cell.value is not None and cell.value.lower() in texts


def _is_other_source(column: Column, cell: Cell) -> bool:
    return cell.number in OTHER_SOURCES


def _some(*columns: Column | None) -> list[Column]:
    return [column for column in columns if column]


@dataclass(frozen=True)
class CellCheck:
    """A check that judges the values of columns one by one.

    `look` says under which name the columns were read, and `has_own_limit` whether the codebook
    says for each column what share of unexpected values it bears.
    """

    columns: Callable[[Delivery], list[Column]]
    is_unexpected: Judge
    counts_empty: bool = False
    look: str = ""
    has_own_limit: bool = False


def _keeps_rule(rule: str) -> CellCheck:
    """Values of the columns for which `value_rules` has this rule."""
    return CellCheck(
        lambda of: [column for column in of.columns if column.has_rule(rule)],
        _is_told,
        look=RULE,
        has_own_limit=True,
    )


# What these count is what decoding makes `invalid`, and core.quarantined_values lists.
INVALID = {
    "answers_are_in_codebook": CellCheck(lambda of: of.items, _is_unknown, has_own_limit=True),
    "background_is_in_codebook": CellCheck(
        lambda of: of.background, _is_unknown, has_own_limit=True
    ),
    "swv_codes_are_known": _keeps_rule("samenwerkingsverband"),
    "school_codes_are_possible": _keeps_rule("pattern"),
    "moments_are_possible": _keeps_rule("moment"),
    "numbers_are_numbers": _keeps_rule("number"),
}
CELL_CHECKS = INVALID | {
    "background_is_present": CellCheck(
        lambda of: [column for column in of.background if column.row["role"] == "breakdown"],
        _is_empty,
        counts_empty=True,
    ),
    "units_are_present": CellCheck(lambda of: _some(of.unit), _is_empty, counts_empty=True),
    "other_sources_are_few": CellCheck(
        lambda of: _some(of.column("data_source")), _is_other_source, counts_empty=True
    ),
    "rows_are_complete": CellCheck(
        lambda of: _some(of.column("completed_at")), _is_empty, counts_empty=True
    ),
    "rows_are_from_the_fieldwork": CellCheck(
        lambda of: _some(of.column("started_at")), _is_told, look=FIELDWORK
    ),
    "test_records_are_few": CellCheck(
        lambda of: _some(of.column("is_test")), _is_yes, counts_empty=True
    ),
    "answers_are_present": CellCheck(lambda of: of.core, _is_empty, counts_empty=True),
    "weights_are_positive_numbers": CellCheck(
        lambda of: [column for column in of.columns if column.row["role"] == "weight"],
        _is_told,
        counts_empty=True,
    ),
}


def _of_cells(delivery: Delivery, name: str) -> Callable[[], Iterator[Measure]]:
    check = CELL_CHECKS[name]

    def take() -> Iterator[Measure]:
        if not delivery.row_count:
            return
        for column in check.columns(delivery):
            cells = [
                cell
                for cell in delivery.cells[check.look + column.name]
                if check.counts_empty or cell.value is not None
            ]
            wrong = [cell for cell in cells if check.is_unexpected(column, cell)]
            places = sorted((row, cell.value) for cell in wrong for row in cell.rows)[:EXAMPLES]
            yield Measure(
                name,
                delivery.subject(column),
                sum(cell.total for cell in cells),
                sum(cell.total for cell in wrong),
                tuple(f"row {row}: {quoted(value)}" for row, value in places),
                limit=column.max_invalid_share if check.has_own_limit else None,
            )

    return take


def _places(delivery: Delivery) -> Iterator[Measure]:
    """Sector and region of respondents against those of their samenwerkingsverband."""
    swv = delivery.column("swv")
    if swv is None or not delivery.row_count:
        return
    known = {
        row["swv_code"]: row
        for row in delivery.codebook.seed("samenwerkingsverbanden", "reference")
    }
    bare = render("clean_swv_code", swv.sql)
    for attribute in ("sector", "region"):
        column = delivery.column(attribute)
        if column is None or not column.scale:
            continue
        values = {option["value"]: option["breakdown_value"] for option in column.scale_options}
        total, wrong, examples = 0, 0, []
        for code, text, count, row in delivery.select(f"""
            select {bare} as code, {column.sql} as text, count(*), min(row_number)
            from {delivery.rows} as delivered where code is not null and text is not null
            group by code, text order by min(row_number)
        """):
            meaning, place = column.meaning(text, None), known.get(code)
            # special schools stand beside the sectors, national swv's in no province
            if meaning is None or place is None or place["region"] == "landelijk":
                continue
            own = values[meaning.value]
            if own == "so":
                continue
            total += count
            if own != place[attribute]:
                wrong += count
                examples.append(f"row {row}: {quoted(text)} in {code} ({place[attribute]})")
        yield Measure(
            "background_agrees_with_swv",
            delivery.subject(column),
            total,
            wrong,
            tuple(examples[:EXAMPLES]),
        )


# ---------------------------------------------------------------- how people answered


def _durations(delivery: Delivery) -> Iterator[Measure]:
    check = "durations_are_plausible"
    duration, end = delivery.column("duration_seconds"), delivery.column("completed_at")
    if duration is None or end is None or not delivery.row_count:
        return
    part = delivery.codebook.tolerance(check, delivery.group)
    ((total, fast, middle, worst),) = delivery.select(f"""
        with durations as (
            select
                row_number,
                {render("delivered_number", identifier(duration.name))} as seconds
            from {delivery.rows}
            where {identifier(end.name)} is not null
        ),
        middles as (select median(seconds) as middle from durations)
        select
            count(seconds),
            count(*) filter (where seconds < {part} * middle),
            any_value(middle),
            arg_min({{'row': row_number, 'seconds': seconds}}, row_number, {EXAMPLES})
                filter (where seconds < {part} * middle)
        from durations, middles
    """)
    if total < SMALLEST_SAMPLE:
        return
    examples = [f"row {one['row']}: {one['seconds']:.0f} s" for one in worst or []]
    if examples:
        examples[-1] += f", where the median is {middle:.0f} s"
    yield Measure(
        check,
        delivery.subject(duration),
        int(total),
        int(fast),
        tuple(examples),
    )


def _straight_lines(delivery: Delivery) -> Iterator[Measure]:
    check = "answers_vary"
    least = round(delivery.codebook.tolerance(check, delivery.group))
    scales: dict[str, list[Column]] = defaultdict(list)
    for column in delivery.items:
        scales[column.scale].append(column)
    for scale, columns in scales.items():
        if len(columns) < least or not delivery.row_count:
            continue
        texts = [column.substantive_sql() for column in columns]
        names = [f"answer_{number}" for number in range(len(columns))]
        selected = ", ".join(f"{text} as {name}" for text, name in zip(texts, names, strict=True))
        answered = " + ".join(f"cast({name} is not null as integer)" for name in names)
        every = ", ".join(names)
        straight = f"least({every}) = greatest({every})"
        ((total, lines, worst),) = delivery.select(f"""
            select
                count(*),
                count(*) filter (where {straight}),
                arg_min({{'row': row_number, 'answer': least({every})}}, row_number, {EXAMPLES})
                    filter (where {straight})
            from (select row_number, {selected} from {delivery.rows})
            where {answered} >= {least}
        """)
        yield Measure(
            check,
            f"raw.{delivery.group}, {len(columns)} questions on {scale}",
            int(total),
            int(lines),
            tuple(f"row {one['row']}: always {quoted(one['answer'])}" for one in worst or []),
        )


def _directions(delivery: Delivery) -> Iterator[Measure]:
    """Correlation of each question with the mean of the others, all turned the same way."""
    check = "answers_agree_in_direction"
    directions = {
        row["indicator_code"]: row["direction"] for row in delivery.codebook.seed("indicators")
    }
    scored = [column for column in delivery.items if column.limits[1] > column.limits[0]]
    if len(scored) < 3 or not delivery.row_count:
        return
    scores = []
    for number, column in enumerate(scored):
        indicator = delivery.codebook.item(column.row["item_code"])["indicator_code"]
        is_turned = directions[indicator] == "lower_better"
        scores.append(f"{column.score_sql(is_turned=is_turned)} as s{number}")
    names = [f"s{number}" for number in range(len(scored))]
    total = " + ".join(f"coalesce({name}, 0)" for name in names)
    count = " + ".join(f"cast({name} is not null as integer)" for name in names)
    correlations = ", ".join(
        f"corr({name}, (total - {name}) / nullif(answered - 1, 0)), "
        f"count({name}) filter (where answered > 1)"
        for name in names
    )
    (found,) = delivery.select(f"""
        select {correlations}
        from (
            select *, {total} as total, {count} as answered
            from (select {", ".join(scores)} from {delivery.rows})
        )
    """)
    for number, column in enumerate(scored):
        correlation, pairs = found[2 * number], found[2 * number + 1]
        if correlation is None or not math.isfinite(correlation):
            continue
        lowest = delivery.codebook.tolerance(check, delivery.group, column.scale)
        excess = lowest - TURNED_DEVIATIONS / math.sqrt(pairs) - correlation
        yield Measure(
            check,
            delivery.subject(column),
            1,
            int(excess > 0),
            excess=excess,
            finding=f"correlation with the other questions {correlation:.2f}",
            observed=f"lowest correlation {correlation:.2f} in {delivery.subject(column)}",
        )


# ---------------------------------------------------------------- as in the wave before


def _told(now: Counter[str], before: Counter[str], wave_id: str) -> str:
    """The answer whose share moved most, now and then."""

    def share(counts: Counter[str], value: str) -> float:
        return counts[value] / max(sum(counts.values()), 1)

    value = max(
        sorted(now.keys() | before.keys()),
        key=lambda value: abs(share(now, value) - share(before, value)),
    )
    return (
        f"for example {quoted(value)}: {share(now, value):.0%} now, {share(before, value):.0%} in "
        f"{wave_id}"
    )


def _effects(delivery: Delivery, likeness: float) -> tuple[float, float]:
    """Design effects of clustering, of this delivery and of the previous one."""
    assert delivery.previous
    now, before = (1 + likeness * (one.rows_per_unit - 1) for one in (delivery, delivery.previous))
    return now, before


def _shift(
    delivery: Delivery, check: str, column: Column, now: Counter[str], before: Counter[str]
) -> Measure:
    assert delivery.previous
    tolerance = delivery.codebook.tolerance(check, delivery.group, column.scale)
    likeness = LIKENESS_OF_ANSWERS if column.is_item else 1
    index, chance = stability_index(now, before), noise(now, before, _effects(delivery, likeness))
    return Measure(
        check,
        delivery.subject(column),
        1,
        int(index > tolerance + chance),
        excess=index - tolerance - chance,
        finding=f"index {index:.2f}, where {tolerance + chance:.2f} is allowed, "
        + _told(now, before, delivery.previous.wave_id),
        observed=f"index {index:.2f} in {delivery.subject(column)}",
    )


def _background_drift(delivery: Delivery) -> Iterator[Measure]:
    if delivery.previous is None or not delivery.row_count:
        return
    for column in delivery.background:
        then = delivery.previous.column(column.row["attribute"])
        if then is None or then.scale != column.scale or column.row["role"] != "breakdown":
            continue
        now, before = delivery.answers(column), delivery.previous.answers(then)
        if now and before:
            yield _shift(delivery, "background_is_distributed_as_before", column, now, before)


def _drift(delivery: Delivery) -> Iterator[Measure]:
    if not delivery.row_count:
        return
    pairs = []
    for column, then in delivery.comparable():
        assert delivery.previous
        now, before = delivery.answers(column), delivery.previous.answers(then)
        if now and before:
            pairs.append((column, now, before))
            yield _shift(delivery, "answers_are_distributed_as_before", column, now, before)
    check = "questions_are_in_their_place"
    for one, other in combinations(pairs, 2):
        if one[0].scale == other[0].scale:
            yield _swap(delivery, check, one, other)


def _swap(
    delivery: Delivery,
    check: str,
    one: tuple[Column, Counter[str], Counter[str]],
    other: tuple[Column, Counter[str], Counter[str]],
) -> Measure:
    """Whether two questions fit each other's past, and not their own."""
    assert delivery.previous
    (first, first_now, first_before), (second, second_now, second_before) = one, other
    tolerance = delivery.codebook.tolerance(check, delivery.group, first.scale)
    own = (stability_index(first_now, first_before), stability_index(second_now, second_before))
    crossed = (
        stability_index(delivery.answers(first, read_as=second), second_before),
        stability_index(delivery.answers(second, read_as=first), first_before),
    )
    effects = _effects(delivery, LIKENESS_OF_ANSWERS)
    chances = (
        noise(first_now, first_before, effects),
        noise(second_now, second_before, effects),
    )
    have_moved = all(
        index > chance + tolerance / 2 for index, chance in zip(own, chances, strict=True)
    )
    fit_crosswise = all(
        index < chance + tolerance / 4 for index, chance in zip(crossed, chances, strict=True)
    )
    are_swapped = sum(own) > sum(chances) + tolerance and have_moved and fit_crosswise
    return Measure(
        check,
        delivery.subject(first),
        1,
        int(are_swapped),
        finding=f"looks like {second.name} did in {delivery.previous.wave_id}, and {second.name} "
        f"like {first.name} (index {crossed[0]:.2f} and {crossed[1]:.2f} crosswise, "
        f"{own[0]:.2f} and {own[1]:.2f} as delivered)",
        observed=f"{first.name} and {second.name} swapped"
        if are_swapped
        else "no two questions swapped",
    )


# ---------------------------------------------------------------- labels


def _plain(text: object) -> str:
    return " ".join(str(text).split()).casefold()


def _labels(delivery: Delivery) -> Iterator[Measure]:
    for column in delivery.columns:
        told = delivery.labels.get(column.name, {})
        values = told.get("values")
        if isinstance(values, dict) and column.scale and column.row["answers_as"] != "label":
            wrong = []
            for code, label in values.items():
                expected = column.labels(code)
                if normalise_name(label) not in map(normalise_name, expected):
                    known = quoted(expected[0] if expected else None)
                    wrong.append(f"code {code} is {quoted(label)}, in the codebook {known}")
            yield Measure(
                "labels_agree_with_codebook",
                delivery.subject(column),
                len(values),
                len(wrong),
                tuple(wrong[:EXAMPLES]),
            )
        if column.is_item and (text := told.get("text")):
            wording = delivery.codebook.item(column.row["item_code"])["wording_nl"]
            yield Measure(
                "questions_are_worded_as_in_codebook",
                delivery.subject(column),
                1,
                int(_plain(text) != _plain(wording)),
                finding=f"{quoted_text(text)}, in the codebook {quoted_text(wording)}",
            )


def quoted_text(text: object) -> str:
    """A question in full: only its end may differ."""
    return f"'{text}'"


def _label_drift(delivery: Delivery) -> Iterator[Measure]:
    check = "labels_agree_with_previous_wave"
    for column, then in delivery.comparable():
        assert delivery.previous
        now = delivery.labels.get(column.name, {})
        before = delivery.previous.labels.get(then.name, {})
        told = []
        total = 0
        if "text" in now and "text" in before:
            total += 1
            if _plain(now["text"]) != _plain(before["text"]):
                told.append(f"{quoted_text(now['text'])}, before {quoted_text(before['text'])}")
        values, earlier = now.get("values"), before.get("values")
        same_way = column.row["is_reversed"] == then.row["is_reversed"]
        if isinstance(values, dict) and isinstance(earlier, dict) and same_way:
            shared = values.keys() & earlier.keys()
            total += len(shared)
            told += [
                f"code {code} is {quoted(values[code])}, before {quoted(earlier[code])}"
                for code in sorted(shared)
                if _plain(values[code]) != _plain(earlier[code])
            ]
        if total:
            yield Measure(
                check,
                delivery.subject(column),
                total,
                len(told),
                tuple(told[:EXAMPLES]),
            )


# ---------------------------------------------------------------- open answers


def _open_answers(delivery: Delivery) -> Iterator[Measure]:
    """What landing found in open answers, by row and kind; the text itself is not read here."""
    for variable, total, found, worst in delivery.select(f"""
        with answers as (
            select variable, row_number from open_text.answers
            where delivery_id = {literal(delivery.delivery_id)}
        ),
        findings as (
            select variable, row_number, string_agg(kind, ' and ' order by kind) as kinds
            from open_text.findings
            where delivery_id = {literal(delivery.delivery_id)}
            group by variable, row_number
        )
        select
            variable,
            count(*),
            count(kinds),
            arg_min({{'row': row_number, 'kinds': kinds}}, row_number, {EXAMPLES})
                filter (where kinds is not null)
        from answers left join findings using (variable, row_number)
        group by variable
        order by variable
    """):
        yield Measure(
            "open_text_is_free_of_personal_data",
            f"open_text.{delivery.group}.{variable}",
            int(total),
            int(found),
            tuple(f"row {one['row']}: {one['kinds']}" for one in worst or []),
        )
