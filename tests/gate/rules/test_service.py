"""A service that fails under load is a result; only what the rig did to it makes a run invalid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loadtest.gate.advice.recommendations import recommend
from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.rules.validity import judge_validity
from loadtest.load.models import (
    AbortFacts,
    HealthFacts,
    LoadModel,
    Outage,
    OutageKind,
    Restart,
    RestartFacts,
    ServiceDeath,
    StopReason,
)
from loadtest.planning.models import BackendCommand, Environment
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import STARTED_AT, make_load, make_metrics, make_plan, make_worker

AT_40_S = STARTED_AT + timedelta(seconds=40)
DEATH = ServiceDeath(at=AT_40_S, users=30, exit_code=1, last_lines=("starting", "MemoryError."))


def judged(**load: object) -> list[Finding]:
    return judge_validity(make_plan(), make_load(**load), make_metrics())


def outage(kind: OutageKind, duration_s: float = 22.0) -> HealthFacts:
    one = Outage(started_at=AT_40_S, duration_s=duration_s, failures=9, users=30, kind=kind)
    return HealthFacts(checks=60, failures=9, longest_failure_s=duration_s, last_error="because", outage_count=1, outages=(one,))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OutageKind.TIMEOUT, "the service stopped answering its health check for 22 s under 30 users: "),
        (OutageKind.REFUSED, "the service refused connections for 22 s under 30 users: "),
        (OutageKind.ANSWER, "the service answered that it was unhealthy for 22 s under 30 users: "),
    ],
)
def test_an_outage_fails_and_says_what_happened_under_which_load(kind: OutageKind, words: str) -> None:
    (finding,) = judged(health=outage(kind))
    assert (finding.criterion, finding.outcome) == (Criterion.SERVICE, Outcome.FAIL)
    assert finding.sentence == f"{words}9 of 60 health checks failed (because)"


def test_the_load_of_an_open_loop_is_its_rate() -> None:
    plan = make_plan(load_model=LoadModel.OPEN, users=0, arrivals_per_s=80)
    load = make_load(load_model=LoadModel.OPEN, health=outage(OutageKind.TIMEOUT))
    sentences = [each.sentence for each in judge_validity(plan, load, make_metrics()) if each.criterion is Criterion.SERVICE]
    assert "for 22 s under 80 arrivals/s" in sentences[0]


@pytest.mark.parametrize(
    ("checks", "failures", "longest_failure_s", "outcome"),
    [
        (1, 1, 0.5, Outcome.FAIL),
        (60, 1, 0.5, Outcome.WARN),
        (60, 2, 0.5, Outcome.FAIL),
        (900, 9, 1.0, Outcome.WARN),
        (900, 10, 1.0, Outcome.FAIL),
        (900, 1, 2.0, Outcome.FAIL),
    ],
)
def test_when_failed_health_checks_are_an_outage(checks: int, failures: int, longest_failure_s: float, outcome: Outcome) -> None:
    (finding,) = judged(health=HealthFacts(checks=checks, failures=failures, longest_failure_s=longest_failure_s))
    assert finding.outcome is outcome
    assert f"{failures} of {checks} health check" in finding.sentence


def test_a_slow_check_while_the_load_generator_stood_still_too_is_no_sure_failure() -> None:
    health = HealthFacts(checks=60, failures=1, longest_failure_s=2.5)
    findings = judged(health=health, workers=(make_worker(stalled_share=0.02),))
    assert {finding.outcome for finding in findings} == {Outcome.WARN}


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ({}, "the service's process ended with exit code 1 40s into the load, under 30 users; its last words: MemoryError"),
        ({"exit_code": None, "signal": "SIGKILL", "last_lines": ()}, "process was ended by SIGKILL 40s into the load, under 30"),
        ({"exit_code": None, "last_lines": ()}, "process ended (its exit code is not known) 40s"),
        (
            {"exit_code": None, "signal": "SIGKILL", "oom_kills": 1, "backend_memory_bytes": 2, "generator_memory_bytes": 1},
            "ended by SIGKILL because the host ran out of memory",
        ),
    ],
)
def test_a_death_fails_and_says_how(death: dict, words: str) -> None:
    (finding,) = judged(death=DEATH.model_copy(update=death))
    assert (finding.criterion, finding.outcome) == (Criterion.SERVICE, Outcome.FAIL)
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("death", "rule"),
    [
        ({"stopped_by_us": True}, "stopped_by_us"),
        ({"exit_code": None, "signal": "SIGKILL", "oom_kills": 1, "generator_memory_bytes": 2**30}, "out_of_memory"),
    ],
)
def test_what_the_rig_did_to_the_service_is_invalid(death: dict, rule: str) -> None:
    (finding,) = judged(death=DEATH.model_copy(update=death))
    assert (finding.criterion, finding.outcome, finding.evidence["rule"]) == (Criterion.VALIDITY, Outcome.INVALID, rule)
    (advice,) = recommend(make_plan(), [finding], Comparison(compared=False))
    assert advice.evidence == finding.sentence


@pytest.mark.parametrize("follows", [{"samples": 0}, {"reached_users": 4}, {"running_users_share": 0.2}])
def test_what_follows_from_a_dead_service_is_no_doubt_about_the_measurement(follows: dict) -> None:
    assert {finding.outcome for finding in judged(**follows)} == {Outcome.INVALID}
    assert {finding.outcome for finding in judged(**follows, death=DEATH)} == {Outcome.FAIL, Outcome.WARN}


def test_a_saturated_generator_stays_invalid_whatever_the_service_did() -> None:
    findings = judged(health=outage(OutageKind.TIMEOUT), workers=(make_worker(saturated_share=0.5),))
    assert Outcome.INVALID in {finding.outcome for finding in findings}


def test_an_abort_while_the_service_was_down_is_two_failures() -> None:
    at = STARTED_AT + timedelta(seconds=30)
    abort = AbortFacts(criterion="error_rate above 0.5 for 10s", value=0.63, at=at)
    findings = judged(stop_reason=StopReason.ABORTED, ended_at=at, abort=abort, health=outage(OutageKind.REFUSED))
    assert [finding.outcome for finding in findings] == [Outcome.FAIL, Outcome.FAIL]


OURS = Environment(name="ours", backend=BackendCommand(command=("serve", "{port}")))
FOREIGN = Environment(name="theirs", base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("facts", [{"death": DEATH}, {"health": outage(OutageKind.TIMEOUT)}])
def test_the_advice_speaks_of_the_service_and_only_our_own_has_a_log(facts: dict) -> None:
    findings = judged(**facts)
    for environment, where in ((OURS, "backend.log"), (FOREIGN, "the logs of the service at http://127.0.0.1:8000")):
        plan = make_plan().model_copy(update={"environment": environment})
        first = recommend(plan, findings, Comparison(compared=False))[0]
        assert "service" in first.title and where in first.next_step and first.evidence == findings[0].sentence


SIGNED = Environment.model_validate({"name": "staging", "base_url": "http://x", "restarts": {"from": "metrics"}})


def of_restarts(**facts: object) -> list[Finding]:
    load = make_load(restarts=RestartFacts.model_validate({"asked": 30, "answers": 29} | facts))
    plan = make_plan().model_copy(update={"environment": SIGNED})
    return [each for each in judge_validity(plan, load, make_metrics()) if each.criterion is Criterion.SERVICE]


def test_a_restart_fails_and_says_when_and_under_which_load() -> None:
    one = Restart(at=AT_40_S, users=30, before="17.5", after="99.25")
    (finding,) = of_restarts(restarts=(one,))
    assert finding.outcome is Outcome.FAIL
    assert finding.sentence == (
        "the service was started anew 40s into the load, under 30 users (its process_start_time_seconds went from 17.5 to 99.25)"
    )
    assert ", 2 times in all (" in of_restarts(restarts=(one, one))[0].sentence
    assert of_restarts() == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"in_turns": True}, "several processes answer in turns"),
        ({"answers": 0, "problem": "/metrics gave no answer"}, "no answer"),
    ],
)
def test_restarts_that_could_not_be_seen_are_told(facts: dict, words: str) -> None:
    (finding,) = of_restarts(**facts)
    assert finding.outcome is Outcome.WARN and words in finding.sentence
