from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.load.schedule import Schedule

stages = st.lists(
    st.tuples(st.floats(0.5, 60), st.floats(0, 50).map(lambda level: round(level, 1)), st.booleans()), min_size=1, max_size=5
)


def test_a_spike_rises_holds_and_falls() -> None:
    spike = Schedule.from_stages([(10, 10, True), (20, 10, True), (5, 100, False), (20, 10, False), (5, 0, True)])
    assert [spike.level_at(t) for t in (0, 5, 10, 29, 30, 34.9, 35, 55, 57.5, 99)] == [0, 5, 10, 10, 100, 100, 10, 10, 5, 0]
    assert spike.duration_s == 60
    assert spike.peak == 100
    assert spike.steady_window() == (30, 35)


def levels_set(schedule: Schedule) -> list[tuple[float, float]]:
    """(time, level) as somebody sets them who comes by each second and at each edge."""
    t, found = 0.0, []
    while t < schedule.duration_s:
        found.append((t, schedule.level_to_reach(t)))
        t = min(t + 1, schedule.next_edge(t))
    return found


def test_holds_begin_and_end_at_their_time_and_a_peak_without_hold_is_reached() -> None:
    steps = Schedule.from_stages([(2.5, 10, False), (2, 50, False), (1, 5, False)])
    assert levels_set(steps) == [(0, 10), (1, 10), (2, 10), (2.5, 50), (3.5, 50), (4.5, 5)]
    peak = Schedule.from_stages([(2, 20, True), (2, 0, True)])
    assert levels_set(peak) == [(0, 10), (1, 20), (2, 10), (3, 0)]
    steady = Schedule.from_stages([(2, 20, True), (2, 20, True), (2, 0, True)])
    assert levels_set(steady) == [(0, 10), (1, 20), (2, 20), (3, 20), (4, 10), (5, 0)]
    assert steady.next_edge(6) == float("inf")


def test_holds_at_one_level_that_follow_each_other_are_one() -> None:
    assert Schedule.from_stages([(5, 3, True), (5, 3, True), (7, 3, False)]).steady_window() == (5, 17)


def test_without_any_hold_the_whole_load_is_judged() -> None:
    assert Schedule.from_stages([(10, 50, True)]).steady_window() == (0, 10)


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert list(Schedule.constant(4, 1).arrivals()) == pytest.approx([0.125, 0.375, 0.625, 0.875])


@given(stages)
def test_arrivals_come_in_order_within_the_duration_and_as_many_as_planned(parts: list) -> None:
    schedule = Schedule.from_stages(parts)
    arrivals = list(schedule.arrivals())
    assert arrivals == sorted(arrivals)
    assert all(0 <= t <= schedule.duration_s + 1e-6 for t in arrivals)
    assert abs(len(arrivals) - schedule.planned_total()) <= 1


@given(stages, st.floats(0.05, 0.95))
def test_up_to_any_time_there_are_as_many_arrivals_as_the_area_says(parts: list, share: float) -> None:
    schedule = Schedule.from_stages(parts)
    until = schedule.duration_s * share
    steps = 4000
    area = sum(schedule.level_at(until * (i + 0.5) / steps) for i in range(steps)) * until / steps
    assert abs(sum(t <= until for t in schedule.arrivals()) - area) <= 1 + 0.005 * area + schedule.peak * until / steps


@given(stages)
def test_the_steady_window_lies_in_the_load(parts: list) -> None:
    schedule = Schedule.from_stages(parts)
    start, end = schedule.steady_window()
    assert 0 <= start < end <= schedule.duration_s + 1e-9
