"""The noise model: locations, common factors, shrunken variances, and judging one endpoint by the others' host factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.statistics.fit import LEAST_NOISE, fit_metric, huber_location, score, shrink_variances

RUNS, ENDPOINTS = 8, 9
WITHIN = 1e-4


def simulate(rng: np.random.Generator, host_sd: float = 0.1, sd: float = 0.03) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    host = rng.normal(0, host_sd, RUNS)
    value = np.linspace(1, 3, ENDPOINTS) + host[:, None] + rng.normal(0, sd, (RUNS, ENDPOINTS))
    return value, np.full(value.shape, WITHIN), host


def test_common_factors_are_recovered() -> None:
    value, variance, host = simulate(np.random.default_rng(1))
    fit = fit_metric(value, variance)
    np.testing.assert_allclose(fit.host, host - host.mean(), atol=0.04)
    np.testing.assert_allclose(fit.mu, np.linspace(1, 3, ENDPOINTS) + host.mean(), atol=0.05)
    assert fit.host_variance == pytest.approx(host.var(ddof=1), rel=0.4)


def test_variances_are_about_right_on_average() -> None:
    between = []
    for seed in range(80):
        value, variance, _ = simulate(np.random.default_rng(seed))
        between.append(fit_metric(value, variance).between)
    assert np.mean(between) == pytest.approx(0.03**2, rel=0.25)


def test_noisy_endpoint_keeps_more_noise_than_the_others() -> None:
    rng = np.random.default_rng(2)
    value, variance, _ = simulate(rng)
    value[:, 4] += rng.normal(0, 0.3, RUNS)
    fit = fit_metric(value, variance)
    assert fit.between[4] > 5 * np.median(fit.between)


def test_nothing_is_quieter_than_one_percent() -> None:
    value = np.tile(np.linspace(1, 3, ENDPOINTS), (RUNS, 1))
    fit = fit_metric(value, np.zeros(value.shape))
    assert (fit.between >= LEAST_NOISE**2).all()
    result = score(fit, value[:1] + 0.005, np.zeros((1, ENDPOINTS)))
    assert np.isfinite(result.standard_error).all() and (result.standard_error >= LEAST_NOISE).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, ENDPOINTS - 1))
def test_one_regressed_endpoint_does_not_look_like_a_slow_host(seed: int, place: int) -> None:
    value, variance, _ = simulate(np.random.default_rng(seed))
    fit = fit_metric(value, variance)
    run = fit.mu + 0.08
    run[place] += 1.5
    result = score(fit, run[None, :], variance[:1])
    assert result.difference[place] == pytest.approx(1.5, abs=0.08)
    assert result.host == pytest.approx(0.08, abs=0.04)
    others = np.delete(result.difference, place)
    assert np.abs(others).max() < 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-5, 5))
def test_shifting_everything_shifts_only_the_locations(seed: int, shift: float) -> None:
    value, variance, _ = simulate(np.random.default_rng(seed))
    fit, moved = fit_metric(value, variance), fit_metric(value + shift, variance)
    np.testing.assert_allclose(moved.mu, fit.mu + shift, atol=1e-9)
    np.testing.assert_allclose(moved.between, fit.between, rtol=1e-6)
    np.testing.assert_allclose(moved.host, fit.host, atol=1e-9)


def test_missing_values_stay_missing() -> None:
    value, variance, _ = simulate(np.random.default_rng(3))
    value[:6, 0] = np.nan
    value[2, 5] = np.nan
    fit = fit_metric(value, variance)
    assert np.isnan(fit.mu[0]) and np.isnan(fit.between[0])
    assert np.isfinite(fit.mu[1:]).all()
    assert fit.runs[5] == 7
    result = score(fit, np.full((1, ENDPOINTS), 2.0), variance[:1])
    assert np.isnan(result.difference[0])


def test_averaging_fresh_runs_helps_but_not_beyond_the_session() -> None:
    value, variance, _ = simulate(np.random.default_rng(4))
    shared, alone = (replace(fit_metric(value, variance), share=share) for share in (0.4, 0.0))
    run = np.tile(shared.mu, (3, 1))
    errors = [score(fit, run[:runs], variance[:runs]) for fit, runs in ((shared, 1), (shared, 3), (alone, 3))]
    one, three, independent = (error.standard_error.mean() for error in errors)
    assert independent < three < one


def test_shrinking_pulls_towards_the_common_variance() -> None:
    rng = np.random.default_rng(5)
    df = np.full(40, 7.0)
    observed = 0.01 * rng.chisquare(7, 40) / 7
    shrunken, total_df = shrink_variances(observed, df, np.zeros(40))
    assert np.var(np.log(shrunken)) < 0.3 * np.var(np.log(observed))
    assert (total_df > df).all()


def test_huber_location_ignores_an_outlier() -> None:
    rows = np.array([[1.0, 1.1, 0.9, 1.0, 50.0], [2.0, np.nan, 2.0, 2.0, 2.0]])
    np.testing.assert_allclose(huber_location(rows, axis=1), [1.02, 2.0], atol=0.06)
    assert np.isnan(huber_location(np.full((1, 3), np.nan), axis=1)).all()


def test_what_endpoints_share_within_a_run_is_not_counted_as_noise_of_each() -> None:
    """A host that goes up and down during each run: every endpoint's blocks tell 10 % of noise, the runs' residuals 4 %."""
    claimed, own_sd, wide, narrow = 0.10, 0.04, [], []
    for seed in range(20):
        value, _, _ = simulate(np.random.default_rng(seed), sd=own_sd)
        variance = np.full(value.shape, claimed**2)
        fit = fit_metric(value, variance)
        assert 0 < fit.common_within < claimed**2
        result = score(fit, value[:1], variance[:1])
        narrow.append(np.median(result.standard_error))
        wide.append(np.sqrt(claimed**2 * (1 + 1 / RUNS)))
    assert np.mean(narrow) < 0.75 * np.mean(wide)
    assert np.mean(narrow) > own_sd, "what the runs show is never undercut"


def test_within_run_noise_that_the_runs_do_show_is_kept() -> None:
    rng = np.random.default_rng(3)
    kept = []
    for _ in range(30):
        value, _, _ = simulate(rng, sd=0.10)
        variance = np.full(value.shape, 0.10**2)
        kept.append(fit_metric(value, variance).common_within / 0.10**2)
    assert np.mean(kept) < 0.1


def test_one_endpoint_alone_shares_nothing() -> None:
    value = np.random.default_rng(4).normal(1, 0.02, (RUNS, 1))
    assert fit_metric(value, np.full(value.shape, 0.1**2)).common_within == 0
