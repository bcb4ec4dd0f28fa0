"""Is the backend healthy while it is under load: asked each second, measured like an endpoint."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from types import TracebackType
from typing import Self

from loadtest.backend.health_client import Answer, HealthClient
from loadtest.load.models import HealthFacts, Outage

CHECK_EVERY_S = 1.0
OUTAGES_KEPT = 20


class HealthWatcher:
    """Asks for the backend's health each second in a thread of its own, and adds up what it sees.

    with HealthWatcher(HealthClient(base_url)) as watcher:
        ...  # load; watcher.facts() at any time
    facts = watcher.facts()

    A service without a health check is not asked: its requests tell.
    """

    def __init__(
        self,
        client: HealthClient,
        *,
        every_s: float = CHECK_EVERY_S,
    ) -> None:
        self._client = client
        self._every_s = every_s
        self._facts = HealthFacts()
        self._took_ms: list[float] = []
        self._outages: list[Outage] = []
        self._outage: _OpenOutage | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health-watcher", daemon=True)

    def start(self) -> Self:
        if self._client.check is not None:
            self._thread.start()
        return self

    def stop(self) -> HealthFacts:
        """End the thread, at the latest after one check, and return all it saw."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(self._client.timeout_s + 1)
        return self.facts()

    def facts(self) -> HealthFacts:
        """What was seen so far; a failure that lasts counts up to now."""
        with self._lock:
            outages = [*self._outages, *([self._outage.until(time.monotonic())] if self._outage else [])]
            longest = sorted(outages, key=lambda outage: -outage.duration_s)[:OUTAGES_KEPT]
            p50_ms, p95_ms = _median_and_p95(self._took_ms)
            return self._facts.model_copy(
                update={
                    "p50_ms": p50_ms,
                    "p95_ms": p95_ms,
                    "longest_failure_s": longest[0].duration_s if longest else 0.0,
                    "outage_count": len(outages),
                    "outages": tuple(sorted(longest, key=lambda outage: outage.started_at)),
                }
            )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        with self._client:
            while not self._stopping.is_set():
                started = time.monotonic()
                self._record(started, self._client.ask())
                self._stopping.wait(max(started + self._every_s - time.monotonic(), 0))

    def _record(self, started: float, answer: Answer) -> None:
        now = time.monotonic()
        with self._lock:
            facts = self._facts
            self._took_ms.append((now - started) * 1000)
            if answer.healthy:
                self._facts = facts.model_copy(update={"checks": facts.checks + 1})
                if self._outage is not None:
                    self._outages.append(self._outage.until(now))
                    self._outage = None
                return
            if self._outage is None:
                self._outage = _OpenOutage(started, answer)
            self._outage.failures += 1
            self._facts = facts.model_copy(
                update={
                    "checks": facts.checks + 1,
                    "failures": facts.failures + 1,
                    "first_failure_at": facts.first_failure_at or answer.at,
                    "last_error": answer.text,
                }
            )


class _OpenOutage:
    """An outage that has not ended yet. `started`: of its first check, on the monotonic clock."""

    def __init__(self, started: float, first: Answer) -> None:
        self._started, self._kind = started, first.kind
        self._started_at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - started)
        self.failures = 0

    def until(self, now: float) -> Outage:
        return Outage(
            started_at=self._started_at,
            duration_s=round(now - self._started, 3),
            failures=self.failures,
            kind=self._kind,
        )


def _median_and_p95(took_ms: list[float]) -> tuple[float | None, float | None]:
    if len(took_ms) < 2:
        return (took_ms[0], took_ms[0]) if took_ms else (None, None)
    at = quantiles(took_ms, n=100, method="inclusive")
    return round(at[49], 3), round(at[94], 3)
