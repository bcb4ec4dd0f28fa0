"""The whole stack in containers, in the order of a team's first day: built, used, broken, stopped, started again.

Run by tests/compose/run.sh, not collected otherwise: it needs a Docker engine and some minutes. Each test goes on where the one
before ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.compose.containers import COMMIT, Stack, built_and_up, is_fine


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with built_and_up(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


# Whether the load generator of an environment has one core only, by the compose file of this test.
PLACES = {"staging": False, "europe": True}
QUEUES = {"staging": ("loadgen", "load_generator"), "europe": ("load_generator-eu", "load_generator-eu")}


def test_schedules_are_known_and_a_run_over_rest_ends_in_a_verdict(stack: Stack) -> None:
    stack.until(lambda: stack.call("GET", "/api/v2/dags/load_test").json()["dag_id"], "the DAG", 120)
    stack.call("PATCH", "/api/v2/dags/load_test", json={"is_paused": False})
    run_id = stack.start_run(profile="smoke", duration="10s")
    verdict = stack.end(run_id)
    assert is_fine(verdict), verdict
    report = stack.call("GET", f"/loadtest/dag-runs/{run_id}/report.html")
    assert run_id in report.text and "student_api" in report.text
    query = f"SELECT count(*) FROM loadtest_runs WHERE run_id = '{run_id}'"
    rows = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", query)
    assert rows.strip() == "1"


def test_a_backend_of_the_run_is_labelled_with_the_image_s_commit(stack: Stack) -> None:
    """Also when CI asks for it: there is no git in the image that could make another."""
    run_id = stack.start_run(profile="smoke", duration="5s", environment="staging", users=2, commit=COMMIT)
    stack.end(run_id)
    plan = stack.file_of(run_id, "plan.json")
    assert plan["build"]["version"] == COMMIT


def test_who_runs_tasks_and_load_can_read_no_key_of_airflow(stack: Stack) -> None:
    keys = {name: stack.secrets[name] for name in ("FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY", "POSTGRES_PASSWORD")}
    for service in ("airflow-loadgen", "airflow-worker", "sample-backend"):
        script = "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; cat /opt/airflow/airflow.cfg 2>/dev/null; true"
        seen = stack.in_container(service, script)
        assert "LOADTEST_HOME=" in seen
        assert not [name for name, value in keys.items() if value in seen], service


def test_a_baseline_is_collected_approved_by_a_person_promoted_and_used_by_the_next_run(stack: Stack) -> None:
    plan = {"environment": "sample", "scenario": "student_api", "profile": "light", "users": 3, "duration": "10s"}
    assert stack.accepted_baseline("collected", plan, "the first reference")["version"] == 1
    comparison = stack.end(stack.start_run(**plan))["comparison"]
    assert comparison["compared"] and comparison["baseline_runs"] == 3, comparison


@pytest.mark.parametrize("workers", [2, 4])
def test_a_fleet_joins_by_its_token_and_every_worker_sends(stack: Stack, workers: int) -> None:
    stack.up(fleet=workers)
    before = stack.requests_of_backend()
    run_id = stack.start_run(profile=f"fleet_{workers}")
    verdict = stack.end(run_id)
    load = json.loads(stack.of_run(run_id, "load.json"))
    assert len(load["workers"]) == workers and all(worker["samples"] and worker["completed"] for worker in load["workers"])
    assert sum(worker["samples"] for worker in load["workers"]) == load["samples"]
    assert load["samples"] == stack.requests_of_backend() - before
    assert verdict["outcome"] != "invalid", verdict  # whether the sample backend keeps its targets is another matter


def test_a_fleet_that_loses_a_worker_is_not_believed(stack: Stack) -> None:
    """Docker starts another worker at once. Where that one joins the load as it runs, the load does not end in order, and the
    next attempt is whole."""
    stack.up(fleet=2)
    run_id = stack.start_run(profile="fleet_2")
    stack.loading(run_id)
    stack.kill("locust-worker")
    verdict = stack.end(run_id)
    assert any(worker["lost"] for worker in json.loads(stack.of_attempt(run_id, 1, "load.json"))["workers"])
    judged = json.loads(stack.of_run(run_id, "load.json"))
    if judged["attempt"] == 1:
        assert verdict["outcome"] == "invalid" and "was lost during the load" in verdict["sentence"], verdict
    else:
        assert len(judged["workers"]) == 2 and all(worker["completed"] for worker in judged["workers"])
        assert "Not believed, and measured again" in stack.call("GET", f"/loadtest/dag-runs/{run_id}/report.html").text


def test_a_fleet_that_lost_a_worker_for_good_is_invalid(stack: Stack) -> None:
    stack.up(fleet=2)
    run_id = stack.start_run(profile="fleet_now")
    stack.loading(run_id)
    stack.kill_for_good("locust-worker")
    verdict = stack.end(run_id)
    assert verdict["outcome"] == "invalid" and "was lost during the load" in verdict["sentence"], verdict
    stack.up()


def test_two_load_generators_measure_at_the_same_time_and_mix_nothing(stack: Stack) -> None:
    asked = {environment: stack.start_run(profile="smoke", duration="40s", environment=environment) for environment in PLACES}
    verdicts = {environment: stack.end(run_id) for environment, run_id in asked.items()}
    here, there = verdicts.values()
    assert max(here["started_at"], there["started_at"]) < min(here["ended_at"], there["ended_at"]), "one after the other"
    plans = {environment: stack.file_of(run_id, "plan.json") for environment, run_id in asked.items()}
    assert {environment: plan["host_class"]["cores"] == 1 for environment, plan in plans.items()} == PLACES
    machines = [json.loads(stack.of_run(run_id, "backend.json"))["machine"]["scratch_id"] for run_id in asked.values()]
    assert machines[0] != machines[1]
    for environment, run_id in asked.items():
        assert verdicts[environment]["environment"] == environment and verdicts[environment]["outcome"] is not None
        tasks = stack.call("GET", f"/api/v2/dags/load_test/dagRuns/{run_id}/taskInstances").json()["task_instances"]
        (load,) = (task for task in tasks if task["task_id"].endswith("run_load"))
        assert (load["queue"], load["pool"]) == QUEUES[environment]


def test_postgres_and_redis_restart_in_mid_run_and_nothing_is_lost(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="40s")
    stack.loading(run_id)
    stack.compose("restart", "postgres", "redis")
    verdict = stack.end(run_id)
    assert verdict["status"] == "judged", verdict  # on a busy machine whatever it comes to
    load = json.loads(stack.of_run(run_id, "load.json"))
    assert (load["attempt"], load["stop_reason"], load["lost_samples"]) == (1, "completed", 0)


def test_a_load_generator_that_is_killed_in_mid_run_ends_in_a_judged_run_of_a_new_attempt(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="40s")
    stack.loading(run_id)
    stack.kill("airflow-loadgen")
    verdict = stack.end(run_id, timeout_s=600)
    attempts = stack.in_container("airflow-worker", f"ls /opt/loadtest/runs/student_api/*/*/{run_id}/attempts").split()
    assert len(attempts) == 2, attempts
    assert verdict["status"] == "judged", verdict
    load = json.loads(stack.of_run(run_id, "load.json"))
    assert (load["attempt"], load["stop_reason"]) == (2, "completed"), load


def test_everything_is_there_after_down_and_up(stack: Stack) -> None:
    count = "SELECT count(*) FROM loadtest_runs"
    before = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", count)
    runs = stack.in_container("airflow-worker", "ls /opt/loadtest/runs/student_api/*/*")
    stack.compose("down")
    stack.up()
    assert stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", count) == before
    assert stack.in_container("airflow-worker", "ls /opt/loadtest/runs/student_api/*/*") == runs
    assert stack.call("GET", "/loadtest/").status_code == 200
