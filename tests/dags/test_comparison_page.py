"""The dashboard's page of two runs beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from loadtest.web.app import create_app
from tests.support.run_folders import build_run_folder

pytestmark = pytest.mark.airflow


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """As somebody who may read the DAG; who may is Airflow's to say, and tried end to end."""
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    app = create_app()
    guards = {part.dependency for route in app.routes if isinstance(route, APIRoute) for part in route.dependencies}
    assert get_user in guards
    app.dependency_overrides = {guard: lambda: None for guard in guards}
    return TestClient(app)


def test_two_runs_are_compared_in_a_sandbox(browser: TestClient, tmp_path: Path) -> None:
    for name in ("first", "second"):
        build_run_folder(tmp_path / "runs", outcome="pass", run_id=name)
    answer = browser.get("/compare", params={"a": "first", "b": "second"})
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "first" in answer.text and "second" in answer.text and "<table" in answer.text


def test_runs_that_are_not_there_or_cannot_be_compared_say_so_without_a_path(browser: TestClient, tmp_path: Path) -> None:
    build_run_folder(tmp_path / "runs", outcome="pass", run_id="first")
    build_run_folder(tmp_path / "runs", outcome="pass", run_id="empty", without=("metrics",))
    assert browser.get("/compare", params={"a": "first", "b": "nowhere"}).status_code == 404
    assert browser.get("/compare", params={"a": "../../etc", "b": "first"}).status_code == 404
    assert browser.get("/compare", params={"a": "first"}).status_code == 422
    refused = browser.get("/compare", params={"a": "first", "b": "empty"})
    assert refused.status_code == 409
    assert str(tmp_path) not in refused.text
