"""Are all endpoints together slower, or half of them, and is it the host or the build?

The common factor of a run is removed from every endpoint's comparison, so it must be judged itself, as it is, unshrunk: against
what the host probe foretells (`host`), and against how much hosts differ anyway. A pass must exclude that all endpoints,
or the slower half of them, are slower by more than the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.comparability import Basis
from loadtest.gate.statistics.fit import MetricFit, Score, huber_location
from loadtest.gate.statistics.host import HostModel, host_model

GLOBAL_LEVEL = 0.005
GLOBAL_SUSPECT_LEVEL = 0.02
GLOBAL_LEAST_EFFECT = 0.05
LEAST_ENDPOINTS = 3  # fewer cannot tell a common factor from their own noise
EXCLUDED_LEVEL = 0.98  # one-sided, of what a pass excludes: of many endpoints at once more is at stake
EXCLUDED_WITHOUT_PROBE = 0.99
HOSTS_TAIL_DF = 6.0  # hosts have heavier tails than what a probe leaves of them
NOISE_OF_QUARTILE = 0.3  # in sd: half of what noise alone adds to the slower quarter's fastest, to stay on the safe side
HALF_NOISE = 0.5  # in sd: how far noise alone moves it


@dataclass(frozen=True)
class Shift:
    """A common change on the log scale, one-sided p of "slower", 90 % interval."""

    change: float
    p: float
    low: float
    high: float
    error: float
    df: float

    def bound(self, level: float, most_df: float = math.inf) -> float:
        """Upper one-sided bound."""
        return self.change + float(stdtrit(min(self.df, most_df), level)) * self.error

    def slower(self, level: float) -> bool:
        return self.p < level and self.change > np.log1p(GLOBAL_LEAST_EFFECT)


@dataclass(frozen=True)
class GlobalFactor:
    """`raw`: all endpoints together; `without_host`: beyond what the probe foretells, None without a probe; `half`: the same of
    the slower half, against what noise alone would show there.
    `bound`: upper bound of what all, or the slower half, are slower by, the host's part taken out if it is known."""

    raw: Shift
    without_host: Shift | None
    half: Shift | None
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
    raw_changes, noise = result.raw[seen], result.noise[seen]
    change = float(huber_location(raw_changes[None], axis=1)[0])
    error = float(np.mean(noise**2) / seen.sum())
    probes = host.probe_changes(candidates)
    raw = _shift(change, plain.variance * (1 + plain.concentration) + error, plain.df)
    middle, usual = _middle_of_slower_half(raw_changes)
    beside = max(float(raw_changes[middle] - NOISE_OF_QUARTILE * noise[middle]) - change, 0.0)
    if probes is None:
        bound = raw.bound(EXCLUDED_WITHOUT_PROBE, HOSTS_TAIL_DF) + beside
        return GlobalFactor(raw, None, None, None, baseline_sd, bound, 0.0)
    foretold, variance = host.expected_mean(candidates)
    without = _shift(change - foretold, variance + error, host.df)
    typical = float(np.median(noise))
    half = _shift(float(raw_changes[middle]) - usual * typical - foretold, variance + (HALF_NOISE * typical) ** 2, host.df)
    return GlobalFactor(raw, without, half, float(probes.mean()), baseline_sd, without.bound(EXCLUDED_LEVEL) + beside, host.slope)


def _middle_of_slower_half(changes: np.ndarray) -> tuple[int, float]:
    """The endpoint at the middle of the slower half, so that a single slow endpoint (or a muted one) does not speak for half of
    them; and by how many standard deviations noise alone puts it above the middle of all (Blom 1958)."""
    endpoints = len(changes)
    rank = max(2, endpoints // 4 + 1)
    return int(np.argsort(changes)[-rank]), float(ndtri((endpoints - rank + 0.625) / (endpoints + 0.25)))


def _shift(change: float, variance: float, df: float) -> Shift:
    error = float(np.sqrt(max(variance, 1e-4)))
    half = float(stdtrit(df, 0.95)) * error
    return Shift(
        change,
        float(stdtr(df, -change / error)),
        change - half,
        change + half,
        error,
        df,
    )
