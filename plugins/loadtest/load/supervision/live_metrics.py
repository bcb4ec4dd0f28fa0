"""The figures of a load for Prometheus to scrape while it runs: counters and histograms of each endpoint, since the start.

Off unless `LOADTEST_LIVE_METRICS_PORT` names a port. For looking on only: the gate judges by the samples.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from loadtest.load.live import BUCKETS, BUCKETS_PER_OCTAVE, Counts, LiveStats
from loadtest.load.live_address import live_address
from loadtest.planning.models import Plan

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.metrics_core import Metric

log = logging.getLogger("loadtest.load.supervision.live_metrics")

# Seconds; those that OpenTelemetry recommends for HTTP, and longer ones for a service that gives way.
BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0)
_ENDS_S = 2 ** ((np.arange(BUCKETS) + 1) / BUCKETS_PER_OCTAVE) / 1e6
_MIDDLES_S = 2 ** ((np.arange(BUCKETS) + 0.5) / BUCKETS_PER_OCTAVE) / 1e6
_UPTO = np.searchsorted(_ENDS_S, BOUNDS_S, side="right")


class LiveMetrics:
    """Serves what it was last told of. `problem`: why it does not, although it was asked to."""

    def __init__(self, plan: Plan, *, asked: bool = True) -> None:
        self._labels = {
            "scenario": plan.scenario.name,
            "environment": plan.environment.name,
            "profile": plan.profile.name,
        }
        self._about = {**self._labels, "run_id": plan.run_id}
        self._families: tuple[Metric, ...] = ()
        self._server: WSGIServer | None = None
        self.problem = ""
        if asked and (address := live_address()) is not None:
            self._serve(*address)

    @property
    def is_on(self) -> bool:
        return self._server is not None

    def _serve(self, bind: str, port: int) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, _ = start_http_server(port, addr=bind, registry=registry)
        except OSError as error:  # a load does not wait for whoever only looks on
            self.problem = f"live metrics are not served: port {port} of {bind} cannot be used ({error.strerror or error})"
            log.warning(self.problem)

    def tell(self, stats: LiveStats, users: int) -> None:
        """The state of this second. What is served is made now: a scrape comes at any time, from another thread."""
        if self.is_on:
            self._families = tuple(self._made(stats, users))

    def collect(self) -> Iterable[Metric]:
        return self._families

    def describe(self) -> Iterable[Metric]:
        return ()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _made(self, stats: LiveStats, users: int) -> Iterable[Metric]:
        from prometheus_client.metrics_core import Metric

        def family(name: str, meaning: str, kind: str, values: Iterable[tuple[str, Mapping[str, str], float]]) -> Metric:
            found = Metric(name, meaning, kind)
            for suffix, labels, value in values:
                found.add_sample(name + suffix, dict(labels), value)
            return found

        rows = [({**self._labels, "endpoint": name}, counts) for name, counts in sorted(stats.endpoints.items())]
        yield family("loadtest_live_info", "The run that sends load now; always 1", "gauge", [("", self._about, 1)])
        yield family("loadtest_live_users", "Users running, or arrivals in flight", "gauge", [("", self._labels, users)])
        requests = [("_total", labels, counts.requests) for labels, counts in rows]
        yield family("loadtest_live_requests", "Requests that ended, failures included", "counter", requests)
        failures = [("_total", labels, counts.failures) for labels, counts in rows]
        yield family("loadtest_live_failures", "Requests that failed", "counter", failures)
        durations = (value for labels, counts in rows for value in _histogram(labels, counts))
        yield family("loadtest_live_request_duration_seconds", "Latency, failures included", "histogram", durations)


def _histogram(labels: Mapping[str, str], counts: Counts) -> Iterable[tuple[str, Mapping[str, str], float]]:
    cumulative = upto(counts)
    for bound, number in zip((*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"), cumulative, strict=True):
        yield "_bucket", {**labels, "le": bound}, float(number)
    yield "_sum", labels, sum_s(counts)
    yield "_count", labels, float(cumulative[-1])


def upto(counts: Counts) -> np.ndarray:
    """How many latencies are known up to each of BOUNDS_S, and at all; exact to the 1.1 % of a bucket's width."""
    cumulative = np.concatenate([[0], np.cumsum(counts.histogram)])
    return np.append(cumulative[_UPTO], cumulative[-1])


def sum_s(counts: Counts) -> float:
    """Of the known latencies, seconds, from the middles of the buckets."""
    return float(counts.histogram @ _MIDDLES_S)
