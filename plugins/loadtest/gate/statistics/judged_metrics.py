"""Which numbers of a run summary are compared, from how many successes on, and what people read for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.gate.records.summaries import EndpointSummary, RunSummary


@dataclass(frozen=True)
class JudgedMetric:
    """One location on the log scale. `least_n` successes are needed before it is judged (gate.md)."""

    name: str  # as in `Finding.metric`
    field: str
    variance_field: str
    least_n: int
    label: str  # in sentences
    weight: float  # share in the error budget of a decision; 0: shown beside it, takes no part


TYPICAL = JudgedMetric("typical_ms", "lm", "var_lm", 8, "typical latency", 4.0)
P50 = JudgedMetric("p50_ms", "log_p50", "var_log_p50", 20, "p50", 0.0)
P95 = JudgedMetric("p95_ms", "log_p95", "var_log_p95", 100, "p95", 1.0)
P99 = JudgedMetric("p99_ms", "log_p99", "var_log_p99", 500, "p99", 0.0)
TAIL = JudgedMetric("tail_ratio", "sh", "var_sh", 50, "slowest tenth against typical", 1.0)

METRICS = (TYPICAL, P50, P95, P99, TAIL)
TESTED = tuple(metric for metric in METRICS if metric.weight > 0)
# Typical latency is the least noisy and shows what slows all requests, the shape what makes the tail heavier; p95 follows both.
WEIGHTS = np.array([metric.weight for metric in TESTED])
PROVING = (TYPICAL, P95)  # whose upper bounds must stay under the tolerance before an endpoint counts as proven


def values(runs: Sequence[RunSummary], endpoints: Sequence[str], metric: JudgedMetric) -> tuple[np.ndarray, np.ndarray]:
    """(value, within-run variance), each runs x endpoints; NaN where an endpoint is missing or has too few successes."""
    column = {endpoint: index for index, endpoint in enumerate(endpoints)}
    value = np.full((len(runs), len(endpoints)), np.nan)
    variance = np.full_like(value, np.nan)
    for row, run in enumerate(runs):
        for summary in run.endpoints:
            index = column.get(summary.endpoint)
            if index is None or not is_judgeable(summary, metric):
                continue
            value[row, index] = getattr(summary, metric.field)
            variance[row, index] = getattr(summary, metric.variance_field)
    return value, variance


def is_judgeable(summary: EndpointSummary, metric: JudgedMetric) -> bool:
    """Are there enough successes, and both the value and its variance?"""
    enough = summary.n - summary.errors >= metric.least_n
    return enough and getattr(summary, metric.field) is not None and getattr(summary, metric.variance_field) is not None
