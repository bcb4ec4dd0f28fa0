"""A suggested command repeats the plan it comes from, overrides included."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.gate.advice.commands import overrides_of
from tests.gate.run_facts import make_plan


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path))
    file = tmp_path / "profiles" / "light.yaml"
    file.parent.mkdir()
    file.write_text("purpose: to be judged\nusers: 10\nspawn_rate: 2\nduration: 125s\n")
    return file


def test_the_profile_as_it_is_needs_no_option() -> None:
    assert overrides_of(make_plan()) == ""


def test_what_was_asked_differently_is_asked_again() -> None:
    assert overrides_of(make_plan(users=3, spawn_rate=1.5, duration=90)) == " --users 3 --spawn-rate 1.5 --duration 1m30s"


def test_a_profile_that_cannot_be_read_costs_nothing(profile: Path) -> None:
    profile.write_text("users: many\n")
    assert overrides_of(make_plan(users=3)) == ""


def test_arguments_and_tags_that_a_run_chose_are_chosen_again(tmp_path: Path) -> None:
    plan = make_plan()
    folder = tmp_path / "scenarios" / plan.scenario.name
    folder.mkdir(parents=True)
    (folder / "locustfile.py").write_text("")
    (folder / "scenario.yaml").write_text("arguments: {page-size: 5, verbose: true}\ntags: [fast]\n")

    def again(**chosen: object) -> str:
        return overrides_of(plan.model_copy(update={"scenario": plan.scenario.model_copy(update=chosen)}))

    assert again(arguments={"page_size": "5", "verbose": "true"}, tags=("fast",)) == ""
    chosen = {"page_size": 6, "shops": ("a", "b c"), "token": "${SCENARIO_TOKEN}"}
    assert again(arguments=chosen, tags=("slow",)) == (
        " --argument page_size=6 --argument shops=a --argument 'shops=b c' --argument 'token=${SCENARIO_TOKEN}' --tag slow"
    )
