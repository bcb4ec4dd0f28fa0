"""A client that reports odd times: each request counts, its time does not, and the verdict says of which endpoint."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from loadtest.analysis.models import RunMetrics
from loadtest.pipeline.stages import SilentWatcher, run_planned
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer

SCENARIO = """
from locust import HttpUser, constant, events, task

FIRE = events.request.fire  # kept from before the load
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
        FIRE(request_type="QUEUE", name="untold")
"""


@pytest.mark.parametrize(
    "profile",
    [
        {},
        pytest.param({"workers": 2}, marks=pytest.mark.slow),
        pytest.param({"load_model": "open", "arrivals_per_s": 20, "users": 0}, marks=pytest.mark.slow),
    ],
)
def test_odd_times_count_as_requests_and_in_no_latency(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch, profile: dict[str, object]
) -> None:
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{tmp_path}/history.db")
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    locustfile = write_scenario(tmp_path / "scenario", SCENARIO)
    folder = folder_of(tmp_path / "runs")
    plan = plan_of(locustfile, server.base_url, duration_s=3, **profile)
    plan.write(folder.plan)
    outcome = run_planned(plan, folder, SilentWatcher())
    frame = pd.read_parquet(str(folder.samples))
    answered = server.counts["GET", "/fine"]
    assert frame.endpoint.value_counts().to_dict() == {
        "GET /fine": answered,
        "QUEUE publish": 2 * answered,
        "QUEUE untold": answered,
    }
    published = frame[frame.endpoint == "QUEUE publish"].latency_us
    assert published.isna().sum() == answered
    assert set(published.dropna()) == {20_000}
    sentences = [finding.sentence for finding in outcome.verdict.findings if finding.evidence.get("rule") == "untimed"]
    assert len(sentences) == 1 and "of QUEUE untold (100 %) had no possible response time" in sentences[0]
    metrics = {one.endpoint: one for one in RunMetrics.read(folder.metrics).endpoints}
    assert metrics["QUEUE publish"].p50_ms == metrics["QUEUE publish"].mean_ms == 20
    assert metrics["QUEUE untold"].n > 0 and metrics["QUEUE untold"].p50_ms is None
