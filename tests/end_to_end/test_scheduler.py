"""`load_test` on a real scheduler: approval, retries, stops, pushes; everything in it is real."""

from __future__ import annotations

import os
import re
import signal

import httpx
import psutil
import pytest
from upath import UPath

from loadtest.airflow_api.client import AirflowClient, DagRun
from loadtest.airflow_api.local import LocalAirflow
from loadtest.backend.models import BackendState
from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control.run import find_live_load
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome, RunStatus
from tests.support.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(400)]
DAG = "load_test"
TASK_PROCESS = re.compile(r"airflow worker -- [0-9a-f]{8}-")
TOY = {"scenario": "toy", "environment": "healthy", "profile": "smoke"}


def start(airflow: AirflowClient, run_id: str, **params: object) -> DagRun:
    return airflow.create_run(DAG, run_id, TOY | params)


def finish(airflow: AirflowClient, run_id: str) -> tuple[DagRun, dict[str, str | None], RunFolder]:
    run = airflow.wait_for_run(DAG, run_id, timeout_s=240)
    return run, airflow.task_states(DAG, run_id), folder_of(airflow, run_id)


def folder_of(airflow: AirflowClient, run_id: str) -> RunFolder:
    return RunFolder(UPath(airflow.xcom(DAG, run_id, "setup.resolve_plan", "run_folder")))


def wait_for_load(airflow: AirflowClient, run_id: str) -> RunFolder:
    until(lambda: airflow.xcom(DAG, run_id, "setup.resolve_plan", "run_folder"), "the plan stands")
    folder = folder_of(airflow, run_id)
    until(lambda: find_live_load(folder), "load runs")
    return folder


def wait_for_question(airflow: AirflowClient, run_id: str, *, dag_id: str = DAG, task_id: str = "setup.approve") -> None:
    """Until the approval awaits its answer, its process is gone, and the scheduler has been around its loop since: answered
    sooner than a person can, the task would fail."""
    until(lambda: airflow.task_states(dag_id, run_id).get(task_id) == "awaiting_input", "it asks")
    scheduler = psutil.Process(LocalAirflow(settings()).running().processes["scheduler"].pid)
    until(lambda: not any(TASK_PROCESS.search(title(child)) for child in scheduler.children(recursive=True)), "it rests")
    for _ in range(2):  # the first heartbeat may belong to a loop that had begun before
        beat = heartbeat(airflow)
        until(lambda last=beat: heartbeat(airflow) != last, "the scheduler goes on")


def heartbeat(airflow: AirflowClient) -> str:
    return httpx.get(f"{airflow.url}/api/v2/monitor/health").json()["scheduler"]["latest_scheduler_heartbeat"]


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def assert_backend_is_gone(folder: RunFolder) -> None:
    assert not BackendState.read(folder.backend_state).identity.is_alive


def test_a_whole_run_is_green_and_its_files_can_be_fetched(airflow: AirflowClient, tmp_path) -> None:
    start(airflow, "manual__whole")
    run, states, folder = finish(airflow, "manual__whole")
    assert run.state == "success", states
    assert states["regression.confirm_1"] == "skipped"
    assert Verdict.read(folder.verdict).outcome is Outcome.PASS
    assert_backend_is_gone(folder)
    assert airflow.get_json("/loadtest/api/dag-runs/manual__whole/verdict")["outcome"] == "pass"
    assert airflow.download("/loadtest/api/dag-runs/manual__whole/artifacts.zip", tmp_path / "artifacts.zip")


def test_the_web_app_asks_who_is_there(airflow: AirflowClient) -> None:
    for path in ("/loadtest/", "/loadtest/api/runs", "/loadtest/api/dag-runs/manual__whole/verdict"):
        assert httpx.get(airflow.url + path).status_code == 401


def test_load_on_a_guarded_environment_waits_for_a_person(airflow: AirflowClient) -> None:
    start(airflow, "manual__approved", environment="guarded")
    wait_for_question(airflow, "manual__approved")
    details = airflow.hitl_details(DAG, "manual__approved", "setup.approve")
    assert "127.0.0.1" in details["body"]
    assert "2 users" in details["subject"]
    airflow.answer_hitl(DAG, "manual__approved", "setup.approve")
    run, states, folder = finish(airflow, "manual__approved")
    assert run.state == "success", states
    assert Verdict.read(folder.verdict).outcome is Outcome.PASS


def test_a_rejected_approval_sends_nothing_and_is_green(airflow: AirflowClient) -> None:
    start(airflow, "manual__rejected", environment="guarded")
    wait_for_question(airflow, "manual__rejected")
    airflow.answer_hitl(DAG, "manual__rejected", "setup.approve", ("Reject",))
    run, states, folder = finish(airflow, "manual__rejected")
    assert run.state == "success", states
    assert states["load_test.run_load"] == "skipped"
    verdict = Verdict.read(folder.verdict)
    assert verdict.status is RunStatus.NOT_RUN
    assert "rejected" in verdict.sentence
    assert folder.report.exists()
    assert not folder.attempts()


def test_a_killed_task_process_rejoins_the_same_load(airflow: AirflowClient) -> None:
    start(airflow, "manual__killed", duration="20s")
    folder = wait_for_load(airflow, "manual__killed")
    live = find_live_load(folder)
    task_process(live.identity.pid).send_signal(signal.SIGKILL)
    run, states, _ = finish(airflow, "manual__killed")
    assert run.state == "success", states
    assert [attempt.number for attempt in folder.attempts()] == [1]
    assert {task.task_id: task.try_number for task in airflow.task_instances(DAG, "manual__killed")}["load_test.run_load"] == 2


def task_process(supervisor_pid: int) -> psutil.Process:
    """The Airflow task process that started the supervisor."""
    return psutil.Process(psutil.Process(supervisor_pid).ppid())


def test_failing_the_load_task_stops_the_load_and_still_reports(airflow: AirflowClient) -> None:
    start(airflow, "manual__stopped", duration="120s")
    folder = wait_for_load(airflow, "manual__stopped")
    airflow.set_task_state(DAG, "manual__stopped", "load_test.run_load", "failed")
    until(lambda: find_live_load(folder) is None, "the load ends", timeout_s=30)
    run, states, _ = finish(airflow, "manual__stopped")
    assert run.state == "failed"
    assert states["cleanup.stop_backend"] == "success"
    assert_backend_is_gone(folder)
    assert Verdict.read(folder.verdict).outcome is Outcome.INVALID
    assert folder.report.exists()


def test_failing_the_whole_run_stops_load_and_backend(airflow: AirflowClient) -> None:
    start(airflow, "manual__run_failed", duration="120s")
    folder = wait_for_load(airflow, "manual__run_failed")
    airflow.set_run_state(DAG, "manual__run_failed", "failed")
    until(lambda: find_live_load(folder) is None, "the load ends", timeout_s=60)
    until(lambda: not BackendState.read(folder.backend_state).identity.is_alive, "the backend is stopped")
    # while the teardown of a failed run is at work, Airflow calls the run running
    until(lambda: airflow.get_run(DAG, "manual__run_failed").state == "failed", "the run ends failed", timeout_s=60)


def test_a_push_of_one_commit_is_one_run(airflow: AirflowClient) -> None:
    commit = {"commit": "deadbeef1234", "branch": "main"}
    first = start(airflow, "push__main__deadbeef1234", **commit)
    second = start(airflow, "push__main__deadbeef1234", **commit)
    assert (first.existing, second.existing) == (False, True)
    run, states, folder = finish(airflow, "push__main__deadbeef1234")
    assert run.state == "success", states
    verdict = Verdict.read(folder.verdict)
    assert (verdict.commit, verdict.asked_commit) == (None, "deadbeef1234")  # nobody knows what this backend was built from
    assert "the build that ran is not known" in verdict.sentence


@pytest.mark.parametrize(
    "params", [{"profile": "huge"}, {"users": 0}, {"users": 1_000_000}, {"duration": "abc"}, {"environment": "nowhere"}]
)
def test_the_rest_api_refuses_bad_params(airflow: AirflowClient, params: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        start(airflow, f"manual__bad_{next(iter(params))}", **params)
    assert next(iter(params)) in str(refused.value)


def test_nothing_is_left_running() -> None:
    ours = os.environ["LOADTEST_HOME"]
    supervisors = [line for line in map(title, psutil.process_iter()) if "loadtest.load.supervision.supervisor" in line]
    assert not [line for line in supervisors if ours in line]
