"""What people see in Slack over several runs, against a server that refuses what Slack refuses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk import WebClient
from upath import UPath

from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.delivery import Channels, deliver
from loadtest.notifications.policy.models import DeliveryStatus, Links, NotificationConfig
from loadtest.notifications.slack.delivery import SlackBot, SlackWebhook
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from tests.notifications.conftest import QUICK
from tests.notifications.http_server import Answer
from tests.notifications.slack.slack_stub import SlackStub, shown
from tests.support.reading import repeated
from tests.support.run_folders import STARTED_AT, build_run_folder

LINKS = Links(
    report="https://airflow.example/loadtest/runs/r/files/report.html", airflow="https://airflow.example/dags/load_test"
)


def run(runs_root: Path, number: int, outcome: str, **options) -> RunFolder:
    return build_run_folder(
        runs_root, outcome=outcome, run_id=f"run-{number}", started_at=STARTED_AT + timedelta(hours=number), **options
    )


def test_regressed_still_regressed_recovered_is_one_thread(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    for number, outcome in enumerate(["pass", "fail", "fail", "fail", "pass", "pass"]):
        report = deliver(run(runs_root, number, outcome), Channels(slack=bot), links=LINKS)
        assert not report.undelivered

    assert len(slack.roots) == 1
    root = slack.roots[0]
    assert "Over" in shown(root)  # the alert itself says that it is over
    replies = slack.replies(root["ts"])
    assert len(replies) == 2  # seen again (once, not on every run), and well again
    assert "seen in 2 runs" in shown(replies[0])
    assert "well again" in shown(replies[1])
    assert root["channel"] == "#perf"


def test_alert_names_what_is_wrong_what_to_do_and_where_to_look(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    folder = run(runs_root, 1, "fail")
    deliver(folder, Channels(slack=bot), links=LINKS)
    verdict = Verdict.read(folder.verdict)
    text = shown(slack.roots[0])
    assert text.count("GET /api/v1/students/{id} p95 24.1 → 31.6 ms, +31 % (+14 to +50 %)") == 1
    assert repeated(text.splitlines()) == []
    assert verdict.recommendations[0].title in text
    assert LINKS.report in text and LINKS.airflow in text
    kinds = [block["type"] for block in slack.roots[0]["blocks"]]
    assert kinds[0] == "header" and "section" in kinds and kinds[-2:] == ["actions", "context"]


def test_a_repeated_call_posts_nothing_twice(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    folder = run(runs_root, 1, "fail")
    deliver(folder, Channels(slack=bot))
    before = len(slack.requests)
    report = deliver(folder, Channels(slack=bot))
    assert len(slack.requests) == before
    assert [one.status for one in report.deliveries if one.action.channel == "slack"] == [DeliveryStatus.DELIVERED]


def test_a_webhook_repeats_only_on_change(runs_root: Path, slack: SlackStub, webhook: SlackWebhook) -> None:
    for number, outcome in enumerate(["fail", "fail", "fail", "warn", "pass"]):
        deliver(run(runs_root, number, outcome), Channels(slack=webhook))
    texts = [shown(one) for one in slack.webhook_messages]
    assert len(texts) == 3  # the alert, that it became a warning, that it is over
    assert "changed in run 4" in texts[1]
    assert "well again" in texts[2]
    assert all("thread_ts" not in one for one in slack.webhook_messages)


def test_warn_that_becomes_a_failure_is_shown_in_the_channel(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "warn"), Channels(slack=bot))
    deliver(run(runs_root, 2, "fail"), Channels(slack=bot))
    reply = slack.replies(slack.roots[0]["ts"])[0]
    assert reply["reply_broadcast"] is True and "worse in run 2" in shown(reply)


def test_warnings_can_be_switched_off(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "warn"), Channels(slack=bot), NotificationConfig(warn_alerts=False))
    assert slack.requests == []


@pytest.mark.parametrize("outcome", ["pass", "inconclusive", None])
def test_other_outcomes_alarm_nobody(runs_root: Path, slack: SlackStub, bot: SlackBot, outcome: str | None) -> None:
    deliver(run(runs_root, 1, outcome), Channels(slack=bot))
    assert slack.requests == []


def test_inconclusive_and_invalid_runs_end_no_regression(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    for number, outcome in enumerate(["fail", "inconclusive", "invalid"]):
        deliver(run(runs_root, number, outcome), Channels(slack=bot))
    regression, invalid = slack.roots
    assert slack.replies(regression["ts"]) == []
    assert "Invalid" in shown(invalid)
    deliver(run(runs_root, 4, "pass"), Channels(slack=bot))
    assert "well again" in shown(slack.replies(regression["ts"])[0])
    assert "valid again" in shown(slack.replies(invalid["ts"])[0])


def test_another_profile_says_nothing_about_a_regression(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "fail", profile="medium"), Channels(slack=bot))
    deliver(run(runs_root, 2, "pass", profile="smoke"), Channels(slack=bot))
    assert len(slack.messages) == 1


def test_a_pull_request_has_its_own_thread(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "fail"), Channels(slack=bot))
    deliver(run(runs_root, 2, "fail", pull_request=7, branch="feature"), Channels(slack=bot))
    assert len(slack.roots) == 2 and "pull request 7" in shown(slack.roots[1])
    deliver(run(runs_root, 3, "pass"), Channels(slack=bot))
    assert slack.replies(slack.roots[1]["ts"]) == []  # main is well, the pull request is not


def test_no_connection_is_no_error(runs_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    report = deliver(run(runs_root, 1, "fail"), Channels())
    assert not report.undelivered and not report.problems
    assert "No slack connection" in caplog.text


def test_hostile_texts_come_out_harmless(runs_root: Path, slack: SlackStub, bot: SlackBot, webhook: SlackWebhook) -> None:
    """The stub refuses text that is not escaped, too long or would ping somebody."""
    for number, sender in enumerate((bot, webhook)):
        folder = run(runs_root, number, "fail", hostile=True, branch="<!channel> *b* @here " + "x" * 5_000, scenario=f"s{number}")
        report = deliver(folder, Channels(slack=sender), links=Links(report="javascript:alert(1)", airflow="https://a b"))
        assert not report.problems
    for message in (*slack.messages, *slack.webhook_messages):
        assert "\u202e" not in shown(message) and "\x1b" not in shown(message)
        assert "actions" not in [block["type"] for block in message["blocks"]]


def test_hundreds_of_findings_fit(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    names = [f"GET /api/v1/{'x' * 900}/{number}" for number in range(300)]
    folder = run(runs_root, 1, "fail", endpoints=names)
    verdict = Verdict.read(folder.verdict)
    worst = next(finding for finding in verdict.findings if finding.outcome == "fail")
    many = tuple(worst.model_copy(update={"endpoint": name, "sentence": f"{name} p95 +31 %"}) for name in names)
    verdict.model_copy(update={"findings": many}).write(folder.verdict)
    assert not deliver(folder, Channels(slack=bot)).problems
    assert "and 295 more" in shown(slack.roots[0])


def test_an_alert_that_somebody_removed_does_not_stop_the_news(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "fail"), Channels(slack=bot))
    slack.messages.clear()
    report = deliver(run(runs_root, 2, "pass"), Channels(slack=bot))
    assert not report.problems
    assert "well again" in shown(slack.roots[0])


def test_too_many_requests_is_obeyed_and_then_delivered(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    slack.trouble.append(Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"}))
    report = deliver(run(runs_root, 1, "fail"), Channels(slack=bot))
    assert not report.undelivered and len(slack.roots) == 1


def test_a_wait_beyond_the_bound_is_left_to_the_tasks_retry(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    slack.trouble.append(Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "3600"}))
    folder = run(runs_root, 1, "fail")
    report = deliver(folder, Channels(slack=bot))
    assert len(slack.requests) == 1
    assert "429" in report.sentence and report.undelivered
    assert not deliver(folder, Channels(slack=bot)).undelivered
    assert len(slack.roots) == 1


GARBAGE = [
    Answer(500, b"<html>oops</html>", {"Content-Type": "text/html"}),
    Answer(503, {"ok": False, "error": "service_unavailable"}),
    Answer(200, b"<html>a captive portal</html>", {"Content-Type": "text/html"}),
    Answer(200, b"[1, 2"),
    Answer(200, [1, 2]),
    Answer(200, {"ok": "maybe"}),
    Answer(200, b"\xff\xfe\x00"),
    Answer(hang=True),
]


@pytest.mark.parametrize("answer", GARBAGE, ids=str)
@pytest.mark.parametrize("kind", ["bot", "webhook"])
def test_trouble_hurts_nothing_and_the_message_comes_later(
    runs_root: Path, slack: SlackStub, kind: str, answer: Answer, request: pytest.FixtureRequest
) -> None:
    sender = request.getfixturevalue(kind)
    folder = run(runs_root, 1, "fail")
    verdict = folder.verdict.read_bytes()
    slack.trouble.extend([answer] * 3)
    first = deliver(folder, Channels(slack=sender))
    slack.trouble.clear()
    if first.undelivered:
        assert first.problems[0].detail  # visible: in deliveries.json, the log and the report
        assert not deliver(folder, Channels(slack=sender)).undelivered
    assert len(slack.roots) + len(slack.webhook_messages) == 1
    assert folder.verdict.read_bytes() == verdict


def test_a_receiver_that_is_down_is_told_later(runs_root: Path, tmp_path: Path, slack: SlackStub, bot: SlackBot) -> None:
    nobody = SlackBot(WebClient(token="x", base_url="http://127.0.0.1:9/api/", timeout=1, retry_handlers=[]), "#perf", QUICK)
    folder = run(runs_root, 1, "fail")
    report = deliver(folder, Channels(slack=nobody))
    assert "cannot be reached" in report.sentence
    # the next run comes before the retry: it tells the story from the start, and the late retry adds nothing
    deliver(run(runs_root, 2, "fail"), Channels(slack=bot))
    late = deliver(folder, Channels(slack=bot))
    assert len(slack.messages) == 1 and not late.undelivered


def test_a_recovery_from_what_nobody_was_told_is_not_told(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    deliver(run(runs_root, 1, "fail"), Channels())
    deliver(run(runs_root, 2, "pass"), Channels(slack=bot))
    assert slack.requests == []


def test_an_answer_lost_after_the_post_leads_to_no_second_post(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    """The server takes the message, the answer never comes; the retry looks for the message before it posts."""
    posted = slack.handle

    def takes_and_hangs(request):
        posted(request)
        return Answer(hang=True)

    slack.handle = takes_and_hangs
    folder = run(runs_root, 1, "fail")
    assert deliver(folder, Channels(slack=bot)).undelivered
    slack.handle = posted
    assert not deliver(folder, Channels(slack=bot)).undelivered
    assert len(slack.roots) == 1
    deliver(run(runs_root, 2, "pass"), Channels(slack=bot))
    assert len(slack.replies(slack.roots[0]["ts"])) == 1  # and its thread is known


def test_refusals_say_what_to_do_and_are_not_repeated(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    slack.trouble.append(Answer(200, {"ok": False, "error": "channel_not_found"}))
    folder = run(runs_root, 1, "fail")
    report = deliver(folder, Channels(slack=bot))
    assert "invite the bot" in report.sentence and not report.undelivered
    assert len(slack.requests) == 1


def test_no_secret_in_what_is_kept_or_logged(
    runs_root: Path, slack: SlackStub, webhook: SlackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    slack.trouble.extend([Answer(500, b"no")] * 3)
    folder = run(runs_root, 1, "fail")
    deliver(folder, Channels(slack=webhook))
    assert "secret" not in caplog.text and "secret" not in folder.deliveries.read_text()


def test_a_slow_down_on_purpose_is_not_taken_for_a_regression(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    folder = run(runs_root, 1, "fail")
    slowed = Plan.read(folder.plan).model_copy(update={"slowdown": "GET /api/v1/courses=+400ms"})
    slowed.write(folder.plan)
    deliver(folder, Channels(slack=bot))
    assert "on purpose: GET /api/v1/courses=+400ms" in shown(slack.roots[0])


def test_runs_on_object_storage_are_told_too(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    for number, outcome in enumerate(["fail", "pass"]):
        local = run(runs_root, number, outcome)
        remote = RunFolder(UPath(f"memory://told-runs/example/staging/medium/run-{number}"))
        for name in ("verdict", "plan"):
            getattr(remote, name).parent.mkdir(parents=True, exist_ok=True)
            getattr(remote, name).write_bytes(getattr(local, name).read_bytes())
        assert not deliver(remote, Channels(slack=bot)).problems
        assert not deliver(remote, Channels(slack=bot)).problems
    assert len(slack.roots) == 1 and len(slack.replies(slack.roots[0]["ts"])) == 1
    assert (UPath("memory://told-runs") / "_alerts/example/staging.json").exists()
