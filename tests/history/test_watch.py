"""The weekly run is missed when it never started, hangs, or ended without load; and only then."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.history.watch import ScheduledRun, judge_due_run, last_due, scheduled_runs, send_heartbeat, watch_schedules
from loadtest.planning.models import Plan, TriggerKind
from tests.support.run_folders import build_run_folder
from tests.support.small_include import build_include, build_schedules

MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def run(started: float, finished: float | None = None, reason: str = "") -> ScheduledRun:
    finished_at = None if finished is None else at(finished)
    return ScheduledRun(run_id="scheduled-1", started_at=at(started), finished_at=finished_at, not_run_reason=reason)


@pytest.mark.parametrize(
    ("now", "runs", "sentence"),
    [
        (0.5, [], None),
        (1.5, [], "load_test__shop of Monday, 2026-11-23 02:00 UTC has not started"),
        (30, [], "has not started (it is Tuesday 08:00 UTC now)"),
        (1.5, [run(-168)], "has not started"),
        (3, [run(0)], None),
        (9, [run(0)], "is still running after 9 h (it should take at most 6 h): run scheduled-1"),
        (9, [run(0, 1)], None),
        (9, [run(-0.05, 1)], None),
        (9, [run(0), run(5, 6)], None),
        (9, [run(0, 0.1, "The profile is not allowed there.")], "sent no load: The profile is not allowed there (run"),
    ],
)
def test_the_weekly_run_is_judged_by_what_is_seen(now, runs, sentence):
    problem = judge_due_run(MONDAY, runs, now=at(now), dag_id="load_test__shop").problem
    assert sentence in problem if sentence else problem == ""


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(0, 6))
def test_the_expected_time_is_the_last_one_at_or_before_now(now, weekday):
    expected = last_due(now, weekday=weekday)
    assert expected <= now < expected + timedelta(days=7)
    assert (expected.weekday(), expected.hour, expected.minute) == (weekday, 2, 0)


def test_runs_are_seen_in_their_folders(installation):
    for run_id, kind, outcome in (("a", TriggerKind.SCHEDULED, "pass"), ("b", TriggerKind.MANUAL, "pass")):
        folder = build_run_folder(installation / "runs", run_id=run_id, outcome=outcome, started_at=at(0.01))
        plan = Plan.read(folder.plan)
        trigger = plan.trigger.model_copy(update={"kind": kind, "airflow_dag_id": "load_test__example"})
        plan.model_copy(update={"trigger": trigger}).write(folder.plan)
    broken = build_run_folder(installation / "runs", run_id="broken", started_at=at(0.01))
    broken.plan.write_text("{")
    assert [seen.run_id for seen in scheduled_runs(MONDAY - timedelta(hours=1))] == ["a"]
    include = build_include(installation)
    build_schedules(include, example="0 2 * * MON", missing="0 1 * * MON")
    (include / "schedules/broken.yaml").write_text("cron: [")
    broken, example, missing = watch_schedules(now=at(30))
    assert "schedule broken cannot be used" in broken.problem
    assert example.ended and not example.problem
    assert "The load test load_test__missing of Monday, 2026-11-23 01:00 UTC has not started" in missing.problem
    assert "2026-11-30 02:00 UTC has not started" in watch_schedules(now=at(200))[1].problem


@pytest.fixture
def watchdog():
    """A watchdog that answers with the given statuses, one after the other."""
    statuses: list[int] = []
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ping/s3cret", statuses, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_heartbeat_is_sent_and_tried_again_and_its_url_is_not_logged(watchdog, monkeypatch, caplog):
    url, statuses, asked = watchdog
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOADTEST_HEARTBEAT_URL", url)
    statuses += [500, 200]
    assert send_heartbeat() is None
    assert asked == ["/ping/s3cret"] * 2
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/s3cret", "no url s3cret", "http://[s3cret"])
def test_a_heartbeat_that_fails_is_said_without_its_secret(address):
    sentence = send_heartbeat(address)
    assert "could not be delivered" in sentence
    assert "s3cret" not in sentence


def test_without_a_heartbeat_url_nothing_happens(monkeypatch):
    monkeypatch.delenv("LOADTEST_HEARTBEAT_URL", raising=False)
    assert send_heartbeat() is None
