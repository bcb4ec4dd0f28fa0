"""Whatever a scenario's `request` listeners raise, each request that the server answered is recorded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from loadtest.load.control import run
from tests.load.control.conftest import Join
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer

SCENARIO = """
import gevent
from locust import HttpUser, constant, events, task
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser

fire = events.request.fire


def leave(exception, **event):
    if exception:
        raise {raised}


class Shopper(HttpUser):
    wait_time = constant(0.05)

    def on_start(self):
        if {place!r} == "on_start":
            events.request._handlers.insert(0, leave)

    @task
    def buy(self):
        self.client.get("/fine")
        self.client.get("/broken")
        self.client.get("/afterwards")


if {place!r} == "module":
    events.request.add_listener(leave)
elif {place!r} == "own_client":
    events.request.add_listener(leave)

    @task
    def buy(self):
        with self.client.get("/broken", catch_response=True) as answer:
            pass
    Shopper.tasks = [buy]
elif {place!r} != "on_start":
    @getattr(events, {place!r}).add_listener
    def add(environment, **_):
        environment.events.request._handlers.clear()
        environment.events.request._handlers = [leave]
"""
LEAVES = ("RescheduleTask()", "StopUser()", "InterruptTaskSet()", "gevent.GreenletExit()")


def recorded(
    tmp_path: Path, server: CountingServer, place: str, raised: str, join: Join | None = None, **profile: object
) -> Counter[tuple[str, int]]:
    server.control.status = lambda method, path: 500 if path == "/broken" else 200
    text = SCENARIO.format(place=place, raised=raised)
    folder = folder_of(tmp_path / "runs")
    handle = run.start_load(plan_of(write_scenario(tmp_path / "scenario", text), server.base_url, **profile), folder)
    if join:
        join("eu", text=text)
        join("us", text=text)
    run.wait_for_load(handle)
    frame = pd.read_parquet(str(folder.samples))
    return Counter(zip(frame.endpoint, frame.status, strict=True))


def answered(server: CountingServer) -> Counter[tuple[str, int]]:
    counts = {path: count for (_, path), count in server.counts.items() if path != "/health"}
    return Counter({(f"GET {path}", 500 if path == "/broken" else 200): count for path, count in counts.items()})


@pytest.mark.parametrize(
    ("place", "raised"),
    [
        ("module", "RescheduleTask()"),
        *(
            pytest.param(place, raised, marks=pytest.mark.slow)
            for place in ("module", "init", "test_start", "on_start")
            for raised in (*LEAVES, "ValueError('odd')")
            if (place, raised) != ("module", "RescheduleTask()")
        ),
        pytest.param("own_client", "RescheduleTask()", marks=pytest.mark.slow),
    ],
)
def test_a_listener_that_raises_hides_no_request(tmp_path: Path, server: CountingServer, place: str, raised: str) -> None:
    found = recorded(tmp_path, server, place, raised)
    assert found == answered(server)
    assert found["GET /broken", 500] > 0
    if place != "own_client":
        goes_on = raised.startswith("ValueError")
        assert (found["GET /afterwards", 200] > 0) is goes_on, "what the listener wanted still happens"


@pytest.mark.slow
@pytest.mark.parametrize("raised", [*LEAVES, "ValueError('odd')"])
@pytest.mark.parametrize("place", ["module", "init", "test_start", "on_start", "own_client"])
@pytest.mark.parametrize("profile", [{"workers": 2}, {"load_model": "open", "arrivals_per_s": 20, "users": 0}])
def test_nor_in_workers_and_an_open_loop(
    tmp_path: Path, server: CountingServer, place: str, raised: str, profile: dict[str, object]
) -> None:
    found = recorded(tmp_path, server, place, raised, **profile)
    assert found == answered(server)
    assert found["GET /broken", 500] > 0
    if place != "own_client":
        assert (found["GET /afterwards", 200] > 0) is raised.startswith("ValueError")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["module", "init", "test_start", "on_start", "own_client"])
@pytest.mark.parametrize("raised", [*LEAVES, "ValueError('odd')"])
def test_nor_in_remote_workers(tmp_path: Path, server: CountingServer, join: Join, place: str, raised: str) -> None:
    found = recorded(tmp_path, server, place, raised, join, remote_workers=2, users=4)
    assert found == answered(server)
    assert found["GET /broken", 500] > 0
