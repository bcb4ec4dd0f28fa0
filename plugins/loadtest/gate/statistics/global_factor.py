"""Are all endpoints together slower, and is it the host or the build?

The common factor of a run is removed from every endpoint's comparison, so it must be judged itself. It is compared with
the common factors of the baseline's runs. The host probe, a fixed piece of work before and after each run, knows the
host but not the build: if the factor is gone once the probe's change is subtracted, it was the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.fit import MetricFit, Score

GLOBAL_LEVEL = 0.005
GLOBAL_SUSPECT_LEVEL = 0.02
GLOBAL_LEAST_EFFECT = 0.05
LEAST_ENDPOINTS = 3  # fewer cannot tell a common factor from their own noise


@dataclass(frozen=True)
class Shift:
    """A common change on the log scale, one-sided p of "slower", 90 % interval."""

    change: float
    p: float
    low: float
    high: float

    def slower(self, level: float) -> bool:
        return self.p < level and self.change > np.log1p(GLOBAL_LEAST_EFFECT)


@dataclass(frozen=True)
class GlobalFactor:
    """`raw`: all endpoints together; `without_host`: after subtracting the probe's change, None without a probe."""

    raw: Shift
    without_host: Shift | None
    probe_change: float | None
    baseline_sd: float


def common_factor(
    fit: MetricFit, result: Score, baseline: Sequence[RunSummary], candidates: Sequence[RunSummary]
) -> GlobalFactor | None:
    """None with fewer than 3 judged endpoints. Candidate runs of one session share their host: more of them make the
    common factor better known, not the host more ordinary, so the between-run variance is not divided by their number."""
    if fit.judged.sum() < LEAST_ENDPOINTS or not np.isfinite(result.difference).any():
        return None
    raw = _shift(result.host, fit.host, result.host_error_variance)
    probes = [probe_time(run) for run in baseline]
    now = [probe_time(run) for run in candidates]
    if None in probes or None in now:
        return GlobalFactor(raw, None, None, float(np.std(fit.host, ddof=1)))
    before = np.log(np.array(probes, dtype=float))
    change = float(np.mean(np.log(np.array(now, dtype=float))) - before.mean())
    unexplained = fit.host - (before - before.mean())
    without = _shift(result.host - change, unexplained, result.host_error_variance)
    return GlobalFactor(raw, without, change, float(np.std(fit.host, ddof=1)))


def probe_time(run: RunSummary) -> float | None:
    """Geometric mean of the probe's four times, seconds: CPU and loopback, before and after the load."""
    probe = run.host_probe
    if probe is None:
        return None
    times = (probe.cpu_before_s, probe.cpu_after_s, probe.loopback_before_s, probe.loopback_after_s)
    return float(np.exp(np.mean(np.log(times)))) if min(times) > 0 else None


def _shift(change: float, baseline: np.ndarray, error_variance: float) -> Shift:
    """Predict one more run from the baseline's common factors: a t interval with K - 1 degrees of freedom."""
    runs = len(baseline)
    variance = max(float(np.var(baseline, ddof=1)), error_variance, 1e-4)
    error = np.sqrt(variance * (1 + 1 / runs))
    df = runs - 1
    half = float(stdtrit(df, 0.95)) * error
    return Shift(change, float(stdtr(df, -change / error)), change - half, change + half)
