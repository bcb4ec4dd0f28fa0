"""Slope of log latency over time, robust and without assuming normal noise.

Theil-Sen: the median of the slopes of all pairs of runs; only pairs within one segment (same plan, same host class) are
taken, as in Hirsch, Slack & Smith (1982) for seasons. Interval and p-value from Kendall's S with tie correction
(Sen 1968, "Estimates of the regression coefficient based on Kendall's tau"), widened for noise that lasts over runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri  # importing scipy.stats takes most of a second

from loadtest.gate.statistics.noise import inflation, lasting_share

LEAST_RUNS = 8
LEAST_WEEKS = 3.0
CONFIDENCE = 0.95


@dataclass(frozen=True)
class SlopeEstimate:
    """`slope` per unit of time with its interval; `p`: two-sided, that there is no monotonic trend."""

    slope: float
    low: float
    high: float
    p: float


def theil_sen(times: np.ndarray, values: np.ndarray, segments: np.ndarray) -> SlopeEstimate | None:
    """Slope of `values` over `times` (any order); None when fewer than LEAST_RUNS runs lie in segments of at least 3.

    All three arrays have one entry per run. Raises ValueError for values that are not finite.
    """
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise ValueError("times and values must be finite numbers")
    slopes: list[np.ndarray] = []
    s = variance = 0.0
    used = 0
    for segment in np.unique(segments):
        chosen = segments == segment
        t, y = times[chosen], values[chosen]
        if len(t) < 3:
            continue
        first, second = np.triu_indices(len(t), k=1)
        dt, dy = t[second] - t[first], y[second] - y[first]
        apart = dt != 0
        slopes.append(dy[apart] / dt[apart])
        s += float(np.sum(np.sign(dt) * np.sign(dy)))
        variance += _kendall_variance(t, y)
        used += len(t)
    if used < LEAST_RUNS or not slopes or variance <= 0:
        return None
    ordered = np.sort(np.concatenate(slopes))
    variance *= _inflation(times, values - float(np.median(ordered)) * times, segments)
    reach = ndtri(0.5 + CONFIDENCE / 2) * np.sqrt(variance)
    low = int(np.floor((len(ordered) - reach) / 2))
    high = int(np.ceil((len(ordered) + reach) / 2))
    z = (abs(s) - 1) / np.sqrt(variance) if abs(s) > 1 else 0.0
    return SlopeEstimate(
        slope=float(np.median(ordered)),
        low=float(ordered[max(low, 0)]),
        high=float(ordered[min(high, len(ordered) - 1)]),
        p=float(2 * ndtr(-z)),
    )


def _inflation(times: np.ndarray, residuals: np.ndarray, segments: np.ndarray) -> float:
    """For noise that lasts over several runs (Hamed & Rao 1998, for a first-order process)."""
    order = np.lexsort((times, segments))
    middles = {segment: np.median(residuals[segments == segment]) for segment in np.unique(segments)}
    centered = residuals - np.array([middles[segment] for segment in segments])
    return inflation(lasting_share(centered[order]))


def _kendall_variance(times: np.ndarray, values: np.ndarray) -> float:
    """Variance of Kendall's S under no trend, with ties in either (Kendall 1975, eq. 4.3)."""
    n = len(values)
    groups = [np.unique(array, return_counts=True)[1].astype(float) for array in (times, values)]
    first = [n * (n - 1) * (2 * n + 5), *(-np.sum(c * (c - 1) * (2 * c + 5)) for c in groups)]
    triples = [float(np.sum(c * (c - 1) * (c - 2))) for c in groups]
    pairs = [float(np.sum(c * (c - 1))) for c in groups]
    variance = float(sum(first)) / 18
    if n > 2:
        variance += triples[0] * triples[1] / (9 * n * (n - 1) * (n - 2))
    return variance + pairs[0] * pairs[1] / (2 * n * (n - 1))


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values (Benjamini & Hochberg 1995), in the order given."""
    n = len(p_values)
    order = np.argsort(p_values)
    scaled = p_values[order] * n / np.arange(1, n + 1)
    adjusted = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    result = np.empty(n)
    result[order] = adjusted
    return result
