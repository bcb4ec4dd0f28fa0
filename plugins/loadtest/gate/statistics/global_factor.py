"""Are all endpoints together slower, or half of them, and is it the host or the build?

The common factor of a run is removed from every endpoint's comparison, so it must be judged itself, as it is, unshrunk: against
what the host probe foretells (`host`), and against how much hosts differ anyway. A pass must exclude that all endpoints,
or the slower half of them, are slower by more than the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.comparability import Basis
from loadtest.gate.statistics.fit import MetricFit, Score, huber_location
from loadtest.gate.statistics.host import HostModel, host_model

GLOBAL_LEVEL = 0.005
GLOBAL_SUSPECT_LEVEL = 0.02
GLOBAL_LEAST_EFFECT = 0.05
LEAST_ENDPOINTS = 3  # fewer cannot tell a common factor from their own noise
EXCLUDED_LEVEL = 0.98  # one-sided, of what a pass excludes: of many endpoints at once more is at stake
NOISE_OF_QUARTILE = 0.3  # in sd: half of what noise alone adds to the slower quarter's fastest, to stay on the safe side


@dataclass(frozen=True)
class Shift:
    """A common change on the log scale, one-sided p of "slower", 90 % interval."""

    change: float
    p: float
    low: float
    high: float
    excluded: float  # upper bound at EXCLUDED_LEVEL

    def slower(self, level: float) -> bool:
        return self.p < level and self.change > np.log1p(GLOBAL_LEAST_EFFECT)


@dataclass(frozen=True)
class GlobalFactor:
    """`raw`: all endpoints together; `without_host`: beyond what the probe foretells, None without a probe.
    `bound`: upper 98 % bound of what all, or the slower half, are slower by, the host's part taken out if it is known."""

    raw: Shift
    without_host: Shift | None
    probe_change: float | None
    baseline_sd: float
    bound: float
    slope: float


def common_factor(
    fit: MetricFit, result: Score, basis: Basis, candidates: Sequence[RunSummary], host: HostModel
) -> GlobalFactor | None:
    """None with fewer than 3 judged endpoints. Candidate runs of one session share their host: more of them make the
    common factor better known, not the host more ordinary, so the between-run variance is not divided by their number."""
    if fit.judged.sum() < LEAST_ENDPOINTS:
        return None
    plain = host_model(fit.host, basis.runs, host.concentration, basis.assumed_host_sd, probes=False)
    return factor_of(result, plain, host, candidates, float(np.std(fit.host, ddof=1)))


def factor_of(
    result: Score, plain: HostModel, host: HostModel, candidates: Sequence[RunSummary], baseline_sd: float
) -> GlobalFactor | None:
    """The same from how hosts differ without a probe (`plain`) and with one (`host`), whoever told that."""
    seen = np.isfinite(result.raw) & np.isfinite(result.noise)
    if seen.sum() < LEAST_ENDPOINTS:
        return None
    change = float(huber_location(result.raw[None, seen], axis=1)[0])
    error = float(np.mean(result.noise[seen] ** 2) / seen.sum())
    raw = _shift(change, plain.variance * (1 + plain.concentration) + error, plain.df)
    probes = host.probe_changes(candidates)
    half = _slower_half(result.raw[seen], result.noise[seen])
    if probes is None:
        return GlobalFactor(raw, None, None, baseline_sd, raw.excluded + max(half - change, 0.0), 0.0)
    expected, variance = host.expected(candidates)
    foretold = float(expected.mean())
    without = _shift(change - foretold, float(variance.mean()) + error, host.df)
    bound = without.excluded + max(half - change, 0.0)
    return GlobalFactor(raw, without, float(probes.mean()), baseline_sd, bound, host.slope)


def _slower_half(raw: np.ndarray, noise: np.ndarray) -> float:
    """What the slower half of the endpoints is slower by, from the one at their middle, so that a single slow endpoint (or a
    muted one) does not speak for half of them; less some of what noise alone adds to it."""
    middle = np.argsort(raw)[-max(2, len(raw) // 4 + 1)]
    return float(raw[middle] - NOISE_OF_QUARTILE * noise[middle])


def _shift(change: float, variance: float, df: float) -> Shift:
    error = np.sqrt(max(variance, 1e-4))
    half = float(stdtrit(df, 0.95)) * error
    return Shift(
        change,
        float(stdtr(df, -change / error)),
        change - half,
        change + half,
        change + float(stdtrit(df, EXCLUDED_LEVEL)) * error,
    )
