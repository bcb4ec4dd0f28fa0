"""External workers that join a master: their loss, their clocks, their scenario files; arrivals dealt to several workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from loadtest.load.control import run
from loadtest.load.locust_command import PLUGIN
from loadtest.load.models import StopReason
from loadtest.planning.config import files_digest
from loadtest.processes import free_port
from tests.load.control.conftest import Join
from tests.load.control.loads import load, samples_of, start
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def start_master(tmp_path: Path, server: CountingServer, **profile: object) -> run.LoadHandle:
    locustfile = write_scenario(tmp_path / "scenario")
    scenario = {"files_digest": files_digest(locustfile.parent)}
    return run.start_load(plan_of(locustfile, server.base_url, scenario=scenario, **profile), folder_of(tmp_path / "runs"))


def test_a_remote_worker_that_dies_is_lost_and_noticed_while_the_load_runs(
    tmp_path: Path, server: CountingServer, join: Join
) -> None:
    handle = start_master(tmp_path, server, users=4, remote_workers=2, duration_s=20)
    join("eu")
    victim = join("us")
    until(lambda: server.total > 100)
    victim.kill()
    warned: list[float] = []
    result = run.wait_for_load(handle, on_progress=lambda progress: warned.extend([progress.elapsed_s] * len(progress.warnings)))
    assert [worker.worker.split("/")[0] for worker in result.workers if worker.lost] == ["us"]
    assert "were lost during the load (us/" in result.error
    assert warned and warned[0] < 20


@pytest.mark.skipif(not shutil.which("faketime"), reason="needs Debian's faketime")
@pytest.mark.parametrize("skew", ["-40s", "+1h"])
def test_a_remote_worker_s_wrong_clock_changes_no_measurement(
    tmp_path: Path, server: CountingServer, join: Join, skew: str
) -> None:
    handle = start_master(tmp_path, server, users=2, remote_workers=1, duration_s=8)
    join("eu", "faketime", "-f", skew, FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
    result = run.wait_for_load(handle)
    assert (result.stop_reason, result.error) == (StopReason.COMPLETED, "")
    assert result.samples == server.total
    (worker,) = result.workers
    assert abs(worker.clock_offset_ms) > 30_000 and not worker.lost and worker.observed_share > 0.9
    assert 7 < (result.ended_at - result.started_at).total_seconds() < 14
    times = pd.to_datetime(pd.read_parquet(str(handle.folder.samples)).start_us, unit="us", utc=True)
    margin = pd.Timedelta(seconds=1)
    assert result.started_at - margin < times.min() and times.max() < result.ended_at + margin


def test_a_worker_with_other_files_of_the_scenario_says_so(tmp_path: Path, server: CountingServer, join: Join) -> None:
    handle = start_master(tmp_path, server, users=2, remote_workers=2, duration_s=3)
    join("new")
    join("old", text=(tmp_path / "scenario" / "locustfile.py").read_text() + "\n# last week's\n")
    result = run.wait_for_load(handle)
    digests = {worker.worker.split("/")[0]: worker.scenario_digest for worker in result.workers}
    assert digests["new"] == files_digest(tmp_path / "scenario") != digests["old"]


def test_the_arrivals_of_an_open_loop_are_dealt_to_two_workers(tmp_path: Path, server: CountingServer) -> None:
    handle = start_master(tmp_path, server, load_model="open", users=0, arrivals_per_s=40, duration_s=4, workers=2)
    result = run.wait_for_load(handle)
    assert result.arrivals.planned == result.arrivals.started == result.samples == server.total == 160
    assert [worker.samples for worker in result.workers] == [80, 80]


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


def test_remote_workers_that_do_not_come_are_waited_for_only_so_long(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_MASTER_PORT", str(free_port()))
    result = load(tmp_path, server, remote_workers=1, remote_wait_s=2, duration_s=60)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert "joined the master in time" in result.error


TOKEN = "a-secret-of-both-sides"


def test_workers_with_the_master_s_token_join_and_every_sample_arrives(
    tmp_path: Path, server: CountingServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_FLEET_TOKEN", TOKEN)
    handle = start_master(tmp_path, server, users=4, remote_workers=2, duration_s=4)
    join("eu")
    join("us")
    result = run.wait_for_load(handle)
    assert (result.stop_reason, result.error) == (StopReason.COMPLETED, "")
    assert len(result.workers) == 2 and result.samples == server.total > 0


@pytest.mark.parametrize("token", ["", "a-secret-of-somebody-else"])
def test_a_worker_without_the_master_s_token_does_not_join(
    tmp_path: Path, server: CountingServer, join: Join, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("LOADTEST_FLEET_TOKEN", TOKEN)
    handle = start_master(tmp_path, server, users=2, remote_workers=1, remote_wait_s=6, duration_s=2)
    join("stranger", LOADTEST_FLEET_TOKEN=token)
    result = run.wait_for_load(handle)
    assert (result.workers, result.samples, server.total) == ((), 0, 0)
