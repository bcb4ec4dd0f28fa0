"""Endpoints that are missing, new, rare, or that only fail: never a pass."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.vocabulary import Criterion, Outcome
from tests.gate.judged_summaries import (
    SLOW,
    judge_once,
    seeds,
    without,
)
from tests.gate.simulated_summaries import NAMES, make_baseline, make_endpoint, make_run


def test_endpoint_missing_in_the_run_is_no_pass() -> None:
    rng = np.random.default_rng(11)
    result = judge_once(make_baseline(rng), without(make_run(rng, 20), SLOW))
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
    run = without(make_run(rng, 20), SLOW)
    rare = make_baseline(rng, n={SLOW: 12})
    often = [without(one, SLOW) if number < 3 else one for number, one in enumerate(make_baseline(rng))]
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


def test_endpoint_that_only_fails_now_is_no_pass() -> None:
    rng = np.random.default_rng(20)
    run = make_run(rng, 20)
    dead = tuple(make_endpoint(SLOW, 2.0, 500, 500) if one.endpoint == SLOW else one for one in run.endpoints)
    result = judge_once(make_baseline(rng), run.model_copy(update={"endpoints": dead}))
    mine = [one for one in result.findings if one.endpoint == SLOW]
    assert {one.criterion for one in mine} == {Criterion.REGRESSION, Criterion.ERRORS}
    assert all(one.outcome is Outcome.INCONCLUSIVE for one in mine)
    assert any(one.suspect for one in mine)
