"""Charts are true to their rows, and carry tokens rather than words."""

from __future__ import annotations

import re

from report.charts import COLOURS, ROW, WIDTH, Chart, colour, draw


def interval(number: int, estimate: float, **more: object) -> dict[str, object]:
    return {
        "row": number, "label": f"[[group:{number}]]", "value": f"[[estimate:{number}]]",
        "estimate": estimate, "lower": estimate - 0.1, "upper": estimate + 0.1,
        "reference": None, "colour": "#154273", "firm": True,
    } | more  # fmt: skip


def test_a_dot_stands_where_its_estimate_is() -> None:
    svg = draw(Chart("intervals", (interval(0, 0.25), interval(1, 0.75, firm=False))))
    dots = re.findall(r'<path transform="translate\(([\d.]+),([\d.]+)\)"[^>]*fill="([^"]*)"', svg)
    assert [float(x) for x, _, _ in dots] == [0.25 * WIDTH, 0.75 * WIDTH]
    assert float(dots[1][1]) - float(dots[0][1]) == ROW
    assert [fill for _, _, fill in dots] == ["#154273", "white"]  # open when it is not reliable


def test_tokens_survive_and_nothing_else_is_written() -> None:
    svg = draw(Chart("intervals", (interval(0, 0.5), interval(1, 0.5))))
    texts = re.findall(r">([^<>]+)</text>", svg)
    assert [text for text in texts if text.startswith("[[")] == [
        "[[group:0]]", "[[group:1]]", "[[estimate:0]]", "[[estimate:1]]",
    ]  # fmt: skip
    assert all(re.fullmatch(r"\d+%", text) for text in texts if not text.startswith("[["))
    assert not re.search(r"\b(id|class|role|font-family)=", svg)


def test_a_trend_is_broken_where_measurements_cannot_be_compared() -> None:
    rows = tuple(
        {
            "panel": "[[group:leraar]]", "place": 0, "segment": int(year > 2024),
            "broken": year == 2025, "date": f"{year}-10-20", "estimate": 0.5, "lower": 0.4,
            "upper": 0.6, "colour": "#0069b4",
        }
        for year in (2023, 2024, 2025, 2026)
    )  # fmt: skip
    svg = draw(Chart("trend", rows))
    assert len(re.findall(r'd="M[\d.,]+L[\d.,]+" stroke="#0069b4"', svg)) == 2  # two lines
    assert svg.count('stroke-dasharray="3,3"') == 1


def test_colours_can_be_seen_on_white_and_differ() -> None:
    def luminance(code: str) -> float:
        parts = [int(code[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert len(set(COLOURS.values())) == len(COLOURS)
    assert all(1.05 / (luminance(code) + 0.05) >= 4.5 for code in COLOURS.values())
    assert colour("a group to come") not in COLOURS.values()
