"""Mutes hide what they name, for as long as they say; required endpoints are missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.criteria import apply_mutes, judge_required, tolerance_of
from loadtest.planning.criteria import Criteria, EndpointCriteria, Mute
from loadtest.vocabulary import Criterion, Evidence, Outcome
from tests.gate.run_facts import make_endpoint, make_metrics, make_plan

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SLOW = Finding(criterion=Criterion.TARGET, outcome=Outcome.FAIL, sentence="slow", endpoint="GET /a", metric="p95_ms")


def mute(**changes: object) -> Mute:
    facts = {"endpoint": "GET /a", "metric": "p95_ms", "reason": "known, ticket 12", "by": "ada"}
    return Mute(**(facts | {"expires": NOW + timedelta(days=7)} | changes))


def test_a_mute_says_who_until_when_and_why() -> None:
    (finding,) = apply_mutes([SLOW], [mute()], NOW)
    assert finding.muted and not finding.counts
    assert finding.mute_reason == "muted by ada until 2026-11-30: known, ticket 12"


def test_an_expired_mute_hides_nothing_and_says_so() -> None:
    (finding,) = apply_mutes([SLOW], [mute(expires=NOW - timedelta(days=1))], NOW)
    assert finding.counts
    assert finding.mute_reason == "mute expired on 2026-11-22: known, ticket 12"


def test_an_expiry_without_a_time_zone_is_utc() -> None:
    assert apply_mutes([SLOW], [mute(expires=datetime(2026, 11, 24))], NOW)[0].muted


def test_other_endpoints_and_metrics_stay() -> None:
    assert apply_mutes([SLOW], [mute(endpoint="GET /b")], NOW)[0].counts
    assert apply_mutes([SLOW], [mute(metric="p99_ms")], NOW)[0].counts
    assert apply_mutes([SLOW], [mute(endpoint=None)], NOW)[0].muted
    assert apply_mutes([SLOW], [mute(metric=None)], NOW)[0].muted


def test_doubts_about_the_measurement_cannot_be_muted() -> None:
    everything = mute(endpoint=None, metric=None)
    for criterion in (Criterion.VALIDITY, Criterion.CONTRACT):
        doubt = Finding(criterion=criterion, outcome=Outcome.INVALID, sentence="worker lost")
        assert apply_mutes([doubt], [everything], NOW)[0].counts


def test_a_load_that_was_stopped_early_cannot_be_muted() -> None:
    abort = Finding(
        criterion=Criterion.ERRORS, outcome=Outcome.FAIL, sentence="stopped", metric="error_rate", evidence={"rule": "abort"}
    )
    for everything in (mute(endpoint=None, metric=None), mute(endpoint=None, metric="error_rate")):
        assert apply_mutes([abort], [everything], NOW)[0].counts


def test_passes_are_not_touched() -> None:
    passed = SLOW.model_copy(update={"outcome": Outcome.PASS})
    assert apply_mutes([passed], [mute()], NOW) == (passed,)


def test_required_endpoints_are_missed() -> None:
    criteria = Criteria(endpoints={"GET /a": EndpointCriteria(required=True), "GET /gone": EndpointCriteria(required=True)})
    metrics = make_metrics(make_endpoint("GET /a", 10), make_endpoint("GET /b", 10))
    (finding,) = judge_required(make_plan(criteria=criteria), metrics)
    assert (finding.endpoint, finding.outcome) == ("GET /gone", Outcome.FAIL)
    (finding,) = judge_required(make_plan(criteria=criteria, evidence=Evidence.INDICATIVE), metrics)
    assert finding.outcome is Outcome.WARN


def test_the_nearest_tolerance_counts() -> None:
    assert tolerance_of(make_plan(tolerance=0.25), "GET /a") == 0.25
    criteria = Criteria(tolerance=0.15, endpoints={"GET /a": EndpointCriteria(tolerance=0.5)})
    plan = make_plan(criteria=criteria, tolerance=0.25)
    assert tolerance_of(plan, "GET /a") == 0.5
    assert tolerance_of(plan, "GET /b") == tolerance_of(plan, None) == 0.15
