"""Feeds Locust's own statistics from the recorder's batches: the same sums and buckets as request by request, for less.

`RequestStats.log_request` costs 3 us a request, once for the endpoint and once for the total; a scenario may read the
statistics (`environment.stats`), so they have to be right, but a fraction of a second later is early enough.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from time import time
from typing import Any

logger = logging.getLogger(__name__)


class Requests:
    """Requests of one endpoint since the last feed."""

    __slots__ = ("lengths", "method", "name", "times_ms")

    def __init__(self, method: str, name: str) -> None:
        self.method, self.name = method, name
        self.times_ms: list[float | None] = []
        self.lengths: list[int | None] = []


class StatisticsFeed:
    """`stats`: a `locust.stats.RequestStats`; `pending`: what is to be fed, by any key."""

    def __init__(self, stats: Any) -> None:
        self._stats = stats
        self.pending: dict[Any, Requests] = {}

    def feed(self) -> None:
        """Add up what is pending."""
        for requests in self.pending.values():
            self._add(requests)
        self.pending.clear()

    def _add(self, requests: Requests) -> None:
        """The requests of one endpoint, in one step or, where a client reported odd numbers, one by one."""
        try:
            known = [one for one in requests.times_ms if one is not None]
            size = sum(filter(None, requests.lengths))
            buckets = Counter(map(bucket_of(), known))
            total_ms, least_ms, most_ms = sum(known), min(known, default=None), max(known, default=None)
        except Exception:
            self._one_by_one(requests)
            return
        count, now = len(requests.times_ms), time()
        for entry in (self._stats.total, self._stats.entries[requests.name, requests.method]):
            second, before = int(now), entry.last_request_timestamp
            if entry.use_response_times_cache and before and second > int(before):
                entry._cache_response_times(second - 1)
            entry.num_requests += count
            entry.num_reqs_per_sec[second] += count
            entry.last_request_timestamp = now
            entry.total_content_length += size
            entry.num_none_requests += count - len(known)
            if least_ms is not None:
                entry.total_response_time += total_ms
                entry.min_response_time = least_ms if entry.min_response_time is None else min(entry.min_response_time, least_ms)
                entry.max_response_time = max(entry.max_response_time, most_ms)
                for bucket, number in buckets.items():
                    entry.response_times[bucket] += number

    def log_error(self, method: str, name: str, error: Any) -> None:
        self._stats.log_error(method, name, error)

    def _one_by_one(self, requests: Requests) -> None:
        for took_ms, length in zip(requests.times_ms, requests.lengths, strict=True):
            try:
                self._stats.log_request(requests.method, requests.name, took_ms, length or 0)
            except Exception:  # Locust cannot add it up; our sample is there
                logger.debug("Locust's statistics take no %r ms, %r bytes", took_ms, length)


def bucket_of() -> Any:
    """Locust's rounding for its histograms; looked up each time, since a scenario may replace it. Not imported: where the
    statistics are Locust's, it is there, and an import would patch the sockets of whoever else runs this."""
    return sys.modules["locust.stats"].bucket_response_time
