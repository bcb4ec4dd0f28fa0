"""The way of a run without Airflow: the same stages, one after the other, each leaving its file in the run folder.

The Airflow operators call the same rooms; only the order and the waiting are Airflow's there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from loadtest.backend.health import check_health
from loadtest.backend.start import start_backend
from loadtest.backend.stop import stop_backend
from loadtest.builds.measured import keep_build_after_load, makes_builds, with_build_known, with_build_made
from loadtest.builds.worktrees import base_of, commit_of, is_repository
from loadtest.errors import ConfigurationError, InfrastructureError, LoadTestError, NotRunError
from loadtest.files import private_folder, write_text
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.load.models import LoadResult, Progress
from loadtest.masking import mask_secrets
from loadtest.pipeline.early_imports import FOR_JUDGMENT, FOR_PUBLISHING, begin_imports
from loadtest.pipeline.own_backend import base_url_of
from loadtest.pipeline.publishing import publish
from loadtest.planning.config import load_environment
from loadtest.planning.fleet import refuse_fleet_of_airflow
from loadtest.planning.models import Plan
from loadtest.planning.references import ConnectionLookup
from loadtest.planning.request import MERGE_BASE, SIDE_BY_SIDE, Request
from loadtest.planning.resolve import no_connections, resolve
from loadtest.planning.variables import IGNORED, ignored_variables
from loadtest.run_folder import CONFIRMATIONS, RunFolder
from loadtest.settings import Settings, settings
from loadtest.storage import StorageError


class Watcher(Protocol):
    """Who wants to know how far a run is: the terminal, a task log, a test."""

    def stage(self, name: str) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def tell(self, heading: str, lines: Sequence[str]) -> None: ...


class SilentWatcher:
    """Shows nothing, where nobody watches."""

    def stage(self, name: str) -> None: ...

    def tell(self, heading: str, lines: Sequence[str]) -> None: ...

    def progress(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """Where a run's files are, what it came to, and what could not be published (history, report)."""

    folder: RunFolder
    verdict: Verdict
    problems: tuple[str, ...] = ()


def open_run(request: Request, settings: Settings, *, connections: ConnectionLookup = no_connections) -> tuple[Plan, RunFolder]:
    """Resolve a request and write its plan; a refused one is kept under `_refused/` and raises ConfigurationError."""
    plan = planned(request, settings, connections=connections)
    folder = RunFolder.of(settings.runs_root, plan.scenario.name, plan.environment.name, plan.profile.name, plan.run_id)
    if folder.verdict.exists():
        raise ConfigurationError(f"Run {plan.run_id} is there already ({folder.path}); choose another run id.")
    plan.write(folder.plan)
    return plan, folder


def planned(request: Request, settings: Settings, *, connections: ConnectionLookup = no_connections) -> Plan:
    """The plan of a request; nothing is kept of it. Raises ConfigurationError."""
    from loadtest.load.control.scenario_check import stages_of_shape

    private_folder(settings.scratch)
    return _with_commits_known(resolve(request, settings, connections=connections, stages_of_shape=stages_of_shape))


def _with_commits_known(plan: Plan) -> Plan:
    """Where the environment makes builds, the full hashes of what is to be built. Raises ConfigurationError for unknown ones."""
    builds = plan.environment.builds
    if builds is None or not (plan.against or makes_builds(plan)):
        return plan
    if plan.trigger.commit:
        commit = commit_of(builds, plan.trigger.commit)
        plan = plan.model_copy(update={"trigger": plan.trigger.model_copy(update={"commit": commit})})
    if plan.against is None:
        return plan
    candidate = plan.trigger.commit or "HEAD"
    base = base_of(builds, candidate) if plan.against == MERGE_BASE else commit_of(builds, plan.against)
    return plan.model_copy(update={"against": base})


def can_compare(environment: str, settings: Settings) -> bool:
    """Whether an environment can make builds of two commits and send the usual load to them, side by side."""
    try:
        known = load_environment(settings, environment)
    except ConfigurationError:
        return False  # whoever resolves the request says why
    allowed = known.allowed_profiles
    return (
        known.builds is not None
        and known.starts_backend
        and is_repository(known.builds)
        and (allowed is None or SIDE_BY_SIDE in allowed)
    )


def keep_refused(run_id: str, asked: dict[str, object], reason: str, settings: Settings) -> RunFolder:
    """Keep what was asked and why it was refused, under a path that no part of the bad input chooses."""
    from loadtest.gate.verdict import not_run

    folder = RunFolder.refused(settings.runs_root, run_id)
    shown = {str(key)[:60]: mask_secrets(str(value))[:300] for key, value in asked.items() if value is not None}
    write_text(folder.request, json.dumps(shown, indent=2) + "\n")
    not_run(folder, reason, **{key: shown.get(key, "") for key in ("scenario", "environment", "profile")})
    return folder


def start_and_check_backend(plan: Plan, folder: RunFolder, watcher: Watcher) -> str:
    """Start the backend if it is ours, in the build that was asked for if it can be made; wait until it is healthy; look which
    build it is. Returns its base URL. Raises NotRunError where it is another than the one asked for."""
    if plan.environment.starts_backend:
        watcher.stage("backend")
        plan = with_build_made(plan, folder)
        start_backend(plan, folder)
    watcher.stage("health check")
    check_health(plan, folder)
    base_url = base_url_of(plan, folder)
    with_build_known(plan, folder, base_url, watcher.stage)
    return base_url


def measure(
    plan: Plan,
    folder: RunFolder,
    watcher: Watcher,
    *,
    before_load: Callable[[], None] = lambda: None,
    after_load: Callable[[], None] = lambda: None,
) -> LoadResult:
    """Backend, load, clean-up and analysis of one run, once nobody else sends load from this host. The backend is stopped
    whatever happens.

    `before_load` and `after_load` frame the load: where helpers that must not work beside it are frozen and thawed.
    """
    from loadtest.analysis.analyze import analyze
    from loadtest.load.control.elsewhere import wait_for_other_machines
    from loadtest.load.control.host_turn import host_turn
    from loadtest.load.control.run import start_load, stop_load, wait_for_load

    wait_for_other_machines(folder)
    with host_turn(folder.run_id, watcher.stage):
        try:
            base_url = start_and_check_backend(plan, folder, watcher)
            before_load()
            watcher.stage("load")
            handle = start_load(plan, folder, base_url)
            try:
                result = wait_for_load(handle, on_progress=watcher.progress)
                keep_build_after_load(folder, base_url)
            except BaseException:
                stop_load(handle)
                raise
            finally:
                after_load()
        finally:
            watcher.stage("clean-up")
            begin_imports(FOR_JUDGMENT)
            stop_backend(folder)
    watcher.stage("analysis")
    analyze(folder)
    return result


def _measure_side_by_side(
    plan: Plan, folder: RunFolder, watcher: Watcher, *, before_load: Callable[[], None], after_load: Callable[[], None]
) -> None:
    from loadtest.pipeline.side_by_side import measure_side_by_side  # numpy and scipy, which others need after the load

    measure_side_by_side(plan, folder, watcher, before_load=before_load, after_load=after_load)


def confirmation_folders(folder: RunFolder) -> list[RunFolder]:
    """The measured confirmations of a run, oldest first."""
    siblings = (folder.confirmation(number) for number in range(1, CONFIRMATIONS + 1))
    return [sibling for sibling in siblings if sibling.metrics.exists()]


def judge(folder: RunFolder) -> RegressionReport:
    """Findings of a run, with its measured confirmations, what people muted, and earlier accepted runs for the drift."""
    from loadtest.gate.decide import check
    from loadtest.history.context import known_of

    known = known_of(Plan.read(folder.plan))
    return check(
        folder, confirmations=confirmation_folders(folder), mutes=known.mutes, earlier=known.earlier, first_seen=known.first_seen
    )


def planned_load_s(folder: RunFolder) -> float:
    """Planned seconds of load of a run and its confirmations: what no overhead counts."""
    each = [one.load for one in (folder, *confirmation_folders(folder)) if one.load.exists()]
    return sum(LoadResult.read(path).planned_duration_s for path in each)


def run_once(
    request: Request,
    settings: Settings,
    *,
    watcher: Watcher | None = None,
    approve: Callable[[Plan], None] | None = None,
    confirm: bool = True,
) -> Outcome:
    """One whole run, from request to report. Raises ConfigurationError or NotRunError when nothing was started.

    `approve` is asked before load goes to an environment that wants a person's approval; it raises NotRunError to refuse.
    `confirm`: run a suspect again, once or twice; not wanted where the runs are to become a baseline themselves.
    """
    watcher = watcher or SilentWatcher()
    watcher.stage("set-up")
    try:
        plan, folder = open_run(request, settings)
    except KeyboardInterrupt:
        raise NotRunError("Canceled before anything started.") from None
    before_start = partial(approved_and_checked, plan, folder, watcher, approve)
    return run_planned(plan, folder, watcher, before_start=before_start, confirm=confirm)


def run_planned(
    plan: Plan,
    folder: RunFolder,
    watcher: Watcher,
    *,
    before_start: Callable[[], Plan] | None = None,
    confirm: bool = True,
) -> Outcome:
    """Measure, judge and report a planned run. Whatever breaks after load went out ends in a verdict (`invalid`), clean-up
    and a report; before that, in a `not_run` verdict and the error. Of several such runs on a host one measures at a time."""
    from loadtest.analysis.contract_process import ContractProcess
    from loadtest.gate.verdict import conclude, not_run
    from loadtest.load.job import files_trouble
    from loadtest.pipeline.confirmation import confirm as confirm_again
    from loadtest.pipeline.leftovers import turn_to_load

    failure: str | None = None
    with ContractProcess() as contract:
        try:
            refuse_fleet_of_airflow(plan)
            plan = before_start() if before_start else plan
            with turn_to_load(folder, watcher.stage):
                measure_it = _measure_side_by_side if plan.against else measure
                measure_it(plan, folder, watcher, before_load=contract.pause, after_load=contract.resume)
                watcher.stage("gate")
                checking = folder.metrics.exists()
                if checking:
                    contract.begin(folder)
                number = 0
                while (judged := judge(folder)).asks_again and confirm and number < CONFIRMATIONS:
                    number += 1
                    if checking:
                        contract.finish(folder)
                        checking = False
                    what = f"confirmation {number} of at most {CONFIRMATIONS}"
                    watcher.stage(what if judged.suspects else "once more: one run could not show that nothing got slower")
                    confirm_again(Plan.read(folder.plan), folder, number, watcher)
                    watcher.stage("gate")
            if checking:
                watcher.stage("data contract")
                begin_imports(FOR_PUBLISHING)
                contract.finish(folder)
        except KeyboardInterrupt:
            if not folder.attempts():
                not_run(folder, "it was canceled before any load went out.")
                raise NotRunError("Canceled before any load went out.") from None
            failure = "The run was interrupted by a person or a signal before it was judged."
        except LoadTestError as error:
            if isinstance(error, NotRunError | ConfigurationError) and not folder.attempts():
                not_run(folder, str(error))
                raise
            failure = str(error)
        except OSError as error:
            failure = files_trouble(error, settings().scratch)
            if isinstance(error, StorageError):
                raise InfrastructureError(failure) from error
            if not folder.attempts():
                not_run(folder, failure)
                raise NotRunError(failure) from error
    watcher.stage("verdict")
    try:
        verdict = conclude(folder, failure=failure)
    except StorageError as error:
        raise InfrastructureError(files_trouble(error, settings().scratch)) from error
    watcher.stage("reporting")
    try:
        problems = tuple(publish(folder))
    except KeyboardInterrupt:
        problems = (f"reporting was interrupted; the verdict stands; write the report with: loadtest report {plan.run_id}",)
    return Outcome(folder, verdict, problems)


def plan_repeat(plan: Plan, folder: RunFolder, number: int) -> tuple[Plan, RunFolder]:
    """The `number`-th of several runs of one plan, counted from 1; the first is the plan itself, the others siblings."""
    if number == 1:
        return plan, folder
    run_id = f"{plan.run_id}-repeat-{number}"
    repeat, sibling = plan.model_copy(update={"run_id": run_id}), RunFolder(folder.path.parent / run_id)
    repeat.write(sibling.plan)
    return repeat, sibling


def last_look(plan: Plan, folder: RunFolder, watcher: Watcher) -> Plan:
    """Before anything starts: raises ConfigurationError for a scenario that Locust cannot load or that has no users, and for an
    abort criterion that can never be met. Tells what it sets aside of the Locust files, and which variables they miss."""
    from loadtest.load.abort import check_endpoints
    from loadtest.load.control.scenario_check import check_scenario

    check_endpoints(plan)
    if ignored := ignored_variables(plan.scenario.folder, plan.scenario, plan.environment):
        watcher.tell(IGNORED, ignored)
    plan = plan.model_copy(update={"set_aside": check_scenario(plan.scenario, plan.profile, plan.environment).set_aside})
    if plan.set_aside:
        plan.write(folder.plan)
        watcher.tell("Set aside from the Locust files:", plan.set_aside)
    return plan


def approved_and_checked(plan: Plan, folder: RunFolder, watcher: Watcher, approve: Callable[[Plan], None] | None) -> Plan:
    """The approval that the environment wants, then the last look. Errors of both, NotRunError where nobody approves."""
    _check_approval(plan, approve)
    return last_look(plan, folder, watcher)


def _check_approval(plan: Plan, approve: Callable[[Plan], None] | None) -> None:
    if not plan.environment.needs_approval:
        return
    if approve is None:
        raise NotRunError(f"Environment {plan.environment.name!r} wants a person's approval and there is nobody to ask.")
    approve(plan)
