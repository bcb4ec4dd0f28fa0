"""With which baseline runs a candidate may be compared, and with what force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.sessions import (
    OTHER_BUILDS_SD,
    OTHER_HOSTS_SD,
    OTHER_HOURS_SD,
    OTHER_RUNNERS_SD,
    SESSION_GAP,
    sessions_of,
)
from loadtest.wording import percent, plural

LEAST_RUNS = 3  # below: nothing is compared
FULL_FORCE_RUNS = 5  # below: at most a warning


USUAL_SD = {"hour": OTHER_HOURS_SD, "build": OTHER_BUILDS_SD, "runner": OTHER_RUNNERS_SD}


@dataclass(frozen=True)
class Basis:
    """The comparable baseline runs, oldest first; `compared` False: why not stands in `reason`.
    `full_force` False: at most a warning, and `reason` says why.

    What the baseline has never seen change is assumed instead: `assumed_sd` of an endpoint, for other hours and builds, and
    `assumed_host_sd` of the whole host (log scale); `assumed` is that in words, empty when nothing was."""

    runs: tuple[RunSummary, ...]
    builds: int
    compared: bool
    full_force: bool
    reason: str
    sessions: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    assumed_sd: float = 0.0
    assumed_host_sd: float = 0.0
    assumed: str = ""


def comparable_runs(baseline: Sequence[RunSummary], candidate: RunSummary) -> Basis:
    """Keep baseline runs of the same plan digest and host class (gate.md, "Comparable or not")."""
    if not baseline:
        return _not_compared((), "There is no baseline yet, so nothing was compared.")
    same_plan = [run for run in baseline if run.digest == candidate.digest]
    if not same_plan:
        return _not_compared((), "The baseline was measured with another plan (load, scenario or grouping changed).")
    alike = [run for run in same_plan if run.host_class == candidate.host_class]
    if not alike:
        other = same_plan[0].host_class
        difference = ", ".join(
            f"{name} {getattr(other, name)} there, {getattr(candidate.host_class, name)} here"
            for name in other.compared
            if getattr(other, name) != getattr(candidate.host_class, name)
        )
        return _not_compared((), f"The baseline comes from another host class ({difference}).")
    runs = tuple(sorted(alike, key=lambda run: (run.started_at, run.run_id)))
    sessions = sessions_of(runs)
    builds = _builds(runs, sessions)
    if len(runs) < LEAST_RUNS:
        runs_text = plural(len(runs), "comparable baseline run")
        return _not_compared(runs, f"There is only {runs_text}; a comparison needs {LEAST_RUNS}.")
    few = f"The baseline has only {len(runs)} runs, so a regression is at most a warning." if len(runs) < FULL_FORCE_RUNS else ""
    unseen = _unseen(runs, builds, candidate)
    sd = float(np.sqrt(sum(USUAL_SD[name] ** 2 for name in unseen)))
    listed = " and ".join(f"{name}s" for name in unseen)
    told = f"All baseline runs come from one {' and one '.join(unseen)}, so {percent(sd)} of noise between {listed} was assumed."
    return Basis(
        runs,
        builds,
        compared=True,
        full_force=not few,
        reason=" ".join(part for part in (few, told if unseen else "") if part),
        sessions=sessions,
        assumed_sd=sd,
        assumed_host_sd=OTHER_HOSTS_SD if {"hour", "runner"} & set(unseen) else 0.0,
        assumed=f"{percent(sd)} of noise between {listed} assumed" if unseen else "",
    )


def _builds(runs: tuple[RunSummary, ...], sessions: np.ndarray) -> int:
    """Known commits; where none is known, sessions: a service that others deploy changes between days without telling."""
    known = {run.commit for run in runs if run.commit is not None}
    return len(known) if known else int(sessions[-1]) + 1 if len(sessions) else 1


def _unseen(runs: tuple[RunSummary, ...], builds: int, candidate: RunSummary) -> list[str]:
    """What the candidate differs in and the baseline never saw change: keys of USUAL_SD."""
    one_hour = runs[-1].started_at - runs[0].started_at < SESSION_GAP
    outside = not runs[0].started_at - SESSION_GAP < candidate.started_at < runs[-1].started_at + SESSION_GAP
    same_build = candidate.commit is not None and {run.commit for run in runs} == {candidate.commit}
    one_runner = {run.host_class.executor for run in runs}
    other_runner = len(one_runner) == 1 and candidate.host_class.executor not in one_runner
    different = {"hour": one_hour and outside, "build": builds < 2 and not same_build, "runner": other_runner}
    return [name for name, true in different.items() if true]


def _not_compared(runs: tuple[RunSummary, ...], reason: str) -> Basis:
    return Basis(runs, 0, compared=False, full_force=False, reason=reason)
