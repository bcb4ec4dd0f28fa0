"""A service that somebody else starts, started anew under load: real runs against Prometheus' own server of metrics."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loadtest.backend.health_client import HealthClient
from loadtest.load.models import LoadResult
from loadtest.pipeline.stages import Outcome as Run
from loadtest.pipeline.stages import run_once
from loadtest.planning.request import Request
from loadtest.processes import free_port
from loadtest.settings import settings
from loadtest.vocabulary import Criterion, Outcome
from tests.support.small_include import build_include, write
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SERVER = "import sys, time, prometheus_client as p; p.start_http_server(int(sys.argv[1]), '127.0.0.1'); time.sleep(120)"
READER = """
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0.2)

    @task
    def read(self):
        with self.client.get("/metrics", catch_response=True) as answer:
            answer.success()  # the second in which it was away is not what this is about
"""


class Metrics:
    """The server, on a port that stays when it is started anew."""

    def __init__(self) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(self.port)])
        client = HealthClient(self.base_url)
        until(lambda: client.ask().healthy)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def run(root: Path, monkeypatch: pytest.MonkeyPatch, service: Metrics, *, restart: bool) -> tuple[Run, LoadResult]:
    include = build_include(root, duration="12s")
    (include / "scenarios/toy/locustfile.py").write_text(READER)
    (include / "scenarios/toy/targets.yaml").write_text("total: {p95_ms: 2s}\n")
    environment = {"base_url": service.base_url, "health": "/-/healthy", "restarts": {"from": "metrics"}}
    write(include / "environments/theirs.yaml", environment)
    monkeypatch.setenv("LOADTEST_HOME", str(root))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(root / "scratch"))

    def restart_in_mid_load() -> None:
        until(lambda: any(path.stat().st_size for path in (root / "scratch").rglob("samples.bin")), "the first requests")
        service.stop()
        service.start()

    other = threading.Thread(target=restart_in_mid_load if restart else lambda: None)
    other.start()
    done = run_once(Request(scenario="toy", environment="theirs", profile="smoke"), settings(), confirm=False)
    other.join()
    return done, LoadResult.read(done.folder.load)


def test_a_restart_in_mid_load_fails_the_run_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Metrics()
    try:
        done, load = run(tmp_path, monkeypatch, service, restart=True)
    finally:
        service.stop()
    assert load.restarts is not None and len(load.restarts.restarts) == 1
    assert done.verdict.outcome is Outcome.FAIL
    sentences = [finding.sentence for finding in done.verdict.findings if finding.criterion is Criterion.SERVICE]
    assert any("the service was started anew" in sentence and "process_start_time_seconds" in sentence for sentence in sentences)
    assert any("read the logs of the service at" in step.next_step for step in done.verdict.recommendations)


def test_a_service_that_stays_the_same_has_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Metrics()
    try:
        done, load = run(tmp_path, monkeypatch, service, restart=False)
    finally:
        service.stop()
    assert load.restarts is not None and load.restarts.answers > 2 and not load.restarts.restarts
    assert done.verdict.outcome is Outcome.PASS, done.verdict.reasons
    assert not [finding for finding in done.verdict.findings if finding.criterion is Criterion.SERVICE]
