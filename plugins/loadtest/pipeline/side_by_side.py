"""A comparison side by side: two builds, each with its backend, and load that goes to one of them at a time.

`measure_side_by_side` is the whole way; the Airflow operators call its steps, which read their plans from the two run folders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from loadtest import wording
from loadtest.backend.start import start_backend
from loadtest.backend.stop import stop_backend
from loadtest.builds.measured import keep_build_after_load, with_build_known, with_build_made
from loadtest.builds.worktrees import environment_of_build, prepared
from loadtest.errors import ConfigurationError, LoadTestError, NotRunError
from loadtest.gate.statistics.paired import SideSamples
from loadtest.gate.statistics.side_by_side import SLICE_S, look_after, order_of_slices, planned_pairs
from loadtest.load.models import LoadResult, Progress
from loadtest.load.turns import Turns
from loadtest.pipeline.own_backend import backend_on_this_machine, base_url_of
from loadtest.planning.build import Build
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from loadtest.analysis.models import RunMetrics
    from loadtest.load.control.side_by_side import SideArrays
    from loadtest.pipeline.stages import Watcher


def measure_side_by_side(
    plan: Plan,
    folder: RunFolder,
    watcher: Watcher,
    *,
    before_load: Callable[[], None] = lambda: None,
    after_load: Callable[[], None] = lambda: None,
) -> None:
    """Prepare and start both builds, send the load in turns, stop both, analyze both. Raises the error of a side with its
    name."""
    try:
        start_sides(plan, folder, watcher.stage)
        check_sides(folder, watcher.stage)
        before_load()
        watcher.stage("load, side by side")
        try:
            send_in_turns(folder, watcher.progress)
        finally:
            after_load()
    finally:
        watcher.stage("clean-up")
        stop_backend(folder)
        stop_backend(folder.base)
    watcher.stage("analysis")
    analyze_sides(folder)


def start_sides(plan: Plan, folder: RunFolder, say: Callable[[str], None]) -> None:
    """Prepare both builds, then start both; their plans then say where. Raises NotRunError where a build cannot be prepared, or
    the base does not start: then there is nothing to compare with. A candidate that does not start is a result of its own."""
    say(f"build of the base, {wording.commit(plan.against)}")
    base_plan = _base_plan(plan, folder.base)
    base_plan.write(folder.base.plan)
    if plan.trigger.commit:
        say(f"build of the candidate, {wording.commit(plan.trigger.commit)}")
    plan = with_build_made(plan, folder)
    say("backend of the base")
    try:
        start_backend(base_plan, folder.base)
    except LoadTestError as error:
        raise NotRunError(f"The base, commit {wording.commit(plan.against)}, does not start: {error}") from None
    say("backend of the candidate")
    start_backend(plan, folder)


def check_sides(folder: RunFolder, say: Callable[[str], None]) -> Plan:
    """Wait until both are healthy, and keep which builds they are; returns the candidate's plan. Raises as `start_sides`."""
    base_plan, plan = Plan.read(folder.base.plan), Plan.read(folder.plan)
    say("health checks")
    try:
        backend_on_this_machine(base_plan, folder.base)
    except LoadTestError as error:
        raise NotRunError(f"The base, commit {wording.commit(plan.against)}, is not healthy: {error}") from None
    backend_on_this_machine(plan, folder)
    return with_build_known(plan, folder, base_url_of(plan, folder), say)


def send_in_turns(folder: RunFolder, on_progress: Callable[[Progress], None]) -> tuple[LoadResult, LoadResult]:
    """Send both loads in turns and wait for their end; loads that are on their way already are rejoined."""
    from loadtest.load.control.side_by_side import Side, run_side_by_side

    sides = [Side(plan := Plan.read(one.plan), one, base_url_of(plan, one)) for one in (folder.base, folder)]
    plan = sides[1].plan
    pairs = planned_pairs(plan.profile.duration_s)
    base, candidate, _ = run_side_by_side(
        *sides,
        order=order_of_slices(pairs, seed=int(plan.created_at.timestamp())),
        slice_s=SLICE_S,
        looks=tuple(2 * look for look in look_after(pairs)),
        enough=lambda turns, slices, arrays: _enough(turns, slices, arrays, pairs),
        on_progress=on_progress,
    )
    keep_build_after_load(folder, base_url_of(Plan.read(folder.plan), folder))
    return base, candidate


def analyze_sides(folder: RunFolder) -> RunMetrics:
    """Samples to metrics, of both; returns the candidate's."""
    from loadtest.analysis.analyze import analyze

    analyze(folder.base)
    return analyze(folder)


def _base_plan(plan: Plan, folder: RunFolder) -> Plan:
    """The same load for the other build; a slowdown asked for is the candidate's alone."""
    builds = plan.environment.builds
    if builds is None or plan.against is None:
        raise ConfigurationError(
            f"Environment {plan.environment.name!r} cannot make builds to compare with; give it a `builds:` section."
        )
    of_base = {
        "run_id": folder.run_id,
        "environment": environment_of_build(plan.environment, prepared(builds, plan.against), plan.against),
        "slowdown": None,
        "trigger": plan.trigger.model_copy(update={"commit": plan.against}),
        "build": Build(version=plan.against),
    }
    return plan.model_copy(update=of_base)


def _enough(turns: Turns, slices: int, arrays: tuple[SideArrays, SideArrays], pairs: int) -> bool:
    from loadtest.gate.side_by_side import enough_evidence, paired

    sides: list[dict[str, SideSamples]] = []
    for number, side in enumerate(arrays):
        pair = paired(side.start_us.astype(np.int64), turns, number)
        inside = (pair >= 0) & (pair < slices // 2)
        names = {str(name) for name in np.unique(side.endpoint.astype(str))}
        chosen = {name: inside & (side.endpoint == name) for name in names}
        sides.append({name: SideSamples(pair[mine], side.latency_us[mine] / 1000) for name, mine in chosen.items()})
    return enough_evidence(sorted(sides[0].keys() & sides[1].keys()), sides, slices // 2, pairs)
