"""After the verdict: history row, then report. Each on its own, so that one that fails hurts no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from math import exp
from statistics import median
from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.records.verdicts import Verdict
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Criterion

if TYPE_CHECKING:
    from loadtest.reporting.inputs import EndpointTrend

TREND_SPAN = timedelta(weeks=26)
TREND_RUNS = 50
METRIC = "p95_ms"

log = logging.getLogger(__name__)


def publish(folder: RunFolder) -> list[str]:
    """Record the run and write its report; returns in sentences what could not be done. The results are safe before."""
    from loadtest.history.record import record_run

    stages: list[Callable[[RunFolder], object]] = [record_run, write_full_report]
    problems = []
    for stage in stages:
        try:
            stage(folder)
        except (LoadTestError, OSError) as error:
            problems.append(str(error))
    return problems


def write_full_report(folder: RunFolder) -> None:
    """The report with what other rooms know of earlier runs, baseline and trend; without them where they cannot be read."""
    from loadtest.reporting.report import write_report

    baseline: tuple[RunSummary, ...] = ()
    trend: tuple[EndpointTrend, ...] = ()
    if folder.plan.exists():
        try:
            plan = Plan.read(folder.plan)
            baseline = _baseline_runs(plan)
            trend = _trend(plan, folder, baseline)
        except LoadTestError as error:
            log.warning("The report is written without earlier runs: %s", error)
    write_report(folder, baseline=baseline or None, trend=trend or None)


def _baseline_runs(plan: Plan) -> tuple[RunSummary, ...]:
    from loadtest.baselines.store import matching_baseline

    baseline, _ = matching_baseline(plan)
    return tuple(baseline.runs) if baseline else ()


def _trend(plan: Plan, folder: RunFolder, baseline: tuple[RunSummary, ...]) -> tuple[EndpointTrend, ...]:
    """p95 of the last comparable runs per endpoint, with the anchor's level and the onset of a drift away from it."""
    from loadtest.history.queries import metric_table
    from loadtest.reporting.inputs import EndpointTrend, TrendPoint

    where = (plan.scenario.name, plan.environment.name, plan.profile.name)
    series = metric_table(*where, [METRIC], digest=plan.digest, since=plan.created_at - TREND_SPAN)
    onsets = _onsets(folder)
    trends = []
    for (endpoint, _), points in sorted(series.items()):
        if len(points) < 2:
            continue
        shown = tuple(
            TrendPoint(point.run_id, point.started_at, point.value, point.outcome, point.commit) for point in points[-TREND_RUNS:]
        )
        trends.append(EndpointTrend(endpoint, shown, METRIC, _anchor_ms(endpoint, baseline), onsets.get(endpoint)))
    return tuple(trends)


def _anchor_ms(endpoint: str, baseline: tuple[RunSummary, ...]) -> float | None:
    levels = [row.log_p95 for run in baseline for row in run.endpoints if row.endpoint == endpoint and row.log_p95 is not None]
    return exp(median(levels)) if levels else None


def _onsets(folder: RunFolder) -> dict[str, datetime]:
    """Since when each drifting endpoint drifts, as the gate found it."""
    if not folder.verdict.exists():
        return {}
    drifts = (one for one in Verdict.read(folder.verdict).findings if one.criterion is Criterion.DRIFT and one.endpoint)
    return {str(one.endpoint): datetime.fromisoformat(str(one.evidence["onset_at"])) for one in drifts}
