"""Remote workers: a master that strangers reach wants a token, and a target that they cannot reach is refused."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.load.inside_locust import fleet_door
from loadtest.planning import fleet
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from loadtest.planning.models import BackendCommand, Environment
from loadtest.planning.profiles import Profile
from tests.load.plans import plan_of

TOKEN = "x" * fleet.LEAST_TOKEN_LENGTH


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fleet.TOKEN_VARIABLE, raising=False)
    monkeypatch.delenv(fleet.BIND_VARIABLE, raising=False)


def profile(remote_workers: int = 2) -> Profile:
    return Profile(name="spread", purpose="test", users=4, duration="10s", remote_workers=remote_workers)


def ours(advertise: str | None = None) -> Environment:
    return Environment(name="staging", backend=BackendCommand(command=("serve", "{host}", "{port}"), advertise=advertise))


def theirs(url: str) -> Environment:
    return Environment(name="sample", base_url=url)


def test_both_sides_of_the_connection_read_the_same_variable() -> None:
    assert fleet_door.TOKEN_VARIABLE == fleet.TOKEN_VARIABLE


def test_a_master_that_strangers_reach_wants_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="without any login"):
        fleet.master_bind()
    monkeypatch.setenv(fleet.BIND_VARIABLE, "127.0.0.1")
    assert fleet.master_bind() == "127.0.0.1"
    monkeypatch.setenv(fleet.BIND_VARIABLE, "10.0.0.7")
    with pytest.raises(ConfigurationError, match=fleet.TOKEN_VARIABLE):
        fleet.master_bind()
    monkeypatch.setenv(fleet.TOKEN_VARIABLE, TOKEN)
    assert fleet.master_bind() == "10.0.0.7"


def test_a_token_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fleet.TOKEN_VARIABLE, TOKEN[1:])
    with pytest.raises(ConfigurationError, match="15 characters"):
        fleet.master_bind()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:80", "http://127.1.2.3"])
def test_a_target_on_loopback_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(fleet.TOKEN_VARIABLE, TOKEN)
    with pytest.raises(ConfigurationError, match="remote workers cannot reach"):
        fleet.check_fleet(profile(), theirs(url), url)


def test_a_backend_of_ours_needs_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fleet.TOKEN_VARIABLE, TOKEN)
    with pytest.raises(ConfigurationError, match=r"cannot reach 127.0.0.1.*advertise:"):
        fleet.check_fleet(profile(), ours(), None)
    fleet.check_fleet(profile(), ours("auto"), None)
    assert fleet.advertised_host(ours("auto"), profile()) == socket.gethostname()
    assert fleet.advertised_host(ours("load-1.example"), profile()) == "load-1.example"
    assert fleet.advertised_host(ours("auto"), profile(remote_workers=0)) is None


def test_what_remote_workers_reach_is_no_matter_without_them_or_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.check_fleet(profile(remote_workers=0), ours(), None)
    monkeypatch.setenv(fleet.BIND_VARIABLE, "127.0.0.1")
    fleet.check_fleet(profile(), ours(), None)
    monkeypatch.delenv(fleet.BIND_VARIABLE)
    monkeypatch.setenv(fleet.TOKEN_VARIABLE, TOKEN)
    fleet.check_fleet(profile(), theirs("http://sample-backend:8000"), "http://sample-backend:8000")


def test_a_fleet_that_airflow_starts_is_refused_without_airflow() -> None:
    where = {"fleet": KubernetesFleet(image="registry.example/loadtest:1", namespace="load")}
    plan = plan_of(Path("simple/locustfile.py"), "http://shop.example", environment=where, remote_workers=2)
    with pytest.raises(ConfigurationError, match=r"only Airflow's DAGs do; start the run in Airflow"):
        fleet.refuse_fleet_of_airflow(plan)
    fleet.refuse_fleet_of_airflow(plan_of(Path("simple/locustfile.py"), "http://shop.example", environment=where))


@pytest.mark.parametrize(
    "wrong", [{"namespace": "Load_Test"}, {"image": ""}, {"memory": "much"}, {"master": "a b"}, {"replicas": 3}]
)
def test_a_fleet_that_no_cluster_would_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        KubernetesFleet.model_validate({"image": "registry.example/loadtest:1", "namespace": "load"} | wrong)
