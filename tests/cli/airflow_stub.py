"""Airflow's REST API and our web app as far as `loadtest trigger` uses them, over real HTTP."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from tests.notifications.http_server import Answer, Request, Server

NOT_FOUND = Answer(404, {"detail": "Not Found"})


class AirflowStub(Server):
    """A run passes one state of `states` per look at it. `verdict` and `files` are what its web app has."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.runs: dict[str, dict[str, Any]] = {}
        self.states = ["queued", "running", "success"]
        self.tasks: list[dict[str, Any]] = []
        self.verdict: dict[str, Any] | None = None
        self.files: dict[str, bytes] | None = {"summary.md": b"# Summary"}
        self.progress: dict[str, Any] = {}
        self.paused = False
        self.tokens = {"good"}
        self.logins = 0

    def add_run(self, run_id: str, state: str, *, age_s: float = 0) -> dict[str, Any]:
        queued = datetime.now(UTC) - timedelta(seconds=age_s)
        self.runs[run_id] = {
            "dag_id": "load_test", "dag_run_id": run_id, "state": state, "conf": {}, "queued_at": queued.isoformat(),
            "start_date": None, "end_date": None, "note": None,
        }  # fmt: skip
        return self.runs[run_id]

    def created(self) -> list[dict[str, Any]]:
        return [one.body for one in self.requests if one.method == "POST" and one.path.endswith("/dagRuns")]

    def _handle(self, request: Request) -> Answer:
        path = unquote(request.path)
        if path == "/auth/token":
            self.logins += 1
            known = request.body == {"username": "ci", "password": "pw"}
            return Answer(201, {"access_token": "good"}) if known else Answer(401, {"detail": "Invalid credentials"})
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Answer(401, {"detail": "Not authenticated"})
        if path == "/api/v2/dags/load_test":
            return Answer(200, {"is_paused": self.paused})
        if path == "/api/v2/dags/load_test/dagRuns":
            return self._create(request) if request.method == "POST" else self._list(request)
        if found := re.fullmatch(r"/api/v2/dags/load_test/dagRuns/([^/]+)(/taskInstances)?", path):
            if found[1] not in self.runs:
                return NOT_FOUND
            if found[2]:
                return Answer(200, {"task_instances": self.tasks})
            return self._run(request, self.runs[found[1]])
        if found := re.fullmatch(r"/loadtest/api/dag-runs/([^/]+)/(verdict|progress|artifacts\.zip)", path):
            return self._web(found[2])
        return NOT_FOUND

    def _create(self, request: Request) -> Answer:
        conf = request.body["conf"]
        if conf.get("profile") == "enormous":
            return Answer(400, {"detail": "Invalid input for param profile: 'enormous' is not one of [None, 'smoke']"})
        run_id = request.body["dag_run_id"]
        if run_id in self.runs:
            return Answer(409, {"detail": "DAGRun already exists"})
        return Answer(200, self.add_run(run_id, self.states[0]) | {"conf": conf})

    def _list(self, request: Request) -> Answer:
        return Answer(200, {"dag_runs": [one for one in self.runs.values() if one["state"] == request.query.get("state")]})

    def _run(self, request: Request, run: dict[str, Any]) -> Answer:
        if request.method == "PATCH":
            run |= request.body
        elif run["state"] in self.states[:-1]:
            run["state"] = self.states[self.states.index(run["state"]) + 1]
        return Answer(200, run)

    def _web(self, name: str) -> Answer:
        if name == "progress":
            return Answer(200, self.progress)
        if name == "verdict":
            return Answer(200, self.verdict) if self.verdict else NOT_FOUND
        if self.files is None:
            return NOT_FOUND
        return Answer(200, zipped(self.files), {"Content-Type": "application/zip"})


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def verdict_of(folder: Any) -> dict[str, Any]:
    return json.loads(folder.verdict.read_text())
