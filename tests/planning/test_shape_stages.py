"""A load shape's seconds become stages that plan exactly the same users."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.load.job import schedule_of
from loadtest.planning.profiles import Profile
from loadtest.planning.shape_stages import levels_of, stages_of


def test_steps_are_holds() -> None:
    stages = stages_of(levels_of([(10, 10)] * 5 + [(20, 10)] * 3))
    assert [(stage.duration_s, stage.users, stage.ramp) for stage in stages] == [(5, 10, False), (3, 20, False)]


def test_a_slow_spawn_rate_is_a_ramp() -> None:
    stages = stages_of(levels_of([(6, 2)] * 8))
    assert [(stage.duration_s, stage.users, stage.ramp) for stage in stages] == [(3, 6, True), (5, 6, False)]


ASKED = st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0.5, 1, 3, 7, 100])), min_size=1, max_size=60)


@given(ASKED)
def test_the_stages_plan_the_same_users_in_every_second(asked: list[tuple[float, float]]) -> None:
    levels = levels_of(asked)
    profile = Profile(name="x", purpose="x", shape="scenario", stages=stages_of(levels))
    schedule = schedule_of(profile)
    assert schedule is not None and schedule.duration_s == len(levels)
    for second, level in enumerate(levels):
        # Users are whole, and within a ramp the planned ones lie on the line between whole ends.
        assert abs(schedule.level_to_reach(second) - level) <= 1


def test_a_curve_that_stands_still_at_its_turn_has_no_steady_part_there() -> None:
    curve = [*range(1, 41), 40, 40, *range(39, 0, -1)]
    profile = Profile(name="x", purpose="x", shape="scenario", stages=stages_of(levels_of([(users, 100) for users in curve])))
    schedule = schedule_of(profile)
    assert schedule is not None and schedule.steady_window() == (0, len(curve))
