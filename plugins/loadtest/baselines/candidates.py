"""Runs on their way into a baseline: collected, each with what speaks against it, until a person accepts them."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.baselines.layout import render, rounded
from loadtest.baselines.models import Candidate
from loadtest.baselines.store import named_path, one_writer
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, write_text
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Criterion, Outcome

REGRESSIONS = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.DRIFT, Criterion.ERRORS)


def candidate_path(scenario: str, environment: str, profile: str) -> AnyPath:
    """On the runs root: who accepts a candidate may be on another host than who collected it."""
    return named_path(settings().runs_root / "_candidates", scenario, environment, profile)


def read_candidate(scenario: str, environment: str, profile: str) -> Candidate:
    """What was collected so far; empty if nothing was."""
    path = candidate_path(scenario, environment, profile)
    if not path.exists():
        return Candidate(scenario=scenario, environment=environment, profile=profile)
    return Candidate.read(path)


def awaiting_acceptance(plan: Plan) -> int:
    """How many runs of this plan on this host class have been collected and wait for somebody to accept them; 0 where their
    file is damaged, which whoever accepts them is told."""
    try:
        runs = read_candidate(plan.scenario.name, plan.environment.name, plan.profile.name).runs
    except ConfigurationError:
        return 0
    return sum((run.digest, run.host_class) == (plan.digest, plan.host_class) for run in runs)


def discard_candidate(scenario: str, environment: str, profile: str) -> None:
    """Forget what was collected; the run folders stay."""
    path = candidate_path(scenario, environment, profile)
    with one_writer(path):
        path.unlink(missing_ok=True)


def settle_candidate(accepted: Candidate) -> None:
    """Take accepted runs out; a run that somebody added meanwhile stays for the next version."""
    where = (accepted.scenario, accepted.environment, accepted.profile)
    path, taken = candidate_path(*where), {run.run_id for run in accepted.runs}
    with one_writer(path):
        now = read_candidate(*where)
        rest = tuple(run for run in now.runs if run.run_id not in taken)
        if not rest:
            path.unlink(missing_ok=True)
            return
        objections = {run_id: why for run_id, why in now.objections.items() if run_id not in taken}
        write_text(path, render(now.model_copy(update={"runs": rest, "objections": objections, "left_out": {}})))


def add_run(folder: RunFolder) -> Candidate:
    """Put a judged run into its candidate. A run that nothing can be learned from is left out, with the reason.

    Adding it twice changes nothing. Raises ConfigurationError when the run is not judged yet, or does not go with what
    was collected before (another plan digest or host class).
    """
    plan, verdict = Plan.read(folder.plan), Verdict.read(folder.verdict)
    report = RegressionReport.read(folder.regression_report) if folder.regression_report.exists() else None
    summary = report.summary if report else None

    def change(candidate: Candidate) -> Candidate:
        if plan.run_id in {run.run_id for run in candidate.runs} or plan.run_id in candidate.left_out:
            return candidate
        if summary is None:
            left_out = candidate.left_out | {plan.run_id: verdict.sentence}
            return candidate.model_copy(update={"left_out": left_out})
        _must_fit(plan, candidate)
        objection = objection_to(plan, verdict)
        objections = candidate.objections | ({plan.run_id: objection} if objection else {})
        return candidate.model_copy(update={"runs": (*candidate.runs, rounded(summary)), "objections": objections})

    return _update(plan.scenario.name, plan.environment.name, plan.profile.name, change)


def leave_out(scenario: str, environment: str, profile: str, run_id: str, why: str) -> Candidate:
    """Take a run out of the candidate again. Raises ConfigurationError when it is not in it."""

    def change(candidate: Candidate) -> Candidate:
        if run_id not in {run.run_id for run in candidate.runs}:
            names = ", ".join(run.run_id for run in candidate.runs) or "none"
            raise ConfigurationError(f"Run {run_id!r} is not in the candidate; its runs are: {names}.")
        return candidate.model_copy(
            update={
                "runs": tuple(run for run in candidate.runs if run.run_id != run_id),
                "objections": {key: value for key, value in candidate.objections.items() if key != run_id},
                "left_out": candidate.left_out | {run_id: why},
            }
        )

    return _update(scenario, environment, profile, change)


def without_objections(candidate: Candidate) -> Candidate:
    """The candidate's runs that nothing speaks against."""
    good = tuple(run for run in candidate.runs if run.run_id not in candidate.objections)
    return candidate.model_copy(update={"runs": good, "objections": {}, "left_out": candidate.left_out | candidate.objections})


def objection_to(plan: Plan, verdict: Verdict) -> str:
    """Why a run may not become a reference unless a person overrules it; empty if nothing speaks against it.

    A reference that holds a regression, whoever muted or only warned of it, hides the next one.
    """
    if plan.slowdown:
        return f"it was slowed down on purpose ({plan.slowdown})"
    if verdict.outcome is None or verdict.outcome in (Outcome.FAIL, Outcome.INVALID):
        return verdict.sentence
    warned = [f for f in verdict.findings if f.counts and f.outcome is Outcome.WARN and f.criterion in REGRESSIONS]
    if warned:
        return f"warn: {warned[0].sentence}"
    muted = [f for f in verdict.findings if f.muted and f.alarms]
    return f"{muted[0].mute_reason or 'muted'}: {muted[0].sentence}" if muted else ""


def _must_fit(plan: Plan, candidate: Candidate) -> None:
    for run in candidate.runs[:1]:
        if (run.digest, run.host_class) != (plan.digest, plan.host_class):
            what = "plan (users, duration, scenario files or grouping)" if run.digest != plan.digest else "host class"
            raise ConfigurationError(
                f"Run {plan.run_id} has another {what} than the {len(candidate.runs)} runs collected so far; "
                "start over with: loadtest baseline collect --fresh"
            )


def _update(scenario: str, environment: str, profile: str, change: Callable[[Candidate], Candidate]) -> Candidate:
    path = candidate_path(scenario, environment, profile)
    with one_writer(path):
        changed = change(read_candidate(scenario, environment, profile))
        write_text(path, render(changed))
    return changed
