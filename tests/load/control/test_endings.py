"""Loads that end before their time: stopped, aborted, killed, frozen, without room. What was measured is kept."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control import run
from loadtest.load.models import LoadResult, StopReason
from loadtest.pipeline.stages import SilentWatcher, run_planned
from loadtest.vocabulary import Outcome
from tests.load.control.loads import load, locust_processes, samples_of, start, supervisors
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer
from tests.support.waiting import until


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


def test_what_a_scenario_leaves_running_does_not_hold_up_the_end(tmp_path: Path, server: CountingServer) -> None:
    """Threads and exit handlers of clients and exporters that wait for somebody who never answers."""
    lingering = "\nimport atexit, gevent.monkey\natexit.register(gevent.monkey.get_original('time', 'sleep'), 600)\n"
    locustfile = write_scenario(tmp_path / "scenario")
    locustfile.write_text(locustfile.read_text() + lingering)
    result = run.wait_for_load(run.start_load(plan_of(locustfile, server.base_url), folder_of(tmp_path / "runs")))
    assert (result.stop_reason, result.error, result.exit_code) == (StopReason.COMPLETED, "", 0)
    assert result.samples == server.total > 0


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
