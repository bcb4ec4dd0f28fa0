"""When two builds that take turns differ: the order of the slices, the levels of a decision, and its early end.

A comparison looks at its evidence twice: half-way, with a small part of the error budget (Bonferroni over the looks), and at
the end. Half-way it ends for a regression beyond doubt, or where nothing is suspicious and a regression beyond the tolerance
is excluded for every endpoint, one of its slow requests included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.gate.statistics.paired import METRICS, MIDDLE, SLOW, TYPICAL, PairedComparison, SideSamples, compare_sides

SLICE_S = 3.0  # short against what happens to a host, long against the settling at its beginning
EARLY_SHARE = 0.1  # of the error budget
WARN_LEVEL = 0.015
FAIL_LEVEL = 0.005
UNSUSPICIOUS = 0.5  # smallest adjusted p with which a comparison may end half-way as unchanged
TAIL_TOLERANCE = 3.0  # times the tolerance, for the slow requests: what must be excluded of them to end half-way as unchanged
PROVING = (METRICS.index(MIDDLE), METRICS.index(TYPICAL))  # whose upper bounds must stay under the tolerance


def order_of_slices(pairs: int, seed: int) -> tuple[int, ...]:
    """The side of each of 2 x `pairs` slices. Two pairs are ABBA or BAAB, at random: what grows steadily (data, memory, heat)
    falls on both sides alike, and nothing that comes back at a fixed time meets the same side each time."""
    generator = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < 2 * pairs:
        first = int(generator.integers(2))
        order += [first, 1 - first, 1 - first, first]
    return tuple(order[: 2 * pairs])


def planned_pairs(duration_s: float) -> int:
    return int(duration_s // (2 * SLICE_S))


def look_after(pairs: int) -> tuple[int, ...]:
    """After how many pairs the evidence is looked at: at half of them, where that is enough to judge anything, and at all."""
    half = pairs // 2
    return (half, pairs) if half >= 10 else (pairs,)


@dataclass(frozen=True)
class Decision:
    """`warned`, `regressed`: metrics x endpoints. `ends`: no more slices are needed. Endpoints are proven when a regression
    beyond the tolerance is excluded."""

    comparison: PairedComparison
    p_slower: np.ndarray
    p_faster: np.ndarray
    warned: np.ndarray
    regressed: np.ndarray
    common_warned: bool
    common_regressed: bool
    proven_endpoints: np.ndarray
    ends: bool

    @property
    def flagged(self) -> bool:
        return bool(self.warned.any()) or self.common_warned

    @property
    def failed(self) -> bool:
        return bool(self.regressed.any()) or self.common_regressed

    @property
    def proven(self) -> bool:
        """Nothing is flagged, and a regression beyond the tolerance is excluded everywhere."""
        return not self.flagged and bool(self.proven_endpoints.all())


def decide(
    base: Mapping[str, SideSamples],
    candidate: Mapping[str, SideSamples],
    endpoints: Sequence[str],
    *,
    pairs: int,
    planned: int,
    tolerance: np.ndarray | float = 0.20,
    least_effect: np.ndarray | float = 0.05,
) -> Decision:
    """Judge the first `pairs` of `planned` pairs. `tolerance`, `least_effect`: relative, per endpoint or for all."""
    comparison = compare_sides(base, candidate, endpoints, pairs)
    share = 1.0 if look_after(planned) == (planned,) else (1 - EARLY_SHARE if pairs >= planned else EARLY_SHARE)
    p_slower, p_faster = comparison.p_slower() / share, comparison.p_faster() / share
    p_common = comparison.p_common / share
    large = comparison.difference >= np.log1p(least_effect)
    common_large = comparison.common >= np.log1p(np.min(least_effect))
    upper = comparison.interval()[1]
    warned = large & (p_slower < WARN_LEVEL)
    regressed = large & (p_slower < FAIL_LEVEL)
    common_warned = bool(common_large and p_common < WARN_LEVEL)
    common_regressed = bool(common_large and p_common < FAIL_LEVEL)
    proven = np.all(upper[list(PROVING)] < np.log1p(tolerance), axis=0)  # NaN is not below
    unsuspicious = not np.nanmin(p_slower, initial=np.inf) * share < UNSUSPICIOUS and not p_common * share < UNSUSPICIOUS / 10
    slow_excluded = not np.any(upper[METRICS.index(SLOW)] >= np.log1p(TAIL_TOLERANCE * np.asarray(tolerance)))  # NaN: too few
    ends_unchanged = unsuspicious and bool(proven.all()) and slow_excluded
    return Decision(
        comparison=comparison,
        p_slower=p_slower,
        p_faster=p_faster,
        warned=warned,
        regressed=regressed,
        common_warned=common_warned,
        common_regressed=common_regressed,
        proven_endpoints=proven,
        ends=pairs >= planned or bool(regressed.any()) or common_regressed or ends_unchanged,
    )
