"""The capacity over time: of a series whose runs look for it. Its latencies are of whatever load was found, so they have no
trend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from loadtest import wording
from loadtest.history.models import TOTAL, SeriesPoint
from loadtest.trends.models import CapacityPoint
from loadtest.trends.series import Table, segments_of

METRIC = "capacity_users"
Z_95 = 1.96
LATEST = 5


def capacity_points(table: Table) -> tuple[CapacityPoint, ...]:
    """Empty where no run of the series found a capacity."""
    points: Sequence[SeriesPoint] = [point for point in table.get((TOTAL, METRIC), ()) if point.value > 0]
    segments = segments_of(points)
    found = []
    for point in points:
        reach = math.exp(Z_95 * math.sqrt(point.variance or 0.0))
        found.append(
            CapacityPoint(
                run_id=point.run_id,
                started_at=point.started_at,
                users=point.value,
                low=point.value / reach,
                high=point.value * reach,
                commit=point.commit,
                segment=segments[point.digest, point.host_class],
            )
        )
    return tuple(found)


def capacity_sentence(points: Sequence[CapacityPoint]) -> str:
    """`The service holds 240 users (the last of 12 runs); 310 before (median of the 5 runs before it).`"""
    last = points[-1]
    before = [point.users for point in points[:-1] if point.segment == last.segment][-LATEST:]
    said = f"The service holds {wording.plural(round(last.users), 'user')} (the last of {wording.plural(len(points), 'run')})"
    if not before:
        return f"{said}."
    middle = median(before)
    since = f"the {wording.plural(len(before), 'run')} before it"
    return f"{said}, {wording.change(last.users / middle - 1)} against {since} ({middle:,.0f})."
