"""Bounds of the latencies that have a target, endpoint by endpoint, so that only one endpoint's column is needed at a time.

Those of all requests together come from counts in 16,384 buckets an octave: the width of a bucket, at most 1 us below 16 ms
and 0.006 % above, widens the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.quantiles import bucket_of
from loadtest.gate.rules.targets import QUANTILE_OF
from loadtest.gate.statistics.bounds import Bounds, mean_bounds, quantile_bounds, quantile_ranks
from loadtest.gate.statistics.steady_samples import EndpointSamples
from loadtest.planning.criteria import Target

_BUCKET_BITS = 14
_BUCKETS = 33 << _BUCKET_BITS
_COUNTED_AT_ONCE = 1 << 20


def latency_bounds(targets: Sequence[Target], samples: Mapping[str, EndpointSamples]) -> dict[Target, Bounds]:
    """Bounds, ms, of each latency target (quantile or mean) whose endpoint had a success; each endpoint is asked for once."""
    wanted = [target for target in targets if target.metric in QUANTILE_OF or target.metric == "mean_ms"]
    named = {target.endpoint for target in wanted}
    total = LatencyCounts() if None in named else None
    found: dict[Target, Bounds] = {}
    for name in samples if total else (name for name in samples if name in named):
        # as an argument, so that no name holds the column while the next endpoint is read
        found |= _of_endpoint(samples[name].latency_us, [target for target in wanted if target.endpoint == name], total)
    if total and total.n:
        found |= {target: total.bounds(target.metric) for target in wanted if target.endpoint is None}
    return found


def _of_endpoint(latency_us: NDArray[np.uint32], targets: Sequence[Target], total: LatencyCounts | None) -> dict[Target, Bounds]:
    if len(latency_us) == 0:
        return {}
    if total:
        total.add(latency_us)
    return {target: _bounds(latency_us, target.metric) for target in targets}


def _bounds(latency_us: NDArray[np.uint32], metric: str) -> Bounds:
    if metric == "mean_ms":
        return _in_ms(mean_bounds(len(latency_us), float(latency_us.mean()), float(latency_us.std(ddof=1))))
    return _in_ms(quantile_bounds(latency_us, QUANTILE_OF[metric]))


class LatencyCounts:
    """How many latencies fell into each bucket: 4 MB, however many there are."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)

    @property
    def n(self) -> int:
        return int(self._counts.sum())

    def add(self, latency_us: NDArray[np.uint32]) -> None:
        for begin in range(0, len(latency_us), _COUNTED_AT_ONCE):
            part = latency_us[begin : begin + _COUNTED_AT_ONCE]
            self._counts += np.bincount(bucket_of(part, _BUCKET_BITS), minlength=_BUCKETS)

    def bounds(self, metric: str) -> Bounds:
        """Bounds in ms of the mean, or of a quantile: the outer edges of the buckets that hold the two order statistics."""
        edges_us = _bucket_edges_us()
        if metric == "mean_ms":
            middle_us = (edges_us[:-1] + edges_us[1:] - 1) / 2
            mean = float(np.average(middle_us, weights=self._counts))
            variance = float(np.average((middle_us - mean) ** 2, weights=self._counts))
            return _in_ms(mean_bounds(self.n, mean, variance**0.5))
        low, high = quantile_ranks(self.n, QUANTILE_OF[metric])
        upto = np.cumsum(self._counts)
        lower = None if low is None else float(edges_us[np.searchsorted(upto, low)])
        upper = None if high is None else float(edges_us[np.searchsorted(upto, high) + 1] - 1)
        return _in_ms(Bounds(lower, upper))


def _bucket_edges_us() -> NDArray[np.int64]:
    """The smallest latency of each bucket, and of one more: the inverse of `bucket_of`."""
    leading = (np.arange(_BUCKETS + 1, dtype=np.int64) + (127 << _BUCKET_BITS)) << (23 - _BUCKET_BITS)
    return np.ceil(leading.astype(np.int32).view(np.float32).astype(np.float64) - 1).astype(np.int64)


def _in_ms(bounds_us: Bounds) -> Bounds:
    lower, upper = (None if bound is None else bound / 1000 for bound in (bounds_us.lower, bounds_us.upper))
    return Bounds(lower, upper)
