"""What people read of a run, page by page and word for word: terminal, summary, Slack, pull request.

A change of words shows as a change of pages: look at the diff, then `pytest --snapshot-update` this file.
"""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.github.texts import Telling, sticky_comment
from loadtest.notifications.policy.decisions import decide
from loadtest.notifications.policy.models import Links, NotificationConfig
from loadtest.notifications.slack.messages import alert
from loadtest.reporting.inputs import read_run
from loadtest.reporting.markdown import render_summary
from loadtest.reporting.terminal import print_view
from loadtest.reporting.view import build_view
from loadtest.run_folder import RunFolder
from tests.notifications.test_policy import EMPTY, NOW
from tests.support.run_folders import build_run_folder, make_baseline_runs, make_trend

OUTCOMES = ("pass", "warn", "fail", "inconclusive", "invalid")
LINKS = Links(report="https://airflow.example/report", airflow="https://airflow.example/run")


class Page(SingleFileSnapshotExtension):
    """One readable file a page."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def page(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Page)


def the_run(tmp_path: Path, outcome: str) -> RunFolder:
    return build_run_folder(tmp_path, outcome=outcome, pull_request=17, branch="faster-courses")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_terminal(tmp_path: Path, page: SnapshotAssertion, outcome: str) -> None:
    files = read_run(the_run(tmp_path, outcome), baseline=make_baseline_runs(), trend=make_trend())
    written = StringIO()
    print_view(build_view(files), Console(file=written, width=110))
    assert "\n".join(line.rstrip() for line in written.getvalue().splitlines()) == page


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_summary(tmp_path: Path, page: SnapshotAssertion, outcome: str) -> None:
    files = read_run(the_run(tmp_path, outcome), baseline=make_baseline_runs(), trend=make_trend())
    assert render_summary(build_view(files)) == page


@pytest.mark.parametrize("outcome", ["warn", "fail", "invalid"])
def test_slack(tmp_path: Path, page: SnapshotAssertion, outcome: str) -> None:
    verdict = Verdict.read(the_run(tmp_path, outcome).verdict)
    incidents = [action.incident for action in decide(EMPTY, verdict, NotificationConfig(), [], NOW).actions if action.incident]
    blocks = [block for incident in incidents[:1] for block in alert(verdict, incident, LINKS).blocks]
    assert json.dumps(blocks, indent=1, ensure_ascii=False) == page


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_pull_request(tmp_path: Path, page: SnapshotAssertion, outcome: str) -> None:
    verdict = Verdict.read(the_run(tmp_path, outcome).verdict)
    assert sticky_comment(Telling(verdict, LINKS, NotificationConfig())) == page
