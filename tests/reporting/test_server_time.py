"""p50 and p95 of server time beside the client's, how many reported it, and means that add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.analysis.models import EndpointMetrics, ServerTime
from loadtest.analysis.server_share import OTHER
from loadtest.reporting.html import render_report
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.server_time import MOST_ROWS, chart_rows, server_table
from loadtest.reporting.view import build_view

DB = ServerTime(component="db", n=12, p50_ms=180.0, p95_ms=300.0, mean_ms=2.4)
APP = ServerTime(component="app", n=1000, p50_ms=5.0, p95_ms=8.0, mean_ms=6.0)
ROW = EndpointMetrics(
    endpoint="GET /a", n=1010, errors=10, error_rate=0.01, rps=1, mean_ms=20.0, p50_ms=19.0, p95_ms=40.0, server=(APP, DB)
)


@pytest.fixture
def run_with(run_of):
    def make(*rows: EndpointMetrics) -> RunFiles:
        files = run_of(outcome="pass")
        return replace(files, metrics=files.metrics.model_copy(update={"endpoints": rows}))

    return make


def test_a_component_of_a_few_requests_is_drawn_as_what_it_is(run_with):
    rows = chart_rows(run_with(ROW))
    assert {row["component"]: row["ms"] for row in rows} == {"app": 6.0, "db": 2.4, "outside": 11.6}
    assert sum(row["ms"] for row in rows) == pytest.approx(ROW.mean_ms)
    (db,) = (row for row in rows if row["component"] == "db")
    assert (db["p50"], db["p95"], db["reported"]) == ("180 ms", "300 ms", "1.2 %")


def test_the_table_has_quantiles_means_and_who_reported(run_with):
    ((row,), omitted) = server_table(run_with(ROW))
    assert (row.endpoint, row.p50_ms, row.p95_ms, row.mean_ms, omitted) == ("GET /a", 19.0, 40.0, 20.0, 0)
    app, db, outside = row.parts
    assert (app.name, app.p50_ms, app.p95_ms, app.mean_ms, app.reported) == ("app", 5.0, 8.0, 6.0, 1.0)
    assert (db.name, db.reported) == ("db", 0.012)
    assert (outside.name, outside.p50_ms, outside.mean_ms, outside.reported) == ("outside", None, pytest.approx(11.6), None)


def test_a_reported_total_encloses_the_other_parts(run_with):
    total = ServerTime(component="total", n=1000, p50_ms=12.0, p95_ms=20.0, mean_ms=14.0)
    files = run_with(ROW.model_copy(update={"server": (APP, DB, total)}))
    assert {row["component"]: row["ms"] for row in chart_rows(files)} == {"app": 6.0, "db": 2.4, OTHER: 5.6, "outside": 6.0}
    assert [part.name for part in server_table(files)[0][0].parts] == ["app", "db", "total", OTHER, "outside"]


def test_components_that_overlap_are_not_drawn_below_zero(run_with):
    files = run_with(ROW.model_copy(update={"server": (APP.model_copy(update={"mean_ms": 25.0}),)}))
    assert [row["ms"] for row in chart_rows(files)] == [25.0, 0.0]
    assert server_table(files)[0][0].parts[-1].mean_ms == -5.0


def test_without_server_time_there_is_neither_chart_nor_table(run_with):
    older = ROW.model_copy(update={"server": (APP.model_copy(update={"mean_ms": None}),)})
    for files in (run_with(ROW.model_copy(update={"server": ()})), run_with(older), run_with()):
        assert chart_rows(files) == []
        assert server_table(files) == ((), 0)
        assert 'id="server"' not in render_report(build_view(files), files)


def test_the_page_shows_them_escaped_and_not_all_of_very_many(run_with):
    hostile = DB.model_copy(update={"component": "<b>db"})
    rows = [ROW.model_copy(update={"endpoint": f"GET /{number}<i>", "server": (hostile, APP)}) for number in range(500)]
    files = run_with(*rows)
    page = render_report(build_view(files), files)
    table = page[page.index('<table class="parts">') : page.index("</table>", page.index('<table class="parts">'))]
    assert "<b>db" not in table
    assert "&lt;b&gt;db" in table
    assert table.count("<tbody>") == MOST_ROWS
    assert f"{500 - MOST_ROWS} more in metrics.json." in page
    assert "<td>180</td><td>300</td><td>2.40</td><td>1.2 %</td>" in table
