"""The way of a search through the levels, against services whose capacity is known."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from loadtest.load.capacity_walk import CapacityWalk, StepResult
from loadtest.planning.search import CapacitySearch

LEVELS = CapacitySearch(start=4).levels(500)


def walked(capacity: float, *, spread: float = 0.0, generator: float = math.inf, seed: int = 0) -> CapacityWalk:
    """A search of a service that holds `capacity` users, give or take; the generator gives out above `generator`."""
    rng, walk = random.Random(seed), CapacityWalk(LEVELS, repeats=8)
    while (users := walk.users) is not None:
        assert len(walk.done) < 60
        held = users <= capacity * math.exp(rng.gauss(0, spread))
        walk.took(StepResult.LIMITED if users > generator else StepResult.HELD if held else StepResult.MISSED)
    return walk


def test_levels_differ_by_the_resolution_and_end_with_the_most() -> None:
    assert LEVELS[:4] == (4, 5, 6, 7)
    assert LEVELS[-1] == 500
    assert all(1 < high / low < 1.15 for low, high in itertools.pairwise(LEVELS[8:]))


@pytest.mark.parametrize("capacity", [4.5, 7, 37, 130, 300, 480])
def test_a_sharp_edge_is_found_to_the_next_level(capacity: float) -> None:
    walk = walked(capacity)
    assert walk.found == max(level for level in LEVELS if level <= capacity)
    assert len(walk.done) <= 20


def test_most_steps_are_taken_at_the_edge() -> None:
    walk = walked(130)
    assert sum(100 < LEVELS[index] < 170 for index, _ in walk.done) >= 8


def test_one_unlucky_step_decides_nothing() -> None:
    """The step with 16 users fails for another reason, and the search comes back."""
    walk, unlucky = CapacityWalk(LEVELS, repeats=8), True
    while (users := walk.users) is not None:
        held = users <= 30 and not (users > 14 and unlucky)
        unlucky = unlucky and users <= 14
        walk.took(StepResult.HELD if held else StepResult.MISSED)
    assert 20 <= walk.found <= 30


def test_a_service_that_holds_everything_ends_the_search_at_the_most_users() -> None:
    walk = walked(5_000)
    assert walk.found == 500
    assert [LEVELS[index] for index, _ in walk.done][-3:] == [500, 500, 500]


def test_a_service_that_holds_nothing_ends_the_search_at_once() -> None:
    walk = walked(1)
    assert [LEVELS[index] for index, _ in walk.done] == [4, 4, 4]
    assert walk.found == 4


def test_no_step_goes_where_the_generator_gave_out() -> None:
    walk = walked(5_000, generator=100)
    beyond = [LEVELS[index] for index, result in walk.done if result is StepResult.LIMITED]
    assert beyond
    assert beyond == sorted(set(beyond), reverse=True)  # each lower than the one before, none twice
    assert walk.found <= 100


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_edge_is_found_within_15_percent(seed: int) -> None:
    assert abs(walked(130, spread=0.05, seed=seed).found / 130 - 1) < 0.15
