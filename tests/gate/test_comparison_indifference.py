"""What must make no difference to the judge: order, units, others' gaps, identical latencies, how many endpoints there are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.judged_summaries import (
    SLOW,
    candidates,
    judge_confirmed,
    judge_once,
    outcomes,
    regressions,
    seeds,
    without,
)
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run


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
    thinned = [without(run, gone) if index < missing else run for index, run in enumerate(baseline)]
    result = judge_confirmed(thinned, runs)
    assert regressions(result, Outcome.FAIL) == {SLOW}
    known = {one.endpoint: one for one in result.findings if one.criterion is Criterion.REGRESSION}
    if 8 - missing >= 3:
        assert gone in result.judged
    else:
        assert gone not in result.judged
        assert "fewer than 3 baseline runs" in known[gone].sentence
        assert known[gone].outcome is Outcome.INCONCLUSIVE


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


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_at_the_door(value: float) -> None:
    with pytest.raises(ValidationError):
        EndpointSummary(endpoint="GET /a", n=10, errors=0, lm=value)
    with pytest.raises(ValidationError):
        EndpointSummary(endpoint="GET /a", n=10, errors=0, lm=1.0, var_lm=value)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(3, 9))
def test_any_number_of_endpoints_gives_finite_findings(seed: int, endpoints: int, runs: int) -> None:
    rng = np.random.default_rng(seed)
    names = NAMES[:endpoints]
    result = judge_once(make_baseline(rng, runs, names=names), make_run(rng, 20, names=names))
    assert {one.endpoint for one in result.findings if one.criterion is Criterion.REGRESSION} == set(names)
    for one in result.findings:
        assert all(math.isfinite(number) for number in (one.effect or 0.0, one.p_adjusted or 0.0, *(one.interval or ())))
