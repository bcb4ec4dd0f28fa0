"""The figures of a load pushed over OTLP/HTTP while it runs, where the standard variables name a receiver.

Off unless `LOADTEST_LIVE_METRICS_OTLP` gives an interval. A thread of its own sends what it was last told, and skips what it
cannot send in time: a receiver that is down, slow or endless costs the load nothing. For looking on only: the gate judges by the
samples.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadtest.load.live import Counts, LiveStats
from loadtest.load.live_address import live_push_every_s
from loadtest.load.supervision.live_metrics import BOUNDS_S, sum_s, upto
from loadtest.masking import mask_secrets
from loadtest.planning.models import Plan

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric

log = logging.getLogger("loadtest.load.supervision.live_otlp")

TIMEOUT_S = 2.0


@dataclass(frozen=True)
class _Told:
    """Copied when it is told: the load goes on counting while it is sent."""

    at_ns: int
    users: int
    endpoints: tuple[tuple[str, int, int, np.ndarray, float], ...]  # name, requests, failures, cumulative counts, sum in s

    @classmethod
    def of(cls, stats: LiveStats, users: int) -> _Told:
        rows = tuple(_row(name, counts) for name, counts in sorted(stats.endpoints.items()))
        return cls(time.time_ns(), users, rows)


class LivePush:
    """Pushes what it was last told of. `problem`: why the last push failed."""

    def __init__(self, plan: Plan, *, asked: bool = True) -> None:
        self._every_s = live_push_every_s() if asked else None
        self._plan, self._began_ns = plan, time.time_ns()
        self._told: _Told | None = None
        self._told_at = 0.0
        self._due, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._push_each, name="live-otlp", daemon=True) if self._every_s else None
        self.problem = ""
        if self._thread:
            self._thread.start()

    def tell(self, stats: LiveStats, users: int) -> None:
        """The state of this second; it is sent when the interval is over and the last push has ended."""
        now = time.monotonic()
        if self._every_s and not self._due.is_set() and now - self._told_at >= self._every_s:
            self._told, self._told_at = _Told.of(stats, users), now
            self._due.set()

    def close(self) -> None:
        """What was told is sent, or left behind after a moment."""
        self._ended = True
        self._due.set()
        if self._thread:
            self._thread.join(TIMEOUT_S)

    def _push_each(self) -> None:
        while True:
            self._due.wait()
            told, self._told = self._told, None
            if told is not None:
                self._push(told)
            self._due.clear()
            if self._ended:
                return

    def _push(self, told: _Told) -> None:
        try:
            self._send(told)
        except Exception as error:  # whatever a foreign exporter or receiver does, the load goes on
            problem = mask_secrets(f"live figures are not pushed over OTLP ({type(error).__name__}: {error})")[:300]
            if not self.problem:
                log.warning(problem)
            self.problem = problem
        else:
            self.problem = ""

    def _send(self, told: _Told) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        plan = self._plan
        about = {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "loadtest"),
            "service.instance.id": f"{plan.scenario.name}/{plan.environment.name}/{plan.profile.name}",
            "loadtest.run_id": plan.run_id,
            "loadtest.scenario": plan.scenario.name,
            "loadtest.environment": plan.environment.name,
            "loadtest.profile": plan.profile.name,
        }
        scope = ScopeMetrics(InstrumentationScope("loadtest.live"), list(self._metrics(told)), schema_url="")
        data = MetricsData([ResourceMetrics(Resource.create(about), [scope], schema_url="")])
        exporter = OTLPMetricExporter(timeout=TIMEOUT_S)
        try:
            if exporter.export(data, timeout_millis=TIMEOUT_S * 1000) is not MetricExportResult.SUCCESS:
                raise RuntimeError("the receiver did not accept them")
        finally:
            exporter.shutdown()

    def _metrics(self, told: _Told) -> Iterable[Metric]:
        from opentelemetry.sdk.metrics.export import (
            AggregationTemporality,
            Gauge,
            Histogram,
            HistogramDataPoint,
            Metric,
            NumberDataPoint,
            Sum,
        )

        began, now, since = self._began_ns, told.at_ns, AggregationTemporality.CUMULATIVE
        requests, failures, durations = [], [], []
        for name, n, failed, cumulative, total_s in told.endpoints:
            attributes = {"loadtest.endpoint": name}
            requests.append(NumberDataPoint(attributes, began, now, n))
            failures.append(NumberDataPoint(attributes, began, now, failed))
            durations.append(
                HistogramDataPoint(
                    attributes=attributes,
                    start_time_unix_nano=began,
                    time_unix_nano=now,
                    count=int(cumulative[-1]),
                    sum=total_s,
                    bucket_counts=np.diff(cumulative, prepend=0).tolist(),
                    explicit_bounds=BOUNDS_S,
                    min=0.0,
                    max=0.0,
                )
            )
        users = Gauge([NumberDataPoint({}, began, now, told.users)])
        yield Metric("loadtest.live.users", "Users running, or arrivals in flight", "{user}", users)
        if requests:
            yield Metric("loadtest.live.requests", "Requests that ended", "{request}", Sum(requests, since, is_monotonic=True))
            yield Metric("loadtest.live.failures", "Requests that failed", "{request}", Sum(failures, since, is_monotonic=True))
            yield Metric("loadtest.live.request.duration", "Latency, failures included", "s", Histogram(durations, since))


def _row(name: str, counts: Counts) -> tuple[str, int, int, np.ndarray, float]:
    return name, counts.requests, counts.failures, upto(counts), sum_s(counts)
