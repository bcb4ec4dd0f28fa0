"""The trend chart's series from plain run summaries, wherever they were kept."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from loadtest.gate.models import RunSummary
from loadtest.reporting.inputs import EndpointTrend, TrendPoint
from loadtest.vocabulary import Outcome

MOST_RUNS = 60


def endpoint_trends(
    runs: Sequence[RunSummary],
    *,
    anchor: Sequence[RunSummary] = (),
    outcomes: Mapping[str, Outcome | None] | None = None,
    onsets: Mapping[str, datetime] | None = None,
) -> tuple[EndpointTrend, ...]:
    """p95 of each endpoint over comparable runs, oldest first, the last 60 of them.

    `anchor`: the pinned baseline's runs, whose median is the line to compare with. `outcomes` by run id, `onsets` by
    endpoint, where known. An endpoint that only older runs had is left out.
    """
    ordered = sorted(runs, key=lambda run: run.started_at)[-MOST_RUNS:]
    points: dict[str, list[TrendPoint]] = defaultdict(list)
    for run in ordered:
        for row in run.endpoints:
            if row.log_p95 is not None:
                outcome = (outcomes or {}).get(run.run_id)
                points[row.endpoint].append(TrendPoint(run.run_id, run.started_at, math.exp(row.log_p95), outcome, run.commit))
    anchors: dict[str, list[float]] = defaultdict(list)
    for row in (row for run in anchor for row in run.endpoints):
        if row.log_p95 is not None:
            anchors[row.endpoint].append(row.log_p95)
    latest = {row.endpoint for row in ordered[-1].endpoints} if ordered else set()
    return tuple(
        EndpointTrend(
            endpoint=endpoint,
            points=tuple(series),
            anchor_ms=math.exp(median(anchors[endpoint])) if endpoint in anchors else None,
            onset=(onsets or {}).get(endpoint),
        )
        for endpoint, series in sorted(points.items())
        if endpoint in latest
    )
