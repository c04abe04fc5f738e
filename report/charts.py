"""Charts as SVG: Altair describes them once, vl-convert draws them for each set of rows.

A chart holds no words and no figures, but tokens such as `[[group:leraar]]`, so that one drawing
serves both languages. Marks have the colour of their group; the same data stand in a table beside
every chart.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

WIDTH = 400  # CSS pixels: a phone shows it without shrinking it much
ROW = 38
PANEL = (176, 84)
GRID = "#d6dce2"
INK = "#3d4752"

# dark enough on white (3:1 for marks), apart for eyes that see no red or green by lightness
COLOURS = {
    "schoolleider": "#2f7a1f",
    "intern_begeleider": "#5b2a86",
    "leraar": "#0069b4",
    "leerling": "#b35900",
    "ouder": "#a90061",
    "ouder_thuiszitter": "#c8261c",
    "swv": "#154273",
    "swv_ondersteuner": "#00786f",
    "bestuur": "#5a4a12",
    "gemeente_beleid": "#6e3b1f",
    "gemeente_leerplicht": "#4a5561",
}
OTHER = "#275937"


@dataclass(frozen=True)
class Chart:
    """What to draw: a kind (`intervals`, `trend`, `series`), rows, and the ends of the scale."""

    kind: str
    rows: tuple[dict[str, Any], ...]
    low: float = 0.0
    high: float = 1.0
    marks: str = ".0%"  # d3 format of the scale


def colour(group: str) -> str:
    """The colour of a respondent group, the same on every page."""
    return COLOURS.get(group, OTHER)


@lru_cache
def _template(kind: str, low: float, high: float, marks: str) -> dict[str, Any]:
    """The Vega specification of a kind of chart, with a data set `rows` to be filled."""
    import altair as alt
    import vl_convert

    # labels that may overlap are measured one by one, which takes longer than to draw a chart
    axis: dict[str, Any] = {
        "gridColor": GRID, "domain": False, "ticks": False, "labelColor": INK, "title": None,
        "labelFlush": False, "labelOverlap": False,
    }  # fmt: skip
    scale = alt.Scale(domain=[low, high], nice=False)
    hue = alt.Color("colour:N", scale=None, legend=None)
    data = alt.Data(values=[{}], name="rows")  # type: ignore[no-untyped-call]
    chart: Any
    if kind == "intervals":
        base = alt.Chart(data).encode(
            y=alt.Y("row:O", axis=None, sort=None, scale=alt.Scale(paddingInner=0))
        )
        x = alt.X(
            "estimate:Q",
            scale=scale,
            axis=alt.Axis(format=marks, values=_ticks(low, high), **axis),
        )
        chart = alt.layer(
            base.mark_rule(strokeWidth=4, strokeCap="round", opacity=0.45, yOffset=9).encode(
                x=alt.X("lower:Q", scale=scale), x2="upper:Q", color=hue
            ),
            base.transform_filter("datum.reference != null")
            .mark_tick(thickness=3, height=16, yOffset=9, color="#1a1a1a")
            .encode(x=alt.X("reference:Q", scale=scale)),
            base.mark_point(size=90, opacity=1, strokeWidth=2, yOffset=9).encode(
                x=x,
                stroke=hue,
                fill=alt.condition("datum.firm", hue, alt.value("white")),
            ),
            base.mark_text(align="left", baseline="middle", fontSize=12.5, dy=-9).encode(
                x=alt.value(0), text="label:N", color=alt.value("#1a1a1a")
            ),
            base.mark_text(
                align="right", baseline="middle", fontSize=12.5, fontWeight="bold", dy=-9
            ).encode(x=alt.value(WIDTH), text="value:N", color=alt.value("#1a1a1a")),
        ).properties(width=WIDTH, height=alt.Step(ROW))
    else:
        years = alt.Axis(format="%Y", tickCount="year", **axis | {"labelOverlap": True})
        x = alt.X("date:T", axis=years, scale=alt.Scale(type="utc", padding=9))
        base = alt.Chart().encode(x=x)
        y = alt.Y(
            "estimate:Q",
            scale=scale if kind == "trend" else alt.Scale(zero=True, nice=True),
            axis=alt.Axis(format=marks, values=[low, (low + high) / 2, high], **axis)
            if kind == "trend"
            # thousands are written otherwise in the other language
            else alt.Axis(labelExpr="'[[count:' + datum.value + ']]'", maxExtent=46, **axis),
        )
        lines = base.transform_filter("datum.estimate != null").encode(color=hue)
        layers = [
            base.transform_filter("datum.broken").mark_rule(
                strokeDash=[3, 3], strokeWidth=1.5, color=INK
            ),
            lines.mark_line(strokeWidth=2).encode(y=y, detail="segment:N"),
            lines.mark_rule(strokeWidth=3, opacity=0.4).encode(y=alt.Y("lower:Q"), y2="upper:Q"),
            lines.mark_point(filled=True, size=45, opacity=1).encode(y=y),
        ]
        if kind == "trend":
            chart = (
                alt.layer(*layers)
                .properties(width=PANEL[0], height=PANEL[1])
                .facet(
                    facet=alt.Facet(
                        "panel:N",
                        sort={"field": "place", "op": "min"},
                        header=alt.Header(
                            title=None, labelFontSize=12.5, labelAnchor="start", labelPadding=4
                        ),
                    ),
                    data=data,
                    columns=2,
                )
                .properties(spacing={"row": 14, "column": 18})
            )
        else:
            series = layers[1:2] + layers[3:]
            chart = alt.layer(*series, data=data).properties(width=WIDTH - 50, height=190)
    chart = chart.configure_view(stroke=None).configure_axis(labelFontSize=11.5, labelPadding=6)
    specification = chart.to_dict()
    specification["config"]["aria"] = False
    specification["background"] = None
    specification["padding"] = {"left": 8, "right": 8, "top": 4, "bottom": 4}
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(specification)
    return compiled


def _ticks(low: float, high: float) -> list[float]:
    """Five marks on a scale; of a scale of ten points four, which are whole."""
    steps = 3 if high == 10 else 4
    return [low + (high - low) * step / steps for step in range(steps + 1)]


def draw(chart: Chart) -> str:
    """The SVG element of a chart, its text as tokens, without fonts, roles and ids of its own."""
    import vl_convert

    specification = copy.deepcopy(_template(chart.kind, chart.low, chart.high, chart.marks))
    # Measuring a new text takes longer than drawing all else: letters stand in for tokens.
    stand_ins: dict[str, str] = {}
    rows = [
        row
        | {
            name: stand_ins.setdefault(row[name], _letters(len(stand_ins)))
            for name in ("label", "value", "panel")
            if name in row
        }
        for row in chart.rows
    ]
    for source in specification["data"]:
        if source["name"] == "rows":
            source["values"] = rows
    tokens = {letters: token for token, letters in stand_ins.items()}
    svg: str = vl_convert.vega_to_svg(specification)
    return _slim(_TEXT.sub(lambda found: f">{tokens.get(found[1], found[1])}</text>", svg))


def _letters(number: int) -> str:
    """Three letters of the same height for a number below 2197, which no axis has for a label."""
    flat = "acemnorsuvwxz"
    return flat[number // 169] + flat[number // 13 % 13] + flat[number % 13]


_TEXT = re.compile(r">([a-z]{3})</text>")
# what Vega writes for its own use: paths without a shape, groups without content
_EMPTY = re.compile(r'<path[^>]* (?:d="(?:M0,0h0v0h0Z)?"|display="none")[^>]*/>|<g></g>')
_NOISE = re.compile(
    r' (?:font-family|xmlns:xlink|version|class|aria-[a-z]+|role|pointer-events)="[^"]*"'
    r'| opacity="1"|(?<=\.\d\d)\d+'
)


def _slim(svg: str) -> str:
    svg = _NOISE.sub("", svg)
    while _EMPTY.search(svg):
        svg = _EMPTY.sub("", svg)
    return svg
