"""Real loads that went wrong, judged: each ends in its own sentence, none in a pass."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from loadtest.analysis.analyze import analyze
from loadtest.analysis.models import DataContract
from loadtest.errors import ConfigurationError
from loadtest.gate.decide import check
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import conclude
from loadtest.load.control import run
from loadtest.planning.criteria import Target
from loadtest.vocabulary import Outcome
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer, counting_server
from tests.support.waiting import until

pytestmark = pytest.mark.slow

IDLE = """
from locust import User, constant, task


class Idle(User):
    wait_time = constant(1)

    @task
    def nothing(self):
        pass
"""
BUSY = """
import time

from locust import FastHttpUser, task


class Busy(FastHttpUser):
    @task
    def burn(self):
        self.client.get("/api/v1/courses")
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass
"""
SHAPED = """
from locust import FastHttpUser, LoadTestShape, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/api/v1/courses")


class Forever(LoadTestShape):
    def tick(self):
        return (1000, 1000)
"""
SHY = """
from locust import FastHttpUser, constant, task


class Shy(FastHttpUser):
    failures = 1

    def on_start(self):
        if Shy.failures:
            Shy.failures -= 1
            raise RuntimeError("not yet")
        self.is_in = True

    @task
    def read(self):
        assert self.is_in
        self.client.get("/api/v1/courses")
"""
DYING = """
from locust import FastHttpUser, constant, task


class Dying(FastHttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.token = self.client.post("/login").json()["token"]

    @task
    def read(self):
        self.client.get("/api/v1/courses", headers={"Authorization": self.token})
"""
RAISING = """
from locust import FastHttpUser, constant, task


class Raising(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/api/v1/courses")

    @task
    def write(self):
        self.client.put("/api/v1/courses/" + self.client.get("/api/v1/courses").json()["first"])
"""
BLOCKED = """
import os
import time

from locust import FastHttpUser, constant, task

began = time.monotonic()


class Blocked(FastHttpUser):
    wait_time = constant(0.2)

    @task
    def read(self):
        self.client.get("/api/v1/courses")
        if 4 < time.monotonic() - began < 6:
            os.system("sleep 2")  # as a database driver in C would wait: without giving way to other users
"""
ONE_ENDPOINT = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.1)

    @task
    def read(self):
        self.client.get("/api/v1/courses")
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("SCRATCH", "INCLUDE", "RUNS_ROOT"):
        monkeypatch.setenv(f"LOADTEST_{name}", str(tmp_path / name.lower()))
    with counting_server() as running:
        yield running


def judged(
    tmp_path: Path,
    server: CountingServer,
    text: str | None = None,
    *,
    disturb: Callable[[run.LoadHandle], None] = lambda _: None,
    targets: tuple[Target, ...] = (Target(endpoint=None, metric="error_rate", limit=0.01),),
    **profile: object,
) -> Verdict:
    """One load from start to verdict; `disturb` is called once it is running."""
    plan = plan_of(write_scenario(tmp_path / "scenario", text), server.base_url, scenario={"targets": targets}, **profile)
    folder = folder_of(tmp_path / "runs")
    Path(str(folder.path)).mkdir(parents=True, exist_ok=True)
    plan.write(folder.plan)
    handle = run.start_load(plan, folder)
    disturb(handle)
    result = run.wait_for_load(handle)
    analyze(folder)
    check(folder)
    if result.samples:
        DataContract(run_id=plan.run_id, passed=True, checks=()).write(folder.data_contract)
    return conclude(folder)


def processes(handle: run.LoadHandle, *, workers: bool) -> list[psutil.Process]:
    """Locust's worker processes, or its own one."""
    children = psutil.Process(handle.identity.pid).children(recursive=True)
    return [child for child in children if ("--worker" in child.cmdline()) == workers]


def test_a_healthy_load_is_the_control(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, duration_s=4)
    assert verdict.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)


def test_a_shape_of_the_scenario_is_set_aside(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, SHAPED, duration_s=4)
    assert verdict.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)


def test_a_user_that_could_not_log_in_tries_again(tmp_path: Path, server: CountingServer) -> None:
    arrivals = {"load_model": "open", "users": 0, "arrivals_per_s": 40, "duration_s": 4}
    verdict = judged(tmp_path, server, SHY, **arrivals)
    assert server.counts["GET", "/api/v1/courses"] > 100
    assert verdict.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.WARN)


def test_no_request(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, IDLE)
    assert verdict.outcome is Outcome.INVALID
    assert "no requests were recorded" in verdict.sentence


def test_a_missing_host(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no base URL"):  # refused before anything starts: not run, exit code 2
        run.start_load(plan_of(write_scenario(tmp_path / "scenario"), None), folder_of(tmp_path / "runs"))


def test_users_that_die_at_their_login(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, DYING, users=5, spawn_rate=10, duration_s=5)
    assert verdict.outcome is Outcome.INVALID
    assert any("users were running" in reason and "KeyError: 'token'" in reason for reason in verdict.reasons)


def test_tasks_that_raise(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, RAISING, duration_s=4)
    assert verdict.outcome is Outcome.INVALID
    assert any("in scenario tasks (first: KeyError: 'first')" in reason for reason in verdict.reasons)


def test_a_generator_that_is_blocked_without_using_its_processor(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, BLOCKED, users=1, duration_s=12)
    assert verdict.outcome is Outcome.INVALID
    assert any("was stalled for" in reason for reason in verdict.reasons)


def test_a_frozen_generator(tmp_path: Path, server: CountingServer) -> None:
    def freeze(handle: run.LoadHandle) -> None:
        until(lambda: server.total > 60)
        (locust,) = processes(handle, workers=False)
        locust.suspend()
        time.sleep(3)  # the freeze itself, not a wait for something
        locust.resume()

    verdict = judged(tmp_path, server, disturb=freeze, duration_s=12)
    assert verdict.outcome is Outcome.INVALID
    assert any("was stalled for" in reason for reason in verdict.reasons)


def test_an_outage_is_seen_in_the_open_loop(tmp_path: Path, server: CountingServer) -> None:
    def stop(_: run.LoadHandle) -> None:
        until(lambda: server.total > 50)
        server.stop_for(1.5)

    targets = (Target(endpoint="GET /api/v1/courses", metric="p95_ms", limit=500),)
    arrivals = {"load_model": "open", "users": 0, "arrivals_per_s": 40, "duration_s": 8}
    verdict = judged(tmp_path, server, ONE_ENDPOINT, disturb=stop, targets=targets, **arrivals)
    assert verdict.outcome is Outcome.FAIL
    assert any("GET /api/v1/courses p95 is 1," in reason for reason in verdict.reasons)


def test_a_service_that_hangs_is_no_pass(tmp_path: Path, server: CountingServer) -> None:
    server.control.latency_s = lambda _, path: 600.0 if path.startswith("/api/v1/students") else 0.0
    arrivals = {"load_model": "open", "users": 0, "arrivals_per_s": 10, "duration_s": 4}
    verdict = judged(tmp_path, server, **arrivals)
    assert verdict.outcome is Outcome.FAIL
    assert any("had no answer when the load ended (GET /api/v1/students/{id}: " in reason for reason in verdict.reasons)


def test_not_startable(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, "from locust import HttpUser\nimport does_not_exist\n")
    assert verdict.outcome is Outcome.INVALID
    assert "the load generator did not start" in verdict.sentence
    assert "does_not_exist" in verdict.sentence


def test_stopped_by_a_signal(tmp_path: Path, server: CountingServer) -> None:
    def stop(handle: run.LoadHandle) -> None:
        until(lambda: server.total > 20)
        run.stop_load(handle)

    verdict = judged(tmp_path, server, disturb=stop, duration_s=120)
    assert verdict.outcome is Outcome.INVALID
    assert "the load was stopped from outside after" in verdict.sentence


def test_locust_killed(tmp_path: Path, server: CountingServer) -> None:
    def kill(handle: run.LoadHandle) -> None:
        until(lambda: server.total > 150)  # about three seconds: all but the last one is on disk
        for process in processes(handle, workers=False):
            os.kill(process.pid, signal.SIGKILL)

    verdict = judged(tmp_path, server, disturb=kill, duration_s=120)
    assert verdict.outcome is Outcome.INVALID
    assert any("the load generator ended by itself after" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("killed", [1, 2])
def test_workers_killed(tmp_path: Path, server: CountingServer, killed: int) -> None:
    def kill(handle: run.LoadHandle) -> None:
        until(lambda: server.total > 200)  # the first second is on disk
        workers = processes(handle, workers=True)
        assert len(workers) == 2
        for process in workers[:killed]:
            process.kill()

    verdict = judged(tmp_path, server, disturb=kill, users=4, workers=2, duration_s=10)
    assert verdict.outcome is Outcome.INVALID
    assert sum("was lost during the load" in reason for reason in verdict.reasons) == killed


def test_a_saturated_generator(tmp_path: Path, server: CountingServer) -> None:
    verdict = judged(tmp_path, server, BUSY, users=4, duration_s=6)
    assert verdict.outcome is Outcome.INVALID
    assert any("was saturated for" in reason for reason in verdict.reasons)


def test_an_unhealthy_backend(tmp_path: Path, server: CountingServer) -> None:
    def refuse(_: run.LoadHandle) -> None:
        until(lambda: server.total > 20)
        server.control.refuse_health = True

    verdict = judged(tmp_path, server, disturb=refuse, duration_s=8)
    assert verdict.outcome is Outcome.INVALID
    assert "the backend was unhealthy for up to" in verdict.sentence


def test_an_abort_is_a_failure_with_its_criterion(tmp_path: Path, server: CountingServer) -> None:
    server.control.status = 500
    verdict = judged(tmp_path, server, duration_s=120, abort_when=({"metric": "error_rate", "above": 0.5, "for": "2s"},))
    assert verdict.outcome in (Outcome.FAIL, Outcome.INVALID)  # this server's health check answers with the same status
    assert any("load stopped early, after" in reason and "error rate > 50 % for 2s" in reason for reason in verdict.reasons)


def test_errors_without_an_abort_criterion_fail(tmp_path: Path, server: CountingServer) -> None:
    server.control.status = lambda _, path: 500 if path.startswith("/api") else 200
    verdict = judged(tmp_path, server, duration_s=4)
    assert verdict.outcome is Outcome.FAIL
    assert any("every one of" in reason for reason in verdict.reasons)
