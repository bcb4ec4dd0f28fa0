"""`env:` and `secrets:`: where values come from, what is refused, and which variables never arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.masking import SECRETS_VARIABLE, mask_known
from loadtest.planning.variables import Declared, ignored_variables, secret_names, values_of


def declared(**parts: Any) -> Declared:
    return Declared.model_validate(parts)


def test_values_come_from_the_file_variables_files_and_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token.txt").write_text("from-a-file\n")
    monkeypatch.setenv("CI_TOKEN", "from-a-variable")
    monkeypatch.setenv("API_TOKEN", "of-the-same-name")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "http://ada:p%2Fw@shop.example/")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", '{"conn_type": "http", "login": "bob", "extra": {"tenant": "blue"}}')
    scenario = declared(
        env={"TENANT": "red", "PAGE_SIZE": 20, "VERBOSE": True, "USER_NAME": {"connection": "other", "field": "login"}},
        secrets={
            "A": {"variable": "CI_TOKEN"},
            "B": {"file": "token.txt"},
            "C": {"connection": "shop"},
            "D": {"connection": "other", "field": "tenant"},
            "API_TOKEN": None,
        },
    )
    environment = declared(env={"TENANT": "green"})
    assert values_of(tmp_path, scenario, environment) == {
        "TENANT": "green",
        "PAGE_SIZE": "20",
        "VERBOSE": "true",
        "USER_NAME": "bob",
        "A": "from-a-variable",
        "B": "from-a-file",
        "C": "p/w",
        "D": "blue",
        "API_TOKEN": "of-the-same-name",
    }
    assert secret_names(scenario, environment) == ["A", "API_TOKEN", "B", "C", "D"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"variable": "NOT_SET"}, "the environment variable NOT_SET"),
        ({"file": "none.txt"}, "the file none.txt"),
        ({"connection": "nobody"}, "password of the Airflow connection 'nobody'"),
    ],
)
def test_a_value_that_is_not_to_be_had_is_refused(tmp_path: Path, source: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"variable TOKEN comes from {told}, where there is none"):
        values_of(tmp_path, declared(secrets={"TOKEN": source}))


@pytest.mark.parametrize(
    "parts",
    [
        {"env": {"PATH": "x"}},
        {"env": {"PYTHONPATH": "x"}},
        {"env": {"LD_PRELOAD": "x"}},
        {"env": {"LOADTEST_RUNS_ROOT": "x"}},
        {"env": {"LOCUST_USERS": "x"}},
        {"env": {"a b": "x"}},
        {"env": {"A": None}},
        {"secrets": {"A": "plain"}},
        {"secrets": {"A": {}}},
        {"secrets": {"A": {"variable": "X", "file": "y"}}},
        {"env": {"A": "1"}, "secrets": {"A": {"file": "y"}}},
    ],
)
def test_what_cannot_be_meant_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        declared(**parts)


def test_a_variable_that_is_set_and_read_but_not_named_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locustfile.py").write_text(
        "import os\nfrom os import environ, getenv\n"
        "A = os.environ['CI_TOKEN']\nB = os.getenv('SCENARIO_KEY')\nC = environ.get('TENANT', '')\nD = getenv('NOT_SET')\n"
        "E = os.environ['NAMED']\nF = {}.get('CI_TOKEN_2')\n"
    )
    for name in ("CI_TOKEN", "SCENARIO_KEY", "TENANT", "NAMED", "CI_TOKEN_2"):
        monkeypatch.setenv(name, "x")
    assert ignored_variables(str(tmp_path), declared(secrets={"NAMED": None})) == ["CI_TOKEN", "TENANT"]


def test_named_secrets_are_masked_whatever_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRETS_VARIABLE, "TENANT,OTHER")
    monkeypatch.setenv("TENANT", "blue-42-moon")
    assert mask_known("seen by blue-42-moon") == "seen by ***"
