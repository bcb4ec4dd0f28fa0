"""Targets from what a run measured: its p95, with room, rounded up to a number that people say."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from loadtest.analysis.models import EndpointMetrics

ROOM = 2.0  # of the measured p95: another day, another machine
LEAST_MS = 50  # below it, targets would judge the network
FEW = 5  # successes; from fewer nothing is proposed
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)


def propose_targets(endpoints: Sequence[EndpointMetrics], total: EndpointMetrics, seen_in: str) -> str:
    """The text of a targets.yaml. Endpoints without enough successes have none; `seen_in` names the run."""
    limits: dict[str, dict[str, float | int]] = {}
    few = 0
    for metrics in endpoints:
        limit = _limit(metrics)
        if limit is None:
            few += 1
        else:
            limits[metrics.endpoint] = {"p95_ms": limit}
    overall = _limit(total)
    together = {"p95_ms": overall} if overall is not None else {}
    head = (
        f"# PROPOSED from {seen_in}: twice the p95 that was seen, rounded up, at least {LEAST_MS} ms.\n"
        "# Replace the numbers by what your users need.\n"
    )
    if few:
        head += f"# {few} endpoint{'s' if few > 1 else ''} had fewer than {FEW} successful requests: no proposal.\n"
    text = yaml.safe_dump({"endpoints": limits}, sort_keys=False, width=1_000, allow_unicode=True) if limits else ""
    return head + text + yaml.safe_dump({"total": together | {"error_rate": "1%"}}, sort_keys=False)


def _limit(metrics: EndpointMetrics) -> float | int | None:
    if metrics.p95_ms is None or metrics.successes < FEW:
        return None
    return round_up(max(LEAST_MS, metrics.p95_ms * ROOM))


def round_up(value_ms: float) -> float | int:
    """The next of 1, 1.5, 2, 2.5, 3, 4, 5, 7.5 times a power of ten."""
    power = 1.0
    while value_ms > power * 10:
        power *= 10
    rounded = next(step * power for step in STEPS if step * power >= value_ms - 1e-9)
    return int(rounded) if rounded == int(rounded) else rounded
