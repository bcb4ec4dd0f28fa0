"""The DAGs with all run folders in S3-compatible storage: run, baseline, confirmations, dashboard, downloads, upkeep, and a
storage that is stopped while a load runs.

`WHAT=object_storage tests/compose/run.sh`. The stop needs the stand-in for the storage, which keeps what it holds over it.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import time
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.compose.containers import ROOT, Stack, built_and_up

PLAN = {"environment": "staging", "scenario": "student_api", "profile": "light", "users": 3, "duration": "10s"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with built_and_up(tmp_path_factory.mktemp("stack"), storage="s3") as stack:
        yield stack


def test_a_run_is_judged_shown_and_downloaded(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="10s", environment="staging")
    verdict = stack.end(run_id)
    assert verdict["outcome"] not in (None, "invalid"), verdict
    assert run_id in stack.call("GET", f"/loadtest/dag-runs/{run_id}/report.html").text
    assert run_id in stack.call("GET", "/loadtest/api/runs").text
    archive = zipfile.ZipFile(
        io.BytesIO(stack.call("GET", f"/loadtest/api/dag-runs/{run_id}/artifacts.zip?samples=true").content)
    )
    assert archive.testzip() is None
    assert {"plan.json", "load.json", "samples.parquet", "verdict.json", "report.html"} <= set(archive.namelist())
    assert stack.in_container("airflow-worker", "ls /opt/loadtest/runs") == "", "nothing on the volume"


def test_a_slow_build_is_measured_again_and_fails_by_an_accepted_baseline(stack: Stack) -> None:
    assert stack.accepted_baseline("collected", PLAN, "the first reference")["version"] == 1
    run_id = stack.start_run(**PLAN, slowdown="GET /api/v1/courses=+400ms")
    verdict = stack.end(run_id, timeout_s=600)
    assert verdict["comparison"]["compared"] and verdict["comparison"]["baseline_runs"] == 3
    assert verdict["outcome"] == "fail", verdict
    assert stack.states(run_id)["regression.confirm_1"] == "success"
    assert stack.file_of(f"{run_id}-confirm-1", "plan.json")["confirms"] == run_id


def test_a_storage_that_stops_in_mid_run_loses_nothing(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="30s", environment="staging")
    stack.loading(run_id)
    stack.compose("kill", "-s", "SIGUSR1", "object-storage")
    stopped = time.monotonic()
    with pytest.raises(AssertionError):
        stack.call("GET", f"/loadtest/api/dag-runs/{run_id}/progress")
    while time.monotonic() - stopped < 50:  # beyond the end of the load
        time.sleep(1)
    stack.compose("kill", "-s", "SIGUSR2", "object-storage")
    verdict = stack.end(run_id, timeout_s=600)
    assert verdict["outcome"] in ("pass", "warn", "inconclusive", "fail"), verdict
    metrics = stack.file_of(run_id, "metrics.json")
    assert metrics["total"]["n"] > 0
    attempts = stack.in_container("airflow-loadgen", f"ls /opt/loadtest/.loadtest/loads/{run_id} 2>/dev/null | wc -l")
    assert int(attempts) <= 1, "sent once"


@pytest.mark.parametrize("dag_id", ["load_test_retention", "load_test_trends", "load_test_watch"])
def test_the_upkeep_reads_and_writes_there(stack: Stack, dag_id: str) -> None:
    stack.airflow.create_run(dag_id, "by-hand", {})
    assert stack.airflow.wait_for_run(dag_id, "by-hand", timeout_s=240).state == "success"


def test_prometheus_reads_the_runs_and_answers_what_the_dashboard_asks(stack: Stack) -> None:
    """Grafana's own queries, with all of its variables; Grafana itself is not started."""
    stack.compose("--profile", "monitoring", "up", "-d", "--wait", "run-metrics", "prometheus")

    def answer(expression: str) -> list[dict[str, Any]]:
        address = "http://127.0.0.1:9090/api/v1/query?" + urlencode({"query": expression})
        found = json.loads(stack.in_container("prometheus", f"wget -qO- {shlex.quote(address)}"))
        assert found["status"] == "success", found
        return found["data"]["result"]

    stack.until(lambda: answer("loadtest_runs"), "the first scrape", 180)
    dashboard = json.loads((ROOT / "deployment" / "compose" / "monitoring" / "grafana" / "loadtest.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    without_answer = [expression for expression in asked if not answer(re.sub(r"\$\w+", ".*", expression))]
    assert len(asked) >= 8 and without_answer == []
