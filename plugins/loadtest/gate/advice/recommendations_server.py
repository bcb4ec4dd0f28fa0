"""Where in the server the time goes: for what got slower than the baseline, and for what misses its target."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loadtest.analysis.models import EndpointMetrics
from loadtest.analysis.server_share import OUTSIDE, mean_parts
from loadtest.gate.advice.recommendation_facts import Facts
from loadtest.gate.advice.regression_context import split_of_slowdown
from loadtest.gate.records.findings import Recommendation
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import ms, percent, plural, subject

SLOW_COMPONENT_SHARE = 0.5
MOST_SPLITS = 4  # endpoints whose slowdown one recommendation takes apart


def server_side(facts: Facts) -> Iterator[Recommendation]:
    """Which part of the server explains each slowdown; endpoints with the same part share a recommendation."""
    endpoints = dict.fromkeys(f.endpoint for f in facts.regressed if f.endpoint)
    rows = {name: row for name in endpoints if (row := facts.measured(name))}
    splits = {name: split for name, row in rows.items() if (split := split_of_slowdown(row, facts.baseline))}
    for part in dict.fromkeys(split.dominant for split in splits.values()):
        mine = [name for name, split in splits.items() if split.dominant == part]
        where = mine[0] if len(mine) == 1 else plural(len(mine), "endpoint")
        sentences = [f"{name} {splits[name].sentence}" for name in mine]
        more = len(mine) - MOST_SPLITS
        yield Recommendation(
            title=f"Most of the slowdown of {where} is {part}" if part else f"No single part explains the slowdown of {where}",
            evidence="; ".join(sentences[:MOST_SPLITS]) + (f"; and {plural(more, 'more endpoint')}" if more > 0 else ""),
            next_step=_component_step(part),
        )


def _component_step(component: str | None) -> str:
    """What to do about the part that explains most; None: no part does."""
    if component is None:
        return "look for something that slows all of it: processor time, memory, garbage collection, a busier host"
    if component == OUTSIDE:
        return (
            "look at the network, queueing before the application and the number of its workers; or it is work that "
            "Server-Timing does not cover"
        )
    if component == "db":
        return "look at the queries of this endpoint: their number, plans and locks"
    return f"profile the part that Server-Timing calls {component!r}"


def missed_targets(facts: Facts) -> Iterator[Recommendation]:
    regressed = {f.endpoint for f in facts.regressed}
    missed = [
        f
        for f in facts.having(Criterion.TARGET, Outcome.FAIL, Outcome.WARN)
        if f.metric != "error_rate" and f.endpoint not in regressed and f.evidence.get("rule") != "abort"
    ]
    if not missed:
        return
    worst = max(missed, key=lambda f: f.effect or 0.0)
    row = facts.measured(worst.endpoint)
    step = "look at its slowest requests in the report, with their trace ids"
    if row and (slowest := _slowest_part(row)):
        step = f"{slowest[1]}: {_component_step(slowest[0])}"
    more = f"; and {plural(len(missed) - 1, 'more target')}" if len(missed) > 1 else ""
    title = f"Bring {subject(worst.endpoint)} under its target"
    yield Recommendation(title=title, evidence=worst.sentence + more, next_step=step)


def _slowest_part(row: EndpointMetrics) -> tuple[str, str] | None:
    """The part of the server that takes at least half of the mean latency, and a sentence about it; None if none does."""
    inside = {name: mean_ms for name, mean_ms in mean_parts(row).items() if name != OUTSIDE}
    name = max(inside, key=inside.__getitem__, default="")
    if not name or inside[name] < SLOW_COMPONENT_SHARE * (row.mean_ms or math.inf):
        return None
    reported = next(
        (f" ({percent(part.n / row.successes)} of them report it)" for part in row.server if part.component == name), ""
    )
    return name, f"its requests spend {ms(inside[name])} of {ms(row.mean_ms or 0.0)} in {name!r} on average{reported}"
