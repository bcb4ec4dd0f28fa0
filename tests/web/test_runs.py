"""What the dashboard is told about runs, from their folders alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from loadtest.analysis.models import RunMetrics
from loadtest.gate.decide import check
from loadtest.gate.verdict import conclude
from loadtest.history.imported import ImportRecord
from loadtest.load.models import Progress
from loadtest.planning.criteria import Criteria, Mute, Target
from loadtest.planning.models import Plan, TriggerKind
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings
from loadtest.web.runs import TREND_RUNS, Run, overview
from tests.gate.run_facts import make_plan, write_run
from tests.support.run_folders import build_run_folder
from tests.support.small_include import build_include, build_schedules

MEASURED = ("verdict", "load", "metrics", "analysis", "regression_report")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path / "include", UPath(tmp_path / "runs"), tmp_path / "scratch", "sqlite:///unused")


def add_run(settings: Settings, number: int, *, p95_ms: float | None = None, slowdown: str | None = None, **options) -> RunFolder:
    """The `number`-th run in time."""
    folder = build_run_folder(settings.runs_root, **{"outcome": "pass", "run_id": f"run-{number}", **options})
    if p95_ms is not None:
        metrics = RunMetrics.read(folder.metrics)
        metrics.model_copy(update={"total": metrics.total.model_copy(update={"p95_ms": p95_ms})}).write(folder.metrics)
    if slowdown:
        Plan.read(folder.plan).model_copy(update={"slowdown": slowdown}).write(folder.plan)
    os.utime(str(folder.plan), (number, number))
    return folder


def test_an_imported_run_says_who_measured_it_and_has_its_numbers(settings: Settings) -> None:
    folder = add_run(settings, 1, without=("verdict", "regression_report"))
    record = ImportRecord(run_id="run-1", tool="JMeter", aggregated=True, files=("x.jtl",), imported_at=datetime.now(UTC))
    record.write(folder.imported)
    row = Run(folder).as_row()
    assert (row["state"], row["label"]) == ("no_verdict", "Imported")
    assert row["sentence"] == "Measured by JMeter, totals; not judged."
    assert row["rps"] == RunMetrics.read(folder.metrics).total.rps


def unfinished(settings: Settings, **options) -> RunFolder:
    return add_run(settings, 1, run_id="unfinished", without=MEASURED, **options)


def trigger_in_airflow(folder: RunFolder, dag_id: str = "load_test") -> None:
    plan = Plan.read(folder.plan)
    changes = {"kind": TriggerKind.MANUAL, "airflow_dag_id": dag_id, "airflow_run_id": "manual__1"}
    plan.model_copy(update={"trigger": plan.trigger.model_copy(update=changes)}).write(folder.plan)


def write_progress(folder: RunFolder, *, age_s: float = 0) -> None:
    Progress(
        run_id=folder.run_id,
        stage="load",
        updated_at=datetime.now(UTC) - timedelta(seconds=age_s),
        elapsed_s=10,
        remaining_s=20,
        users=5,
        requests=100,
        rps=10,
        p50_ms=1,
        p95_ms=2,
        failures=0,
    ).write(folder.attempt(1).progress)


def row(settings: Settings) -> dict:
    [only] = overview(settings, 30)["runs"]
    return only


def test_the_newest_runs_come_first_and_as_many_as_asked_for(settings):
    for number in range(5):
        add_run(settings, number)
    assert [run["run_id"] for run in overview(settings, 3)["runs"]] == ["run-4", "run-3", "run-2"]


def test_a_series_has_its_latest_verdict_and_the_p95_of_its_runs_in_order_of_time(settings):
    for number, p95_ms in enumerate((100, 104, 131)):
        add_run(settings, number, p95_ms=p95_ms, outcome="fail" if number == 2 else "pass")
    add_run(settings, 9, scenario="other")
    other, series = overview(settings, 1)["series"]
    assert other["series"] == "other / staging / medium"
    assert (series["run_id"], series["state"], series["label"], series["sign"]) == ("run-2", "fail", "Fail", "✗")
    assert [(point["p95_ms"], point["state"]) for point in series["trend"]] == [(100, "pass"), (104, "pass"), (131, "fail")]


def test_a_trend_holds_only_what_can_be_compared(settings):
    add_run(settings, 0, p95_ms=100)
    add_run(settings, 1, p95_ms=900, outcome="invalid")
    add_run(settings, 2, p95_ms=901, slowdown="GET /x=+800ms")
    other_load = add_run(settings, 3, p95_ms=902)
    metrics = RunMetrics.read(other_load.metrics)
    metrics.model_copy(update={"run": metrics.run.model_copy(update={"digest": "another"})}).write(other_load.metrics)
    add_run(settings, 4, outcome=None)
    add_run(settings, 5, run_id="run-5-confirm-1", p95_ms=903)
    add_run(settings, 6, p95_ms=101)
    [series] = overview(settings, 30)["series"]
    assert [point["p95_ms"] for point in series["trend"]] == [100, 101]


def test_a_trend_is_bounded(settings):
    for number in range(TREND_RUNS + 5):
        add_run(settings, number, p95_ms=number)
    [series] = overview(settings, 1)["series"]
    assert [point["p95_ms"] for point in series["trend"]] == list(range(5, TREND_RUNS + 5))


def test_a_run_that_was_rejected_does_not_replace_the_latest_verdict(settings):
    add_run(settings, 0, outcome="warn")
    add_run(settings, 1, outcome=None)
    data = overview(settings, 30)
    assert data["series"][0]["state"] == "warn"
    assert (data["runs"][0]["state"], data["runs"][0]["label"]) == ("not_run", "Not run")


def test_a_run_that_is_judged_again_is_read_again(settings):
    for at, outcome, label in ((100, "inconclusive", "Inconclusive"), (200, "fail", "Fail")):
        folder = add_run(settings, 1, outcome=outcome)
        os.utime(str(folder.verdict), (at, at))
        assert row(settings)["label"] == label
    assert not row(settings)["report"]
    folder.report.write_text("a report")
    assert row(settings)["report"]


def test_a_running_load_says_how_it_goes_and_which_task_stops_it(settings):
    folder = unfinished(settings)
    trigger_in_airflow(folder)
    write_progress(folder)
    assert row(settings)["state"] == "running"
    assert row(settings)["live"]["users"] == 5
    assert row(settings)["live"]["task"] == {"dag_id": "load_test", "dag_run_id": "manual__1", "task_id": "load_test.run_load"}


@pytest.mark.parametrize("dag_id", [None, "load_test_baseline"])
def test_a_load_that_the_dag_does_not_send_cannot_be_stopped_by_it(settings, dag_id):
    folder = unfinished(settings)
    if dag_id:
        trigger_in_airflow(folder, dag_id)
    write_progress(folder)
    assert row(settings)["live"]["task"] is None


def test_a_confirmation_that_runs_is_shown_with_the_run_that_it_confirms(settings):
    folder = add_run(settings, 1, without=("verdict",))
    trigger_in_airflow(folder)
    write_progress(add_run(settings, 2, run_id="run-1-confirm-2", without=MEASURED))
    live = row(settings)["live"]
    assert live["confirmation"] == "2"
    assert live["task"]["task_id"] == "regression.confirm_2"


def test_a_load_that_went_silent_does_not_run(settings):
    write_progress(unfinished(settings), age_s=3600)
    assert row(settings)["state"] == "no_verdict"
    assert "live" not in row(settings)
    assert row(settings)["sentence"] == "The load went silent 1h ago."


def test_an_unfinished_run_says_how_far_it_came(settings):
    folder = unfinished(settings)
    assert row(settings)["sentence"] == "Planned; no load has been sent (yet)."
    write_progress(folder)
    folder.attempt(1).load.write_text("{}")
    assert row(settings)["sentence"] == "The load has ended; not judged (yet)."


def test_a_refused_request_is_a_run_that_was_not_run(settings):
    build_run_folder(settings.runs_root, refused="Unknown profile 'x'.")
    assert (row(settings)["label"], row(settings)["sentence"]) == ("Not run", "Unknown profile 'x'.")
    assert overview(settings, 30)["series"] == []


def test_a_damaged_file_is_named_without_where_it_is(settings):
    folder = add_run(settings, 1)
    folder.verdict.write_text("{")
    assert row(settings)["label"] == "Damaged"
    assert row(settings)["series"] == "example / staging / medium"
    assert "verdict.json is not valid JSON" in row(settings)["sentence"]
    assert str(settings.home) not in row(settings)["sentence"]


def test_no_runs_root_is_no_run(settings):
    assert overview(settings, 30) == {"runs": [], "series": [], "schedules": []}


def test_the_dashboard_says_what_is_muted_by_whom_and_until_when(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_INCLUDE", str(settings.include))
    mute = Mute(endpoint="GET /b", reason="index is being built", by="ada", expires=datetime(2126, 12, 24, tzinfo=UTC))
    targets = tuple(Target(endpoint=name, metric="p95_ms", limit=100) for name in ("GET /a", "GET /b"))
    plan = make_plan(targets=targets, criteria=Criteria(muted=(mute,)))
    values = np.linspace(10, 30, 400)
    folder = write_run(settings.runs_root, plan, {"GET /a": values, "GET /b": values * 20})
    check(folder)
    conclude(folder)
    row = Run(folder).as_row()
    assert row["label"] == "Pass"
    assert row["sentence"].endswith("; muted by ada until 2126-12-24: GET /b p95 580 ms")


def test_the_dashboard_knows_all_schedules(tmp_path: Path, settings: Settings) -> None:
    build_schedules(build_include(tmp_path), nightly="0 2 * * *", weekly="0 3 * * MON")
    (settings.schedules / "broken.yaml").write_text("cron: sometimes\n")
    build_run_folder(settings.runs_root, scenario="toy", environment="healthy", profile="smoke", outcome="pass")
    broken, nightly, weekly = overview(settings, 10)["schedules"]
    assert broken["state"] == "damaged" and "five fields" in broken["sentence"] and str(tmp_path) not in broken["sentence"]
    assert (nightly["state"], nightly["when"], nightly["series"]) == ("pass", "0 2 * * * (UTC)", "toy / healthy / smoke")
    assert datetime.fromisoformat(weekly["next_at"]) > datetime.now(UTC)
