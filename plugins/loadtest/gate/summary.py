"""From latencies to a run summary: robust locations on the log scale with honest within-run variances.

Requests of one run follow each other, so their latencies are correlated and the textbook variance sigma^2/n is too
small. Each statistic here is (to first order) a mean of influence values; its variance is taken from the means of 20
blocks of consecutive requests, and never below the textbook one. Quantiles by Woodruff (1952): the variance of the
share of requests below the quantile, carried to the latency axis through the empirical quantile function.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from loadtest.gate.models import EndpointSummary, RunSummary
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass

BLOCKS = 20
WINSORIZED_SHARE = 0.02  # at each end
TAIL_SHARE = 0.10
LEAST_LATENCY_MS = 1e-3  # the recorder's resolution; a latency of 0 has no logarithm


def summarize_endpoint(latency_ms: np.ndarray, start_s: np.ndarray, n: int, errors: int, endpoint: str) -> EndpointSummary:
    """Summary of one endpoint's steady phase.

    `latency_ms`, `start_s`: 1-d arrays of the successes, any order, same length; `n` counts errors too.
    Raises ValueError for NaN, infinite or negative latencies, and for counts that do not fit.
    """
    latency = np.asarray(latency_ms, dtype=np.float64)
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
    return EndpointSummary(endpoint=endpoint, n=n, errors=errors, **_statistics(np.log(np.maximum(latency, LEAST_LATENCY_MS))))


def _statistics(log_latency: np.ndarray) -> dict[str, Any]:
    """All locations and variances of log latencies in time order, length >= 2."""
    ordered = np.sort(log_latency)
    n = len(ordered)
    low, high = quantile(ordered, np.array([WINSORIZED_SHARE, 1 - WINSORIZED_SHARE]))
    winsorized = np.clip(log_latency, low, high)
    lm = float(winsorized.mean())
    facts = {"lm": lm, "var_lm": _variance_of_mean(winsorized)}
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
        value = float(quantile(ordered, share))
        facts[f"log_{name}"] = value
        facts[f"var_log_{name}"] = _woodruff(log_latency, ordered, share, value)
    tail_size = max(1, round(n * TAIL_SHARE))
    tail_start = ordered[n - tail_size]
    t10 = float(ordered[n - tail_size :].mean())
    facts["t10"] = t10
    facts["sh"] = t10 - lm
    # influence of one request on t10 is its excess over the tail's start, divided by the tail's share
    influence = np.maximum(log_latency - tail_start, 0) / TAIL_SHARE - winsorized
    facts["var_sh"] = _variance_of_mean(influence)
    return facts


def quantile(ordered: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """Quantiles of a sorted array by linear interpolation between order statistics (Hyndman & Fan type 7, numpy's default)."""
    position = np.asarray(share) * (len(ordered) - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _blocks(n: int) -> np.ndarray:
    """First index of each block of consecutive requests: 20 equally large ones, fewer when n is small."""
    count = max(2, min(BLOCKS, n // 2))
    return (np.arange(count) * n) // count


def _variance_of_mean(value: np.ndarray) -> float:
    n = len(value)
    starts = _blocks(n)
    sizes = np.diff(np.append(starts, n))
    means = np.add.reduceat(value, starts) / sizes
    independent = float(value.var(ddof=1)) / n
    return max(independent, float(means.var(ddof=1)) / len(starts))


def _woodruff(log_latency: np.ndarray, ordered: np.ndarray, share: float, value: float) -> float:
    """Variance of the empirical quantile: half the width between the quantiles at share +- one standard error, squared."""
    n = len(ordered)
    starts = _blocks(n)
    sizes = np.diff(np.append(starts, n))
    below = np.add.reduceat((log_latency <= value).astype(np.float64), starts) / sizes
    variance = max(share * (1 - share) / n, float(below.var(ddof=1)) / len(starts))
    error = np.sqrt(variance)
    lower, upper = quantile(ordered, np.clip([share - error, share + error], 0.0, 1.0))
    return float(((upper - lower) / 2) ** 2)


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
        host_probe=host_probe,
        endpoints=summarize_arrays(latency_ms, start_s, endpoint_code, is_error, names),
    )
