"""Bounds of quantiles, shares and rates have the confidence they claim, and no more."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.statistics.bounds import error_rate_bounds, quantile_bounds, rate_bounds


@settings(max_examples=60, deadline=None)
@given(n=st.integers(3, 400), quantile=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_order_statistics_are_the_tightest_with_their_confidence(n: int, quantile: float) -> None:
    from scipy.stats import binom

    values = np.random.default_rng(n).permutation(np.arange(1, n + 1, dtype=float))  # the value is its own rank
    bounds = quantile_bounds(values, quantile)
    if bounds.lower is not None:
        rank = int(bounds.lower)
        assert binom.cdf(rank - 1, n, quantile) <= 0.05 + 1e-12
        assert rank <= n - 2
        assert rank == n - 2 or binom.cdf(rank, n, quantile) > 0.05
    if bounds.upper is None:
        assert quantile**n > 0.05
    else:
        rank = int(bounds.upper)
        assert binom.cdf(rank - 1, n, quantile) >= 0.95 - 1e-12
        assert binom.cdf(rank - 2, n, quantile) < 0.95


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 2000), data=st.data())
def test_exact_bounds_enclose_what_was_seen(n: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, n))
    bounds = error_rate_bounds(errors, n)
    assert 0 <= bounds.lower <= errors / n <= bounds.upper <= 1
    rate = rate_bounds(n, 60.0)
    assert rate.lower < n / 60 < rate.upper
