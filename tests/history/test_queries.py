"""What series, summaries and drift get to see: comparable, valid, natural runs, in order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from loadtest.gate.records.verdicts import RegressionReport
from loadtest.history.acknowledgements import accept, false_alarm, mute, withdraw
from loadtest.history.context import Known, known_of
from loadtest.history.database import writing
from loadtest.history.queries import all_series, counts, drift_series, metric_table, recent_runs, summaries
from loadtest.history.record import record_run
from loadtest.history.tables import Run
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.support.run_folders import ENDPOINTS, STARTED_AT, build_run_folder

SERIES = ("example", "staging", "medium")


@pytest.fixture
def add(installation: Path, url):
    def add(run_id: str, day: int, outcome="pass", change=None, **options) -> RunFolder:
        started_at = STARTED_AT + timedelta(days=day)
        folder = build_run_folder(installation / "runs", run_id=run_id, outcome=outcome, started_at=started_at, **options)
        if change:
            Plan.read(folder.plan).model_copy(update=change).write(folder.plan)
        record_run(folder, url)
        return folder

    return add


def ids(points) -> list[str]:
    return [point.run_id for point in points]


def test_a_series_is_in_order_of_time_whatever_the_order_of_recording(add, url):
    add("b", 2)
    add("a", 1)
    add("c", 3)
    assert ids(metric_table(*SERIES, ["p95_ms"], database_url=url)[ENDPOINTS[0], "p95_ms"]) == ["a", "b", "c"]
    since = STARTED_AT + timedelta(days=2)
    assert ids(metric_table(*SERIES, ["p95_ms"], since=since, database_url=url)[ENDPOINTS[0], "p95_ms"]) == ["b", "c"]
    assert [run.run_id for run in recent_runs(*SERIES, database_url=url)] == ["c", "b", "a"]


def test_invalid_confirming_and_artificial_runs_are_no_part_of_a_series(add, url):
    add("good", 1)
    add("invalid", 2, outcome="invalid")
    add("not-run", 3, outcome=None)
    add("confirms", 4, change={"confirms": "good"})
    add("slowed", 5, change={"slowdown": "GET /health=+400ms"})
    assert ids(metric_table(*SERIES, ["p95_ms"], database_url=url)[ENDPOINTS[0], "p95_ms"]) == ["good"]
    assert ids(summaries(*SERIES, database_url=url)) == ["good"]
    assert counts(*SERIES, database_url=url) == {"pass": 2, "invalid": 1, "not_run": 1}


def test_several_metrics_of_all_endpoints_come_in_one_question(add, url):
    add("a", 1, endpoints=2)
    add("b", 2, endpoints=3)
    table = metric_table(*SERIES, ["lm", "log_p95"], database_url=url)
    assert ids(table[ENDPOINTS[0], "lm"]) == ["a", "b"]
    assert ids(table[ENDPOINTS[2], "log_p95"]) == ["b"]


def test_drift_sees_accepted_comparable_runs_since_the_anchor(add, url):
    add("before", -5)
    add("anchor", 0)
    add("plain", 1)
    add("slower", 2, outcome="fail")
    add("other-load", 3, change={"digest": "0123456789abcdef"})
    plan = Plan.read(add("now", 4).plan)
    found = drift_series(plan, since=STARTED_AT, database_url=url)
    assert ids(found) == ["anchor", "plain"]
    host = plan.host_class.model_copy(update={"cores": 64})
    assert drift_series(plan.model_copy(update={"host_class": host}), database_url=url) == []


def test_a_failed_run_joins_drift_once_a_person_accepts_it_and_leaves_when_that_is_withdrawn(add, url):
    add("slower", 1, outcome="fail")
    add("wrong", 2, outcome="fail")
    assert summaries(*SERIES, database_url=url) == []
    acceptance = accept("slower", reason="new feature", by="ada", database_url=url)
    false_alarm("wrong", reason="noisy neighbor", by="ada", database_url=url)
    assert ids(summaries(*SERIES, database_url=url)) == ["slower", "wrong"]
    withdraw(acceptance.id[:8], by="grace", database_url=url)
    assert ids(summaries(*SERIES, database_url=url)) == ["wrong"]


def test_a_run_that_failed_by_drift_alone_still_counts_for_drift(add, installation, url):
    folder = add("drifted", 1, outcome="fail")
    from loadtest.gate.records.verdicts import Verdict
    from loadtest.vocabulary import Criterion

    verdict = Verdict.read(folder.verdict)
    findings = tuple(
        finding.model_copy(update={"criterion": Criterion.DRIFT}) if finding.outcome is Outcome.FAIL else finding
        for finding in verdict.findings
    )
    verdict.model_copy(update={"findings": findings}).write(folder.verdict)
    record_run(folder, url)
    assert ids(summaries(*SERIES, database_url=url)) == ["drifted"]


def test_summaries_survive_exactly(add, url):
    folder = add("a", 1, hostile=True)
    assert summaries(*SERIES, database_url=url) == [RegressionReport.read(folder.regression_report).summary]


def test_every_series_is_listed(add, url):
    add("a", 1)
    add("b", 2, profile="smoke", environment="local")
    assert all_series(database_url=url) == [("example", "local", "smoke"), SERIES]


def test_the_gate_learns_what_is_muted_for_its_own_profile_only(add, monkeypatch, url):
    monkeypatch.setenv("LOADTEST_DATABASE_URL", url)
    plan = Plan.read(add("a", 1).plan)
    add("b", 2)
    expires_at = datetime.now(UTC) + timedelta(days=1)
    for profile in ("medium", "smoke"):
        mute(ENDPOINTS[0], reason=f"known for {profile}", by="ada", expires_at=expires_at, all_scenarios=True, profile=profile)
    known = known_of(plan)
    assert [item.reason for item in known.mutes] == ["known for medium"]
    assert ids(known.earlier) == ["b"]


def test_a_history_that_is_away_costs_the_gate_nothing_but_mutes_and_drift(add, monkeypatch):
    plan = Plan.read(add("a", 1).plan)
    monkeypatch.setenv("LOADTEST_DATABASE_URL", "postgresql://me:s3cret@127.0.0.1:1/history")
    assert known_of(plan) == Known()


def test_a_summary_of_another_version_is_left_out_with_a_warning(add, url, caplog):
    add("a", 1)
    add("b", 2)
    with writing(url) as session:
        session.execute(update(Run).where(Run.run_id == "a").values(summary='{"of": "the future"}'))
    assert ids(summaries(*SERIES, database_url=url)) == ["b"]
    assert "cannot be read" in caplog.text
