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
