"""How much must be proven before a verdict is a pass."""

from __future__ import annotations

import pytest

from loadtest.gate.records.findings import Finding
from loadtest.planning.criteria import Criteria, EndpointCriteria
from loadtest.vocabulary import Criterion, Evidence, Outcome
from tests.gate.run_facts import make_plan
from tests.gate.verdicts import NOT_COMPARED, judged, regression


def test_a_pass_states_its_coverage() -> None:
    findings = [regression(f"GET /{i}", Outcome.PASS) for i in range(7)]
    findings += [regression("GET /x", Outcome.INCONCLUSIVE, 0.27), regression("GET /y", Outcome.INCONCLUSIVE, 0.22)]
    judgment = judged(*findings)
    assert judgment.outcome is Outcome.PASS
    assert judgment.sentence == "pass: 7 of 9 endpoints shown to be within 20 % of the baseline, 2 not (cannot exclude +27 %)"
    assert (judgment.coverage.judged, judgment.coverage.proven) == (9, 7)


def test_endpoints_with_tolerances_of_their_own() -> None:
    plan = make_plan(criteria=Criteria(endpoints={"GET /x": EndpointCriteria(tolerance=0.5)}))
    judgment = judged(regression("GET /a", Outcome.PASS), regression("GET /x", Outcome.PASS), plan=plan)
    assert judgment.sentence == "pass: 2 of 2 endpoints shown to be within their tolerances of the baseline"
    judgment = judged(regression("GET /x", Outcome.PASS), plan=plan)
    assert judgment.sentence == "pass: 1 of 1 endpoints shown to be within 50 % of the baseline"


def test_no_bound_within_the_tolerance_is_said_not_to_be_excluded() -> None:
    rare = regression("GET /x", Outcome.INCONCLUSIVE, 0.14, evidence={"typical_ms_high": 0.14, "tolerance": 0.2})
    assert judged(regression("GET /a", Outcome.PASS), rare).sentence == (
        "pass: 1 of 2 endpoints shown to be within 20 % of the baseline, 1 not (too few requests)"
    )


def test_less_than_half_proven_is_inconclusive() -> None:
    open_ones = [regression(f"GET /{i}", Outcome.INCONCLUSIVE, 0.4) for i in range(3)]
    assert judged(*open_ones, *[regression(f"GET /p{i}", Outcome.PASS) for i in range(3)]).outcome is Outcome.PASS
    assert judged(*open_ones, *[regression(f"GET /p{i}", Outcome.PASS) for i in range(2)]).outcome is Outcome.INCONCLUSIVE


def test_critical_endpoints_must_be_proven() -> None:
    plan = make_plan(criteria=Criteria(endpoints={"GET /x": EndpointCriteria(critical=True)}))
    findings = [*(regression(f"GET /{i}", Outcome.PASS) for i in range(7)), regression("GET /x", Outcome.INCONCLUSIVE, 0.27)]
    judgment = judged(*findings, plan=plan)
    assert judgment.outcome is Outcome.INCONCLUSIVE
    assert "critical endpoint GET /x is not shown to be within its limits" in judgment.reasons


def test_a_critical_endpoint_that_nobody_judged_is_not_proven() -> None:
    plan = make_plan(criteria=Criteria(endpoints={"GET /x": EndpointCriteria(critical=True)}))
    assert judged(regression("GET /a", Outcome.PASS), plan=plan).outcome is Outcome.INCONCLUSIVE


def test_a_muted_critical_endpoint_holds_nothing_up() -> None:
    plan = make_plan(criteria=Criteria(endpoints={"GET /x": EndpointCriteria(critical=True)}))
    hidden = regression("GET /x", Outcome.FAIL, 0.9, muted=True)
    assert judged(regression("GET /a", Outcome.PASS), hidden, plan=plan).outcome is Outcome.PASS


def test_an_unsettled_suspicion_is_never_a_pass() -> None:
    findings = [regression(f"GET /{i}", Outcome.PASS) for i in range(9)]
    judgment = judged(*findings[:-1], findings[-1].model_copy(update={"suspect": True}))
    assert judgment.outcome is Outcome.INCONCLUSIVE
    assert "did not settle" in judgment.sentence


@pytest.mark.parametrize("evidence", list(Evidence))
def test_an_endpoint_that_vanished_is_not_outvoted(evidence: Evidence) -> None:
    gone = [
        regression(f"GET /x{i}", Outcome.INCONCLUSIVE).model_copy(
            update={"interval": None, "n": 0, "evidence": {"missing": 1, "vanished": vanished}}
        )
        for i, vanished in enumerate((1, 1, 0))
    ]
    proven = [regression(f"GET /{i}", Outcome.PASS) for i in range(9)]
    judgment = judged(*proven, *gone, plan=make_plan(evidence=evidence))
    assert judgment.outcome is Outcome.INCONCLUSIVE
    assert judgment.sentence == (
        "inconclusive: GET /x0, GET /x1 are missing, with many requests in the baseline; "
        "9 of 12 endpoints shown to be within 20 % of the baseline, 3 not (missing)"
    )
    assert judged(*proven, gone[2]).outcome is Outcome.PASS


def test_nothing_judged_is_inconclusive() -> None:
    assert judged(comparison=NOT_COMPARED).outcome is Outcome.INCONCLUSIVE
    assert "no targets and no baseline" in judged(comparison=NOT_COMPARED).sentence


def test_a_demanded_baseline_that_lacks() -> None:
    plan = make_plan(criteria=Criteria(baseline_required=True))
    met = Finding(criterion=Criterion.TARGET, outcome=Outcome.PASS, sentence="met", endpoint="GET /a", metric="p95_ms", n=400)
    assert judged(met, comparison=NOT_COMPARED).outcome is Outcome.PASS
    judgment = judged(met, plan=plan, comparison=NOT_COMPARED)
    assert judgment.outcome is Outcome.INCONCLUSIVE
    assert "requires a comparison" in judgment.sentence


def test_host_and_throughput_doubts_are_not_outvoted() -> None:
    host = Finding(criterion=Criterion.GLOBAL, outcome=Outcome.INCONCLUSIVE, sentence="the host was 30 % slower")
    judgment = judged(*[regression(f"GET /{i}", Outcome.PASS) for i in range(9)], host)
    assert judgment.outcome is Outcome.INCONCLUSIVE
    assert judgment.sentence.startswith("inconclusive: the host was 30 % slower")
