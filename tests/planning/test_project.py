"""Where `loadtest` finds the project that it works on, and what every project has without writing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.planning.config import known_names, load_profile, load_scenario, profile_names
from loadtest.settings import PROJECT_ROOT, settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOADTEST_HOME", "LOADTEST_INCLUDE"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_with_scenarios_is_a_project_also_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "include" / "scenarios" / "shop"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert settings().home == tmp_path


def test_a_table_in_pyproject_marks_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.loadtest]\n")
    monkeypatch.chdir(tmp_path)
    assert settings().home == tmp_path


def test_somebody_else_s_broken_pyproject_is_none_of_our_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.")
    monkeypatch.chdir(tmp_path)
    assert settings().home == PROJECT_ROOT


def test_an_include_of_one_s_own_does_not_hide_the_built_in_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "smoke.yaml").write_text("{purpose: own, users: 1, duration: 3s}\n")
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path))
    assert "light" in profile_names(settings())
    assert load_profile(settings(), "light").users == 10
    assert load_profile(settings(), "smoke").purpose == "own"


def test_a_locust_file_alone_is_a_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios" / "shop").mkdir(parents=True)
    (tmp_path / "scenarios" / "shop" / "locustfile.py").write_text("")
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path))
    assert known_names(settings().scenarios) == ["shop"]
    assert load_scenario(settings(), "shop").purpose == ""
