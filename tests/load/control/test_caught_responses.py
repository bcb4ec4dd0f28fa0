"""What a scenario does with an answer that it looks at itself (`catch_response=True`) hides no request."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from loadtest.load.control import run
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer

SCENARIO = """
from locust import {user_class}, constant, task
from locust.exception import RescheduleTask


class Shopper({user_class}):
    wait_time = constant(0.05)

    @task
    def check(self):
        with self.client.get("/checked", catch_response=True) as answer:
            assert answer.status_code == 201, "not created"

    @task
    def look_up(self):
        with self.client.get("/looked-up", catch_response=True) as answer:
            answer.json()["missing"]

    @task
    def leave(self):
        with self.client.get("/left", catch_response=True):
            raise RescheduleTask

    @task
    def leave_broken(self):
        with self.client.get("/broken", catch_response=True):
            raise RescheduleTask

    @task
    def forget(self):
        self.client.get("/forgotten", catch_response=True)
        answer = self.client.get("/broken-and-forgotten", catch_response=True)

    @task
    def judge(self):
        with self.client.get("/broken-and-excused", catch_response=True) as answer:
            answer.success()
            raise RescheduleTask
"""


@pytest.mark.parametrize("user_class", ["HttpUser", "FastHttpUser"])
@pytest.mark.parametrize(
    "profile",
    [
        {},
        pytest.param({"workers": 2}, marks=pytest.mark.slow),
        pytest.param({"load_model": "open", "arrivals_per_s": 30, "users": 0}, marks=pytest.mark.slow),
    ],
)
def test_every_answer_is_recorded_whatever_becomes_of_it(
    tmp_path: Path, server: CountingServer, user_class: str, profile: dict[str, object]
) -> None:
    server.control.status = lambda method, path: 500 if path.startswith("/broken") else 200
    locustfile = write_scenario(tmp_path / "scenario", SCENARIO.format(user_class=user_class))
    folder = folder_of(tmp_path / "runs")
    run.wait_for_load(run.start_load(plan_of(locustfile, server.base_url, **{"users": 4} | profile), folder))
    frame = pd.read_parquet(str(folder.samples))
    answered = Counter({f"GET {path}": count for (_, path), count in server.counts.items() if path != "/health"})
    assert Counter(frame.endpoint) == answered
    assert len(answered) == 7
    errors = {endpoint: set(group.error) for endpoint, group in frame.groupby("endpoint", observed=True)}
    assert errors == {
        "GET /checked": {"AssertionError: not created"},
        "GET /looked-up": {"KeyError: 'missing'"},
        "GET /left": {""},
        "GET /broken": {"HTTP 500"},
        "GET /forgotten": {""},
        "GET /broken-and-forgotten": {"HTTP 500"},
        "GET /broken-and-excused": {""},
    }
