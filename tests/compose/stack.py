"""The whole stack in containers, in the order of a team's first day: built, used, broken, stopped, started again.

Run by tests/compose/run.sh, not collected otherwise: it needs a Docker engine and some minutes. Each test goes on where the one
before ended.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.airflow_api.client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "loadtest-check"
COMMIT = "c0ffee" + secrets.token_hex(17)


class Stack:
    """The containers, and Airflow's REST API as a person's tools see it."""

    def __init__(self, folder: Path) -> None:
        include = folder / "include"
        shutil.copytree(ROOT / "include", include, ignore=shutil.ignore_patterns("__pycache__"))
        for workers in (2, 4):
            profile = {"purpose": "fleet", "users": 8, "spawn_rate": 8, "duration": "20s", "evidence": "indicative"}
            profile |= {"remote_workers": workers, "remote_wait": "90s"}
            path = include / "profiles" / f"fleet_{workers}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(profile))
        shutil.copy(ROOT / "tests" / "compose" / "counted_backend.py", include)
        folder.chmod(0o755)
        self.secrets = self._secrets(folder)
        self.environment = os.environ | self.secrets
        self.environment |= {"COMPOSE_PROJECT_NAME": PROJECT, "INCLUDE": str(include), "AIRFLOW_PORT": "127.0.0.1:0"}
        self.environment |= {"COMMIT": COMMIT, "LOADTEST_IMAGE": f"{PROJECT}:latest", "COMPOSE_PROFILES": "fleet"}

    @staticmethod
    def _secrets(folder: Path) -> dict[str, str]:
        """From the script that makes a team's, run on a folder of its own."""
        script = folder / "deployment" / "compose" / "init.sh"
        script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deployment" / "compose" / "init.sh", script)
        subprocess.run([script], check=True)
        return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "--env-file", "/dev/null", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]} {done.stderr[-3000:]}"
        return done.stdout

    def up(self, fleet: int = 0) -> None:
        self.compose("up", "-d", "--wait", "--wait-timeout", "300", "--scale", f"locust-worker={fleet}")
        self.url = "http://" + self.compose("port", "airflow-apiserver", "8080").strip()
        text = self.compose("exec", "-T", "airflow-apiserver", "cat", "/opt/airflow/auth/passwords.json")
        self.airflow = AirflowClient(self.url, username="admin", password=json.loads(text)["admin"])
        self._http = httpx.Client(base_url=self.url, timeout=30)
        token = self._http.post("/auth/token", json={"username": "admin", "password": json.loads(text)["admin"]})
        self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._http.request(method, path, **options)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def start_run(self, **conf: Any) -> str:
        run_id = f"check-{secrets.token_hex(4)}"
        conf = {"environment": "sample", "scenario": "student_api"} | conf
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.call("POST", "/api/v2/dags/load_test/dagRuns", json=body)
        return run_id

    def states(self, run_id: str) -> dict[str, str]:
        found = self.call("GET", f"/api/v2/dags/load_test/dagRuns/{run_id}/taskInstances").json()["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 300) -> Any:
        """Asks every second; an api-server that is busy or away for a moment is asked again."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except (httpx.HTTPError, AssertionError):
                pass
            time.sleep(1)
        raise AssertionError(f"{what} did not happen within {timeout_s:.0f} s")

    def loading(self, run_id: str) -> None:
        """Wait until the load of a run sends requests, by the scratch folder of the load generator."""
        progress = f"/opt/loadtest/.loadtest/loads/{run_id}/*/progress.json"
        script = f"grep -Esq '\"requests\": *[1-9]' {progress} && echo yes"
        self.until(lambda: self.in_container("airflow-loadgen", script), "a load")

    def end(self, run_id: str, timeout_s: float = 420) -> dict[str, Any]:
        """The verdict of a run that has ended."""
        path = f"/api/v2/dags/load_test/dagRuns/{run_id}"
        self.until(lambda: self.call("GET", path).json()["state"] in ("success", "failed"), f"the end of {run_id}", timeout_s)
        return json.loads(self.in_container("airflow-worker", f"cat /opt/loadtest/runs/student_api/*/*/{run_id}/verdict.json"))

    def requests_of_backend(self) -> int:
        """What the sample backend counted since its start."""
        return int(self.in_container("sample-backend", "curl -fsS http://localhost:8000/counted"))

    def in_container(self, service: str, script: str) -> str:
        return self.compose("exec", "-T", service, "sh", "-c", script)

    def kill(self, service: str) -> None:
        """SIGKILL of the container's processes from outside, as the kernel would: Docker starts it again by its policy."""
        container = self.compose("ps", "-q", service).split()[0]
        pid = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Pid}}", container], capture_output=True, text=True, check=True
        ).stdout
        os.kill(int(pid), signal.SIGKILL)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.compose("build")
    try:
        stack.up()
        yield stack
        print(stack.compose("ps", "-a"))
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")


def test_schedules_are_known_and_a_run_over_rest_ends_in_a_verdict(stack: Stack) -> None:
    stack.until(lambda: stack.call("GET", "/api/v2/dags/load_test").json()["dag_id"], "the DAG", 120)
    stack.call("PATCH", "/api/v2/dags/load_test", json={"is_paused": False})
    run_id = stack.start_run(profile="smoke", duration="10s")
    verdict = stack.end(run_id)
    assert verdict["outcome"] == "pass", verdict
    report = stack.call("GET", f"/loadtest/dag-runs/{run_id}/report.html")
    assert run_id in report.text and "student_api" in report.text
    query = f"SELECT count(*) FROM loadtest_runs WHERE run_id = '{run_id}'"
    rows = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", query)
    assert rows.strip() == "1"


def test_a_backend_of_the_run_is_labelled_with_the_image_s_commit(stack: Stack) -> None:
    """Also when CI asks for it: there is no git in the image that could make another."""
    run_id = stack.start_run(profile="smoke", duration="5s", environment="staging", users=2, commit=COMMIT)
    stack.end(run_id)
    plan = json.loads(stack.in_container("airflow-worker", f"cat /opt/loadtest/runs/student_api/*/*/{run_id}/plan.json"))
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
    dag = "load_test_baseline"
    stack.airflow.create_run(dag, "collected", plan | {"runs": 3})
    stack.until(lambda: stack.airflow.task_states(dag, "collected").get("accept") == "awaiting_input", "the question", 420)
    question = stack.until(lambda: stack.airflow.hitl_details(dag, "collected", "accept"), "its text")
    overrule = "**objection**" in question["body"]  # a busy machine may miss a target
    answer = "Approve and overrule objections" if overrule else "Approve"
    stack.airflow.answer_hitl(dag, "collected", "accept", (answer,), {"reason": "the first reference"})
    assert stack.airflow.wait_for_run(dag, "collected", timeout_s=180).state == "success"
    assert stack.airflow.xcom(dag, "collected", "promote")["version"] == 1
    comparison = stack.end(stack.start_run(**plan))["comparison"]
    assert comparison["compared"] and comparison["baseline_runs"] == 3, comparison


@pytest.mark.parametrize("workers", [2, 4])
def test_a_fleet_joins_by_its_token_and_every_worker_sends(stack: Stack, workers: int) -> None:
    stack.up(fleet=workers)
    before = stack.requests_of_backend()
    run_id = stack.start_run(profile=f"fleet_{workers}")
    verdict = stack.end(run_id)
    load = json.loads(stack.in_container("airflow-worker", f"cat /opt/loadtest/runs/student_api/*/*/{run_id}/load.json"))
    assert len(load["workers"]) == workers and all(worker["samples"] and worker["completed"] for worker in load["workers"])
    assert sum(worker["samples"] for worker in load["workers"]) == load["samples"]
    assert load["samples"] == stack.requests_of_backend() - before
    assert verdict["outcome"] != "invalid", verdict  # whether the sample backend keeps its targets is another matter


def test_a_fleet_that_loses_a_worker_is_not_believed(stack: Stack) -> None:
    stack.up(fleet=2)
    run_id = stack.start_run(profile="fleet_2")
    stack.loading(run_id)
    stack.kill("locust-worker")
    verdict = stack.end(run_id)
    loads = stack.in_container("airflow-worker", f"cat /opt/loadtest/runs/student_api/*/*/{run_id}/attempts/1/load.json")
    assert any(worker["lost"] for worker in json.loads(loads)["workers"]), loads
    attempts = stack.in_container("airflow-worker", f"ls /opt/loadtest/runs/student_api/*/*/{run_id}/attempts").split()
    # The worker that Docker started in its place may join a second attempt, which is whole.
    assert len(attempts) == 2 or verdict["outcome"] == "invalid", verdict
    stack.up()


def test_postgres_and_redis_restart_in_mid_run_and_nothing_is_lost(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="40s")
    stack.loading(run_id)
    stack.compose("restart", "postgres", "redis")
    assert stack.end(run_id)["outcome"] == "pass"


def test_a_load_generator_that_is_killed_in_mid_run_ends_in_a_judged_run_of_a_new_attempt(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="40s")
    stack.loading(run_id)
    stack.kill("airflow-loadgen")
    verdict = stack.end(run_id, timeout_s=600)
    attempts = stack.in_container("airflow-worker", f"ls /opt/loadtest/runs/student_api/*/*/{run_id}/attempts").split()
    assert len(attempts) == 2, attempts
    assert verdict["outcome"] in ("pass", "invalid"), verdict


def test_everything_is_there_after_down_and_up(stack: Stack) -> None:
    count = "SELECT count(*) FROM loadtest_runs"
    before = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", count)
    runs = stack.in_container("airflow-worker", "ls /opt/loadtest/runs/student_api/*/*")
    stack.compose("down")
    stack.up()
    assert stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", count) == before
    assert stack.in_container("airflow-worker", "ls /opt/loadtest/runs/student_api/*/*") == runs
    assert stack.call("GET", "/loadtest/").status_code == 200
