"""A run sends one load at a time, whoever dies: it is joined again, never doubled, and a dead attempt is followed by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.control import run
from loadtest.load.job import OVERTIME_S, START_TIMEOUT_S, STOP_AFTER_S, supervisor_file
from loadtest.load.models import LoadResult, StopReason
from tests.load.control.loads import load, start, supervisors
from tests.load.plans import folder_of, write_scenario
from tests.support.http_server import CountingServer
from tests.support.waiting import until


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


def test_another_host_waits_until_a_load_has_ended_at_the_latest(tmp_path: Path, server: CountingServer) -> None:
    handle = start(tmp_path, server, duration_s=60, remote_workers=1, remote_wait_s=40)
    run.stop_load(handle)
    record = run.SupervisorRecord.read(supervisor_file(handle.attempt))
    assert record.ends_by_s > time.time() + 60 + 40 + START_TIMEOUT_S + OVERTIME_S + STOP_AFTER_S + 300


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
