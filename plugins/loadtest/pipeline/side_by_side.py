"""A comparison side by side without Airflow: two builds, each with its backend, and load that goes to one of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from loadtest.backend.health import check_health
from loadtest.backend.models import BackendState
from loadtest.backend.start import start_backend
from loadtest.backend.stop import stop_backend
from loadtest.builds.measured import with_build_known, with_build_made
from loadtest.builds.worktrees import environment_of_build, prepared
from loadtest.errors import ConfigurationError
from loadtest.gate.statistics.paired import SideSamples
from loadtest.gate.statistics.side_by_side import SLICE_S, look_after, order_of_slices, planned_pairs
from loadtest.load.turns import Turns
from loadtest.planning.build import Build
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from loadtest.load.control.side_by_side import SideArrays
    from loadtest.pipeline.stages import Watcher


def measure_side_by_side(
    plan: Plan, folder: RunFolder, watcher: Watcher, *, before_load: Callable[[], None], after_load: Callable[[], None]
) -> None:
    """Prepare and start both builds, send the load in turns, stop both, analyze the candidate. Raises the error of a side with
    its name."""
    from loadtest.analysis.analyze import analyze
    from loadtest.load.control.side_by_side import Side, run_side_by_side

    base_plan = _base_plan(plan, folder.base, watcher)
    base_plan.write(folder.base.plan)
    plan = with_build_made(plan, folder)
    try:
        sides = [_started(one, where, watcher, name) for one, where, name in _both(base_plan, plan, folder)]
        pairs = planned_pairs(plan.profile.duration_s)
        before_load()
        watcher.stage("load, side by side")
        try:
            run_side_by_side(
                Side(base_plan, folder.base, sides[0]),
                Side(plan, folder, sides[1]),
                order=order_of_slices(pairs, seed=int(plan.created_at.timestamp())),
                slice_s=SLICE_S,
                looks=tuple(2 * look for look in look_after(pairs)),
                enough=lambda turns, slices, arrays: _enough(turns, slices, arrays, pairs),
                on_progress=watcher.progress,
            )
        finally:
            after_load()
    finally:
        watcher.stage("clean-up")
        stop_backend(folder)
        stop_backend(folder.base)
    watcher.stage("analysis")
    analyze(folder.base)
    analyze(folder)


def _both(base_plan: Plan, plan: Plan, folder: RunFolder) -> tuple[tuple[Plan, RunFolder, str], tuple[Plan, RunFolder, str]]:
    return (base_plan, folder.base, "base"), (plan, folder, "candidate")


def _base_plan(plan: Plan, folder: RunFolder, watcher: Watcher) -> Plan:
    """The same load for the other build; a slow-down asked for is the candidate's alone."""
    builds = plan.environment.builds
    if builds is None or plan.against is None:
        raise ConfigurationError(
            f"Environment {plan.environment.name!r} cannot make builds to compare with; give it a `builds:` section."
        )
    watcher.stage(f"build {plan.against[:10]}")
    environment = environment_of_build(plan.environment, prepared(builds, plan.against), plan.against)
    trigger = plan.trigger.model_copy(update={"commit": plan.against})
    return plan.model_copy(
        update={
            "run_id": folder.run_id,
            "environment": environment,
            "slowdown": None,
            "trigger": trigger,
            "build": Build(version=plan.against),
        }
    )


def _started(plan: Plan, folder: RunFolder, watcher: Watcher, name: str) -> str:
    watcher.stage(f"backend of the {name}")
    start_backend(plan, folder)
    check_health(plan, folder)
    base_url = BackendState.read(folder.backend_state).base_url
    with_build_known(plan, folder, base_url)
    return base_url


def _enough(turns: Turns, slices: int, arrays: tuple[SideArrays, SideArrays], pairs: int) -> bool:
    from loadtest.gate.side_by_side import enough_evidence, paired

    sides: list[dict[str, SideSamples]] = []
    for side in arrays:
        pair = paired(side.start_us.astype(np.int64), turns)
        inside = (pair >= 0) & (pair < slices // 2)
        names = {str(name) for name in np.unique(side.endpoint.astype(str))}
        chosen = {name: inside & (side.endpoint == name) for name in names}
        sides.append({name: SideSamples(pair[mine], side.latency_us[mine] / 1000) for name, mine in chosen.items()})
    return enough_evidence(sorted(sides[0].keys() & sides[1].keys()), sides, slices // 2, pairs)
