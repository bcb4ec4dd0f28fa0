"""A backend that we started and that holds more and more while the load stays the same: memory or open files leak.

Warming up is no leak: the first part of the steady phase is left out, and what grew must go on growing in every quarter. The
slope is Theil-Sen's, its interval allows for noise that lasts (`loadtest.gate.statistics.slope`); only its lower bound counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import Facts
from loadtest.gate.statistics.slope import SlopeEstimate, theil_sen
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome

LEAST_STEADY_S = 480.0  # a shorter load cannot tell a leak from a start
WARM_UP_SHARE = 0.2
BLOCKS = 60  # medians of as many equal parts: calmer than single looks
PARTS = 4
LEAST_SHARE_OF_PART = 1 / 3  # of the typical slope, in the part that grew least
MIB = 2**20
LEAST_MEMORY_PER_H = 20.0 * MIB
LEAST_FILES_PER_H = 12.0


def judge_leaks(facts: Facts) -> Iterator[Finding]:
    """Nothing where the backend is not ours, or the steady phase is short."""
    load = facts.load
    if load.steady_started_at is None or load.steady_ended_at is None:
        return
    steady_s = (load.steady_ended_at - load.steady_started_at).total_seconds()
    began = load.steady_started_at.timestamp() + WARM_UP_SHARE * steady_s
    use = [one for one in load.backend_use if began <= one.at.timestamp() <= load.steady_ended_at.timestamp()]
    if steady_s < LEAST_STEADY_S or not use:
        return
    hours = np.array([(one.at.timestamp() - began) / 3600 for one in use])
    outcome = Outcome.FAIL if facts.plan.profile.leaks == "fail" else Outcome.WARN
    over = format_duration(round(hours[-1] * 3600))
    memory = growth(hours, np.array([float(one.memory_bytes) for one in use]), LEAST_MEMORY_PER_H)
    if memory:
        found = f"{memory.slope / MIB:,.0f} MiB an hour (95 % lower bound {memory.low / MIB:,.0f})"
        yield _leak(f"the service's memory grew by {found} over {over} at constant load", outcome, "memory_leak", memory)
    files = growth(hours, np.array([float(one.open_files) for one in use]), LEAST_FILES_PER_H)
    if files:
        found = f"{files.slope:,.0f} an hour (95 % lower bound {files.low:,.0f})"
        yield _leak(f"the service's open files grew by {found} over {over} at constant load", outcome, "open_files_leak", files)


def growth(hours: np.ndarray, values: np.ndarray, least: float) -> SlopeEstimate | None:
    """Slope an hour of what surely grows by `least` an hour in the whole, and goes on growing in each of its parts; else None.

    A service that is not leaking grows in steps: a pool or an arena more, and then nothing for a while. Whole minutes in which
    nothing grew are no leak, however large the step was. The slope is the parts' median, so that no step is part of it."""
    hours, values = _blocks(hours, values)
    whole = theil_sen(hours, values, np.zeros(len(hours)))
    if whole is None or whole.low < least:
        return None
    parts = [
        theil_sen(t, y, np.zeros(len(t))) for t, y in zip(*(np.array_split(one, PARTS) for one in (hours, values)), strict=True)
    ]
    slopes = [part.slope if part else 0.0 for part in parts]
    typical = float(np.median(slopes))
    if min(slopes) < max(LEAST_SHARE_OF_PART * typical, LEAST_SHARE_OF_PART * least):
        return None
    return SlopeEstimate(typical, min(whole.low, typical), whole.high, whole.p)


def _blocks(hours: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = min(BLOCKS, len(hours))
    return tuple(np.array([np.median(part) for part in np.array_split(series, count)]) for series in (hours, values))  # type: ignore[return-value]


def _leak(sentence: str, outcome: Outcome, rule: str, slope: SlopeEstimate) -> Finding:
    evidence: dict[str, float | int | str | None] = {
        "rule": rule,
        "per_hour": slope.slope,
        "per_hour_low": slope.low,
        "p": slope.p,
    }
    return Finding(criterion=Criterion.SERVICE, outcome=outcome, sentence=sentence, evidence=evidence)
