"""How a run ends: worst wins, muting never makes worse, and nothing missing is ever green."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.models import Analysis, ContractCheck, DataContract, FailureGroup, RunMetrics
from loadtest.backend.models import ServiceDown
from loadtest.errors import ConfigurationError
from loadtest.gate.decide import check
from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import Judgment, conclude, judge_run, not_run
from loadtest.load.models import AbortFacts, StopReason
from loadtest.planning.criteria import Criteria, EndpointCriteria, Mute, Target
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome, RunStatus, worst
from tests.gate.run_facts import STARTED_AT, make_load, make_plan, make_worker, write_run

TARGETS = (Target(endpoint="GET /a", metric="p95_ms", limit=100), Target(endpoint=None, metric="error_rate", limit=0.01))
NOT_COMPARED = Comparison(compared=False, reason="no baseline yet, so nothing was compared")
COMPARED = Comparison(compared=True, baseline_version=1, baseline_runs=8, builds=3)


@pytest.fixture(autouse=True)
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "include"


def latencies(p50_ms: float, n: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(np.log(p50_ms), 0.4, n)


def regression(endpoint: str, outcome: Outcome, upper: float = 0.1, **more: object) -> Finding:
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=outcome,
        sentence=f"{endpoint} compared",
        endpoint=endpoint,
        metric="p95_ms",
        interval=(-0.1, upper),
        **more,
    )


def judged(*findings: Finding, plan: Plan | None = None, comparison: Comparison = COMPARED) -> Judgment:
    return judge_run(plan or make_plan(), findings, comparison)


# the lattice

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


# coverage


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


# run folders


def test_a_healthy_run_passes(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.PASS
    assert verdict.sentence == "pass: all 2 targets surely met; no baseline yet, so nothing was compared"
    assert Verdict.read(folder.verdict) == verdict


def test_a_slow_endpoint_fails_and_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(420), "GET /b": latencies(5)})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("fail: GET /a p95 is ")
    assert "target 100 ms (surely above" in verdict.sentence


def test_a_backend_that_answers_500_fails(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)}, {"GET /a": 400})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert any("every one of 400 requests failed" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("errors", "outcome", "words"),
    [
        ({"GET /b": 400}, Outcome.FAIL, "fail: GET /b never succeeded: all 400 requests failed"),
        ({"GET /a": 200}, Outcome.FAIL, "fail: GET /a: 200 of 400 requests failed (50 %, surely above 5 %)"),
        ({"GET /a": 12}, Outcome.WARN, "warn: GET /a: 12 of 400 requests failed (3 %, surely above 1 %)"),
    ],
)
def test_errors_that_no_target_names_are_no_pass(tmp_path: Path, errors: dict[str, int], outcome: Outcome, words: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), {"GET /a": latencies(20), "GET /b": latencies(20)}, errors)
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is outcome
    assert verdict.sentence.startswith(words)


@pytest.mark.parametrize("failed", [3, 6, 9])
def test_an_endpoint_that_only_fails_fails_from_three_requests_on(tmp_path: Path, failed: int) -> None:
    answers = {"GET /a": latencies(20), "GET /b": latencies(20, n=failed)}
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), answers, {"GET /b": failed})
    check(folder)
    assert conclude(folder).outcome is Outcome.FAIL


def test_errors_spread_over_rare_endpoints_fail_together(tmp_path: Path) -> None:
    answers = {f"GET /{name}": latencies(20, n=2) for name in "abcdefg"}
    folder = write_run(tmp_path, make_plan(), answers, dict.fromkeys(list(answers)[:6], 2))
    check(folder)
    assert conclude(folder).sentence.startswith("fail: 12 of 14 requests failed (86 %, surely above 5 %)")


def test_errors_that_a_target_or_the_criteria_allow_do_not_fail(tmp_path: Path) -> None:
    allowed = (*TARGETS[:1], Target(endpoint="GET /b", metric="error_rate", limit=0.6))
    answers, errors = {"GET /a": latencies(20), "GET /b": latencies(20)}, {"GET /b": 200}
    folder = write_run(tmp_path / "target", make_plan(targets=allowed), answers, errors)
    check(folder)
    assert conclude(folder).outcome is Outcome.PASS
    plan = make_plan(targets=TARGETS[:1], criteria=Criteria(most_errors=0.7))
    folder = write_run(tmp_path / "criteria", plan, answers, errors)
    check(folder)
    assert conclude(folder).outcome is Outcome.WARN


def test_the_most_frequent_error_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(), {"GET /a": latencies(20)}, {"GET /a": 400})
    metrics = RunMetrics.read(folder.metrics).run
    failed = FailureGroup(
        endpoint="GET /a", cause="HTTP 503", status=503, count=400, first_at=metrics.started_at, last_at=metrics.ended_at
    )
    Analysis(run_id="r1", bin_s=1, phases=(), timeline=(), endpoint_timelines=(), failures=(failed,)).write(folder.analysis)
    check(folder)
    assert conclude(folder).sentence == "fail: every one of 400 requests failed, mostly 'HTTP 503'"


def test_a_load_that_was_stopped_early_is_no_pass_whatever_is_muted(tmp_path: Path) -> None:
    abort = AbortFacts(criterion="error_rate above 0.5 for 10s", value=0.63, at=STARTED_AT + timedelta(seconds=20))
    load = make_load(samples=400, stop_reason=StopReason.ABORTED, ended_at=abort.at, steady_ended_at=abort.at, abort=abort)
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), {"GET /a": latencies(20)}, {"GET /a": 150}, load=load)
    check(folder, mutes=[Mute(reason="known flaky errors", expires=datetime.now(UTC) + timedelta(days=1))])
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("fail: load stopped early, after 20s")


def test_an_invalid_run_is_not_judged_further(tmp_path: Path) -> None:
    load = make_load(samples=400, workers=(make_worker(lost=True, completed=False),))
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(420)}, load=load)
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert "worker local/1 was lost" in verdict.sentence
    assert not any(finding.criterion is Criterion.TARGET for finding in verdict.findings)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("load", "the load never ran: no load.json"),
        ("metrics", "metrics.json is missing"),
        ("regression_report", "regression_report.json is missing"),
        ("data_contract", "the data contract was not checked"),
    ],
)
def test_a_missing_file_is_invalid_and_named(tmp_path: Path, missing: str, words: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    getattr(folder, missing).unlink()
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert len(verdict.reasons) == 1
    assert words in verdict.sentence


@pytest.mark.parametrize("damaged", ["load", "metrics", "regression_report", "data_contract"])
def test_a_damaged_file_is_invalid_and_named(tmp_path: Path, damaged: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    path = getattr(folder, damaged)
    path.write_text(path.read_text()[:40])
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert f"{path.name} is not valid JSON" in verdict.sentence


def test_a_failed_stage_is_the_reason(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    folder.load.unlink()
    verdict = conclude(folder, failure="the disk of the load generator was full.")
    assert verdict.sentence == "invalid: the load never ran: the disk of the load generator was full"
    check_folder = write_run(tmp_path / "other", make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(check_folder)
    assert conclude(check_folder, failure="a confirmation run failed").outcome is Outcome.INVALID


def test_a_service_that_was_down_from_the_start_is_a_failure_of_the_service(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    folder.load.unlink()
    ServiceDown(sentence="the backend did not become healthy within 30 s.").write(folder.service_down)
    verdict = conclude(folder, failure="whatever Airflow says of the task")
    assert verdict.sentence == (
        "fail: the service was down before any load went out: the backend did not become healthy within 30 s"
    )
    assert verdict.recommendations[0].title == "Start the service"


def test_broken_expectations_of_the_data_contract_are_invalid(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    broken = ContractCheck(name="order", passed=False, sentence="p95 is below p50 at GET /a")
    DataContract(run_id="r1", passed=False, checks=(broken,)).write(folder.data_contract)
    assert conclude(folder).sentence == "invalid: data contract: p95 is below p50 at GET /a"
    DataContract(run_id="r1", passed=False, checks=(), error="great_expectations is not installed.").write(folder.data_contract)
    assert "could not be checked: great_expectations is not installed" in conclude(folder).sentence
    DataContract(run_id="r1", passed=False, checks=()).write(folder.data_contract)
    assert conclude(folder).outcome is Outcome.INVALID


def test_a_refused_request_is_not_run(tmp_path: Path) -> None:
    folder = RunFolder.refused(tmp_path, "../Evil id")
    verdict = not_run(folder, "there is no profile 'smokey'; choose one of smoke, light", profile="smokey")
    assert (verdict.status, verdict.outcome) == (RunStatus.NOT_RUN, None)
    assert verdict.sentence.startswith("not run: there is no profile")
    assert Verdict.read(folder.verdict) == verdict
    with pytest.raises(ConfigurationError, match="does not exist"):
        conclude(folder)


def test_a_rejected_plan_is_not_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    verdict = not_run(folder, "ada rejected the load on production")
    assert (verdict.scenario, verdict.profile, verdict.commit) == ("shop", "light", "c0ffee")
