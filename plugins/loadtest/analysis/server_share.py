"""Where a slowdown comes from: which part of it the server's own timings explain, and which part nobody on the server saw."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.files import Record

OUTSIDE = "outside the server"  # network, queueing before the application, the client
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
        """Such as `+12.0 ms: db +9.1 ms (76 %), app +0.4 ms (3 %), outside the server +2.5 ms (21 %)`."""
        ranked = sorted(self.parts_ms.items(), key=lambda item: -abs(item[1]))
        parts = ", ".join(f"{name} {ms:+.1f} ms ({self.share(name):.0%})".replace("%", " %") for name, ms in ranked)
        return f"{self.slowdown_ms:+.1f} ms: {parts}"


def slowdown_shares(
    candidate_p50_ms: float | None,
    candidate_server_p50_ms: Mapping[str, float],
    reference_p50_ms: float | None,
    reference_server_p50_ms: Mapping[str, float],
) -> SlowdownShares | None:
    """Split the rise of an endpoint's median latency over the server's components and the rest.

    Medians do not add up exactly, so the parts are an explanation of where to look, not an account; what the components
    leave over is called `outside the server`. Components that only one side reports cannot be compared and stay there.
    Where the server reports `total` beside others, `total` is what encloses them: the rest inside becomes `other (server)`.
    None when there is no slowdown of at least 2 %, or no component that both sides report.
    """
    if candidate_p50_ms is None or reference_p50_ms is None or reference_p50_ms <= 0:
        return None
    slowdown_ms = candidate_p50_ms - reference_p50_ms
    common = sorted(set(candidate_server_p50_ms) & set(reference_server_p50_ms))
    if slowdown_ms < LEAST_SLOWDOWN * reference_p50_ms or not common:
        return None
    parts = {name: candidate_server_p50_ms[name] - reference_server_p50_ms[name] for name in common}
    if "total" in parts and len(parts) > 1:
        total = parts.pop("total")
        parts["other (server)"] = total - sum(parts.values())
    parts[OUTSIDE] = slowdown_ms - sum(parts.values())
    name, largest = max(parts.items(), key=lambda item: item[1])
    return SlowdownShares(slowdown_ms=slowdown_ms, parts_ms=parts, dominant=name if largest >= DOMINANT * slowdown_ms else None)
