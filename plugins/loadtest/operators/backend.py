"""The backend under test: started if it is ours, healthy before load goes out, stopped whatever happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.operators.stage import StageOperator
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context


class StartBackendOperator(StageOperator):
    """Starts the environment's backend on a free port with a database of its own, in the build that was asked for where it can
    be made; nothing to do where it is not ours. In a comparison side by side: both builds."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.backend.start import start_backend
        from loadtest.builds.measured import with_build_made
        from loadtest.pipeline.leftovers import stop_backends_of_ended_runs
        from loadtest.pipeline.side_by_side import start_sides

        for run_id in stop_backends_of_ended_runs():
            self.log.warning("Stopped the backend that run %s left on this machine", run_id)
        plan = Plan.read(folder.plan)
        if plan.against:
            start_sides(plan, folder, self.log.info)
            return {"started": True, "base": plan.against, "candidate": plan.trigger.commit}
        if not plan.environment.starts_backend:
            return {"started": False, "base_url": plan.base_url}
        state = start_backend(with_build_made(plan, folder), folder)
        return {"started": True, "base_url": state.base_url, "pid": state.identity.pid if state.identity else None}


class CheckHealthOperator(StageOperator):
    """Waits until the backend's health check answers, within the environment's time, and looks which build it is. Starts it
    again on a machine that replaced the one of the task before."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.builds.measured import with_build_known
        from loadtest.pipeline.own_backend import backend_on_this_machine, base_url_of
        from loadtest.pipeline.side_by_side import check_sides

        plan = Plan.read(folder.plan)
        if plan.against:
            return {"base": plan.against, "build": check_sides(folder, self.log.info).measured_commit}
        report = backend_on_this_machine(plan, folder)
        plan = with_build_known(plan, folder, base_url_of(plan, folder), self.log.info)
        return {"status": report.status, "attempts": report.attempts, "waited_s": report.waited_s, "build": plan.measured_commit}


class StopBackendOperator(StageOperator):
    """Stops the backends of this run, its confirmations and repeats, and drops their databases; harmless without any.

    One on another machine ended with it, or is stopped by the next run there: the load was measured, so the run goes on, and the
    log and the task's result (`not_stopped`) say which it is."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.backend.stop import BackendElsewhereError, stop_backend

        siblings = folder.path.parent.glob(f"{folder.run_id}-*")
        not_stopped = []
        for each in (folder, *(RunFolder(path) for path in siblings)):
            if not each.backend_state.exists():
                continue
            try:
                stop_backend(each)
            except BackendElsewhereError as error:
                self.log.warning("%s", error)
                not_stopped.append(str(error))
        return {"not_stopped": not_stopped}
