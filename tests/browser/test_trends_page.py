"""The trends page in a real Chromium: no complaint, no request, nothing that runs, at both widths and in both schemes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from loadtest.history.models import SeriesPoint
from loadtest.trends.models import Availability, SeriesTrends, TrendsReport
from loadtest.trends.report import render_trends
from loadtest.trends.series import metric_trends
from loadtest.trends.words import series_sentence
from tests.support.browser import chromium, open_browser, watched_page
from tests.support.run_folders import HOSTILE_TEXTS, endpoint_names

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: apt-get install chromium, or set LOADTEST_CHROMIUM"),
]

UNTIL = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def made_up_report(endpoints: tuple[str, ...], weeks: int = 26) -> TrendsReport:
    """The second endpoint becomes slower each week, the third jumps after half of the time."""
    rng = random.Random(4)
    table: dict[tuple[str, str], list[SeriesPoint]] = {}
    for week in range(weeks):
        for number, endpoint in enumerate(endpoints):
            factor = 1.03**week if number == 1 else 1.4 if number == 2 and week >= weeks // 2 else 1.0
            for metric, value in (("p50_ms", 10.0), ("p95_ms", 40.0)):
                point = SeriesPoint(
                    run_id=f"weekly-{week}",
                    started_at=UNTIL - timedelta(weeks=weeks - week),
                    value=value * factor * 2.718281828 ** rng.gauss(0, 0.04),
                    n=1000,
                    variance=None,
                    commit=f"{week:040x}",
                    branch="main",
                    digest="d1" if week > 2 else "d0",
                    host_class="h",
                    outcome=None,
                )
                table.setdefault((endpoint, metric), []).append(point)
    metrics, changes = metric_trends(table)
    health = Availability(runs=weeks, outcomes={"pass": weeks}, sentence=f"{weeks} runs; none invalid; no alarm.")
    series = SeriesTrends(
        scenario="example",
        environment="staging",
        profile="medium",
        metrics=tuple(metrics),
        changes=tuple(changes),
        availability=health,
        proposals=(),
        notes=("The load plan or the host changed in this time.",),
        open_regressions=("GET /x is slower.",),
        sentence=series_sentence(metrics, changes),
    )
    since = UNTIL - timedelta(weeks=weeks)
    return TrendsReport(month="2026-11", since=since, until=UNTIL, series=(series, series), availability=health, created_at=UNTIL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trends")
    hostile = tuple(text.encode("utf-8", "replace").decode() for text in HOSTILE_TEXTS)
    kinds = {"plain": endpoint_names(9), "hostile": (*hostile, *endpoint_names(3)), "wide": endpoint_names(300)}
    paths = {kind: folder / f"{kind}.html" for kind in kinds}
    for kind, names in kinds.items():
        paths[kind].write_text(render_trends(made_up_report(names)), encoding="utf-8")
    return paths


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["plain", "hostile", "wide"])
def test_no_complaint_no_request_nothing_runs(browser, pages, kind, width, scheme):
    with watched_page(browser, width=width, scheme=scheme) as watched:
        watched.page.goto(f"file://{pages[kind]}")
        watched.draw_all_charts()
        assert watched.problems == []
        assert watched.requests == []
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
        assert watched.page.locator("figure.chart[data-drawn=failed]").count() == 0
        assert watched.page.locator("figure.chart[data-drawn=yes]").count() == 4
        assert watched.page.evaluate("window.hurt") is None


def test_what_got_worse_is_on_the_first_screen(browser, pages):
    with watched_page(browser) as watched:
        watched.page.goto(f"file://{pages['plain']}")
        expect(watched.page.get_by_role("heading", level=1)).to_contain_text("getting slower")
        expect(watched.page.get_by_text("GET /api/v1/students/{id} p95 +").first).to_be_in_viewport()
