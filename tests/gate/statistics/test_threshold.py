"""The load at which steps stop holding, with its interval."""

from __future__ import annotations

import math
import random

import pytest

from loadtest.gate.statistics.threshold import threshold
from loadtest.load.capacity_walk import CapacityWalk, StepResult
from loadtest.planning.search import CapacitySearch


def test_between_what_held_and_what_did_not() -> None:
    found = threshold([50, *[100] * 4, *[110] * 4, 200], [*[True] * 5, *[False] * 5])
    assert 100 < found.load < 110
    assert found.low < found.load < found.high
    assert found.low > 95
    assert found.high < 116


def test_few_steps_far_apart_leave_a_wide_interval() -> None:
    found = threshold([50, 400], [True, False])
    assert found.high / found.low > 4


def test_steps_that_contradict_each_other_widen_the_interval() -> None:
    agreed = threshold([90, 100, 110, 120], [True, True, False, False])
    torn = threshold([90, 100, 110, 120], [True, False, True, False])
    assert torn.log_sd > agreed.log_sd


def test_one_step_that_went_wrong_at_low_load_hardly_counts() -> None:
    steps, held = [10, 20, 40, 80, 100, 100, 110, 110], [True, False, True, True, True, True, False, False]
    assert 95 < threshold(steps, held).load < 115


def test_no_step_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="no step"):
        threshold([], [])


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    covered, trials = 0, 60
    for seed in range(trials):
        rng, walk = random.Random(seed), CapacityWalk(CapacitySearch(start=4).levels(500), repeats=8)
        truth = 130 * math.exp(rng.uniform(-0.05, 0.05))
        steps, held = [], []
        while (users := walk.users) is not None:
            steps.append(users)
            held.append(users <= truth * math.exp(rng.gauss(0, 0.1)))
            walk.took(StepResult.HELD if held[-1] else StepResult.MISSED)
        found = threshold(steps, held)
        covered += found.low <= truth <= found.high
    assert covered >= 0.85 * trials
