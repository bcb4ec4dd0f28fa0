"""What the judge must find in plain records, and what it must never say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.comparison import compare
from loadtest.planning.criteria import Criteria, EndpointCriteria
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.judged_summaries import SLOW, TOLERANCE, candidates, judge_confirmed, judge_once, regressions, seeds
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run


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


def test_criteria_override_an_endpoint() -> None:
    rng = np.random.default_rng(17)
    baseline, runs = make_baseline(rng), candidates(rng, change={SLOW: math.log(1.3)})
    lenient = Criteria(endpoints={SLOW: EndpointCriteria(least_effect=0.5, tolerance=0.9)})
    result = judge_confirmed(baseline, runs, lenient)
    assert not regressions(result, Outcome.FAIL, Outcome.WARN)
    assert SLOW in result.proven


def test_no_run_to_judge_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        compare(make_baseline(np.random.default_rng(1)), [], Criteria(), TOLERANCE, confirmed=False)


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


def test_a_run_that_nearly_proves_enough_asks_for_one_more_and_then_mostly_passes() -> None:
    noisy = {"n": 120, "sd": 0.08, "host": 0.0, "probe_s": 0.1}
    asked = proven_then = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        baseline, runs = make_baseline(rng, **noisy), candidates(rng, 2, **noisy)
        first = judge_once(baseline, runs[0])
        if not first.provable:
            continue
        assert not first.suspects
        asked += 1
        both = judge_confirmed(baseline, runs)
        assert not both.provable, "once is enough"
        assert not regressions(both, Outcome.WARN, Outcome.FAIL), "a second run looks for proof, not for alarms"
        proven_then += len(both.proven) * 2 >= len(both.judged)
    assert asked >= 5
    assert proven_then >= 0.7 * asked


def test_hopeless_and_proven_runs_ask_for_no_more() -> None:
    rng = np.random.default_rng(21)
    rare = judge_once(make_baseline(rng, n=20, probe_s=0.1), make_run(rng, 20, n=20, probe_s=0.1))
    assert not rare.proven and not rare.provable
    clear = judge_once(make_baseline(rng, probe_s=0.1), make_run(rng, 20, host=0.0, probe_s=0.1))
    assert len(clear.proven) == len(clear.judged) and not clear.provable
