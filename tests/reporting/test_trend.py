from __future__ import annotations

import math

import pytest

from loadtest.reporting.trend import MOST_RUNS, endpoint_trends
from loadtest.vocabulary import Outcome
from tests.support.run_folders import make_baseline_runs


def test_summaries_become_one_series_per_endpoint_oldest_first():
    runs = make_baseline_runs(3, runs=5)
    trends = endpoint_trends(runs[::-1], anchor=runs, outcomes={runs[0].run_id: Outcome.WARN})
    assert len(trends) == 3
    first = trends[0]
    assert [point.run_id for point in first.points] == [run.run_id for run in runs]
    assert first.points[0].outcome is Outcome.WARN
    assert first.points[1].outcome is None
    logs = sorted(row.log_p95 for run in runs for row in run.endpoints if row.endpoint == first.endpoint)
    assert first.anchor_ms == pytest.approx(math.exp(logs[2]))


def test_only_the_last_runs_and_the_endpoints_that_still_exist():
    old, new = make_baseline_runs(3, runs=70), make_baseline_runs(2, runs=1)
    trends = endpoint_trends((*old[:-1], *new))
    assert len(trends) == 2
    assert all(len(trend.points) == MOST_RUNS for trend in trends)


def test_no_runs_no_trend():
    assert endpoint_trends(()) == ()
