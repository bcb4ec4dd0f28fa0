"""With which baseline runs a candidate may be compared, and with what force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from loadtest.gate.records.summaries import RunSummary
from loadtest.wording import plural

LEAST_RUNS = 3  # below: nothing is compared
FULL_FORCE_RUNS = 5  # below: at most a warning
LEAST_SPREAD = timedelta(hours=1)


@dataclass(frozen=True)
class Basis:
    """The comparable baseline runs, oldest first; `compared` False: why not stands in `reason`.
    `full_force` False: at most a warning, and `reason` says why."""

    runs: tuple[RunSummary, ...]
    builds: int
    compared: bool
    full_force: bool
    reason: str


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
            for name in type(other).model_fields
            if getattr(other, name) != getattr(candidate.host_class, name)
        )
        return _not_compared((), f"The baseline comes from another host class ({difference}).")
    runs = tuple(sorted(alike, key=lambda run: (run.started_at, run.run_id)))
    builds = len({run.commit for run in runs if run.commit is not None}) or 1
    if len(runs) < LEAST_RUNS:
        runs_text = plural(len(runs), "comparable baseline run")
        return _not_compared(runs, f"There is only {runs_text}; a comparison needs {LEAST_RUNS}.")
    weakness = _weakness(runs, builds)
    return Basis(runs, builds, compared=True, full_force=not weakness, reason=weakness)


def _weakness(runs: tuple[RunSummary, ...], builds: int) -> str:
    if len(runs) < FULL_FORCE_RUNS:
        return f"The baseline has only {len(runs)} runs, so a regression is at most a warning."
    if runs[-1].started_at - runs[0].started_at < LEAST_SPREAD:
        return "All baseline runs come from one hour and know too little of the noise, so a regression is at most a warning."
    if builds < 2:
        return "All baseline runs come from one build and know too little of the noise, so a regression is at most a warning."
    return ""


def _not_compared(runs: tuple[RunSummary, ...], reason: str) -> Basis:
    return Basis(runs, 0, compared=False, full_force=False, reason=reason)
