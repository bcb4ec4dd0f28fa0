"""Decides from the figures of each second whether an abort criterion is met."""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.errors import ConfigurationError
from loadtest.load.grouping import EndpointNames
from loadtest.load.live import Counts, merge
from loadtest.load.models import AbortFacts
from loadtest.planning.models import Plan
from loadtest.planning.profiles import AbortCriterion
from loadtest.planning.quantities import format_duration

LEAST_REQUESTS = 5
PARTS = 3
_QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def describe(criterion: AbortCriterion) -> str:
    """`error_rate of GET /x above 0.5 for 10s`."""
    place = f" of {criterion.endpoint}" if criterion.endpoint else ""
    return f"{criterion.metric}{place} above {criterion.above:g} for {format_duration(criterion.for_s)}"


def criteria_of(plan: Plan) -> tuple[AbortCriterion, ...]:
    return (*plan.profile.abort_when, *plan.environment.abort_when)


def check_endpoints(plan: Plan) -> None:
    """Refuse criteria on endpoints that no request is ever recorded as; raises ConfigurationError."""
    grouping = plan.scenario.grouping
    names = EndpointNames([(pattern.match, pattern.name) for pattern in grouping])
    for criterion in criteria_of(plan):
        method, _, name = (criterion.endpoint or "").partition(" ")
        if not name or name in {pattern.name for pattern in grouping}:
            continue
        recorded = names.name_of(method, name)
        if recorded != criterion.endpoint:
            raise ConfigurationError(
                f"The abort criterion {describe(criterion)} can never be met: such requests are recorded as {recorded}; name "
                "that endpoint."
            )


@dataclass(frozen=True)
class _Second:
    """`counts`: of the requests that ended in it. `stalled_s`: seconds up to now without any answer while requests waited."""

    counts: Counts | None
    stalled_s: int

    @property
    def waited_ms(self) -> float:
        """How long the waiting have waited at least: figures of processes are up to a second old."""
        return max(0, self.stalled_s - 1) * 1000.0


class AbortWatch:
    """A criterion is met when its metric stayed above the limit: in each third of the last `for` seconds that had
    requests (at least two of them had), with at least LEAST_REQUESTS in all. So one bad second stops nothing, and
    a low rate does not hide a lasting trouble behind seconds without requests.

    Requests that nobody answers count with the time that they have waited, once that is above the limit: a service that
    hangs fails no request and ends none. They count for every endpoint, since it shows only at the end where one went."""

    def __init__(self, criteria: tuple[AbortCriterion, ...]) -> None:
        self._watched: list[tuple[AbortCriterion, deque[_Second]]] = [
            (criterion, deque(maxlen=max(1, math.ceil(criterion.for_s)))) for criterion in criteria
        ]
        self._stalled_s = 0

    def second(self, by_endpoint: dict[str, Counts], waiting: int = 0) -> AbortFacts | None:
        """Add the counts of one second, and how many requests wait for an answer; the first criterion now met, if any."""
        total = merge(list(by_endpoint.values())) if self._watched else Counts()
        self._stalled_s = self._stalled_s + 1 if waiting and not total.requests else 0
        for criterion, window in self._watched:
            window.append(_Second(total if criterion.endpoint is None else by_endpoint.get(criterion.endpoint), self._stalled_s))
            if len(window) == window.maxlen and (value := _value_when_met(criterion, list(window))) is not None:
                return AbortFacts(criterion=describe(criterion), value=round(value, 4), at=datetime.now(UTC))
        return None


def _value_when_met(criterion: AbortCriterion, window: list[_Second]) -> float | None:
    """The metric over the window when it stayed above the limit, else None."""
    last = window[-1]
    if last.stalled_s >= len(window):
        return last.waited_ms if criterion.metric in _QUANTILES and last.waited_ms > criterion.above else None
    parts = min(PARTS, len(window))
    edges = [round(len(window) * part / parts) for part in range(parts + 1)]
    values = [_value(criterion, window[start:end]) for start, end in itertools.pairwise(edges)]
    told = [value for value in values if value is not None]
    whole = _counts(window)
    is_met = whole.requests >= LEAST_REQUESTS and len(told) >= min(2, parts) and all(value > criterion.above for value in told)
    return _metric(criterion, whole) if is_met else None


def _value(criterion: AbortCriterion, part: list[_Second]) -> float | None:
    """The metric in a part of the window; None when nothing tells."""
    counts = _counts(part)
    if counts.requests:
        return _metric(criterion, counts)
    waited_ms = part[-1].waited_ms
    return waited_ms if criterion.metric in _QUANTILES and waited_ms > criterion.above else None


def _counts(seconds: list[_Second]) -> Counts:
    return merge([second.counts for second in seconds if second.counts])


def _metric(criterion: AbortCriterion, counts: Counts) -> float:
    if criterion.metric == "error_rate":
        return counts.error_rate
    return counts.quantile_ms(_QUANTILES[criterion.metric]) or 0.0
