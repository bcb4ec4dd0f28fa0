"""With what a push is compared when it does not say: its merge base where builds can be made, else nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.errors import ConfigurationError
from loadtest.operators.params import run_params
from loadtest.operators.request_of import request_of
from loadtest.planning.request import MERGE_BASE, SIDE_BY_SIDE, Request
from tests.builds.repositories import commit, new_repository
from tests.support.small_include import build_include, write

pytestmark = pytest.mark.airflow

SHA = "c0ffee1234"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    include = build_include(tmp_path)
    commit(new_repository(tmp_path / "service"), {"README": "words"})
    backend = {"command": ["x", "{port}"]}
    write(include / "environments/made.yaml", {"backend": backend, "builds": {"repository": "service"}})
    return tmp_path


def asked(run_id: str, **conf: object) -> Request:
    """As the DAG run asks that carries `conf`; the form's defaults stand in its params."""
    given = {"scenario": "toy", "environment": "made", "commit": SHA} | conf
    dag_run = SimpleNamespace(dag_id="load_test", run_id=run_id, run_type="manual", conf=given)
    dag = SimpleNamespace(params=run_params())
    return request_of({"dag": dag, "dag_run": dag_run, "params": {"profile": "smoke"} | given})


@pytest.mark.parametrize(
    ("conf", "profile", "against"),
    [
        ({}, SIDE_BY_SIDE, MERGE_BASE),
        ({"against": "v1.0"}, SIDE_BY_SIDE, "v1.0"),
        ({"profile": "light"}, "light", None),
        ({"profile": "light", "against": "main"}, "light", "main"),
        ({"users": 3}, "smoke", None),
        ({"environment": "healthy"}, "smoke", None),
    ],
)
def test_a_push(project: Path, conf: dict[str, object], profile: str, against: str | None) -> None:
    request = asked(f"push__main__{SHA}", **conf)
    assert (request.profile, request.against) == (profile, against)


def test_whoever_asks_by_hand_gets_what_was_asked_for(project: Path) -> None:
    assert (asked("manual__1").profile, asked("manual__1").against) == ("smoke", None)
    assert asked("manual__1", against="main").profile == SIDE_BY_SIDE


def test_the_form_sends_its_default_where_nobody_chose_a_profile(project: Path) -> None:
    assert asked("manual__1", profile="smoke", against="main").profile == SIDE_BY_SIDE
    assert asked("manual__1", profile="light", against="main").profile == "light"


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"user": 5}, "The DAG's conf has an unknown key 'user'; did you mean 'users'?"),
        ({"Profile": "light"}, "did you mean 'profile'?"),
        ({"zzz": 1}, "unknown key 'zzz'; known are: against, any_build, arguments,"),
    ],
)
def test_a_key_that_nobody_knows_is_refused(project: Path, conf: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        asked("manual__1", **conf)
    assert words in str(refused.value)
