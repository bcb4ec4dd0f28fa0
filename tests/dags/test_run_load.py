"""What the load task does with a load that failed: tries again what may pass, fails at once where it would end the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from loadtest.backend.models import BackendState
from loadtest.load.control import elsewhere
from loadtest.load.control.run import find_live_load, load_result, start_load
from loadtest.load.models import LoadResult, StopReason
from loadtest.operators.backend import StartBackendOperator, StopBackendOperator
from loadtest.operators.load import RunLoadOperator
from loadtest.operators.stage import StageFailures
from loadtest.planning.models import BackendCommand, Environment, Plan
from loadtest.run_folder import RunFolder
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import counting_server
from tests.support.small_include import TOY
from tests.support.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(120)]

NOT_READY = """
import sys
from locust import HttpUser, events, task
class U(HttpUser):
    @task
    def t(self): self.client.get("/")
@events.init.add_listener
def look_for_test_data(**_): sys.exit("the test data of this scenario is missing")
"""
IDLE = """
from locust import User, constant, task
class U(User):
    wait_time = constant(1)
    @task
    def t(self): pass
"""


@pytest.fixture
def server():
    with counting_server() as running:
        yield running


@pytest.fixture(autouse=True)
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))


def planned(tmp_path: Path, server, text: str | None = None, **profile: object) -> tuple[RunLoadOperator, RunFolder]:
    folder = folder_of(tmp_path / "runs")
    plan_of(write_scenario(tmp_path / "scenario", text), server.base_url, **profile).write(folder.plan)
    return RunLoadOperator(task_id="run_load", run_folder=str(folder.path)), folder


@pytest.mark.parametrize(
    ("text", "sentence"),
    [(NOT_READY, "the test data of this scenario is missing"), (IDLE, "reported no request")],
)
def test_a_scenario_that_would_fail_again_fails_the_task_at_once(tmp_path: Path, server, text: str, sentence: str) -> None:
    operator, folder = planned(tmp_path, server, text)
    with pytest.raises(AirflowFailException, match=sentence):
        operator.execute({})
    assert sentence in StageFailures(folder).sentence_of("run_load")


def test_the_task_waits_for_a_load_that_somebody_else_sends(tmp_path: Path, server, capfd) -> None:
    elsewhere = tmp_path / "elsewhere"
    first = start_load(
        plan_of(write_scenario(elsewhere / "scenario"), server.base_url, duration_s=5), folder_of(elsewhere / "runs")
    )
    operator, folder = planned(tmp_path, server, duration_s=1)
    operator.execute({})
    assert "waiting for run run-1 of checkout" in "".join(capfd.readouterr())
    assert load_result(first).ended_at < LoadResult.read(folder.load).started_at


def test_a_load_that_was_killed_may_be_tried_again(tmp_path: Path, server) -> None:
    operator, folder = planned(tmp_path, server, duration_s=600)

    def kill() -> None:
        while not server.total:
            time.sleep(0.05)
        os.kill(find_live_load(folder).identity.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(AirflowException, match="supervisor of attempt 1 was killed") as failed:
        operator.execute({})
    killer.join()
    assert not isinstance(failed.value, AirflowFailException)
    assert operator.get_job_status({"attempt": 1}, {}) in (StopReason.CRASHED, StopReason.NOT_STARTED)


FIRST_MACHINE = """
import sys
from loadtest.operators.backend import StartBackendOperator
from loadtest.operators.load import RunLoadOperator
for operator in (StartBackendOperator, RunLoadOperator):
    operator(task_id=operator.__name__, run_folder=sys.argv[1]).execute({})
"""


def test_a_machine_that_is_replaced_in_mid_load_is_followed_by_an_attempt_with_a_backend_of_its_own(
    tmp_path: Path, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first machine is a process tree with a scratch folder of its own, all of it killed."""
    monkeypatch.setattr(elsewhere, "SILENT_AFTER_S", 6)
    operator, folder = planned(tmp_path, server, duration_s=4)
    backend = BackendCommand(command=(sys.executable, str(TOY), "{port}"))
    environment = Environment(name="test", backend=backend)
    plan = Plan.read(folder.plan).model_copy(update={"environment": environment, "base_url": None})
    plan.model_copy(update={"profile": plan.profile.model_copy(update={"duration_s": 600.0})}).write(folder.plan)
    root = Path(__file__).resolve().parents[2]
    machine = os.environ | {"LOADTEST_SCRATCH": str(tmp_path / "first"), "PYTHONPATH": f"{root / 'plugins'}"}
    with subprocess.Popen([sys.executable, "-c", FIRST_MACHINE, str(folder.path)], env=machine) as first:
        until(lambda: folder.attempt(1).progress.exists() and folder.backend_state.exists(), "it sends", timeout_s=60)
        kill_all(first.pid, BackendState.read(folder.backend_state).identity.pid)
    plan.write(folder.plan)
    assert operator.execute({})["attempt"] == 2
    result = LoadResult.read(folder.load)
    assert result.stop_reason is StopReason.COMPLETED and result.health.failures == 0
    state = BackendState.read(folder.backend_state)
    assert state.machine.is_here and state.identity.is_alive
    StopBackendOperator(task_id="stop_backend", run_folder=str(folder.path)).execute({})
    assert not state.identity.is_alive


def test_a_backend_that_ended_with_the_first_attempt_is_started_anew_for_the_second(tmp_path: Path, server) -> None:
    operator, folder = planned(tmp_path, server, duration_s=3)
    plan = Plan.read(folder.plan)
    environment = Environment(name="test", backend=BackendCommand(command=(sys.executable, str(TOY), "{port}")))
    plan.model_copy(update={"environment": environment, "base_url": None}).write(folder.plan)
    StartBackendOperator(task_id="start_backend", run_folder=str(folder.path)).execute({})
    first = BackendState.read(folder.backend_state)

    def kill() -> None:
        until(lambda: find_live_load(folder) is not None, "the load runs", timeout_s=60)
        kill_all(find_live_load(folder).identity.pid, first.identity.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(AirflowException):
        operator.execute({})
    killer.join()
    assert operator.execute({})["attempt"] == 2
    second, result = BackendState.read(folder.backend_state), LoadResult.read(folder.load)
    assert second.identity != first.identity and second.identity.is_alive
    assert result.stop_reason is StopReason.COMPLETED and result.health.failures == 0 and result.samples > 0
    assert Plan.read(folder.plan).build is not None, "which build it is was looked at again"
    StopBackendOperator(task_id="stop_backend", run_folder=str(folder.path)).execute({})


def test_another_attempt_does_not_go_out_to_a_service_that_is_not_there_any_more(tmp_path: Path) -> None:
    with counting_server() as gone:
        operator, folder = planned(tmp_path, gone, duration_s=600)
        killer = threading.Thread(target=lambda: (until(lambda: gone.total, "it sends", timeout_s=60), kill_supervisor(folder)))
        killer.start()
        with pytest.raises(AirflowException, match="supervisor of attempt 1 was killed"):
            operator.execute({})
        killer.join()
    plan = Plan.read(folder.plan)
    environment = plan.environment.model_copy(update={"health_timeout_s": 1.0})
    plan.model_copy(update={"environment": environment}).write(folder.plan)
    with pytest.raises(AirflowException, match="connection refused"):
        operator.execute({})
    assert [attempt.number for attempt in folder.attempts()] == [1]


def kill_supervisor(folder: RunFolder) -> None:
    os.kill(find_live_load(folder).identity.pid, signal.SIGKILL)


def kill_all(*pids: int) -> None:
    """Kill them, as a machine that is switched off."""
    processes = [each for pid in pids for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
