"""`loadtest trigger`, as CI calls it, against a real Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.airflow_api.client import AirflowClient
from loadtest.airflow_api.local import USERNAME, LocalAirflow
from loadtest.settings import settings

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(400)]


def trigger(airflow: AirflowClient, *options: str) -> subprocess.CompletedProcess[str]:
    credentials = {"LOADTEST_AIRFLOW_USERNAME": USERNAME, "LOADTEST_AIRFLOW_PASSWORD": LocalAirflow(settings()).password()}
    command = [sys.executable, "-c", "from loadtest.cli import main; main()", "trigger", "--airflow-url", airflow.url, *options]
    return subprocess.run(command, env=os.environ | credentials, capture_output=True, text=True, timeout=300, check=False)


def test_one_commit_is_one_run_with_its_files(airflow: AirflowClient, tmp_path: Path) -> None:
    asked = ("--commit", "c0ffee1234", "--branch", "feature/x", "--repository", "school/api", "--profile", "smoke")
    where = ("--scenario", "toy", "--environment", "failing")
    first = trigger(airflow, *asked, *where, "--wait", "4m", "--download", str(tmp_path))
    assert first.returncode == 0, first.stderr  # it alerts and blocks nothing
    assert "error rate" in first.stdout
    assert {"verdict.json", "report.html", "summary.md", "junit.xml"} <= {path.name for path in tmp_path.rglob("*")}
    again = trigger(airflow, *asked, *where, "--wait", "4m", "--strict")
    assert again.returncode == 1, again.stderr
    runs = [run for run in airflow.list_runs("load_test") if run.run_id.endswith("c0ffee1234")]
    assert len(runs) == 1


def test_bad_params_end_in_one_sentence(airflow: AirflowClient) -> None:
    refused = trigger(airflow, "--commit", "c0ffee1234", "--profile", "huge", "--wait", "1m")
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
