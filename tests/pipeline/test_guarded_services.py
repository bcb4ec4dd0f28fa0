"""Services that cannot just be asked: TLS of their own, a login before everything, no health check. Real runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError, NotRunError
from loadtest.pipeline.stages import Outcome as Run
from loadtest.pipeline.stages import run_once
from loadtest.planning.request import Request
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.support.guarded_service import GuardedService, guarded_service, make_certificate
from tests.support.small_include import build_include, write

TOKEN = "canary-token-4711-x"
BOTH_CLIENTS = """
from locust import FastHttpUser, HttpUser, constant, task

class Fast(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/fast")

    @task
    def read_with_a_token_of_its_own(self):
        self.client.get("/own", headers={"x-tenant": "south"})

class Plain(HttpUser):
    wait_time = constant(0.05)

    @task
    def read(self):
        self.client.get("/plain")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    include = build_include(tmp_path, duration="3s")
    (include / "scenarios/toy/locustfile.py").write_text(BOTH_CLIENTS)
    (include / "scenarios/toy/targets.yaml").write_text("total: {error_rate: 1%}\n")
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path


def run(project: Path, service: GuardedService, **environment: object) -> Run:
    write(project / "include/environments/guarded_one.yaml", {"base_url": service.base_url, "health_timeout": "5s"} | environment)
    return run_once(Request(scenario="toy", environment="guarded_one", profile="smoke"), settings(), confirm=False)


def refusal(project: Path, service: GuardedService, **environment: object) -> str:
    with pytest.raises((ConfigurationError, NotRunError)) as refused:
        run(project, service, **environment)
    return str(refused.value)


@pytest.mark.slow
def test_a_login_and_a_certificate_of_its_own_reach_every_request_and_are_kept_nowhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGING_LOGIN", TOKEN)  # its name does not tell that it is a secret
    certificate = make_certificate(project / "certificates", "service")
    ours = make_certificate(project / "certificates", "client")
    tls = {"ca_file": "certificates/service.crt", "cert_file": "certificates/client.crt", "key_file": "certificates/client.key"}
    with guarded_service(certificate, client_ca=ours[0]) as service:
        service.wanted = ("Authorization", f"Bearer {TOKEN}")
        headers = {"Authorization": "Bearer ${STAGING_LOGIN}", "X-Tenant": "north"}
        done = run(project, service, headers=headers, tls=tls, health={"path": "/health", "timeout": "1s"})
    assert done.verdict.outcome is Outcome.PASS, done.verdict.reasons
    for path in ("/fast", "/plain", "/own", "/health"):
        assert set(service.of(path)) == {200}, path
    kept = [path for folder in ("runs", "scratch") for path in (project / folder).rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []


@pytest.mark.slow
def test_the_login_of_the_health_check_alone_is_not_sent_with_the_load(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_TOKEN", TOKEN)
    certificate = make_certificate(project / "certificates", "service")
    health = {"path": "/health", "status": 204, "headers": {"Authorization": "${HEALTH_TOKEN}"}}
    with guarded_service(certificate) as service:
        service.wanted, service.health = ("Authorization", TOKEN), 204
        done = run(project, service, health=health, tls={"verify": False})
    assert done.verdict.outcome is Outcome.FAIL
    assert set(service.of("/health")) == {204}
    assert set(service.of("/fast")) == set(service.of("/plain")) == {401}


@pytest.mark.slow
def test_a_service_without_a_health_check_is_measured_and_not_asked(project: Path) -> None:
    with guarded_service() as service:
        done = run(project, service, health="none")
    assert done.verdict.outcome is Outcome.PASS, done.verdict.reasons
    assert service.of("/health") == {}
    assert "nobody asked the service for its health" in Path(str(done.folder.report)).read_text()


def test_without_a_health_check_a_service_that_is_not_there_is_still_down(project: Path) -> None:
    service = GuardedService()
    service.base_url = "http://127.0.0.1:1"
    done = run(project, service, health="none", health_timeout="1s")
    assert done.verdict.outcome is Outcome.FAIL
    assert "the service was down before any load went out" in done.verdict.sentence


def test_a_certificate_that_nobody_knows_ends_the_wait_at_once_and_names_tls(project: Path) -> None:
    with guarded_service(make_certificate(project / "certificates", "service")) as service:
        sentence = refusal(project, service, health_timeout="10m")
    assert "is not trusted (self-signed certificate)" in sentence and "tls: {ca_file" in sentence
    assert "environment 'guarded_one'" in sentence


@pytest.mark.parametrize(("status", "words"), [(404, "a path that answers 2xx"), (401, "behind a login, `headers`")])
def test_a_health_check_that_is_turned_away_three_times_ends_the_wait_at_once(project: Path, status: int, words: str) -> None:
    with guarded_service() as service:
        service.health = status
        sentence = refusal(project, service, health_timeout="10m")
    assert service.of("/health") == {status: 3}
    assert f"answered {status}" in sentence and "`health:` (or `health_path`)" in sentence and words in sentence


def test_a_variable_that_is_not_set_is_refused_before_anything_is_asked(project: Path) -> None:
    with guarded_service() as service:
        plain = refusal(project, service, headers={"Authorization": "${STAGING_LOGIN}"})
        of_connection = refusal(project, service, health={"headers": {"Authorization": "Basic ${conn.staging.password}"}})
    assert "needs the environment variable STAGING_LOGIN, which is not set" in plain
    assert "password of the Airflow connection 'staging'" in of_connection and "LOADTEST_CONN_STAGING_PASSWORD" in of_connection
    assert not service.answers
