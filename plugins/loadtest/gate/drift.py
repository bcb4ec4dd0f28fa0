"""Slow regressions that no single comparison sees: a CUSUM of each run's difference to the pinned anchor (Page 1954).

Each accepted run adds its difference to the anchor (host factor removed), less an allowance; the sum never falls below
0. It is compared with a limit set by the noise. One wild run is clipped, so that it alone cannot reach the limit. The
reference is the anchor, never a rolling mean: a mean that follows +3 % a week sees nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest import wording
from loadtest.gate.comparison import known_endpoints
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.comparability import LEAST_RUNS, comparable_runs
from loadtest.gate.statistics.fit import fit_metric, score
from loadtest.gate.statistics.global_factor import LEAST_ENDPOINTS
from loadtest.gate.statistics.host import host_model
from loadtest.gate.statistics.judged_metrics import PROVING, TYPICAL, values
from loadtest.gate.statistics.sessions import concentration, sessions_of
from loadtest.vocabulary import Criterion, Outcome

SMALLEST_SHIFT = float(np.log(1.05))
SURE = 1.645  # normal quantile of a one-sided 95 % bound


@dataclass(frozen=True)
class Drift:
    """A sustained regression since the anchor. Indexes are into the series given; `level` is the median difference
    since the onset and `last` the newest one, log scale; `statistic` crossed `limit` at `detected`."""

    onset: int
    detected: int
    level: float
    last: float
    statistic: float
    limit: float


def detect_drift(estimates: np.ndarray | Sequence[float], sd: float, anchor_error: float = 0.0) -> Drift | None:
    """CUSUM over differences to the anchor, oldest first (log scale; NaN: run without this endpoint, skipped).

    `sd` is the spread of one run's difference, `anchor_error` the standard error of the anchor itself. An anchor that
    was fast by luck makes every later run look slow, forever, so half its error is allowed for (more would delay the
    find of +3 % a week beyond x1.2). Returns the drift that is there at the END of the series, None when the system is
    well (again). a = max(sd/2, log 1.05/2) + anchor error/2; clip = max(3 sd, 1.5 log 1.05); H = max(8 sd, 2.5 (clip - a)).
    Raises ValueError unless sd is a positive number.
    """
    if not (np.isfinite(sd) and sd > 0):
        raise ValueError(f"the spread of a run must be a positive number, not {sd}")
    series = np.asarray(estimates, dtype=float)
    allowance = max(sd / 2, SMALLEST_SHIFT / 2) + anchor_error / 2
    clip = max(3 * sd, 1.5 * SMALLEST_SHIFT)
    limit = max(8 * sd, 2.5 * (clip - allowance))
    statistic, onset, detected = 0.0, 0, None
    for index, value in enumerate(series):
        if not np.isfinite(value):
            continue
        if statistic == 0.0:
            onset = index
        # the sum is held at twice the limit, so that a fixed regression is forgotten in a bounded number of runs
        statistic = min(max(0.0, statistic + float(np.clip(value, -clip, clip)) - allowance), 2 * limit)
        if statistic == 0.0:
            detected = None
        elif statistic > limit and detected is None:
            detected = index
    if detected is None or statistic <= limit:
        return None
    since = series[onset:][np.isfinite(series[onset:])]
    return Drift(onset, detected, float(np.median(since)), float(since[-1]), statistic, limit)


@dataclass(frozen=True)
class DriftSeries:
    """Differences of each run to the anchor: of one endpoint's metric, or of all endpoints together (endpoint None)."""

    endpoint: str | None
    metric: str
    label: str
    estimates: np.ndarray
    sd: float
    anchor_error: float
    anchor_log: float | None  # the anchor's location, log of the metric's unit


def drift_series(anchor: Sequence[RunSummary], runs: Sequence[RunSummary]) -> list[DriftSeries]:
    """Series for every endpoint known to the anchor (typical latency and p95), and for the common factor.

    `runs` are the accepted runs since the anchor, any order, of the anchor's plan and host class (see `drift_findings`).
    """
    ordered = sorted(runs, key=lambda run: (run.started_at, run.run_id))
    endpoints = known_endpoints(anchor)
    found = []
    for metric in PROVING:
        fit = fit_metric(*values(anchor, endpoints, metric))
        value, variance = values(ordered, endpoints, metric)
        scores = [score(fit, value[row : row + 1], variance[row : row + 1]) for row in range(len(ordered))]
        within = np.array([np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in variance.T])
        for index, endpoint in enumerate(endpoints):
            estimates = np.array([one.difference[index] for one in scores])
            if fit.judged[index] and np.isfinite(estimates).any():
                sd = float(np.sqrt(fit.between[index] + within[index]))
                error = float(np.sqrt(fit.mu_variance[index]))
                found.append(DriftSeries(endpoint, metric.name, metric.label, estimates, sd, error, float(fit.mu[index])))
        if metric is TYPICAL and fit.judged.sum() >= LEAST_ENDPOINTS and ordered:
            common, sd = _without_host(np.array([one.host for one in scores]), fit.host, anchor, ordered)
            found.append(DriftSeries(None, metric.name, metric.label, common, sd, sd / np.sqrt(len(anchor)), None))
    return found


def _without_host(
    common: np.ndarray, anchor_common: np.ndarray, anchor: Sequence[RunSummary], runs: Sequence[RunSummary]
) -> tuple[np.ndarray, float]:
    """Common factor of each run less what the host probe explains (if every run has one), and its spread.

    How closely latency follows the probe is the same unknown in every run, so it is no noise that a sum averages out: a
    remainder that the slope's 95 % bound could explain is the host's.
    """
    host = host_model(anchor_common, anchor, concentration(sessions_of(anchor)), 0.0)
    change = host.probe_changes(runs)
    if change is None:
        return common, max(float(np.std(anchor_common, ddof=1)), 0.01)
    left = common - host.slope * change
    unsure = SURE * np.sqrt(host.slope_variance) * np.abs(change)
    spread = np.sqrt(host.variance * (1 + host.concentration))
    return np.sign(left) * np.maximum(np.abs(left) - unsure, 0.0), float(spread)


def drift_findings(anchor: Sequence[RunSummary], runs: Sequence[RunSummary]) -> tuple[Finding, ...]:
    """`warn` findings "regressed since the anchor", largest first: one per endpoint, by the metric that drifted most.

    `runs`: the accepted runs since the anchor, the newest one included. Runs of another plan or host class than the
    newest take no part; with fewer than 3 comparable anchor runs there is nothing to say.
    """
    if not runs:
        return ()
    newest = max(runs, key=lambda run: (run.started_at, run.run_id))
    basis = comparable_runs(anchor, newest)
    if len(basis.runs) < LEAST_RUNS:
        return ()
    alike = [run for run in runs if run.digest == newest.digest and run.host_class == newest.host_class]
    alike.sort(key=lambda run: (run.started_at, run.run_id))
    worst: dict[str | None, Finding] = {}
    for series in drift_series(basis.runs, alike):
        drift = detect_drift(series.estimates, series.sd, series.anchor_error)
        if drift is None:
            continue
        finding = _finding(series, drift, basis.runs, alike)
        known = worst.get(series.endpoint)
        if known is None or (finding.effect or 0) > (known.effect or 0):
            worst[series.endpoint] = finding
    return tuple(sorted(worst.values(), key=lambda finding: -(finding.effect or 0)))


def _finding(series: DriftSeries, drift: Drift, anchor: Sequence[RunSummary], runs: Sequence[RunSummary]) -> Finding:
    onset = runs[drift.onset]
    who = f"{series.endpoint} {series.label}" if series.endpoint else "all endpoints together"
    before = next((run.commit for run in reversed(runs[: drift.onset]) if run.commit), anchor[-1].commit)
    commits = f", commit {onset.commit[:12]}" if onset.commit else ""
    sentence = (
        f"{who} regressed since the anchor: {wording.log_change(drift.last)} now, {wording.log_change(drift.level)} in the "
        f"{wording.plural(len(runs) - drift.onset, 'run')} since {onset.started_at:%Y-%m-%d} ({onset.run_id}{commits})"
    )
    reference = None if series.anchor_log is None else float(np.exp(series.anchor_log))
    return Finding(
        criterion=Criterion.DRIFT,
        outcome=Outcome.WARN,
        sentence=sentence,
        endpoint=series.endpoint,
        metric=series.metric,
        observed=None if reference is None else reference * float(np.exp(drift.last)),
        reference=reference,
        effect=float(np.expm1(drift.last)),
        evidence={
            "onset_run": onset.run_id,
            "onset_at": onset.started_at.isoformat(),
            "onset_commit": onset.commit,
            "commit_before_onset": before,
            "detected_run": runs[drift.detected].run_id,
            "level": float(np.expm1(drift.level)),
            "statistic": drift.statistic,
            "limit": drift.limit,
            "sd": series.sd,
            "anchor_runs": len(anchor),
            "runs": len(runs),
        },
    )
