"""Targets that say too little or too much, judged by what runs have done lately. Nothing is changed by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from loadtest import wording
from loadtest.planning.criteria import Target
from loadtest.trends.models import Direction, Proposal

LEAST_RUNS = 8
_LATENCY = ("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")
_LOOSE = 1.5  # a target this far above what 99 % of runs stay below notices only large changes
_HEADROOM = 1.1
_MISSED = 0.25


def propose_targets(
    targets: Sequence[Target],
    values: Mapping[tuple[str | None, str], Sequence[float]],
    directions: Mapping[str | None, Direction],
) -> list[Proposal]:
    """Proposals for latency targets with enough comparable runs. `values`: recent values in the metric's unit by
    (endpoint, metric); `directions`: where each endpoint's p95 is going (a degrading one gets no proposal)."""
    found = []
    for target in targets:
        runs = np.asarray(values.get((target.endpoint, target.metric), ()), dtype=float)
        if target.metric not in _LATENCY or len(runs) < LEAST_RUNS or (runs <= 0).any():
            continue
        # What a degrading endpoint does lately is neither good enough to promise nor a reason to promise less.
        is_degrading = directions.get(target.endpoint) is Direction.DEGRADING
        proposal = None if is_degrading else _tighter(target, runs) or _looser(target, runs)
        if proposal:
            found.append(proposal)
    return found


def upper_bound(runs: np.ndarray) -> float:
    """What the next run stays below with 99 % probability: prediction limit of a log-normal spread between runs."""
    logs = np.log(runs)
    n = len(logs)
    spread = max(float(np.std(logs, ddof=1)), 0.01)
    return float(np.exp(logs.mean() + stats.t.ppf(0.99, n - 1) * spread * np.sqrt(1 + 1 / n)))


def _tighter(target: Target, runs: np.ndarray) -> Proposal | None:
    bound = upper_bound(runs)
    proposed = round_up(max(bound, float(runs.max())) * _HEADROOM)
    if target.limit <= _LOOSE * bound or proposed >= target.limit:
        return None
    name, metric = wording.subject(target.endpoint), wording.metric_label(target.metric)
    reason = (
        f"{name} {metric}: in the last {len(runs)} runs at most {wording.ms(float(runs.max()))}, and 99 % of runs stay below "
        f"{wording.ms(bound)}. The target of {wording.threshold(target.metric, target.limit)} would notice only a slowdown of x"
        f"{target.limit / float(np.median(runs)):.1f}; {wording.ms(proposed)} would notice x"
        f"{proposed / float(np.median(runs)):.1f}."
    )
    return Proposal(
        endpoint=target.endpoint, metric=target.metric, kind="tighter", current=target.limit, proposed=proposed, reason=reason
    )


def _looser(target: Target, runs: np.ndarray) -> Proposal | None:
    missed = int(np.sum(runs > target.limit))
    if missed < _MISSED * len(runs):
        return None
    proposed = round_up(upper_bound(runs))
    name, metric = wording.subject(target.endpoint), wording.metric_label(target.metric)
    reason = (
        f"{name} {metric}: {missed} of the last {len(runs)} runs exceed the target of "
        f"{wording.threshold(target.metric, target.limit)} and it is not getting worse, so the "
        f"alarm says nothing new. Make it faster, or promise what it does: {wording.ms(proposed)}."
    )
    return Proposal(
        endpoint=target.endpoint, metric=target.metric, kind="looser", current=target.limit, proposed=proposed, reason=reason
    )


def round_up(value: float) -> float:
    """To two significant digits, upwards: 183 -> 190, 0.0123 -> 0.013."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(round(value / step, 6)) * step, 10)
