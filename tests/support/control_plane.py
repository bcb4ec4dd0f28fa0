"""A real control plane of Kubernetes on loopback: etcd, and from the folder KUBERNETES_BIN the API server, the controller manager
and the scheduler, as processes; beside them a kubelet that starts the pods of one namespace as processes of this machine."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from kubernetes.client import ApiException

from loadtest.processes import free_port
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "deployment" / "kubernetes"
BINARIES = Path(os.environ.get("KUBERNETES_BIN") or "/nonexistent")
NAMESPACE = "loadtest"
ADMIN = "admin-of-the-tests-0123456789"
CONTROLLERS = "job-controller,serviceaccount-controller,garbage-collector-controller,ttl-after-finished-controller"


def missing() -> str:
    """Why there is none here; empty if there is."""
    if not (BINARIES / "kube-apiserver").exists() or shutil.which("etcd") is None:
        return "needs etcd, and KUBERNETES_BIN: a folder with kube-apiserver, kube-controller-manager and kube-scheduler"
    return ""


class ControlPlane:
    """`kubelet.start()`: from then on pods run. There is no node before, and the scheduler finds them no place."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.kubelet = Kubelet(self, variables)

    def __enter__(self) -> ControlPlane:
        try:
            return self._started()
        except BaseException:
            self.__exit__()
            raise

    def _started(self) -> ControlPlane:
        subprocess.run(["openssl", "genrsa", "-out", "key", "2048"], cwd=self.folder, check=True, capture_output=True)
        public = ["openssl", "rsa", "-in", "key", "-pubout", "-out", "public"]
        subprocess.run(public, cwd=self.folder, check=True, capture_output=True)
        (self.folder / "tokens").write_text(f"{ADMIN},admin,admin,system:masters\n")
        (self.folder / "config").write_text(json.dumps(self.kube_config(ADMIN)))
        store, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        clients = [f"--listen-client-urls={store}", f"--advertise-client-urls={store}"]
        self._start("etcd", "--data-dir=etcd", *clients, f"--listen-peer-urls={peers}", "--unsafe-no-fsync")
        keys = ["--service-account-key-file=public", "--service-account-signing-key-file=key", "--token-auth-file=tokens"]
        keys += ["--service-account-issuer=https://kubernetes.default", "--authorization-mode=RBAC"]
        where = ["--bind-address=127.0.0.1", f"--secure-port={self.url.rpartition(':')[2]}", "--cert-dir=certificates"]
        where += [f"--etcd-servers={store}", "--service-cluster-ip-range=10.96.0.0/24", "--advertise-address=192.0.2.1"]
        self._start("kube-apiserver", *keys, *where)
        self.admin = self.client(ADMIN)
        self.core, self.batch = client.CoreV1Api(self.admin), client.BatchV1Api(self.admin)
        until(self._ready, "the API server is ready", timeout_s=120)
        config = ["--kubeconfig=config", "--leader-elect=false"]
        self._start("kube-controller-manager", *config, f"--controllers={CONTROLLERS}", "--service-account-private-key-file=key")
        self._start("kube-scheduler", *config)
        self.core.create_namespace({"metadata": {"name": NAMESPACE}})
        for name in ("network.yaml", "fleet-access.yaml"):
            for document in yaml.safe_load_all((MANIFESTS / name).read_text()):
                self.create(document)
        return self

    def __exit__(self, *_: object) -> None:
        self.kubelet.stop()
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    def create(self, document: dict[str, Any], **options: Any) -> None:
        """With the strictest check of its fields that the server has."""
        group, kind = document["apiVersion"], document["kind"].lower()
        kinds = f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"
        path = f"/{'apis' if '/' in group else 'api'}/{group}/namespaces/{NAMESPACE}/{kinds}"
        query = [("fieldValidation", "Strict"), *options.items()]
        header = {"Content-Type": "application/json"}
        login = {"auth_settings": ["BearerToken"], "_preload_content": False}
        self.admin.call_api(path, "POST", query_params=query, header_params=header, body=document, **login)

    def connection(self, account: str) -> str:
        """An Airflow connection of a service account, as JSON."""
        request = {"spec": {"audiences": ["https://kubernetes.default"], "expirationSeconds": 3600}}
        made = self.core.create_namespaced_service_account_token(account, NAMESPACE, request)
        config = self.kube_config(made.status.token)
        return json.dumps({"conn_type": "kubernetes", "extra": {"kube_config": json.dumps(config)}})

    def kube_config(self, token: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "who", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "who"}}],
            "current-context": "here",
        }

    def client(self, token: str) -> client.ApiClient:
        settings = client.Configuration(host=self.url, api_key={"BearerToken": f"Bearer {token}"})
        settings.verify_ssl = False
        return client.ApiClient(settings)

    def names(self) -> list[str]:
        """Of everything that a fleet leaves behind."""
        lists = (self.batch.list_namespaced_job, self.core.list_namespaced_pod, self.core.list_namespaced_secret)
        return [f"{one.metadata.name}" for each in lists for one in each(NAMESPACE).items]

    def _ready(self) -> bool:
        assert all(process.poll() is None for process in self._processes), "see the logs in " + str(self.folder)
        with contextlib.suppress(Exception):
            return bool(client.VersionApi(self.admin).get_code() and self.core.list_namespace())
        return False

    def _start(self, name: str, *arguments: str) -> None:
        program = shutil.which(name) if name == "etcd" else str(BINARIES / name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(subprocess.Popen([str(program), *arguments], cwd=self.folder, stdout=log, stderr=log))


class Kubelet:
    """Starts pods as processes, once the Secrets that they name are there, and tells the API server what becomes of them."""

    def __init__(self, plane: ControlPlane, variables: dict[str, str]) -> None:
        self._plane, self._variables = plane, variables
        self.pods: dict[str, subprocess.Popen[bytes]] = {}
        self._over: set[str] = set()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()
        for process in self.pods.values():
            self._kill(process)

    def _work(self) -> None:
        while not self._end.wait(0.2):
            with contextlib.suppress(ApiException):  # what changed meanwhile is seen the next time
                self._look()

    def _look(self) -> None:
        found = {pod.metadata.name: pod for pod in self._plane.core.list_namespaced_pod(NAMESPACE).items}
        for name in self.pods.keys() - found.keys():
            self._kill(self.pods.pop(name))
        for name, pod in found.items():
            process = self.pods.get(name)
            if pod.metadata.deletion_timestamp:
                if process:
                    self._kill(process)
                self._plane.core.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=0)
            elif process is None:
                self._try(pod)
            elif process.poll() is not None and name not in self._over:
                code = process.returncode
                self._tell(
                    pod, "Succeeded" if code == 0 else "Failed", {"terminated": {"exitCode": abs(code), "reason": "Error"}}
                )
                self._over.add(name)

    def _try(self, pod: Any) -> None:
        if not pod.spec.node_name:
            target = {"apiVersion": "v1", "kind": "Node", "name": "here"}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.metadata.name}, "target": target}
            self._plane.core.create_namespaced_pod_binding(pod.metadata.name, NAMESPACE, binding, _preload_content=False)
        container = pod.spec.containers[0]
        values = {}
        for source in container.env_from or ():
            try:
                secret = self._plane.core.read_namespaced_secret(source.secret_ref.name, NAMESPACE)
            except ApiException:
                message = f'secret "{source.secret_ref.name}" not found'
                self._tell(pod, "Pending", {"waiting": {"reason": "CreateContainerConfigError", "message": message}})
                return
            values |= {key: base64.b64decode(value).decode() for key, value in secret.data.items()}
        index = pod.metadata.annotations["batch.kubernetes.io/job-completion-index"]
        values |= {one.name: one.value if one.value is not None else index for one in container.env}
        values["LOADTEST_SCRATCH"] = f"{self._plane.folder}{values['LOADTEST_SCRATCH']}-{pod.metadata.name}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        script = [sys.executable, "-c", "from loadtest.cli import main; main()", *container.args[1:]]
        with (self._plane.folder / f"{pod.metadata.name}.log").open("ab") as log:
            self.pods[pod.metadata.name] = subprocess.Popen(
                script, env=kept | self._variables | values, stdout=log, stderr=log, start_new_session=True
            )
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._tell(pod, "Running", {"running": {"startedAt": now}})

    def _tell(self, pod: Any, phase: str, state: dict[str, Any]) -> None:
        container = {"name": "worker", "image": "i", "imageID": "i", "ready": True, "restartCount": 0, "state": state}
        status = {"status": {"phase": phase, "containerStatuses": [container]}}
        self._plane.core.patch_namespaced_pod_status(pod.metadata.name, NAMESPACE, status)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
