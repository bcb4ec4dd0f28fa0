"""A suspicion is measured again: side by side with the baseline's build where both can be made, else the same load once more."""

from __future__ import annotations

from loadtest import wording
from loadtest.baselines.models import Baseline
from loadtest.baselines.store import matching_baseline
from loadtest.builds.measured import makes_builds
from loadtest.builds.worktrees import known_commit
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.gate.decide import check
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.pipeline.side_by_side import measure_side_by_side
from loadtest.pipeline.stages import Watcher, measure
from loadtest.planning.build import CHANGED
from loadtest.planning.config import load_environment, load_profile
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import SIDE_BY_SIDE
from loadtest.planning.resolve import plan_digest, takes_turns
from loadtest.run_folder import RunFolder
from loadtest.settings import settings


def confirm(plan: Plan, folder: RunFolder, number: int, watcher: Watcher) -> Plan:
    """Measure the `number`-th confirmation of a judged run; returns its plan. Where the environment makes builds, the first of a
    suspicion is a comparison with the baseline's build; where that one cannot be, a further run, whose plan says why. A run that
    only proved too little is measured once more. Errors as `measure`."""
    sibling = folder.confirmation(number)
    why_not = ""
    suspects = RegressionReport.read(folder.regression_report).suspects
    if number == 1 and suspects and makes_builds(plan):
        try:
            compared = _against_the_baselines_build(plan, sibling)
            watcher.stage(f"confirmation side by side with the baseline's build, {wording.commit(compared.against)}")
            measure_side_by_side(compared, sibling, watcher)
            check(sibling)
            return compared
        except (NotRunError, ConfigurationError) as error:
            if sibling.attempts():
                raise
            why_not = str(error)
            watcher.stage(f"confirmation by further runs; {why_not}")
    again = _once_more(plan, sibling).model_copy(update={"not_side_by_side": why_not})
    again.write(sibling.plan)
    measure(again, sibling, watcher)
    return again


def _once_more(plan: Plan, sibling: RunFolder) -> Plan:
    """The same load, in a sibling folder, for the same build."""
    trigger = Trigger(**plan.trigger.model_dump() | {"kind": TriggerKind.CONFIRMATION, "reason": f"confirms {plan.run_id}"})
    return plan.model_copy(update={"run_id": sibling.run_id, "confirms": plan.run_id, "trigger": trigger})


def _against_the_baselines_build(plan: Plan, sibling: RunFolder) -> Plan:
    """The plan of the comparison, written. Raises NotRunError with the reason where there can be none."""
    if not takes_turns(plan.profile):
        raise NotRunError("the profile's load cannot be sent side by side")
    builds, measured = plan.environment.builds, plan.measured_commit
    baseline, reason = matching_baseline(plan)
    if baseline is None:
        raise NotRunError(reason)
    base_name = _last_build(baseline)
    base = known_commit(builds, base_name) if base_name else None
    if base is None:
        raise NotRunError(f"the build of baseline version {baseline.version}, {base_name or 'unknown'}, is not in the repository")
    changed = measured is not None and measured.endswith(CHANGED)  # the candidate is then the working tree, as it was
    candidate = None if changed or measured is None else known_commit(builds, measured)
    if candidate is None and not changed:
        raise NotRunError(f"the build that was measured, {measured or 'unknown'}, is not in the repository")
    if candidate == base and plan.slowdown is None:
        raise NotRunError("the baseline's build is the one that was measured")
    return _compared(plan, sibling, base, candidate)


def _compared(plan: Plan, sibling: RunFolder, base: str, candidate: str | None) -> Plan:
    """As many users as the run had, for at least as long as a comparison usually takes."""
    usual_s = load_profile(settings(), SIDE_BY_SIDE).duration_s
    profile = plan.profile.model_copy(
        update={"duration_s": max(plan.profile.duration_s, usual_s), "spawn_rate": plan.profile.users}
    )
    # the run's own names the worktree of its build
    environment = plan.environment.model_copy(update={"backend": load_environment(settings(), plan.environment.name).backend})
    compared = _once_more(plan, sibling)
    compared = compared.model_copy(
        update={
            "profile": profile,
            "environment": environment,
            "against": base,
            "build": None,
            "trigger": compared.trigger.model_copy(update={"commit": candidate}),
            "digest": plan_digest(plan.scenario, profile, environment, side_by_side=True),
        }
    )
    compared.write(sibling.plan)
    return compared


def _last_build(baseline: Baseline) -> str | None:
    """The newest build among the baseline's runs that somebody can check out."""
    for run in sorted(baseline.runs, key=lambda each: each.started_at, reverse=True):
        if run.commit and not run.commit.endswith(CHANGED):
            return run.commit
    return None
