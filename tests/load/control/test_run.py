"""A real Locust against a real server: what was recorded is what the server answered."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loadtest.load.control import run
from loadtest.load.models import LoadModel, LoadResult, Progress, StopReason
from tests.load.control.loads import load, samples_of, start
from tests.support.http_server import CountingServer, counting_server
from tests.support.waiting import until


def test_a_normal_end_records_what_the_server_answered(tmp_path: Path, server: CountingServer) -> None:
    server.control.headers = {"Server-Timing": "db;dur=1.5, app;dur=3"}
    seen: list[Progress] = []
    handle = start(tmp_path, server, duration_s=3)
    result = run.wait_for_load(handle, on_progress=seen.append)
    folder = handle.folder

    assert (result.stop_reason, result.error, result.exit_code) == (StopReason.COMPLETED, "", 0)
    assert result.samples == server.total > 50
    assert result.reached_users == result.planned_users == 3
    assert result.in_flight_at_end == 0
    assert result.steady_started_at is not None and result.steady_ended_at > result.steady_started_at
    (worker,) = result.workers
    assert worker.completed and not worker.lost and worker.samples == result.samples
    assert worker.busy_share_median is not None and worker.loop_overshoot_median_ms is not None
    assert result.health.checks >= 2 and result.health.failures == 0

    frame = samples_of(folder)
    assert frame.endpoint.value_counts().to_dict() == {
        "GET /api/v1/students/{id}": server.counts["GET", "/api/v1/students/17"],
        "GET /api/v1/courses": server.counts["GET", "/api/v1/courses"],
    }
    assert set(frame.status) == {200} and set(frame.error) == {""} and set(frame.response_bytes) == {12}
    assert set(frame.server_db_us) == {1500} and set(frame.server_app_us) == {3000}
    assert list(frame.start_us + frame.latency_us) == sorted(frame.start_us + frame.latency_us)
    assert pq.read_schema(str(folder.samples)).metadata[b"loadtest"] == b'{"torn_records": 0, "raw_endpoint_names": 2}'

    assert server.request_headers["/api/v1/courses"]["traceparent"].startswith("00-")
    assert '"trace_id": "' in folder.exemplars.read_text()
    assert "Starting Locust" in folder.locust_log.read_text()
    assert LoadResult.read(folder.load) == LoadResult.read(folder.attempt(1).load) == result
    assert Path(str(folder.samples)).stat().st_nlink > 1, "the big file is stored once"
    assert any(progress.requests > 0 and progress.endpoints for progress in seen)
    assert not list(Path(str(folder.path)).rglob(".*")), "no half-written file stays behind"


@pytest.mark.slow
def test_requests_in_flight_at_the_planned_end_are_waited_for(tmp_path: Path, server: CountingServer) -> None:
    server.control.latency_s = 0.7
    result = load(tmp_path, server, users=6, duration_s=2)
    assert result.stop_reason is StopReason.COMPLETED
    assert result.samples == server.total >= 12
    assert result.in_flight_at_end == 0


@pytest.mark.slow
def test_two_workers_together_count_what_the_server_answered(tmp_path: Path, server: CountingServer) -> None:
    result = load(tmp_path, server, users=4, workers=2, duration_s=3)
    assert result.stop_reason is StopReason.COMPLETED and result.error == ""
    assert result.reached_users == 4
    assert result.samples == server.total == sum(worker.samples for worker in result.workers)
    assert all(worker.completed and worker.samples for worker in result.workers)


def test_an_open_loop_shows_a_stopped_server_in_full(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, load_model="open", users=0, arrivals_per_s=40, duration_s=5)
    until(lambda: server.total > 40)
    server.stop_for(1.5)
    result = run.wait_for_load(handle)
    assert result.load_model is LoadModel.OPEN
    assert result.arrivals is not None
    assert result.arrivals.planned == result.arrivals.started == result.samples == server.total == 200
    frame = samples_of(handle.folder)
    assert frame.latency_us.quantile(0.95) > 1_000_000
    assert (frame.latency_us >= frame.late_us).all()


@pytest.mark.slow
def test_an_open_loop_drops_and_counts_what_exceeds_its_concurrency(tmp_path: Path, server: CountingServer) -> None:
    server.control.latency_s = 1.0
    result = load(tmp_path, server, load_model="open", users=0, arrivals_per_s=40, duration_s=3, max_concurrency=5)
    assert result.arrivals is not None
    assert result.arrivals.planned == 120
    assert result.arrivals.started + result.arrivals.dropped == 120
    assert result.arrivals.started == result.samples == server.total <= 25


@pytest.mark.slow
def test_staged_users_rise_and_the_steady_phase_is_the_highest_hold(tmp_path: Path, server: CountingServer) -> None:
    stages = ({"duration": 1, "users": 2, "ramp": False}, {"duration": 3, "users": 6, "ramp": False}, {"duration": 1, "users": 1})
    result = load(tmp_path, server, stages=stages, duration_s=5)
    assert result.stop_reason is StopReason.COMPLETED
    assert result.planned_users == result.reached_users == 6
    assert (result.steady_ended_at - result.steady_started_at).total_seconds() == pytest.approx(3, abs=0.01)
    assert result.samples == server.total


@pytest.mark.slow
@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_an_allowed_host_is_counted_apart_and_sees_no_header_of_the_service(
    tmp_path: Path, server: CountingServer, user: str
) -> None:
    with counting_server() as other:
        other.control.status = 503
        text = f"""
from locust import {user}, constant, task
class U({user}):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/here")
        self.client.get("{other.base_url}/login")
"""
        environment = {"allowed_hosts": [other.base_url], "headers": {"X-Tenant": "north"}}
        result = load(tmp_path, server, text, environment=environment)
        (apart,) = result.other_hosts
        assert apart.host == other.base_url
        assert apart.requests == apart.failures == other.counts["GET", "/login"] > 0
        assert apart.mean_ms is not None
        assert "x-tenant" not in {name.lower() for name in other.request_headers["/login"]}
    assert "x-tenant" in {name.lower() for name in server.request_headers["/here"]}
    assert result.samples == server.total == server.counts["GET", "/here"]
    assert result.in_flight_at_end == 0


@pytest.mark.slow
@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_no_load_goes_to_a_host_that_the_run_does_not_name(tmp_path: Path, server: CountingServer, user: str) -> None:
    text = f"""
from locust import {user}, constant, task
class U({user}):
    wait_time = constant(0.05)
    @task
    def t(self):
        self.client.get("/here")
        self.client.get("http://localhost.example:1/elsewhere")
"""
    handle = start(tmp_path, server, text)
    result = run.wait_for_load(handle)
    frame = samples_of(handle.folder)
    assert set(frame[frame.error == ""].endpoint) == {"GET /here"}
    assert result.samples >= server.total > 0
    refused = frame[frame.endpoint == "GET /elsewhere"].error
    assert len(refused) > 0
    assert all("not sent to http://localhost.example:1" in error for error in refused)
    assert result.task_errors == 0, result.task_error
    assert result.in_flight_at_end == 0
