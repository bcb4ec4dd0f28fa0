"""The steps of a search for the capacity, in every channel."""

from __future__ import annotations

from dataclasses import replace

from loadtest.gate.records.capacity import Capacity, CapacityKind, CapacityStep
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.planning.criteria import Target
from loadtest.reporting.capacity_data import capacity_view, chart_rows, chart_text
from loadtest.reporting.html import render_report
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.markdown import render_summary
from loadtest.reporting.run_charts import run_charts
from loadtest.reporting.view import build_view
from tests.gate.run_facts import STARTED_AT

HOSTILE = "GET /<b>x</b>|`a`"


def step(users: int, p95_ms: float, held: bool | None) -> CapacityStep:
    measured = {"judged_s": 15, "n": 600, "rps": users * 2, "error_rate": 0, "p95_ms": p95_ms}
    return CapacityStep(users=users, started_at=STARTED_AT, held=held, observed=(p95_ms,), **measured)


def searched(files: RunFiles, *, deciding: int | None = 0) -> RunFiles:
    steps = (
        step(10, 50, True),
        step(20, 240, False),
        step(14, 150, True),
        step(20, 190, True),
        step(20, 260, False),
        step(40, 90, None),
    )
    target = Target(endpoint=HOSTILE, metric="p95_ms", limit=200)
    capacity = Capacity(
        kind=CapacityKind.FOUND, users=18, low=15, high=22, log_sd=0.1, targets=(target,), steps=steps, deciding=deciding, rps=36
    )
    report = files.regression or RegressionReport.model_construct()
    return replace(files, regression=report.model_copy(update={"capacity": capacity}))


def test_one_row_per_load_with_how_often_it_held(run_of) -> None:
    view = capacity_view(searched(run_of()))
    assert [(row.users, row.held, row.all_held) for row in view.rows] == [
        (10, "1 of 1", True),
        (14, "1 of 1", True),
        (20, "1 of 3", False),
        (40, "generator too busy", False),
    ]
    assert view.rows[2].deciding == "240 ms"
    assert view.deciding.endswith("p95, target 200 ms")
    assert capacity_view(run_of()) is None


def test_the_chart_has_a_point_per_step_the_target_and_the_interval(run_of) -> None:
    files = searched(run_of())
    points, line, band, _ = chart_rows(files)
    assert [(point["users"], point["result"]) for point in points][:2] == [(10, "held"), (20, "missed")]
    assert line == [{"at": 200}]
    assert band == [{"at": 18, "low": 15, "high": 22}]
    assert "15 to 22 users" in chart_text(files)
    assert next(chart for chart in run_charts(files) if chart.name == "capacity").spec["datasets"]["rows"] == points


def test_without_a_target_that_decided_p95_of_all_is_shown(run_of) -> None:
    _, line, _, of = chart_rows(searched(run_of(), deciding=None))
    assert line == []
    assert of == "all requests p95"


def test_page_and_summary_lead_with_the_search_and_escape_names(run_of) -> None:
    files = searched(run_of())
    page = render_report(build_view(files), files)
    assert page.index('id="capacity"') < page.index('id="endpoints"')
    assert "<b>x</b>" not in page
    summary = render_summary(build_view(files))
    assert "| 20 | 1 of 3 | 240 ms |" in summary
    assert "### Steps of the search" in summary
