"""Findings become a verdict: the worst one wins, a mute never makes it worse."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.verdict import judge_run
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome, worst
from tests.gate.run_facts import make_plan
from tests.gate.verdicts import COMPARED, NOT_COMPARED, judged, regression

findings_of_any_kind = st.builds(
    Finding,
    criterion=st.sampled_from(list(Criterion)),
    outcome=st.sampled_from(list(Outcome)),
    sentence=st.just("said"),
    endpoint=st.sampled_from([None, "GET /a", "GET /b", "GET /c"]),
    metric=st.sampled_from([None, "p95_ms"]),
    effect=st.none() | st.floats(-1, 10),
    n=st.none() | st.integers(0, 1000),
    suspect=st.booleans(),
    muted=st.booleans(),
)
any_evidence = st.sampled_from(list(Evidence))
any_comparison = st.sampled_from([COMPARED, NOT_COMPARED, None])


@given(st.lists(findings_of_any_kind, max_size=8), any_evidence, any_comparison)
def test_the_worst_counted_finding_wins(findings: list[Finding], evidence: Evidence, comparison: Comparison | None) -> None:
    judgment = judge_run(make_plan(evidence=evidence), findings, comparison)
    expected = worst([finding.outcome for finding in findings if not finding.muted])
    if expected in (Outcome.INVALID, Outcome.FAIL, Outcome.WARN):
        assert judgment.outcome is expected
    else:
        assert judgment.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert judgment.sentence.startswith(judgment.outcome.value)
    assert sorted(judgment.findings, key=repr) == sorted(findings, key=repr)  # nothing is dropped


@given(st.lists(findings_of_any_kind, min_size=1, max_size=8), any_evidence, any_comparison, st.data())
def test_muting_never_makes_it_worse(
    findings: list[Finding], evidence: Evidence, comparison: Comparison | None, data: st.DataObject
) -> None:
    plan = make_plan(evidence=evidence)
    hidden = data.draw(st.integers(0, len(findings) - 1))
    if findings[hidden].outcome is Outcome.PASS:
        return  # passes are never muted
    muted = [f.model_copy(update={"muted": True}) if i == hidden else f for i, f in enumerate(findings)]
    before, after = (judge_run(plan, each, comparison).outcome for each in (findings, muted))
    assert SEVERITY.index(after) >= SEVERITY.index(before)


def test_a_muted_doubt_of_an_indicative_run_leaves_it_a_pass() -> None:
    """The only thing that was judged was undecided, which passes there; hidden, nothing seemed to have been judged."""
    plan, undecided = make_plan(evidence=Evidence.INDICATIVE), regression("GET /a", Outcome.INCONCLUSIVE)
    assert judged(undecided, plan=plan).outcome is Outcome.PASS
    hidden = undecided.model_copy(update={"muted": True})
    assert judged(hidden, plan=plan).outcome is Outcome.PASS
    assert judged(hidden, plan=plan).sentence.startswith("pass (indicative): everything that was judged is muted; muted: GET /a")


def test_a_muted_failure_alone_makes_no_indicative_pass() -> None:
    plan = make_plan(evidence=Evidence.INDICATIVE)
    failed = Finding(
        criterion=Criterion.TARGET,
        outcome=Outcome.FAIL,
        sentence="GET /a p95 is 900 ms, target 100 ms",
        endpoint="GET /a",
        metric="p95_ms",
        observed=900.0,
        reference=100.0,
        n=40,
        muted=True,
    )
    assert judged(failed, plan=plan).outcome is Outcome.INCONCLUSIVE
    assert judged(failed, plan=plan).sentence.startswith(
        "inconclusive: everything that was judged is muted; muted: GET /a p95 900"
    )


def test_the_sentence_names_what_is_muted_by_whom_and_until_when() -> None:
    until = datetime(2026, 12, 24, tzinfo=UTC)
    told = {"muted": True, "muted_by": "ada", "muted_until": until, "mute_reason": "muted by ada until 2026-12-24: ticket 12"}
    slow = regression("GET /x", Outcome.FAIL, 2.2, effect=1.88, **told)
    calm = regression("GET /a", Outcome.PASS)
    assert judged(calm, slow).sentence == (
        "pass: 1 of 1 endpoints shown to be within 20 % of the baseline; muted by ada until 2026-12-24: GET /x p95 +188 %"
    )
    worse = regression("GET /b", Outcome.FAIL, 0.4)
    assert judged(worse, slow).sentence == "fail: GET /b compared; muted by ada until 2026-12-24: GET /x p95 +188 %"
    many = [regression(f"GET /{i}", Outcome.FAIL, 2.2, effect=1.0, **told) for i in range(5)]
    assert judged(calm, slow, *many).sentence.endswith(
        "muted by ada until 2026-12-24: GET /x p95 +188 %, GET /0 p95 +100 % and 4 more"
    )
    undecided = regression("GET /z", Outcome.INCONCLUSIVE, **told)
    assert "GET /z" not in judged(calm, slow, undecided).sentence


@given(st.lists(findings_of_any_kind, max_size=6), findings_of_any_kind, any_evidence)
def test_a_worse_finding_never_makes_it_better(findings: list[Finding], worse: Finding, evidence: Evidence) -> None:
    if worse.muted or worse.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE):
        return
    plan = make_plan(evidence=evidence)
    before, after = (judge_run(plan, each, COMPARED).outcome for each in (findings, [*findings, worse]))
    assert SEVERITY.index(after) <= SEVERITY.index(before)


@given(st.permutations([regression("GET /a", Outcome.FAIL, effect=0.3), regression("GET /b", Outcome.FAIL, effect=0.4),
                        regression("GET /c", Outcome.WARN), regression("GET /d", Outcome.PASS)]))  # fmt: skip
def test_order_changes_nothing_and_the_largest_effect_is_said_first(findings: list[Finding]) -> None:
    judgment = judged(*findings)
    assert judgment.sentence == "fail: GET /b compared; and 2 more findings"
    assert [finding.endpoint for finding in judgment.findings] == ["GET /b", "GET /a", "GET /c", "GET /d"]
    assert judgment.reasons == ("fail: GET /b compared", "fail: GET /a compared", "warn: GET /c compared")
