"""How far from the truth a measured number may be: one-sided 95 % bounds of quantiles, means, shares and rates.

Quantiles: order statistics (distribution-free; Hahn & Meeker, "Statistical Intervals", 5.2.4): with n sorted latencies,
x[l] is a lower bound of the q-quantile when P(Bin(n, q) >= l) >= 0.95, x[u] an upper bound when P(Bin(n, q) <= u - 1) >= 0.95.
An upper bound needs n >= 59 for p95 and n >= 299 for p99. Shares: exact binomial bounds (Clopper & Pearson 1934).
Requests of one run share the run's luck, so where comparable earlier runs are known `widen` adds their spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.wording import percent

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95  # of each one-sided bound
LEAST_BEYOND = 3  # latencies; one or two slow first requests must not fail a run
LEAST_FOR_MEAN = 30  # values; below, skewed latencies defeat the t distribution
LEAST_HISTORY = 3  # comparable earlier runs, for their spread to be known


@dataclass(frozen=True)
class Bounds:
    """One-sided 95 % bounds in the metric's unit; None: too little data for that side."""

    lower: float | None
    upper: float | None
    source: str = "within this run"


@dataclass(frozen=True)
class RunSpread:
    """Standard deviation of a log metric between `runs` comparable runs."""

    sd: float
    runs: int


def quantile_ranks(n: int, quantile: float) -> tuple[int | None, int | None]:
    """Ranks, 1..n, of the lower and the upper bound of a quantile. The lower one is at most the third largest value, so
    that no run fails by fewer than three requests."""
    lower = min(_binomial_quantile(n, quantile, 1 - LEVEL), n - LEAST_BEYOND + 1)
    upper = _binomial_quantile(n, quantile, LEVEL) + 1
    return lower if lower >= 1 else None, upper if upper <= n else None


def quantile_bounds(values: np.ndarray, quantile: float) -> Bounds:
    """Bounds of a quantile of `values` (any order, not changed), in their unit."""
    import numpy as np

    ranks = quantile_ranks(len(values), quantile)
    places = sorted({rank - 1 for rank in ranks if rank is not None})
    ordered = np.partition(values, places) if places else values
    lower, upper = (None if rank is None else float(ordered[rank - 1]) for rank in ranks)
    return Bounds(lower, upper)


def _binomial_quantile(n: int, share: float, level: float) -> int:
    """Smallest k with P(Bin(n, share) <= k) > level, by bisection; so k is the largest l with P(Bin <= l - 1) <= level."""
    from scipy.special import bdtr

    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bdtr(middle, n, share) > level else (middle + 1, high)
    return low


def mean_bounds(n: int, mean: float, sd: float) -> Bounds:
    """t bounds of the mean of `n` values that are never negative."""
    from scipy.special import stdtrit

    if n < LEAST_FOR_MEAN:
        return Bounds(None, None)
    half = float(stdtrit(n - 1, LEVEL)) * sd / math.sqrt(n)
    return Bounds(max(0.0, mean - half), mean + half)


def error_rate_bounds(errors: int, n: int) -> Bounds:
    """Exact one-sided 95 % bounds of a share (Clopper-Pearson)."""
    from scipy.special import betaincinv

    lower = float(betaincinv(errors, n - errors + 1, 1 - LEVEL)) if errors else 0.0
    upper = float(betaincinv(errors + 1, n - errors, LEVEL)) if errors < n else 1.0
    return Bounds(lower, upper)


def rate_bounds(n: int, duration_s: float) -> Bounds:
    """Exact one-sided 95 % bounds of a Poisson rate, per second (Garwood 1936)."""
    from scipy.special import gammaincinv

    if duration_s <= 0:
        return Bounds(None, None)
    lower = float(gammaincinv(n, 1 - LEVEL)) if n else 0.0
    return Bounds(lower / duration_s, float(gammaincinv(n + 1, LEVEL)) / duration_s)


def run_spread(logs: Sequence[float]) -> RunSpread | None:
    """How much a metric differs between comparable runs, from its natural logarithm in each (sample standard deviation)."""
    if len(logs) < LEAST_HISTORY:
        return None
    mean = sum(logs) / len(logs)
    return RunSpread(sd=math.sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1)), runs=len(logs))


def widen(bounds: Bounds, observed: float, spread: RunSpread | None) -> Bounds:
    """The wider, side by side, of the bounds within the run and of `observed` with the spread between runs (t, log scale)."""
    if spread is None or observed <= 0:
        return bounds
    from scipy.special import stdtrit

    factor = math.exp(float(stdtrit(spread.runs - 1, LEVEL)) * spread.sd)
    lower = None if bounds.lower is None else min(bounds.lower, observed / factor)
    upper = None if bounds.upper is None else max(bounds.upper, observed * factor)
    return Bounds(lower, upper, f"between {spread.runs} runs ({percent(spread.sd)} apart) and within this one")
