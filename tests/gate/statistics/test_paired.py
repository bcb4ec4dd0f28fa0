"""Two builds that take turns: what is found, what is not, and that luck of the host is no finding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bench_ab import ENDPOINTS, PAIRS, SLICE_S, sides
from benchmarks.simulator.slices import WORLDS, Change, draw
from loadtest.gate.statistics.paired import LEAST_PAIRS, MIDDLE, SideSamples, compare_sides, spread_ties
from loadtest.gate.statistics.side_by_side import Decision, decide, look_after, order_of_slices


def decision_of(seed: int, change: Change, world: int = 0) -> Decision:
    drawn = draw(np.random.default_rng(seed), WORLDS[world], order_of_slices(PAIRS, seed), slice_s=SLICE_S, change=change)
    return decide(*sides(drawn, PAIRS), ENDPOINTS, pairs=PAIRS, planned=PAIRS)


@pytest.mark.parametrize("world", range(len(WORLDS)))
def test_a_doubled_endpoint_is_found_and_no_other_in_every_world(world: int) -> None:
    decision = decision_of(3, Change(2.0, 4), world)
    assert decision.regressed[:, 4].any()
    assert not np.delete(decision.warned, 4, axis=1).any()


def test_the_same_build_twice_is_not_flagged_and_is_proven() -> None:
    decisions = [decision_of(seed, Change()) for seed in range(10)]
    assert not any(decision.flagged for decision in decisions)
    assert sum(decision.proven for decision in decisions) >= 8


def test_a_slowdown_of_all_endpoints_is_one_statement() -> None:
    assert decision_of(5, Change(1.2)).common_regressed


def test_what_happens_to_the_host_happens_to_both_sides() -> None:
    order = order_of_slices(PAIRS, 1)
    drawn = draw(np.random.default_rng(1), WORLDS[0], order, slice_s=SLICE_S)
    slow = drawn.latency_ms * np.where(drawn.slice >= PAIRS, 3.0, 1.0)  # from the middle on, a neighbor
    decision = decide(*sides(drawn.__class__(drawn.endpoint, drawn.slice, drawn.side, slow, drawn.order), PAIRS), ENDPOINTS,
                      pairs=PAIRS, planned=PAIRS)  # fmt: skip
    assert not decision.flagged


@given(st.integers(0, 2**31 - 1), st.integers(1, 60))
def test_the_order_is_balanced(seed: int, pairs: int) -> None:
    order = order_of_slices(pairs, seed)
    assert len(order) == 2 * pairs
    assert all(sorted(order[2 * pair : 2 * pair + 2]) == [0, 1] for pair in range(pairs))
    assert look_after(pairs)[-1] == pairs


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 1e5), min_size=1, max_size=40), st.integers(1, 12))
def test_few_requests_judge_nothing_and_break_nothing(latencies: list[float], pairs: int) -> None:
    side = SideSamples(np.arange(len(latencies)) % pairs, np.array(latencies))
    compared = compare_sides({"GET /a": side}, {"GET /a": side}, ["GET /a", "GET /gone"], pairs)
    assert np.isnan(compared.difference[:, 1]).all()
    if pairs < LEAST_PAIRS or len(latencies) < MIDDLE.least_n:
        assert np.isnan(compared.difference[0, 0])
    else:
        assert compared.difference[0, 0] == 0


def test_a_coarse_clock_is_spread_evenly_and_alike_each_time() -> None:
    ticks = np.repeat([10.0, 20.0], 50)
    spread = spread_ties(ticks)
    assert np.array_equal(spread, spread_ties(ticks)) and len(np.unique(spread)) == 100
    assert np.array_equal(np.round(spread, -1), ticks)
    assert spread_ties(np.arange(10.0)) is not None and np.array_equal(spread_ties(np.arange(10.0)), np.arange(10.0))
