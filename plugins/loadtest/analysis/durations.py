"""Histograms of request durations as OpenTelemetry's conventions want them: all requests of the steady phase, by endpoint,
status and whether they failed. A pass over the samples of its own, made only when somebody wants to receive them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.samples import SampleFile, Samples
from loadtest.analysis.time_grid import TimeGrid

# advised by the semantic conventions for `http.client.request.duration`; a value on a bound belongs below it
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_BOUNDS_US = np.round(np.array(BOUNDS_S) * 1e6).astype(np.uint32)
_LARGEST_STATUS = 1023  # of ten bits; HTTP ends at 599


@dataclass
class DurationHistogram:
    """Durations in microseconds. `counts`: len(BOUNDS_S) + 1 buckets. `status`: 0 if there was none."""

    endpoint: str
    status: int
    failed: bool
    counts: NDArray[np.int64]
    sum_us: int
    min_us: int
    max_us: int

    @property
    def n(self) -> int:
        return int(self.counts.sum())


def duration_histograms(file: SampleFile, grid: TimeGrid) -> list[DurationHistogram]:
    """In no particular order. Raises ConfigurationError when a page of the samples is damaged."""
    found: dict[int, DurationHistogram] = {}
    for chunk in file.chunks(("start_us", "latency_us", "endpoint", "error", "status")):
        key = _sorted_keys(chunk, grid)
        values = (key & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        kinds = np.unique(key >> np.uint64(32), return_index=True, return_counts=True)
        for kind, start, size in zip(*(each.tolist() for each in kinds), strict=True):
            part = _histogram(kind, values[start : start + size], file.endpoints.all)
            found[kind] = _joined(found[kind], part) if kind in found else part
    return list(found.values())


def _sorted_keys(chunk: Samples, grid: TimeGrid) -> NDArray[np.uint64]:
    """Each steady request as one number, sorted: endpoint (16 bits), status (10), failed (1), then latency in µs (32)."""
    key = chunk.endpoint.astype(np.uint64)
    key = (key << np.uint64(10)) | np.minimum(chunk.status, _LARGEST_STATUS)
    key = (key << np.uint64(1)) | chunk.failed
    key = (key << np.uint64(32)) | chunk.latency_us
    return np.sort(key[grid.in_steady(chunk.start_us) & chunk.timed])


def _histogram(kind: int, values: NDArray[np.uint32], endpoints: tuple[str, ...]) -> DurationHistogram:
    below = np.searchsorted(values, _BOUNDS_US, side="right")
    return DurationHistogram(
        endpoint=endpoints[kind >> 11],
        status=(kind >> 1) & _LARGEST_STATUS,
        failed=bool(kind & 1),
        counts=np.diff(below, prepend=0, append=len(values)),
        sum_us=int(values.sum(dtype=np.uint64)),
        min_us=int(values[0]),
        max_us=int(values[-1]),
    )


def _joined(one: DurationHistogram, other: DurationHistogram) -> DurationHistogram:
    return DurationHistogram(
        endpoint=one.endpoint,
        status=one.status,
        failed=one.failed,
        counts=one.counts + other.counts,
        sum_us=one.sum_us + other.sum_us,
        min_us=min(one.min_us, other.min_us),
        max_us=max(one.max_us, other.max_us),
    )
