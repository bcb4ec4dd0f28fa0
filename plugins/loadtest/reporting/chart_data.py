"""Rows and alternative texts of the report's charts: plain lists of dicts, so that they can be tested without drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from loadtest import wording
from loadtest.analysis.models import TimelinePoint
from loadtest.reporting.escape import NAME_LIMIT, plain, shorten_endpoint
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import SEVERITY
from loadtest.wording import plural

Rows = list[dict[str, Any]]

MOST_ENDPOINTS = 25  # in one chart: more cannot be read
MOST_PICKED = 30  # in a list to choose from
MOST_BINS = 400
MOST_BINS_PER_ENDPOINT = 120
LABEL_LENGTH = 44
ALL = "All together"
TOTAL = "Total"  # as metrics.json and the history name it
Z_90 = 1.645


def important_endpoints(files: RunFiles, most: int) -> list[str]:
    """The endpoints worth a chart: flagged ones first, worst first, then those with most requests."""
    rank: dict[str, int] = {}
    for finding in files.findings:
        if finding.endpoint is not None and finding.counts:
            level = SEVERITY.index(finding.outcome)
            rank[finding.endpoint] = min(level, rank.get(finding.endpoint, level))
    rows = files.metrics.endpoints if files.metrics else ()
    ordered = sorted(rows, key=lambda row: (rank.get(row.endpoint, len(SEVERITY)), -row.n, row.endpoint))
    return [row.endpoint for row in ordered[:most]]


def label(endpoint: str) -> str:
    return shorten_endpoint(plain(endpoint, NAME_LIMIT), LABEL_LENGTH)


def labels(endpoints: Sequence[str]) -> dict[str, str]:
    """A short label of each endpoint, all different: endpoints that look alike when shortened get a number."""
    given: dict[str, str] = {}
    for endpoint in endpoints:
        short = label(endpoint) or "(empty name)"
        taken = sum(other == short or other.startswith(f"{short} (") for other in given.values())
        given[endpoint] = f"{short} ({taken + 1})" if taken else short
    return given


def shaded_phases(files: RunFiles) -> Rows:
    """Ramp and drain, which are not judged, and when the service failed its health check."""
    phases = files.analysis.phases if files.analysis else ()
    shaded: Rows = [
        {"phase": phase.name, "start": phase.start_s, "end": phase.end_s} for phase in phases if phase.name != "steady"
    ]
    if files.load is not None:
        for outage in files.load.health.outages:
            start = max(0.0, (outage.started_at - files.load.started_at).total_seconds())
            shaded.append({"phase": "the service failed its health check", "start": start, "end": start + outage.duration_s})
    return shaded


def latency_rows(files: RunFiles) -> tuple[Rows, list[str]]:
    """Rows of endpoint, t, p50, p95, n; and the names to choose from, all together first."""
    if files.analysis is None or not any(point.p50_ms is not None for point in files.analysis.timeline):
        return [], []
    rows = _points(ALL, files.analysis.timeline, MOST_BINS)
    timelines = {line.endpoint: line.points for line in files.analysis.endpoint_timelines}
    chosen = [endpoint for endpoint in important_endpoints(files, MOST_PICKED) if endpoint in timelines]
    names = labels(chosen)
    for endpoint in chosen:
        rows += _points(names[endpoint], timelines[endpoint], MOST_BINS_PER_ENDPOINT)
    return rows, [ALL, *names.values()]


def _points(name: str, points: Sequence[TimelinePoint], most: int) -> Rows:
    stride = math.ceil(len(points) / most) if points else 1
    return [
        {"endpoint": name, "t": point.start_s, "p50": rounded(point.p50_ms), "p95": rounded(point.p95_ms), "n": point.n}
        for point in points[::stride]
        if point.p50_ms is not None
    ]


def rounded(value: float | None) -> float | None:
    """Four significant digits: more only makes the file larger."""
    return None if value is None else float(f"{value:.4g}")


def latency_text(files: RunFiles) -> str:
    total = files.metrics.total if files.metrics else None
    text = "Latency of successful requests in each time bin; shaded: ramp and drain, which are not judged."
    if total is None or total.p50_ms is None:
        return text
    p50, p95 = wording.ms(total.p50_ms), wording.ms(total.p95_ms)
    return f"{text} Over the steady phase, all endpoints together: p50 {p50}, p95 {p95}."


def load_rows(files: RunFiles) -> Rows:
    points = files.analysis.timeline if files.analysis else ()
    stride = math.ceil(len(points) / MOST_BINS) if points else 1
    return [{"t": point.start_s, "rps": rounded(point.rps), "users": point.users} for point in points[::stride]]


def load_text(files: RunFiles, rows: Rows) -> str:
    users = max((row["users"] for row in rows if row["users"] is not None), default=None)
    text = "Requests per second over time" + (f", with up to {plural(users, 'user')}." if users is not None else ".")
    return text + (f" Over the steady phase: {wording.rate(files.metrics.total.rps)} per second." if files.metrics else "")


def error_rows(files: RunFiles) -> Rows:
    """Bins with failed requests; none when nothing failed. Long runs: several bins are added up."""
    if files.analysis is None or not any(point.errors for point in files.analysis.timeline):
        return []
    points, bin_s = files.analysis.timeline, files.analysis.bin_s
    stride = math.ceil(len(points) / MOST_BINS)
    groups = [points[start : start + stride] for start in range(0, len(points), stride)]
    return [
        {
            "t": group[0].start_s,
            "end": group[-1].start_s + bin_s,
            "errors": sum(point.errors for point in group),
            "n": sum(point.n for point in group),
        }
        for group in groups
        if any(point.errors for point in group)
    ]


def error_text(files: RunFiles, rows: Rows) -> str:
    total, first, last = sum(row["errors"] for row in rows), rows[0]["t"], rows[-1]["end"]
    return f"{plural(total, 'failed request')} in the whole run, the first at second {first:g}, the last before second {last:g}."
