"""Jumps in a series of runs: the best piecewise constant fit, each jump then tested on its own.

Optimal partitioning (Jackson et al. 2005) with a squared cost after outliers are pulled in, so that one wild run is no
jump; the penalty per jump is 4 log n in units of the noise, which is measured from consecutive differences and allows for
noise that lasts over several runs. A jump counts
if Welch's t-test between its two sides gives p < .001 and it is at least 5 %. A steady drift also looks like a staircase:
when a straight line explains the runs better (BIC), there are no jumps but a slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from loadtest.gate.statistics.noise import inflation, lasting_share_despite_jumps

LEAST_SIDE = 4  # runs on each side of a jump
LEAST_EFFECT = float(np.log(1.05))
LEAST_P = 0.001
_WINDOW = 7  # runs whose median tells an outlier


@dataclass(frozen=True)
class Jump:
    """The series changes by `size` (log scale) before the run of index `at`; `low` to `high`: 95 % interval."""

    at: int
    size: float
    low: float
    high: float
    p: float


def find_jumps(values: np.ndarray, *, among: int = 1) -> list[Jump]:
    """Jumps in `values` (log scale, in order of time). `among`: how many series are looked at in all; the more there are,
    the clearer a jump must be. Raises ValueError for values that are not finite."""
    series = np.asarray(values, dtype=float)
    if not np.isfinite(series).all():
        raise ValueError("values must be finite numbers")
    n = len(series)
    if n < 2 * LEAST_SIDE:
        return []
    lasting = lasting_share_despite_jumps(series)
    noise = _noise(series) / np.sqrt(1 - lasting)  # differences see less of what lasts
    calm = _without_outliers(series, noise)
    breaks = _partition(calm / noise, penalty=(4 * np.log(n) + 2 * np.log(among)) * inflation(lasting))
    if breaks and _line_is_better(calm, breaks):
        return []
    sides = zip([0, *breaks], breaks, [*breaks[1:], n], strict=False)  # where the two sides of each jump begin and end
    jumps = [_jump(calm, start, at, end, inflation(lasting)) for start, at, end in sides]
    return [jump for jump in jumps if jump.p < LEAST_P / among and abs(jump.size) >= LEAST_EFFECT]


def _noise(series: np.ndarray) -> float:
    """Standard deviation between consecutive runs, from the median absolute difference; at least 1 %."""
    differences = np.abs(np.diff(series))
    return max(float(np.median(differences)) / 0.6745 / np.sqrt(2), 0.01)


def _without_outliers(series: np.ndarray, noise: float) -> np.ndarray:
    half = _WINDOW // 2
    padded = np.pad(series, half, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1)
    return np.clip(series, middle - 2 * noise, middle + 2 * noise)


def _partition(series: np.ndarray, penalty: float) -> list[int]:
    """Indexes at which segments begin (without 0) that minimize squared error + penalty per jump; exact, O(n²)."""
    n = len(series)
    total, squares = np.concatenate([[0.0], np.cumsum(series)]), np.concatenate([[0.0], np.cumsum(series**2)])
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(n + 1, dtype=int)
    for end in range(LEAST_SIDE, n + 1):
        starts = np.arange(0, end - LEAST_SIDE + 1)
        length = end - starts
        cost = squares[end] - squares[starts] - (total[end] - total[starts]) ** 2 / length
        candidates = best[starts] + cost + penalty
        previous[end] = int(starts[np.argmin(candidates)])
        best[end] = float(np.min(candidates))
    breaks, end = [], n
    while previous[end] > 0:
        end = int(previous[end])
        breaks.append(end)
    return breaks[::-1]


def _line_is_better(series: np.ndarray, breaks: list[int]) -> bool:
    n = len(series)
    line = np.polyval(np.polyfit(np.arange(n), series, 1), np.arange(n))
    edges = [0, *breaks, n]
    steps = np.concatenate([np.full(end - start, series[start:end].mean()) for start, end in pairwise(edges)])

    def bic(fit: np.ndarray, parameters: int) -> float:
        return n * np.log(max(float(np.mean((series - fit) ** 2)), 1e-12)) + parameters * np.log(n)

    return bic(line, 2) < bic(steps, 2 * len(breaks) + 1)


def _jump(series: np.ndarray, start: int, at: int, end: int, inflated: float) -> Jump:
    before, after = series[start:at], series[at:end]
    size = float(after.mean() - before.mean())
    # Welch, with a floor: runs that are alike to the last digit still have some noise
    parts = [max(float(np.var(side, ddof=1)), 0.005**2) * inflated / len(side) for side in (before, after)]
    error = float(np.sqrt(sum(parts)))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (before, after), strict=True))
    reach = float(stats.t.ppf(0.975, freedom)) * error
    return Jump(at=at, size=size, low=size - reach, high=size + reach, p=float(2 * stats.t.sf(abs(size) / error, freedom)))
