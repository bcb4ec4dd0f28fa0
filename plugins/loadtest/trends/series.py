"""Trends of one series (scenario, environment, profile) from plain points: no database, no files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.gate.statistics.slope import LEAST_RUNS, LEAST_WEEKS, SlopeEstimate, benjamini_hochberg, theil_sen
from loadtest.history.models import TOTAL, SeriesPoint
from loadtest.trends.change_points import LEAST_SIDE, find_jumps
from loadtest.trends.models import ChangePoint, Direction, MetricTrend, Slope, TrendPoint
from loadtest.trends.words import jump_sentence

METRICS = ("p95_ms", "p50_ms")
LEAST_ENDPOINTS = 4  # below, "all endpoints together" is hardly more than one of them
WORTH_SAYING = 0.05  # change over the window
EXCLUDED = 0.10  # steady: an interval that lies within this over the window
_SECONDS_PER_WEEK = 7 * 86_400.0
_LEVEL = 0.05
_SAME_JUMP = 2  # runs
MOST_RECENT = 26  # runs

Table = Mapping[tuple[str, str], Sequence[SeriesPoint]]  # (endpoint, metric) -> runs, oldest first


@dataclass(frozen=True)
class _Line:
    """One metric of one endpoint (None: all together): points, their times in weeks and logs, and the logs with what all
    endpoints have in common taken out."""

    endpoint: str | None
    metric: str
    points: tuple[TrendPoint, ...]
    weeks: np.ndarray
    logs: np.ndarray
    own: np.ndarray


def metric_trends(table: Table) -> tuple[list[MetricTrend], list[ChangePoint]]:
    """Slopes and jumps of p95 and p50 of each endpoint and of all together, largest jump first."""
    lines = [line for metric in METRICS for line in _lines(table, metric)]
    trends, changes = _judge(lines)
    # An endpoint that moves by itself would color what the others seem to have in common: look again without it.
    moved = _moved(trends, changes)
    if moved and len({endpoint for endpoint, _ in table} - {TOTAL} - moved) >= LEAST_ENDPOINTS - 1:
        trends, changes = _judge([line for metric in METRICS for line in _lines(table, metric, moved)])
    return trends, sorted(changes, key=lambda change: -abs(np.log1p(change.effect)))


def _judge(lines: Sequence[_Line]) -> tuple[list[MetricTrend], list[ChangePoint]]:
    estimates = [_estimate(line) for line in lines]
    found = [estimate.p for estimate in estimates if estimate is not None]
    adjusted = iter(benjamini_hochberg(np.array(found)) if found else ())
    trends = [
        MetricTrend(
            endpoint=line.endpoint,
            metric=line.metric,
            points=line.points,
            slope=_slope(line, estimate, float(next(adjusted)) if estimate is not None else None),
            latest_ms=_latest(line),
        )
        for line, estimate in zip(lines, estimates, strict=True)
    ]
    changes: list[ChangePoint] = []
    for line in lines:
        changes += [change for change in _jumps(line, len(lines)) if not _known(change, changes, line)]
    return trends, changes


def _moved(trends: Sequence[MetricTrend], changes: Sequence[ChangePoint]) -> set[str]:
    moving = (Direction.DEGRADING, Direction.IMPROVING)
    found = {trend.endpoint for trend in trends if trend.slope.direction in moving}
    return {endpoint for endpoint in (*found, *(change.endpoint for change in changes)) if endpoint is not None}


def recent_values(table: Table, changes: Sequence[ChangePoint]) -> dict[tuple[str | None, str], list[float]]:
    """The latest values that may be compared with the next run: same plan and host class as the newest, after the last
    jump of the endpoint or of all."""
    found = {}
    for (endpoint, metric), points in table.items():
        name = None if endpoint == TOTAL else endpoint
        since = [change.at for change in changes if change.endpoint in (None, name)]
        newest = (points[-1].digest, points[-1].host_class)
        alike = [point for point in points if (point.digest, point.host_class) == newest]
        found[name, metric] = [point.value for point in alike if not since or point.started_at >= max(since)][-MOST_RECENT:]
    return found


def _lines(table: Table, metric: str, apart: Collection[str] = ()) -> list[_Line]:
    """One line per endpoint and, first, one of all together. `apart`: endpoints that say nothing about what is common."""
    endpoints = sorted(endpoint for endpoint, name in table if name == metric and endpoint != TOTAL)
    segments = segments_of([point for endpoint in endpoints for point in table[endpoint, metric]])
    logs = {
        endpoint: {point.run_id: float(np.log(point.value)) for point in table[endpoint, metric] if point.value > 0}
        for endpoint in endpoints
    }
    runs = {point.run_id: point for endpoint in endpoints for point in table[endpoint, metric]}
    telling = {endpoint: values for endpoint, values in logs.items() if endpoint not in apart}
    common = _common(telling, LEAST_ENDPOINTS - bool(apart), {run_id: segments[_key(point)] for run_id, point in runs.items()})
    lines = []
    for endpoint in endpoints:
        points = [point for point in table[endpoint, metric] if point.value > 0]
        shared = np.array([common.get(point.run_id, 0.0) for point in points])
        lines.append(_line(endpoint, metric, points, [point.value for point in points], shared, segments))
    if common:
        ordered = sorted((runs[run_id] for run_id in common), key=lambda point: (point.started_at, point.run_id))
        level = np.exp(np.mean([np.median(list(values.values())) for values in logs.values() if values]))
        together = [float(level * np.exp(common[point.run_id])) for point in ordered]
        lines.insert(0, _line(None, metric, ordered, together, np.zeros(len(ordered)), segments))
    return [line for line in lines if line.points]


def _line(
    endpoint: str | None,
    metric: str,
    points: Sequence[SeriesPoint],
    values: Sequence[float],
    shared: np.ndarray,
    segments: Mapping[tuple[str | None, str | None], int],
) -> _Line:
    shown = tuple(
        TrendPoint(
            run_id=point.run_id,
            started_at=point.started_at,
            value_ms=value,
            commit=point.commit,
            outcome=str(point.outcome) if point.outcome else None,
            segment=segments[_key(point)],
        )
        for point, value in zip(points, values, strict=True)
    )
    logs = np.log(np.array(values, dtype=float))
    start = points[0].started_at if points else None
    weeks = np.array([(point.started_at - start).total_seconds() / _SECONDS_PER_WEEK for point in points if start])
    return _Line(endpoint, metric, shown, weeks, logs, logs - shared)


def _key(point: SeriesPoint) -> tuple[str | None, str | None]:
    return point.digest, point.host_class


def segments_of(points: Sequence[SeriesPoint]) -> dict[tuple[str | None, str | None], int]:
    """Runs of the same plan and host class may be compared; they are numbered in order of appearance."""
    keys = dict.fromkeys(_key(point) for point in sorted(points, key=lambda point: (point.started_at, point.run_id)))
    return {key: number for number, key in enumerate(keys)}


def _common(logs: Mapping[str, Mapping[str, float]], least: int, segment_of: Mapping[str, int]) -> dict[str, float]:
    """What all endpoints share in each run: the median of their distances to their own medians (per segment). Empty where
    there are too few endpoints to tell."""
    if len(logs) < least:
        return {}
    distances: dict[str, list[float]] = {}
    for values in logs.values():
        middles = {
            segment: float(np.median([value for run_id, value in values.items() if segment_of[run_id] == segment]))
            for segment in {segment_of[run_id] for run_id in values}
        }
        for run_id, value in values.items():
            distances.setdefault(run_id, []).append(value - middles[segment_of[run_id]])
    return {run_id: float(np.median(found)) for run_id, found in distances.items() if len(found) >= least}


def _estimate(line: _Line) -> SlopeEstimate | None:
    if len(line.points) < LEAST_RUNS or line.weeks[-1] < LEAST_WEEKS:
        return None
    return theil_sen(line.weeks, line.logs, np.array([point.segment for point in line.points]))


def _slope(line: _Line, estimate: SlopeEstimate | None, p_adjusted: float | None) -> Slope:
    runs, weeks = len(line.points), float(line.weeks[-1])
    if estimate is None or p_adjusted is None:
        return Slope(direction=Direction.TOO_FEW, runs=runs, weeks=weeks)
    over_window = float(np.expm1(estimate.slope * weeks))
    if p_adjusted < _LEVEL and abs(over_window) >= WORTH_SAYING:
        direction = Direction.DEGRADING if over_window > 0 else Direction.IMPROVING
    elif max(abs(np.expm1(estimate.low * weeks)), abs(np.expm1(estimate.high * weeks))) <= EXCLUDED:
        direction = Direction.STEADY
    else:
        direction = Direction.UNCLEAR
    return Slope(
        direction=direction,
        per_week=float(np.expm1(estimate.slope)),
        interval=(float(np.expm1(estimate.low)), float(np.expm1(estimate.high))),
        over_window=over_window,
        p_adjusted=p_adjusted,
        runs=runs,
        weeks=weeks,
    )


def _latest(line: _Line) -> float | None:
    last = [point.value_ms for point in line.points if point.segment == line.points[-1].segment][-5:]
    return float(np.median(last))


def _jumps(line: _Line, among: int) -> list[ChangePoint]:
    found = []
    for segment in sorted({point.segment for point in line.points}):
        chosen = [index for index, point in enumerate(line.points) if point.segment == segment]
        if len(chosen) < 2 * LEAST_SIDE:
            continue
        for jump in find_jumps(line.own[chosen], among=among):
            before, after = line.points[chosen[jump.at - 1]], line.points[chosen[jump.at]]
            change = ChangePoint(
                endpoint=line.endpoint,
                metric=line.metric,
                at=after.started_at,
                effect=float(np.expm1(jump.size)),
                interval=(float(np.expm1(jump.low)), float(np.expm1(jump.high))),
                run_before=before.run_id,
                run_after=after.run_id,
                commit_before=before.commit,
                commit_after=after.commit,
            )
            found.append(change.model_copy(update={"sentence": jump_sentence(change)}))
    return found


def _known(jump: ChangePoint, known: Sequence[ChangePoint], line: _Line) -> bool:
    """Whether another metric of the same endpoint has told of it: p95 and p50 mostly jump together."""
    place = {point.run_id: index for index, point in enumerate(line.points)}
    return any(
        other.endpoint == jump.endpoint
        and other.effect * jump.effect > 0
        and abs(place.get(other.run_after, -10_000) - place[jump.run_after]) <= _SAME_JUMP
        for other in known
    )
