"""`loadtest validate`: all problems of a project's files at once, with file and line; `loadtest targets suggest`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.cli import main
from tests.support.small_include import build_include, build_schedules


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.delenv("LOADTEST_INCLUDE", raising=False)
    return build_include(tmp_path)


def validate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["validate", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_sound_files_have_no_problems(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(capsys, "scenario", "toy") == (0, "1 looked at, no problems: scenario toy\n")
    code, told = validate(capsys, "profile")
    assert code == 0 and "profile smoke" in told


def test_all_problems_at_once_each_with_its_line(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = include / "profiles/light.yaml"
    profile.write_text(
        "purpose: x\nusers: many\nduration: 1m\n\nabort_when:\n  - {metric: p95_ms, above: 1, for: 1s}\n  - metric: p12\n"
    )
    environment = include / "environments/mine.yaml"
    environment.write_text("purpose: x\nbase_url: nonsense\n")
    targets = include / "scenarios/toy/targets.yaml"
    targets.write_text("endpoints:\n  GET /items:\n    p95_ms: soon\n  GET /items/17:\n    p99: 3\n")
    (include / "scenarios/toy/scenario.yaml").write_text("purpose: x\nlocustfil: a.py\n")
    code, told = validate(capsys)
    lines = told.splitlines()
    assert code == 2
    assert any(line.startswith(f"{profile}:2: users: ") for line in lines)
    assert any(line.startswith(f"{profile}:7: abort_when, item 2") for line in lines)
    assert any(line.startswith(f"{environment}") for line in lines)
    assert any(line.startswith(f"{targets}:3: GET /items, p95_ms") for line in lines)
    assert any(line.startswith(f"{targets}:4: GET /items/17: there is no metric 'p99'") for line in lines)
    assert any("scenarios/toy/scenario.yaml:2: locustfil: " in line for line in lines)
    assert any("scenarios/nobody/" in line for line in lines)


def test_broken_yaml_is_told_with_its_line(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (include / "profiles/light.yaml").write_text("purpose: x\nusers: [\n")
    code, told = validate(capsys, "profile", "light", "--format", "json")
    (problem,) = json.loads(told)
    assert code == 2 and problem["line"] == 3 and "not valid YAML" in problem["message"]


def test_unknown_names_are_refused(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["validate", "profile", "none"])
    assert "Unknown profile 'none'" in capsys.readouterr().err


def test_a_schedule_must_fit_what_it_names(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_schedules(include, good="0 2 * * *", bad="0 2 * *")
    path = include / "schedules/good.yaml"
    assert validate(capsys, "schedule", "good") == (0, "1 looked at, no problems: schedule good\n")
    path.write_text(path.read_text() + "overrides:\n  users: 5000\n")
    code, told = validate(capsys, "schedule")
    assert code == 2 and len(told.splitlines()) == 2
    assert f"{include}/schedules/bad.yaml:4: cron: a cron expression has five fields" in told
    assert f"{path}: 5000 users are more than environment 'healthy' allows" in told


def test_criteria_of_all_scenarios_are_validated_once(include: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (include / "criteria.yaml").write_text("\nmost_errors: often\n")
    code, told = validate(capsys, "scenario", "toy")
    assert code == 2
    assert "criteria.yaml:2: most_errors" in told
