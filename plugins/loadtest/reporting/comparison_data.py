"""Rows and alternative texts of the charts that compare: with the baseline, with a usual distribution, with earlier runs."""

from __future__ import annotations

import math
from statistics import median

from loadtest import wording
from loadtest.analysis.models import QUANTILES, Analysis
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import EndpointSummary
from loadtest.reporting.chart_data import ALL, MOST_ENDPOINTS, MOST_PICKED, TOTAL, Rows, important_endpoints, labels, rounded
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import SEVERITY, Criterion, Outcome
from loadtest.wording import plural

Z_90 = 1.645


def compared_with(files: RunFiles) -> str:
    """What this run is compared with."""
    against = files.comparison.against if files.comparison else None
    return f"the base, commit {wording.commit(plain(against, 80))}" if against else "the baseline"


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
            "metric": wording.metric_label(finding.metric),
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
    text = f"Change of each endpoint against {compared_with(files)} with its interval; right of zero is slower."
    text += " Dashed is the tolerance."
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
                    "change": rounded(math.expm1(value - middle)),
                    "change_low": rounded(math.expm1(value - spread - middle)),
                    "change_high": rounded(math.expm1(value + spread - middle)),
                    "past_low": rounded(math.expm1(min(past) - middle)),
                    "past_high": rounded(math.expm1(max(past) - middle)),
                    "ms": rounded(math.exp(value)),
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
        "low": rounded(math.exp(min(logs))),
        "mid": rounded(math.exp(median(logs))),
        "high": rounded(math.exp(max(logs))),
    }


def baseline_text(files: RunFiles, rows: Rows) -> str:
    total, shown = len(files.metrics.endpoints) if files.metrics else 0, len({row["full"] for row in rows})
    runs = plural(len(files.baseline), "baseline run")
    text = (
        f"Points: this run with its 90 % interval, p50 above p95. Gray bars: the range of {runs} around their median. "
        "Unlike the findings, this includes the host's luck of this run."
    )
    return text + (f" {shown} of {total} endpoints are drawn, flagged ones first." if total > shown else "")


def distribution_rows(files: RunFiles) -> tuple[Rows, Rows, Rows, list[str]]:
    """This run's quantiles, those of the base it took turns with, the baseline's where it has them (p50, p95, p99), and the
    names to choose from."""
    distributions = quantiles_ms(files.analysis)
    chosen = [endpoint for endpoint in important_endpoints(files, MOST_PICKED) if endpoint in distributions]
    names = labels(chosen)
    rows = quantile_rows(distributions, names)
    base = quantile_rows(quantiles_ms(files.base_analysis), names)
    reference = [
        {"endpoint": names[endpoint], "nines": _nines(share), "share": share, **_range(past)}
        for endpoint in chosen
        for share, attribute in ((0.5, "log_p50"), (0.95, "log_p95"), (0.99, "log_p99"))
        if (past := _past(files, endpoint, attribute))
    ]
    return rows, base, reference, list(names.values())


def quantiles_ms(analysis: Analysis | None) -> dict[str, tuple[float, ...]]:
    return {row.endpoint: row.quantiles_ms for row in analysis.distributions} if analysis else {}


def quantile_rows(distributions: dict[str, tuple[float, ...]], names: dict[str, str]) -> Rows:
    """One row per point of each endpoint's distribution; `names`: what the chart calls each endpoint."""
    return [
        {"endpoint": name, "nines": _nines(share), "share": share, "ms": rounded(value)}
        for endpoint, name in names.items()
        for share, value in zip(QUANTILES, distributions.get(endpoint, ()), strict=False)
        if value > 0
    ]


def _nines(share: float) -> float:
    """Places the tail, where people suffer, as far apart as the bulk: 90 %, 99 %, 99.9 % at 1, 2, 3."""
    return round(-math.log10(1 - share), 5)


def distribution_text(with_baseline: bool, base: str = "") -> str:
    text = "Latency below which a share of the successful requests stayed; the tail is stretched."
    if base:
        text += f" Blue: this build. Orange, dashed: {base}."
    return text + (" Gray: the range of the baseline's runs at p50, p95 and p99, with their median." if with_baseline else "")


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
            "ms": rounded(point.value_ms),
            "outcome": point.outcome.value if point.outcome else "not judged",
            "commit": wording.commit(plain(point.commit, 80) if point.commit else None),
        }
        for trend in trends
        for point in trend.points
    ]
    anchors = [{"endpoint": names[t.endpoint], "ms": rounded(t.anchor_ms)} for t in trends if t.anchor_ms is not None]
    onsets = [{"endpoint": names[t.endpoint], "when": t.onset.isoformat()} for t in trends if t.onset is not None]
    return points, anchors, onsets, list(names.values())


def trend_metric(files: RunFiles) -> str:
    return wording.metric_label(files.trend[0].metric) if files.trend else ""


def trend_text(files: RunFiles) -> str:
    runs = max((len(trend.points) for trend in files.trend), default=0)
    drifting = [plain(trend.endpoint, NAME_LIMIT) for trend in files.trend if trend.onset is not None]
    text = f"The last {plural(runs, 'run')} of this scenario, environment and profile. Dashed: the anchor of the baseline."
    return text + (f" Drift began (dotted line) at {', '.join(drifting[:3])}." if drifting else " No drift from it was found.")
