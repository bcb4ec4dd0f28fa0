"""A service that fails does not pass, whatever its targets and its baseline leave out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loadtest.analysis.models import EndpointMetrics, FailureGroup
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.criteria import apply_mutes
from loadtest.gate.rules.failures import judge_failures
from loadtest.planning.criteria import Mute, Target
from loadtest.vocabulary import Criterion, Evidence, Outcome
from tests.gate.run_facts import STARTED_AT, make_endpoint, make_metrics, make_plan

FINE = make_endpoint("GET /fine", 5000)


def judge(
    *rows: EndpointMetrics,
    targets: tuple[Target, ...] = (),
    compared: tuple[str, ...] = (),
    evidence: Evidence = Evidence.CONCLUSIVE,
    failures: tuple[FailureGroup, ...] = (),
) -> list[Finding]:
    return judge_failures(make_plan(targets=targets, evidence=evidence), make_metrics(*rows), compared, failures)


def error_target(endpoint: str | None, limit: float) -> Target:
    return Target(endpoint=endpoint, metric="error_rate", limit=limit)


def failed(endpoint: str, cause: str, count: int) -> FailureGroup:
    return FailureGroup(endpoint=endpoint, cause=cause, status=500, count=count, first_at=STARTED_AT, last_at=STARTED_AT)


def test_a_service_that_works_has_nothing_to_say() -> None:
    assert judge(FINE) == []
    assert judge(FINE, make_endpoint("GET /b", 900, 9)) == []  # 1 %, and not surely more


def test_every_request_failed() -> None:
    (finding,) = judge(make_endpoint("GET /a", 40, 40), make_endpoint("GET /b", 3, 3))
    assert (finding.criterion, finding.outcome, finding.endpoint) == (Criterion.ERRORS, Outcome.FAIL, None)
    assert finding.sentence == "every one of 43 requests failed"


@pytest.mark.parametrize("evidence", list(Evidence))
@pytest.mark.parametrize("compared", [(), ("GET /b",)])
def test_an_endpoint_that_never_succeeds_fails_the_run(evidence: Evidence, compared: tuple[str, ...]) -> None:
    causes = (failed("GET /b", "HTTP 404", 3), failed("GET /b", "HTTP 503", 897), failed("GET /fine", "timeout", 5000))
    (finding,) = judge(FINE, make_endpoint("GET /b", 900, 900), evidence=evidence, compared=compared, failures=causes)
    assert (finding.outcome, finding.endpoint) == (Outcome.FAIL, "GET /b")
    assert finding.sentence == "GET /b never succeeded: all 900 requests failed, mostly 'HTTP 503'"


def test_it_fails_the_run_even_if_its_target_would_allow_it() -> None:
    (finding,) = judge(FINE, make_endpoint("GET /b", 8, 8), targets=(error_target("GET /b", 1.0),))
    assert finding.outcome is Outcome.FAIL


def test_three_of_three_are_surely_too_many_and_two_are_no_proof() -> None:
    for n in (3, 7):
        assert [finding.outcome for finding in judge(FINE, make_endpoint("GET /b", n, n))] == [Outcome.FAIL]
    assert judge(FINE, make_endpoint("GET /b", 2, 2)) == []


def test_many_errors_that_nothing_allows_fail_and_the_sentence_says_what_to_do() -> None:
    (finding,) = judge(make_endpoint("GET /a", 1000, 490), failures=(failed("GET /a", "HTTP 500", 490),))
    assert (finding.outcome, finding.endpoint, finding.metric) == (Outcome.FAIL, "GET /a", "error_rate")
    assert finding.sentence == (
        "GET /a: 490 of 1,000 requests failed (49 %, significantly above 5 %), mostly 'HTTP 500'; "
        "fix it, or set an error_rate target for what is expected"
    )
    assert finding.interval[0] < 0.49 < finding.interval[1]


def test_a_target_of_its_own_judges_an_endpoint() -> None:
    assert judge(FINE, make_endpoint("GET /b", 1000, 50), targets=(error_target("GET /b", 0.1),)) == []


def test_a_target_of_all_requests_says_how_often_each_endpoint_may_fail() -> None:
    allowing = (error_target(None, 0.1),)
    assert judge(FINE, make_endpoint("GET /b", 1000, 50), targets=allowing) == []
    (finding,) = judge(FINE, make_endpoint("GET /b", 1000, 300), targets=allowing)
    assert finding.endpoint == "GET /b" and "significantly above 10 %" in finding.sentence


def test_a_baseline_that_failed_too_hides_nothing() -> None:
    rows = (make_endpoint("GET /a", 2000, 40), make_endpoint("GET /b", 1000, 60))
    (finding,) = judge(*rows, compared=("GET /a", "GET /b"))
    assert (finding.outcome, finding.endpoint) == (Outcome.WARN, None)
    assert finding.sentence.startswith(
        "100 of 3,000 requests failed (3.3 %, significantly above 1 %), most of GET /b (60 of 1,000); fix it"
    )
    assert judge(*rows, compared=("GET /a", "GET /b"), targets=(error_target(None, 0.05),)) == []


def test_what_is_told_of_an_endpoint_is_not_told_again_of_all() -> None:
    findings = judge(make_endpoint("GET /a", 100), make_endpoint("GET /b", 100, 50), make_endpoint("GET /c", 100, 100))
    assert [(finding.endpoint, finding.outcome) for finding in findings] == [
        ("GET /b", Outcome.FAIL),
        ("GET /c", Outcome.FAIL),
    ]


def test_errors_between_one_and_five_percent_are_a_warning_also_beside_a_baseline_that_knows_them() -> None:
    (finding,) = judge(FINE, make_endpoint("GET /b", 1000, 40))
    assert (finding.outcome, finding.reference) == (Outcome.WARN, 0.01)
    (finding,) = judge(FINE, make_endpoint("GET /b", 1000, 300), compared=("GET /b",))
    assert (finding.outcome, finding.reference) == (Outcome.FAIL, 0.05)


def test_no_mute_hides_that_nothing_succeeded() -> None:
    everything = Mute(reason="noisy week", expires=datetime.now(UTC) + timedelta(days=1))
    findings = judge(FINE, make_endpoint("GET /b", 1000, 50), make_endpoint("GET /c", 100, 100))
    assert [(finding.endpoint, finding.muted) for finding in apply_mutes(findings, [everything])] == [
        ("GET /b", True),
        ("GET /c", False),
    ]
    assert apply_mutes(judge(make_endpoint("GET /a", 9, 9)), [everything])[0].counts


def test_a_long_cause_is_cut() -> None:
    (finding,) = judge(make_endpoint("GET /a", 9, 9), failures=(failed("GET /a", "x" * 400, 9),))
    assert len(finding.sentence) < 160
