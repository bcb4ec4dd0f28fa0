"""The DAGs with all run folders in S3-compatible storage: run, baseline, confirmations, dashboard, downloads, upkeep, and a
storage that is stopped while a load runs.

`WHAT=object_storage tests/compose/run.sh`.
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

import httpx
import pyarrow.parquet as pq
import pytest

from tests.compose.containers import ROOT, Stack, built_and_up, is_fine

PLAN = {"environment": "staging", "scenario": "student_api", "profile": "light", "users": 10, "duration": "20s"}
SLOW = "GET /api/v1/courses"
RUNS = "SELECT run_id FROM loadtest_runs WHERE confirms IS NULL ORDER BY started_at"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with built_and_up(tmp_path_factory.mktemp("stack"), storage="s3") as stack:
        yield stack


def stored(stack: Stack, pattern: str) -> set[str]:
    """Names of the files in the runs root, as a task lists them."""
    script = f"from loadtest.settings import settings; print(*settings().runs_root.glob('{pattern}'), sep=chr(10))"
    return {path.rpartition("/")[2] for path in stack.in_container("airflow-worker", f'python -c "{script}"').splitlines()}


def files_of(stack: Stack, run_id: str) -> set[str]:
    return stored(stack, f"*/*/*/{run_id}/*")


def downloaded(stack: Stack, run_id: str) -> zipfile.ZipFile:
    answer = stack.call("GET", f"/loadtest/api/dag-runs/{run_id}/artifacts.zip", params={"samples": "true"})
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_a_run_is_judged_shown_and_downloaded(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="10s")
    verdict = stack.end(run_id)
    assert is_fine(verdict), verdict
    assert run_id in stack.call("GET", f"/loadtest/dag-runs/{run_id}/report.html").text
    assert run_id in stack.call("GET", "/loadtest/api/runs").text
    archive = downloaded(stack, run_id)
    assert archive.testzip() is None
    assert {"plan.json", "load.json", "samples.parquet", "verdict.json", "report.html"} <= set(archive.namelist())
    assert stack.in_container("airflow-worker", "ls /opt/loadtest/runs") == "", "nothing on the volume"


def test_a_slow_build_is_found_by_an_accepted_baseline_and_measured_again(stack: Stack) -> None:
    assert stack.accepted_baseline("collected", PLAN, "the first reference")["version"] == 1
    run_id = stack.start_run(**PLAN, slowdown=f"{SLOW}=+2s")  # more than other work of the machine explains
    verdict = stack.end(run_id, timeout_s=900)
    assert verdict["comparison"]["compared"] and verdict["comparison"]["baseline_runs"] == 3
    assert stack.states(run_id)["regression.confirm_1"] == "success", verdict
    assert {"plan.json", "samples.parquet"} <= files_of(stack, f"{run_id}-confirm-1")
    report = stack.file_of(run_id, "regression_report.json")
    assert f"{run_id}-confirm-1" in report["confirmation_runs"]
    slow = [one for one in report["findings"] if one["endpoint"] == SLOW and one["criterion"] == "regression"]
    assert slow and {one["outcome"] for one in slow} <= {"warn", "fail"} and not any(one["suspect"] for one in slow), slow
    assert verdict["outcome"] in ("warn", "fail"), verdict  # a baseline of minutes may only warn


def test_a_storage_that_stops_in_mid_run_loses_nothing(stack: Stack) -> None:
    run_id = stack.start_run(profile="smoke", duration="30s", environment="staging")
    stack.loading(run_id)
    stack.compose("stop", "object-storage")
    stopped = time.monotonic()
    with pytest.raises((AssertionError, httpx.HTTPError)):
        stack.call("GET", f"/loadtest/api/dag-runs/{run_id}/progress")
    while time.monotonic() - stopped < 50:  # beyond the end of the load
        time.sleep(1)
    stack.compose("start", "object-storage")
    verdict = stack.end(run_id, timeout_s=600)
    assert verdict["status"] == "judged", verdict
    archive = downloaded(stack, run_id)
    load = json.loads(archive.read("load.json"))
    assert load["attempt"] == 1 and load["stop_reason"] == "completed" and load["lost_samples"] == 0, load
    samples = pq.read_table(io.BytesIO(archive.read("samples.parquet")))
    assert samples.num_rows == load["samples"] > 0


@pytest.mark.parametrize("dag_id", ["load_test_retention", "load_test_trends", "load_test_watch"])
def test_the_upkeep_reads_and_writes_there(stack: Stack, dag_id: str) -> None:
    stack.airflow.create_run(dag_id, "by-hand", {})
    assert stack.airflow.wait_for_run(dag_id, "by-hand", timeout_s=240).state == "success"


def test_trends_are_pages_there(stack: Stack) -> None:
    assert any(name.endswith(".html") for name in stored(stack, "_trends/*/*"))


def test_the_dashboard_shows_every_run(stack: Stack) -> None:
    known = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", RUNS).split()
    shown = stack.call("GET", "/loadtest/api/runs").text
    assert len(known) >= 3 and not [run_id for run_id in known if run_id not in shown]


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


def test_what_is_old_is_swept_from_there(stack: Stack) -> None:
    (run_id, *_) = stack.compose("exec", "-T", "postgres", "psql", "-U", "airflow", "-d", "loadtest", "-tAc", RUNS).split()
    assert {"samples.parquet", "report.html", "verdict.json"} <= files_of(stack, run_id)
    script = (
        "from datetime import UTC, datetime, timedelta; from loadtest.retention.sweep import carry_out, plan_sweep; "
        "carry_out(plan_sweep(now=datetime.now(UTC) + timedelta(days=100)))"
    )
    stack.in_container("airflow-worker", f'python -c "{script}"')
    left = files_of(stack, run_id)
    assert "verdict.json" in left and not {"samples.parquet", "report.html"} & left
