"""Accepting a baseline: who, when, why; bringing an older one back; letting accepted runs refresh what is known of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from loadtest.baselines.candidates import objection_to, read_candidate, settle_candidate, without_objections
from loadtest.baselines.layout import rounded
from loadtest.baselines.models import FULL_RUNS, LEAST_RUNS, MOST_REFRESH, Baseline, BaselineFile, Candidate, Provenance
from loadtest.baselines.store import update_baselines
from loadtest.errors import ConfigurationError
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.planning.models import Plan, TriggerKind
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

FULL_FORCE_RUNS = 5
LEAST_SPAN_H = 1.0
LEAST_REASON = 3


def promote(candidate: Candidate, *, by: str, reason: str, force: bool = False, extend: bool = False) -> Baseline:
    """Accept the candidate as the next version, which becomes the anchor; its runs are candidates no longer.

    `extend`: the anchor's runs stay and the candidate's are added. Runs that failed, were invalid or slowed down on
    purpose are refused unless `force`, which is recorded with what it overruled. Raises ConfigurationError.
    """
    person, why = check_signature(by, reason)
    if not candidate.runs:
        raise ConfigurationError(
            f"No run was collected for {candidate.scenario} on {candidate.environment} with profile {candidate.profile}; "
            "next: loadtest baseline collect"
        )
    overruled = tuple(f"{run_id}: {objection}" for run_id, objection in sorted(candidate.objections.items()))
    if overruled and not force:
        raise ConfigurationError(
            f"{len(overruled)} of {len(candidate.runs)} runs should not become a reference ({overruled[0]}); leave them out with "
            "--without RUN, or overrule it with --force and a reason."
        )

    def change(file: BaselineFile) -> BaselineFile:
        runs = [*(_anchor_runs(file, candidate) if extend else ()), *candidate.runs]
        provenance = Provenance(
            accepted_by=person, accepted_at=datetime.now(UTC), reason=why, forced=bool(overruled), overruled=overruled
        )
        return _with_version(file, runs, provenance)

    accepted = update_baselines(candidate.scenario, candidate.environment, candidate.profile, change).versions[-1]
    settle_candidate(candidate)
    return accepted


def promote_answered(
    scenario: str, environment: str, profile: str, *, by: str, reason: str, overrule: bool
) -> tuple[Baseline | None, list[str]]:
    """Accept the candidate as a person answered in a form, and notes on what was done differently from what they may expect.

    Objections are overruled only with a reason; else the runs without one are accepted. None when there is none of them: what
    a person said yes to must not end in an error.
    """
    candidate, notes = read_candidate(scenario, environment, profile), []
    signed = len(reason.strip()) >= LEAST_REASON
    if not signed:
        reason = f"accepted in a form by {by}, who gave no reason"
    if candidate.objections and not (overrule and signed):
        if overrule:
            notes.append("Objections can be overruled only with a reason, and none was given: the other runs were accepted.")
        notes += [f"Run {run_id} was left out: {why}" for run_id, why in candidate.objections.items()]
        candidate = without_objections(candidate)
    if not candidate.runs:
        return None, [*notes, "No run is left to accept, so the baseline is as it was."]
    return promote(candidate, by=by, reason=reason, force=overrule), notes


def rollback(scenario: str, environment: str, profile: str, version: int, *, by: str, reason: str) -> Baseline:
    """Make an older version the anchor again, as a new version: what happened in between stays on record."""
    person, why = check_signature(by, reason)

    def change(file: BaselineFile) -> BaselineFile:
        old = find_version(file, version)
        if old is file.anchor:
            raise ConfigurationError(f"Version {version} is the anchor already; choose an older one.")
        provenance = Provenance(accepted_by=person, accepted_at=datetime.now(UTC), reason=why, from_version=version)
        return _with_version(file, old.runs, provenance)

    return update_baselines(scenario, environment, profile, change).versions[-1]


def refresh(folder: RunFolder) -> bool:
    """Let a scheduled run tell how much runs differ. It never moves the anchor. Returns whether it was taken.

    Taken are scheduled runs with the anchor's plan and host class, without a fail, a warning or a suspicion. Inconclusive
    ones too: taking only those close enough to pass would make the noise look smaller than it is. The newest 12 are kept.
    Other runs are not: they come in bursts and measure unmerged code.
    """
    plan, verdict = Plan.read(folder.plan), Verdict.read(folder.verdict)
    calm = verdict.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE) and not any(finding.suspect for finding in verdict.findings)
    if not calm or objection_to(plan, verdict) or plan.trigger.kind is not TriggerKind.SCHEDULED:
        return False
    report = RegressionReport.read(folder.regression_report)
    summary = report.summary
    if summary is None or not report.comparison.compared:
        return False
    taken = False

    def change(file: BaselineFile) -> BaselineFile:
        nonlocal taken
        anchor = file.anchor
        if anchor is None or (anchor.digest, anchor.host_class) != (plan.digest, plan.host_class):
            return file
        if summary.run_id in {run.run_id for run in (*anchor.runs, *file.refresh)}:
            return file
        taken = True
        newest = sorted((*file.refresh, rounded(summary)), key=lambda run: (run.started_at, run.run_id))[-MOST_REFRESH:]
        return file.model_copy(update={"refresh": tuple(newest)})

    update_baselines(plan.scenario.name, plan.environment.name, plan.profile.name, change)
    return taken


def find_version(file: BaselineFile, version: int) -> Baseline:
    """The version with this number; raises ConfigurationError naming those that are there."""
    for baseline in file.versions:
        if baseline.version == version:
            return baseline
    known = ", ".join(str(baseline.version) for baseline in file.versions) or "none"
    raise ConfigurationError(
        f"There is no baseline version {version} for {file.scenario} on {file.environment} with profile {file.profile}; "
        f"versions: {known}."
    )


def weaknesses(baseline: Baseline) -> list[str]:
    """What the baseline cannot carry yet, each as a sentence with what would help."""
    found = []
    count = len(baseline.runs)
    if count < LEAST_RUNS:
        found.append(f"With {count} of at least {LEAST_RUNS} runs nothing is compared yet.")
    elif count < FULL_FORCE_RUNS:
        found.append(f"With {count} runs a regression is at most a warning; {FULL_RUNS} are recommended.")
    if len(baseline.builds) == 1:
        found.append("All runs are of one build: usual noise between builds is assumed until runs of other builds are added.")
    if baseline.span_h < LEAST_SPAN_H:
        found.append("All runs come from one hour: usual noise between hours is assumed until runs of other hours are added.")
    return found


def _with_version(file: BaselineFile, runs: Sequence[RunSummary], provenance: Provenance) -> BaselineFile:
    ordered = sorted(runs, key=lambda run: (run.started_at, run.run_id))
    first = ordered[0]
    other = next((run for run in ordered if (run.digest, run.host_class) != (first.digest, first.host_class)), None)
    if other is not None:
        raise ConfigurationError(
            f"Runs {first.run_id} and {other.run_id} have different plans or host classes and cannot be one baseline; "
            "promote without --extend, or collect again."
        )
    version = Baseline(
        version=len(file.versions) + 1,
        provenance=provenance,
        digest=first.digest,
        host_class=first.host_class,
        runs=tuple(ordered),
    )
    return file.model_copy(update={"versions": (*file.versions, version), "refresh": ()})


def _anchor_runs(file: BaselineFile, candidate: Candidate) -> tuple[RunSummary, ...]:
    if file.anchor is None:
        return ()
    new = {run.run_id for run in candidate.runs}
    return tuple(run for run in file.anchor.runs if run.run_id not in new)


def check_signature(by: str, reason: str) -> tuple[str, str]:
    """Name and reason without surrounding blanks; raises ConfigurationError when one is missing."""
    person, why = by.strip(), reason.strip()
    if not person:
        raise ConfigurationError("A baseline needs a person who accepts it; give --by NAME.")
    if len(why) < LEAST_REASON:
        raise ConfigurationError("A baseline needs a reason that others understand later; give --reason TEXT.")
    return person, why
