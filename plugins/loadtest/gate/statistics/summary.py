"""From latencies to a run summary: robust locations on the log scale with honest within-run variances.

Requests of one run follow each other, so their latencies are correlated and the textbook variance sigma^2/n is too
small. Each statistic here is (to first order) a mean of influence values; its variance is taken from the means of 20
blocks of consecutive requests, and never below the textbook one. Quantiles by Woodruff (1952): the variance of the
share of requests below the quantile, carried to the latency axis through the empirical quantile function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass

BLOCKS = 20
REQUESTS_AT_ONCE = 1 << 18
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
WINSORIZED_SHARE = 0.02  # at each end
TAIL_SHARE = 0.10
LEAST_LATENCY_MS = 1e-3  # the recorder's resolution; a latency of 0 has no logarithm


def summarize_endpoint(latency_ms: np.ndarray, start_s: np.ndarray, n: int, errors: int, endpoint: str) -> EndpointSummary:
    """Summary of one endpoint's steady phase.

    `latency_ms`, `start_s`: 1-d arrays of the successes, any order, same length; `n` counts errors too. Of the starts only
    the order matters. Needs a sorted copy of the latencies, and a few bytes a request in between.
    Raises ValueError for NaN, infinite or negative latencies, and for counts that do not fit.
    """
    latency = np.asarray(latency_ms)
    start = np.asarray(start_s)
    if latency.shape != start.shape or latency.ndim != 1:
        raise ValueError(f"{endpoint}: latencies {latency.shape} and start times {start.shape} must be equally long lists")
    if len(latency) != n - errors:
        raise ValueError(f"{endpoint}: {n} requests with {errors} errors cannot have {len(latency)} successful latencies")
    if len(latency) and not (np.isfinite(latency).all() and latency.min() >= 0 and np.isfinite(start).all()):
        raise ValueError(f"{endpoint}: latencies and start times must be finite, latencies not negative")
    if len(latency) < 2:
        location = float(np.log(max(latency[0], LEAST_LATENCY_MS))) if len(latency) else None
        return EndpointSummary(endpoint=endpoint, n=n, errors=errors, lm=location, log_p50=location)
    if np.any(start[1:] < start[:-1]):
        latency = latency[np.argsort(start, kind="stable")]
    return EndpointSummary(endpoint=endpoint, n=n, errors=errors, **_statistics(latency))


def _statistics(latency_ms: np.ndarray) -> dict[str, Any]:
    """All locations and variances of the log latencies, given in time order, length >= 2."""
    ordered = np.sort(latency_ms)
    n = len(ordered)
    low, high = (_log_quantile(ordered, share) for share in (WINSORIZED_SHARE, 1 - WINSORIZED_SHARE))
    quantiles = {name: _log_quantile(ordered, share) for name, share in QUANTILES.items()}
    slowest = _log(ordered[n - max(1, round(n * TAIL_SHARE)) :])

    def influences(log_latency: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of each request on `lm` and `sh`, and on the share below each quantile. On t10 it is the request's excess over the
        tail's start, divided by the tail's share."""
        winsorized = np.clip(log_latency, low, high)
        tail = np.maximum(log_latency - slowest[0], 0) / TAIL_SHARE
        return winsorized, tail - winsorized, *(log_latency <= value for value in quantiles.values())

    of_lm, of_sh, *below = _by_block(latency_ms, influences)
    t10 = float(slowest.mean())
    facts = {"lm": of_lm.mean, "var_lm": of_lm.variance_of_mean, "t10": t10, "sh": t10 - of_lm.mean}
    facts["var_sh"] = of_sh.variance_of_mean
    for (name, share), blocks in zip(QUANTILES.items(), below, strict=True):
        facts[f"log_{name}"] = quantiles[name]
        facts[f"var_log_{name}"] = _woodruff(ordered, share, blocks)
    return facts


def _log(latency_ms: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(latency_ms, LEAST_LATENCY_MS, dtype=np.float64))


def _log_quantile(ordered_ms: np.ndarray, share: float) -> float:
    """Quantile of the logarithms of sorted latencies (as `quantile`, without taking all the logarithms)."""
    position = share * (len(ordered_ms) - 1)
    below = int(position)
    return float(quantile(_log(ordered_ms[below : below + 2]), position - below))


def quantile(ordered: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """Quantiles of a sorted array by linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default)."""
    position = np.asarray(share) * (len(ordered) - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


@dataclass(frozen=True)
class _Blocks:
    """Sizes, means and sums of squared deviations of one influence in each block of consecutive requests."""

    sizes: np.ndarray
    means: np.ndarray
    squares: np.ndarray

    @property
    def mean(self) -> float:
        return float(np.average(self.means, weights=self.sizes))

    @property
    def variance_between(self) -> float:
        """Of the mean, from the blocks' means: what neighbors have in common is in it."""
        return float(self.means.var(ddof=1)) / len(self.means)

    @property
    def variance_of_mean(self) -> float:
        n = self.sizes.sum()
        squares = self.squares.sum() + np.sum(self.sizes * (self.means - self.mean) ** 2)
        return max(float(squares / (n - 1) / n), self.variance_between)


def _by_block(latency_ms: np.ndarray, influences: Callable[[np.ndarray], tuple[np.ndarray, ...]]) -> list[_Blocks]:
    """Each influence in 20 equally large blocks of requests in time order, fewer when there are few requests. Of many
    requests only some blocks at a time: double precision of all at once would be most of the gate's memory."""
    n = len(latency_ms)
    blocks = max(2, min(BLOCKS, n // 2))
    edges = np.arange(blocks + 1) * n // blocks
    at_once = max(1, REQUESTS_AT_ONCE * blocks // n)
    parts = []
    for first in range(0, blocks, at_once):
        own = edges[first : first + at_once + 1]
        values = influences(_log(latency_ms[own[0] : own[-1]]))
        parts.append([_moments(each, own - own[0]) for each in values])
    moments = np.concatenate(parts, axis=2)  # influence, mean or square, block
    return [_Blocks(np.diff(edges), means, squares) for means, squares in moments]


def _moments(values: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sum of squared deviations of the values between each two edges."""
    sizes = np.diff(edges)
    deviations = values.astype(np.float64)
    means = np.add.reduceat(deviations, edges[:-1]) / sizes
    deviations -= np.repeat(means, sizes)
    return means, np.add.reduceat(np.square(deviations, out=deviations), edges[:-1])


def _woodruff(ordered_ms: np.ndarray, share: float, below: _Blocks) -> float:
    """Variance of an empirical quantile of the logarithms: half the width between the quantiles at share +- one standard
    error, squared. `below`: the share of requests up to the quantile."""
    error = np.sqrt(max(share * (1 - share) / len(ordered_ms), below.variance_between))
    lower, upper = (_log_quantile(ordered_ms, min(max(edge, 0.0), 1.0)) for edge in (share - error, share + error))
    return ((upper - lower) / 2) ** 2


def summarize_arrays(
    latency_ms: np.ndarray, start_s: np.ndarray, endpoint_code: np.ndarray, is_error: np.ndarray, names: Sequence[str]
) -> tuple[EndpointSummary, ...]:
    """Summaries of all endpoints, sorted by name. Arrays of one entry per request of the steady phase, errors included;
    `endpoint_code` indexes `names`. One stable sort by endpoint, then slices: a million requests take a tenth of a second."""
    code = np.asarray(endpoint_code).astype(np.uint16, copy=False)
    order = np.argsort(code, kind="stable")
    counts = np.bincount(code, minlength=len(names))
    ends = np.cumsum(counts)
    latency, start, failed = np.asarray(latency_ms)[order], np.asarray(start_s)[order], np.asarray(is_error)[order]
    summaries = []
    for index, name in enumerate(names):
        if counts[index] == 0:
            continue
        part = slice(ends[index] - counts[index], ends[index])
        errors = int(failed[part].sum())
        good = slice(None) if errors == 0 else ~failed[part]
        summaries.append(summarize_endpoint(latency[part][good], start[part][good], int(counts[index]), errors, name))
    return tuple(sorted(summaries, key=lambda summary: summary.endpoint))


def summarize_run(
    *,
    run_id: str,
    started_at: datetime,
    duration_s: float,
    digest: str,
    host_class: HostClass,
    latency_ms: np.ndarray,
    start_s: np.ndarray,
    endpoint_code: np.ndarray,
    is_error: np.ndarray,
    names: Sequence[str],
    commit: str | None = None,
    versions: dict[str, str] | None = None,
    host_probe: HostProbe | None = None,
) -> RunSummary:
    """What a baseline stores of one run. Arrays as in `summarize_arrays`; `duration_s` is of the steady phase."""
    return RunSummary(
        run_id=run_id,
        started_at=started_at,
        duration_s=duration_s,
        digest=digest,
        host_class=host_class,
        commit=commit,
        versions=versions or {},
        rps=len(latency_ms) / duration_s if duration_s > 0 else 0.0,
        mean_latency_ms=float(np.mean(latency_ms)) if len(latency_ms) else None,
        host_probe=host_probe,
        endpoints=summarize_arrays(latency_ms, start_s, endpoint_code, is_error, names),
    )
