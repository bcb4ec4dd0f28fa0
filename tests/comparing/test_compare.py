"""`loadtest compare`: which runs are meant, what differs, what is refused, and what each format says."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.cli.app import app
from loadtest.comparing.compare import compare_runs
from loadtest.comparing.models import Standing
from loadtest.comparing.sides import read_side
from loadtest.errors import ConfigurationError
from loadtest.files import FileModel
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.history.record import record_run
from loadtest.pipeline.stages import keep_refused
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from tests.support.run_folders import STARTED_AT, build_run_folder

FIRST, SECOND = "run-first", "run-second"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def two(runs_root: Path) -> tuple[RunFolder, RunFolder]:
    """The second is slower at one endpoint, has another build, and both are in the history."""
    first = build_run_folder(runs_root, outcome="pass", run_id=FIRST, commit=OLD)
    second = build_run_folder(runs_root, outcome="fail", run_id=SECOND, commit=NEW, started_at=STARTED_AT + timedelta(hours=5))
    slower(second)
    for folder in (first, second):
        record_run(folder)
    return first, second


def slower(folder: RunFolder) -> None:
    """Its slow endpoint takes three times as long: no pair of runs without a history sees much less."""
    report = RegressionReport.read(folder.regression_report)
    assert report.summary is not None
    slow = next(one.endpoint for one in report.findings if (one.criterion, one.outcome) == ("regression", "fail"))
    rows = []
    for row in report.summary.endpoints:
        if row.endpoint == slow and row.lm and row.log_p95:
            row = row.model_copy(update={"lm": row.lm + math.log(3), "log_p95": row.log_p95 + math.log(3)})
        rows.append(row)
    summary = report.summary.model_copy(update={"endpoints": tuple(rows)})
    report.model_copy(update={"summary": summary}).write(folder.regression_report)


def changed(folder: RunFolder, **of_profile: object) -> None:
    plan = Plan.read(folder.plan)
    profile = plan.profile.model_copy(update=of_profile)
    plan.model_copy(update={"profile": profile, "digest": "another"}).write(folder.plan)


def loadtest(*arguments: str, columns: int = 80):
    return CliRunner().invoke(app, ["compare", *arguments], env={"COLUMNS": str(columns)})


def test_two_runs_of_one_plan_are_compared(two: tuple[RunFolder, RunFolder]) -> None:
    comparison, _ = compare_runs(FIRST, SECOND)
    assert comparison.comparable and comparison.reasons == ()
    assert [one.name for one in comparison.differences] == ["Build"]
    worst = comparison.endpoints[0]
    assert worst.standing in (Standing.SLOWER, Standing.MAYBE_SLOWER)
    change = worst.change("typical_ms")
    assert change is not None and change.interval is not None
    assert change.interval[0] < change.effect < change.interval[1]
    assert comparison.noise.startswith("noise between runs assumed")


def test_the_order_of_the_arguments_is_the_direction(two: tuple[RunFolder, RunFolder]) -> None:
    there, back = compare_runs(FIRST, SECOND)[0], compare_runs(SECOND, FIRST)[0]
    assert there.endpoints[0].standing in (Standing.SLOWER, Standing.MAYBE_SLOWER)
    assert not back.with_standing(Standing.SLOWER, Standing.MAYBE_SLOWER)


@pytest.mark.parametrize("name", [NEW, NEW[:7], SECOND, "latest"])
def test_a_run_is_found_by_its_build_its_id_and_as_the_latest(two: tuple[RunFolder, RunFolder], name: str) -> None:
    assert compare_runs(FIRST, name)[0].second.run_id == SECOND


def test_a_build_means_its_newest_run(two: tuple[RunFolder, RunFolder], runs_root: Path) -> None:
    newest = build_run_folder(runs_root, run_id="run-third", commit=NEW, started_at=STARTED_AT + timedelta(days=1))
    record_run(newest)
    assert compare_runs(OLD, NEW)[0].second.run_id == "run-third"


def test_of_two_builds_runs_of_the_same_plan_are_chosen(two: tuple[RunFolder, RunFolder], runs_root: Path) -> None:
    other = build_run_folder(
        runs_root, run_id="run-other", commit=NEW, started_at=STARTED_AT + timedelta(days=1), environment="elsewhere"
    )
    changed(other, users=7)
    record_run(other)
    assert compare_runs(OLD, NEW)[0].second.run_id == SECOND


@pytest.mark.parametrize("name", ["nothing", "abcdef1", "../..", ""])
def test_what_cannot_be_found_is_said_in_one_sentence(two: tuple[RunFolder, RunFolder], name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compare_runs(FIRST, name)
    assert "\n" not in str(caught.value)


def test_a_run_is_not_compared_with_itself(two: tuple[RunFolder, RunFolder]) -> None:
    with pytest.raises(ConfigurationError, match="the same run"):
        compare_runs(FIRST, FIRST)


def test_another_load_is_refused_and_named(two: tuple[RunFolder, RunFolder]) -> None:
    changed(two[1], users=99)
    comparison, _ = compare_runs(FIRST, SECOND)
    assert not comparison.comparable
    assert any(reason.startswith("Users: ") and "99" in reason for reason in comparison.reasons)
    assert comparison.differences[0].matters
    assert not comparison.has_effects
    result = loadtest(FIRST, SECOND)
    assert result.exit_code == 3
    assert "cannot be compared" in result.stdout


def test_anyway_shows_effects_and_marks_them(two: tuple[RunFolder, RunFolder]) -> None:
    changed(two[1], users=99)
    comparison, _ = compare_runs(FIRST, SECOND, anyway=True)
    assert comparison.has_effects and comparison.reasons
    result = loadtest(FIRST, SECOND, "--anyway")
    assert result.exit_code == 0
    assert "NOT COMPARABLE" in result.stdout and "For what it is worth" in result.stdout


def test_an_invalid_run_is_not_compared(runs_root: Path, two: tuple[RunFolder, RunFolder]) -> None:
    build_run_folder(runs_root, outcome="invalid", run_id="run-invalid")
    comparison, _ = compare_runs(FIRST, "run-invalid")
    assert any("run-invalid is invalid" in reason for reason in comparison.reasons)


def test_a_run_whose_folder_is_gone_is_compared_from_the_history(two: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    Path(str(two[0].path)).rename(tmp_path / "gone")
    comparison, _ = compare_runs(FIRST, SECOND)
    assert comparison.first.run_id == FIRST and comparison.has_effects
    assert any("folder of a run is gone" in note for note in comparison.notes)


def test_a_run_without_measurements_says_why(two: tuple[RunFolder, RunFolder]) -> None:
    Path(str(two[1].metrics)).unlink()
    with pytest.raises(ConfigurationError, match="no measurements to compare"):
        compare_runs(FIRST, SECOND)


def test_the_table_fits_eighty_columns_and_the_exit_code_says_slower(two: tuple[RunFolder, RunFolder]) -> None:
    result = loadtest(FIRST, SECOND)
    assert max(len(line) for line in result.stdout.splitlines() if "loadtest " not in line) <= 80
    comparison, _ = compare_runs(FIRST, SECOND)
    assert result.exit_code == (1 if comparison.with_standing(Standing.SLOWER) else 0)
    assert "90 % interval" in result.stdout and "One run a side" in result.stdout


def test_each_format_goes_to_a_file_too(two: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    for name in ("text", "html", "markdown", "json"):
        path = tmp_path / f"comparison.{name}"
        assert loadtest(FIRST, SECOND, "--format", name, "--output", str(path)).exit_code in (0, 1)
        assert SECOND in path.read_text() or name in ("text", "markdown")
    data = json.loads((tmp_path / "comparison.json").read_text())
    assert data["second"]["run_id"] == SECOND and data["reasons"] == []


def test_a_place_that_cannot_be_written_is_one_sentence(two: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    result = loadtest(FIRST, SECOND, "--format", "json", "--output", str(tmp_path))
    assert isinstance(result.exception, ConfigurationError)


def test_hostile_names_stay_text(runs_root: Path) -> None:
    for number, name in enumerate((FIRST, SECOND)):
        build_run_folder(runs_root, run_id=name, hostile=True, started_at=STARTED_AT + timedelta(hours=number))
    page = loadtest(FIRST, SECOND, "--format", "html").stdout
    assert "<script>alert" not in page and "<img src=x" not in page
    text = loadtest(FIRST, SECOND).stdout
    assert "\x1b]" not in text
    markdown = loadtest(FIRST, SECOND, "--format", "markdown").stdout
    assert not [line for line in markdown.splitlines() if "<" in line.split("`")[0]]


def test_the_model_reads_what_it_writes(two: tuple[RunFolder, RunFolder]) -> None:
    comparison, _ = compare_runs(FIRST, SECOND)
    assert isinstance(comparison, FileModel)
    assert type(comparison).parse(comparison.model_dump_json(), "x") == comparison


def test_a_refused_request_can_be_shown(runs_root: Path) -> None:
    folder = keep_refused(
        "load_test-manual__1", {"scenario": "shop", "users": "-3"}, "users must be at least 1, not -3", settings()
    )
    for name in (folder.run_id, "load_test-manual__1", str(folder.path)):
        result = CliRunner().invoke(app, ["show", name], env={"COLUMNS": "80"})
        assert result.exit_code == 0
        assert "NOT RUN  Users must be at least 1, not -3" in result.stdout
    with pytest.raises(ConfigurationError, match="no measurements to compare: not run: users must"):
        read_side(folder)
