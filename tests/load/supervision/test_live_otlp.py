"""What an OTLP receiver gets while a load runs, and what a receiver in trouble costs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from loadtest.errors import ConfigurationError
from loadtest.load.live_address import live_push_every_s
from loadtest.load.supervision.live_otlp import LivePush
from tests.gate.run_facts import make_plan
from tests.load.supervision.test_live_metrics import stats_of
from tests.support.waiting import until


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[ExportMetricsServiceRequest] = []
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(ExportMetricsServiceRequest.FromString(body))
        self.server.answers.wait(30)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("LOADTEST_LIVE_METRICS_OTLP", "1s")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.answers.set()
        server.shutdown()
        thread.join()


def test_the_figures_of_the_load_are_pushed(receiver: Receiver) -> None:
    push = LivePush(make_plan())
    push.tell(stats_of([4, 20, 20, 300], errors=1), users=7)
    push.close()
    (request,) = receiver.received
    metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert metrics["loadtest.live.users"].gauge.data_points[0].as_int == 7
    assert metrics["loadtest.live.requests"].sum.data_points[0].as_int == 4
    assert metrics["loadtest.live.failures"].sum.data_points[0].as_int == 1
    (duration,) = metrics["loadtest.live.request.duration"].histogram.data_points
    assert (duration.count, sum(duration.bucket_counts)) == (4, 4)
    assert duration.sum == pytest.approx(0.344, rel=0.02)
    assert not push.problem


def test_a_receiver_that_does_not_answer_gets_one_push_at_a_time(receiver: Receiver) -> None:
    receiver.answers.clear()
    push = LivePush(make_plan())
    stats = stats_of([4])
    push.tell(stats, users=1)
    until(lambda: receiver.received)
    push._told_at = 0.0  # as if the interval were over
    for _ in range(50):
        push.tell(stats, users=1)
    assert len(receiver.received) == 1
    push.close()


def test_what_a_receiver_refuses_is_said_and_nothing_else(receiver: Receiver) -> None:
    receiver.status = 400
    push = LivePush(make_plan())
    push.tell(stats_of([4]), users=1)
    push.close()
    assert push.problem.startswith("live figures are not pushed over OTLP")


def test_it_is_off_unless_an_interval_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADTEST_LIVE_METRICS_OTLP", raising=False)
    assert live_push_every_s() is None
    for wrong in ("often", "0", "2h"):
        monkeypatch.setenv("LOADTEST_LIVE_METRICS_OTLP", wrong)
        with pytest.raises(ConfigurationError, match="from 1s to 5m"):
            live_push_every_s()
