"""The judge on plain records: what must be found, what must never be, and what must make no difference."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loadtest.gate.comparison import ComparisonResult, compare
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.planning.criteria import Criteria, EndpointCriteria
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.simulated_summaries import NAMES, make_baseline, make_endpoint, make_run

TOLERANCE = 0.20
SLOW = NAMES[3]
seeds = st.integers(0, 10_000)


def judge_once(baseline: list[RunSummary], run: RunSummary, criteria: Criteria | None = None) -> ComparisonResult:
    return compare(baseline, [run], criteria or Criteria(), TOLERANCE, confirmed=False)


def judge_confirmed(baseline: list[RunSummary], runs: list[RunSummary], criteria: Criteria | None = None) -> ComparisonResult:
    return compare(baseline, runs, criteria or Criteria(), TOLERANCE, confirmed=True)


def candidates(rng: np.random.Generator, count: int = 3, **options: object) -> list[RunSummary]:
    return [make_run(rng, 20 + number, build="new", **options) for number in range(count)]


def outcomes(result: ComparisonResult) -> dict[tuple[str, str | None, str | None], Outcome]:
    return {(one.criterion, one.endpoint, one.metric): one.outcome for one in result.findings}


def regressions(result: ComparisonResult, *levels: Outcome) -> set[str | None]:
    return {one.endpoint for one in result.findings if one.criterion is Criterion.REGRESSION and one.outcome in levels}


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(NAMES))
def test_tripled_endpoint_is_suspect_then_fails_and_nobody_else_does(seed: int, endpoint: str) -> None:
    rng = np.random.default_rng(seed)
    baseline = make_baseline(rng)
    runs = candidates(rng, change={endpoint: math.log(3)})
    first = judge_once(baseline, runs[0])
    assert endpoint in {one.endpoint for one in first.suspects}
    assert not regressions(first, Outcome.WARN, Outcome.FAIL), "nobody is alarmed before confirmation"
    assert regressions(judge_confirmed(baseline, runs), Outcome.FAIL) == {endpoint}


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_tripled_endpoint_fails_with_few_requests_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    baseline = make_baseline(rng, n={SLOW: 60})
    runs = candidates(rng, change={SLOW: math.log(3)}, n={SLOW: 60})
    assert SLOW in regressions(judge_confirmed(baseline, runs), Outcome.FAIL)


def test_sentence_holds_the_evidence() -> None:
    rng = np.random.default_rng(3)
    result = judge_confirmed(make_baseline(rng), candidates(rng, change={SLOW: math.log(1.31)}, host=0.06))
    finding = next(one for one in result.findings if one.outcome is Outcome.FAIL)
    assert finding.sentence.startswith(f"{SLOW} ")
    for part in ("90 % interval", "8 baseline runs", "host factor +", "removed", "3 runs, 3 x 1500 requests", "adj. p "):
        assert part in finding.sentence
    assert finding.effect == pytest.approx(0.31, abs=0.08)
    assert finding.interval is not None and finding.interval[0] < finding.effect < finding.interval[1]


def test_unchanged_systems_are_rarely_flagged_and_mostly_proven() -> None:
    flagged = passes = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        baseline, runs = make_baseline(rng), candidates(rng)
        result = judge_once(baseline, runs[0])
        if result.suspects:
            result = judge_confirmed(baseline, runs)
        flagged += bool(regressions(result, Outcome.WARN, Outcome.FAIL))
        assert result.coverage is not None
        passes += result.coverage.proven >= result.coverage.judged / 2
    assert flagged <= 3
    assert passes >= 55


def test_suspicion_of_one_run_only_is_cleared() -> None:
    rng = np.random.default_rng(5)
    baseline = make_baseline(rng)
    unlucky = make_run(rng, 20, change={SLOW: math.log(1.5)}, build="new")
    assert judge_once(baseline, unlucky).suspects
    result = judge_confirmed(baseline, [unlucky, *candidates(rng)[1:]])
    assert not regressions(result, Outcome.FAIL, Outcome.WARN)


def test_host_factor_is_removed() -> None:
    rng = np.random.default_rng(7)
    baseline = make_baseline(rng)
    result = judge_once(baseline, make_run(rng, 20, host=0.15))
    assert not regressions(result, Outcome.WARN, Outcome.FAIL)
    assert result.comparison.host_factor == pytest.approx(math.expm1(0.15), abs=0.06)


def test_improvement_is_told() -> None:
    rng = np.random.default_rng(8)
    result = judge_once(make_baseline(rng), make_run(rng, 20, change={SLOW: math.log(0.6)}))
    finding = next(one for one in result.findings if one.endpoint == SLOW)
    assert finding.outcome is Outcome.PASS
    assert finding.sentence.startswith("faster by ")


@settings(max_examples=15, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_order_of_runs_and_endpoints_never_matters(seed: int, shuffler) -> None:
    rng = np.random.default_rng(seed)
    baseline, runs = make_baseline(rng), candidates(rng, change={SLOW: math.log(1.25)})
    expected = judge_confirmed(baseline, runs)
    shuffled = [_with_shuffled_endpoints(run, shuffler) for run in baseline]
    shuffler.shuffle(shuffled)
    again = [_with_shuffled_endpoints(run, shuffler) for run in runs]
    shuffler.shuffle(again)
    result = judge_confirmed(shuffled, again)
    assert outcomes(result) == outcomes(expected)
    for one, other in zip(result.findings, expected.findings, strict=True):
        assert one.effect == pytest.approx(other.effect, rel=1e-6, abs=1e-9)


def _with_shuffled_endpoints(run: RunSummary, shuffler) -> RunSummary:
    endpoints = list(run.endpoints)
    shuffler.shuffle(endpoints)
    return run.model_copy(update={"endpoints": tuple(endpoints)})


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.01, 1000))
def test_scaling_all_latencies_changes_no_relative_finding(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    baseline, runs = make_baseline(rng), candidates(rng, change={SLOW: math.log(1.25)})
    expected = judge_confirmed(baseline, runs)
    result = judge_confirmed([_scaled(run, factor) for run in baseline], [_scaled(run, factor) for run in runs])
    assert outcomes(result) == outcomes(expected)
    for one, other in zip(result.findings, expected.findings, strict=True):
        assert one.effect == pytest.approx(other.effect, rel=1e-6, abs=1e-9)
        assert (one.p_adjusted or 0.0) == pytest.approx(other.p_adjusted or 0.0, rel=1e-4, abs=1e-12)


def _scaled(run: RunSummary, factor: float) -> RunSummary:
    shift = math.log(factor)
    moved = ("lm", "log_p50", "log_p95", "log_p99", "t10")
    endpoints = [one.model_copy(update={name: getattr(one, name) + shift for name in moved}) for one in run.endpoints]
    return run.model_copy(update={"endpoints": tuple(endpoints)})


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 7))
def test_endpoint_missing_from_some_baseline_runs_changes_nothing_for_others(seed: int, missing: int) -> None:
    rng = np.random.default_rng(seed)
    baseline, runs = make_baseline(rng), candidates(rng, change={SLOW: math.log(3)})
    gone = NAMES[-1]
    thinned = [_without(run, gone) if index < missing else run for index, run in enumerate(baseline)]
    result = judge_confirmed(thinned, runs)
    assert regressions(result, Outcome.FAIL) == {SLOW}
    known = {one.endpoint: one for one in result.findings if one.criterion is Criterion.REGRESSION}
    if 8 - missing >= 3:
        assert gone in result.judged
    else:
        assert gone not in result.judged
        assert "fewer than 3 baseline runs" in known[gone].sentence
        assert known[gone].outcome is Outcome.INCONCLUSIVE


def _without(run: RunSummary, endpoint: str) -> RunSummary:
    return run.model_copy(update={"endpoints": tuple(one for one in run.endpoints if one.endpoint != endpoint)})


def test_endpoint_missing_in_the_run_is_no_pass() -> None:
    rng = np.random.default_rng(11)
    result = judge_once(make_baseline(rng), _without(make_run(rng, 20), SLOW))
    finding = next(one for one in result.findings if one.endpoint == SLOW)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.sentence == (
        f"{SLOW} is missing: no request in this run, 1,500 (median) in the baseline's runs, of which 8 of 8 have it"
    )
    assert finding.evidence["vanished"]
    assert SLOW in result.judged and SLOW not in result.proven
    assert result.coverage.sentence == "8 of 9 endpoints shown to be within 20 %, 1 not (missing)"


def test_what_chance_may_leave_out_has_not_vanished() -> None:
    rng = np.random.default_rng(11)
    run = _without(make_run(rng, 20), SLOW)
    rare = make_baseline(rng, n={SLOW: 12})
    often = [_without(one, SLOW) if number < 3 else one for number, one in enumerate(make_baseline(rng))]
    for baseline in (rare, often):
        finding = next(one for one in judge_once(baseline, run).findings if one.endpoint == SLOW)
        assert finding.evidence["missing"] and not finding.evidence["vanished"]


def test_new_endpoint_is_not_compared() -> None:
    rng = np.random.default_rng(12)
    baseline = make_baseline(rng, names=NAMES[:-1])
    result = judge_once(baseline, make_run(rng, 20))
    finding = next(one for one in result.findings if one.endpoint == NAMES[-1])
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert NAMES[-1] not in result.judged


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, 120))
def test_tiny_n_is_never_proven(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    baseline, run = make_baseline(rng, n={SLOW: n}), make_run(rng, 20, n={SLOW: n})
    result = judge_once(baseline, run)
    if n < 100:
        assert SLOW not in result.proven
        assert all(one.outcome is not Outcome.PASS for one in result.findings if one.endpoint == SLOW)


def test_identical_latencies_everywhere() -> None:
    def constant(number: int, factor: float = 1.0) -> RunSummary:
        run = make_run(np.random.default_rng(0), number, sd=0.0, host=0.0, build=f"build-{number // 2}")
        same = {"var_lm": 0.0, "var_log_p50": 0.0, "var_log_p95": 0.0, "var_log_p99": 0.0, "var_sh": 0.0, "sh": 0.0}
        places = {"lm": 2.0, "log_p50": 2.0, "log_p95": 2.0, "log_p99": 2.0, "t10": 2.0}
        changed = {name: value + math.log(factor) for name, value in places.items()}
        endpoints = [one.model_copy(update=same | (changed if one.endpoint == SLOW else places)) for one in run.endpoints]
        return run.model_copy(update={"endpoints": tuple(endpoints)})

    baseline = [constant(number) for number in range(8)]
    unchanged = judge_once(baseline, constant(20))
    assert set(unchanged.proven) == set(NAMES)
    assert not unchanged.suspects
    slower = judge_confirmed(baseline, [constant(20 + number, 1.2) for number in range(3)])
    assert regressions(slower, Outcome.FAIL) == {SLOW}


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_too_few_baseline_runs_compare_nothing(runs: int) -> None:
    rng = np.random.default_rng(13)
    result = judge_once(make_baseline(rng, runs), make_run(rng, 20))
    assert not result.comparison.compared
    assert result.comparison.reason
    assert result.findings == () and result.coverage is None


@pytest.mark.parametrize("runs", [3, 4])
def test_small_baseline_warns_at_most(runs: int) -> None:
    rng = np.random.default_rng(14)
    result = judge_confirmed(make_baseline(rng, runs), candidates(rng, change={SLOW: math.log(5)}))
    assert SLOW in regressions(result, Outcome.WARN)
    assert not regressions(result, Outcome.FAIL)
    assert f"only {runs} runs" in result.comparison.reason


def within_one_hour(runs: list[RunSummary]) -> list[RunSummary]:
    first = runs[0].started_at
    moved = [run.model_copy(update={"started_at": first + timedelta(minutes=5 * place)}) for place, run in enumerate(runs)]
    return [run.model_copy(update={"commit": None}) for run in moved]


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_a_large_regression_fails_on_the_first_day_and_says_what_was_assumed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    baseline = within_one_hour(make_baseline(rng))
    result = judge_confirmed(baseline, candidates(rng, change={SLOW: math.log(2)}))
    assert regressions(result, Outcome.FAIL) == {SLOW}
    finding = next(one for one in result.findings if one.endpoint == SLOW)
    assert "3.6 % of noise between hours and builds assumed" in finding.sentence
    assert result.comparison.reason.startswith("All baseline runs come from one hour and one build, so 3.6 % of noise")


def test_what_was_never_seen_widens_every_interval() -> None:
    rng = np.random.default_rng(15)
    baseline, run = make_baseline(rng), make_run(rng, 20)
    widths = []
    for runs in (baseline, [one.model_copy(update={"commit": "same"}) for one in baseline], within_one_hour(baseline)):
        finding = next(one for one in judge_once(runs, run).findings if one.endpoint == SLOW)
        widths.append(finding.interval[1] - finding.interval[0])
    assert widths == sorted(widths)


def test_unknown_builds_of_several_days_count_as_several() -> None:
    rng = np.random.default_rng(15)
    unknown = [run.model_copy(update={"commit": None}) for run in make_baseline(rng)]
    result = judge_once(unknown, make_run(rng, 20))
    assert result.comparison.builds == len(unknown) and result.comparison.reason == ""


def test_a_baseline_of_the_command_line_serves_airflow() -> None:
    rng = np.random.default_rng(16)
    run = make_run(rng, 20)
    by_airflow = run.model_copy(update={"host_class": run.host_class.model_copy(update={"executor": "airflow LocalExecutor"})})
    result = judge_once(make_baseline(rng), by_airflow)
    assert result.comparison.compared and "one runner, so 2 % of noise between runners was assumed" in result.comparison.reason


def test_one_confirmation_is_enough_where_it_is_clear_and_a_close_case_asks_for_another() -> None:
    settled = []
    for seed in range(12):
        for factor in (1.0, 1.16, 3.0):
            rng = np.random.default_rng(seed)
            baseline, runs = make_baseline(rng), candidates(rng, 2, change={SLOW: math.log(factor)})
            result = compare(baseline, runs, Criteria(), TOLERANCE, confirmed=True, more=True)
            assert not (result.suspects and regressions(result, Outcome.WARN, Outcome.FAIL))
            settled.append((factor, not result.suspects))
    assert all(done for factor, done in settled if factor == 3.0)
    assert all(done for factor, done in settled if factor == 1.0)
    assert not all(done for factor, done in settled if factor == 1.16)


def test_other_plan_or_host_is_not_compared_and_says_so() -> None:
    rng = np.random.default_rng(16)
    baseline, run = make_baseline(rng), make_run(rng, 20)
    other_plan = judge_once(baseline, run.model_copy(update={"digest": "plan-2"}))
    assert not other_plan.comparison.compared and "another plan" in other_plan.comparison.reason
    host = run.host_class.model_copy(update={"cores": 64})
    other_host = judge_once(baseline, run.model_copy(update={"host_class": host}))
    assert not other_host.comparison.compared
    assert "cores 2 there, 64 here" in other_host.comparison.reason


def test_criteria_override_an_endpoint() -> None:
    rng = np.random.default_rng(17)
    baseline, runs = make_baseline(rng), candidates(rng, change={SLOW: math.log(1.3)})
    lenient = Criteria(endpoints={SLOW: EndpointCriteria(least_effect=0.5, tolerance=0.9)})
    result = judge_confirmed(baseline, runs, lenient)
    assert not regressions(result, Outcome.FAIL, Outcome.WARN)
    assert SLOW in result.proven


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_at_the_door(value: float) -> None:
    with pytest.raises(ValidationError):
        EndpointSummary(endpoint="GET /a", n=10, errors=0, lm=value)
    with pytest.raises(ValidationError):
        EndpointSummary(endpoint="GET /a", n=10, errors=0, lm=1.0, var_lm=value)


def test_no_run_to_judge_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        compare(make_baseline(np.random.default_rng(1)), [], Criteria(), TOLERANCE, confirmed=False)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(3, 9))
def test_any_number_of_endpoints_gives_finite_findings(seed: int, endpoints: int, runs: int) -> None:
    rng = np.random.default_rng(seed)
    names = NAMES[:endpoints]
    result = judge_once(make_baseline(rng, runs, names=names), make_run(rng, 20, names=names))
    assert {one.endpoint for one in result.findings if one.criterion is Criterion.REGRESSION} == set(names)
    for one in result.findings:
        assert all(math.isfinite(number) for number in (one.effect or 0.0, one.p_adjusted or 0.0, *(one.interval or ())))


def test_single_endpoint_tripled_fails() -> None:
    rng = np.random.default_rng(18)
    baseline = make_baseline(rng, names=NAMES[:1])
    runs = candidates(rng, names=NAMES[:1], change={NAMES[0]: math.log(3)})
    assert regressions(judge_confirmed(baseline, runs), Outcome.FAIL) == {NAMES[0]}


def test_throughput_is_information_only() -> None:
    rng = np.random.default_rng(19)
    run = make_run(rng, 20).model_copy(update={"rps": 0.1})
    finding = next(one for one in judge_once(make_baseline(rng), run).findings if one.criterion is Criterion.THROUGHPUT)
    assert finding.outcome is Outcome.PASS and "for information" in finding.sentence


def test_endpoint_that_only_fails_now_is_no_pass() -> None:
    rng = np.random.default_rng(20)
    run = make_run(rng, 20)
    dead = tuple(make_endpoint(SLOW, 2.0, 500, 500) if one.endpoint == SLOW else one for one in run.endpoints)
    result = judge_once(make_baseline(rng), run.model_copy(update={"endpoints": dead}))
    mine = [one for one in result.findings if one.endpoint == SLOW]
    assert {one.criterion for one in mine} == {Criterion.REGRESSION, Criterion.ERRORS}
    assert all(one.outcome is Outcome.INCONCLUSIVE for one in mine)
    assert any(one.suspect for one in mine)
