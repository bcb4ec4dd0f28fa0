"""Server time by component (W3C Server-Timing) beside the client's latency: steady phase, successes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.models import ServerTime
from loadtest.analysis.tally import Tally


def server_times(tally: Tally, endpoint: int) -> tuple[ServerTime, ...]:
    """Components of one endpoint (by code), sorted by name; those never reported are left out."""
    successes = int(tally.steady_successes[endpoint])
    return tuple(
        _server_time(
            component, int(n[endpoint]), tally.server[component][endpoint], tally.server_sum[component][endpoint], successes
        )
        for component, n in sorted(tally.server_n.items())
        if n[endpoint]
    )


def total_server_times(tally: Tally) -> tuple[ServerTime, ...]:
    successes = int(tally.steady_successes.sum())
    return tuple(
        _server_time(component, int(n.sum()), tally.server_total[component], tally.server_sum[component].sum(), successes)
        for component, n in sorted(tally.server_n.items())
        if n.sum()
    )


def _server_time(component: str, n: int, quantiles_us: NDArray[np.float64], sum_us: float, successes: int) -> ServerTime:
    p50_ms, p95_ms = (quantiles_us / 1000).tolist()
    return ServerTime(component=component, n=n, p50_ms=p50_ms, p95_ms=p95_ms, mean_ms=float(sum_us) / successes / 1000)
