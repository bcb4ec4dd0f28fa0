"""Was a service that somebody else starts started anew under load? Its health check may never have failed meanwhile."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

from loadtest.backend.health_client import headers_of_check, http_client
from loadtest.backend.told import ask
from loadtest.load.models import Restart, RestartFacts
from loadtest.masking import mask_secrets
from loadtest.planning.models import Environment
from loadtest.planning.restarts import RestartSign

EVERY_S = 2.0
SAME_START_S = 5.0  # uptimes are told in whole seconds, and an answer may take some
MOST_KEPT = 20
_SHOWN = 60


class RestartWatch:
    """Asks each two seconds, in a thread of its own, for the value that changes with a restart. Nothing is asked of a service
    whose environment does not say where that stands."""

    def __init__(self, base_url: str, environment: Environment) -> None:
        """Raises ConfigurationError where a variable that a header needs is missing."""
        self._sign = environment.restarts
        health = environment.health
        self._path = (self._sign and self._sign.path) or (health.path if health else "/")
        if self._sign and self._sign.origin == "metrics" and not self._sign.path:
            self._path = "/metrics"
        self._timeout_s = health.timeout_s if health else 2.0
        self._client = http_client(base_url, headers_of_check(environment), environment.tls) if self._sign else None
        self._series = Series(uptime=bool(self._sign and self._sign.uptime))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="restart-watch", daemon=True)

    def start(self) -> None:
        if self._client is not None:
            self._thread.start()

    def stop(self) -> RestartFacts | None:
        """End the thread, at the latest after one answer, and return what it saw; None where nothing was asked."""
        if self._client is None:
            return None
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(self._timeout_s + 1)
        return self._series.facts()

    def _run(self) -> None:
        assert self._client is not None and self._sign is not None
        with self._client:
            while not self._stopping.is_set():
                started = time.monotonic()
                self._look(self._sign)
                self._stopping.wait(max(started + EVERY_S - time.monotonic(), 0))

    def _look(self, sign: RestartSign) -> None:
        assert self._client is not None
        told = ask(
            self._client,
            self._path,
            self._timeout_s,
            json_pointer=sign.json_pointer,
            header=sign.header,
            metric=sign.metric_name,
        )
        self._series.add(datetime.now(UTC), told.value, told.problem)


class Series:
    """Values in time, and what they say. `uptime`: they count the seconds since the start."""

    def __init__(self, *, uptime: bool = False) -> None:
        self._uptime = uptime
        self._asked = 0
        self._problem = ""
        self._runs: list[tuple[datetime, str, str]] = []  # when a value came up, what it stands for, the value as told
        self._answers = 0
        self._lock = threading.Lock()

    def add(self, at: datetime, value: Any, problem: str = "") -> None:
        with self._lock:
            self._asked += 1
            start = self._start(at, value) if value is not None else None
            if start is None:
                self._problem = problem or f"{str(value)[:_SHOWN]!r} is no number of seconds"
                return
            self._answers += 1
            if not self._runs or self._runs[-1][1] != start:
                self._runs.append((at, start, mask_secrets(str(value))[:_SHOWN]))

    def facts(self) -> RestartFacts:
        with self._lock:
            identities = [identity for _, identity, _ in self._runs]
            in_turns = len(set(identities)) < len(identities)
            return RestartFacts(
                asked=self._asked,
                answers=self._answers,
                problem=self._problem if not self._answers else "",
                in_turns=in_turns,
                restarts=() if in_turns else tuple(_restarts(self._runs)),
            )

    def _start(self, at: datetime, value: Any) -> str | None:
        """What is the same as long as the service runs; of an uptime the time of the start, as it was first told."""
        if not self._uptime:
            return str(value)
        try:
            began = at.timestamp() - float(value)
        except (TypeError, ValueError):
            return None
        if not math.isfinite(began):
            return None
        known = (identity for _, identity, _ in self._runs if abs(float(identity) - began) <= SAME_START_S)
        return next(known, repr(began))


def _restarts(runs: list[tuple[datetime, str, str]]) -> Iterable[Restart]:
    for before, after in islice(pairwise(runs), MOST_KEPT):
        yield Restart(at=after[0], before=before[2], after=after[2])
