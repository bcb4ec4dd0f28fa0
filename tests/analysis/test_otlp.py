from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

from loadtest.analysis.analyze import analyze
from loadtest.analysis.durations import BOUNDS_S
from loadtest.analysis.models import RunMetrics
from loadtest.analysis.otlp import push_otlp
from loadtest.run_folder import RunFolder
from tests.analysis.builders import START, make_load, random_table, sample_table, write_run


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP receiver that keeps what it gets; `status` is what it answers, `dribble_s` the pause between bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.received: list[tuple[str, ExportMetricsServiceRequest]] = []
        self.hold: threading.Event | None = None
        self.dribble_s = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def metrics(self) -> dict[str, Metric]:
        """Of the only request."""
        ((_, request),) = self.received
        return {
            metric.name: metric for each in request.resource_metrics for scope in each.scope_metrics for metric in scope.metrics
        }


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
        dribbled = 20 if self.server.dribble_s else 0
        self.send_header("Content-Length", str(dribbled))
        self.end_headers()
        for _ in range(dribbled):
            time.sleep(self.server.dribble_s)
            self.wfile.write(b"x")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    with Receiver() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path, random_table(np.random.default_rng(1), 2_000))


@pytest.fixture
def metrics(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> RunMetrics:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    return analyze(folder)


def labels(point: object) -> dict[str, str | int]:
    return {item.key: item.value.string_value or item.value.int_value for item in point.attributes}  # type: ignore[attr-defined]


def test_the_conventional_metric_is_a_histogram_with_its_attributes(folder: RunFolder, receiver: Receiver) -> None:
    metrics = analyze(folder)
    duration = receiver.metrics["http.client.request.duration"]
    assert duration.unit == "s"
    points = list(duration.histogram.data_points)
    assert sum(point.count for point in points) == metrics.total.n
    good = {labels(point)["url.template"]: point for point in points if "error.type" not in labels(point)}
    assert set(good) == {"/things/0", "/things/1", "/things/2"}
    for one in metrics.endpoints:
        point = good[one.endpoint.removeprefix("GET ")]
        assert labels(point) == {
            "http.request.method": "GET",
            "url.template": one.endpoint.removeprefix("GET "),
            "http.response.status_code": 200,
            "server.address": "127.0.0.1",
            "server.port": 8000,
            "loadtest.endpoint": one.endpoint,
        }
        assert list(point.explicit_bounds) == list(BOUNDS_S)
        assert one.mean_ms is not None
        assert point.sum / point.count == pytest.approx(one.mean_ms / 1000)
        assert point.max * 1000 == pytest.approx(one.max_ms)
    assert {labels(point)["error.type"] for point in points if "error.type" in labels(point)} == {"503"}


def test_what_has_no_conventional_name_is_under_names_of_our_own(folder: RunFolder, receiver: Receiver) -> None:
    metrics = analyze(folder)
    found = receiver.metrics
    own = {
        "requests",
        "failures",
        "request.rate",
        "error.ratio",
        "request.duration",
        "response.body.size.mean",
        "server.requests",
        "server.duration",
    }
    assert set(found) == {
        "http.client.request.duration",
        *(f"loadtest.{name}" for name in own),
        *(f"loadtest.run.{name}" for name in own),
    }
    p99 = {
        labels(point)["loadtest.endpoint"]: point.as_double
        for point in found["loadtest.request.duration"].gauge.data_points
        if labels(point)["quantile"] == "0.99"
    }
    assert p99 == {one.endpoint: one.p99_ms / 1000 for one in metrics.endpoints if one.p99_ms}
    requests = found["loadtest.requests"].sum
    assert sum(point.as_int for point in requests.data_points) == metrics.total.n
    assert [point.as_int for point in found["loadtest.run.requests"].sum.data_points] == [metrics.total.n]
    assert {labels(point)["loadtest.server.component"] for point in found["loadtest.server.duration"].gauge.data_points} == {"db"}


def test_points_are_stamped_with_the_time_of_the_load(folder: RunFolder, receiver: Receiver) -> None:
    analyze(folder)
    start, end = START + timedelta(seconds=2), START + timedelta(seconds=30)
    for metric in receiver.metrics.values():
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            assert point.time_unix_nano == end.timestamp() * 1e9
            assert kind == "gauge" or point.start_time_unix_nano == start.timestamp() * 1e9


def test_the_resource_says_which_run_it_was(folder: RunFolder, receiver: Receiver) -> None:
    analyze(folder)
    ((path, request),) = receiver.received
    assert path == "/v1/metrics"
    (resource,) = request.resource_metrics
    attributes = labels(resource.resource)
    assert attributes["service.name"] == "loadtest"
    assert attributes["service.instance.id"] == "student_api/staging/smoke"
    assert attributes["loadtest.run_id"] == "run-1"


def test_what_is_no_http_request_does_not_claim_to_be_one(tmp_path: Path, receiver: Receiver) -> None:
    names = ["kafka publish", "GET Start page", "GET /x"]
    table = sample_table(
        start_us=[round(START.timestamp() * 1e6) + 3_000_000] * 3,
        latency_us=[1000] * 3,
        endpoint=names,
        status=[0] * 3,
        error=["", "", "refused"],
    )
    analyze(write_run(tmp_path, table))
    points = receiver.metrics["http.client.request.duration"].histogram.data_points
    found = {labels(point)["loadtest.endpoint"]: labels(point) for point in points}
    assert set(found) == {"GET Start page", "GET /x"}
    assert "url.template" not in found["GET Start page"]
    assert found["GET /x"]["error.type"] == "_OTHER"
    assert "http.response.status_code" not in found["GET /x"]
    own = receiver.metrics["loadtest.requests"].sum.data_points
    assert {labels(point)["loadtest.endpoint"] for point in own} == set(names)


def test_a_receiver_of_differences_gets_differences(
    folder: RunFolder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    analyze(folder)
    data = receiver.metrics["http.client.request.duration"].histogram
    assert data.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA


def test_a_load_is_sent_once_however_often_it_is_analyzed(tmp_path: Path, folder: RunFolder, receiver: Receiver) -> None:
    analyze(folder)
    analyze(folder)
    assert len(receiver.received) == 1
    make_load(2_000, ended_at=START + timedelta(seconds=31)).write(folder.load)  # a retry of the load: another measurement
    analyze(folder)
    assert len(receiver.received) == 2


def test_the_metrics_variable_names_the_whole_address(
    metrics: RunMetrics, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{receiver.url}/custom")
    assert push_otlp(metrics, ()) is None
    assert [path for path, _ in receiver.received] == ["/custom"]


def test_nothing_is_sent_unless_asked_for(folder: RunFolder, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert push_otlp(analyze(folder), ()) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    folder.metrics.unlink()
    assert push_otlp(analyze(folder), ()) is None
    assert receiver.received == []


@pytest.mark.parametrize("status", [400, 503])
def test_a_receiver_that_refuses_is_said_and_hurts_nothing(
    metrics: RunMetrics, receiver: Receiver, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = status
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    problem = push_otlp(metrics, (), timeout_s=0.5)
    assert problem is not None
    assert "could not be sent over OTLP" in problem


@pytest.mark.parametrize("how", ["hangs", "dribbles", "is not there"])
def test_a_receiver_that_is_slow_or_gone_is_given_up_in_time(
    metrics: RunMetrics, receiver: Receiver, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold = threading.Event() if how == "hangs" else None
    receiver.dribble_s = 0.2 if how == "dribbles" else 0.0
    url = "http://127.0.0.1:9" if how == "is not there" else receiver.url
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    begin = time.monotonic()
    assert push_otlp(metrics, (), timeout_s=0.4) is not None
    assert time.monotonic() - begin < 2
    if receiver.hold:
        receiver.hold.set()


def test_analysis_of_a_run_stands_when_the_receiver_is_gone(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("loadtest.analysis.otlp.OTLP_TIMEOUT_S", 0.3)
    analyze(folder)
    assert folder.metrics.exists()
