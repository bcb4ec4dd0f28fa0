"""A run folder becomes rows, once, whatever its texts hold; damaged or unfinished folders are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.history.models import TOTAL, HistoryStatus
from loadtest.history.queries import metric_table, recent_runs, run_entry, summaries
from loadtest.history.record import entry_of, record_run
from loadtest.history.text import endpoint_key
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.support.run_folders import ENDPOINTS, STARTED_AT, build_run_folder


@pytest.fixture
def runs(installation: Path) -> Path:
    return installation / "runs"


def test_a_run_is_found_again_with_all_it_measured(runs):
    folder = build_run_folder(runs, outcome="fail", pull_request=12)
    record_run(folder)
    (run,) = recent_runs("example", "staging", "medium")
    assert (run.run_id, run.outcome, run.status) == (folder.run_id, Outcome.FAIL, HistoryStatus.JUDGED)
    assert (run.started_at, run.pull_request, run.branch, run.trigger_kind) == (STARTED_AT, 12, "main", "push")
    entry = run_entry(run.run_id)
    assert entry.findings == entry_of(folder).findings
    values = {(row.endpoint, row.metric): row for row in entry.metrics}
    assert values[ENDPOINTS[0], "p95_ms"].value > 0
    assert values[ENDPOINTS[0], "lm"].variance == 0.0004
    assert values[ENDPOINTS[0], "server_db_p95_ms"].n == values[ENDPOINTS[0], "p95_ms"].n
    assert values[TOTAL, "p95_ms"].value == 101.0


def test_recording_twice_changes_nothing(runs):
    folder = build_run_folder(runs)
    record_run(folder)
    first = run_entry(folder.run_id)
    record_run(folder)
    assert run_entry(folder.run_id) == first
    assert len(recent_runs()) == 1


def test_a_second_verdict_replaces_the_first_one(runs):
    record_run(build_run_folder(runs, outcome="fail"))
    record_run(build_run_folder(runs, outcome="pass", endpoints=3))
    (run,) = recent_runs()
    assert run.outcome is Outcome.PASS
    assert {row.endpoint for row in run_entry(run.run_id).metrics} == {*ENDPOINTS[:3], TOTAL}


def test_a_run_without_load_is_kept_as_not_run(runs):
    record_run(build_run_folder(runs, outcome=None))
    record_run(build_run_folder(runs, run_id="other", refused="Profile 'x' does not exist."))
    assert {(run.status, run.outcome) for run in recent_runs()} == {(HistoryStatus.NOT_RUN, None)}


def test_a_refused_second_request_does_not_unmake_a_verdict(runs):
    record_run(build_run_folder(runs, run_id="push-1", outcome="pass"))
    record_run(build_run_folder(runs, run_id="push-1", refused="There is a run of this id already."))
    (run,) = recent_runs()
    assert run.outcome is Outcome.PASS


def test_an_unfinished_or_damaged_folder_is_refused_in_a_sentence(runs):
    unfinished = build_run_folder(runs, run_id="a", without=("verdict", "metrics"))
    with pytest.raises(ConfigurationError, match=r"neither verdict\.json nor metrics\.json"):
        record_run(unfinished)
    damaged = build_run_folder(runs, run_id="b")
    damaged.metrics.write_text('{"half":')
    with pytest.raises(ConfigurationError, match="not valid JSON"):
        record_run(damaged)
    assert recent_runs() == []


def test_numbers_without_a_verdict_are_kept_as_measured(runs):
    record_run(build_run_folder(runs, without=("verdict",)))
    (run,) = recent_runs()
    assert (run.status, run.outcome) == (HistoryStatus.MEASURED, None)


def confirmed(runs: Path, run_id: str) -> RunFolder:
    """A failed run with two confirmation runs beside it, as the DAG leaves them."""
    folder = build_run_folder(runs, run_id=run_id, outcome="fail")
    for suffix in ("c1", "c2"):
        sibling = build_run_folder(runs, run_id=f"{run_id}-{suffix}", without=("verdict", "regression_report"))
        from loadtest.planning.models import Plan

        Plan.read(sibling.plan).model_copy(update={"confirms": run_id}).write(sibling.plan)
    return folder


def test_confirmation_runs_are_recorded_but_stay_out_of_the_series(runs):
    folder = confirmed(runs, "weekly-1")
    record_run(folder)
    assert [run.run_id for run in recent_runs()] == ["weekly-1"]
    assert len(recent_runs(confirmations=True)) == 3
    series = metric_table("example", "staging", "medium", ["p95_ms"])[ENDPOINTS[0], "p95_ms"]
    assert [point.run_id for point in series] == ["weekly-1"]


def test_a_confirmation_id_cannot_lead_out_of_the_folder(runs):
    folder = build_run_folder(runs, outcome="fail")
    outside = build_run_folder(runs / "elsewhere", run_id="x", without=("verdict",))
    report = RegressionReport.read(folder.regression_report)
    escape = f"../../../../elsewhere/example/staging/medium/{outside.run_id}"
    report.model_copy(update={"confirmation_runs": (escape,)}).write(folder.regression_report)
    record_run(folder)
    assert [run.run_id for run in recent_runs(confirmations=True)] == [folder.run_id]


def test_hostile_and_endless_names_are_kept_apart(runs):
    endless = "GET /" + "\U0001f40c" * 600
    folder = build_run_folder(runs, endpoints=[endless, endless + "x", "GET /nul\x00"], outcome="pass")
    record_run(folder)
    names = {row.endpoint for row in run_entry(folder.run_id).metrics} - {TOTAL}
    assert len(names) == 3
    assert all(len(name) <= 500 and "\x00" not in name for name in names)
    assert len(metric_table("example", "staging", "medium", ["p95_ms"])[endpoint_key(endless), "p95_ms"]) == 1
    record_run(build_run_folder(runs, run_id="hostile", hostile=True))
    assert len(run_entry("hostile").findings) > 20


def test_summaries_come_back_as_the_gate_wrote_them(runs):
    folder = build_run_folder(runs, outcome="pass")
    record_run(folder)
    report = RegressionReport.read(folder.regression_report)
    assert summaries("example", "staging", "medium") == [report.summary]
