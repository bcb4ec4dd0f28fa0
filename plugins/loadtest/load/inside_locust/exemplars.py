"""The k slowest requests of each endpoint, kept while they happen."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

Kept = tuple[int, int, int, int, str]  # latency_us, start_us, status, error id, trace id


class Slowest:
    """Small heaps, one per endpoint; `thresholds`: what a latency of an endpoint must exceed to be worth an `add`."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._heaps: dict[int, list[Kept]] = {}
        self.thresholds: dict[int, int] = {}
        self._changed: set[int] = set()

    def add(self, endpoint: int, latency_us: int, start_us: int, status: int, error: int, trace_id: str) -> None:
        heap = self._heaps.setdefault(endpoint, [])
        kept = (latency_us, start_us, status, error, trace_id)
        if len(heap) < self._k:
            heapq.heappush(heap, kept)
        else:
            heapq.heappushpop(heap, kept)
        if len(heap) == self._k:
            self.thresholds[endpoint] = heap[0][0]
        self._changed.add(endpoint)

    def take_changed(self) -> Iterator[tuple[int, list[Kept]]]:
        """Endpoints whose list changed since the last call, slowest request first."""
        changed, self._changed = self._changed, set()
        for endpoint in sorted(changed):
            yield endpoint, sorted(self._heaps[endpoint], reverse=True)
