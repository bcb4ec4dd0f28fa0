"""Error rates against the baseline: sparse and zero counts must behave, bursts must not alarm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from loadtest.gate.comparison import compare
from loadtest.gate.statistics.error_rates import compare_errors, dispersion, p_more_errors, upper_rate
from loadtest.planning.criteria import Criteria
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run

SICK = NAMES[2]


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 5000), st.integers(0, 200), st.integers(1, 40_000))
def test_p_is_the_negative_binomial_tail(x: int, n: int, x_old: int, n_old: int) -> None:
    expected = nbinom.sf(x - 1, x_old + 0.5, n_old / (n_old + n))
    assert p_more_errors(x, n, x_old, n_old) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(0, 200), st.integers(1, 40_000))
def test_no_errors_are_never_suspicious(n: int, x_old: int, n_old: int) -> None:
    assert p_more_errors(0, n, x_old, n_old) == 1.0


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 200))
def test_more_errors_are_more_suspicious(x: int, x_old: int) -> None:
    assert p_more_errors(x + 1, 1000, x_old, 8000) <= p_more_errors(x, 1000, x_old, 8000)


def test_bursts_are_no_counting_noise() -> None:
    steady, bursts = np.array([5, 4, 6, 5, 5, 4, 6, 5]), np.array([0, 0, 40, 0, 0, 0, 0, 0])
    requests = np.full(8, 1000)
    assert dispersion(steady, requests) == 1.0
    assert dispersion(bursts, requests) > 10
    calm = p_more_errors(25, 1000, 40, 8000, dispersion(steady, requests))
    wild = p_more_errors(25, 1000, 40, 8000, dispersion(bursts, requests))
    assert calm < 1e-4 < wild


def findings(now: int, before: int, *, confirmed: bool = True) -> list:
    rng = np.random.default_rng(1)
    baseline = make_baseline(rng, errors={SICK: before})
    runs = [make_run(rng, 20 + number, errors={SICK: now}, build="new") for number in range(3)]
    result = compare(baseline, runs, Criteria(), 0.2, confirmed=confirmed)
    return [one for one in result.findings if one.criterion is Criterion.ERRORS]


def test_zero_to_some_errors_is_suspect_then_fails() -> None:
    (suspect,) = findings(30, 0, confirmed=False)
    assert suspect.suspect and suspect.outcome is Outcome.INCONCLUSIVE
    (failed,) = findings(30, 0)
    assert failed.outcome is Outcome.FAIL
    assert failed.endpoint == SICK
    assert failed.sentence.startswith(f"{SICK} errors 2 % (90 of 4500), baseline 0 % (0 of 12000)")


def test_a_tiny_rise_is_no_matter() -> None:
    (finding,) = findings(2, 0)
    assert finding.outcome is Outcome.PASS, "2 of 1500 is less than 0.2 points"


def test_the_usual_errors_pass() -> None:
    (finding,) = findings(15, 15)
    assert finding.outcome is Outcome.PASS


def test_no_errors_ever_say_nothing() -> None:
    assert findings(0, 0) == []


def test_unrequested_endpoints_take_no_part() -> None:
    rng = np.random.default_rng(2)
    rates = compare_errors(make_baseline(rng), [make_run(rng, 20, names=NAMES[:2])], NAMES)
    assert [rate.endpoint for rate in rates] == list(NAMES[:2])


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(50, 1000))
def test_upper_bound_is_above_the_rate(errors: int, n: int) -> None:
    assert errors / n < upper_rate(errors, n) or errors == n
    assert upper_rate(errors, n) <= 1.0
