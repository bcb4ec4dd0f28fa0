"""The load, and its confirmations: started once, rejoined by a retry, stopped when a person marks the task failed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import ResumableJobMixin

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.control.following import progress_line
from loadtest.load.models import LoadResult, Progress, StopReason
from loadtest.operators.connections import bring_connections
from loadtest.operators.kubernetes_fleet import FleetJob
from loadtest.operators.stage import StageOperator
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context

LOG_EVERY_S = 5.0
DONE = (StopReason.COMPLETED, StopReason.ABORTED)


class RunLoadOperator(ResumableJobMixin, StageOperator):
    """Sends the planned load. Survives the death of its worker process: the next try rejoins the same running load.

    A load that ended without its marker is kept as its own attempt; a retry starts the next one, on a machine that replaced
    another with a backend of its own.
    """

    external_id_key = "load_attempt"

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.builds.measured import keep_build_after_load
        from loadtest.load.control.elsewhere import wait_for_other_machines
        from loadtest.pipeline.own_backend import base_url_of
        from loadtest.planning.load_generators import check_load_generator

        self._folder = folder
        plan = Plan.read(folder.plan)
        check_load_generator(plan.environment.load_generator)
        wait_for_other_machines(folder)
        if plan.against:
            wait_for_other_machines(folder.base)
            return self._side_by_side(folder)
        try:
            result = self.execute_resumable(context)
        finally:
            self._remove_fleet(plan)
        keep_build_after_load(folder, base_url_of(plan, folder))
        return result

    def _side_by_side(self, folder: RunFolder) -> dict[str, Any]:
        """Both loads, in turns. The next try rejoins them, or starts both anew if one is gone."""
        from loadtest.load.control.run import find_live_load
        from loadtest.pipeline.side_by_side import check_sides, send_in_turns

        if folder.attempts() and find_live_load(folder) is None:  # check_health was asked by a machine that may be gone
            check_sides(folder, self.log.info)
        results = send_in_turns(folder, ProgressLog(self.log))
        for name, result in zip(("base", "candidate"), results, strict=True):
            if result.stop_reason not in DONE:
                why = result.error or f"it ended before its time ({result.stop_reason})"
                raise InfrastructureError(f"The load of the {name} is not whole: {why}")
        return {"samples": {"base": results[0].samples, "candidate": results[1].samples}}

    def submit_job(self, context: Context) -> dict[str, Any]:
        from loadtest.load.control.run import find_live_load, start_load, stop_load
        from loadtest.pipeline.own_backend import backend_for_another_attempt, base_url_of

        plan = Plan.read(self._folder.plan)
        bring_connections(plan)
        live = find_live_load(self._folder)
        if live is None and self._folder.attempts():
            backend_for_another_attempt(plan, self._folder, self.log.info)
        handle = live or start_load(plan, self._folder, base_url_of(plan, self._folder), say=self.log.info)
        try:
            if fleet := FleetJob.of(plan, handle.attempt.number):
                fleet.start(self.log.info)
        except BaseException:
            stop_load(handle)
            raise
        self.log.info("Attempt %s %s", handle.attempt.number, "is running already" if live else "started")
        return {"attempt": handle.attempt.number, "identity": handle.identity.model_dump()}

    def get_job_status(self, external_id: Any, context: Context) -> str:
        """Asks whether it runs before it asks for a result: a load that ends in between must not look like neither."""
        from loadtest.load.control.run import find_live_load, result_of

        attempt = self._folder.attempt(external_id["attempt"])
        live = find_live_load(self._folder)
        if live and live.attempt.number == attempt.number:
            return "running"
        result = result_of(attempt)
        return str(result.stop_reason if result else StopReason.CRASHED)

    def is_job_active(self, status: str) -> bool:
        return status == "running"

    def is_job_succeeded(self, status: str) -> bool:
        return status in DONE

    def poll_until_complete(self, external_id: Any, context: Context) -> Any:
        """Returns the result: for a rejoined load, what this returns is what the task returns."""
        from loadtest.load.control.run import find_live_load, wait_for_load

        live = find_live_load(self._folder)
        if live is not None:
            wait_for_load(live, on_progress=ProgressLog(self.log))
        return self.get_job_result(external_id, context)

    def get_job_result(self, external_id: Any, context: Context) -> dict[str, Any]:
        from loadtest.load.control.run import result_of

        attempt = self._folder.attempt(external_id["attempt"])
        result = result_of(attempt)
        if result is None:
            raise InfrastructureError(f"Attempt {attempt.number} left no result: its supervisor ended before any load was sent.")
        if result.stop_reason not in DONE:
            plan = Plan.read(self._folder.plan)
            kind = ConfigurationError if would_fail_again(result, plan) else InfrastructureError
            error = result.error or f"The load ended before its time ({result.stop_reason})."
            if result.stop_reason is StopReason.NOT_STARTED and (fleet := FleetJob.of(plan, attempt.number)):
                error = fleet.explained(error)
                for place in (self._folder.load, attempt.load):
                    result.model_copy(update={"error": error}).write(place)
            raise kind(error)
        return {"attempt": result.attempt, "samples": result.samples, "stop_reason": str(result.stop_reason)}

    def on_kill(self) -> None:
        stop_load_of(self._folder)
        stop_load_of(self._folder.base)
        self._remove_fleet(Plan.read(self._folder.plan))

    def _remove_fleet(self, plan: Plan) -> None:
        """Of the last attempt; those before it took theirs along."""
        attempts = self._folder.attempts()
        if attempts and (fleet := FleetJob.of(plan, attempts[-1].number)):
            fleet.remove(self.log.info)


def would_fail_again(result: LoadResult, plan: Plan) -> bool:
    """Whether it is a matter of the scenario: Locust gave up by itself, or ran its time without one request.

    External workers may just have come too late.
    """
    by_itself = result.exit_code is not None and result.exit_code >= 0  # below 0: killed
    return result.stop_reason is StopReason.NOT_STARTED and by_itself and not plan.profile.remote_workers


class ConfirmOperator(StageOperator):
    """Measures a suspect run once more, in a sibling folder: side by side with the baseline's build where both can be made, else
    the same build alone, our backend restarted on a fresh database. Skipped, with what follows, where the confirmation before
    it has settled the matter.

    :param number: 1 or 2; names the sibling folder.
    """

    _fleet: FleetJob | None = None

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.backend.state import read_state
        from loadtest.backend.stop import stop_backend
        from loadtest.pipeline.confirmation import confirm
        from loadtest.pipeline.stages import judge

        if self.number > 1 and not judge(folder).asks_again:
            from airflow.sdk.exceptions import AirflowSkipException

            raise AirflowSkipException("One confirmation was enough.")
        if (state := read_state(folder)) is not None and state.machine.is_here:
            stop_backend(folder)  # two backends on one host would disturb each other
        plan, self._sibling = Plan.read(folder.plan), folder.confirmation(self.number)
        bring_connections(plan)
        number = max((attempt.number for attempt in self._sibling.attempts()), default=0) + 1
        self._fleet = FleetJob.of(plan.model_copy(update={"run_id": self._sibling.run_id}), number)
        try:
            self._start_fleet()
            confirmation = confirm(plan, folder, self.number, LogWatcher(self.log))
        except InfrastructureError as error:
            raise InfrastructureError(self._fleet.explained(str(error)) if self._fleet else str(error)) from error
        finally:
            self._remove_fleet()
        result = LoadResult.read(self._sibling.load)
        return {
            "run_id": confirmation.run_id,
            "against": confirmation.against,
            "samples": result.samples,
            "stop_reason": str(result.stop_reason),
        }

    def _start_fleet(self) -> None:
        if self._fleet:
            self._fleet.start(self.log.info)

    def _remove_fleet(self) -> None:
        if self._fleet:
            self._fleet.remove(self.log.info)

    def on_kill(self) -> None:
        stop_load_of(self._sibling)
        stop_load_of(self._sibling.base)
        self._remove_fleet()


def stop_load_of(folder: RunFolder) -> None:
    """End the running load of a run within seconds; its data is kept and says that it was stopped."""
    from loadtest.load.control.run import LoadElsewhereError, find_live_load, stop_load

    with contextlib.suppress(LoadElsewhereError):  # only there can it be stopped
        if (live := find_live_load(folder)) is not None:
            stop_load(live)


class ProgressLog:
    """Writes one line of progress into the task log every few seconds."""

    def __init__(self, log: Any) -> None:
        self._log, self._last_s = log, -LOG_EVERY_S

    def __call__(self, progress: Progress) -> None:
        if progress.elapsed_s - self._last_s < LOG_EVERY_S:
            return
        self._last_s = progress.elapsed_s
        self._log.info("%s", progress_line(progress))


class LogWatcher:
    """A `loadtest.pipeline.stages.Watcher` that writes into the task log."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._progress = ProgressLog(log)

    def stage(self, name: str) -> None:
        self._log.info("%s", name)

    def progress(self, progress: Progress) -> None:
        self._progress(progress)

    def tell(self, heading: str, lines: Sequence[str]) -> None:
        for line in (heading, *(f"- {line}" for line in lines)):
            self._log.info("%s", line)
