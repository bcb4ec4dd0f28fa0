"""A real Airflow for the session: api-server, scheduler, dag-processor and triggerer, on a project of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from loadtest.airflow_api.client import AirflowClient
from loadtest.airflow_api.local import LocalAirflow, free_port
from loadtest.settings import settings
from tests.builds.repositories import commit, new_repository
from tests.notifications.github.github_stub import GitHubStub
from tests.notifications.http_server import serve
from tests.support.small_include import TOY, build_include, build_schedules, write
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def production() -> Iterator[str]:
    """A service that is not ours to start: the guarded environment's."""
    port = free_port()
    with subprocess.Popen([sys.executable, str(TOY), str(port)]) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url), "the toy service answers")
        yield url
        process.terminate()


@pytest.fixture(scope="session")
def github() -> Iterator[GitHubStub]:
    with serve(GitHubStub()) as stub:
        yield stub
        assert stub.problems == []


@pytest.fixture(scope="session")
def service(project: Path) -> Path:
    """The repository of a service of which environment `made` makes builds."""
    return project / "service"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, production: str, github: GitHubStub) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("project")
    include = build_include(root)
    build_schedules(include, nightly="0 1 1 1 *", weekly="0 2 1 1 *", broken="whenever")
    build_service(root, include, production)
    for name in ("dags", "plugins"):
        (root / name).symlink_to(ROOT / name)
    before = dict(os.environ)
    # no issues: most tests here name a repository that this GitHub does not have
    connection = {"conn_type": "github", "password": "ghp_test", "host": github.url, "extra": {"issues": False}}
    variables = {"LOADTEST_HOME": str(root), "TOY_URL": production, "AIRFLOW_CONN_LOADTEST_GITHUB": json.dumps(connection)}
    os.environ.update(variables)
    yield root
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def airflow(project: Path) -> Iterator[AirflowClient]:
    local = LocalAirflow(settings())
    running = local.start(print)
    try:
        with local.client(running.url) as client:
            client.wait_for_dag("load_test", timeout_s=120)
            client.unpause("load_test")
            yield client
    finally:
        local.stop()


def build_service(root: Path, include: Path, deployed: str) -> None:
    """A git repository with the toy service; environment `made` makes builds of it, `deployed` is one that runs already."""
    commit(new_repository(root / "service"), {"toy.py": TOY.read_text(), "build.sh": "echo built"}, "the service")
    made = {"command": [sys.executable, "toy.py", "{port}", "--delay-ms", "10"], "start_timeout": "10s"}
    builds = {"repository": "service", "prepare": [["sh", "build.sh"]]}
    write(include / "environments/made.yaml", {"backend": made, "builds": builds, "health_timeout": "3s"})
    known = {"from": "command", "command": ["echo", "v1.0"]}
    write(include / "environments/deployed.yaml", {"base_url": deployed, "build": known, "builds": builds})
    profile = {"purpose": "test", "users": 4, "spawn_rate": 4, "duration": "36s", "host_probe": False}
    write(include / "profiles/side_by_side.yaml", profile)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
