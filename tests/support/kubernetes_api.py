"""A stand-in for a cluster: an API server that checks what it receives against the API's schemas, and a kubelet that starts the
workers of a Job as processes of this machine, once the Secret that they name is there."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate

VERSION = "1.31"
TOKEN = "of-the-service-account"


@dataclass
class Cluster:
    """`jobs` and `secrets`: what is there, by name; `seen`: (method, path, body) of all requests; `refuse`: by path. `waiting`: a
    pod's status, for pods that never start; `events`: of the Job."""

    folder: Path
    variables: dict[str, str]
    namespace: str = "loadtest"
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    pods: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    waiting: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def connection(self) -> str:
        """An Airflow connection to it, as JSON."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "task", "user": {"token": TOKEN}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "task"}}],
            "current-context": "here",
        }
        return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config": json.dumps(config)}})

    def __enter__(self) -> Cluster:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_DELETE(self) -> None:
                self.answer()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                path = self.path.partition("?")[0]
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, answer = 401, failure("Unauthorized")
                else:
                    status, answer = cluster.answer(self.command, path, body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for name in list(self.pods):
            self._end(name)

    def answer(self, method: str, path: str, body: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.seen.append((method, path, body))
            jobs, secrets = f"/apis/batch/v1/namespaces/{self.namespace}/jobs", f"/api/v1/namespaces/{self.namespace}/secrets"
            if refused := next((status for end, status in self.refuse.items() if path.endswith(end)), 0):
                return refused, failure(f"{path} is forbidden")
            if method == "POST" and path in (jobs, secrets):
                return self._create(
                    json.loads(body), self.jobs if path == jobs else self.secrets, "Job" if path == jobs else "Secret"
                )
            if method == "DELETE" and path.startswith(f"{jobs}/"):
                return self._delete(path.rpartition("/")[2])
            if method == "GET" and path.startswith(f"{jobs}/"):
                job = self.jobs.get(path.rpartition("/")[2])
                return (200, job) if job else (404, failure("jobs not found"))
            if method == "GET" and path.endswith("/pods"):
                made = [name for name in self.jobs for _ in range(self._wanted(name)) if not self.events]
                status = self.waiting or {"phase": "Running"}
                return 200, {"kind": "PodList", "items": [{"metadata": {"name": name}, "status": status} for name in made]}
            if method == "GET" and path.endswith("/events"):
                return 200, {"kind": "EventList", "items": self.events}
            return 404, failure("the server could not find the requested resource")

    def _create(self, thing: dict[str, Any], there: dict[str, dict[str, Any]], kind: str) -> tuple[int, dict[str, Any]]:
        try:
            kubernetes_validate.validate(thing, VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            return 422, failure(str(error))
        name = thing["metadata"]["name"]
        if thing["kind"] != kind or name in there:
            return (409 if name in there else 400), failure(f"{kind} {name} cannot be made")
        thing["metadata"] |= {"uid": str(uuid.uuid4()), "namespace": self.namespace}
        if kind == "Job":
            thing["status"] = {}
        there[name] = thing
        self._start_what_can_start()
        return 201, thing

    def _delete(self, name: str) -> tuple[int, dict[str, Any]]:
        job = self.jobs.pop(name, None)
        if job is None:
            return 404, failure(f"jobs {name} not found")
        self._end(name)
        uid = job["metadata"]["uid"]
        owned = [one for one, secret in self.secrets.items() if owner_of(secret) == uid]
        for one in owned:  # as the garbage collector does
            del self.secrets[one]
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _wanted(self, name: str) -> int:
        return int(self.jobs[name]["spec"]["completions"])

    def _start_what_can_start(self) -> None:
        if self.waiting or self.events:
            return
        for name, job in self.jobs.items():
            container = job["spec"]["template"]["spec"]["containers"][0]
            named = [one["secretRef"]["name"] for one in container["envFrom"]]
            if name not in self.pods and all(one in self.secrets for one in named):
                self.pods[name] = [self._pod(container, named, index) for index in range(job["spec"]["completions"])]

    def _pod(self, container: dict[str, Any], named: list[str], index: int) -> subprocess.Popen[bytes]:
        given = {one["name"]: one.get("value", str(index)) for one in container["env"]}
        given["LOADTEST_SCRATCH"] = f"{self.folder}{given['LOADTEST_SCRATCH']}-{index}"  # its own /tmp
        for secret in named:
            given |= {key: base64.b64decode(value).decode() for key, value in self.secrets[secret]["data"].items()}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        command, *arguments = container["args"]
        assert command == "loadtest"
        script = [sys.executable, "-c", "from loadtest.cli import main; main()"]
        with (self.folder / f"pod-{index}.log").open("ab") as log:
            return subprocess.Popen(
                [*script, *arguments], env=kept | self.variables | given, stdout=log, stderr=log, start_new_session=True
            )

    def _end(self, name: str) -> None:
        for pod in self.pods.pop(name, []):
            if pod.poll() is None:
                os.killpg(pod.pid, signal.SIGKILL)
            pod.wait()


def owner_of(thing: dict[str, Any]) -> str:
    (owner,) = thing["metadata"]["ownerReferences"]
    return str(owner["uid"])


def failure(message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
