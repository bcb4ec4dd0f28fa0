"""Airflow's REST API (v2) as this product uses it: start a run, follow it, answer its approval, fetch what it left.

Every call has a timeout. Reading calls, and creating a run (its id makes that idempotent), are repeated on connection
errors, 429 and 5xx with back-off. What a person must fix (bad params, no permission, unknown DAG) is a
`ConfigurationError` in Airflow's own words; what may pass by itself an `InfrastructureError`. Neither holds a credential.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from loadtest.airflow_answers import (
    AirflowUnavailableError,
    DagRun,
    TaskInstance,
    detail_of,
    json_of,
    log_line,
    parse_url,
    path_part,
)
from loadtest.errors import ConfigurationError

T = TypeVar("T")

MAX_DOWNLOAD_BYTES = 2 * 1024**3


class AirflowClient:
    """Client of one Airflow. Log in with `token`, or with `username` and `password` (exchanged for a token when the
    first call needs one, and again when it has expired). Use as a context manager or call `close()`."""

    def __init__(
        self,
        url: str,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        tries: int = 5,
        first_wait_s: float = 0.5,
    ) -> None:
        parsed = parse_url(url)
        self.url = url.rstrip("/")
        self._username, self._password = username, password
        self._token = token
        self._tries, self._first_wait_s = tries, first_wait_s
        self._http = httpx.Client(base_url=parsed, timeout=timeout_s, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- the Airflow itself

    def version(self) -> str:
        return self._get("/api/v2/version", authenticated=False)["version"]

    def health(self) -> dict[str, str]:
        """Status per component, for example `{"metadatabase": "healthy", "scheduler": "healthy"}`; open to everyone."""
        data = self._get("/api/v2/monitor/health", authenticated=False)
        return {name: part.get("status") or "absent" for name, part in data.items() if isinstance(part, dict)}

    def wait_until_up(
        self,
        timeout_s: float,
        *,
        components: tuple[str, ...] = ("metadatabase", "scheduler", "dag_processor"),
        poll_s: float = 0.3,
    ) -> None:
        """Return when Airflow answers and each of `components` is healthy; raises AirflowUnavailableError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        reason = "no answer"
        while True:
            try:
                response = self._http.get("/api/v2/monitor/health", timeout=5)
                data = response.json()
                sick = [name for name in components if (data.get(name) or {}).get("status") != "healthy"]
                if response.status_code == 200 and not sick:
                    return
                reason = f"not healthy: {', '.join(sick)}" if sick else f"HTTP {response.status_code}"
            except (httpx.HTTPError, ValueError, AttributeError) as error:
                reason = type(error).__name__
            if time.monotonic() >= deadline:
                raise AirflowUnavailableError(f"Airflow at {self.url} was not up within {timeout_s:.0f} s ({reason}).")
            time.sleep(poll_s)

    # --- DAGs

    def dag(self, dag_id: str) -> dict[str, Any]:
        return self._get(f"/api/v2/dags/{path_part(dag_id)}")

    def wait_for_dag(self, dag_id: str, timeout_s: float, *, poll_s: float = 0.3) -> None:
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
            time.sleep(poll_s)

    def import_errors(self) -> dict[str, str]:
        """Stack trace per DAG file that cannot be imported."""
        data = self._get("/api/v2/importErrors")
        return {entry["filename"]: entry["stack_trace"] for entry in data["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        self._send("PATCH", f"/api/v2/dags/{path_part(dag_id)}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        self._send("PATCH", f"/api/v2/dags/{path_part(dag_id)}", json={"is_paused": True})

    def ensure_pool(self, name: str, *, slots: int, description: str) -> None:
        """Create the pool unless it is there; a task whose pool is missing would wait for ever."""
        found = self._request("GET", f"/api/v2/pools/{path_part(name)}", accept=(200, 404))
        if found.status_code == 404:
            body = {"name": name, "slots": slots, "description": description, "include_deferred": True}
            self._request("POST", "/api/v2/pools", json=body, accept=(200, 201, 409))

    # --- runs

    def create_run(
        self,
        dag_id: str,
        run_id: str | None,
        conf: dict[str, Any],
        logical_date: datetime | None = None,
        *,
        note: str | None = None,
    ) -> DagRun:
        """Create a run; if one with this id is there already (409), return that one with `existing=True`.

        Bad params raise ConfigurationError with Airflow's sentence. A repeated try after a lost answer finds its own
        run and reports it as existing.
        """
        body: dict[str, Any] = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": conf}
        if run_id is not None:
            if "/" in run_id:
                raise ConfigurationError(f"The run id {run_id!r} contains '/', which Airflow refuses; use '-' instead.")
            body["dag_run_id"] = run_id
        if note:
            body["note"] = note
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

    def list_runs(self, dag_id: str, *, states: tuple[str, ...] = (), limit: int = 50, newest_first: bool = True) -> list[DagRun]:
        """Runs of a DAG, optionally only those in `states` (queued, running, success, failed)."""
        params: list[tuple[str, Any]] = [("limit", limit), ("order_by", "-run_after" if newest_first else "run_after")]
        params += [("state", state) for state in states]
        data = self._get(f"/api/v2/dags/{path_part(dag_id)}/dagRuns", params=params)
        return [DagRun.of(entry) for entry in data["dag_runs"]]

    def set_run_state(self, dag_id: str, run_id: str, state: str, *, note: str | None = None) -> None:
        """Mark a run `success`, `failed` or `queued`. A run that sends load is stopped by failing its load task instead."""
        body = {"state": state} | ({"note": note} if note else {})
        self._send("PATCH", self._run_path(dag_id, run_id), json=body)

    def wait_for_run(self, dag_id: str, run_id: str, timeout_s: float, *, poll_s: float = 1.0) -> DagRun:
        """Return the finished run; raises AirflowUnavailableError when it is still going after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            run = self.get_run(dag_id, run_id)
            if run.finished:
                return run
            if time.monotonic() >= deadline:
                raise AirflowUnavailableError(f"The run {run_id} is still {run.state} after {timeout_s:.0f} s.")
            time.sleep(min(poll_s, max(0.05, deadline - time.monotonic())))

    # --- tasks of a run

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """All tasks of the run, in the order Airflow lists them."""
        data = self._get(f"{self._run_path(dag_id, run_id)}/taskInstances", params=[("limit", 200)])
        return [TaskInstance.of(entry) for entry in data["task_instances"]]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """State by task id (mapped tasks: the last of them)."""
        return {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str, *, note: str | None = None) -> None:
        """Mark a task `success`, `failed` or `skipped`; failing a running task stops its process."""
        body = {"new_state": state} | ({"note": note} if note else {})
        self._send("PATCH", self._task_path(dag_id, run_id, task_id), json=body)

    def clear_tasks(self, dag_id: str, run_id: str, task_ids: list[str], *, downstream: bool = False) -> None:
        """Let tasks run again, as a person's Clear does."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": task_ids,
            "include_downstream": downstream,
            "only_failed": False,
        }
        self._send("POST", f"/api/v2/dags/{path_part(dag_id)}/clearTaskInstances", json=body)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """What a task returned; None when it has returned nothing (yet)."""
        path = f"{self._task_path(dag_id, run_id, task_id)}/xcomEntries/{path_part(key)}"
        response = self._request("GET", path, accept=(200, 404))
        return json_of(response).get("value") if response.status_code == 200 else None

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """The log of one try as text, one event a line."""
        path = f"{self._task_path(dag_id, run_id, task_id)}/logs/{try_number}"
        data = json_of(self._request("GET", path, headers={"Accept": "application/json"}))
        content = data.get("content", "")
        if isinstance(content, str):
            return content
        return "\n".join(log_line(entry) for entry in content)

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

    # --- plumbing

    @staticmethod
    def _run_path(dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{path_part(dag_id)}/dagRuns/{path_part(run_id)}"

    def _task_path(self, dag_id: str, run_id: str, task_id: str) -> str:
        return f"{self._run_path(dag_id, run_id)}/taskInstances/{path_part(task_id)}"

    def _get(self, path: str, *, params: Any = None, authenticated: bool = True) -> dict[str, Any]:
        return json_of(self._request("GET", path, params=params, authenticated=authenticated))

    def _send(self, method: str, path: str, *, json: Any) -> httpx.Response:
        return self._request(method, path, json=json, accept=(200, 201, 202, 204), retry=False)

    def _request(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (200,),
        authenticated: bool = True,
        retry: bool = True,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        def once() -> httpx.Response:
            sent = (headers or {}) | (self._authorization() if authenticated else {})
            response = self._http.request(method, path, headers=sent, **options)
            if response.status_code == 401 and authenticated and self._username is not None:
                self._token = None  # expired: log in again, once
                response = self._http.request(method, path, headers=(headers or {}) | self._authorization(), **options)
            if response.status_code not in accept:
                self._raise_for(response)
            return response

        return self._repeat(once, tries=self._tries if retry else 1)

    def _repeat(self, call: Callable[[], T], *, tries: int | None = None) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(tries or self._tries),
            wait=wait_exponential_jitter(multiplier=self._first_wait_s, max=15, jitter=self._first_wait_s),
            retry=retry_if_exception_type((AirflowUnavailableError, httpx.TransportError)),
            reraise=True,
        )
        try:
            return retrying(call)
        except httpx.TransportError as error:
            raise AirflowUnavailableError(f"Airflow at {self.url} does not answer ({type(error).__name__}: {error}).") from error

    def _authorization(self) -> dict[str, str]:
        if self._token is None:
            self._token = self._log_in()
        return {"Authorization": f"Bearer {self._token}"}

    def _log_in(self) -> str:
        if self._username is None or self._password is None:
            raise ConfigurationError(
                "Airflow wants a login; set LOADTEST_AIRFLOW_USERNAME and LOADTEST_AIRFLOW_PASSWORD, or LOADTEST_AIRFLOW_TOKEN."
            )
        response = self._http.post("/auth/token", json={"username": self._username, "password": self._password})
        if response.status_code in (400, 401, 403):
            raise ConfigurationError(f"Airflow at {self.url} refused the login of {self._username!r}; check name and password.")
        if response.status_code not in (200, 201):
            self._raise_for(response)
        token = json_of(response).get("access_token")
        if not isinstance(token, str) or not token:
            raise AirflowUnavailableError(f"Airflow at {self.url} answered the login without a token.")
        return token

    def _raise_for(self, response: httpx.Response) -> None:
        status, path = response.status_code, response.request.url.path
        if status == 429 or status >= 500:
            raise AirflowUnavailableError(f"Airflow at {self.url} answered HTTP {status} to {path}.")
        if status == 401:
            raise ConfigurationError(f"Airflow at {self.url} does not accept this login; check the token or name and password.")
        if status == 403:
            raise ConfigurationError(f"This login may not use {path} on Airflow at {self.url}; it needs the role Op.")
        if 300 <= status < 400:
            raise ConfigurationError(f"{self.url} redirects elsewhere; give Airflow's own address (https or a path missing?).")
        raise ConfigurationError(f"Airflow refused {path} (HTTP {status}): {detail_of(response)}.")
