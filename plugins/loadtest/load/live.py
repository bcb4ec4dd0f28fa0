"""Figures of a load while it runs: counts and quantiles in memory that does not grow with the number of requests.

Quantiles here come from logarithmic buckets of 1.1 % width: good for progress and abort criteria, never for a verdict.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from loadtest.load.models import EndpointProgress
from loadtest.load.streams import NO_TIME

BUCKETS_PER_OCTAVE = 64
BUCKETS = 32 * BUCKETS_PER_OCTAVE + 1
RECENT_S = 10
MAX_ENDPOINTS = 1_000


@dataclass
class Counts:
    """Requests, failures, and a histogram of the latencies that are known."""

    requests: int = 0
    failures: int = 0
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))

    def add(self, buckets: np.ndarray, failed: np.ndarray) -> None:
        self.requests += len(buckets)
        self.failures += int(failed.sum())
        self.histogram += np.bincount(buckets[buckets >= 0], minlength=BUCKETS)

    @property
    def error_rate(self) -> float:
        return self.failures / self.requests if self.requests else 0.0

    @property
    def mean_ms(self) -> float | None:
        """Of the latencies that are known, by the middles of their buckets."""
        known = self.histogram.sum()
        if not known:
            return None
        middles_ms = 2 ** ((np.arange(BUCKETS) + 0.5) / BUCKETS_PER_OCTAVE) / 1000
        return float(self.histogram @ middles_ms / known)

    def quantile_ms(self, q: float) -> float | None:
        known = np.cumsum(self.histogram)
        if not known[-1]:
            return None
        rank = np.searchsorted(known, q * known[-1])
        return round(float(2 ** ((min(int(rank), BUCKETS - 1) + 0.5) / BUCKETS_PER_OCTAVE)) / 1000, 3)


def bucket_of(latency_us: np.ndarray) -> np.ndarray:
    """-1 where there is no time."""
    buckets = (np.log2(np.maximum(latency_us, 1)) * BUCKETS_PER_OCTAVE).astype(np.int64)
    return np.where(latency_us == NO_TIME, -1, buckets)


def merge(parts: list[Counts]) -> Counts:
    total = Counts()
    for part in parts:
        total.requests += part.requests
        total.failures += part.failures
        total.histogram += part.histogram
    return total


class LiveStats:
    """Totals since the start, per endpoint and for the last RECENT_S seconds. `second()` closes a second."""

    def __init__(self) -> None:
        self.total = Counts()
        self.endpoints: dict[str, Counts] = {}
        self.this_second: dict[str, Counts] = {}
        self._recent: deque[Counts] = deque(maxlen=RECENT_S)

    def add(self, samples: np.ndarray, names: dict[int, str]) -> None:
        """Samples of one process (SAMPLE_DTYPE) with its endpoint names."""
        if not len(samples):
            return
        buckets = bucket_of(samples["latency_us"])
        failed = samples["error"] != 0
        self.total.add(buckets, failed)
        ids = samples["endpoint"]
        for number in np.unique(ids):
            chosen = ids == number
            name = names.get(int(number), f"endpoint {number}")
            if name in self.endpoints or len(self.endpoints) < MAX_ENDPOINTS:
                self.endpoints.setdefault(name, Counts()).add(buckets[chosen], failed[chosen])
            self.this_second.setdefault(name, Counts()).add(buckets[chosen], failed[chosen])

    def second(self) -> dict[str, Counts]:
        """End the current second and return its counts by endpoint."""
        ended, self.this_second = self.this_second, {}
        self._recent.append(merge(list(ended.values())))
        return ended

    @property
    def recent(self) -> Counts:
        return merge(list(self._recent))

    @property
    def recent_rps(self) -> float:
        return round(self.recent.requests / max(1, len(self._recent)), 2)

    def endpoint_progress(self, elapsed_s: float) -> tuple[EndpointProgress, ...]:
        return tuple(
            EndpointProgress(
                endpoint=name,
                requests=counts.requests,
                rps=round(counts.requests / max(elapsed_s, 1e-3), 2),
                p50_ms=counts.quantile_ms(0.50),
                p95_ms=counts.quantile_ms(0.95),
                failures=counts.failures,
            )
            for name, counts in sorted(self.endpoints.items())
        )
