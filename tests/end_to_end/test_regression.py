"""From no baseline to a caught regression, all in Airflow: collect, accept, an unchanged run, a slowed one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from loadtest.airflow_api.client import AirflowClient
from loadtest.baselines.models import BaselineFile
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Criterion, Outcome
from tests.end_to_end.test_scheduler import wait_for_question
from tests.support.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]
BASELINE_DAG = "load_test_baseline"
STEADY = {"scenario": "toy", "environment": "steady", "profile": "light", "duration": "3s"}
RUNS = 6


@pytest.fixture(scope="module")
def baseline(airflow: AirflowClient) -> Path:
    """A baseline collected and accepted through Airflow; then its runs are moved apart in time and builds, as if collected
    over a week, since a baseline of minutes may only warn."""
    airflow.wait_for_dag(BASELINE_DAG, timeout_s=60)
    airflow.unpause(BASELINE_DAG)
    airflow.create_run(BASELINE_DAG, "manual__baseline", STEADY | {"runs": RUNS, "reason": "first"})
    until(
        lambda: airflow.task_states(BASELINE_DAG, "manual__baseline").get("accept") in ("awaiting_input", "failed"),
        "the runs are collected",
        timeout_s=400,
    )
    wait_for_question(airflow, "manual__baseline", dag_id=BASELINE_DAG, task_id="accept")
    assert f"{RUNS} runs" in airflow.hitl_details(BASELINE_DAG, "manual__baseline", "accept")["subject"]
    airflow.answer_hitl(BASELINE_DAG, "manual__baseline", "accept", params={"reason": "the first reference"})
    run = airflow.wait_for_run(BASELINE_DAG, "manual__baseline", timeout_s=120)
    assert run.state == "success", airflow.task_states(BASELINE_DAG, "manual__baseline")
    path = settings().baselines / "toy" / "steady-light.json"
    anchor = BaselineFile.read(path).anchor
    assert (anchor.provenance.accepted_by, anchor.provenance.reason) == ("admin", "the first reference")
    data = json.loads(path.read_text())
    for number, each in enumerate(data["versions"][-1]["runs"]):
        started = datetime.fromisoformat(each["started_at"]) - timedelta(days=number)
        each |= {"started_at": started.isoformat(), "commit": f"{number:07x}"}
    data["versions"][-1]["runs"].sort(key=lambda each: each["started_at"])
    path.write_text(json.dumps(data))
    return path


def judged(airflow: AirflowClient, run_id: str, **params: object) -> tuple[dict[str, str | None], RunFolder]:
    airflow.create_run("load_test", run_id, STEADY | params)
    airflow.wait_for_run("load_test", run_id, timeout_s=300)
    folder = RunFolder(UPath(airflow.xcom("load_test", run_id, "setup.resolve_plan", "run_folder")))
    return airflow.task_states("load_test", run_id), folder


def test_a_slowed_endpoint_is_suspected_confirmed_and_fails(airflow: AirflowClient, baseline: Path) -> None:
    # so much that a busy host, which Airflow itself keeps busy here, cannot explain it
    states, folder = judged(airflow, "manual__slowed", slowdown="GET /items=+100ms")
    assert states["regression.confirm_1"] == "success", states
    assert states["regression.confirm_2"] in ("success", "skipped"), states  # one is enough where it settles the matter
    verdict = Verdict.read(folder.verdict)
    assert verdict.outcome is Outcome.FAIL, verdict.sentence
    regressions = [one for one in verdict.findings if one.criterion is Criterion.REGRESSION and one.outcome is Outcome.FAIL]
    assert {one.endpoint for one in regressions} == {"GET /items"}
    sentence = regressions[0].sentence
    for words in ("GET /items", "90 % interval", f"{RUNS} baseline runs", "adj. p"):
        assert words in sentence
    measured_again = len(RegressionReport.read(folder.regression_report).confirmation_runs)
    assert measured_again == (2 if states["regression.confirm_2"] == "success" else 1)
    assert states["run_state"] == "success"  # it alerts and blocks nothing


def test_an_unchanged_build_is_not_measured_again(airflow: AirflowClient, baseline: Path) -> None:
    states, folder = judged(airflow, "manual__unchanged")
    verdict = Verdict.read(folder.verdict)
    assert verdict.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE), verdict.sentence
    assert verdict.comparison.compared
    assert verdict.comparison.baseline_runs == RUNS
    assert states["regression.confirm_1"] == "skipped", states
