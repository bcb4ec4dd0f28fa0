"""A run's metrics in OpenTelemetry's data model.

`http.client.request.duration` is what the semantic conventions (HTTP metrics, stable since 1.23) mean by that name: a
histogram in seconds. What they have no name for, exact quantiles above all, is under names of our own: `loadtest.*` of
endpoints, `loadtest.run.*` of the whole run. Importing this module imports the SDK: do it late.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from loadtest.analysis.durations import BOUNDS_S, DurationHistogram
from loadtest.analysis.models import EndpointMetrics, RunMetrics

Attributes = dict[str, str | int]

HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
DEFAULT_PORTS = {"http": 80, "https": 443}
OTHER_ERROR = "_OTHER"  # the conventions' word for an error without a short, stable name
_UNITS = {
    "requests": "{request}",
    "failures": "{request}",
    "request.rate": "{request}/s",
    "error.ratio": "1",
    "request.duration": "s",
    "response.body.size.mean": "By",
    "server.duration": "s",
    "server.requests": "{request}",
}
_COUNTS = ("requests", "failures", "server.requests")


def otlp_metrics(metrics: RunMetrics, histograms: Sequence[DurationHistogram]) -> list[Metric]:
    """All metrics of a run, stamped with its steady phase's start and the load's end."""
    start_ns = _nanoseconds(metrics.run.steady_started_at or metrics.run.started_at)
    end_ns = _nanoseconds(metrics.run.ended_at)
    server = _server_attributes(metrics.run.base_url)
    buckets = [
        _bucket_point({**server, **http}, histogram, start_ns, end_ns)
        for histogram in histograms
        if (http := http_attributes(histogram.endpoint))
    ]
    points: dict[str, list[NumberDataPoint]] = defaultdict(list)
    for prefix, rows in (("loadtest", metrics.endpoints), ("loadtest.run", (metrics.total,))):
        for row in rows:
            own: Attributes = {} if row is metrics.total else {"loadtest.endpoint": row.endpoint, **http_attributes(row.endpoint)}
            for name, value, more in _values(row):
                points[f"{prefix}.{name}"].append(NumberDataPoint({**own, **more}, start_ns, end_ns, value))
    duration = Histogram(buckets, _temporality())
    conventional = [Metric("http.client.request.duration", "Duration of HTTP client requests.", "s", duration)] if buckets else []
    return conventional + [_metric(name, own) for name, own in points.items()]


def http_attributes(endpoint: str) -> Attributes:
    """Method and, where the rest is a path, the template of `GET /students/{id}`; empty for what is no HTTP request."""
    method, _, route = endpoint.partition(" ")
    if method not in HTTP_METHODS or not route:
        return {}
    return {"http.request.method": method, **({"url.template": route} if route.startswith("/") else {})}


def _server_attributes(base_url: str | None) -> Attributes:
    url = urlsplit(base_url or "")
    port = url.port or DEFAULT_PORTS.get(url.scheme)
    return {"server.address": url.hostname, "server.port": port} if url.hostname and port else {}


def _bucket_point(attributes: Attributes, histogram: DurationHistogram, start_ns: int, end_ns: int) -> HistogramDataPoint:
    outcome: Attributes = {"loadtest.endpoint": histogram.endpoint}
    if histogram.status:
        outcome["http.response.status_code"] = histogram.status
    if histogram.failed:
        outcome["error.type"] = str(histogram.status) if histogram.status >= 400 else OTHER_ERROR
    return HistogramDataPoint(
        attributes={**attributes, **outcome},
        start_time_unix_nano=start_ns,
        time_unix_nano=end_ns,
        count=histogram.n,
        sum=histogram.sum_us / 1e6,
        bucket_counts=histogram.counts.tolist(),
        explicit_bounds=BOUNDS_S,
        min=histogram.min_us / 1e6,
        max=histogram.max_us / 1e6,
    )


def _values(row: EndpointMetrics) -> Iterator[tuple[str, float, Attributes]]:
    """Name, value in the name's unit, attributes."""
    yield "requests", row.n, {}
    yield "failures", row.errors, {}
    yield "request.rate", row.rps, {}
    yield "error.ratio", row.error_rate, {}
    for level, value_ms in row.at_level_ms.items():
        yield "request.duration", value_ms / 1000, {"quantile": level}
    if row.mean_bytes is not None:
        yield "response.body.size.mean", row.mean_bytes, {}
    for part in row.server:
        component: Attributes = {"loadtest.server.component": part.component}
        yield "server.requests", part.n, component
        for level, value_ms in part.at_level_ms.items():
            yield "server.duration", value_ms / 1000, {**component, "quantile": level}


def _metric(name: str, points: list[NumberDataPoint]) -> Metric:
    short = name.removeprefix("loadtest.").removeprefix("run.")
    data = Sum(points, _temporality(), is_monotonic=True) if short in _COUNTS else Gauge(points)
    return Metric(name, None, _UNITS[short], data)


def _temporality() -> AggregationTemporality:
    """A run is counted once, from its start to its end, so both are true of it; receivers differ in what they take."""
    wanted = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "").lower()
    return AggregationTemporality.DELTA if wanted == "delta" else AggregationTemporality.CUMULATIVE


def _nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * 1e6) * 1000
