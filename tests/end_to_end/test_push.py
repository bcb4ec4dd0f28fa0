"""Pushes, from a repository with commits to the pull request's comment: what is measured is what was pushed, or nothing is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from loadtest.airflow_api.client import AirflowClient
from loadtest.gate.records.verdicts import Verdict
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome, RunStatus
from tests.builds.repositories import commit, git
from tests.end_to_end.test_trigger import trigger
from tests.notifications.github.github_stub import REPOSITORY, GitHubStub
from tests.support.small_include import TOY

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(400)]

PULL_REQUEST = 7


class Pushed:
    """What a push came to: its verdict, its files, and what GitHub shows."""

    def __init__(self, airflow: AirflowClient, github: GitHubStub, folder: Path, sha: str, *options: str) -> None:
        github.comments.clear()
        github.statuses.clear()
        shutil.rmtree(folder, ignore_errors=True)
        asked = ("--commit", sha, "--repository", REPOSITORY, "--pull-request", str(PULL_REQUEST), "--scenario", "toy")
        self.done = trigger(airflow, *asked, *options, "--wait", "6m", "--download", str(folder))
        run_id = next(run.run_id for run in airflow.list_runs("load_test") if run.run_id.endswith(sha))
        self.folder = RunFolder(type(folder)(airflow.xcom("load_test", run_id, "setup.resolve_plan", "run_folder")))
        self.verdict = Verdict.read(self.folder.verdict)
        self.comment = "\n".join(one["body"] for one in github.issue_comments(PULL_REQUEST))
        self.statuses = {status["sha"]: status for status in github.statuses}


@pytest.fixture
def push(airflow: AirflowClient, github: GitHubStub, tmp_path: Path):
    def pushed(sha: str, *options: str) -> Pushed:
        return Pushed(airflow, github, tmp_path / "results", sha, *options)

    return pushed


def branch(service: Path, name: str, files: dict[str, str]) -> str:
    git(service, "checkout", "-q", "-b", name, "main")
    sha = commit(service, files, name)
    git(service, "checkout", "-q", "main")
    return sha


def test_a_slow_commit_fails_against_main_and_its_pull_request_says_which_endpoint(push, service: Path) -> None:
    slower = TOY.read_text().replace("time.sleep((", 'time.sleep((40 * (self.path == "/items") + ')
    sha = branch(service, "slow", {"toy.py": slower})
    pushed = push(sha, "--environment", "made", "--against", "main", "--branch", "slow")
    assert pushed.verdict.outcome is Outcome.FAIL, pushed.done.stderr
    assert "GET /items" in pushed.verdict.sentence and pushed.verdict.commit == sha
    assert "GET /items" in pushed.comment and git(service, "rev-parse", "main")[:10] in pushed.comment
    assert pushed.statuses[sha]["state"] == "failure"


def test_an_unchanged_commit_is_compared_with_its_merge_base_and_passes(push, service: Path) -> None:
    sha = branch(service, "unchanged", {"README": "words"})
    pushed = push(sha, "--environment", "made", "--branch", "unchanged")
    plan = json.loads(pushed.folder.plan.read_text())
    assert (plan["profile"]["name"], plan["against"]) == ("side_by_side", git(service, "rev-parse", "main"))
    assert pushed.verdict.outcome is Outcome.PASS, pushed.verdict.sentence
    assert pushed.statuses[sha]["state"] == "success"


def test_a_commit_that_cannot_be_built_is_not_run_and_says_why(push, service: Path) -> None:
    sha = branch(service, "unbuildable", {"build.sh": "echo compiling; echo missing libfoo; exit 3"})
    pushed = push(sha, "--environment", "made", "--branch", "unbuildable")
    assert pushed.verdict.status is RunStatus.NOT_RUN and not pushed.folder.attempts()
    assert "missing libfoo" in pushed.verdict.sentence and "missing libfoo" in pushed.comment
    assert pushed.statuses[sha]["state"] == "error" and "not run" in pushed.statuses[sha]["description"]


def test_a_build_that_does_not_start_is_named_and_gets_no_load(push, service: Path) -> None:
    sha = branch(service, "broken", {"toy.py": "raise SystemExit('cannot read my configuration')"})
    pushed = push(sha, "--environment", "made", "--branch", "broken")
    assert "cannot read my configuration" in pushed.verdict.sentence and not pushed.folder.attempts()
    assert "cannot read my configuration" in pushed.comment
    assert pushed.statuses[sha]["state"] != "success"


def test_another_build_than_the_pushed_one_is_deployed(push, service: Path) -> None:
    sha = branch(service, "elsewhere", {"README": "not deployed"})
    pushed = push(sha, "--environment", "deployed", "--profile", "smoke")
    assert pushed.verdict.status is RunStatus.NOT_RUN and not pushed.folder.attempts()
    assert f"Commit {sha} was asked for, but environment deployed runs v1.0" in pushed.verdict.sentence
    assert "runs v1.0" in pushed.comment and pushed.statuses.get(sha, {}).get("state") != "success"
