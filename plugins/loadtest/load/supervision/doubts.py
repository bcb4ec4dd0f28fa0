"""What speaks against a measurement while it runs, for those who look on. The gate judges at the end, by all the facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadtest.load.models import BUSY_HOST_SHARE, TOLERATED_SATURATION, HealthFacts, NeighborFacts
from loadtest.load.supervision.facts import SATURATED_BUSY_SHARE, ProcessFacts
from loadtest.wording import listing, percent

RECENT_S = 60
LATE_SHARE = 0.01  # of the arrivals


def doubts_so_far(
    senders: Iterable[ProcessFacts], lost: Iterable[str], health: HealthFacts, neighbors: NeighborFacts | None = None
) -> tuple[str, ...]:
    """One clause for each doubt, the gravest first. `senders`: processes that send load; `lost`: names of those gone;
    `neighbors`: other processes of the host, lately."""
    senders = list(senders)
    return (
        *(f"load-generating process {worker} is lost" for worker in sorted(lost)),
        *_health(health),
        *_arrivals(senders),
        *(doubt for process in senders for doubt in _saturation(process)),
        *_neighbors(neighbors),
        *_task_errors(senders),
    )


def _health(health: HealthFacts) -> Iterator[str]:
    if health.failures:
        yield f"{health.failures:,} of {health.checks:,} health checks failed"


def _arrivals(senders: list[ProcessFacts]) -> Iterator[str]:
    due, started, late, dropped = (_sum(senders, key) for key in ("due", "started", "late", "dropped"))
    if dropped:
        yield f"{dropped:,} of {due:,} arrivals were dropped at the limit of requests in flight"
    if late > LATE_SHARE * started:
        yield f"{late:,} of {started:,} arrivals were late"


def _saturation(process: ProcessFacts) -> Iterator[str]:
    recent = process.seconds[-RECENT_S:]
    saturated = sum(fact["busy"] >= SATURATED_BUSY_SHARE for fact in recent)
    if saturated > TOLERATED_SATURATION * RECENT_S:
        yield f"load generator {process.worker} was saturated for {saturated} of the last {len(recent)} s"


def _neighbors(neighbors: NeighborFacts | None) -> Iterator[str]:
    if neighbors is not None and neighbors.share >= BUSY_HOST_SHARE:
        names = listing([process.name for process in neighbors.processes])
        yield f"other processes take {percent(neighbors.share)} of the host's CPU" + (f" ({names})" if names else "")


def _task_errors(senders: list[ProcessFacts]) -> Iterator[str]:
    if errors := _sum(senders, "task_errors"):
        yield f"{errors:,} tasks of the scenario ended with an exception"


def _sum(senders: list[ProcessFacts], key: str) -> int:
    """Of a count that each process reports each second, since the start."""
    return sum(process.seconds[-1].get(key, 0) for process in senders if process.seconds)
