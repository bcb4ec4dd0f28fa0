"""Airflow's REST API (v2) as this product uses it: start a run, follow it, answer its approval, fetch what it left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from loadtest.airflow_api.answers import AirflowUnavailableError, DagRun, TaskInstance, detail_of, json_of, path_part
from loadtest.airflow_api.connection import AirflowConnection
from loadtest.errors import ConfigurationError

MAX_DOWNLOAD_BYTES = 2 * 1024**3


class AirflowClient(AirflowConnection):
    """Client of one Airflow; see AirflowConnection for the login."""

    # --- DAGs

    def dag(self, dag_id: str) -> dict[str, Any]:
        return self._get(f"/api/v2/dags/{path_part(dag_id)}")

    def wait_for_dag(self, dag_id: str, timeout_s: float) -> None:
        """Return when Airflow has parsed the DAG; raises ConfigurationError with Airflow's import error if there is one."""
        deadline = time.monotonic() + timeout_s
        while True:
            response = self._request("GET", f"/api/v2/dags/{path_part(dag_id)}", accept=(200, 404))
            if response.status_code == 200:
                return
            if time.monotonic() >= deadline:
                errors = self.import_errors()
                if errors:
                    file, text = next(iter(errors.items()))
                    last = text.strip().splitlines()[-1]
                    raise ConfigurationError(f"The DAG {dag_id} cannot be loaded, {file} fails: {last}.")
                raise AirflowUnavailableError(f"Airflow did not load the DAG {dag_id} within {timeout_s:.0f} s.")
            time.sleep(0.3)

    def import_errors(self) -> dict[str, str]:
        """Stack trace per DAG file that cannot be imported."""
        data = self._get("/api/v2/importErrors")
        return {entry["filename"]: entry["stack_trace"] for entry in data["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        self._send("PATCH", f"/api/v2/dags/{path_part(dag_id)}", json={"is_paused": False})

    def ensure_pool(self, name: str, *, slots: int, description: str) -> None:
        """Create the pool unless it is there; a task whose pool is missing would wait for ever."""
        found = self._request("GET", f"/api/v2/pools/{path_part(name)}", accept=(200, 404))
        if found.status_code == 404:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": True}
            self._request("POST", "/api/v2/pools", json=body, accept=(200, 201, 409))

    # --- runs

    def create_run(self, dag_id: str, run_id: str | None, conf: dict[str, Any]) -> DagRun:
        """Create a run; if one with this id is there already (409), return that one with `existing=True`.

        Bad params raise ConfigurationError with Airflow's sentence. A repeated try after a lost answer finds its own
        run and reports it as existing.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": conf}
        if run_id is not None:
            if "/" in run_id:
                raise ConfigurationError(f"The run id {run_id!r} contains '/', which Airflow refuses; use '-' instead.")
            body["dag_run_id"] = run_id
        response = self._request(
            "POST", f"/api/v2/dags/{path_part(dag_id)}/dagRuns", json=body, accept=(200, 201, 409), retry=run_id is not None
        )
        if response.status_code == 409:
            if run_id is None:
                raise ConfigurationError(f"Airflow refused the run: {detail_of(response)}.")
            found = self._request("GET", self._run_path(dag_id, run_id), accept=(200, 404))
            if found.status_code == 404:
                raise ConfigurationError(f"Airflow refused the run {run_id}: {detail_of(response)}.")
            return DagRun.of(json_of(found), existing=True)
        return DagRun.of(json_of(response))

    def get_run(self, dag_id: str, run_id: str) -> DagRun:
        return DagRun.of(self._get(self._run_path(dag_id, run_id)))

    def list_runs(self, dag_id: str, *, states: tuple[str, ...] = (), limit: int = 50) -> list[DagRun]:
        """Runs of a DAG, the newest first, optionally only those in `states` (queued, running, success, failed)."""
        params: list[tuple[str, Any]] = [("limit", limit), ("order_by", "-run_after")]
        params += [("state", state) for state in states]
        data = self._get(f"/api/v2/dags/{path_part(dag_id)}/dagRuns", params=params)
        return [DagRun.of(entry) for entry in data["dag_runs"]]

    def set_run_state(self, dag_id: str, run_id: str, state: str, *, note: str | None = None) -> None:
        """Mark a run `success`, `failed` or `queued`. A run that sends load is stopped by failing its load task instead."""
        body = {"state": state} | ({"note": note} if note else {})
        self._send("PATCH", self._run_path(dag_id, run_id), json=body)

    def wait_for_run(self, dag_id: str, run_id: str, timeout_s: float) -> DagRun:
        """Return the finished run; raises AirflowUnavailableError when it is still going after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            run = self.get_run(dag_id, run_id)
            if run.finished:
                return run
            if time.monotonic() >= deadline:
                raise AirflowUnavailableError(f"The run {run_id} is still {run.state} after {timeout_s:.0f} s.")
            time.sleep(min(1.0, max(0.05, deadline - time.monotonic())))

    # --- tasks of a run

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """All tasks of the run, in the order Airflow lists them."""
        data = self._get(f"{self._run_path(dag_id, run_id)}/taskInstances", params=[("limit", 200)])
        return [TaskInstance.of(entry) for entry in data["task_instances"]]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """State by task id (mapped tasks: the last of them)."""
        return {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task `success`, `failed` or `skipped`; failing a running task stops its process."""
        self._send("PATCH", self._task_path(dag_id, run_id, task_id), json={"new_state": state})

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """What a task returned; None when it has returned nothing (yet)."""
        path = f"{self._task_path(dag_id, run_id, task_id)}/xcomEntries/{path_part(key)}"
        response = self._request("GET", path, accept=(200, 404))
        return json_of(response).get("value") if response.status_code == 200 else None

    # --- approvals (human in the loop)

    def hitl_details(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
        """The approval's subject, body, options and answer; None when the task asks for nothing (yet)."""
        response = self._request("GET", f"{self._task_path(dag_id, run_id, task_id)}/-1/hitlDetails", accept=(200, 404))
        return json_of(response) if response.status_code == 200 else None

    def answer_hitl(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        options: tuple[str, ...] = ("Approve",),
        params: dict[str, Any] | None = None,
    ) -> None:
        """Answer an approval that awaits input, for example with `("Approve",)` or `("Reject",)`."""
        body = {"chosen_options": list(options), "params_input": params or {}}
        self._send("PATCH", f"{self._task_path(dag_id, run_id, task_id)}/-1/hitlDetails", json=body)

    # --- our own web app inside Airflow

    def get_json(self, path: str, *, missing: bool = False) -> Any:
        """JSON of any path of this Airflow (such as `/loadtest/api/...`); None on 404 when `missing` is allowed."""
        response = self._request("GET", path, accept=(200, 404) if missing else (200,))
        return None if response.status_code == 404 else json_of(response)

    def download(self, path: str, target: Path, *, missing: bool = False) -> bool:
        """Stream a file to `target` (written whole or not at all); False on 404 when `missing` is allowed."""
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")

        def once() -> bool:
            with self._http.stream("GET", path, headers=self._authorization()) as response:
                if response.status_code == 404 and missing:
                    return False
                if response.status_code != 200:
                    response.read()
                    self._raise_for(response)
                written = 0
                with partial.open("wb") as stream:
                    for chunk in response.iter_bytes():
                        written += len(chunk)
                        if written > MAX_DOWNLOAD_BYTES:
                            raise ConfigurationError(f"{path} is larger than 2 GiB; fetch it from the runs root instead.")
                        stream.write(chunk)
            partial.replace(target)
            return True

        try:
            return self._repeat(once)
        finally:
            partial.unlink(missing_ok=True)

    # --- paths

    @staticmethod
    def _run_path(dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{path_part(dag_id)}/dagRuns/{path_part(run_id)}"

    def _task_path(self, dag_id: str, run_id: str, task_id: str) -> str:
        return f"{self._run_path(dag_id, run_id)}/taskInstances/{path_part(task_id)}"
