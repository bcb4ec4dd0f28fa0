"""Rows and alternative texts of the report's charts: plain lists of dicts, so that they can be tested without drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from loadtest.analysis.models import QUANTILES, EndpointMetrics, TimelinePoint
from loadtest.gate.models import EndpointSummary, Finding
from loadtest.gate.wording import plural
from loadtest.reporting import format
from loadtest.reporting.escape import NAME_LIMIT, plain, shorten_endpoint
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import SEVERITY, Criterion, Outcome

Rows = list[dict[str, Any]]

MOST_ENDPOINTS = 25  # in one chart: more cannot be read
MOST_PICKED = 30  # in a list to choose from
MOST_BINS = 400
MOST_BINS_PER_ENDPOINT = 120
LABEL_LENGTH = 44
ALL = "All together"
TOTAL = "Total"  # as metrics.json and the history name it
OUTSIDE = "outside"
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
    """Ramp and drain: what is not judged."""
    phases = files.analysis.phases if files.analysis else ()
    return [{"phase": phase.name, "start": phase.start_s, "end": phase.end_s} for phase in phases if phase.name != "steady"]


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
        {"endpoint": name, "t": point.start_s, "p50": _rounded(point.p50_ms), "p95": _rounded(point.p95_ms), "n": point.n}
        for point in points[::stride]
        if point.p50_ms is not None
    ]


def _rounded(value: float | None) -> float | None:
    """Four significant digits: more only makes the file larger."""
    return None if value is None else float(f"{value:.4g}")


def latency_text(files: RunFiles) -> str:
    total = files.metrics.total if files.metrics else None
    text = "Latency of successful requests in each time bin; shaded: ramp and drain, which are not judged."
    if total is None or total.p50_ms is None:
        return text
    return f"{text} Over the steady phase, all endpoints together: p50 {format.ms(total.p50_ms)}, p95 {format.ms(total.p95_ms)}."


def tolerance(files: RunFiles) -> float | None:
    if files.plan is None:
        return None
    return files.plan.scenario.criteria.tolerance or files.plan.profile.tolerance


def effect_rows(files: RunFiles) -> Rows:
    """The most telling comparison of each endpoint: its change and interval, worst first."""
    best: dict[str, Finding] = {}
    for finding in files.findings:  # worst first
        if finding.criterion is Criterion.REGRESSION and finding.endpoint and finding.effect is not None and finding.interval:
            held = best.get(finding.endpoint)
            if held is None or (held.outcome is finding.outcome and finding.effect > (held.effect or 0)):
                best[finding.endpoint] = finding
    ordered = sorted(best.values(), key=lambda finding: (SEVERITY.index(finding.outcome), -(finding.effect or 0)))
    shown = ordered[:MOST_ENDPOINTS]
    names = labels([finding.endpoint or "" for finding in shown])
    return [
        {
            "endpoint": names[finding.endpoint or ""],
            "full": plain(finding.endpoint, NAME_LIMIT),
            "metric": format.metric(finding.metric),
            "effect": finding.effect,
            "low": finding.interval[0],
            "high": finding.interval[1],
            "outcome": finding.outcome.value,
        }
        for finding in shown
        if finding.interval
    ]


def effect_text(files: RunFiles, rows: Rows) -> str:
    judged = {f.endpoint for f in files.findings if f.criterion is Criterion.REGRESSION and f.interval}
    flagged = [row for row in rows if row["outcome"] in (Outcome.FAIL, Outcome.WARN)]
    text = "Change of each endpoint against the baseline with its interval; right of zero is slower, dashed is the tolerance."
    text += f" {plural(len(flagged), 'endpoint')} flagged." if flagged else " None is flagged."
    return text + (f" The {len(rows)} most telling of {len(judged)} endpoints are drawn." if len(judged) > len(rows) else "")


def baseline_rows(files: RunFiles) -> Rows:
    """p50 and p95 of this run (with its 90 % interval, within the run) and the range of the baseline's runs, each relative
    to the median of the baseline's runs (0.31: 31 % slower), since endpoints differ a hundredfold."""
    summary = files.regression.summary if files.regression else None
    if summary is None or not files.baseline:
        return []
    now = {row.endpoint: row for row in summary.endpoints}
    chosen = [endpoint for endpoint in important_endpoints(files, MOST_ENDPOINTS) if endpoint in now]
    names = labels(chosen)
    rows = []
    for endpoint in chosen:
        for metric in ("p50", "p95"):
            value, variance = getattr(now[endpoint], f"log_{metric}"), getattr(now[endpoint], f"var_log_{metric}")
            past = _past(files, endpoint, f"log_{metric}")
            if value is None or not past:
                continue
            spread, middle = Z_90 * math.sqrt(variance or 0.0), median(past)
            rows.append(
                {
                    "endpoint": names[endpoint],
                    "full": plain(endpoint, NAME_LIMIT),
                    "metric": metric,
                    "change": _rounded(math.expm1(value - middle)),
                    "change_low": _rounded(math.expm1(value - spread - middle)),
                    "change_high": _rounded(math.expm1(value + spread - middle)),
                    "past_low": _rounded(math.expm1(min(past) - middle)),
                    "past_high": _rounded(math.expm1(max(past) - middle)),
                    "ms": _rounded(math.exp(value)),
                    **_range(past),
                }
            )
    return rows


def _past(files: RunFiles, endpoint: str, attribute: str) -> list[float]:
    """The baseline runs' values, as logarithms of milliseconds."""
    rows: list[EndpointSummary] = [row for run in files.baseline for row in run.endpoints if row.endpoint == endpoint]
    return [value for row in rows if (value := getattr(row, attribute)) is not None]


def _range(logs: list[float]) -> dict[str, float | None]:
    return {
        "low": _rounded(math.exp(min(logs))),
        "mid": _rounded(math.exp(median(logs))),
        "high": _rounded(math.exp(max(logs))),
    }


def baseline_text(files: RunFiles, rows: Rows) -> str:
    total, shown = len(files.metrics.endpoints) if files.metrics else 0, len({row["full"] for row in rows})
    runs = plural(len(files.baseline), "baseline run")
    text = (
        f"Points: this run with its 90 % interval, p50 above p95. Gray bars: the range of {runs} around their median. "
        "Unlike the findings, this includes the host's luck of this run."
    )
    return text + (f" {shown} of {total} endpoints are drawn, flagged ones first." if total > shown else "")


def distribution_rows(files: RunFiles) -> tuple[Rows, Rows, list[str]]:
    """This run's quantiles, the baseline's where it has them (p50, p95, p99), and the names to choose from."""
    distributions = {row.endpoint: row.quantiles_ms for row in files.analysis.distributions} if files.analysis else {}
    chosen = [endpoint for endpoint in important_endpoints(files, MOST_PICKED) if endpoint in distributions]
    names = labels(chosen)
    rows = [
        {"endpoint": names[endpoint], "nines": _nines(share), "share": share, "ms": _rounded(value)}
        for endpoint in chosen
        for share, value in zip(QUANTILES, distributions[endpoint], strict=False)
        if value > 0
    ]
    reference = [
        {"endpoint": names[endpoint], "nines": _nines(share), "share": share, **_range(past)}
        for endpoint in chosen
        for share, attribute in ((0.5, "log_p50"), (0.95, "log_p95"), (0.99, "log_p99"))
        if (past := _past(files, endpoint, attribute))
    ]
    return rows, reference, list(names.values())


def _nines(share: float) -> float:
    """Places the tail, where people suffer, as far apart as the bulk: 90 %, 99 %, 99.9 % at 1, 2, 3."""
    return round(-math.log10(1 - share), 5)


def distribution_text(with_baseline: bool) -> str:
    text = "Latency below which a share of the successful requests stayed; the tail is stretched."
    return text + (" Gray: the range of the baseline's runs at p50, p95 and p99, with their median." if with_baseline else "")


def load_rows(files: RunFiles) -> Rows:
    points = files.analysis.timeline if files.analysis else ()
    stride = math.ceil(len(points) / MOST_BINS) if points else 1
    return [{"t": point.start_s, "rps": _rounded(point.rps), "users": point.users} for point in points[::stride]]


def load_text(files: RunFiles, rows: Rows) -> str:
    users = max((row["users"] for row in rows if row["users"] is not None), default=None)
    text = "Requests per second over time" + (f", with up to {plural(users, 'user')}." if users is not None else ".")
    return text + (f" Over the steady phase: {format.rate(files.metrics.total.rps)} per second." if files.metrics else "")


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


def server_rows(files: RunFiles) -> Rows:
    """Parts of the median latency: server components and what is left of it."""
    if files.metrics is None:
        return []
    by_name = {row.endpoint: row for row in files.metrics.endpoints if row.server and row.p50_ms}
    chosen = [endpoint for endpoint in important_endpoints(files, 10_000) if endpoint in by_name][:MOST_ENDPOINTS]
    names = labels(chosen)
    rows = []
    for endpoint in chosen:
        metrics = by_name[endpoint]
        for rank, (component, value) in enumerate(server_parts(metrics).items()):
            rows.append(
                {
                    "endpoint": names[endpoint],
                    "full": plain(endpoint, NAME_LIMIT),
                    "component": plain(component, 30),
                    "ms": _rounded(value),
                    "rank": rank,
                }
            )
    return rows


def server_parts(metrics: EndpointMetrics) -> dict[str, float]:
    """The median latency in ms by where it was spent. Medians do not add up exactly, so nothing is below zero. Where the
    server reports a `total` beside others, it encloses them, as in `loadtest.analysis.server_share`."""
    parts = {component.component: component.p50_ms for component in metrics.server}
    if "total" in parts and len(parts) > 1:
        total = parts.pop("total")
        parts["other (server)"] = max(0.0, total - sum(parts.values()))
    parts[OUTSIDE] = max(0.0, (metrics.p50_ms or 0.0) - sum(parts.values()))
    return parts


def trend_rows(files: RunFiles) -> tuple[Rows, Rows, Rows, list[str]]:
    """Points, anchors, drift onsets, and the names to choose from; drifting endpoints first, then the important ones."""
    important = {endpoint: rank for rank, endpoint in enumerate(important_endpoints(files, 10_000))}
    trends = [trend for trend in files.trend if trend.points]
    trends.sort(key=lambda trend: (trend.onset is None, important.get(trend.endpoint, len(important))))
    trends = trends[:MOST_PICKED]
    names = labels([trend.endpoint for trend in trends]) | (
        {TOTAL: ALL} if any(trend.endpoint == TOTAL for trend in trends) else {}
    )
    points = [
        {
            "endpoint": names[trend.endpoint],
            "run": plain(point.run_id, 80),
            "when": point.started_at.isoformat(),
            "ms": _rounded(point.value_ms),
            "outcome": point.outcome.value if point.outcome else "not judged",
            "commit": format.commit(plain(point.commit, 80) if point.commit else None),
        }
        for trend in trends
        for point in trend.points
    ]
    anchors = [{"endpoint": names[t.endpoint], "ms": _rounded(t.anchor_ms)} for t in trends if t.anchor_ms is not None]
    onsets = [{"endpoint": names[t.endpoint], "when": t.onset.isoformat()} for t in trends if t.onset is not None]
    return points, anchors, onsets, list(names.values())


def trend_metric(files: RunFiles) -> str:
    return format.metric(files.trend[0].metric) if files.trend else ""


def trend_text(files: RunFiles) -> str:
    runs = max((len(trend.points) for trend in files.trend), default=0)
    drifting = [plain(trend.endpoint, NAME_LIMIT) for trend in files.trend if trend.onset is not None]
    text = f"The last {plural(runs, 'run')} of this scenario, environment and profile. Dashed: the anchor of the baseline."
    return text + (f" Drift began (dotted line) at {', '.join(drifting[:3])}." if drifting else " No drift from it was found.")
