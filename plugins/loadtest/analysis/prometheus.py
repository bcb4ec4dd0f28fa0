"""A run's metrics in the Prometheus text format, for node_exporter's textfile collector or a push gateway.

Metrics `loadtest_*` are of endpoints, `loadtest_run_*` of the whole run, so that a sum over endpoints counts each request
once. Series are told apart by scenario, environment and profile: the next run continues them, and only `loadtest_run_info`
says which run it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.load.models import HealthFacts

Labels = Mapping[str, str]


def prometheus_text(metrics: RunMetrics) -> bytes:
    """Seconds and bytes, as the format's conventions want. Counts are gauges: they start again with each run."""
    run = metrics.run
    series = series_labels(run.scenario, run.environment, run.profile)
    about = {**series, "run_id": run.run_id, "commit": run.commit or "", "load_model": metrics.load_model.value}
    by_endpoint = [({**series, "endpoint": one.endpoint}, one) for one in metrics.endpoints]
    return text_of(
        [
            *_measured("loadtest", by_endpoint),
            *_measured("loadtest_run", [(series, metrics.total)]),
            *_health(series, metrics.health),
            gauge("loadtest_run_info", "The run that these metrics are of; always 1", [(about, 1.0)]),
            gauge("loadtest_run_ended_timestamp_seconds", "When the load ended", [(series, run.ended_at.timestamp())]),
        ]
    )


def series_labels(scenario: str, environment: str, profile: str) -> dict[str, str]:
    return {"scenario": scenario, "environment": environment, "profile": profile}


def gauge(name: str, meaning: str, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = Metric(name, meaning, "gauge")
    for labels, value in values:
        family.add_sample(name, dict(labels), value)
    return family


def text_of(families: Sequence[Metric]) -> bytes:
    return generate_latest(_Families([family for family in families if family.samples]))


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _health(series: Labels, health: HealthFacts) -> Iterator[Metric]:
    yield gauge("loadtest_run_health_checks", "Health checks of the service during the load", [(series, health.checks)])
    yield gauge("loadtest_run_health_check_failures", "Health checks that failed", [(series, health.failures)])
    yield gauge("loadtest_run_health_outage_seconds", "Longest failure of the health check", [(series, health.longest_failure_s)])
    if health.p95_ms is not None:
        meaning = "95th percentile of a health check's duration"
        yield gauge("loadtest_run_health_check_p95_seconds", meaning, [(series, health.p95_ms / 1000)])


def _measured(prefix: str, rows: Sequence[tuple[Labels, EndpointMetrics]]) -> Iterator[Metric]:
    yield gauge(f"{prefix}_requests", "Requests in the steady phase, failures included", ((at, one.n) for at, one in rows))
    yield gauge(f"{prefix}_failures", "Failed requests in the steady phase", ((at, one.errors) for at, one in rows))
    yield gauge(f"{prefix}_requests_per_second", "Request rate in the steady phase", ((at, one.rps) for at, one in rows))
    latency = Metric(f"{prefix}_request_duration_seconds", "Latency of successes, exact quantiles (type 7)", "summary")
    size = Metric(f"{prefix}_response_size_bytes", "Body size of successful answers", "summary")
    server = Metric(
        f"{prefix}_server_duration_seconds", "Server-Timing of the successes that reported it, exact quantiles", "summary"
    )
    for labels, one in rows:
        if one.mean_ms is not None:
            _summarize(latency, labels, one.at_level_ms, one.successes, one.mean_ms * one.successes / 1000)
        if one.mean_bytes is not None:
            _summarize(size, labels, {}, one.successes, one.mean_bytes * one.successes)
        for part in one.server:
            if part.mean_ms is not None:
                whole_s = part.mean_ms * one.successes / 1000
                _summarize(server, {**labels, "component": part.component}, part.at_level_ms, part.n, whole_s)
    yield from (latency, size, server)


def _summarize(family: Metric, labels: Labels, at_level_ms: Mapping[str, float], count: int, total: float) -> None:
    """One summary: its quantiles (milliseconds, written as seconds), how many values it is of and what they add up to."""
    for level, value_ms in at_level_ms.items():
        family.add_sample(family.name, {**labels, "quantile": level}, value_ms / 1000)
    family.add_sample(f"{family.name}_sum", dict(labels), total)
    family.add_sample(f"{family.name}_count", dict(labels), count)
