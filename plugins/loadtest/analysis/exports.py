"""A run's metrics for other tools: a Prometheus text file, and OpenTelemetry metrics over OTLP where that is asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.masking import mask_secrets

log = logging.getLogger(__name__)

OTLP_TIMEOUT_S = 2.0
_LATENCIES = {
    "0.5": "p50_ms",
    "0.9": "p90_ms",
    "0.95": "p95_ms",
    "0.99": "p99_ms",
    "0.999": "p999_ms",
    "1": "max_ms",
}


def prometheus_text(metrics: RunMetrics) -> bytes:
    """Prometheus text format, for the textfile collector or a push gateway. Seconds and bytes, as its conventions want."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    run_labels = {
        "scenario": metrics.run.scenario,
        "environment": metrics.run.environment,
        "profile": metrics.run.profile,
        "run_id": metrics.run.run_id,
    }

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"loadtest_{name}", meaning, (*run_labels, "endpoint", *labels), registry=registry)

    requests = gauge("requests", "Requests in the steady phase, failures included")
    failures = gauge("failures", "Failed requests in the steady phase")
    rate = gauge("requests_per_second", "Request rate in the steady phase")
    latency = gauge("request_duration_seconds", "Latency of successful requests, exact quantiles (type 7)", "quantile")
    mean = gauge("request_duration_mean_seconds", "Mean latency of successful requests")
    size = gauge("response_size_mean_bytes", "Mean body size of successful answers")
    server = gauge("server_duration_seconds", "Server-Timing by component, exact quantiles (type 7)", "component", "quantile")
    for endpoint in (*metrics.endpoints, metrics.total):
        labels = {**run_labels, "endpoint": endpoint.endpoint}
        requests.labels(**labels).set(endpoint.n)
        failures.labels(**labels).set(endpoint.errors)
        rate.labels(**labels).set(endpoint.rps)
        for quantile, value_ms in _latencies(endpoint):
            latency.labels(**labels, quantile=quantile).set(value_ms / 1000)
        if endpoint.mean_ms is not None:
            mean.labels(**labels).set(endpoint.mean_ms / 1000)
        if endpoint.mean_bytes is not None:
            size.labels(**labels).set(endpoint.mean_bytes)
        for part in endpoint.server:
            for quantile, value_ms in (("0.5", part.p50_ms), ("0.95", part.p95_ms)):
                server.labels(**labels, component=part.component, quantile=quantile).set(value_ms / 1000)
    info = Gauge("loadtest_run_info", "The run; always 1", (*run_labels, "commit", "load_model"), registry=registry)
    info.labels(**run_labels, commit=metrics.run.commit or "", load_model=metrics.load_model.value).set(1)
    ended = Gauge("loadtest_run_ended_timestamp_seconds", "When the load ended", tuple(run_labels), registry=registry)
    ended.labels(**run_labels).set(metrics.run.ended_at.timestamp())
    return generate_latest(registry)


def otlp_is_configured() -> bool:
    """Whether the standard variables name a receiver (and do not switch the SDK off)."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(named) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def push_otlp(metrics: RunMetrics, *, timeout_s: float | None = None) -> str | None:
    """Send the metrics once, over OTLP/HTTP, if a receiver is configured. Never raises and never waits long.

    Returns None when sent or not configured, else why it failed in one sentence (also logged).
    Names follow the semantic conventions of HTTP client metrics; quantiles are gauges with the attribute `quantile`.
    """
    if not otlp_is_configured():
        return None
    try:
        _push(metrics, timeout_s or OTLP_TIMEOUT_S)
    except Exception as error:  # whatever a foreign exporter or receiver does, the run's results stand
        problem = mask_secrets(f"The run's metrics could not be sent over OTLP: {type(error).__name__}: {error}.")[:500]
        log.warning(problem)
        return problem
    return None


def _push(metrics: RunMetrics, timeout_s: float) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
    from opentelemetry.sdk.resources import Resource

    run = metrics.run
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "loadtest"),
            "deployment.environment.name": run.environment,
            "loadtest.run_id": run.run_id,
            "loadtest.scenario": run.scenario,
            "loadtest.profile": run.profile,
            **({"vcs.ref.head.revision": run.commit} if run.commit else {}),
        }
    )
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("loadtest.analysis")
    gauges = {
        "http.client.request.duration": meter.create_gauge("http.client.request.duration", unit="s"),
        "http.client.response.body.size": meter.create_gauge("http.client.response.body.size", unit="By"),
        "http.server.request.duration": meter.create_gauge("http.server.request.duration", unit="s"),
        "loadtest.requests": meter.create_gauge("loadtest.requests", unit="{request}"),
        "loadtest.failures": meter.create_gauge("loadtest.failures", unit="{request}"),
        "loadtest.request.rate": meter.create_gauge("loadtest.request.rate", unit="{request}/s"),
        "loadtest.error.ratio": meter.create_gauge("loadtest.error.ratio", unit="1"),
    }
    for endpoint in (*metrics.endpoints, metrics.total):
        for name, value, attributes in _points(endpoint):
            gauges[name].set(value, attributes)
    data = reader.get_metrics_data()
    provider.shutdown()
    exporter = OTLPMetricExporter(timeout=timeout_s)
    try:
        if data is not None and exporter.export(data, timeout_millis=timeout_s * 1000) is not MetricExportResult.SUCCESS:
            raise RuntimeError("the receiver did not accept them")
    finally:
        exporter.shutdown()


def _points(endpoint: EndpointMetrics) -> Iterator[tuple[str, float, dict[str, str]]]:
    base = {"loadtest.endpoint": endpoint.endpoint}
    method, space, route = endpoint.endpoint.partition(" ")
    if space and method.isupper():
        base |= {"http.request.method": method, "url.template": route}
    yield "loadtest.requests", endpoint.n, base
    yield "loadtest.failures", endpoint.errors, base
    yield "loadtest.request.rate", endpoint.rps, base
    yield "loadtest.error.ratio", endpoint.error_rate, base
    for quantile, value_ms in _latencies(endpoint):
        yield "http.client.request.duration", value_ms / 1000, {**base, "quantile": quantile}
    if endpoint.mean_bytes is not None:
        yield "http.client.response.body.size", endpoint.mean_bytes, base
    for part in endpoint.server:
        for quantile, value_ms in (("0.5", part.p50_ms), ("0.95", part.p95_ms)):
            attributes = {**base, "loadtest.server.component": part.component, "quantile": quantile}
            yield "http.server.request.duration", value_ms / 1000, attributes


def _latencies(endpoint: EndpointMetrics) -> Iterator[tuple[str, float]]:
    for quantile, name in _LATENCIES.items():
        value_ms = getattr(endpoint, name)
        if value_ms is not None:
            yield quantile, value_ms
