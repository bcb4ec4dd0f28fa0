"""Locust files of other projects, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.load.control import run
from loadtest.load.models import StopReason
from tests.load.control.loads import samples_of
from tests.load.plans import folder_of, plan_of
from tests.support.http_server import CountingServer

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        ("shop", {"POST /login", "GET /item/{id}", "GET /user/{id}/cart", "POST /api/orders [checkout]"}),
        ("forum", {"GET /forum/", "GET /forum/threads/{id}", "GET /forum/archive/{date}"}),
        ("pytest_style", {"GET /", "GET /threads/{id}", "GET /threads/broken"}),
        ("custom_protocol", {"queue publish grades", "queue publish broken", "GET /status/{id}", "CALC think"}),
    ],
)
@pytest.mark.parametrize("load_model", ["closed", pytest.param("open", marks=pytest.mark.slow)])
def test_locust_files_of_strangers_run_unchanged(
    tmp_path: Path, server: CountingServer, name: str, endpoints: set[str], load_model: str
) -> None:
    how = {"users": 6} if load_model == "closed" else {"load_model": "open", "users": 0, "arrivals_per_s": 30}
    plan = plan_of(FOREIGN / f"{name}.py", server.base_url, duration_s=3, **how)
    folder = folder_of(tmp_path / "runs")
    result = run.wait_for_load(run.start_load(plan, folder))
    assert result.stop_reason is StopReason.COMPLETED, result.error
    frame = samples_of(folder)
    found = set(frame.endpoint)
    assert endpoints <= found and len(found) <= 8
    http = frame[frame.endpoint.str.match("GET|POST|PUT")]
    assert len(http) == server.total
    if name == "custom_protocol":
        assert set(frame[frame.endpoint == "queue publish broken"].error) == {"TimeoutError: timed out"}


OWN_HOST = """
from locust import HttpUser, User, constant, events, task


class Greeter(User):
    host = "localhost:50051"
    wait_time = constant(0.1)

    @task
    def greet(self):
        events.request.fire(request_type="grpc", name=self.host, response_time=1, response_length=0, exception=None)


class Soap(User):
    host = "http://elsewhere.example"
    wait_time = constant(0.1)

    @task
    def call(self):
        name = "environment" if self.host.startswith("http://127.0.0.1") else self.host
        events.request.fire(request_type="soap", name=name, response_time=1, response_length=0, exception=None)
"""


@pytest.mark.parametrize("how", [{"users": 4}, {"load_model": "open", "users": 0, "arrivals_per_s": 30}], ids=["closed", "open"])
def test_a_client_of_another_protocol_keeps_the_host_of_its_class(
    tmp_path: Path, server: CountingServer, how: dict[str, object]
) -> None:
    locustfile = tmp_path / "scenario/locustfile.py"
    locustfile.parent.mkdir()
    locustfile.write_text(OWN_HOST)
    plan = plan_of(locustfile, server.base_url, duration_s=1, **how)
    folder = folder_of(tmp_path / "runs")
    result = run.wait_for_load(run.start_load(plan, folder))
    assert result.stop_reason is StopReason.COMPLETED, result.error
    assert set(samples_of(folder).endpoint) == {"grpc localhost:50051", "soap environment"}
