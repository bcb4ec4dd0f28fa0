"""A suspicion against the baseline, measured again side by side with the baseline's build: real git, real backends, real load."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from loadtest.baselines.models import Candidate
from loadtest.baselines.promotion import promote
from loadtest.gate.decide import summarize
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.pipeline.stages import Outcome as RunOutcome
from loadtest.pipeline.stages import run_once
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.builds.repositories import commit, git, new_repository
from tests.support.small_include import TOY, build_include, write

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

SLOW = TOY.read_text().replace("time.sleep((", 'time.sleep((40 * (self.path == "/items") + ')


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    include = build_include(tmp_path, duration="8s")
    command = [sys.executable, "toy.py", "{port}", "--delay-ms", "10"]
    backend = {"command": command, "working_dir": ".", "start_timeout": "5s"}
    write(include / "environments/made.yaml", {"backend": backend, "builds": {"repository": "service"}, "health_timeout": "3s"})
    profile = {"purpose": "test", "users": 2, "spawn_rate": 2, "duration": "36s", "host_probe": False}
    write(include / "profiles/side_by_side.yaml", profile)
    folder = new_repository(tmp_path / "service")
    commit(folder, {"toy.py": TOY.read_text()})
    return folder


def measured(sha: str, confirm: bool = True) -> RunOutcome:
    trigger = Trigger(kind=TriggerKind.MANUAL, commit=sha)
    return run_once(Request(scenario="toy", environment="made", profile="light", trigger=trigger), settings(), confirm=confirm)


def baseline_of(sha: str, **changes: object) -> None:
    """Eight runs of a week, made of one that was measured."""
    summary = summarize(measured(sha, confirm=False).folder)
    assert summary is not None
    runs = tuple(
        summary.model_copy(
            update={"run_id": f"earlier-{number}", "started_at": summary.started_at - timedelta(days=8 - number), **changes}
        )
        for number in range(8)
    )
    promote(Candidate(scenario="toy", environment="made", profile="light", runs=runs), by="ada", reason="the first")


def test_a_slower_build_is_confirmed_against_the_baselines_build(service: Path) -> None:
    base = git(service, "rev-parse", "main")
    baseline_of(base)
    outcome = measured(commit(service, {"toy.py": SLOW}))

    report = RegressionReport.read(outcome.folder.regression_report)
    assert report.confirmation_runs == (outcome.folder.confirmation(1).run_id,)
    assert (report.comparison.confirmed_against, report.comparison.candidate_runs) == (base, 1)
    assert outcome.verdict.outcome is Outcome.FAIL
    assert (
        f"base {base[:10]}" in outcome.verdict.sentence
        and "confirms the suspicion against the baseline" in outcome.verdict.sentence
    )
    assert "measured again side by side" in outcome.folder.report.read_text()


def test_where_the_baselines_build_is_unknown_further_runs_confirm_and_the_report_says_why(service: Path) -> None:
    baseline_of(git(service, "rev-parse", "main"), commit="0" * 40)
    outcome = measured(commit(service, {"toy.py": SLOW}))

    assert outcome.verdict.outcome in (Outcome.WARN, Outcome.FAIL)  # on a busy host a single run is no sure failure
    confirmation = Plan.read(outcome.folder.confirmation(1).plan)
    assert confirmation.against is None and "is not in the repository" in confirmation.not_side_by_side
    assert outcome.verdict.comparison is not None
    assert "Confirmed by further runs and not side by side" in outcome.verdict.comparison.reason
