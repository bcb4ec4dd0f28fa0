"""What the load task does with a load that failed: tries again what may pass, fails at once where it would end the same."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from loadtest.load.control.run import find_live_load
from loadtest.load.models import StopReason
from loadtest.operators.load import RunLoadOperator
from loadtest.operators.stage import StageFailures
from loadtest.run_folder import RunFolder
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import counting_server

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
    [(NOT_READY, "the test data of this scenario is missing"), (IDLE, "not one request was recorded")],
)
def test_a_scenario_that_would_fail_again_fails_the_task_at_once(tmp_path: Path, server, text: str, sentence: str) -> None:
    operator, folder = planned(tmp_path, server, text)
    with pytest.raises(AirflowFailException, match=sentence):
        operator.execute({})
    assert sentence in StageFailures(folder).sentence_of("run_load")


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
