"""A run whose load is on another machine: two scratch folders, which do not see each other's processes."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from loadtest.gate.rules.validity import judge_validity
from loadtest.load.attempts import sendings_of
from loadtest.load.control import elsewhere, run
from loadtest.load.control.elsewhere import wait_for_other_machines
from loadtest.load.models import LoadResult, Progress, StopReason
from loadtest.planning.models import Plan
from loadtest.vocabulary import Outcome
from tests.load.control.loads import start
from tests.load.plans import plan_of, write_scenario
from tests.support.http_server import CountingServer
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def machines(own_scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Go to the machine of a name: it has a scratch folder of its own."""

    def go_to(name: str) -> None:
        monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / name))

    go_to("first")
    return go_to


def sends(handle: run.LoadHandle) -> Progress | None:
    """Its progress in the run folder, once it has sent requests."""
    path = handle.attempt.progress
    progress = Progress.read(path) if path.exists() else None
    return progress if progress and progress.requests else None


def kill(handle: run.LoadHandle) -> None:
    """As if its machine were switched off."""
    supervisor = psutil.Process(handle.identity.pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        process.kill()
    supervisor.wait()


def plan(tmp_path: Path, server: CountingServer) -> Plan:
    return plan_of(write_scenario(tmp_path / "scenario"), server.base_url)


def test_the_load_of_a_living_machine_is_waited_for(tmp_path: Path, server: CountingServer, machines) -> None:
    handle = start(tmp_path, server, duration_s=6)
    machines("second")
    assert not handle.identity.is_here and not handle.identity.is_alive
    with pytest.raises(run.LoadElsewhereError, match="another machine"):
        start(tmp_path, server)
    assert run.result_of(handle.attempt) is None, "it is not converted under its supervisor's feet"
    wait_for_other_machines(handle.folder)
    result = LoadResult.read(handle.attempt.load)
    assert result.stop_reason is StopReason.COMPLETED
    assert [each.attempt for each in sendings_of(handle.folder)] == [1]


def test_a_machine_that_is_gone_is_followed_by_the_next_attempt(
    tmp_path: Path, server: CountingServer, machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "SILENT_AFTER_S", 5)
    first = start(tmp_path, server, duration_s=600)
    until(lambda: sends(first), "it sends", timeout_s=30)
    kill(first)
    machines("second")
    wait_for_other_machines(first.folder)
    assert run.find_live_load(first.folder) is None
    second = start(tmp_path, server, duration_s=1)
    result = run.wait_for_load(second)
    assert (result.attempt, result.stop_reason) == (2, StopReason.COMPLETED)
    assert [each.attempt for each in sendings_of(first.folder)] == [1, 2]
    assert judge_overlap(tmp_path, server, second) == []
    # The first machine comes back: what it measured is kept as its attempt, and does not replace the run's result.
    machines("first")
    assert run.ship_left_behind() == {}
    late = LoadResult.read(first.attempt.load)
    assert late.stop_reason is StopReason.CRASHED and late.samples > 0
    assert LoadResult.read(first.folder.load) == result
    assert judge_overlap(tmp_path, server, second) == []


def test_two_attempts_at_one_time_are_invalid(
    tmp_path: Path, server: CountingServer, machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "SILENT_AFTER_S", 1)
    first = start(tmp_path, server, duration_s=600)
    until(lambda: sends(first), "it sends", timeout_s=30)
    os.kill(first.identity.pid, signal.SIGSTOP)  # it says nothing for a while, but its Locust goes on
    machines("second")
    wait_for_other_machines(first.folder)
    second = start(tmp_path, server, duration_s=5)
    until(lambda: sends(second), "the second sends", timeout_s=30)
    os.kill(first.identity.pid, signal.SIGCONT)
    result = run.wait_for_load(second)
    (finding,) = judge_overlap(tmp_path, server, second)
    assert finding.outcome is Outcome.INVALID
    assert "attempt 1" in finding.sentence and "at the same time as attempt 2" in finding.sentence
    machines("first")
    stopper = threading.Thread(target=run.stop_load, args=(first,))
    stopper.start()
    run.wait_for_load(first)
    stopper.join()
    assert LoadResult.read(first.folder.load) == result
    assert len(judge_overlap(tmp_path, server, second)) == 1, "also when the first has a result"


def judge_overlap(tmp_path: Path, server: CountingServer, handle: run.LoadHandle) -> list:
    load = LoadResult.read(handle.attempt.load)
    findings = judge_validity(plan(tmp_path, server), load, None, sendings=sendings_of(handle.folder))
    return [finding for finding in findings if finding.evidence.get("rule") == "attempts_overlap"]
