"""Canaries: secrets planted wherever one can stand are in nothing that runs leave behind, whatever kind of end they take."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from tests.support.small_include import build_include, write

CANARIES = {
    "SCENARIO_PASSWORD": "Canary-pw+/1&2",
    "SCENARIO_ACCOUNT": "canary.account-77",
    "SCENARIO_KEYS": '{"api_key": "canary-json-key-5", "region": "north"}',
    "AIRFLOW__CORE__FERNET_KEY": "canaryFernet0123456789=",
    "AIRFLOW__API_AUTH__JWT_SECRET": "canary-jwt-secret-8",
    "AIRFLOW_CONN_SLACK": '{"conn_type": "slack", "password": "canary-conn-pw-9"}',
    "SAMPLE_DSN": "postgresql://user:canary%2Ddsn%2Dpw@db/x",
    "CI_TENANT": "canary-tenant-44",
}
SECRETS = (
    *(value for name, value in CANARIES.items() if name not in ("SCENARIO_KEYS", "AIRFLOW_CONN_SLACK", "SAMPLE_DSN")),
    "canary-json-key-5",
    "canary-conn-pw-9",
    "canary-dsn-pw",
    "canary-bearer-123456",
)
LEAKY = """
import os
from locust import FastHttpUser, constant, task, events

password = os.environ["SCENARIO_PASSWORD"]
account = os.environ["SCENARIO_ACCOUNT"]
print("at import", password, account)
print("NAMED", os.environ["TENANT"], os.environ["DOOR"], os.environ["REGION"], "CI_TENANT" in os.environ)

@events.init.add_listener
def above(**_):
    # what the processes above Locust were given, as far as this one may read it
    pid = os.getpid()
    while (pid := int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])) > 1:
        line = open(f"/proc/{pid}/cmdline").read()
        if "loadtest.load.supervision" not in line:
            break
        names = open(f"/proc/{pid}/environ").read()
        print("SUPERVISOR HAS", "FERNET" in names, "JWT" in names)

class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def in_url(self):
        self.client.get(f"/items?key={password}", headers={"Authorization": "Bearer canary-bearer-123456"})

    @task
    def in_name(self):
        self.client.post("/items", name=f"login {account}", data={"password": password})

    @task
    def in_error(self):
        with self.client.get("/items", catch_response=True) as answer:
            answer.failure(f"expected {password} of {account}")

    @task
    def in_header_error(self):
        with self.client.get("/items", catch_response=True) as answer:
            answer.failure("Authorization: Bearer canary-bearer-123456")

    @task
    def in_exception(self):
        raise RuntimeError(f"Authorization: Bearer canary-bearer-123456 {password} {os.environ['SCENARIO_KEYS']}")
"""
CRASHING = "import os\nraise RuntimeError('cannot use ' + os.environ['SCENARIO_PASSWORD'])\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that finished, were refused and crashed, all with secrets in hand."""
    root = tmp_path_factory.mktemp("project")
    include = build_include(root)
    (include / "scenarios/toy/locustfile.py").write_text(LEAKY)
    (include / "scenarios/nobody/locustfile.py").write_text(CRASHING)
    secrets = {"TENANT": {"variable": "CI_TENANT"}, "DOOR": {"connection": "slack"}}
    write(include / "scenarios/toy/scenario.yaml", {"secrets": secrets, "env": {"REGION": "north"}})
    backend = {"command": [sys.executable, "-c", DYING, "{port}"], "env": {"CANARY": "${SCENARIO_PASSWORD}"}}
    write(include / "environments/broken.yaml", {"backend": backend})
    return root


# A backend that says all it knows and dies.
DYING = "import os, sys; print(os.environ['CANARY']); sys.exit('Authorization: Bearer canary-' + 'bearer-123456')"


def loadtest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | CANARIES | {"LOADTEST_HOME": str(project), "NO_COLOR": "1"}
    command = [str(Path(sys.executable).parent / "loadtest"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.slow
def test_no_secret_is_left_behind(project: Path) -> None:
    run = ("run", "--profile", "smoke", "--duration", "3s", "--scenario")
    done = [
        loadtest(project, *run, "toy", "--environment", "healthy", "--reason", f"with {CANARIES['SCENARIO_PASSWORD']}"),
        loadtest(project, *run, "nobody", "--environment", "healthy"),
        loadtest(project, *run, "toy", "--environment", "broken"),
        loadtest(project, *run, "toy", "--environment", CANARIES["SCENARIO_ACCOUNT"]),
    ]
    assert "requests" in done[0].stdout + done[0].stderr, done[0].stdout + done[0].stderr
    found = [problem for number, one in enumerate(done[:1]) for problem in leaks(f"output {number}", one.stdout.encode())]
    for folder in ("runs", ".loadtest"):
        for path in sorted((project / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                found += leaks(str(path.relative_to(project)), path.read_bytes())
                found += leaks(f"{path.relative_to(project)} (rows)", rows_of(path))
    assert found == []
    assert list((project / "runs").rglob("samples.parquet")), "nothing was measured"
    logs = "".join(path.read_text() for path in (project / "runs").rglob("locust.log"))
    assert "SUPERVISOR HAS False False" in logs
    assert "NAMED *** *** north False" in logs
    assert (project / ".loadtest").stat().st_mode & 0o077 == 0


def rows_of(path: Path) -> bytes:
    return pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else b""


def leaks(name: str, data: bytes) -> list[str]:
    return [f"{name}: {secret[:9]}" for secret in SECRETS if any(form in data for form in forms(secret))]


def forms(secret: str) -> set[bytes]:
    encoded = base64.b64encode(secret.encode()).rstrip(b"=")
    return {secret.encode(), quote(secret, safe="").encode(), encoded}
