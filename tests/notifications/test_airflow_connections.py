"""Airflow's connections and the DAG's entry point, with real connections from the environment and real HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from upath import UPath

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.notifications.airflow_connections import connected, notification_config
from loadtest.notifications.daily_check import check_pipeline
from loadtest.notifications.digest import collect
from loadtest.notifications.notify import links_to, notify_about
from loadtest.notifications.slack import delivery as slack_delivery
from loadtest.notifications.slack.delivery import SlackBot, SlackWebhook
from loadtest.planning.models import Plan, TriggerKind
from loadtest.planning.schedules import all_schedules, schedule_of
from loadtest.settings import Settings, settings
from tests.notifications.github.github_stub import GitHubStub
from tests.notifications.http_server import Answer, Server, serve
from tests.notifications.slack.slack_stub import SlackStub, shown
from tests.support.run_folders import build_run_folder
from tests.support.small_include import build_include, build_schedules, write


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    for name in ("LOADTEST_SLACK", "LOADTEST_GITHUB"):
        monkeypatch.delenv(f"AIRFLOW_CONN_{name}", raising=False)


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(fields))


@pytest.fixture
def slack_connection(monkeypatch: pytest.MonkeyPatch, slack: SlackStub) -> None:
    extra = {"channel": "#perf", "base_url": f"{slack.url}/api/"}
    connect(monkeypatch, "LOADTEST_SLACK", conn_type="slack", password="xoxb-test", extra=extra)


def test_no_connection_is_said_and_nothing_fails(runs_root: Path) -> None:
    result = notify_about(build_run_folder(runs_root, outcome="fail"))
    assert result["delivered"] == 0


def test_a_bot_and_github_are_told(
    runs_root: Path, slack: SlackStub, github: GitHubStub, slack_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(
        monkeypatch, "LOADTEST_GITHUB", conn_type="github", password="ghp_test", host=github.url, extra={"assignees": ["ada"]}
    )
    url = "https://airflow.example/base/dags/load_test/runs/manual__1"
    folder = build_run_folder(runs_root, outcome="fail", airflow_url=url)
    assert notify_about(folder)["delivered"] == 3
    assert f"https://airflow.example/base/loadtest/runs/{folder.run_id}/report.html" in shown(slack.messages[0])
    assert github.regression_issues[0]["assignees"] == [{"login": "ada"}] and len(github.statuses) == 1
    before = len(slack.requests) + len(github.requests)
    notify_about(folder)
    assert len(slack.requests) + len(github.requests) == before


def test_a_webhook_connection(runs_root: Path, slack: SlackStub, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "LOADTEST_SLACK", conn_type="slackwebhook", schema="http", host=slack.url, password="/services/T/B/X")
    assert isinstance(connected()[0].slack, SlackWebhook)
    notify_about(build_run_folder(runs_root, outcome="fail"))
    assert len(slack.webhook_messages) == 1


def test_the_scheduled_run_brings_the_digest(runs_root: Path, slack: SlackStub, slack_connection: None) -> None:
    folder = build_run_folder(runs_root, outcome="pass")
    plan = Plan.read(folder.plan)
    trigger = plan.trigger.model_copy(update={"kind": TriggerKind.SCHEDULED})
    plan.model_copy(update={"trigger": trigger}).write(folder.plan)
    notify_about(folder)
    notify_about(folder)
    assert len(slack.messages) == 1 and "Load tests, " in shown(slack.messages[0])


def test_what_is_undelivered_makes_the_task_retry(
    runs_root: Path, slack: SlackStub, slack_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    slack.trouble.extend([Answer(500, b"no")] * 9)
    folder = build_run_folder(runs_root, outcome="fail")
    with pytest.raises(InfrastructureError, match="HTTP 500"):
        notify_about(folder)
    slack.trouble.clear()
    assert notify_about(folder)["delivered"] == 1


def test_what_a_person_must_change_fails_at_once(runs_root: Path, slack: SlackStub, slack_connection: None) -> None:
    slack.trouble.append(Answer(200, {"ok": False, "error": "not_in_channel"}))
    with pytest.raises(ConfigurationError, match="invite it"):
        notify_about(build_run_folder(runs_root, outcome="fail"))


def test_a_commit_that_github_does_not_know_fails_nothing(
    runs_root: Path, github: GitHubStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "LOADTEST_GITHUB", conn_type="github", password="ghp_test", host=github.url)
    github.trouble.append(Answer(422, {"message": "No commit found for SHA"}))
    assert "No commit found" in notify_about(build_run_folder(runs_root, outcome="pass"))["sentence"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"conn_type": "http", "password": "xoxb-secret"}, "it is slack or slackwebhook"),
        ({"conn_type": "slack", "password": "xoxb-secret"}, "names no channel"),
        ({"conn_type": "slack"}, "has no password"),
    ],
)
def test_an_unusable_connection_says_why(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], words: str
) -> None:
    connect(monkeypatch, "LOADTEST_SLACK", **fields)
    folder = build_run_folder(runs_root, outcome="fail")
    with pytest.raises(ConfigurationError, match=words):
        notify_about(folder)
    assert "secret" not in folder.deliveries.read_text()


def test_an_unusable_github_connection(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "LOADTEST_GITHUB", conn_type="github")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        notify_about(build_run_folder(runs_root, outcome="fail"))


def test_the_clients_are_bounded(slack: SlackStub, slack_connection: None) -> None:
    bot = connected()[0].slack
    assert isinstance(bot, SlackBot)
    assert bot._client.retry_handlers == [] and bot._client.timeout == slack_delivery.TIMEOUT_S


def test_extras_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_SLACK_CHANNEL", "#everyone")
    monkeypatch.setenv("LOADTEST_GITHUB_ASSIGNEES", "ada, example-org/performance")
    monkeypatch.setenv("LOADTEST_SLACK_WARN_ALERTS", "false")
    config = notification_config({"channel": "#perf", "timeout": 5}, {})
    assert (config.channel, config.warn_alerts) == ("#perf", False)
    assert config.assignees == ("ada", "example-org/performance")
    monkeypatch.setenv("LOADTEST_SLACK_WARN_ALERTS", "sometimes")
    with pytest.raises(ConfigurationError, match="warn_alerts"):
        notification_config()


def test_links_without_an_airflow(runs_root: Path) -> None:
    from loadtest.gate.records.verdicts import Verdict

    verdict = Verdict.read(build_run_folder(runs_root, outcome="pass").verdict)
    assert links_to(verdict).report is None


def test_the_daily_check_asks_airflow_and_sends_the_heartbeat(
    slack: SlackStub, slack_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = datetime(2026, 11, 23, 2, tzinfo=UTC)
    scheduled = SimpleNamespace(is_paused=False)
    missing = SimpleNamespace(get_dr_count=lambda **_: 0, get_dag=lambda _: scheduled)
    late = SimpleNamespace(
        get_dr_count=lambda **asked: (
            asked == {"dag_id": "load_test__student_api", "logical_dates": [monday], "states": ["running"]}
        ),
        get_dag=lambda _: scheduled,
    )
    with serve(Server(lambda _: Answer(200, {}))) as watchdog:
        monkeypatch.setenv("LOADTEST_HEARTBEAT_URL", f"{watchdog.url}/ping")
        assert "nothing to say yet" in check_pipeline(missing, now=monday - timedelta(days=1))
        assert "has not started" in check_pipeline(missing, now=monday + timedelta(hours=3))
        assert "still running" in check_pipeline(late, now=monday + timedelta(hours=9))
        assert len(watchdog.requests) == 3
    assert len(slack.messages) == 1  # the same week's run: told once


def test_a_schedule_is_told_where_it_wants_to_be(
    runs_root: Path, tmp_path: Path, slack: SlackStub, github: GitHubStub, slack_connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    include = build_include(tmp_path)
    build_schedules(include, other="0 1 * * *")
    wanted = {"scenario": "toy", "environment": "healthy", "profile": "smoke", "cron": "0 2 * * MON"}
    places = {"slack_channel": "#checkout", "github": {"repository": "shop/checkout", "assignees": ["ada"]}}
    write(include / "schedules/shop.yaml", wanted | places)
    monkeypatch.setenv("LOADTEST_INCLUDE", str(include))
    connect(monkeypatch, "LOADTEST_GITHUB", conn_type="github", password="ghp_test", host=github.url)
    _, config = connected(schedule_of("load_test__shop", settings()))
    assert (config.channel, config.repository, config.assignees) == ("#checkout", "shop/checkout", ("ada",))
    folder = build_run_folder(runs_root, outcome="fail")
    notify_about(folder, "load_test__shop")
    assert [message["channel"] for message in slack.messages] == ["#checkout"]
    assert github.regression_issues[0]["assignees"] == [{"login": "ada"}]
    notify_about(build_run_folder(runs_root, outcome="fail", run_id="other", scenario="other"), "load_test__other")
    assert slack.messages[-1]["channel"] == "#perf"


def test_the_digest_names_what_was_due_and_did_not_run(tmp_path: Path) -> None:
    include = build_include(tmp_path)
    build_schedules(include, shop="0 2 * * *")
    (include / "schedules/broken.yaml").write_text("cron: [")
    places = Settings(tmp_path, include, UPath(tmp_path / "runs"), tmp_path, "sqlite://")
    digest = collect(places.runs_root, datetime(2026, 11, 23, 12, tzinfo=UTC), list(all_schedules(places)))
    assert digest.missing[0].startswith("broken: its file cannot be used")
    assert digest.missing[1] == "shop: toy / healthy / smoke, 0 2 * * * (UTC), did not run"
