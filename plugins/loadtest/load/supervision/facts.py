"""What the processes said about themselves, gathered into the records that validity needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loadtest.load.models import WorkerFacts

SATURATED_BUSY_SHARE = 0.9
STALL_US = 250_000  # an event loop so late stood still: blocked by a task, frozen, or its machine was


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

    def on_clock(self, offset_s: float | None) -> ProcessFacts:
        """The same with times on the clock that is `offset_s` ahead of the process's own: the master's."""
        if not offset_s:
            return self
        moved = ProcessFacts(self.worker)
        moved.add(fact | {"t": fact["t"] + offset_s} for fact in sorted([*self.events, *self.seconds], key=lambda one: one["t"]))
        return moved

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
        """Most users that it counted; not what Locust announces, which is how many were planned."""
        return max((fact["users"] for fact in self.seconds), default=0)

    def latest(self, key: str) -> int:
        """A count that only grows, as last reported; 0 if never."""
        return next((fact[key] for fact in reversed(self.seconds) if key in fact), 0)


def worker_facts(
    process: ProcessFacts,
    *,
    samples: int,
    torn: int,
    lost: bool,
    clock_offset_s: float | None,
    steady: tuple[float, float] | None,
) -> WorkerFacts:
    """Self-observation over the steady phase (over all of the load when there was none), weighted by time."""
    seconds = [fact for fact in process.seconds if steady is None or steady[0] < fact["t"] <= steady[1] + 1]
    lengths_s = np.array([fact["length_s"] for fact in seconds])
    observed_s = float(lengths_s.sum())
    busy = np.array([fact["busy"] for fact in seconds])
    overshoots_us = np.array([value for fact in seconds for value in fact["overshoots_us"]], dtype=float)

    def share(part_s: float) -> float | None:
        return round(part_s / observed_s, 4) if observed_s else None

    return WorkerFacts(
        worker=process.worker,
        pid=process.pid,
        host=process.host,
        samples=samples,
        torn_records=torn,
        completed=process.completed,
        lost=lost,
        observed_share=None if steady is None else round(min(1.0, observed_s / (steady[1] - steady[0])), 4),
        saturated_share=share(float(lengths_s[busy >= SATURATED_BUSY_SHARE].sum())),
        stalled_share=share(float(overshoots_us[overshoots_us >= STALL_US].sum()) / 1e6),
        busy_share_median=round(float(np.median(busy)), 4) if len(busy) else None,
        loop_overshoot_median_ms=round(float(np.median(overshoots_us)) / 1000, 4) if len(overshoots_us) else None,
        loop_overshoot_p95_ms=round(float(np.percentile(overshoots_us, 95)) / 1000, 4) if len(overshoots_us) else None,
        max_clock_step_ms=max((abs(fact["clock_step_ms"]) for fact in process.seconds), default=0.0),
        max_users=process.max_users,
        clock_offset_ms=None if clock_offset_s is None else round(clock_offset_s * 1000, 3),
        scenario_digest=(process.event("scenario") or {}).get("digest"),
    )
