"""Charts of the trends page, in the style of the report's. Importing this module imports Altair: do it late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from loadtest import wording
from loadtest.reporting.charts import BLUE, GRAY, ORANGE, PURPLE, RED, TEAL, Chart, finish, picker, source
from loadtest.trends.models import Direction, MetricTrend, SeriesTrends
from loadtest.trends.words import slope_words

TOGETHER = "All endpoints together"
MOST_SERIES = 12
MOST_ENDPOINTS = 60
_COLORS = {
    Direction.DEGRADING: RED,
    Direction.IMPROVING: TEAL,
    Direction.STEADY: BLUE,
    Direction.UNCLEAR: GRAY,
}
_SHAPES = ("diamond", "triangle-down", "circle", "square")


def trend_charts(series: Sequence[SeriesTrends]) -> list[Chart]:
    """Two charts per series: p95 of each endpoint over time, and its slopes. Only of the first series, to bound the page."""
    charts = []
    for number, item in enumerate(series[:MOST_SERIES]):
        shown = shown_trends(item)
        made = (_capacity(number, item), _over_time(number, item, shown), _slopes(number, item, shown))
        charts += [chart for chart in made if chart is not None]
    return charts


def shown_trends(series: SeriesTrends) -> list[MetricTrend]:
    """p95 of all together and of the endpoints that change most, at most 60 of them."""
    p95 = [trend for trend in series.metrics if trend.metric == "p95_ms"]
    return sorted(p95, key=lambda trend: (trend.endpoint is not None, -abs(trend.slope.over_window or 0)))[:MOST_ENDPOINTS]


def _capacity(number: int, series: SeriesTrends) -> Chart | None:
    if not series.capacity:
        return None
    rows: list[dict[str, Any]] = [
        {
            "when": point.started_at.isoformat(),
            "users": round(point.users, 1),
            "low": round(point.low, 1),
            "high": round(point.high, 1),
            "run": point.run_id,
            "commit": wording.commit(point.commit),
            "segment": point.segment,
        }
        for point in series.capacity
    ]
    tooltip = [
        alt.Tooltip("run:N", title="Run"),
        alt.Tooltip("when:T", title="Started", format="%Y-%m-%d %H:%M", formatType="utc"),
        alt.Tooltip("users:Q", title="Users", format=",.0f"),
        alt.Tooltip("low:Q", title="from", format=",.0f"),
        alt.Tooltip("high:Q", title="to", format=",.0f"),
        alt.Tooltip("commit:N", title="Commit"),
    ]
    y = alt.Y("users:Q", title="users", scale=alt.Scale(zero=True))
    base = source("rows").encode(x=alt.X("when:T", title=None, scale=alt.Scale(type="utc")), detail="segment:N")
    chart = alt.layer(
        base.mark_rule(color=BLUE, opacity=0.5, strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(color=BLUE, opacity=0.7).encode(y=y),
        base.mark_point(filled=True, size=45, opacity=1, color=BLUE).encode(y=y, tooltip=tooltip),
    )
    text = (
        "How many users each run found the service to hold, with its 95 % interval; the line breaks where plan or host changed."
    )
    return finish(chart, 220, f"capacity-{number}", "Capacity over time", text, rows=rows)


def _over_time(number: int, series: SeriesTrends, trends: Sequence[MetricTrend]) -> Chart | None:
    rows: list[dict[str, Any]] = [
        {
            "endpoint": trend.endpoint or TOGETHER,
            "when": point.started_at.isoformat(),
            "ms": round(point.value_ms, 3),
            "run": point.run_id,
            "commit": wording.commit(point.commit),
            "segment": point.segment,
        }
        for trend in trends
        for point in trend.points
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(row["endpoint"] for row in rows))
    jumps = [
        {"endpoint": change.endpoint or TOGETHER, "when": change.at.isoformat(), "change": wording.change(change.effect)}
        for change in series.changes
    ]
    pick = picker(f"trend_{number}", "Endpoint ", names)
    chosen = f"datum.endpoint == trend_{number}"
    x = alt.X("when:T", title=None, scale=alt.Scale(type="utc"))
    y = alt.Y("ms:Q", title="p95, ms", scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip("run:N", title="Run"),
        alt.Tooltip("when:T", title="Started", format="%Y-%m-%d %H:%M", formatType="utc"),
        alt.Tooltip("ms:Q", title="p95, ms", format=",.1f"),
        alt.Tooltip("commit:N", title="Commit"),
    ]
    base = source("rows").transform_filter(chosen).encode(x=x, y=y, detail="segment:N")
    rule = source("jumps").transform_filter(chosen).encode(x=x, tooltip=[alt.Tooltip("change:N", title="Jump")])
    chart = alt.layer(
        rule.mark_rule(color=ORANGE, strokeDash=[4, 3], strokeWidth=1.5),
        base.mark_line(color=BLUE, opacity=0.7),
        base.mark_point(filled=True, size=45, opacity=1, color=BLUE).encode(tooltip=tooltip),
    ).add_params(pick)
    text = "p95 of each run; the line breaks where plan or host changed, a dashed rule marks a jump."
    return finish(chart, 220, f"over-time-{number}", "p95 over time", text, rows=rows, jumps=jumps)


def _slopes(number: int, series: SeriesTrends, trends: Sequence[MetricTrend]) -> Chart | None:
    rows = [
        {
            "endpoint": trend.endpoint or TOGETHER,
            "slope": trend.slope.per_week,
            "low": trend.slope.interval[0],
            "high": trend.slope.interval[1],
            "direction": trend.slope.direction.value,
            "words": slope_words(trend),
        }
        for trend in trends
        if trend.slope.per_week is not None and trend.slope.interval is not None
    ]
    if not rows:
        return None
    domain = [direction.value for direction in _COLORS]
    base = source("rows").encode(
        y=alt.Y("endpoint:N", sort=[str(row["endpoint"]) for row in rows], title=None),
        color=alt.Color(
            "direction:N", scale=alt.Scale(domain=domain, range=list(_COLORS.values())), legend=alt.Legend(columns=2)
        ),
        tooltip=[alt.Tooltip("endpoint:N", title="Endpoint"), alt.Tooltip("words:N", title="p95")],
    )
    axis = alt.Axis(format="+.1%", grid=True, tickCount=5)
    chart = alt.layer(
        source("zero").mark_rule(color=PURPLE, opacity=0.5).encode(x="at:Q"),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(
            x=alt.X("low:Q", title="change of p95 per week", axis=axis), x2="high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x="slope:Q", shape=alt.Shape("direction:N", scale=alt.Scale(domain=domain, range=list(_SHAPES)))
        ),
    )
    text = "Change of p95 per week with its 95 % interval; right of zero is slower."
    height = max(90, 26 * len(rows))
    return finish(chart, height, f"slopes-{number}", "Slopes", text, rows=rows, zero=[{"at": 0}])
