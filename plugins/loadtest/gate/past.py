"""What the gate asks the history: which matters people have muted, and the accepted runs since the anchor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.baselines.models import Baseline
from loadtest.errors import LoadTestError
from loadtest.gate.models import RunSummary
from loadtest.planning.models import Mute, Plan


@dataclass(frozen=True)
class Past:
    """`problem`: why the history could not be asked; then mutes and runs are empty and the run is judged without them."""

    mutes: tuple[Mute, ...] = ()
    since_anchor: tuple[RunSummary, ...] = ()
    problem: str = ""


def ask_history(plan: Plan, anchor: Baseline | None) -> Past:
    """Never raises for a history that is locked, gone or damaged: a verdict must not wait for a database."""
    from loadtest.history.acknowledgements import active_mutes
    from loadtest.history.queries import drift_series

    try:
        mutes = active_mutes(plan.scenario.name, plan.environment.name, datetime.now(UTC), profile=plan.profile.name)
        runs = drift_series(plan, since=max(run.started_at for run in anchor.runs)) if anchor else []
    except LoadTestError as error:
        reason = str(error).rstrip(".")
        return Past(problem=f"Mutes of the history and drift since the anchor were not considered: {reason}.")
    members = {run.run_id for run in anchor.runs} if anchor else set()
    return Past(tuple(mutes), tuple(run for run in runs if run.run_id not in members))
