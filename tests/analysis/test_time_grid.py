from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.time_grid import choose_bin_s, make_grid, moment
from tests.analysis.builders import START, START_US


@given(st.floats(0, 200_000))
def test_bins_are_at_least_a_second_and_never_more_than_120(duration_s: float) -> None:
    width = choose_bin_s(duration_s)
    assert width >= 1
    assert duration_s / width <= 120


def test_profiles_get_readable_bins() -> None:
    assert [choose_bin_s(seconds) for seconds in (30, 300, 600, 900)] == [1, 5, 5, 10]


def test_starts_outside_the_run_fall_into_its_edges() -> None:
    grid = make_grid(START, START + timedelta(seconds=25), None, None, bin_s=10)
    bins = grid.bin_of(np.array([START_US - 5, START_US, START_US + 24_999_999, START_US + 10**12]))
    assert bins.tolist() == [0, 0, 2, 2]
    assert grid.bin_widths_s() == [10, 10, 5]


def test_an_impossible_time_axis_still_is_one() -> None:
    grid = make_grid(START, START - timedelta(hours=1), START, START - timedelta(hours=2))
    assert (grid.bins, grid.steady_us, grid.steady_s) == (1, None, 0)
    assert [phase.name for phase in grid.phases()] == ["ramp"]


def test_the_steady_phase_stays_inside_the_load() -> None:
    hour = timedelta(hours=1)
    grid = make_grid(START, START + hour, START - hour, START + 2 * hour)
    assert grid.steady_s == 3600


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_has_a_moment(us: int) -> None:
    assert moment(us).tzinfo is not None


def test_a_chosen_width_is_kept_unless_there_were_too_many_bins() -> None:
    assert make_grid(START, START + timedelta(hours=6), None, None, bin_s=10).bins == 2_160
    assert make_grid(START, START + timedelta(days=20_000), None, None, bin_s=1).bins == 5_000
