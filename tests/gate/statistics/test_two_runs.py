"""One pair of runs: what it shows, what it cannot, and where the noise comes from."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.gate.statistics.judged_metrics import TESTED, TYPICAL
from loadtest.gate.statistics.two_runs import SURE_LEVEL, compare_two
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run

SD = 0.03


def pair(rng: np.random.Generator, change: float = 0.0, **options: object):
    first = make_run(rng, 30, sd=SD, **options)
    second = make_run(rng, 32, sd=SD, change={NAMES[2]: float(np.log1p(change))}, **options)
    return first, second


def surely_slower(result) -> list[str]:
    large = np.array([result.scores[metric].difference for metric in TESTED]) > np.log(1.05)
    return [NAMES[index] for index in np.flatnonzero(((result.slower < SURE_LEVEL) & large).any(axis=0))]


def test_a_large_slowdown_is_seen_where_the_series_tells_how_much_runs_differ() -> None:
    rng = np.random.default_rng(1)
    others = make_baseline(rng, 8, sd=SD)
    found = [surely_slower(compare_two(*pair(rng, 0.6), others)) for _ in range(20)]
    assert all(NAMES[2] in names for names in found)
    assert sum(names != [NAMES[2]] for names in found) <= 1  # 2 % of false alarms are allowed for


@pytest.mark.parametrize("others", [0, 3, 8])
def test_the_same_build_twice_is_hardly_ever_called_slower(others: int) -> None:
    rng = np.random.default_rng(2)
    flagged = [bool(surely_slower(compare_two(*pair(rng), make_baseline(rng, others, sd=SD)))) for _ in range(60)]
    assert sum(flagged) <= 2


def test_a_pair_without_a_history_sees_less_and_says_what_it_assumes() -> None:
    rng = np.random.default_rng(3)
    first, second = pair(rng)
    alone, helped = compare_two(first, second), compare_two(first, second, make_baseline(rng, 8, sd=SD))
    assert np.median(alone.detectable(TYPICAL)) > np.median(helped.detectable(TYPICAL))
    assert "assumed" in alone.noise_told and alone.history_runs == 0
    assert helped.noise_told.startswith("noise between runs from 8 other runs") and helped.history_runs == 8


def test_the_two_runs_themselves_say_nothing_about_the_noise() -> None:
    rng = np.random.default_rng(4)
    first, second = pair(rng, 0.6)
    others = make_baseline(rng, 5, sd=SD)
    assert compare_two(first, second, [*others, first, second]).history_runs == 5


def test_a_slow_host_is_no_slower_endpoint() -> None:
    rng = np.random.default_rng(5)
    others = make_baseline(rng, 8, sd=SD)
    first, second = make_run(rng, 30, sd=SD, host=0.0), make_run(rng, 32, sd=SD, host=float(np.log(1.4)))
    result = compare_two(first, second, others)
    assert surely_slower(result) == []
    assert result.common is not None
    assert 0.2 < np.expm1(result.common.raw.change) < 0.6


def test_with_one_endpoint_the_host_cannot_be_told_from_the_build() -> None:
    rng = np.random.default_rng(6)
    name = (NAMES[0],)
    one = compare_two(make_run(rng, 30, sd=SD, names=name), make_run(rng, 32, sd=SD, names=name))
    many = compare_two(*pair(rng))
    assert one.common is None
    assert one.scores[TYPICAL].standard_error[0] > many.scores[TYPICAL].standard_error[0]


def test_an_endpoint_with_too_few_requests_has_no_change() -> None:
    rng = np.random.default_rng(7)
    first = make_run(rng, 30, sd=SD, n={NAMES[0]: 4})
    result = compare_two(first, make_run(rng, 32, sd=SD))
    assert np.isnan(result.scores[TYPICAL].difference[0])
    assert np.isfinite(result.scores[TYPICAL].difference[1:]).all()


def test_what_swaps_sides_swaps_its_sign() -> None:
    rng = np.random.default_rng(8)
    others = make_baseline(rng, 8, sd=SD)
    first, second = pair(rng, 0.3)
    there, back = compare_two(first, second, others), compare_two(second, first, others)
    np.testing.assert_allclose(there.scores[TYPICAL].difference, -back.scores[TYPICAL].difference, atol=0.02)
