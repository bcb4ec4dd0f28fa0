"""Each reason to distrust a measurement has its own sentence, and a healthy run has none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loadtest.gate.advice.recommendations import recommend
from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.rules.validity import judge_validity
from loadtest.gate.rules.validity_facts import Usual
from loadtest.load.abort import describe
from loadtest.load.models import AbortFacts, ArrivalFacts, HealthFacts, StopReason
from loadtest.planning.profiles import AbortCriterion, LoadModel
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import STARTED_AT, make_endpoint, make_load, make_metrics, make_plan, make_worker


def judged(**load: object) -> list[Finding]:
    return judge_validity(make_plan(), make_load(**load), make_metrics())


def test_a_healthy_run_raises_no_doubt() -> None:
    assert judged() == []


INVALID = [
    pytest.param({"samples": 0}, "no requests were recorded: nothing in 2m5s of load", id="zero requests"),
    pytest.param(
        {"stop_reason": StopReason.NOT_STARTED, "error": "No module named 'shop'.", "samples": 0, "workers": ()},
        "the load generator did not start: No module named 'shop'",
        id="not startable",
    ),
    pytest.param(
        {"stop_reason": StopReason.SIGNALED, "ended_at": STARTED_AT + timedelta(seconds=40)},
        "the load was stopped from outside after 40s of 2m5s",
        id="signal",
    ),
    pytest.param(
        {"stop_reason": StopReason.CRASHED, "exit_code": 1, "ended_at": STARTED_AT + timedelta(seconds=40)},
        "the load generator ended by itself after 40s of 2m5s: exit code 1, no completion marker",
        id="crash",
    ),
    pytest.param({"ended_at": STARTED_AT + timedelta(seconds=60)}, "ended after 1m of 2m5s", id="too short"),
    pytest.param({"expected_workers": 2}, "only 1 of 2 workers joined", id="worker missing"),
    pytest.param({"reached_users": 4}, "only 4 of 10 planned users were running", id="users not reached"),
    pytest.param({"steady_started_at": None, "steady_ended_at": None}, "the ramp was not finished", id="ramp"),
    pytest.param({"health": HealthFacts()}, "health was never checked", id="health unobserved"),
    pytest.param({"workers": (make_worker(lost=True, completed=False),)}, "worker local/1 was lost", id="worker lost"),
    pytest.param({"workers": (make_worker(completed=False),)}, "never said that it completed", id="worker incomplete"),
    pytest.param({"workers": (make_worker(saturated_share=0.35),)}, "saturated for 35 % of the steady phase", id="saturated"),
    pytest.param({"workers": (make_worker(saturated_share=None),)}, "did not observe its own CPU", id="saturation unknown"),
    pytest.param({"workers": (make_worker(loop_overshoot_median_ms=7.5),)}, "ran 7.50 ms late", id="overshoot"),
    pytest.param({"running_users_share": 0.4}, "only 40 % of the planned users were running in the steady", id="users ended"),
    pytest.param(
        {"task_errors": 60, "task_error": "KeyError: 'token'"},
        "60 uncaught exceptions in scenario tasks (first: KeyError: 'token'): users did not do what the scenario says",
        id="task errors",
    ),
    pytest.param({"lost_samples": 12}, "12 requests were recorded but never reached the run folder", id="samples lost"),
    pytest.param({"unknown_names": 3}, "the names of 3 requests were lost", id="names lost"),
    pytest.param({"workers": (make_worker(observed_share=0.5),)}, "observed itself in only 50 % of the steady", id="half seen"),
    pytest.param({"workers": (make_worker(stalled_share=0.2),)}, "was stalled for 20 % of the steady phase", id="stalled"),
    pytest.param({"workers": (make_worker(max_clock_step_ms=-3600000.0),)}, "jumped by 3,600,000 ms", id="clock"),
]


@pytest.mark.parametrize(("spoiled", "sentence"), INVALID)
def test_each_doubt_is_invalid_and_says_why(spoiled: dict, sentence: str) -> None:
    findings = judged(**spoiled)
    assert [finding.outcome for finding in findings] == [Outcome.INVALID]
    assert sentence in findings[0].sentence
    assert findings[0].criterion is Criterion.VALIDITY
    assert findings[0].evidence["rule"]


@pytest.mark.parametrize(("spoiled", "sentence"), INVALID)
def test_each_doubt_comes_with_advice(spoiled: dict, sentence: str) -> None:
    (advice,) = recommend(make_plan(), judged(**spoiled), Comparison(compared=False, reason="no baseline yet"))
    assert sentence in advice.evidence and advice.next_step


def test_every_lost_worker_is_named() -> None:
    workers = tuple(make_worker(f"local/{number}", lost=True, completed=False) for number in (1, 2))
    sentences = [finding.sentence for finding in judged(workers=workers, expected_workers=2)]
    assert len(sentences) == 2
    assert all(f"local/{number}" in sentence for number, sentence in zip((1, 2), sentences, strict=True))


def test_overshoot_is_measured_against_slow_answers() -> None:
    load = make_load(workers=(make_worker(loop_overshoot_median_ms=7.5),))
    slow = make_metrics(make_endpoint("GET /a", 500)).model_copy(
        update={"total": make_endpoint("Total", 500, p50_ms=200.0, p95_ms=300.0)}
    )
    assert judge_validity(make_plan(), load, slow) == []


@pytest.mark.parametrize(("in_flight", "outcomes"), [(1, []), (2, [Outcome.WARN]), (5, [Outcome.FAIL])])
def test_requests_without_an_answer_are_not_forgotten(in_flight: int, outcomes: list[Outcome]) -> None:
    findings = judged(in_flight_at_end=in_flight)
    assert [finding.outcome for finding in findings] == outcomes
    assert all(f"{in_flight} requests had no answer" in finding.sentence for finding in findings)


def test_an_arrival_in_a_hundred_without_an_answer_fails_whatever_the_limit_of_concurrency_is() -> None:
    plan = make_plan(load_model=LoadModel.OPEN, users=0, arrivals_per_s=1, max_concurrency=1000)
    load = {"load_model": LoadModel.OPEN, "arrivals": ArrivalFacts(planned=125, started=125, late=0, dropped=0)}
    (finding,) = judge_validity(plan, make_load(in_flight_at_end=60, **load), make_metrics())
    assert (finding.outcome, finding.evidence["rule"]) == (Outcome.FAIL, "unanswered")


def test_the_endpoints_that_hang_are_named() -> None:
    (finding,) = judged(in_flight_at_end=6, unanswered={"GET /a": 6})
    assert finding.endpoint == "GET /a" and "(GET /a: 6)" in finding.sentence


@pytest.mark.parametrize(("late", "outcomes"), [(1, []), (10, [Outcome.WARN]), (60, [Outcome.INVALID])])
def test_late_arrivals_are_the_generator_s_own_delay(late: int, outcomes: list[Outcome]) -> None:
    plan = make_plan(load_model=LoadModel.OPEN, users=0, arrivals_per_s=1)
    arrivals = ArrivalFacts(planned=125, started=125, late=late, dropped=0)
    findings = judge_validity(plan, make_load(load_model=LoadModel.OPEN, arrivals=arrivals), make_metrics())
    assert [finding.outcome for finding in findings] == outcomes


def test_exceptions_of_tasks_that_follow_from_failed_answers_leave_the_verdict_to_the_failures() -> None:
    metrics = make_metrics(make_endpoint("GET /a", 300, errors=60), make_endpoint("GET /b", 200))
    (finding,) = judge_validity(make_plan(), make_load(task_errors=60, task_error="KeyError: 'id'"), metrics)
    assert (finding.outcome, finding.evidence["rule"]) == (Outcome.WARN, "some_task_errors")


def test_users_that_ended_are_told_with_their_reason() -> None:
    findings = judged(running_users_share=0.1, task_errors=9, task_error="KeyError: 'token'")
    assert "the others had ended, 9 uncaught exceptions in scenario tasks (first: KeyError: 'token')" in findings[0].sentence


def test_users_that_stopped_themselves_are_no_ramp_that_was_too_short() -> None:
    (finding,) = judged(reached_users=0, users_quit=2)
    assert "2 users ended of their own accord (StopUser)" in finding.sentence
    assert finding.evidence["rule"] == "users_ended"


def test_a_load_that_the_scenario_ended_is_told_once() -> None:
    ended = {"stop_reason": StopReason.CRASHED, "ended_at": STARTED_AT + timedelta(seconds=9), "reached_users": 0}
    (finding,) = judged(own_ending="runner.quit(), locustfile.py line 8", **ended)
    assert finding.sentence == "the scenario itself ended the load after 9s of 2m5s: runner.quit(), locustfile.py line 8"


def test_a_check_of_the_scenarios_own_that_failed_is_a_warning() -> None:
    (finding,) = judged(own_exit_code=1)
    assert (finding.outcome, finding.evidence["exit_code"]) == (Outcome.WARN, 1)


def test_a_fleet_must_have_the_scenario_of_the_plan_and_no_more_members_than_asked_for() -> None:
    plan = make_plan(remote_workers=2)
    fleet = [make_worker(f"eu/{number}", scenario_digest="") for number in (0, 1)]
    assert judge_validity(plan, make_load(workers=tuple(fleet), expected_workers=2), make_metrics()) == []
    fleet.append(make_worker("eu/2", scenario_digest="old"))
    findings = judge_validity(plan, make_load(workers=tuple(fleet), expected_workers=2), make_metrics())
    assert [finding.evidence["rule"] for finding in findings] == ["workers_surplus", "other_scenario"]
    assert {finding.outcome for finding in findings} == {Outcome.INVALID}


def test_metrics_that_were_never_computed() -> None:
    (finding,) = judge_validity(make_plan(), make_load(), None)
    assert finding.outcome is Outcome.INVALID
    assert "metrics.json is missing" in finding.sentence


def test_a_steady_phase_without_requests() -> None:
    (finding,) = judge_validity(make_plan(), make_load(), make_metrics(make_endpoint("GET /a", 0)))
    assert finding.outcome is Outcome.INVALID
    assert "no request started in the steady phase" in finding.sentence


def test_closed_loop_under_half_of_the_baseline_throughput() -> None:
    metrics = make_metrics()
    (finding,) = judge_validity(make_plan(), make_load(), metrics, Usual(metrics.total.rps * 2.1, latency_rise_ms=1))
    assert finding.outcome is Outcome.INVALID
    assert "too few requests" in finding.sentence
    assert judge_validity(make_plan(), make_load(), metrics, Usual(metrics.total.rps * 1.9, latency_rise_ms=1)) == []


def test_users_who_wait_longer_send_less_and_that_is_no_fault_of_the_measurement() -> None:
    metrics = make_metrics()  # 10 users, 4.17 requests per second: 2.4 s per request and user, 0.8 s in the baseline
    (finding,) = judge_validity(make_plan(), make_load(), metrics, Usual(metrics.total.rps * 3, latency_rise_ms=1500))
    assert finding.outcome is Outcome.WARN
    assert finding.sentence.startswith("few requests, because answers took 1,500 ms longer: 4.17 per second")
    (finding,) = judge_validity(make_plan(), make_load(), metrics, Usual(metrics.total.rps * 3, latency_rise_ms=700))
    assert finding.outcome is Outcome.INVALID


def test_open_loop_compares_sent_with_planned_arrivals() -> None:
    def judged_open(started: int) -> list[Finding]:
        arrivals = ArrivalFacts(planned=1000, started=started, late=3, dropped=1000 - started)
        return judged(load_model=LoadModel.OPEN, arrivals=arrivals, reached_users=0, planned_users=0)

    (finding,) = judged_open(989)
    assert "only 989 of 1,000 planned arrivals were sent" in finding.sentence
    assert judged_open(990) == []
    (finding,) = judged(load_model=LoadModel.OPEN, arrivals=None)
    assert "arrivals were not recorded" in finding.sentence


ABORTED = {
    "stop_reason": StopReason.ABORTED,
    "ended_at": STARTED_AT + timedelta(seconds=30),
    "steady_started_at": None,
    "steady_ended_at": None,
    "reached_users": 4,
    "abort": AbortFacts(criterion="error_rate above 0.5 for 10s", value=0.63, at=STARTED_AT + timedelta(seconds=30)),
}


def judged_abort(**asked: object) -> Finding:
    """An abort of a plan that asked for it."""
    criterion = AbortCriterion(**({"metric": "error_rate", "above": 0.5, "for": 10} | asked))
    abort = ABORTED["abort"].model_copy(update={"criterion": describe(criterion), "value": 0.63})
    if criterion.metric != "error_rate":
        abort = abort.model_copy(update={"value": 6400.0})
    plan = make_plan(abort_when=(criterion,))
    (finding,) = judge_validity(plan, make_load(**(ABORTED | {"abort": abort})), make_metrics())
    return finding


def test_an_abort_criterion_is_a_failure_of_the_service_not_of_the_measurement() -> None:
    finding = judged_abort()
    assert (finding.criterion, finding.outcome) == (Criterion.ERRORS, Outcome.FAIL)
    assert finding.sentence == "load stopped early, after 30s: error rate > 50 % for 10s (it was 63 %)"


def test_an_abort_by_latency_speaks_milliseconds_and_names_the_endpoint() -> None:
    finding = judged_abort(metric="p95_ms", above=5000, endpoint="GET /a")
    assert (finding.criterion, finding.endpoint) == (Criterion.TARGET, "GET /a")
    assert finding.sentence == "load stopped early, after 30s: GET /a p95 > 5,000 ms for 10s (it was 6,400 ms)"


def test_an_abort_that_the_plan_does_not_know_is_told_as_recorded() -> None:
    (finding,) = judged(**ABORTED)
    assert finding.sentence.endswith("error_rate above 0.5 for 10s (it was 63 %)")


def test_a_load_too_short_for_a_health_check_is_not_blamed_for_having_none() -> None:
    ended = STARTED_AT + timedelta(seconds=3)
    assert judged(ended_at=ended, steady_ended_at=ended, planned_duration_s=3.0, health=HealthFacts()) == []
