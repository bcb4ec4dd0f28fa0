"""Criteria that all scenarios share, in include/criteria.yaml, under those of a scenario of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.planning.config import load_scenario
from loadtest.settings import settings
from tests.support.small_include import build_include


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.delenv("LOADTEST_INCLUDE", raising=False)
    return build_include(tmp_path)


def test_a_scenario_s_own_criteria_stand_over_those_of_all(include: Path) -> None:
    (include / "criteria.yaml").write_text("most_errors: 2%\nleast_effect: 8%\n")
    (include / "scenarios/toy/criteria.yaml").write_text("least_effect: 10%\nendpoints: {GET /a: {critical: true}}\n")
    criteria = load_scenario(settings(), "toy").criteria
    assert (criteria.most_errors, criteria.least_effect, criteria.false_alarm_level) == (0.02, 0.10, 0.003)
    assert criteria.endpoints["GET /a"].critical


def test_without_files_the_defaults_hold(include: Path) -> None:
    (include / "scenarios/toy/criteria.yaml").unlink(missing_ok=True)
    assert load_scenario(settings(), "toy").criteria.most_errors == 0.05


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("most_errors: 200%\n", "criteria.yaml: most_errors: this must be less than 1 (got 2.0)."),
        ("most_error: 2%\n", "criteria.yaml: most_error: unknown key"),
        ("muted: []\n", "criteria.yaml: muted can only be said of one scenario; write it into its own criteria.yaml."),
        ("- 5%\n", "mapping"),
    ],
)
def test_what_cannot_be_said_of_all_scenarios_is_refused(include: Path, text: str, words: str) -> None:
    (include / "criteria.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_scenario(settings(), "toy")
    assert words in str(refused.value) and str(include / "criteria.yaml") in str(refused.value)
