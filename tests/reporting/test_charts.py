"""What charts show, and that Vega-Lite accepts every one of them."""

from __future__ import annotations

import json

import pytest
import vl_convert

from loadtest.reporting import chart_data, comparison_data
from loadtest.reporting.run_charts import run_charts

ALL_CHARTS = ["latency", "effects", "baseline", "distribution", "throughput", "errors", "server-time", "trend"]


def test_a_complete_run_has_every_chart(run_of):
    charts = run_charts(run_of())
    assert [chart.name for chart in charts] == ALL_CHARTS
    for chart in charts:
        assert chart.text.endswith(".")
        assert chart.spec["description"] == chart.text
        assert chart.spec["width"] == "container"


@pytest.mark.parametrize("options", [{}, {"hostile": True}, {"endpoints": 1}, {"endpoints": 60}])
def test_every_chart_compiles(run_of, options):
    for chart in run_charts(run_of(**options)):
        vega = vl_convert.vegalite_to_vega(chart.spec)
        assert vega["marks"]


def test_no_chart_asks_for_anything_outside(run_of):
    assert '"url"' not in json.dumps([chart.spec for chart in run_charts(run_of(hostile=True))])


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"failures": 0}, {"errors"}),
        ({"without": ("analysis",)}, {"latency", "distribution", "throughput", "errors"}),
        ({"without": ("regression_report",)}, {"baseline"}),
        ({"baseline_runs": 0}, {"effects"}),
        ({"outcome": None}, set(ALL_CHARTS) - {"trend"}),
    ],
)
def test_charts_without_data_are_left_out(run_of, options, gone):
    assert {chart.name for chart in run_charts(run_of(**options))} == set(ALL_CHARTS) - gone


def test_flagged_endpoints_are_never_among_those_left_out(run_of):
    files = run_of(endpoints=60, outcome="fail")
    assert chart_data.important_endpoints(files, 5)[0] == "GET /api/v1/students/{id}"
    assert comparison_data.effect_rows(files)[0]["outcome"] == "fail"
    assert len(comparison_data.effect_rows(files)) == chart_data.MOST_ENDPOINTS


def test_the_change_from_the_baseline_is_relative_to_its_median(run_of):
    rows = comparison_data.baseline_rows(run_of(outcome="fail"))
    slow = next(row for row in rows if row["full"] == "GET /api/v1/students/{id}" and row["metric"] == "p95")
    assert slow["change"] == pytest.approx(slow["ms"] / slow["mid"] - 1, abs=0.001)
    assert slow["change"] > 0.15
    assert slow["past_low"] <= 0 <= slow["past_high"]
    assert slow["change_low"] < slow["change"] < slow["change_high"]


def test_names_that_look_alike_stay_different():
    names = chart_data.labels(["GET /" + "a" * 200 + "1" * 60, "GET /" + "a" * 100 + "b" + "a" * 99 + "1" * 60, "", "\x00"])
    assert len(set(names.values())) == 4


def test_drifting_endpoints_lead_the_trend(run_of):
    points, anchors, onsets, names = comparison_data.trend_rows(run_of())
    assert names[0] == "GET /api/v1/students/{id}"
    assert [row["endpoint"] for row in onsets] == [names[0]]
    assert {row["endpoint"] for row in anchors} == set(names)
    assert "Drift began" in comparison_data.trend_text(run_of())
    assert len(points) == 20 * 9


def test_long_runs_keep_every_error(run_of):
    files = run_of()
    points = tuple(files.analysis.timeline[50].model_copy(update={"start_s": 2.0 * number}) for number in range(5_000))
    long = type(files)(**{**vars(files), "analysis": files.analysis.model_copy(update={"timeline": points})})
    rows = chart_data.error_rows(long)
    assert len(rows) <= chart_data.MOST_BINS
    assert sum(row["errors"] for row in rows) == sum(point.errors for point in points)
