"""Slopes and jumps: right where it can be computed by hand, calibrated where noise decides, indifferent to scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from loadtest.gate.statistics.slope import benjamini_hochberg, theil_sen
from loadtest.trends.change_points import find_jumps

ONE = np.zeros(26, dtype=int)
WEEKS = np.arange(26.0)


def test_an_exact_line_has_its_slope_and_no_doubt():
    found = theil_sen(WEEKS, 0.02 * WEEKS, ONE)
    assert found.slope == pytest.approx(0.02)
    assert found.low == pytest.approx(0.02)
    assert found.p < 1e-6


def test_one_segment_agrees_with_scipy():
    rng = np.random.default_rng(1)
    values = 0.01 * WEEKS + rng.normal(0, 0.05, 26)
    found = theil_sen(WEEKS, values, ONE)
    slope, _, _, _ = stats.theilslopes(values, WEEKS)
    assert found.slope == pytest.approx(slope)


def test_a_shift_between_segments_is_no_slope():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 0.03, 26) + np.where(WEEKS < 13, 0.0, 1.0)
    segments = np.where(WEEKS < 13, 0, 1)
    assert theil_sen(WEEKS, values, segments).p > 0.05
    assert abs(theil_sen(WEEKS, values, segments).slope) < 0.005
    assert theil_sen(WEEKS, values, ONE).slope > 0.04


def test_the_interval_covers_the_truth_and_noise_is_rarely_a_slope():
    rng = np.random.default_rng(3)
    covered = false = 0
    for _ in range(300):
        noise = rng.standard_t(4, 26) * 0.05
        found = theil_sen(WEEKS, 0.005 * WEEKS + noise, ONE)
        covered += found.low <= 0.005 <= found.high
        false += theil_sen(WEEKS, noise, ONE).p < 0.05
    assert covered >= 0.91 * 300
    assert false <= 0.09 * 300


def test_noise_that_lasts_over_runs_is_allowed_for():
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(300):
        noise = lasting(rng, 52, 0.4)
        false += theil_sen(np.arange(52.0), noise, np.zeros(52)).p < 0.05
    assert false <= 0.11 * 300


def lasting(rng: np.random.Generator, n: int, share: float) -> np.ndarray:
    noise = rng.normal(0, 0.05, n)
    for index in range(1, n):
        noise[index] += share * noise[index - 1]
    return noise


@given(
    values=arrays(float, st.integers(8, 40), elements=st.floats(-5, 5).map(lambda value: round(value, 3))),
    shift=st.floats(-3, 3),
)
@settings(max_examples=60, deadline=None)
def test_scale_and_order_of_runs_change_nothing(values, shift):
    weeks = np.arange(len(values), dtype=float)
    segments = np.zeros(len(values))
    found = theil_sen(weeks, values, segments)
    order = np.random.default_rng(0).permutation(len(values))
    moved = theil_sen(weeks[order], values[order] + shift, segments)
    if found is None:
        assert moved is None
        return
    assert moved.slope == pytest.approx(found.slope, abs=1e-9)
    assert found.low <= found.slope <= found.high
    assert [jump.at for jump in find_jumps(values + shift)] == [jump.at for jump in find_jumps(values)]


def test_too_few_runs_have_no_slope():
    assert theil_sen(WEEKS[:7], WEEKS[:7], ONE[:7]) is None
    assert theil_sen(WEEKS[:8], np.ones(8), ONE[:8]) is None  # without any difference there is nothing to order
    with pytest.raises(ValueError, match="finite"):
        theil_sen(WEEKS, np.full(26, np.nan), ONE)


def test_a_jump_is_found_where_it_is():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 0.05, 40)
    values[22:] += np.log(1.3)
    (jump,) = find_jumps(values)
    assert abs(jump.at - 22) <= 1
    assert jump.low < np.log(1.3) < jump.high


def test_the_interval_of_a_jump_covers_its_size():
    rng = np.random.default_rng(10)
    sizes = []
    for _ in range(200):
        values = rng.standard_t(3, 30) * 0.04
        values[15:] += np.log(1.3)
        sizes += [jump.low < np.log(1.3) < jump.high for jump in find_jumps(values) if abs(jump.at - 15) <= 2]
    assert len(sizes) >= 170
    assert np.mean(sizes) >= 0.9


def test_there_and_back_are_two_jumps():
    rng = np.random.default_rng(6)
    values = rng.normal(0, 0.04, 45)
    values[15:30] += np.log(1.4)
    assert [abs(jump.at - place) <= 1 for jump, place in zip(find_jumps(values), (15, 30), strict=True)] == [True, True]


@pytest.mark.parametrize("n", [8, 12, 26, 52])
def test_an_unchanged_series_rarely_jumps(n):
    rng = np.random.default_rng(7)
    false = sum(bool(find_jumps(rng.standard_t(3, n) * 0.05)) for _ in range(300))
    assert false <= 0.02 * 300


def test_a_twenty_percent_jump_is_mostly_found():
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(200):
        values = rng.normal(0, 0.06, 26)
        values[13:] += np.log(1.2)
        found += any(abs(jump.at - 13) <= 2 for jump in find_jumps(values))
    assert found >= 0.8 * 200


def test_one_wild_run_or_a_steady_drift_is_no_jump():
    rng = np.random.default_rng(9)
    wild = rng.normal(0, 0.04, 30)
    wild[15] += 1.5
    assert find_jumps(wild) == []
    drift = rng.normal(0, 0.04, 30) + np.log(1.03) * np.arange(30)
    assert find_jumps(drift) == []


def test_identical_runs_have_no_jump_and_exact_steps_have_one():
    assert find_jumps(np.ones(20)) == []
    (jump,) = find_jumps(np.repeat([0.0, 0.5], 10))
    assert jump.at == 10
    with pytest.raises(ValueError, match="finite"):
        find_jumps(np.full(20, np.inf))


@given(arrays(float, st.integers(1, 30), elements=st.floats(0, 1)))
def test_adjusted_p_values_keep_their_order_and_never_shrink(p_values):
    adjusted = benjamini_hochberg(p_values)
    assert (adjusted >= p_values - 1e-12).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= -1e-12).all()
