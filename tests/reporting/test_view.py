"""What a report says, before any channel renders it."""

from __future__ import annotations

import pytest

from loadtest.gate.records.verdicts import Verdict
from loadtest.reporting.inputs import read_run
from loadtest.reporting.view import MOST_EXEMPLARS, MOST_FAILURES, build_view
from loadtest.vocabulary import Outcome
from tests.support.run_folders import ENDPOINTS, build_run_folder

FILES = ("plan", "load", "metrics", "analysis", "regression_report", "verdict")


def test_a_failed_run_says_what_failed_and_what_to_do(view_of):
    view = view_of(outcome="fail")
    assert (view.outcome, view.outcome_label, view.judged) == (Outcome.FAIL, "Fail", True)
    assert view.sentence.startswith("GET /api/v1/students/{id} became 31 % slower (p95 24.1 → 31.6 ms)")
    assert view.slower[0].short == "GET /api/v1/students/{id} p95 24.1 → 31.6 ms, +31 % (+14 to +50 %)"
    assert view.steps[0].next_step
    assert [item.outcome for item in view.findings] == [Outcome.FAIL]
    assert all(item.outcome is Outcome.PASS for item in view.passed)
    assert "8 runs from 3 builds" in view.comparison


def test_the_worst_endpoint_comes_first_then_names(view_of):
    rows = view_of(outcome="fail").endpoints
    assert rows[0].endpoint == "GET /api/v1/students/{id}"
    assert rows[0].outcome is Outcome.FAIL
    assert (rows[0].change_text, rows[0].change_interval) == ("p95 +31 %", "+14 to +50 %")
    assert rows[0].targets == "p95 ≤ 72 ms"
    assert [row.endpoint for row in rows[1:]] == sorted(row.endpoint for row in rows[1:])


def test_an_endpoint_without_a_criterion_is_not_judged(view_of):
    view = view_of(outcome="pass", baseline_runs=0)
    unjudged = [row for row in view.endpoints if row.outcome is None]
    assert {row.endpoint for row in unjudged} == {"POST /api/v1/students", "POST /api/v1/enrollments", "GET /health"}
    assert view.endpoints[-1].outcome is None
    assert "no baseline yet" in view.comparison


def test_a_muted_failure_is_shown_but_not_counted(tmp_path):
    folder = build_run_folder(tmp_path, outcome="fail")
    verdict = Verdict.read(folder.verdict)
    muted = verdict.findings[0].model_copy(update={"muted": True, "mute_reason": "known, ticket 12"})
    verdict.model_copy(update={"findings": (muted, *verdict.findings[1:])}).write(folder.verdict)
    view = build_view(read_run(folder))
    row = next(row for row in view.endpoints if row.endpoint == "GET /api/v1/students/{id}")
    assert row.muted
    assert row.outcome is Outcome.PASS
    assert view.findings[0].muted
    assert view.findings[0].mute_reason == "known, ticket 12"


@pytest.mark.parametrize("missing", FILES)
def test_any_file_may_be_missing(view_of, missing):
    view = view_of(without=(missing,))
    assert view.sentence
    if missing == "verdict":
        assert not view.judged
        assert view.outcome is None
        assert view.outcome_label == "No verdict"
    words = {"plan": "no plan", "load": "No load was sent", "metrics": "no metrics.json"}
    words |= {"analysis": "no analysis.json", "verdict": "no verdict.json"}
    if missing in words:
        assert any(words[missing] in sentence for sentence in view.missing)


def test_nothing_at_all_still_says_so(tmp_path):
    folder = build_run_folder(tmp_path, without=FILES)
    view = build_view(read_run(folder))
    assert "no plan" in view.sentence
    assert not view.judged
    assert view.endpoints == ()


@pytest.mark.parametrize("damaged", FILES)
def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path, damaged):
    folder = build_run_folder(tmp_path)
    path = getattr(folder, damaged)
    path.write_text(path.read_text()[:-40])
    view = build_view(read_run(folder))
    assert any(sentence.startswith(f"{path.name} is not valid JSON") for sentence in view.missing)
    assert len(view.missing) == 1
    assert str(tmp_path) not in " ".join(view.missing)


def test_a_refused_request_shows_why(view_of):
    view = view_of(refused="Unknown profile 'x'; use one of smoke, light.", run_id="Bad ../id")
    assert (view.outcome, view.outcome_label) == (None, "Not run")
    assert view.sentence == "Unknown profile 'x'; use one of smoke, light."
    assert view.reproduce == ()


def test_a_request_refused_before_its_scenario_was_known_is_named_by_its_run(tmp_path):
    folder = build_run_folder(tmp_path, refused="Bad request.", run_id="r1")
    Verdict.read(folder.verdict).model_copy(update={"scenario": "", "environment": "", "profile": ""}).write(folder.verdict)
    assert build_view(read_run(folder)).title == "r1"


def test_many_failures_are_capped_and_counted(view_of):
    view = view_of(failures=100_000, failure_causes=2_000)
    assert len(view.failures) == MOST_FAILURES
    assert view.failures_omitted == 2_000 - MOST_FAILURES
    assert view.failures_total == 100_000
    assert len(view.exemplars) == MOST_EXEMPLARS


def test_the_slowest_requests_come_slowest_first(view_of):
    latencies = [row.latency_ms for row in view_of().exemplars]
    assert latencies == sorted(latencies, reverse=True)


def test_the_command_to_reproduce_sends_the_same_load(view_of):
    commands = dict(view_of().reproduce)
    assert commands["Run the same load again"] == (
        "loadtest run --scenario example --environment staging --profile medium --users 50 --spawn-rate 5 --duration 3m10s"
    )
    assert commands["Go to the code that was measured"].startswith("git checkout 6a1d209c")


def test_a_slowed_down_backend_is_announced_and_quoted_for_the_shell(tmp_path):
    from loadtest.planning.models import Plan

    folder = build_run_folder(tmp_path)
    Plan.read(folder.plan).model_copy(update={"slowdown": "GET /x=2; rm -rf $HOME"}).write(folder.plan)
    view = build_view(read_run(folder))
    assert any("slowed down on purpose" in notice for notice in view.notices)
    assert "--slowdown 'GET /x=2; rm -rf $HOME'" in dict(view.reproduce)["Run the same load again"]


def test_the_load_model_and_what_it_hides_are_told(view_of):
    facts = dict(view_of().plan_facts)
    assert facts["Load model"].startswith("Closed model")
    assert "not measured" in facts["Load model"]
    assert facts["Confirmation runs"].endswith("-c1, manual-20261123t020000z-0a1b2c-c2")


def test_facts_of_an_open_loop_run_and_a_broken_contract(tmp_path):
    from loadtest.analysis.models import ContractCheck, DataContract
    from loadtest.load.models import ArrivalFacts, HealthFacts, LoadResult
    from loadtest.planning.profiles import LoadModel

    folder = build_run_folder(tmp_path)
    changed = {
        "load_model": LoadModel.OPEN,
        "arrivals": ArrivalFacts(planned=9_000, started=8_990, late=12, dropped=10),
        "health": HealthFacts(checks=30, failures=2, longest_failure_s=4.2, last_error="\x1b[31mrefused"),
    }
    LoadResult.read(folder.load).model_copy(update=changed).write(folder.load)
    checks = (
        ContractCheck(name="a", passed=True, sentence="a is there"),
        ContractCheck(name="b", passed=False, sentence="b is not"),
    )
    DataContract(run_id=folder.run_id, passed=False, checks=checks, data_docs="data_docs/index.html").write(folder.data_contract)
    facts = dict(build_view(read_run(folder)).validity_facts)
    assert facts["Arrivals"] == "8,990 of 9,000 sent, 12 late, 10 dropped"
    assert facts["Health checks"] == "30, 2 failed (longest 4.2 s) refused"
    assert facts["Data contract"] == "1 of 2 checks passed"
    assert facts["b"] == "b is not"
    assert facts["Data docs"] == "data_docs/index.html in the run folder"


def test_only_web_addresses_become_links(view_of):
    assert view_of(airflow_url="https://airflow.example/dags/load_test").links
    assert view_of(airflow_url="javascript:alert(1)").links == ()


def test_hostile_names_are_still_told_apart(view_of):
    rows = view_of(hostile=True).endpoints
    names = [row.endpoint for row in rows]
    assert len(set(names)) == len(names) == len(ENDPOINTS) + 12


def test_an_attempt_that_was_lost_is_told_with_its_reason(tmp_path):
    from loadtest.load.models import LoadResult, StopReason

    folder = build_run_folder(tmp_path)
    assert read_run(folder).lost_attempts == ()
    load = LoadResult.read(folder.load).model_copy(update={"attempt": 3})
    load.write(folder.load)
    lost = {"attempt": 1, "stop_reason": StopReason.CRASHED, "error": "1 of 2 load-generating processes were lost (eu/1)"}
    load.model_copy(update=lost).write(folder.attempt(1).load)
    facts = dict(build_view(read_run(folder)).plan_facts)
    assert facts["Not believed, and measured again"] == (
        "attempt 1: 1 of 2 load-generating processes were lost (eu/1); attempt 2: left no result"
    )
