"""The pages of the report: which there are, and what each template gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from report.charts import Chart, colour
from report.figures import STATISTICS, anchor, cells, mark, page, text
from report.numbers import Numbers
from report.release import Release, Row, groups_of, key
from report.texts import LANGUAGES, Texts

ESTIMATES, CHANGES, GAPS = (
    "fct_indicator_estimates",
    "fct_indicator_changes",
    "fct_perspective_gaps",
)
BENCHMARKS, SCORES, VERDICTS = "fct_swv_benchmarks", "fct_goal_scores", "fct_goal_verdicts"
STATEMENTS, RATES = "fct_summary_statements", "fct_response_rates"
SERIES, CERTIFICATES = "fct_specialised_education", "quality_certificates"
TOKEN = re.compile(r"\[\[(\w+):([^\]]*)\]\]")
BREAKDOWNS = ("total", "sector", "school_size", "experience", "region", "swv")
# what a change or a gap shows on the page with its working
CHANGE_COLUMNS = (
    "change", "standard_error", "ci_lower", "ci_upper", "degrees_of_freedom", "p_value",
    "p_value_adjusted",
)  # fmt: skip
GAP_COLUMNS = ("gap", "standard_error", "ci_lower", "ci_upper", "p_value", "p_value_adjusted")
BENCHMARK_COLUMNS = (
    *STATISTICS, "national_estimate", "difference", "difference_standard_error",
    "difference_ci_lower", "difference_ci_upper",
)  # fmt: skip
# characters that fit beside the value in a chart; the table below has the whole label
CHART_LABEL = 50
# how figures differ from the release before; `rounding` is not told
CHANGE_KINDS = ("changed", "appeared", "disappeared", "withheld", "shown", "reason")
# files of a release that others may add to it
DOWNLOADS = (
    "monitor.duckdb", "monitor.xlsx", "datapackage.json", "changes.json", "release.json",
    "attack.md",
)  # fmt: skip


def _latest(release: Release) -> dict[str, str]:
    """The last wave in which each indicator was asked."""
    order = {wave["wave_id"]: wave["measurement_number"] for wave in release.waves}
    found: dict[str, str] = {}
    for wave_id, code, _ in release.headlines:
        found[code] = max(found.get(code, wave_id), wave_id, key=lambda name: order[name])
    return found


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _limits(indicator: Row, scale: str) -> tuple[float, float, str]:
    """Ends and marks of the axis of an indicator's headline measure."""
    if indicator["headline_measure"] == "mean":
        return (1.0, 10.0, "d") if scale == "MARK10" else (1.0, 5.0, "d")
    return (0.0, 1.0, ".0%")


def _interval(row: Row, number: int, label: str, value: str, reference: float | None) -> Row:
    return {
        "row": number, "label": label, "value": value, "estimate": row["estimate"],
        "lower": row["ci_lower"], "upper": row["ci_upper"], "reference": reference,
        "colour": colour(row["respondent_group"]), "firm": row["reliability"] == "reliable",
    }  # fmt: skip


def _trend(rows: list[Row], release: Release, panel: str, place: int) -> list[Row]:
    """Points of one panel; a new segment starts where a measurement cannot be compared."""
    waves = {wave["wave_id"]: wave for wave in release.waves}
    rows = sorted(rows, key=lambda row: waves[row["wave_id"]]["measurement_number"])
    points, segment = [], 0
    for number, row in enumerate(rows):
        broken = number > 0 and row["comparability"] in ("reworded", "scale_changed")
        segment += broken
        points.append(
            {
                "panel": panel, "place": place, "segment": segment, "broken": broken,
                "date": waves[row["wave_id"]]["midpoint"].isoformat(),
                "estimate": row["estimate"], "lower": row["ci_lower"], "upper": row["ci_upper"],
                "colour": colour(row["respondent_group"]),
            }
        )  # fmt: skip
    return points


def charts_of(release: Release) -> dict[str, Chart]:
    """Every chart of the report by its name; texts and figures in them are tokens."""
    charts: dict[str, Chart] = {}
    latest = _latest(release)
    groups = [group["respondent_group"] for group in release.groups]
    waves = [wave["wave_id"] for wave in release.waves]
    for indicator in release.indicators:
        code = indicator["indicator_code"]
        asked = [
            (group, release.headlines[latest[code], code, group])
            for group in groups
            if (latest[code], code, group) in release.headlines
        ]
        scale = release.items[latest[code], code, asked[0][0]]["scale"] if asked else ""
        low, high, marks = _limits(indicator, scale)
        rows = [
            _interval(row, number, f"[[group:{group}]]", f"[[estimate:{row['estimate_id']}]]", None)
            for number, (group, row) in enumerate(asked)
            if row["estimate"] is not None
        ]
        if rows:
            charts[f"now-{code}"] = Chart("intervals", tuple(rows), low, high, marks)
        points = [
            point
            for place, group in enumerate(groups)
            for point in _trend(
                [
                    release.headlines[wave, code, group]
                    for wave in waves
                    if (wave, code, group) in release.headlines
                ],
                release, f"[[group:{group}]]", place,
            )
        ]  # fmt: skip
        if points:
            charts[f"trend-{code}"] = Chart("trend", tuple(points), low, high, marks)
    totals = [row for row in release.tables[SCORES] if row["breakdown"] == "total"]
    for (goal,), rows in groups_of(totals, "goal_id").items():
        of_group = groups_of(rows, "respondent_group")
        points = [
            point
            for place, group in enumerate(groups)
            for point in _trend(of_group.get((group,), []), release, f"[[group:{group}]]", place)
        ]
        charts[f"score-{goal}"] = Chart("trend", tuple(points), 0, 100, "d")
    for (group,), rows in groups_of(totals, "respondent_group").items():
        points = [
            point
            for (goal,), of_goal in sorted(groups_of(rows, "goal_id").items())
            for point in _trend(of_goal, release, f"[[goal:{goal}]]", goal)
        ]
        charts[f"score-{group}"] = Chart("trend", tuple(points), 0, 100, "d")
        for (goal,), _ in groups_of(release.indicators, "goal_id").items():
            shown = [
                release.headlines[latest[i["indicator_code"]], i["indicator_code"], group]
                for i in release.indicators
                if i["goal_id"] == goal
                and i["headline_measure"] == "share_endorsed"
                and (latest[i["indicator_code"]], i["indicator_code"], group) in release.headlines
            ]
            intervals = [
                _interval(
                    row, number, f"[[indicator:{row['indicator_code']}]]",
                    f"[[estimate:{row['estimate_id']}]]", None,
                )
                for number, row in enumerate(row for row in shown if row["estimate"] is not None)
            ]  # fmt: skip
            if intervals:
                charts[f"group-{group}-{goal}"] = Chart("intervals", tuple(intervals))
    for (swv, group), rows in groups_of(
        release.tables[BENCHMARKS], "swv_code", "respondent_group"
    ).items():
        intervals = [
            _interval(
                row, number, f"[[indicator:{row['indicator_code']}]]",
                f"[[benchmark:{key(BENCHMARKS, row)}]]", row["national_estimate"],
            )
            for number, row in enumerate(
                row for row in rows if not row["is_suppressed"] and row["measure"] != "mean"
            )
        ]  # fmt: skip
        if intervals:
            charts[f"swv-{swv}-{group}"] = Chart("intervals", tuple(intervals))
    for (series,), rows in groups_of(release.tables[SERIES], "series").items():
        points = [
            {
                "date": f"{row['period'][:4]}-01-01", "estimate": row["value"], "segment": 0,
                "colour": "#154273", "broken": False, "lower": None, "upper": None,
            }
            for row in _one_a_period(rows)
        ]  # fmt: skip
        if len(points) > 4:
            charts[f"series-{series}"] = Chart("series", tuple(points), marks=",")
    return charts


def _one_a_period(rows: list[Row]) -> list[Row]:
    """The valid value of each period: not one that a later edition replaced."""
    valid = [row for row in rows if row["status"] != "published_superseded"]
    return sorted(valid, key=lambda row: str(row["period"]))


def environment() -> Environment:
    """Jinja, with templates of this package; a name that is not there is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


class Site:
    """The pages of one language."""

    def __init__(self, release: Release, language: str, drawn: dict[str, str]) -> None:
        self.release = release
        self.texts = Texts(language)
        self.numbers = Numbers(language, tuple(self.texts.catalogue["months"]))
        self.drawn = drawn
        self.jinja = environment()
        self.up = ""
        self.jinja.globals.update(
            t=self.texts, label=self.texts.label, of=self.texts.of, option=self.texts.option,
            numbers=self.numbers, language=language, release=release, site=self, figure=self.figure,
            interval=self.interval, chart=self.chart, anchor=anchor, key=key,
            other=next(name for name in LANGUAGES if name != language),
        )  # fmt: skip
        self.latest = _latest(release)
        self.indicators = {row["indicator_code"]: row for row in release.indicators}
        self.groups = {row["respondent_group"]: row for row in release.groups}
        self.waves = {row["wave_id"]: row for row in release.waves}
        self.goals = {row["goal_id"]: row for row in release.tables["dim_goals"]}
        self.now = release.waves[-1]
        # what came before the latest wave, for changes against it and against the first
        self.before = release.waves[-2] if len(release.waves) > 1 else None

    # what templates call

    def measure(self, row: Row) -> str:
        """The measure of a row: its own, or the headline measure of its indicator."""
        code = row.get("indicator_code")
        return row.get("measure") or (
            self.indicators[code]["headline_measure"] if code in self.indicators else ""
        )

    def text(self, table: str, row: Row, column: str) -> str:
        return text(table, column, row, self.numbers, self.measure(row))

    def figure(self, table: str, row: Row, column: str, linked: bool = True) -> Markup:
        """A figure, with a link to its working; of a withheld one the reason in words."""
        if row.get("is_suppressed"):
            return self.withheld(row["suppression_reason"])
        shown, cell = self.text(table, row, column), mark(table, row, column)
        if not linked:
            return Markup("<span {}>{}</span>").format(cell, shown)
        return Markup('<a class="figure" href="{}{}#{}" {}>{}</a>').format(
            self.up, page(table, row), anchor(table, row), cell, shown
        )

    def interval(self, table: str, row: Row, prefix: str = "") -> Markup:
        """The 95 % interval of a figure, between brackets; nothing where there is none."""
        limits = (f"{prefix}ci_lower", f"{prefix}ci_upper")
        if row.get("is_suppressed") or row[limits[0]] is None:
            return Markup("")
        # between two signs a dash would be read as a third
        is_signed = bool(prefix) or table in (CHANGES, GAPS)
        to = f" {self.texts('statistics.ci_upper')} " if is_signed else "\N{EN DASH}"
        low, high = (self.figure(table, row, column, linked=False) for column in limits)
        return Markup('<span class="interval">({}{}{})</span>').format(low, to, high)

    def withheld(self, reason: str) -> Markup:
        """The mark of a figure that is not shown."""
        return Markup('<span class="withheld">{}</span>').format(
            self.texts.label("suppression", reason)
        )

    def chart(self, name: str, description: str) -> Markup:
        """A drawn chart in this language, or nothing where there is none of that name."""
        if name not in self.drawn:
            return Markup("")
        svg = TOKEN.sub(self._token, self.drawn[name])
        start = Markup('<svg role="img" aria-label="{}" ').format(description)
        return Markup(svg.replace("<svg ", start, 1))

    def _token(self, found: re.Match[str]) -> str:
        kind, code = found.groups()
        if kind == "group":
            return str(Markup.escape(self.group_name(code)))
        if kind == "goal":
            return str(Markup.escape(self.texts("goal_short", number=code)))
        if kind == "indicator":
            label = f"{code} {self.texts.of(self.indicators[code])}"
            return str(Markup.escape(_shortened(label, CHART_LABEL)))
        if kind == "count":
            return self.numbers.count(float(code))
        table, row = (
            (ESTIMATES, self.estimates[code])
            if kind == "estimate"
            else (BENCHMARKS, self.benchmarks[code])
        )
        return str(
            Markup("<tspan {}>{}</tspan>").format(
                mark(table, row, "estimate"), self.text(table, row, "estimate")
            )
        )

    def group_name(self, code: str) -> str:
        """The short name of a group, or its label."""
        short: dict[str, str] = self.texts.catalogue["groups_short"]
        return short.get(code) or self.texts.of(self.groups[code])

    def value_name(self, breakdown: str, value: str) -> str:
        """The name of a value of a breakdown."""
        return value if breakdown == "swv" else self.texts.label(breakdown, value)

    def stratum(self, code: str) -> str:
        """The name of a stratum, whose parts are joined by `_`."""
        return ", ".join(self.texts.label("strata", part) for part in code.split("_"))

    @cached_property
    def estimates(self) -> dict[str, Row]:
        return {row["estimate_id"]: row for row in self.release.tables[ESTIMATES]}

    @cached_property
    def benchmarks(self) -> dict[str, Row]:
        return {key(BENCHMARKS, row): row for row in self.release.tables[BENCHMARKS]}

    @cached_property
    def changes(self) -> dict[tuple[str, ...], Row]:
        """Changes of totals on the headline measure, by wave, indicator, group and baseline."""
        return {
            (r["wave_id"], r["indicator_code"], r["respondent_group"], r["baseline_wave_id"]): r
            for r in self.release.tables[CHANGES]
            if r["breakdown"] == "total"
            and r["measure"] == self.indicators[r["indicator_code"]]["headline_measure"]
        }

    @cached_property
    def verdicts(self) -> dict[tuple[Any, ...], Row]:
        return {
            (row["wave_id"], row["goal_id"], row["respondent_group"]): row
            for row in self.release.tables[VERDICTS]
        }

    @cached_property
    def scores(self) -> dict[tuple[Any, ...], Row]:
        return {
            (row["wave_id"], row["goal_id"], row["respondent_group"]): row
            for row in self.release.tables[SCORES]
            if row["breakdown"] == "total"
        }

    @cached_property
    def checks(self) -> dict[tuple[Any, ...], list[Row]]:
        return groups_of(self.release.tables["quality_results"], "wave_id", "respondent_group")

    def working_cells(self, table: str, row: Row, columns: tuple[str, ...]) -> Markup:
        """The cells of a row on a page with workings."""
        if row.get("is_suppressed"):
            return Markup('<td colspan="{}">{}</td>').format(
                len(columns), self.withheld(row["suppression_reason"])
            )
        return cells(table, row, columns, self.numbers, self.measure(row))

    # pages

    def pages(self) -> Iterator[tuple[str, str]]:
        """Path below the folder of the language, and content, of every page."""
        simple: list[tuple[str, Callable[[], Row]]] = [
            ("index", self._summary), ("groups", dict), ("swvs", self._swvs),
            ("specialised-education", self._series), ("questionnaire", self._questionnaire),
            ("quality", self._quality), ("methods", dict), ("downloads", self._downloads),
            ("changes", self._changes),
        ]  # fmt: skip
        for name, context in simple:
            yield self._render(f"{name}.html", f"{name}.html", **context())
        for goal in self.goals.values():
            yield self._render(f"goal-{goal['goal_id']}.html", "goal.html", **self._goal(goal))
        for code, group in self.groups.items():
            yield self._render(f"group-{code}.html", "group.html", **self._group(group))
        benchmarks = groups_of(self.release.tables[BENCHMARKS], "swv_code")
        for swv in self.release.tables["dim_samenwerkingsverbanden"]:
            rows = benchmarks.get((swv["swv_code"],), [])
            yield self._render(f"swv-{swv['swv_code']}.html", "swv.html", **self._swv(swv, rows))
        yield from self._workings()

    def _render(self, path: str, template: str, **context: object) -> tuple[str, str]:
        self.up = "../" * path.count("/")
        content = self.jinja.get_template(template).render(path=path, up=self.up, **context)
        # templates are indented for their readers; pages need not be
        return path, re.sub(r"\n\s*", "\n", content)

    def _summary(self) -> Row:
        statements = groups_of(
            (r for r in self.release.tables[STATEMENTS] if r["wave_id"] == self.now["wave_id"]),
            "goal_id", "claim_id",
        )  # fmt: skip
        return {"statements": statements}

    def behind(self, statement: Row) -> list[Row]:
        """The figures on which a statement rests, by indicator."""
        ids = (statement["estimate_ids"] or "").split("|")
        found = [self.estimates[name] for name in ids if name in self.estimates]
        return sorted(found, key=lambda row: row["indicator_code"])

    def _goal(self, goal: Row) -> Row:
        number = goal["goal_id"]
        indicators = [row for row in self.release.indicators if row["goal_id"] == number]
        gaps = [
            row
            for row in self.release.tables[GAPS]
            if row["breakdown"] == "total"
            and row["wave_id"] == self.latest.get(row["indicator_code"])
        ]
        statements = [
            row
            for row in self.release.tables[STATEMENTS]
            if row["goal_id"] == number and row["wave_id"] == self.now["wave_id"]
        ]
        return {
            "goal": goal, "indicators": indicators, "gaps": groups_of(gaps, "indicator_code"),
            "statements": statements,
            "groups": [code for code in self.groups if any(
                (wave, number, code) in self.scores or (wave, number, code) in self.verdicts
                for wave in self.waves
            )],
        }  # fmt: skip

    def asked(self, code: str, wave: str) -> list[str]:
        """The groups that answered an indicator in a wave."""
        return [group for group in self.groups if (wave, code, group) in self.release.headlines]

    def ever_asked(self, code: str) -> list[str]:
        """The groups that ever answered an indicator."""
        return [g for g in self.groups if any(g in self.asked(code, wave) for wave in self.waves)]

    def _group(self, group: Row) -> Row:
        code = group["respondent_group"]
        indicators = [
            row
            for row in self.release.indicators
            if (self.latest[row["indicator_code"]], row["indicator_code"], code)
            in self.release.headlines
        ]
        return {"group": group, "code": code, "indicators": groups_of(indicators, "goal_id")}

    def _swvs(self) -> Row:
        rows = sorted(
            self.release.tables["dim_samenwerkingsverbanden"],
            key=lambda row: (self.texts.label("region", row["region"]), row["swv_code"]),
        )
        return {"regions": groups_of(rows, "region")}

    def _swv(self, swv: Row, rows: list[Row]) -> Row:
        shown = groups_of((row for row in rows if not row["is_suppressed"]), "respondent_group")
        withheld = groups_of(
            (row for row in rows if row["is_suppressed"]), "respondent_group", "suppression_reason"
        )
        pooled = groups_of((row for row in rows if not row["is_suppressed"]), "waves_pooled")
        return {
            "swv": swv, "rows": rows, "shown": shown, "withheld": withheld,
            "pooled": [name for (name,) in pooled], "columns": BENCHMARK_COLUMNS,
            "silent": [g for g in self.groups if not any(r["respondent_group"] == g for r in rows)],
        }  # fmt: skip

    def wave_names(self, pooled: str) -> str:
        """The names of waves that were taken together."""
        return ", ".join(
            self.texts.of(self.waves[name]) if name in self.waves else name
            for name in pooled.split("|")
        )

    def _series(self) -> Row:
        series = groups_of(self.release.tables[SERIES], "series")
        known = [name for name in self.texts.catalogue["series"] if (name,) in series]
        names = known + [name for (name,) in series if name not in known]
        return {
            "series": {name: sorted(
                series[name,], key=lambda r: (str(r["period"]), r["source"], r["edition"])
            ) for name in names},
        }  # fmt: skip

    def _questionnaire(self) -> Row:
        """Per indicator and group the wordings in turn, each with its waves."""
        versions: dict[tuple[str, str], list[tuple[Row, list[str]]]] = {}
        for code in self.indicators:
            for group in self.groups:
                found: list[tuple[Row, list[str]]] = []
                for wave in self.waves:
                    item = self.release.items.get((wave, code, group))
                    if item is None:
                        continue
                    if found and (found[-1][0]["wording_version"], found[-1][0]["scale"]) == (
                        item["wording_version"], item["scale"],
                    ):  # fmt: skip
                        found[-1][1].append(wave)
                    else:
                        found.append((item, [wave]))
                if found:
                    versions[code, group] = found
        return {"versions": versions, "by_goal": groups_of(self.release.indicators, "goal_id")}

    def _quality(self) -> Row:
        rates = groups_of(self.release.tables[RATES], "wave_id", "respondent_group")
        failed = [row for row in self.release.tables["quality_results"] if not row["success"]]
        return {
            "rates": rates, "failed": failed,
            "certificates": self.release.tables.get(CERTIFICATES, []),
            "suites": groups_of(self.release.tables["quality_results"], "gate", "suite"),
        }  # fmt: skip

    def _downloads(self) -> Row:
        tables = [name for name in self.release.columns if name != "withheld"]
        folder = self.release.path
        return {
            "tables": tables, "files": [name for name in DOWNLOADS if (folder / name).exists()],
            "formats": {
                name: [f for f in ("csv", "parquet") if (folder / f / f"{name}.{f}").exists()]
                for name in tables
            },
        }  # fmt: skip

    def _changes(self) -> Row:
        changes = self.release.changes
        figures = [
            row for row in changes.get("groups", []) if any(row[kind] for kind in CHANGE_KINDS)
        ]
        kinds = [kind for kind in CHANGE_KINDS if any(row[kind] for row in figures)]
        return {"changes": changes, "figures": figures, "kinds": kinds}

    def reason(self, code: str) -> str:
        """Why figures changed, in words; `new delivery of <waves>` names waves by their code."""
        words = self.texts.label("change_reasons", code)
        prefix, _, waves = code.partition(" of ")
        if words != code or not waves:
            return words
        names = (self.texts.of(self.waves[w]) if w in self.waves else w for w in waves.split(", "))
        return f"{self.texts.label('change_reasons', prefix)} ({', '.join(names)})"

    def _workings(self) -> Iterator[tuple[str, str]]:
        by = ("wave_id", "indicator_code")
        estimates = groups_of(self.release.tables[ESTIMATES], *by)
        changes = groups_of(self.release.tables[CHANGES], *by)
        gaps = groups_of(self.release.tables[GAPS], *by)
        withheld = groups_of(self.release.tables["withheld"], *by)
        place = {name: number for number, name in enumerate(BREAKDOWNS)}

        def order(row: Row) -> tuple[Any, ...]:
            return (place.get(row["breakdown"], 4.5), row["breakdown"], row["breakdown_value"])

        for (wave, code), rows in estimates.items():
            headline = self.indicators[code]["headline_measure"]
            by_group = {
                group: sorted(
                    (row for row in rows if row["respondent_group"] == group),
                    key=lambda row, first=headline: (  # type: ignore[misc]
                        row["measure"] != first,
                        row["measure"],
                        *order(row),
                    ),
                )
                for group in self.asked(code, wave)
            }
            yield self._render(
                f"working/{code}-{wave}.html", "working.html",
                indicator=self.indicators[code], wave=self.waves[wave], by_group=by_group,
                changes=sorted(
                    changes.get((wave, code), []),
                    key=lambda row: (
                        row["respondent_group"], row["measure"], row["baseline_wave_id"],
                        *order(row),
                    ),
                ),
                gaps=sorted(
                    gaps.get((wave, code), []),
                    key=lambda r: (*order(r), r["group_a"], r["group_b"]),
                ),
                withheld=groups_of(
                    withheld.get((wave, code), []), "respondent_group", "suppression_reason"
                ),
                statistics=STATISTICS, change_columns=CHANGE_COLUMNS, gap_columns=GAP_COLUMNS,
            )  # fmt: skip
        scores = groups_of(self.release.tables[SCORES], "goal_id")
        statements = groups_of(self.release.tables[STATEMENTS], "goal_id")
        verdicts = groups_of(self.release.tables[VERDICTS], "goal_id")
        for number, goal in self.goals.items():
            yield self._render(
                f"working/goal-{number}.html", "working-goal.html", goal=goal,
                scores=groups_of(
                    sorted(
                        scores.get((number,), []),
                        key=lambda row: (row["respondent_group"], *order(row), row["wave_id"]),
                    ),
                    "respondent_group",
                ),
                statements=statements.get((number,), []), verdicts=verdicts.get((number,), []),
                statistics=STATISTICS,
            )  # fmt: skip


def front(publication: Row) -> str:
    """The page on which readers choose their language."""
    return (
        environment()
        .get_template("front.html")
        .render(publication=publication, languages={name: Texts(name) for name in LANGUAGES})
    )
