"""The steps of a search for the capacity as rows of a table and of a chart; the same in every channel."""

from __future__ import annotations

from statistics import median
from typing import Any

from loadtest import wording
from loadtest.gate.records.capacity import Capacity, CapacityKind, CapacityStep
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.records import CapacityRow, CapacityView
from loadtest.wording import metric_label, quantity, subject, threshold


def capacity_view(files: RunFiles) -> CapacityView | None:
    """One row per load that was tried, ascending; None for a run that did not search."""
    found = files.regression.capacity if files.regression else None
    if found is None:
        return None
    by_users: dict[int, list[CapacityStep]] = {}
    for step in found.steps:
        by_users.setdefault(step.users, []).append(step)
    rows = tuple(_row(found, users, by_users[users]) for users in sorted(by_users))
    return CapacityView(rows=rows, deciding=plain(_deciding(found), NAME_LIMIT))


def _row(found: Capacity, users: int, steps: list[CapacityStep]) -> CapacityRow:
    judged = [step for step in steps if step.held is not None]
    held = sum(bool(step.held) for step in judged)
    values = [value for step in steps if (value := _value(found, step)) is not None]
    return CapacityRow(
        users=users,
        held=f"{held} of {len(judged)}" if judged else "generator too busy",
        all_held=bool(judged) and held == len(judged),
        rps=median(step.rps for step in steps),
        p95_ms=_middle([step.p95_ms for step in steps if step.p95_ms is not None]),
        error_rate=median(step.error_rate for step in steps),
        deciding=quantity(_metric(found), median(values)) if values else wording.NONE,
    )


def _middle(values: list[float]) -> float | None:
    return median(values) if values else None


def _metric(found: Capacity) -> str:
    return found.targets[found.deciding].metric if found.deciding is not None else "p95_ms"


def _value(found: Capacity, step: CapacityStep) -> float | None:
    """Of the target that decided; where none did, p95 of all requests."""
    return step.p95_ms if found.deciding is None else step.observed[found.deciding]


def _deciding(found: Capacity) -> str:
    """`GET /x p95, target 200 ms`."""
    if found.deciding is None:
        return "all requests p95"
    target = found.targets[found.deciding]
    return f"{subject(target.endpoint)} {metric_label(target.metric)}, target {threshold(target.metric, target.limit)}"


def chart_rows(files: RunFiles) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], str]:
    """Points (one per step), the target's line, the capacity with its interval, and what the points are of."""
    found = files.regression.capacity if files.regression else None
    if found is None:
        return [], [], [], ""
    factor = 100 if _metric(found) == "error_rate" else 1
    points = [
        {
            "users": step.users,
            "value": round(value * factor, 3),
            "result": "held" if step.held else "missed" if step.held is False else "generator too busy",
            "rps": round(step.rps, 2),
            "errors": step.error_rate,
            "n": step.n,
        }
        for step in found.steps
        if (value := _value(found, step)) is not None
    ]
    line = [] if found.deciding is None else [{"at": found.targets[found.deciding].limit * factor}]
    band = []
    if found.kind is CapacityKind.FOUND and found.high is not None:
        band = [{"at": round(found.users, 2), "low": round(found.low, 2), "high": round(found.high, 2)}]
    return points, line, band, _deciding(found)


def chart_text(files: RunFiles) -> str:
    found = files.regression.capacity if files.regression else None
    if found is None:
        return ""
    held = sum(bool(step.held) for step in found.steps)
    said = f"Each point is one step; {held} of {wording.plural(len(found.steps), 'step')} held"
    if found.kind is CapacityKind.FOUND:
        said += f". The shaded band is the interval of the capacity, {found.low:,.0f} to {found.high or 0:,.0f} users"
    return f"{said}; the dashed line is the target."
