"""Targets from what a run measured: its p95, with room, rounded up to a number that people say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from loadtest.analysis.models import EndpointMetrics

ROOM = 2.0  # of the measured p95: another day, another machine
LEAST_MS = 50  # below it, targets would judge the network
FEW = 5  # successes; from fewer nothing is proposed
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)


@dataclass(frozen=True)
class Proposal:
    """p95 limits in ms by endpoint, and of all together; `few`: how many endpoints had too few successes for one."""

    limits: dict[str, float | int]
    together: float | int | None
    few: int

    def text(self, seen_in: str) -> str:
        """A targets.yaml; `seen_in` names the run."""
        head = (
            f"# PROPOSED from {seen_in}: twice the p95 that was seen, rounded up, at least {LEAST_MS} ms.\n"
            "# Replace the numbers by what your users need.\n"
        )
        if self.few:
            head += f"# {self.few} endpoint{'s' if self.few > 1 else ''} had fewer than {FEW} successful requests: no proposal.\n"
        endpoints = {endpoint: {"p95_ms": limit} for endpoint, limit in self.limits.items()}
        text = yaml.safe_dump({"endpoints": endpoints}, sort_keys=False, width=1_000, allow_unicode=True) if endpoints else ""
        together = {} if self.together is None else {"p95_ms": self.together}
        return head + text + yaml.safe_dump({"total": together | {"error_rate": "1%"}}, sort_keys=False)


def propose(endpoints: Sequence[EndpointMetrics], total: EndpointMetrics) -> Proposal:
    """Endpoints without enough successes have no limit. Where few requests are slow ones, the p95 of all together falls now
    among these and now among the others: its limit is above the slow ones, too."""
    limits = {metrics.endpoint: limit for metrics in endpoints if (limit := _limit(metrics)) is not None}
    together = _limit(total)
    if together is not None:
        together = max(together, round_up(total.p99_ms or 0))
    return Proposal(limits, together, len(endpoints) - len(limits))


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
