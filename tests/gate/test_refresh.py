"""Accepted runs since the anchor say how much runs differ, and nothing about where the anchor is."""

from __future__ import annotations

import numpy as np

from loadtest.gate.statistics.fit import fit_metric, spread_around_trend

ENDPOINTS, RUNS = 9, 8
WITHIN = 1e-5


def runs(rng: np.random.Generator, count: int, sd: float, drift: float = 0.0) -> np.ndarray:
    host = rng.normal(0, 0.03, (count, 1))
    return 3.0 + host + rng.normal(0, sd, (count, ENDPOINTS)) + drift * np.arange(count)[:, None] * np.eye(ENDPOINTS)[0]


def test_locations_do_not_move() -> None:
    rng = np.random.default_rng(1)
    baseline = runs(rng, RUNS, 0.03)
    alone = fit_metric(baseline, np.full(baseline.shape, WITHIN))
    refreshed = fit_metric(baseline, np.full(baseline.shape, WITHIN), runs(rng, 12, 0.03) + 0.5)
    np.testing.assert_array_equal(alone.mu, refreshed.mu)
    np.testing.assert_array_equal(alone.host, refreshed.host)
    assert (refreshed.df > alone.df).all()


def test_more_runs_know_the_noise_better() -> None:
    errors = {"alone": [], "refreshed": []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        baseline, later = runs(rng, RUNS, 0.05), runs(rng, 12, 0.05)
        for name, given in (("alone", None), ("refreshed", later)):
            fit = fit_metric(baseline, np.full(baseline.shape, WITHIN), given)
            errors[name].append(np.log(fit.between / 0.05**2))
    assert np.std(errors["refreshed"]) < 0.85 * np.std(errors["alone"])
    assert abs(np.mean(errors["refreshed"])) < 0.15


def test_a_drift_does_not_pass_for_noise() -> None:
    steady, drifting = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        state = rng.bit_generator.state
        for found, drift in ((steady, 0.0), (drifting, 0.03)):
            rng.bit_generator.state = state
            squares, df = spread_around_trend(runs(rng, 12, 0.03, drift))
            found.append(squares[0] / df[0])
    assert np.mean(drifting) < 1.2 * np.mean(steady)


def test_too_few_later_runs_say_nothing() -> None:
    value = runs(np.random.default_rng(1), 3, 0.03)
    squares, df = spread_around_trend(value)
    assert not squares.any() and not df.any()
    later = runs(np.random.default_rng(2), 12, 0.03)
    later[2:, 4] = np.nan
    squares, df = spread_around_trend(later)
    assert df[4] == 0 and (np.delete(df, 4) > 0).all()
