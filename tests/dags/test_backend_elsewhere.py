"""The last task of a run on another machine than its backend: the run goes on, and what was left is stopped where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from loadtest.backend.models import BackendState
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import not_run
from loadtest.operators.backend import StartBackendOperator, StopBackendOperator
from loadtest.pipeline.leftovers import stop_backends_of_ended_runs
from loadtest.planning.models import BackendCommand, Environment, Plan
from loadtest.processes import stop_group
from loadtest.run_folder import RunFolder
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.small_include import TOY

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(120)]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Be the machine with this name from now on."""

    def become(name: str) -> None:
        monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / name))

    become("first")
    return become


@pytest.fixture
def folder(tmp_path: Path, scratch) -> Iterator[RunFolder]:
    """A run of Airflow with a backend of its own."""
    folder = folder_of(tmp_path / "runs")
    plan = plan_of(write_scenario(tmp_path / "scenario"), "http://127.0.0.1:1")
    environment = Environment(name="test", backend=BackendCommand(command=(sys.executable, str(TOY), "{port}")))
    trigger = plan.trigger.model_copy(update={"airflow_run_id": "manual__1"})
    plan.model_copy(update={"environment": environment, "base_url": None, "trigger": trigger}).write(folder.plan)
    yield folder
    stop_group(BackendState.read(folder.backend_state).identity)


def operator(kind: type, folder: RunFolder):
    return kind(task_id="task", run_folder=str(folder.path))


def test_the_run_goes_on_and_says_what_was_not_stopped_until_the_next_run_there_stops_it(folder: RunFolder, scratch) -> None:
    operator(StartBackendOperator, folder).execute({})
    backend = BackendState.read(folder.backend_state).identity
    scratch("second")
    (sentence,) = operator(StopBackendOperator, folder).execute({})["not_stopped"]
    assert f"The backend of run {folder.run_id} was started on {backend.host} and this is another machine" in sentence
    scratch("first")
    assert stop_backends_of_ended_runs() == [] and backend.is_alive, "a run without a verdict may still need it"
    not_run(folder, "judged elsewhere")
    verdict = Verdict.read(folder.verdict)
    verdict.model_copy(update={"created_at": verdict.created_at + timedelta(minutes=1)}).write(folder.verdict)
    scratch("second")
    assert stop_backends_of_ended_runs() == [] and psutil.pid_exists(backend.pid), "only its own machine can stop it"
    scratch("first")
    following = RunFolder(folder.path.parent / "following")
    Plan.read(folder.plan).model_copy(update={"run_id": "following"}).write(following.plan)
    operator(StartBackendOperator, following).execute({})
    assert not backend.is_alive
    assert BackendState.read(folder.backend_state).stopped_at is not None
    assert operator(StopBackendOperator, following).execute({}) == {"not_stopped": []}


def test_a_task_of_a_judged_run_that_a_person_clears_keeps_its_backend(folder: RunFolder) -> None:
    not_run(folder, "before")
    operator(StartBackendOperator, folder).execute({})
    assert stop_backends_of_ended_runs() == []
    assert BackendState.read(folder.backend_state).identity.is_alive
    operator(StopBackendOperator, folder).execute({})
