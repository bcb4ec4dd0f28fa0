"""The stack of docker-compose.yaml under a project name, secrets and an `include/` of its own, and what its tests ask of it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from loadtest.airflow_api.client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "c0ffee" + secrets.token_hex(17)


class Stack:
    """The containers, and Airflow's REST API as a person's tools see it. `storage`: where run folders go, as `make compose-init`
    is told. `project`: whose containers these are; two of them may be there at the same time."""

    def __init__(self, folder: Path, storage: str = "", project: str = "loadtest-check") -> None:
        include = folder / "include"
        shutil.copytree(ROOT / "include", include, ignore=shutil.ignore_patterns("__pycache__"))
        for workers in (2, 4):
            profile = {"purpose": "fleet", "users": 8, "spawn_rate": 8, "duration": "20s", "evidence": "indicative"}
            profile |= {"remote_workers": workers, "remote_wait": "90s"}
            (include / "profiles" / f"fleet_{workers}.yaml").write_text(json.dumps(profile))
        (include / "profiles" / "fleet_now.yaml").write_text(json.dumps(profile | {"remote_workers": 2, "remote_wait": "15s"}))
        staging = (include / "environments" / "staging.yaml").read_text()
        (include / "environments" / "europe.yaml").write_text(
            staging.replace("name: staging", "name: europe") + "load_generator: eu\n"
        )
        shutil.copy(ROOT / "tests" / "compose" / "counted_backend.py", include)
        folder.chmod(0o755)
        self.secrets = self._secrets(folder, storage)
        self.environment = os.environ | self.secrets
        self.environment |= {"COMPOSE_PROJECT_NAME": project, "INCLUDE": str(include), "AIRFLOW_PORT": "127.0.0.1:0"}
        self.environment |= {"COMMIT": COMMIT, "LOADTEST_IMAGE": f"{project}:latest"}
        self.environment |= {"CONTAINERS_ENV": str(folder / ".env.containers")}
        self.environment |= {"COMPOSE_PROFILES": ",".join(filter(None, ["fleet", self.secrets.get("COMPOSE_PROFILES")]))}

    @staticmethod
    def _secrets(folder: Path, storage: str) -> dict[str, str]:
        """From the script that makes a team's, run on a folder of its own."""
        script = folder / "deployment" / "compose" / "init.sh"
        script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deployment" / "compose" / "init.sh", script)
        subprocess.run([script, storage], check=True)
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
        return self.call("GET", f"/loadtest/api/dag-runs/{run_id}/verdict").json()

    def accepted_baseline(self, run_id: str, plan: dict[str, Any], reason: str) -> Any:
        """Collect three runs, and approve them as a person does through the UI's API. Returns what `promote` did."""
        dag = "load_test_baseline"
        self.airflow.create_run(dag, run_id, plan | {"runs": 3})
        self.until(lambda: self.airflow.task_states(dag, run_id).get("accept") == "awaiting_input", "the question", 600)
        question = self.until(lambda: self.airflow.hitl_details(dag, run_id, "accept"), "its text")
        overrule = "**objection**" in question["body"]  # a busy machine may miss a target
        answer = "Approve and overrule objections" if overrule else "Approve"
        self.airflow.answer_hitl(dag, run_id, "accept", (answer,), {"reason": reason})
        assert self.airflow.wait_for_run(dag, run_id, timeout_s=180).state == "success"
        return self.airflow.xcom(dag, run_id, "promote")

    def requests_of_backend(self) -> int:
        """What the sample backend counted since its start."""
        return int(self.in_container("sample-backend", "curl -fsS http://localhost:8000/counted"))

    def in_container(self, service: str, script: str) -> str:
        return self.compose("exec", "-T", service, "sh", "-c", script)

    def file_of(self, run_id: str, name: str) -> dict[str, Any]:
        """A JSON file of a run, by the web app."""
        return self.call("GET", f"/loadtest/runs/{run_id}/{name}").json()

    def of_run(self, run_id: str, name: str) -> str:
        """Any file of a run, from the volume."""
        return self.in_container("airflow-worker", f"cat /opt/loadtest/runs/student_api/*/*/{run_id}/{name}")

    def of_attempt(self, run_id: str, number: int, name: str) -> str:
        return self.of_run(run_id, f"attempts/{number}/{name}")

    def kill(self, service: str) -> None:
        """SIGKILL of the container's processes from outside, as the kernel would: Docker starts it again by its policy."""
        container = self.compose("ps", "-q", service).split()[0]
        pid = subprocess.run(
            ["docker", "inspect", "-f", "{{.State.Pid}}", container], capture_output=True, text=True, check=True
        ).stdout
        os.kill(int(pid), signal.SIGKILL)

    def kill_for_good(self, service: str) -> None:
        """One of the service's containers, which Docker does not start again."""
        container = self.compose("ps", "-q", service).split()[0]
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)


def is_fine(verdict: dict[str, Any]) -> bool:
    """Passed, or no more than a doubt that other work of the machine explains: nobody keeps it quiet for these tests."""
    busy = any(one["evidence"].get("rule") == "busy_host" and one["outcome"] == "warn" for one in verdict["findings"])
    return verdict["outcome"] == "pass" or (verdict["outcome"] == "warn" and busy)


@contextmanager
def built_and_up(folder: Path, **options: str) -> Iterator[Stack]:
    """Built, healthy, and gone at the end with all that it held. `options`: of `Stack`."""
    stack = Stack(folder, **options)
    stack.compose("build")
    try:
        stack.up()
        yield stack
        print(stack.compose("ps", "-a"))
    finally:
        stack.compose("--profile", "*", "down", "--volumes", "--remove-orphans")  # also what a test started beside it
