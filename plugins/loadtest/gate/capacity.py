"""From the samples and the steps of a search to the capacity: every step is measured and judged again, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.samples import SampleFile
from loadtest.files import AnyPath
from loadtest.gate.records.capacity import Capacity, CapacityKind, CapacityStep
from loadtest.gate.statistics.threshold import threshold
from loadtest.load.models import LoadResult, LoadStep
from loadtest.load.step_targets import QUANTILES, least_requests, step_targets
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan

_COLUMNS = ("start_us", "latency_us", "endpoint", "error")


@dataclass
class _Measured:
    """Requests that started in the judged part of a step. `latencies`: of successes, microseconds, by endpoint code."""

    n: dict[int, int] = field(default_factory=dict)
    errors: dict[int, int] = field(default_factory=dict)
    latencies: dict[int, list[NDArray[np.uint32]]] = field(default_factory=dict)

    def of(self, code: int | None) -> tuple[int, int, NDArray[np.uint32]]:
        """Requests, errors, and latencies of successes; of all endpoints where `code` is None."""
        codes = list(self.n) if code is None else [code]
        parts = [part for each in codes for part in self.latencies.get(each, [])]
        joined = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
        return sum(self.n.get(each, 0) for each in codes), sum(self.errors.get(each, 0) for each in codes), joined


def capacity_of(plan: Plan, load: LoadResult, samples: AnyPath) -> Capacity | None:
    """None where not one step was taken. Raises ConfigurationError for samples that are missing or damaged."""
    if not load.steps:
        return None
    file, targets = SampleFile(samples), step_targets(plan)
    measured = _measure(file, load.steps)
    codes = {name: code for code, name in enumerate(file.endpoints.all)}
    steps = tuple(_step(step, one, targets, codes) for step, one in zip(load.steps, measured, strict=True))
    return _concluded(load.steps, steps, targets)


def _measure(file: SampleFile, steps: Sequence[LoadStep]) -> list[_Measured]:
    measured = [_Measured() for _ in steps]
    spans_us = [(round(step.judged_from.timestamp() * 1e6), round(step.ended_at.timestamp() * 1e6)) for step in steps]
    for chunk in file.chunks(_COLUMNS):
        for one, (begin_us, end_us) in zip(measured, spans_us, strict=True):
            inside = np.flatnonzero((chunk.start_us >= begin_us) & (chunk.start_us < end_us))
            endpoints, failed = chunk.endpoint[inside], chunk.failed[inside]
            good = chunk.timed[inside] & ~failed
            for code in map(int, np.unique(endpoints)):
                own = endpoints == code
                one.n[code] = one.n.get(code, 0) + int(own.sum())
                one.errors[code] = one.errors.get(code, 0) + int((own & failed).sum())
                one.latencies.setdefault(code, []).append(chunk.latency_us[inside[own & good]])
    return measured


def _step(step: LoadStep, measured: _Measured, targets: Sequence[Target], codes: dict[str, int]) -> CapacityStep:
    n, errors, latencies = measured.of(None)
    judged_s = (step.ended_at - step.judged_from).total_seconds()
    observed = tuple(_observed(target, measured, codes) for target in targets)
    return CapacityStep(
        users=step.users,
        started_at=step.started_at,
        judged_s=judged_s,
        n=n,
        rps=n / judged_s if judged_s > 0 else 0.0,
        error_rate=errors / n if n else 0.0,
        p95_ms=float(np.quantile(latencies, 0.95)) / 1000 if len(latencies) else None,
        held=_held(step, n, observed, targets),
        observed=observed,
        is_hold=step.is_hold,
    )


def _held(step: LoadStep, n: int, observed: Sequence[float | None], targets: Sequence[Target]) -> bool | None:
    if step.limited:
        return None
    # Users ran; where n is 0, nobody got so far in all that time as to ask again.
    held = n > 0 and all(value is None or value <= target.limit for value, target in zip(observed, targets, strict=True))
    return None if step.disturbed and not held else held


def _observed(target: Target, measured: _Measured, codes: dict[str, int]) -> float | None:
    """The target's metric; infinite where every request of a latency's endpoint failed. None: too few requests."""
    code = None if target.endpoint is None else codes.get(target.endpoint, -1)
    n, errors, latencies = measured.of(code)
    if n < least_requests(target):
        return None
    if target.metric == "error_rate":
        return errors / n
    if not len(latencies):
        return float("inf") if errors else None
    value_us = latencies.mean() if target.metric == "mean_ms" else np.quantile(latencies, QUANTILES[target.metric])
    return float(value_us) / 1000


@dataclass(frozen=True)
class _Estimate:
    """Users with their interval; `high` None: nobody knows."""

    kind: CapacityKind
    users: float
    low: float
    high: float | None
    log_sd: float = 0.0


def _concluded(taken: Sequence[LoadStep], steps: tuple[CapacityStep, ...], targets: tuple[Target, ...]) -> Capacity:
    disturbed = [step.users for step, judged in zip(taken, steps, strict=True) if step.disturbed and judged.held is None]
    found = _estimate(steps, [step.users for step in taken if step.limited], disturbed)
    hold = next((step for step in steps if step.is_hold), None)
    return Capacity(
        kind=found.kind,
        users=found.users,
        low=found.low,
        high=found.high,
        log_sd=found.log_sd,
        targets=targets,
        steps=steps,
        deciding=_deciding([step for step in steps if step.held is not None], targets),
        hold_users=hold.users if hold else None,
        rps=hold.rps if hold else None,
        p95_ms=hold.p95_ms if hold else None,
    )


def _estimate(steps: Sequence[CapacityStep], limited: Sequence[int], disturbed: Sequence[int]) -> _Estimate:
    """`limited`: users of the steps in which the load generator was the bottleneck; `disturbed`: of those that say nothing
    because other processes took the host's CPU."""
    judged = [step for step in steps if step.held is not None]
    held = [step.users for step in judged if step.held]
    missed = [step.users for step in judged if not step.held]
    if not held:
        least = float(min(step.users for step in steps))
        kind = CapacityKind.BELOW if missed else CapacityKind.GENERATOR if limited else CapacityKind.DISTURBED
        return _Estimate(kind, least if missed else 0.0, 0.0, least if missed else None)
    estimate = threshold([step.users for step in judged], [bool(step.held) for step in judged])
    highest = float(max(held))
    if limited and (not missed or min(limited) <= estimate.load):
        return _Estimate(CapacityKind.GENERATOR, highest, highest, None)
    if disturbed and not missed:
        return _Estimate(CapacityKind.DISTURBED, highest, highest, None)
    top = float(max(held + missed))
    if not missed or (estimate.load >= top and held.count(round(top)) > missed.count(round(top))):
        return _Estimate(CapacityKind.AT_LEAST, highest, highest, None)
    # Misses at several loads, in no order, leave the edge open: more than was tried is not said to hold.
    return _Estimate(CapacityKind.FOUND, min(estimate.load, top), min(estimate.low, top), estimate.high, estimate.log_sd)


def _deciding(judged: Sequence[CapacityStep], targets: Sequence[Target]) -> int | None:
    """The target that was missed in most steps; of several the one that was missed at the lowest load."""
    counts = [sum(_misses(step, index, targets) for step in judged) for index in range(len(targets))]
    if not any(counts):
        return None
    first = [min((step.users for step in judged if _misses(step, index, targets)), default=0) for index in range(len(targets))]
    return max(range(len(targets)), key=lambda index: (counts[index], -first[index]))


def _misses(step: CapacityStep, index: int, targets: Sequence[Target]) -> bool:
    value = step.observed[index]
    return value is not None and value > targets[index].limit
