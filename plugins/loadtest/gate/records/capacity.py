"""What a search for the capacity came to: its steps, and the load that they show the service to hold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loadtest.files import Record
from loadtest.planning.criteria import Target


class CapacityKind(StrEnum):
    """How sure a search for the capacity could be."""

    FOUND = "found"
    AT_LEAST = "at_least"  # all steps held, up to the most users that were tried
    DISTURBED = "disturbed"  # at least so many: above, other processes took the host's CPU
    GENERATOR = "generator"  # at least so many: above, the load generator was the bottleneck
    BELOW = "below"  # even the first step missed a target


class CapacityStep(Record):
    """One step. `held` None: nothing was learned from it. `observed`: the metric of each of the search's targets, in its unit,
    None where the endpoint had too few requests. `p95_ms`: of all requests."""

    users: int
    started_at: datetime
    judged_s: float
    n: int
    rps: float
    error_rate: float
    p95_ms: float | None = None
    held: bool | None
    observed: tuple[float | None, ...]
    is_hold: bool = False


class Capacity(Record):
    """`users`: with its 95 % interval `low` to `high` and the standard deviation of its logarithm. `rps` and `p95_ms`: of the
    hold at the end, with `hold_users`. `deciding`: index of the target that was missed most, None where none was."""

    kind: CapacityKind
    users: float
    low: float
    high: float | None
    log_sd: float
    targets: tuple[Target, ...]
    steps: tuple[CapacityStep, ...]
    deciding: int | None = None
    hold_users: int | None = None
    rps: float | None = None
    p95_ms: float | None = None
