"""What happens on GitHub over several runs, each request held against GitHub's OpenAPI description."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from github import Auth, Github

from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.delivery import Channels, deliver
from loadtest.notifications.github import delivery as github_delivery
from loadtest.notifications.github.baseline import propose_baseline
from loadtest.notifications.github.delivery import GitHubSender, connect
from loadtest.notifications.policy.models import Links, NotificationConfig
from loadtest.notifications.policy.retrying import RetryPolicy
from loadtest.run_folder import RunFolder
from tests.notifications.conftest import QUICK
from tests.notifications.github.github_stub import REPOSITORY, GitHubStub
from tests.notifications.http_server import Answer
from tests.support.reading import repeated
from tests.support.run_folders import ENDPOINTS, STARTED_AT, build_run_folder

LINKS = Links(
    report="https://airflow.example/loadtest/runs/r/files/report.html", airflow="https://airflow.example/dags/load_test"
)
TEAM = NotificationConfig(assignees=("ada", "example-org/performance"), labels=("performance", "backend"))


def run(runs_root: Path, number: int, outcome: str | None, **options) -> RunFolder:
    return build_run_folder(
        runs_root, outcome=outcome, run_id=f"run-{number}", started_at=STARTED_AT + timedelta(hours=number), **options
    )


def tell(runs_root: Path, sender: GitHubSender, outcomes: list[str], **options) -> None:
    for number, outcome in enumerate(outcomes):
        report = deliver(run(runs_root, number, outcome, **options), Channels(github=sender), TEAM, links=LINKS)
        assert not report.undelivered and not report.problems, report.sentence


def test_regressed_still_regressed_recovered_is_one_issue_closed(
    runs_root: Path, github: GitHubStub, sender: GitHubSender
) -> None:
    tell(runs_root, sender, ["pass", "fail", "fail", "fail", "pass", "pass"])
    (issue,) = github.regression_issues
    assert issue["state"] == "closed" and issue["state_reason"] == "completed"
    assert {label["name"] for label in issue["labels"]} == {"load-test-regression", "performance", "backend"}
    assert [person["login"] for person in issue["assignees"]] == ["ada"]
    assert "@example-org/performance" in issue["body"]  # a team cannot be assigned, so it is mentioned
    assert ENDPOINTS[1] in issue["title"] and "seen in 3 runs" in issue["body"]
    again, closing = (one["body"] for one in github.issue_comments(issue["number"]))
    assert "seen in 2 runs" in again and "well again" in closing


def test_an_issue_and_a_comment_tell_a_regression_once_and_in_short(
    runs_root: Path, github: GitHubStub, sender: GitHubSender
) -> None:
    tell(runs_root, sender, ["fail"])
    tell(runs_root / "branch", sender, ["fail"], pull_request=7, branch="feature")
    (issue,) = github.regression_issues
    (comment,) = github.issue_comments(7)
    for body in (issue["body"], comment["body"]):
        assert body.count("p95 24.1 → 31.6 ms, +31 % (+14 to +50 %)") == 1
        assert repeated(re.split(r"(?<=[.!?])\s+|\n", body)) == []


def test_a_warning_opens_no_issue_until_it_fails(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    tell(runs_root, sender, ["warn", "warn"])
    assert github.regression_issues == []
    deliver(run(runs_root, 5, "fail"), Channels(github=sender), TEAM)
    assert len(github.regression_issues) == 1


def test_the_same_endpoints_again_reopen_their_issue(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    tell(runs_root, sender, ["fail", "pass", "fail"])
    (issue,) = github.regression_issues
    assert issue["state"] == "open"
    assert "Back again" in github.issue_comments(issue["number"])[-1]["body"]


def test_a_lost_alert_state_finds_its_issue_by_the_marker(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    github._page_size = 2
    for number in range(100, 105):
        github.issues[number] = {
            "number": number,
            "state": "open",
            "title": "other",
            "body": "x",
            "labels": [{"name": "load-test-regression"}],
        }
    tell(runs_root, sender, ["fail"])
    (runs_root / "_alerts/example/staging.json").write_text("{ not json")
    deliver(run(runs_root, 9, "fail"), Channels(github=sender), TEAM)
    assert len([one for one in github.regression_issues if one["title"] != "other"]) == 1
    assert (runs_root / "_alerts/example/staging.json.damaged").exists()


def test_an_issue_that_a_person_closed_stays_closed(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    tell(runs_root, sender, ["fail"])
    (issue,) = github.regression_issues
    issue["state"] = "closed"
    deliver(run(runs_root, 5, "fail"), Channels(github=sender), TEAM)
    assert issue["state"] == "closed"


def test_somebody_who_cannot_be_assigned_does_not_keep_the_issue_back(
    runs_root: Path, github: GitHubStub, sender: GitHubSender
) -> None:
    github._assignable = ()
    tell(runs_root, sender, ["fail"])
    assert len(github.regression_issues) == 1


def test_a_pull_request_has_one_comment_edited_in_place_and_no_issue(
    runs_root: Path, github: GitHubStub, sender: GitHubSender
) -> None:
    tell(runs_root, sender, ["fail", "fail", "pass"], pull_request=7, branch="feature")
    (comment,) = github.issue_comments(7)
    verdict = Verdict.read(run(runs_root, 2, "pass", pull_request=7, branch="feature").verdict)
    assert "✓ Pass" in comment["body"] and "run-2" in comment["body"]
    assert verdict.commit[:10] in comment["body"]
    assert github.regression_issues == []


def test_the_comment_is_found_again_without_any_state(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    tell(runs_root, sender, ["fail"], pull_request=7, branch="feature")
    (runs_root / "_alerts/example/staging.json").unlink()
    deliver(run(runs_root, 5, "pass", pull_request=7, branch="feature"), Channels(github=sender), TEAM)
    (comment,) = github.issue_comments(7)
    assert "run-5" in comment["body"]


def test_a_comment_that_is_not_ours_to_edit_is_left_alone(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    tell(runs_root, sender, ["fail"], pull_request=7, branch="feature")
    (comment,) = github.issue_comments(7)
    del github.comments[comment["id"]]
    deliver(run(runs_root, 5, "pass", pull_request=7, branch="feature"), Channels(github=sender), TEAM)
    assert len(github.issue_comments(7)) == 1


def test_the_summary_of_the_run_is_the_comment(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    folder = run(runs_root, 1, "fail", pull_request=7)
    folder.summary.write_text("## One voice\n\n" + "words " * 30_000)
    deliver(folder, Channels(github=sender), TEAM, links=LINKS)
    (comment,) = github.issue_comments(7)
    assert "## One voice" in comment["body"] and LINKS.report in comment["body"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("pass", "success"),
        ("warn", "success"),
        ("inconclusive", "success"),
        ("fail", "failure"),
        ("invalid", "error"),
        (None, "error"),
    ],
)
def test_the_commit_has_a_status(
    runs_root: Path, github: GitHubStub, sender: GitHubSender, outcome: str | None, state: str
) -> None:
    tell(runs_root, sender, [outcome])
    (status,) = github.statuses
    assert status["state"] == state and status["context"] == "loadtest/example/staging/medium"
    assert status["target_url"] == LINKS.report


def test_a_short_commit_gets_no_status_and_says_why(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    report = deliver(run(runs_root, 1, "pass", commit="6a1d209"), Channels(github=sender))
    assert report.deliveries[0].detail == "6a1d209 is not a full commit hash"
    assert github.requests == []


def test_a_refused_push_is_said_on_its_commit(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    folder = build_run_folder(runs_root, refused="profile enormous does not exist", run_id="load_test-push__x__y", commit=None)
    refused = Verdict.read(folder.verdict)
    refused.model_copy(
        update={"commit": None, "repository": None, "branch": None, "scenario": "../../up", "profile": "None"}
    ).write(folder.verdict)
    request = {"commit": "c" * 40, "repository": REPOSITORY, "pull_request": "7", "branch": "None"}
    folder.request.write_text(json.dumps(request))
    assert not deliver(folder, Channels(github=sender)).problems
    (status,) = github.statuses
    assert status["state"] == "error" and "enormous" in status["description"] and status["sha"] == "c" * 40
    assert "enormous" in github.issue_comments(7)[0]["body"]
    assert sorted(path.name for path in (runs_root / "_alerts").rglob("*.json")) == ["_refused.json"]
    folder.deliveries.unlink()
    folder.request.write_text("[1")  # damaged: nobody is told, nothing fails
    assert deliver(folder, Channels(github=sender)).deliveries == ()


def test_a_retry_does_nothing_twice(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    folder = run(runs_root, 1, "fail", pull_request=7, branch="main")
    deliver(folder, Channels(github=sender), TEAM)
    before = len(github.requests)
    deliver(folder, Channels(github=sender), TEAM)
    assert len(github.requests) == before


def test_an_answer_lost_after_the_issue_was_opened_opens_no_second_one(
    runs_root: Path, github: GitHubStub, sender: GitHubSender
) -> None:
    usual = github.handle

    def loses_creations(request):
        answer = usual(request)
        return Answer(502, b"<html>bad gateway</html>") if request.method == "POST" else answer

    github.handle = loses_creations
    folder = run(runs_root, 1, "fail", pull_request=None)
    only_issues = TEAM.model_copy(update={"commit_statuses": False})
    report = deliver(folder, Channels(github=sender), only_issues)
    github.handle = usual
    assert len(github.regression_issues) == 1
    deliver(folder, Channels(github=sender), only_issues)
    assert len(github.regression_issues) == 1
    assert not [one for one in report.deliveries if one.action.kind == "issue" and one.status != "delivered"]


def test_a_github_that_is_down_is_tried_for_one_message_only(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    github.trouble.extend([Answer(500, {"message": "no"})] * 50)
    report = deliver(run(runs_root, 1, "fail", pull_request=7, branch="main"), Channels(github=sender), TEAM)
    assert len(github.requests) == QUICK.tries and len(report.undelivered) == 2


TROUBLE = [
    Answer(500, {"message": "Server Error"}),
    Answer(502, b"<html>bad gateway</html>"),
    Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "3600"}),
    Answer(429, {"message": "slow down"}, {"Retry-After": "0"}),
    Answer(403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}),
    Answer(200, b"<html>a captive portal</html>"),
    Answer(200, b"[{"),
    Answer(200, [1, "x"]),
    Answer(500, [1]),
]


@pytest.mark.parametrize("answer", TROUBLE, ids=str)
def test_trouble_hurts_nothing_and_it_is_done_later(
    runs_root: Path, github: GitHubStub, sender: GitHubSender, answer: Answer
) -> None:
    folder = run(runs_root, 1, "fail", pull_request=None)
    verdict = folder.verdict.read_bytes()
    github.trouble.extend([answer] * 9)
    report = deliver(folder, Channels(github=sender), TEAM)
    assert not any(one.status == "refused" for one in report.deliveries)
    github.trouble.clear()
    assert not deliver(folder, Channels(github=sender), TEAM).undelivered
    assert len(github.regression_issues) == 1
    assert folder.verdict.read_bytes() == verdict


def test_nobody_there_and_no_answer(runs_root: Path, github: GitHubStub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(runs_root, 1, "fail")
    nobody = GitHubSender(connect(Auth.Token("x"), "http://127.0.0.1:9", pause_s=0), QUICK)
    assert "does not answer" in deliver(folder, Channels(github=nobody), TEAM).sentence
    monkeypatch.setattr(github_delivery, "TIMEOUT_S", 1)
    github.trouble.extend([Answer(hang=True)] * 2)
    slow = GitHubSender(connect(Auth.Token("ghp_test"), github.url, pause_s=0), RetryPolicy(tries=1))
    assert "does not answer" in deliver(folder, Channels(github=slow), TEAM).sentence


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {"message": "Bad credentials"}), "token"),
        (Answer(404, {"message": "Not Found"}), "check the repository"),
        (Answer(403, {"message": "Resource not accessible by integration"}), "may not"),
        (Answer(422, {"message": "No commit found for SHA"}), "No commit found"),
    ],
    ids=str,
)
def test_refusals_say_what_to_do(runs_root: Path, github: GitHubStub, sender: GitHubSender, answer: Answer, words: str) -> None:
    github.trouble.append(answer)
    report = deliver(run(runs_root, 1, "pass"), Channels(github=sender))
    assert words in report.sentence and not report.undelivered and len(github.requests) == 1


def test_a_repository_that_is_none(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    report = deliver(run(runs_root, 1, "fail", repository="../../user"), Channels(github=sender))
    assert "owner/name" in report.sentence and github.requests == []


def test_hostile_texts_come_out_harmless(runs_root: Path, github: GitHubStub, sender: GitHubSender) -> None:
    report = deliver(run(runs_root, 1, "fail", hostile=True, branch="main"), Channels(github=sender), TEAM, links=LINKS)
    report2 = deliver(
        run(runs_root, 2, "fail", hostile=True, pull_request=7), Channels(github=sender), links=Links(report="javascript:x")
    )
    assert not report.problems and not report2.problems
    text = github.regression_issues[0]["body"] + github.issue_comments(7)[0]["body"]
    without_code = "".join(text.split("`")[::2])
    assert "<script" not in without_code and "](javascript" not in without_code and "\u202e" not in text


def test_a_promoted_baseline_becomes_one_pull_request(github: GitHubStub, github_client: Github) -> None:
    wanted = {"path": "include/baselines/student_api/staging/medium.json", "name": "student_api/staging/medium", "by": "ada"}
    first = propose_baseline(github_client, REPOSITORY, content="{}", reason="after the new index", policy=QUICK, **wanted)
    second = propose_baseline(github_client, REPOSITORY, content='{"v": 2}', reason="again", policy=QUICK, **wanted)
    assert first == second and len(github.pulls) == 1
    assert github.files[("loadtest-baseline/student-api-staging-medium", wanted["path"])] == '{"v": 2}'
    with pytest.raises(ConfigurationError):
        propose_baseline(github_client, REPOSITORY, content="{}", reason="x", policy=QUICK, **wanted | {"path": "../x.json"})
