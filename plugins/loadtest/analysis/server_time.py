"""Server time by component (W3C Server-Timing) beside the client's latency: steady phase, successes that reported it."""

from __future__ import annotations

from loadtest.analysis.models import ServerTime
from loadtest.analysis.tally import Tally


def server_times(tally: Tally, endpoint: int) -> tuple[ServerTime, ...]:
    """Components of one endpoint (by code), sorted by name; those never reported are left out."""
    return tuple(
        ServerTime(component=component, n=int(n[endpoint]), p50_ms=quantiles[0] / 1000, p95_ms=quantiles[1] / 1000)
        for component, n in sorted(tally.server_n.items())
        if n[endpoint] and (quantiles := tally.server[component][endpoint].tolist())
    )


def total_server_times(tally: Tally) -> tuple[ServerTime, ...]:
    return tuple(
        ServerTime(component=component, n=int(n.sum()), p50_ms=quantiles[0] / 1000, p95_ms=quantiles[1] / 1000)
        for component, n in sorted(tally.server_n.items())
        if n.sum() and (quantiles := tally.server_total[component].tolist())
    )
