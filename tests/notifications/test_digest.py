"""The weekly digest: what ran, what is open, what got well; once a week."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from loadtest.notifications.delivery import Channels, deliver
from loadtest.notifications.digest import collect, tell_weekly_digest
from loadtest.notifications.pipeline_alerts import PipelineAlerts
from loadtest.notifications.slack.delivery import SlackBot
from tests.notifications.slack.slack_stub import SlackStub, shown
from tests.support.run_folders import ENDPOINTS, STARTED_AT, build_run_folder

NOW = STARTED_AT + timedelta(hours=1)


def week(runs_root: Path) -> None:
    """Two open regressions, one that got well, an old run and a confirmation run that must not count."""
    for number, (days, outcome, scenario) in enumerate(
        [(20, "fail", "old"), (6, "fail", "example"), (5, "pass", "example"), (4, "fail", "example"), (3, "invalid", "checkout")]
    ):
        started = STARTED_AT - timedelta(days=days)
        folder = build_run_folder(runs_root, outcome=outcome, run_id=f"run-{number}", scenario=scenario, started_at=started)
        deliver(folder, Channels(), now=started)
    build_run_folder(runs_root, outcome="fail", run_id="run-1-confirm-1", started_at=STARTED_AT - timedelta(days=6))


def test_the_week_in_one_message_once(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    week(runs_root)
    alerts = PipelineAlerts(runs_root, bot)
    assert tell_weekly_digest(runs_root, alerts, now=NOW, dashboard="https://airflow.example/loadtest/") is True
    assert tell_weekly_digest(runs_root, alerts, now=NOW + timedelta(hours=3)) is False
    (message,) = slack.messages
    text = shown(message)
    assert "4 runs: 1 pass, 2 fail, 1 invalid." in text
    assert "example / staging / medium (3)" in text and "checkout / staging / medium (1)" in text
    assert f"example on staging: {ENDPOINTS[1]}" in text
    assert tell_weekly_digest(runs_root, alerts, now=NOW + timedelta(days=7)) is True


def test_open_and_ended(runs_root: Path) -> None:
    week(runs_root)
    digest = collect(runs_root, NOW)
    assert [place for place, _ in digest.open] == ["example on staging", "old on staging"]
    assert [place for place, _ in digest.ended] == ["example on staging"]


def test_a_quiet_week_and_damaged_files(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    alerts = PipelineAlerts(runs_root, bot)
    assert tell_weekly_digest(runs_root, alerts, now=NOW)
    assert "No load test ran this week" in shown(slack.messages[0])
    folder = build_run_folder(runs_root, outcome="pass")
    folder.verdict.write_text("{")
    (runs_root / "_alerts/example").mkdir(parents=True, exist_ok=True)
    (runs_root / "_alerts/example/staging.json").write_text("[]")
    assert collect(runs_root, NOW).verdicts == ()


def test_hundreds_of_regressions_fit(runs_root: Path, slack: SlackStub, bot: SlackBot) -> None:
    for number in range(30):
        names = [f"GET /{'y' * 300}/{number}/{other}" for other in range(5)]
        folder = build_run_folder(runs_root, outcome="fail", endpoints=names, scenario=f"s{number}", hostile=number == 0)
        deliver(folder, Channels())
    assert tell_weekly_digest(runs_root, PipelineAlerts(runs_root, bot), now=NOW)
