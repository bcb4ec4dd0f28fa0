"""Decides from the figures of each second whether an abort criterion is met."""

from __future__ import annotations

import itertools
import math
from collections import deque
from datetime import UTC, datetime

from loadtest.load.live import Counts, merge
from loadtest.load.models import AbortFacts
from loadtest.planning.models import AbortCriterion
from loadtest.planning.quantities import format_duration

LEAST_REQUESTS = 5
PARTS = 3
_QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def describe(criterion: AbortCriterion) -> str:
    """`error_rate of GET /x above 0.5 for 10s`."""
    place = f" of {criterion.endpoint}" if criterion.endpoint else ""
    return f"{criterion.metric}{place} above {criterion.above:g} for {format_duration(criterion.for_s)}"


class AbortWatch:
    """A criterion is met when its metric stayed above the limit: in each third of the last `for` seconds that had
    requests (at least two of them had), with at least LEAST_REQUESTS in all. So one bad second stops nothing, and
    a low rate does not hide a lasting trouble behind seconds without requests."""

    def __init__(self, criteria: tuple[AbortCriterion, ...]) -> None:
        self._watched = [(criterion, deque(maxlen=max(1, math.ceil(criterion.for_s)))) for criterion in criteria]

    def second(self, by_endpoint: dict[str, Counts]) -> AbortFacts | None:
        """Add the counts of one second; the first criterion that is now met, if any."""
        total = merge(list(by_endpoint.values())) if self._watched else Counts()
        for criterion, window in self._watched:
            window.append(total if criterion.endpoint is None else by_endpoint.get(criterion.endpoint))
            if len(window) == window.maxlen and self._is_met(criterion, [counts or Counts() for counts in window]):
                value = _metric(criterion, merge([counts for counts in window if counts]))
                return AbortFacts(criterion=describe(criterion), value=round(value, 4), at=datetime.now(UTC))
        return None

    @staticmethod
    def _is_met(criterion: AbortCriterion, window: list[Counts]) -> bool:
        parts = min(PARTS, len(window))
        edges = [round(len(window) * part / parts) for part in range(parts + 1)]
        merged = [merge(window[start:end]) for start, end in itertools.pairwise(edges)]
        filled = [counts for counts in merged if counts.requests]
        return (
            sum(counts.requests for counts in filled) >= LEAST_REQUESTS
            and len(filled) >= min(2, parts)
            and all(_metric(criterion, counts) > criterion.above for counts in filled)
        )


def _metric(criterion: AbortCriterion, counts: Counts) -> float:
    if criterion.metric == "error_rate":
        return counts.error_rate
    return counts.quantile_ms(_QUANTILES[criterion.metric]) or 0.0
