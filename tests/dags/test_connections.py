"""What an environment's headers take from an Airflow connection reaches the service, and no file."""

from __future__ import annotations

import json
import os

import pytest

from loadtest.vocabulary import Outcome
from tests.dags.conftest import HOME
from tests.support.guarded_service import guarded_service
from tests.support.small_include import write

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(180)]

TOKEN = "canary-of-a-connection-8"


def test_a_token_of_a_connection_goes_with_every_request(run_dag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "http", "password": TOKEN}))
    monkeypatch.delenv("LOADTEST_CONN_SHOP_PASSWORD", raising=False)
    with guarded_service() as service:
        service.wanted = ("Authorization", f"Bearer {TOKEN}")
        headers = {"Authorization": "Bearer ${conn.shop.password}"}
        write(HOME / "include/environments/shop.yaml", {"base_url": service.base_url, "headers": headers})
        ended = run_dag(environment="shop")
    os.environ.pop("LOADTEST_CONN_SHOP_PASSWORD", None)
    assert ended.verdict.outcome is Outcome.PASS, ended.verdict.reasons
    assert set(service.of("/items")) == {200}
    kept = [path for path in HOME.rglob("*") if path.is_file() and path.suffix != ".db"]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []


def test_a_connection_that_is_not_there_is_refused_before_anything_starts(run_dag) -> None:
    headers = {"Authorization": "Bearer ${conn.nobodys.password}"}
    write(HOME / "include/environments/shop.yaml", {"base_url": "http://127.0.0.1:1", "headers": headers})
    ended = run_dag(environment="shop")
    assert ended.state == "failed"
    assert "password of the Airflow connection 'nobodys'" in ended.verdict.sentence
    assert ended.tasks["load_test.run_load"] == "upstream_failed"


def test_a_wrong_health_check_is_not_run(run_dag) -> None:
    with guarded_service() as service:
        service.health = 404
        write(HOME / "include/environments/shop.yaml", {"base_url": service.base_url})
        ended = run_dag(environment="shop")
    assert ended.state == "failed" and ended.verdict.outcome is None
    assert "`health:` (or `health_path`)" in ended.verdict.reasons[0]
