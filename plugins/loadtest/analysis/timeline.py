"""The run over time, bin by bin: requests, errors, rate, p50, p95, users."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.models import EndpointTimeline, TimelinePoint
from loadtest.analysis.run_metrics import milliseconds
from loadtest.analysis.tally import Tally


def run_timeline(tally: Tally) -> tuple[TimelinePoint, ...]:
    """All endpoints together, with the users of all processes."""
    counts, errors = tally.bin_count.sum(axis=0), tally.bin_errors.sum(axis=0)
    return _points(tally, counts, errors, tally.bin_quantiles, tally.users.per_bin())


def endpoint_timelines(tally: Tally) -> tuple[EndpointTimeline, ...]:
    """One per endpoint, sorted by name; above `tally.MOST_TIMELINES` endpoints only those with the most requests."""
    lines = [
        EndpointTimeline(
            endpoint=tally.endpoints[code],
            points=_points(tally, tally.bin_count[code], tally.bin_errors[code], tally.timeline_quantiles[slot]),
        )
        for slot, code in enumerate(tally.timeline_endpoints.tolist())
    ]
    return tuple(sorted(lines, key=lambda line: line.endpoint))


def _points(
    tally: Tally,
    counts: NDArray[np.int64],
    errors: NDArray[np.int64],
    quantiles_us: NDArray[np.float64],
    users: list[int | None] | None = None,
) -> tuple[TimelinePoint, ...]:
    starts, widths = tally.grid.bin_starts_s(), tally.grid.bin_widths_s()
    running_users = users or [None] * len(starts)
    rows = zip(starts, widths, counts.tolist(), errors.tolist(), quantiles_us.tolist(), running_users, strict=True)
    return tuple(
        TimelinePoint(
            start_s=start_s,
            n=n,
            errors=failed,
            rps=n / width_s,
            p50_ms=milliseconds(p50),
            p95_ms=milliseconds(p95),
            users=running,
        )
        for start_s, width_s, n, failed, (p50, p95), running in rows
    )
