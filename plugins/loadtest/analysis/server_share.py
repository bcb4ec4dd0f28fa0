"""Where latency is spent and where a slowdown comes from: what the server's own timings explain, and what they do not."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.analysis.models import EndpointMetrics
from loadtest.files import Record

OUTSIDE = "outside what the server reports"  # network, queueing, the client, or work that no component covers
OTHER = "other (server)"  # inside the server's `total`, but in none of its components
LEAST_SLOWDOWN = 0.02  # relative; below this there is nothing to explain
DOMINANT = 0.5


class SlowdownShares(Record):
    """How a slowdown splits. `parts_ms` adds up to `slowdown_ms`; a part below zero became faster.

    `dominant` is the part that explains at least half of the slowdown, None when no part does.
    """

    slowdown_ms: float
    parts_ms: dict[str, float]
    dominant: str | None

    def share(self, part: str) -> float:
        """Of the slowdown, 0.0 for a part that is not there; may lie outside 0..1 when parts moved in opposite directions."""
        return self.parts_ms.get(part, 0.0) / self.slowdown_ms

    @property
    def sentence(self) -> str:
        """Such as `+12.0 ms: db +9.1 ms (76 %), app +0.4 ms (3 %), outside what the server reports +2.5 ms (21 %)`."""
        ranked = sorted(self.parts_ms.items(), key=lambda item: -abs(item[1]))
        parts = ", ".join(f"{name} {ms:+.1f} ms ({self.share(name):.0%})".replace("%", " %") for name, ms in ranked)
        return f"{self.slowdown_ms:+.1f} ms: {parts}"


def parts_of(latency_ms: float, server_ms: Mapping[str, float]) -> dict[str, float]:
    """A latency by where it was spent: the server's components, sorted, and OUTSIDE last. They add up to `latency_ms`.

    Where the server reports `total` beside others, it encloses them: the rest inside becomes OTHER. OUTSIDE is below zero
    where components overlap.
    """
    parts = dict(sorted(server_ms.items()))
    if "total" in parts and len(parts) > 1:
        total = parts.pop("total")
        parts[OTHER] = total - sum(parts.values())
    parts[OUTSIDE] = latency_ms - sum(parts.values())
    return parts


def mean_parts(metrics: EndpointMetrics) -> dict[str, float]:
    """The mean latency of an endpoint's successes in ms by where it was spent, exact; empty where no component is known."""
    server_ms = {part.component: part.mean_ms for part in metrics.server if part.mean_ms is not None}
    return parts_of(metrics.mean_ms, server_ms) if server_ms and metrics.mean_ms is not None else {}


def slowdown_shares(
    candidate_ms: float | None,
    candidate_server_ms: Mapping[str, float],
    reference_ms: float | None,
    reference_server_ms: Mapping[str, float],
) -> SlowdownShares | None:
    """Split the rise of an endpoint's latency over the server's components and the rest.

    Of means over all successes (an unreported component counting as 0) the split is an exact account: a database that more
    requests need, each as long as before, is a rise of the database's mean. Of medians it only tells where to look.
    None when there is no slowdown of at least 2 %, or one side reports no component at all.
    """
    if candidate_ms is None or reference_ms is None or reference_ms <= 0:
        return None
    slowdown_ms = candidate_ms - reference_ms
    if slowdown_ms < LEAST_SLOWDOWN * reference_ms or not candidate_server_ms or not reference_server_ms:
        return None
    unreported = dict.fromkeys({*candidate_server_ms, *reference_server_ms}, 0.0)
    now = parts_of(candidate_ms, unreported | dict(candidate_server_ms))
    before = parts_of(reference_ms, unreported | dict(reference_server_ms))
    parts = {name: now[name] - before[name] for name in now}
    name, largest = max(parts.items(), key=lambda item: item[1])
    return SlowdownShares(slowdown_ms=slowdown_ms, parts_ms=parts, dominant=name if largest >= DOMINANT * slowdown_ms else None)
