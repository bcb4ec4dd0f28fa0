"""A service that becomes slower, or fails more and more, while the load stays the same: a cache that never empties, a table
without an index, a queue that fills. Seen within one run, without any other to compare with.

As with memory (`leaks`): a start is no trend, what grew must go on growing in the last half, slopes are Theil-Sen's and their
intervals allow for noise that lasts. What grew must surely have grown by `LEAST_GROWTH` over the time that was looked at, and
with many endpoints chance must be excluded for all of them together (Benjamini & Hochberg 1995).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.analysis.models import Analysis, TimelinePoint
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.leaks import LEAST_STEADY_S, WARM_UP_SHARE
from loadtest.gate.statistics.slope import SlopeEstimate, benjamini_hochberg, theil_sen
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import change, metric_label, ms, percent, plural, subject

BLOCKS = 24  # as many equal parts; each half has enough for a slope of its own
LEAST_REQUESTS = {"p50_ms": 10, "p95_ms": 40}  # of a block, in the mean
LEAST_GROWTH = 0.20  # of a latency, relative
LEAST_ERRORS_GROWTH = 0.01  # of the error rate, absolute
LEVEL = 0.01
STILL_GROWING_P, STILL_GROWING_SHARE = 0.2, 1 / 3  # of the last half alone: two-sided p, and its slope against the whole


@dataclass(frozen=True)
class _Trend:
    """One metric that surely grew: `slope` an hour, of the logarithm of a latency or of an error rate."""

    endpoint: str | None
    metric: str
    slope: SlopeEstimate
    hours: float
    first: float
    last: float
    n: int

    @property
    def least(self) -> float:
        """What it surely grew by over the time that was looked at: relative, or of an error rate absolute."""
        grown = self.slope.low * self.hours
        return grown if self.metric == "error_rate" else math.expm1(min(grown, 20.0))

    @property
    def grows(self) -> bool:
        return self.least >= (LEAST_ERRORS_GROWTH if self.metric == "error_rate" else LEAST_GROWTH)


def judge_soak(plan: Plan, analysis: Analysis | None) -> Iterator[Finding]:
    """Nothing where the load was not constant, or its steady phase was short."""
    steady = next((phase for phase in analysis.phases if phase.name == "steady"), None) if analysis else None
    if analysis is None or steady is None or plan.profile.stages or plan.profile.search or plan.against:
        return
    if steady.end_s - steady.start_s < LEAST_STEADY_S:
        return
    begin_s = steady.start_s + WARM_UP_SHARE * (steady.end_s - steady.start_s)
    span = (begin_s, steady.end_s - analysis.bin_s)
    lines: dict[str | None, Sequence[TimelinePoint]] = {None: analysis.timeline}
    lines |= {line.endpoint: line.points for line in analysis.endpoint_timelines}
    outcome = Outcome.FAIL if plan.profile.leaks == "fail" else Outcome.WARN
    over = format_duration(round(steady.end_s - begin_s))
    latencies = _sure([trend for trend in _trends(lines, span, ("p50_ms", "p95_ms")) if trend.endpoint is not None])
    yield from _latency_findings(latencies, len(lines) - 1, outcome, over)
    errors = _sure(_trends(lines, span, ("error_rate",)))
    if errors:
        whole = next((trend for trend in errors if trend.endpoint is None), errors[0])
        yield _finding(
            f"the error rate of {subject(whole.endpoint)} grew from {percent(whole.first)} to {percent(whole.last)} over {over} "
            f"at constant load (by at least {percent(whole.least)} of the requests)",
            outcome,
            whole,
            "error_trend",
        )


def _latency_findings(trends: Sequence[_Trend], endpoints: int, outcome: Outcome, over: str) -> Iterator[Finding]:
    """One an endpoint, its larger one; one for all of them where most of several endpoints became slower."""
    worst: dict[str | None, _Trend] = {}
    for trend in sorted(trends, key=lambda trend: trend.least):
        worst[trend.endpoint] = trend
    found = sorted(worst.values(), key=lambda trend: -trend.least)
    if endpoints >= 3 and len(found) > endpoints / 2:
        most = found[0]
        yield _finding(
            f"{len(found)} of {plural(endpoints, 'endpoint')} became slower over {over} at constant load, {most.endpoint} most: "
            f"{_from_to(most)}",
            outcome,
            most,
            "latency_trend",
        )
        return
    for trend in found:
        yield _finding(
            f"{trend.endpoint} became slower over {over} at constant load: {_from_to(trend)}", outcome, trend, "latency_trend"
        )


def _from_to(trend: _Trend) -> str:
    grew = change(math.expm1(min(trend.slope.slope * trend.hours, 20.0)))
    bound = f"95 % lower bound {change(trend.least)}"
    return f"{metric_label(trend.metric)} from {ms(trend.first)} to {ms(trend.last)} ({grew}, {bound})"


def _trends(
    lines: Mapping[str | None, Sequence[TimelinePoint]], span: tuple[float, float], metrics: Sequence[str]
) -> list[_Trend]:
    """Of everything that has enough requests for one; whether it grew or not."""
    found = []
    for endpoint, points in lines.items():
        inside = [point for point in points if span[0] <= point.start_s <= span[1] and point.n]
        for metric in metrics:
            if (trend := _trend(endpoint, metric, inside)) is not None:
                found.append(trend)
    return found


def _trend(endpoint: str | None, metric: str, points: Sequence[TimelinePoint]) -> _Trend | None:
    if len(points) < BLOCKS or sum(point.n for point in points) < BLOCKS * LEAST_REQUESTS.get(metric, 1):
        return None
    blocks = [list(part) for part in np.array_split(np.array(points, dtype=object), BLOCKS)]
    values = [_value(metric, block) for block in blocks]
    if any(value is None for value in values):
        return None
    hours = np.array([np.mean([point.start_s for point in block]) / 3600 for block in blocks])
    series, same = np.array(values, dtype=float), np.zeros(BLOCKS)
    whole, late = theil_sen(hours, series, same), _late(hours, series)
    if whole is None:
        return None
    ended = _shown(metric, float(np.median(series[-BLOCKS // 4 :])))
    began = _shown(metric, float(np.median(series[: BLOCKS // 4])))
    if late is None or late.p > STILL_GROWING_P or late.slope < STILL_GROWING_SHARE * whole.slope:
        whole = SlopeEstimate(whole.slope, min(whole.low, 0.0), whole.high, max(whole.p, 0.5))
    return _Trend(endpoint, metric, whole, float(hours[-1] - hours[0]), began, ended, sum(point.n for point in points))


def _late(hours: np.ndarray, series: np.ndarray) -> SlopeEstimate | None:
    half = slice(BLOCKS // 2, None)
    return theil_sen(hours[half], series[half], np.zeros(BLOCKS - BLOCKS // 2))


def _value(metric: str, block: Sequence[TimelinePoint]) -> float | None:
    """Of a block: the logarithm of a latency (mean over its bins, by requests), or an error rate."""
    if metric == "error_rate":
        return sum(point.errors for point in block) / sum(point.n for point in block)
    known = [(math.log(value), point.n) for point in block if (value := getattr(point, metric))]
    return sum(log * n for log, n in known) / sum(n for _, n in known) if known else None


def _shown(metric: str, value: float) -> float:
    return value if metric == "error_rate" else math.exp(value)


def _sure(trends: Sequence[_Trend]) -> list[_Trend]:
    if not trends:
        return []
    adjusted = benjamini_hochberg(np.array([trend.slope.p for trend in trends]))
    return [trend for trend, p in zip(trends, adjusted, strict=True) if trend.grows and p < LEVEL]


def _finding(sentence: str, outcome: Outcome, trend: _Trend, rule: str) -> Finding:
    evidence: dict[str, float | int | str | None] = {"rule": rule, "surely_grew": trend.least, "p": trend.slope.p}
    return Finding(
        criterion=Criterion.SERVICE,
        outcome=outcome,
        sentence=sentence,
        endpoint=trend.endpoint,
        metric=trend.metric,
        observed=trend.last,
        reference=trend.first,
        n=trend.n,
        evidence=evidence,
    )
