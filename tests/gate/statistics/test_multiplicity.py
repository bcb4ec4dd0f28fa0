"""Adjusted p-values."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from loadtest.gate.statistics.judged_metrics import WEIGHTS
from loadtest.gate.statistics.multiplicity import benjamini_hochberg, over_metrics_and_endpoints

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(deadline=None)
@given(p_values)
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(np.array(p)), false_discovery_control(p), atol=1e-12)


@settings(deadline=None)
@given(p_values)
def test_unjudged_endpoints_take_no_part(p: list[float]) -> None:
    with_gaps = np.array([value for one in p for value in (one, np.nan)])
    adjusted = benjamini_hochberg(with_gaps)
    np.testing.assert_allclose(adjusted[::2], benjamini_hochberg(np.array(p)))
    assert np.isnan(adjusted[1::2]).all()


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 1000))
def test_adjusting_never_makes_more_significant(metrics: int, endpoints: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=(metrics, endpoints))
    p[rng.uniform(size=p.shape) < 0.3] = np.nan
    adjusted = over_metrics_and_endpoints(p, rng.uniform(0.5, 2, metrics))
    judged = np.isfinite(p)
    assert (np.isfinite(adjusted) == judged).all()
    assert (adjusted[judged] >= p[judged] - 1e-15).all() and (adjusted[judged] <= 1).all()


def test_unchanged_families_are_rarely_significant() -> None:
    rng = np.random.default_rng(1)
    hits = [np.nanmin(over_metrics_and_endpoints(rng.uniform(size=(3, 9)), WEIGHTS)) < 0.1 for _ in range(3000)]
    assert 0.07 < np.mean(hits) < 0.12


def test_weight_is_a_share_of_the_budget() -> None:
    p = np.array([[0.01], [0.01], [0.01]])
    np.testing.assert_allclose(over_metrics_and_endpoints(p, np.array([1.0, 1.0, 2.0]))[:, 0], [0.04, 0.04, 0.02])
    p[2] = np.nan
    np.testing.assert_allclose(over_metrics_and_endpoints(p, np.array([1.0, 1.0, 2.0]))[:2, 0], [0.02, 0.02])
