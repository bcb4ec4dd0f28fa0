"""A real Locust against a real server: what was recorded is what the server answered, however the load ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control import run
from loadtest.load.job import OVERTIME_S, START_TIMEOUT_S, STOP_AFTER_S, supervisor_file
from loadtest.load.locust_command import PLUGIN, free_port
from loadtest.load.models import LoadModel, LoadResult, Progress, StopReason
from loadtest.pipeline.stages import SilentWatcher, run_planned
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer


def start(tmp_path: Path, server: CountingServer, text: str | None = None, **profile: object) -> run.LoadHandle:
    plan = plan_of(write_scenario(tmp_path / "scenario", text), server.base_url, **profile)
    return run.start_load(plan, folder_of(tmp_path / "runs"))


def load(tmp_path: Path, server: CountingServer, text: str | None = None, **profile: object) -> LoadResult:
    return run.wait_for_load(start(tmp_path, server, text, **profile))


def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait for an event that is observed by asking."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def samples_of(folder: RunFolder) -> pd.DataFrame:
    return pd.read_parquet(str(folder.samples))


def locust_processes(handle: run.LoadHandle) -> list[psutil.Process]:
    return psutil.Process(handle.identity.pid).children(recursive=True)


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


def test_stop_ends_the_load_keeps_the_data_and_says_so(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=600)
    until(lambda: server.total > 30)
    began = time.monotonic()
    run.stop_load(handle)
    assert time.monotonic() - began < 30
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.SIGNALED
    assert "stopped from outside" in result.error
    assert result.samples == server.total
    assert not handle.is_running


def test_a_caller_that_died_rejoins_the_same_load(tmp_path: Path, server: CountingServer) -> None:
    first = start(tmp_path, server, duration_s=600)
    again = run.find_live_load(first.folder)
    assert again is not None and again.identity == first.identity
    with pytest.raises(ConfigurationError, match="already running"):
        start(tmp_path, server)
    run.stop_load(again)
    result = run.wait_for_load(first)
    assert run.poll(again) == result
    assert result.stop_reason is StopReason.SIGNALED, "also in the first moments"
    assert run.find_live_load(first.folder) is None


@pytest.mark.slow
def test_a_load_of_another_host_is_never_doubled(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=1)
    run.wait_for_load(handle)
    handle.attempt.load.unlink()
    record = run.SupervisorRecord.read(supervisor_file(handle.attempt))
    elsewhere = record.identity.model_copy(update={"host": "other-host"})
    record.model_copy(update={"identity": elsewhere, "ends_by_s": time.time() + 60}).write(supervisor_file(handle.attempt))
    with pytest.raises(ConfigurationError, match="looked after by host other-host"):
        start(tmp_path, server)


def test_a_killed_supervisor_takes_locust_with_it_and_loses_no_measurement(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=600)
    until(lambda: server.total > 30)
    children = locust_processes(handle)
    os.kill(handle.identity.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.CRASHED
    assert "supervisor" in result.error
    assert 0 < result.samples <= server.total
    assert len(samples_of(handle.folder)) == result.samples


@pytest.fixture(params=["40k", "200k"])
def small_scratch(request: pytest.FixtureRequest, own_scratch: Path) -> Iterator[Path]:
    """A disk of its own for scratch that the load soon fills: small, full of progress; larger, of samples."""
    own_scratch.mkdir()
    size = f"size={request.param}"
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", own_scratch], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield own_scratch
    subprocess.run(["umount", "--lazy", own_scratch], check=True)


def test_a_scratch_disk_that_the_load_fills_ends_in_an_invalid_verdict_that_says_what_to_do(
    tmp_path: Path, server: CountingServer, small_scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "history.db"
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{database}")
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    plan = plan_of(write_scenario(tmp_path / "scenario", wait_s=0.002), server.base_url, users=5, duration_s=20)
    folder = folder_of(tmp_path / "runs")
    plan.write(folder.plan)
    outcome = run_planned(plan, folder, SilentWatcher())
    assert outcome.verdict.outcome is Outcome.INVALID and outcome.verdict == Verdict.read(folder.verdict)
    result = LoadResult.read(folder.load)
    assert server.total > 0 and result.stop_reason is not StopReason.COMPLETED
    said = " ".join((outcome.verdict.sentence, *outcome.verdict.reasons))
    assert str(small_scratch) in said and "free space under LOADTEST_SCRATCH" in said
    with sqlite3.connect(database) as history:
        assert history.execute("select run_id, outcome from loadtest_runs").fetchall() == [("run-1", "invalid")]
    assert supervisors(small_scratch) == []
    assert not list(Path(str(folder.path)).rglob("tmp*")), "what was converted elsewhere is in its place"


def supervisors(scratch: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if is_supervisor(process, scratch)]


def is_supervisor(process: psutil.Process, scratch: Path) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return "loadtest.load.supervision.supervisor" in command and command[-1].startswith(str(scratch))


def test_a_start_that_cannot_be_recorded_leaves_no_load_behind(tmp_path: Path, server: CountingServer, own_scratch: Path) -> None:
    record = supervisor_file(folder_of(tmp_path / "runs").attempt(1))
    Path(str(record)).mkdir(parents=True)  # a file cannot replace it
    with pytest.raises(OSError, match=r"supervisor\.json"):
        start(tmp_path, server, duration_s=600)
    assert supervisors(own_scratch) == []
    assert server.total == 0


KILLED_WHILE_RECORDING = """
import os, signal, sys
from pathlib import Path
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control import run
from tests.load.plans import folder_of, plan_of

run.SupervisorRecord.write = lambda record, path: os.kill(os.getpid(), signal.SIGKILL)
run.start_load(plan_of(Path(sys.argv[1]), sys.argv[2], duration_s=600), folder_of(Path(sys.argv[3])))
"""


def test_a_caller_killed_before_the_load_is_recorded_leaves_none_behind(
    tmp_path: Path, server: CountingServer, own_scratch: Path
) -> None:
    locustfile = write_scenario(tmp_path / "scenario")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_RECORDING, str(locustfile), server.base_url, str(tmp_path / "runs")],
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'plugins'}"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    until(lambda: not supervisors(own_scratch), timeout_s=20)
    assert "no load is sent" in (own_scratch / "loads" / "run-1" / "1" / "supervisor.log").read_text()
    assert server.total == 0
    handle = start(tmp_path, server, duration_s=1)
    assert handle.attempt.number == 1 and run.wait_for_load(handle).stop_reason is StopReason.COMPLETED


def test_an_attempt_whose_result_is_out_of_sight_is_not_converted_again(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server)
    result = run.wait_for_load(handle)
    samples = Path(str(handle.folder.samples)).read_bytes()
    handle.attempt.load.unlink()
    assert run.load_result(handle) == result
    assert LoadResult.read(handle.attempt.load) == LoadResult.read(handle.folder.load) == result
    assert Path(str(handle.folder.samples)).read_bytes() == samples


def test_a_supervisor_that_ended_before_any_load_has_no_result_and_the_next_attempt_starts(
    tmp_path: Path, server: CountingServer, own_scratch: Path
) -> None:
    taken = own_scratch / "loads" / "run-1" / "1" / "streams"
    taken.parent.mkdir(parents=True)
    taken.write_text("no folder")  # so that the supervisor fails
    handle = start(tmp_path, server, duration_s=600)
    with pytest.raises(InfrastructureError, match=r"without a result; see .*supervisor\.log"):
        run.wait_for_load(handle)
    assert not handle.folder.load.exists() and not handle.folder.samples.exists()
    assert load(tmp_path, server, duration_s=1).attempt == 2


def test_a_lost_worker_is_noticed_while_the_load_runs(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, users=4, workers=2, duration_s=6)
    until(lambda: server.total > 20)
    workers = [process for process in locust_processes(handle) if "--worker" in process.cmdline()]
    assert len(workers) == 2
    workers[0].kill()
    noticed = []
    result = run.wait_for_load(handle, on_progress=lambda progress: noticed.extend(progress.warnings))
    assert any("is lost" in warning for warning in noticed)
    assert sorted(worker.lost for worker in result.workers) == [False, True]
    assert "1 of 2 load-generating processes were lost" in result.error
    kept = next(worker for worker in result.workers if not worker.lost)
    assert kept.completed
    per_second = server.total / 6
    assert server.total - 3 * per_second - 20 <= result.samples <= server.total


@pytest.mark.slow
def test_two_workers_together_count_what_the_server_answered(tmp_path: Path, server: CountingServer) -> None:
    result = load(tmp_path, server, users=4, workers=2, duration_s=3)
    assert result.stop_reason is StopReason.COMPLETED and result.error == ""
    assert result.reached_users == 4
    assert result.samples == server.total == sum(worker.samples for worker in result.workers)
    assert all(worker.completed and worker.samples for worker in result.workers)


def test_an_abort_criterion_stops_the_load_within_seconds(tmp_path: Path, server: CountingServer) -> None:
    server.control.status = 500
    began = time.monotonic()
    criterion = {"metric": "error_rate", "above": 0.5, "for": "2s"}
    result = load(tmp_path, server, duration_s=600, abort_when=(criterion,))
    assert time.monotonic() - began < 60
    assert result.stop_reason is StopReason.ABORTED
    assert result.abort is not None and result.abort.value == 1.0
    assert "error_rate above 0.5 for 2s" in result.error
    assert result.samples == server.total
    assert set(samples_of(folder_of(tmp_path / "runs")).error) == {"HTTP 500"}


def test_a_service_that_answers_nobody_aborts_the_load(tmp_path: Path, server: CountingServer) -> None:
    server.control.latency_s = 100.0
    criterion = {"metric": "p95_ms", "above": "3s", "for": "5s"}
    result = load(tmp_path, server, duration_s=600, abort_when=(criterion,))
    assert result.stop_reason is StopReason.ABORTED
    assert result.abort is not None and 3000 < result.abort.value < 20_000


@pytest.mark.slow
def test_a_stop_waits_for_the_answers_that_are_on_their_way(tmp_path: Path, server: CountingServer) -> None:
    server.control.latency_s = 8.0
    handle = start(tmp_path, server, users=3, duration_s=600)
    until(lambda: (progress := run.read_progress(handle)) and progress.users == 3)
    run.stop_load(handle)
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.SIGNALED
    assert result.in_flight_at_end == 0
    assert result.samples == server.total == 3


@pytest.mark.slow
def test_a_frozen_locust_is_stopped_and_the_result_says_that_it_was_silent(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=600)
    until(lambda: (progress := run.read_progress(handle)) and progress.requests > 30)
    for process in locust_processes(handle):
        process.suspend()
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.CRASHED
    assert "no load-generating process gave a sign of life for 6 s" in result.error
    assert 0 < result.samples <= server.total


def test_a_criterion_that_can_never_be_met_is_refused_before_anything_starts(tmp_path: Path, server: CountingServer) -> None:
    criterion = {"metric": "p95_ms", "above": 100, "for": 1, "endpoint": "GET /api/v1/students/17"}
    with pytest.raises(ConfigurationError, match=r"recorded as GET /api/v1/students/\{id\}"):
        start(tmp_path, server, abort_when=(criterion,))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_master_port_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("LOADTEST_MASTER_PORT", port)
    with pytest.raises(ConfigurationError, match=f"LOADTEST_MASTER_PORT is '{port}', which is no port"):
        start(tmp_path, server, remote_workers=1)
    assert not (tmp_path / "runs").exists()


def test_another_host_waits_until_a_load_has_ended_at_the_latest(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=60, remote_workers=1, remote_wait_s=40)
    run.stop_load(handle)
    record = run.SupervisorRecord.read(supervisor_file(handle.attempt))
    assert record.ends_by_s > time.time() + 60 + 40 + START_TIMEOUT_S + OVERTIME_S + STOP_AFTER_S + 300


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "defines no user class"),
        ("from locust import HttpUser\nclass U(HttpUser)\n    pass\n", "locustfile.py, line 2: SyntaxError"),
        ("from locust import HttpUser\nimport does_not_exist\n", "locustfile.py, line 2: ModuleNotFoundError"),
    ],
)
def test_a_scenario_that_cannot_start_is_one_sentence(tmp_path: Path, server: CountingServer, text: str, expected: str) -> None:
    result = load(tmp_path, server, text, duration_s=60)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert expected in result.error
    assert "\n" not in result.error
    assert result.samples == server.total == 0


def test_a_load_without_requests_is_no_load(tmp_path: Path, server: CountingServer) -> None:
    idle = (
        "from locust import User, task, constant\nclass U(User):\n    wait_time = constant(1)\n    @task\n    def t(self): pass\n"
    )
    result = load(tmp_path, server, idle)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert "not one request" in result.error


def test_a_missing_host_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of(write_scenario(tmp_path / "scenario"), None)
    with pytest.raises(ConfigurationError, match="no base URL"):
        run.start_load(plan, folder_of(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


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
    assert all("not sent to http://localhost.example:1" in error for error in frame[frame.endpoint == "GET /elsewhere"].error)
    assert result.in_flight_at_end == 0


FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        ("shop", {"POST /login", "GET /item/{id}", "GET /user/{id}/cart", "POST /api/orders [checkout]"}),
        ("forum", {"GET /forum/", "GET /forum/threads/{id}", "GET /forum/archive/{date}"}),
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


@pytest.mark.slow
def test_remote_workers_send_their_samples_through_the_master(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    monkeypatch.setenv("LOADTEST_MASTER_PORT", port)
    server.control.headers = {"Server-Timing": "db;dur=1.5"}
    handle = start(tmp_path, server, users=4, remote_workers=2, duration_s=4)
    locustfile = tmp_path / "elsewhere" / "locustfile.py"
    locustfile.parent.mkdir()
    locustfile.write_text((tmp_path / "scenario" / "locustfile.py").read_text())
    command = [sys.executable, "-m", "locust", "-f", f"{locustfile},{PLUGIN}", "--worker", "--master-port", port]
    environment = {**os.environ, "LOADTEST_REGION": "eu-west", "HOME": str(tmp_path), "PYTHONPATH": str(PLUGIN.parents[3])}
    workers = [subprocess.Popen(command, cwd=locustfile.parent, env=environment) for _ in range(2)]
    try:
        result = run.wait_for_load(handle)
        for worker in workers:
            worker.wait(timeout=20)
    finally:
        for worker in workers:
            worker.kill()
    assert result.stop_reason is StopReason.COMPLETED and result.error == ""
    assert sorted(worker.worker for worker in result.workers) == ["eu-west/0", "eu-west/1"]
    assert all(worker.completed and worker.samples > 0 for worker in result.workers)
    assert all(abs(worker.clock_offset_ms) < 1000 for worker in result.workers)
    assert result.samples == server.total
    frame = samples_of(handle.folder)
    assert set(frame.server_db_us) == {1500}
    assert set(frame.endpoint) == {"GET /api/v1/students/{id}", "GET /api/v1/courses"}


@pytest.mark.slow
def test_remote_workers_that_do_not_come_are_waited_for_only_so_long(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_MASTER_PORT", str(free_port()))
    result = load(tmp_path, server, remote_workers=1, remote_wait_s=2, duration_s=60)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert "joined the master in time" in result.error


@pytest.mark.slow
def test_all_workers_killed_is_a_crash_with_its_own_sentence(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, users=4, workers=2, duration_s=600)
    until(lambda: server.total > 20)
    for process in locust_processes(handle):
        if "--worker" in process.cmdline():
            process.kill()
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.CRASHED
    assert "All 2 load-generating processes ended before their time" in result.error
    assert all(worker.lost for worker in result.workers)


@pytest.mark.slow
def test_a_locust_that_is_killed_is_a_crash_and_its_samples_stay(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=600)
    until(lambda: server.total > 60)
    for process in locust_processes(handle):
        process.kill()
    result = run.wait_for_load(handle)
    assert result.stop_reason is StopReason.CRASHED and result.exit_code == -signal.SIGKILL
    assert "Locust ended before its time" in result.error
    assert 0 < result.samples <= server.total


def test_every_profile_of_the_project_is_valid() -> None:
    from loadtest.planning.config import load_profile
    from loadtest.settings import settings

    exact = {
        "smoke": (5, 5, 30),
        "light": (10, 2, 300),
        "medium": (50, 5, 600),
        "heavy": (100, 10, 900),
        "stress": (200, 20, 600),
    }
    for name, figures in exact.items():
        profile = load_profile(settings(), name)
        assert (profile.users, profile.spawn_rate, profile.duration_s) == figures
        assert profile.evidence == ("indicative" if name == "smoke" else "conclusive")
    assert load_profile(settings(), "open_100").arrivals_per_s == 100
