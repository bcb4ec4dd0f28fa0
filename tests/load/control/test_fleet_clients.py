"""What clients on other machines report and send: odd response times, headers with secrets, TLS with an authority of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from loadtest.load.control import run
from loadtest.load.models import StopReason
from loadtest.planning.access import Tls
from tests.load.control.conftest import Join
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.guarded_service import guarded_service, make_certificate
from tests.support.http_server import CountingServer

pytestmark = pytest.mark.slow

ODD_TIMES = """
from locust import HttpUser, constant, task

ODD = [None, float("nan"), float("inf"), -5, "soon", 10**9]


class Publisher(HttpUser):
    wait_time = constant(0.05)
    turn = 0

    @task
    def publish(self):
        self.client.get("/fine")
        self.turn += 1
        fire = self.environment.events.request.fire
        fire(request_type="QUEUE", name="publish", response_time=20, response_length=1)
        fire(request_type="QUEUE", name="publish", response_time=ODD[self.turn % len(ODD)], response_length=1)
        fire(request_type="QUEUE", name="untold")
"""


def test_odd_response_times_of_remote_workers_count_as_requests_and_in_no_latency(
    tmp_path: Path, server: CountingServer, join: Join
) -> None:
    locustfile = write_scenario(tmp_path / "scenario", ODD_TIMES)
    plan = plan_of(locustfile, server.base_url, users=4, remote_workers=2, duration_s=4)
    handle = run.start_load(plan, folder_of(tmp_path / "runs"))
    join("eu", text=ODD_TIMES)
    join("us", text=ODD_TIMES)
    result = run.wait_for_load(handle)
    assert (result.stop_reason, result.error, result.task_errors) == (StopReason.COMPLETED, "", 0)
    assert {worker.worker.split("/")[0] for worker in result.workers} == {"eu", "us"}
    frame = pd.read_parquet(str(handle.folder.samples))
    answered = server.counts["GET", "/fine"]
    counted = {"GET /fine": answered, "QUEUE publish": 2 * answered, "QUEUE untold": answered}
    assert frame.endpoint.value_counts().to_dict() == counted
    published = frame[frame.endpoint == "QUEUE publish"].latency_us
    assert published.isna().sum() == answered and set(published.dropna()) == {20_000}
    assert frame[frame.endpoint == "QUEUE untold"].latency_us.isna().all()


TOKEN = "canary-token-of-a-fleet-4711"
BOTH_CLIENTS = """
from locust import FastHttpUser, HttpUser, constant, task


class Fast(FastHttpUser):
    wait_time = constant(0.05)
    fixed_count = 2

    @task
    def read(self):
        self.client.get("/fast")


class Plain(HttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/plain")
"""


def test_headers_and_certificates_of_the_environment_go_with_every_request_of_a_fleet(
    tmp_path: Path, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_FLEET_TOKEN", "a-secret-of-both-sides")
    monkeypatch.setenv("STAGING_LOGIN", TOKEN)
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    authority = make_certificate(tmp_path / "certificates", "authority")
    certificate = make_certificate(tmp_path / "certificates", "service", authority)
    ours = make_certificate(tmp_path / "certificates", "client", authority)
    tls = Tls(ca_file=str(authority[0]), cert_file=str(ours[0]), key_file=str(ours[1]))
    headers = {"Authorization": "Bearer ${STAGING_LOGIN}", "X-Tenant": "north"}
    locustfile = write_scenario(tmp_path / "scenario", BOTH_CLIENTS)
    with guarded_service(certificate, client_ca=authority[0]) as service:
        service.wanted = ("Authorization", f"Bearer {TOKEN}")
        plan = plan_of(locustfile, service.base_url, users=6, remote_workers=2, duration_s=4)
        plan = plan.model_copy(update={"environment": plan.environment.model_copy(update={"headers": headers, "tls": tls})})
        handle = run.start_load(plan, folder_of(tmp_path / "runs"))
        for region in ("eu", "us"):  # the master tells them the headers; the variable stands on its machine alone
            join(region, text=BOTH_CLIENTS, STAGING_LOGIN="")
        result = run.wait_for_load(handle)
    assert (result.stop_reason, result.error) == (StopReason.COMPLETED, "")
    assert {worker.worker.split("/")[0] for worker in result.workers} == {"eu", "us"}
    assert set(service.of("/fast")) == set(service.of("/plain")) == {200}
    assert result.samples == sum(service.of("/fast").values()) + sum(service.of("/plain").values())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []
