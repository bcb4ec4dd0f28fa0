"""A real Airflow for the session: api-server, scheduler, dag-processor and triggerer, on a project of its own."""

from __future__ import annotations

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
from tests.support.small_include import TOY, build_include, build_schedules
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
def project(tmp_path_factory: pytest.TempPathFactory, production: str) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("project")
    include = build_include(root)
    build_schedules(include, nightly="0 1 1 1 *", weekly="0 2 1 1 *", broken="whenever")
    for name in ("dags", "plugins"):
        (root / name).symlink_to(ROOT / name)
    before = dict(os.environ)
    os.environ.update({"LOADTEST_HOME": str(root), "TOY_URL": production})
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


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
