from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.analysis.analyze import analyze
from loadtest.analysis.exports import prometheus_text, push_otlp
from loadtest.analysis.models import RunMetrics
from tests.analysis.builders import START_US, random_table, sample_table, write_run


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that keeps what it gets; `status` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.received: list[tuple[str, ExportMetricsServiceRequest]] = []
        self.hold: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, ExportMetricsServiceRequest.FromString(body)))
        if self.server.hold:
            self.server.hold.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunMetrics:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    return analyze(write_run(tmp_path, random_table(np.random.default_rng(1), 2_000)))


def test_prometheus_reads_every_metric_back(metrics: RunMetrics) -> None:
    families = {family.name: family.samples for family in text_string_to_metric_families(prometheus_text(metrics).decode())}
    p95 = {
        sample.labels["endpoint"]: sample.value
        for sample in families["loadtest_request_duration_seconds"]
        if sample.labels["quantile"] == "0.95"
    }
    assert p95 == {one.endpoint: one.p95_ms / 1000 for one in (*metrics.endpoints, metrics.total) if one.p95_ms}
    assert families["loadtest_requests"][0].labels["run_id"] == "run-1"
    assert families["loadtest_run_info"][0].labels["commit"] == "abc1234"
    assert {sample.labels["component"] for sample in families["loadtest_server_duration_seconds"]} == {"db"}


def test_prometheus_escapes_hostile_names(tmp_path: Path) -> None:
    hostile = 'GET /"}\n# HELP x\nevil 1 \\'
    table = sample_table(start_us=[START_US + 5_000_000], latency_us=[10], endpoint=[hostile])
    text = prometheus_text(analyze(write_run(tmp_path, table))).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert "evil" not in families
    assert {sample.labels["endpoint"] for sample in families["loadtest_requests"].samples} == {hostile, "Total"}


def test_otlp_arrives_with_names_units_and_attributes(
    metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    assert push_otlp(metrics) is None
    ((path, request),) = receiver.received
    assert path == "/v1/metrics"
    (resource,) = request.resource_metrics
    attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert attributes["service.name"] == "loadtest"
    assert attributes["loadtest.run_id"] == "run-1"
    found = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    duration = found["http.client.request.duration"]
    assert duration.unit == "s"
    values = {}
    for point in duration.gauge.data_points:
        labels = {item.key: item.value.string_value for item in point.attributes}
        values[labels["loadtest.endpoint"], labels["quantile"]] = point.as_double
        if labels["loadtest.endpoint"] != "Total":
            assert labels["http.request.method"] == "GET"
    assert values["Total", "0.99"] == metrics.total.p99_ms / 1000
    assert set(found) == {
        "http.client.request.duration",
        "http.client.response.body.size",
        "http.server.request.duration",
        "loadtest.requests",
        "loadtest.failures",
        "loadtest.request.rate",
        "loadtest.error.ratio",
    }


def test_the_metrics_variable_names_the_whole_address(
    metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/custom")
    assert push_otlp(metrics) is None
    assert [path for path, _ in receiver.received] == ["/custom"]


def test_nothing_is_sent_unless_asked_for(metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert push_otlp(metrics) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert push_otlp(metrics) is None
    assert receiver.received == []


@pytest.mark.parametrize("status", [400, 503])
def test_a_receiver_that_refuses_is_said_and_hurts_nothing(
    metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    receiver.status = status
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    problem = push_otlp(metrics, timeout_s=0.5)
    assert problem is not None
    assert "could not be sent over OTLP" in problem


def test_a_receiver_that_hangs_or_is_not_there_is_given_up(
    metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold = threading.Event()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    assert push_otlp(metrics, timeout_s=0.3) is not None
    receiver.hold.set()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert push_otlp(metrics, timeout_s=0.3) is not None


def test_analysis_of_a_run_stands_when_the_receiver_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("loadtest.analysis.exports.OTLP_TIMEOUT_S", 0.3)
    folder = write_run(tmp_path, random_table(np.random.default_rng(1), 200))
    analyze(folder)
    assert folder.metrics.exists()
