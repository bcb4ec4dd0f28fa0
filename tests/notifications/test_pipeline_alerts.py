"""A broken pipeline is told once, in words that say what broke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.history.watch import ScheduledRun
from loadtest.notifications.daily_check import check_is_awake
from loadtest.notifications.pipeline_alerts import PipelineAlerts, check_due_run, task_failed
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.notifications.slack.delivery import SlackBot
from loadtest.operators.failure_notifier import problem_of
from tests.notifications.http_server import Answer
from tests.notifications.slack.slack_stub import SlackStub, shown

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
DAG = "load_test__shop"
LONG_AGO = MONDAY - timedelta(days=30)


@pytest.fixture
def alerts(runs_root: Path, bot: SlackBot) -> PipelineAlerts:
    found = PipelineAlerts(runs_root, bot)
    found.watching_since(LONG_AGO)
    return found


def failure(task: str = "backend.start_backend") -> object:
    return task_failed(dag_id="load_test", run_id="manual__1", task_id=task, error="port 8000 <!channel> is taken", tries=2)


def seen(**values: datetime) -> ScheduledRun:
    return ScheduledRun(**{"run_id": "scheduled__2026-11-23", "started_at": MONDAY} | values)


def test_a_failed_task_is_told_once_per_run(alerts: PipelineAlerts, slack: SlackStub) -> None:
    assert alerts.report(failure()) is True
    assert alerts.report(failure("reporting.report")) is False  # a consequence
    (message,) = slack.messages
    assert "port 8000" in shown(message) and "backend.start_backend" in shown(message)


def test_without_slack_it_is_logged(runs_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert PipelineAlerts(runs_root, None).report(failure()) is False
    assert "port 8000" in caplog.text


def test_a_message_that_could_not_be_sent_is_sent_by_the_next_try(alerts: PipelineAlerts, slack: SlackStub) -> None:
    slack.trouble.extend([Answer(500, b"no")] * 3)
    with pytest.raises(DeliveryError):
        alerts.report(failure())
    assert alerts.report(failure()) is True


def test_a_lost_answer_leads_to_no_second_message(alerts: PipelineAlerts, slack: SlackStub) -> None:
    usual = slack.handle
    slack.handle = lambda request: (usual(request), Answer(hang=True))[1]
    with pytest.raises(DeliveryError):
        alerts.report(failure())
    slack.handle = usual
    assert alerts.report(failure()) is True and alerts.report(failure()) is False
    assert len(slack.messages) == 1


def test_a_monday_run_that_never_started_is_told_and_then_resolved(alerts: PipelineAlerts, slack: SlackStub) -> None:
    later = MONDAY + timedelta(hours=4)
    assert "nothing to say yet" in check_due_run(alerts, [], MONDAY, dag_id=DAG, now=MONDAY + timedelta(minutes=5))
    assert "has not started" in check_due_run(alerts, [], MONDAY, dag_id=DAG, now=later)
    check_due_run(alerts, [], MONDAY, dag_id=DAG, now=later + timedelta(days=1))
    assert len(slack.messages) == 1  # told once, not daily
    ended = [seen(finished_at=later)]
    check_due_run(alerts, ended, MONDAY, dag_id=DAG, now=later + timedelta(days=2))
    check_due_run(alerts, ended, MONDAY, dag_id=DAG, now=later + timedelta(days=3))
    assert len(slack.messages) == 2 and slack.messages[1]["thread_ts"] == slack.messages[0]["ts"]


def test_a_run_that_does_not_end_is_late(alerts: PipelineAlerts, slack: SlackStub) -> None:
    running = [seen()]
    check_due_run(alerts, running, MONDAY, dag_id=DAG, now=MONDAY + timedelta(hours=5))
    assert slack.messages == []
    assert "still running" in check_due_run(alerts, running, MONDAY, dag_id=DAG, now=MONDAY + timedelta(hours=7))


def test_a_new_installation_misses_no_run_from_before_it(runs_root: Path, bot: SlackBot, slack: SlackStub) -> None:
    wednesday = MONDAY + timedelta(days=2)
    assert "nothing to say yet" in check_due_run(PipelineAlerts(runs_root, bot), [], MONDAY, dag_id=DAG, now=wednesday)
    later, week = MONDAY + timedelta(days=7), timedelta(days=7)
    assert "has not started" in check_due_run(PipelineAlerts(runs_root, bot), [], later, dag_id=DAG, now=wednesday + week)


def test_last_weeks_run_does_not_count_for_this_week(alerts: PipelineAlerts) -> None:
    last_week = [seen(started_at=MONDAY - timedelta(days=7), finished_at=MONDAY - timedelta(days=6))]
    assert "has not started" in check_due_run(alerts, last_week, MONDAY, dag_id=DAG, now=MONDAY + timedelta(hours=4))


def test_the_callback_speaks_of_tasks_that_failed_and_not_of_verdicts() -> None:
    context = {"ti": SimpleNamespace(dag_id="load_test", run_id="r", task_id="backend.check_health", try_number=4)}
    problem = problem_of(context | {"exception": RuntimeError("connection\x1b[31m refused")})
    assert problem.sentence == "connection refused" and "check_health failed" in problem.title
    context["ti"].task_id = "run_state"
    assert problem_of(context) is None


def test_a_schedule_that_stands_still_is_told_once_and_its_end_too(alerts: PipelineAlerts, slack: SlackStub) -> None:
    paused = {"load_test__shop": True}

    def get_dag(dag_id: str) -> object:
        return SimpleNamespace(is_paused=paused[dag_id])  # of retention it knows nothing

    def check() -> list[str]:
        return [line for dag_id in (DAG, "load_test_retention") for line in check_is_awake(alerts, dag_id, get_dag)]

    first, second = check(), check()
    assert (
        first
        == second
        == [
            "The DAG load_test__shop is paused, so its schedule stands still; unpause it in Airflow.",
            "Airflow does not know the DAG load_test_retention (KeyError); see its import errors.",
        ]
    )
    assert len(slack.messages) == 2
    paused |= {"load_test__shop": False, "load_test_retention": False}
    assert check() == []
    assert len(slack.messages) == 4
