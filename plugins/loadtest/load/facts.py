"""What the processes said about themselves, gathered into the records that validity needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loadtest.load.models import WorkerFacts

SATURATED_BUSY_SHARE = 0.9


@dataclass
class ProcessFacts:
    """Facts of one process, in order. Times are seconds since the Unix epoch."""

    worker: str
    pid: int = 0
    host: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[dict[str, Any]] = field(default_factory=list)
    last_t: float = 0.0

    def add(self, facts: Iterable[dict[str, Any]]) -> None:
        for fact in facts:
            if fact.get("event") == "process":
                self.worker, self.pid, self.host = fact["worker"], fact["pid"], fact["host"]
            (self.events if "event" in fact else self.seconds).append(fact)
            self.last_t = max(self.last_t, fact.get("t", 0.0))

    def event(self, name: str) -> dict[str, Any] | None:
        """The first event of that name."""
        return next((fact for fact in self.events if fact["event"] == name), None)

    def total(self, name: str, key: str) -> int:
        return sum(fact.get(key, 0) for fact in self.events if fact["event"] == name)

    @property
    def completed(self) -> bool:
        return self.event("completed") is not None

    @property
    def users(self) -> int:
        return self.seconds[-1]["users"] if self.seconds else 0

    @property
    def max_users(self) -> int:
        spawned = (fact.get("users", 0) for fact in self.events if fact["event"] == "spawning_complete")
        return max((*(fact["users"] for fact in self.seconds), *spawned), default=0)

    @property
    def in_flight(self) -> int:
        return self.seconds[-1].get("in_flight", 0) if self.seconds else 0


def worker_facts(
    process: ProcessFacts,
    *,
    samples: int,
    torn: int,
    lost: bool,
    clock_offset_s: float | None,
    steady: tuple[float, float] | None,
) -> WorkerFacts:
    """Self-observation over the steady phase (over all of the load when there was none)."""
    seconds = [
        fact for fact in process.seconds if fact["length_s"] >= 0.5 and (steady is None or steady[0] < fact["t"] <= steady[1] + 1)
    ]
    busy = np.array([fact["busy"] for fact in seconds])
    overshoots_ms = np.array([value for fact in seconds for value in fact["overshoots_us"]]) / 1000
    return WorkerFacts(
        worker=process.worker,
        pid=process.pid,
        host=process.host,
        samples=samples,
        torn_records=torn,
        completed=process.completed,
        lost=lost,
        saturated_share=round(float((busy >= SATURATED_BUSY_SHARE).mean()), 4) if len(busy) else None,
        busy_share_median=round(float(np.median(busy)), 4) if len(busy) else None,
        loop_overshoot_median_ms=round(float(np.median(overshoots_ms)), 4) if len(overshoots_ms) else None,
        loop_overshoot_p95_ms=round(float(np.percentile(overshoots_ms, 95)), 4) if len(overshoots_ms) else None,
        max_clock_step_ms=max((abs(fact["clock_step_ms"]) for fact in process.seconds), default=0.0),
        max_users=process.max_users,
        clock_offset_ms=None if clock_offset_s is None else round(clock_offset_s * 1000, 3),
    )
