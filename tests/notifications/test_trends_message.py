"""The monthly trends in Slack, once a month."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from loadtest.notifications.trends_message import tell_trends
from loadtest.trends.compute import compute_trends
from tests.notifications.slack.slack_stub import SlackStub, shown


def test_told_once_a_month(runs_root: Path, tmp_path: Path, slack: SlackStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{tmp_path / 'history.db'}")
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(runs_root))
    monkeypatch.delenv("AIRFLOW_CONN_LOADTEST_GITHUB", raising=False)
    extra = {"channel": "#perf", "base_url": f"{slack.url}/api/"}
    connection = {"conn_type": "slack", "password": "xoxb-test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LOADTEST_SLACK", json.dumps(connection))
    until = datetime(2026, 12, 1, 6, tzinfo=UTC)
    report = compute_trends(since=until - timedelta(weeks=26), until=until)
    assert tell_trends(runs_root, report, UPath(runs_root) / "trends.html") is True
    assert tell_trends(runs_root, report, UPath(runs_root) / "trends.html") is False
    assert len(slack.messages) == 1 and "No run in this time." in shown(slack.messages[0])
