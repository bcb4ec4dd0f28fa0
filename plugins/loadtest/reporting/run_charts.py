"""The report's charts as Vega-Lite specifications (Altair). Each has a sentence that says what it shows without seeing it.

Importing this module imports Altair (about a second): do it late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt

from loadtest.reporting import capacity_data, server_time
from loadtest.reporting import chart_data as data
from loadtest.reporting import comparison_data as comparison
from loadtest.reporting.charts import (
    BLUE,
    GRAY,
    ORANGE,
    RED,
    TEAL,
    Chart,
    change_axis,
    endpoint_axis,
    finish,
    outcome_color,
    outcome_shape,
    picker,
    rows_height,
    source,
)
from loadtest.reporting.inputs import RunFiles


def run_charts(files: RunFiles) -> list[Chart]:
    """All charts that the files of this run have data for, in reading order."""
    makers: tuple[Callable[[RunFiles], Chart | None], ...] = (
        _capacity,
        _latency,
        _effects,
        _baseline,
        _distribution,
        _throughput,
        _errors,
        _server_time,
        _trend,
    )
    return [chart for maker in makers if (chart := maker(files)) is not None]


def _capacity(files: RunFiles) -> Chart | None:
    rows, target, band, of = capacity_data.chart_rows(files)
    if not rows:
        return None
    x = alt.X("users:Q", title="users", scale=alt.Scale(type="log", nice=False, padding=12))
    y = alt.Y("value:Q", title=of.split(", target")[0], scale=alt.Scale(zero=True))
    results = alt.Scale(domain=["held", "missed", "generator too busy"], range=[TEAL, RED, GRAY])
    shapes = alt.Scale(domain=["held", "missed", "generator too busy"], range=["circle", "diamond", "cross"])
    tooltip = [
        alt.Tooltip("users:Q", title="Users"),
        alt.Tooltip("value:Q", title="Value", format=",.4~r"),
        alt.Tooltip("result:N", title="Targets"),
        alt.Tooltip("rps:Q", title="Requests per second", format=",.1f"),
        alt.Tooltip("errors:Q", title="Errors", format=".2%"),
        alt.Tooltip("n:Q", title="Requests"),
    ]
    found = source("band")
    chart = alt.layer(
        found.mark_rect(color=BLUE, opacity=0.15).encode(x=alt.X("low:Q"), x2="high:Q"),
        found.mark_rule(color=BLUE, strokeWidth=2).encode(x="at:Q", tooltip=[alt.Tooltip("at:Q", title="Capacity, users")]),
        source("target").mark_rule(color=RED, strokeDash=[4, 3], opacity=0.8).encode(y="at:Q"),
        source("rows")
        .mark_point(filled=True, size=70, opacity=0.85)
        .encode(
            x=x,
            y=y,
            color=alt.Color("result:N", scale=results),
            shape=alt.Shape("result:N", scale=shapes),
            tooltip=tooltip,
        ),
    )
    text = capacity_data.chart_text(files)
    return finish(chart, 260, "capacity", "Load against the target", text, rows=rows, target=target, band=band)


def _phases() -> alt.Chart:
    """Ramp and drain shaded, since metrics are of the steady phase between them."""
    return (
        source("phases")
        .mark_rect(color="currentColor", opacity=0.09)
        .encode(x="start:Q", x2="end:Q", tooltip=[alt.Tooltip("phase:N", title="Phase")])
    )


def _seconds() -> alt.X:
    return alt.X("t:Q", title="seconds since the start of the load", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False))


def _latency(files: RunFiles) -> Chart | None:
    rows, names = data.latency_rows(files)
    if not rows:
        return None
    pick = picker("latency_endpoint", "Endpoint ", names)
    base = (
        source("rows")
        .transform_filter("datum.endpoint == latency_endpoint")
        .transform_fold(["p50", "p95"], as_=["quantile", "ms"])
        .encode(
            x=_seconds(),
            y=alt.Y("ms:Q", title="ms", scale=alt.Scale(zero=True)),
            color=alt.Color("quantile:N", scale=alt.Scale(domain=["p50", "p95"], range=[BLUE, ORANGE])),
            strokeDash=alt.StrokeDash("quantile:N", scale=alt.Scale(domain=["p50", "p95"], range=[[1, 0], [5, 2]])),
            tooltip=[
                alt.Tooltip("t:Q", title="Second"),
                alt.Tooltip("quantile:N", title="Quantile"),
                alt.Tooltip("ms:Q", title="Latency, ms", format=",.1f"),
                alt.Tooltip("n:Q", title="Requests"),
            ],
        )
    )
    chart = alt.layer(_phases(), base.mark_line(), base.mark_point(opacity=0, size=80)).add_params(pick)
    return finish(
        chart, 230, "latency", "Latency over time", data.latency_text(files), rows=rows, phases=data.shaded_phases(files)
    )


def _effects(files: RunFiles) -> Chart | None:
    rows = comparison.effect_rows(files)
    if not rows:
        return None
    against, text = comparison.compared_with(files), comparison.effect_text(files, rows)
    return effects_chart(rows, against, comparison.tolerance(files), text)


def effects_chart(rows: data.Rows, against: str, tolerance: float | None, text: str) -> Chart:
    """Change of each endpoint with its interval, rows as `effect_rows` has them; `against`: compared with what, in words."""
    order = list(dict.fromkeys(row["endpoint"] for row in rows))
    y = endpoint_axis(order)
    color = outcome_color()
    base = source("rows")
    tooltip = [
        alt.Tooltip("full:N", title="Endpoint"),
        alt.Tooltip("metric:N", title="Metric"),
        alt.Tooltip("effect:Q", title="Change", format="+.1%"),
        alt.Tooltip("low:Q", title="from", format="+.1%"),
        alt.Tooltip("high:Q", title="to", format="+.1%"),
        alt.Tooltip("outcome:N", title="Outcome"),
    ]
    x = alt.X("low:Q", title=f"change against {against}", axis=change_axis())
    lines = [source("zero").mark_rule(color="currentColor", opacity=0.6).encode(x="at:Q")]
    if tolerance is not None:
        lines.append(source("tolerance").encode(x="at:Q").mark_rule(color=RED, strokeDash=[4, 3], opacity=0.8))
    chart = alt.layer(
        *lines,
        base.mark_rule(strokeWidth=3, opacity=0.55).encode(y=y, x=x, x2="high:Q", color=color, tooltip=tooltip),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            y=y, x=alt.X("effect:Q"), color=color, shape=outcome_shape(), tooltip=tooltip
        ),
    )
    height, zero, limit = rows_height(len(order), 22), [{"at": 0}], [{"at": tolerance}]
    return finish(chart, height, "effects", f"Change against {against}", text, rows=rows, zero=zero, tolerance=limit)


def _baseline(files: RunFiles) -> Chart | None:
    rows = comparison.baseline_rows(files)
    if not rows:
        return None
    order = list(dict.fromkeys(row["endpoint"] for row in rows))
    y = endpoint_axis(order)
    offset = alt.YOffset("metric:N", sort=["p50", "p95"])
    color = alt.Color("metric:N", scale=alt.Scale(domain=["p50", "p95"], range=[BLUE, ORANGE]))
    shape = alt.Shape("metric:N", scale=alt.Scale(domain=["p50", "p95"], range=["circle", "square"]))
    tooltip = [
        alt.Tooltip("full:N", title="Endpoint"),
        alt.Tooltip("metric:N", title="Metric"),
        alt.Tooltip("ms:Q", title="This run, ms", format=",.4~r"),
        alt.Tooltip("change:Q", title="Change", format="+.0%"),
        alt.Tooltip("mid:Q", title="Baseline median, ms", format=",.4~r"),
        alt.Tooltip("low:Q", title="Baseline lowest, ms", format=",.4~r"),
        alt.Tooltip("high:Q", title="Baseline highest, ms", format=",.4~r"),
    ]
    base = source("rows").encode(y=y, yOffset=offset, tooltip=tooltip)
    x = alt.X("past_low:Q", title="change from the baseline's median", axis=change_axis())
    chart = alt.layer(
        base.mark_bar(height=9, color="currentColor", opacity=0.16, cornerRadius=2).encode(x=x, x2="past_high:Q"),
        source("zero").mark_rule(color="currentColor", opacity=0.6).encode(x="at:Q"),
        base.mark_rule(strokeWidth=2, opacity=0.6).encode(x="change_low:Q", x2="change_high:Q", color=color),
        base.mark_point(filled=True, size=50, opacity=1).encode(x="change:Q", color=color, shape=shape),
    )
    title, text = "p50 and p95 against the baseline", comparison.baseline_text(files, rows)
    return finish(chart, rows_height(len(order), 30), "baseline", title, text, rows=rows, zero=[{"at": 0}])


def _distribution(files: RunFiles) -> Chart | None:
    rows, other, reference, names = comparison.distribution_rows(files)
    if not rows:
        return None
    text = comparison.distribution_text(bool(reference), comparison.compared_with(files) if other else "")
    return distribution_chart(rows, other, reference, names, text)


def distribution_chart(rows: data.Rows, other: data.Rows, reference: data.Rows, names: list[str], text: str) -> Chart:
    """Latency at each share of the requests, of the endpoint that is chosen of `names`; `other`: another run's, dashed;
    `reference`: ranges of earlier runs."""
    pick = picker("distribution_endpoint", "Endpoint ", names)
    x = alt.X(
        "nines:Q",
        title="share of requests that were faster",
        axis=alt.Axis(values=[0, 0.30103, 1, 1.30103, 2, 3], labelExpr="format(1 - pow(10, -datum.value), '.1~%')", grid=True),
    )
    y = alt.Y("ms:Q", title="ms (logarithmic)", scale=alt.Scale(type="log"))
    tooltip = [
        alt.Tooltip("share:Q", title="Quantile", format=".1~%"),
        alt.Tooltip("ms:Q", title="Latency, ms", format=",.1f"),
    ]
    chosen = "datum.endpoint == distribution_endpoint"
    this_run = source("rows").transform_filter(chosen).encode(x=x, y=y, tooltip=tooltip)
    layers = [this_run.mark_line(color=BLUE), this_run.mark_point(color=BLUE, filled=True, size=35)]
    if other:
        base_run = source("other").transform_filter(chosen).encode(x=x, y=y, tooltip=tooltip)
        layers[:0] = [
            base_run.mark_line(color=ORANGE, strokeDash=[5, 2]),
            base_run.mark_point(color=ORANGE, filled=True, size=35, shape="square"),
        ]
    if reference:
        base = source("reference").transform_filter(chosen).encode(x=x)
        span = [
            alt.Tooltip("share:Q", title="Quantile", format=".1~%"),
            alt.Tooltip("mid:Q", title="Baseline median, ms", format=",.1f"),
            alt.Tooltip("low:Q", title="lowest, ms", format=",.1f"),
            alt.Tooltip("high:Q", title="highest, ms", format=",.1f"),
        ]
        layers[:0] = [
            base.mark_rule(strokeWidth=9, color="currentColor", opacity=0.2).encode(y="low:Q", y2="high:Q", tooltip=span),
            base.mark_tick(orient="horizontal", thickness=2, size=16, color="currentColor", opacity=0.65).encode(
                y="mid:Q", tooltip=span
            ),
        ]
    chart = alt.layer(*layers).add_params(pick)
    return finish(chart, 230, "distribution", "Distribution of latency", text, rows=rows, other=other, reference=reference)


def _throughput(files: RunFiles) -> Chart | None:
    rows = data.load_rows(files)
    if not rows:
        return None
    base = source("rows").encode(x=_seconds())
    tooltip = [
        alt.Tooltip("t:Q", title="Second"),
        alt.Tooltip("rps:Q", title="Requests per second", format=",.1f"),
        alt.Tooltip("users:Q", title="Users"),
    ]
    rate = base.mark_line(color=BLUE).encode(y=alt.Y("rps:Q", title="requests per second (line)"), tooltip=tooltip)
    layers = [_phases(), rate, base.mark_point(opacity=0, size=80).encode(y="rps:Q", tooltip=tooltip)]
    if any(row["users"] is not None for row in rows):
        users = base.mark_area(color=TEAL, opacity=0.12, interpolate="step-after", line={"color": TEAL, "strokeWidth": 1}).encode(
            y=alt.Y("users:Q", title="users (area)", axis=alt.Axis(orient="right", grid=False, tickMinStep=1))
        )
        chart = alt.layer(alt.layer(*layers), users).resolve_scale(y="independent")
    else:
        chart = alt.layer(*layers)
    return finish(
        chart,
        180,
        "throughput",
        "Requests per second and users",
        data.load_text(files, rows),
        rows=rows,
        phases=data.shaded_phases(files),
    )


def _errors(files: RunFiles) -> Chart | None:
    rows = data.error_rows(files)
    if not rows:
        return None
    bars = (
        source("rows")
        .mark_rect(color=RED)
        .encode(
            x=_seconds(),
            x2="end:Q",
            y=alt.Y("errors:Q", title="failed requests", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=True)),
            y2=alt.value("height"),
            tooltip=[
                alt.Tooltip("t:Q", title="Second"),
                alt.Tooltip("errors:Q", title="Failed"),
                alt.Tooltip("n:Q", title="Requests"),
            ],
        )
    )
    chart = alt.layer(_phases(), bars)
    return finish(
        chart, 140, "errors", "Errors over time", data.error_text(files, rows), rows=rows, phases=data.shaded_phases(files)
    )


def _server_time(files: RunFiles) -> Chart | None:
    rows = server_time.chart_rows(files)
    if not rows:
        return None
    order = list(dict.fromkeys(row["endpoint"] for row in rows))
    chart = (
        source("rows")
        .mark_bar(height={"band": 0.7})
        .encode(
            y=endpoint_axis(order),
            x=alt.X("ms:Q", stack="normalize", title="share of the mean latency", axis=alt.Axis(format="%", grid=True)),
            color=alt.Color("component:N", sort=None),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("full:N", title="Endpoint"),
                alt.Tooltip("component:N", title="Part"),
                alt.Tooltip("ms:Q", title="Mean of all requests, ms", format=",.2f"),
                alt.Tooltip("reported:N", title="Reported by"),
                alt.Tooltip("p50:N", title="p50 where reported"),
                alt.Tooltip("p95:N", title="p95 where reported"),
            ],
        )
    )
    return finish(chart, rows_height(len(order), 22), "server-time", "Server time", server_time.CHART_TEXT, rows=rows)


def _trend(files: RunFiles) -> Chart | None:
    rows, anchors, onsets, names = comparison.trend_rows(files)
    if not rows:
        return None
    pick = picker("trend_endpoint", "Endpoint ", names)
    chosen = "datum.endpoint == trend_endpoint"
    x = alt.X("when:T", title=None, scale=alt.Scale(type="utc"))
    y = alt.Y("ms:Q", title="ms", scale=alt.Scale(zero=False))
    base = source("rows").transform_filter(chosen).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("run:N", title="Run"),
        alt.Tooltip("when:T", title="Started", format="%Y-%m-%d %H:%M", formatType="utc"),
        alt.Tooltip("ms:Q", title="Latency, ms", format=",.1f"),
        alt.Tooltip("outcome:N", title="Outcome"),
        alt.Tooltip("commit:N", title="Commit"),
    ]
    layers: list[Any] = []
    if anchors:
        anchor = source("anchors").transform_filter(chosen).encode(y="ms:Q", tooltip=[alt.Tooltip("ms:Q", title="Anchor, ms")])
        layers.append(anchor.mark_rule(color=TEAL, strokeDash=[6, 3], strokeWidth=1.5))
    if onsets:
        onset = source("onsets").transform_filter(chosen).encode(x=x, tooltip=[alt.Tooltip("when:T", title="Drift began")])
        layers.append(onset.mark_rule(color=RED, strokeDash=[2, 2], strokeWidth=1.5))
    layers.append(base.mark_line(color=BLUE, opacity=0.7))
    layers.append(
        base.mark_point(filled=True, size=60, opacity=1).encode(color=outcome_color(), shape=outcome_shape(), tooltip=tooltip)
    )
    text = comparison.trend_text(files)
    title = f"{comparison.trend_metric(files)} of the last runs"
    chart = alt.layer(*layers).add_params(pick)
    return finish(chart, 200, "trend", title, text, rows=rows, anchors=anchors, onsets=onsets)
