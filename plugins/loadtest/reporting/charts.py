"""What the charts of all pages share: colors, configuration, axes, and the step from Altair to a specification.

Colors are of middle lightness, so that they read on light and dark pages and on paper; `currentColor` follows the page's
text. Shapes and labels repeat what colors say. Importing this module imports Altair (about a second): do it late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

BLUE, ORANGE, RED, GRAY, PURPLE, TEAL = "#3b7dd8", "#c96a12", "#d64545", "#8b919b", "#8a63d2", "#12897b"
OUTCOME_COLORS = {"pass": TEAL, "warn": ORANGE, "fail": RED, "inconclusive": GRAY, "invalid": PURPLE, "not judged": GRAY}
OUTCOME_SHAPES = {
    "pass": "circle",
    "warn": "triangle-up",
    "fail": "diamond",
    "inconclusive": "square",
    "invalid": "cross",
    "not judged": "stroke",
}

# As in page.css: Vega measures labels with it to leave room for them.
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

# Given to Vega for every chart; the page's style sheet colors texts, axes and grids.
CONFIG: dict[str, Any] = {
    "background": None,
    "view": {"stroke": None},
    "font": FONT,
    "axis": {
        "labelFontSize": 11.5,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridOpacity": 0.6,
        "tickSize": 4,
        "labelPadding": 5,
    },
    "axisX": {"grid": False},
    "legend": {"orient": "top", "labelFontSize": 11.5, "title": None, "symbolStrokeWidth": 2.5, "offset": 6},
    "line": {"strokeWidth": 1.8},
    "range": {"category": [BLUE, ORANGE, TEAL, PURPLE, GRAY, RED]},
}


@dataclass(frozen=True)
class Chart:
    """One chart of a page. `name`: unique on the page; `text`: its content in a sentence, for those who cannot see it."""

    name: str
    title: str
    text: str
    spec: dict[str, Any]


def source(name: str) -> alt.Chart:
    """A chart of the rows that `finish` gets under `name`. Altair copies and validates rows it knows of, which takes
    seconds; so it never sees them."""
    return alt.Chart(alt.NamedData(name=name))


def finish(chart: Any, height: int, name: str, title: str, text: str, **rows: list[dict[str, Any]]) -> Chart:
    """`chart` as wide as its place on the page, with its alternative text and its rows by the names used in `source`."""
    spec = chart.properties(width="container", height=height, description=text).to_dict()
    return Chart(name, title, text, {**spec, "datasets": rows})


def picker(name: str, label: str, options: Sequence[str]) -> alt.Parameter:
    """A list to choose what one chart shows."""
    return alt.param(name=name, value=options[0], bind=alt.binding_select(options=list(options), name=label))


def outcome_color() -> alt.Color:
    return alt.Color("outcome:N", scale=alt.Scale(domain=list(OUTCOME_COLORS), range=list(OUTCOME_COLORS.values())), legend=None)


def outcome_shape() -> alt.Shape:
    return alt.Shape("outcome:N", scale=alt.Scale(domain=list(OUTCOME_SHAPES), range=list(OUTCOME_SHAPES.values())), legend=None)


def rows_height(count: int, step: int) -> int:
    return max(70, count * step)


def change_axis() -> alt.Axis:
    return alt.Axis(format="+.0%", grid=True, tickCount=6, labelFlush=False, labelOverlap=True)


def endpoint_axis(order: list[str]) -> alt.Y:
    """Endpoint names; on a narrow screen the method and the end, as in `escape.shorten_endpoint`."""
    narrow = "containerSize()[0] < 400 && length(datum.label) > 22"
    short = "slice(datum.label, 0, indexof(datum.label, ' ') + 1) + '…' + slice(datum.label, -17)"
    return alt.Y("endpoint:N", sort=order, title=None, axis=alt.Axis(labelExpr=f"{narrow} ? {short} : datum.label"))
