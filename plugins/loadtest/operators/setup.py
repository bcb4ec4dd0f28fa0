"""Set-up: from the DAG run's parameters to a plan, and a person's approval where the environment demands it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator
from upath import UPath

from loadtest.errors import LoadTestError, NotRunError
from loadtest.operators.connection_fields import field_of_connection
from loadtest.operators.request_of import request_of
from loadtest.operators.stage import RUN_FOLDER_KEY, StageOperator, translated
from loadtest.planning.models import Plan
from loadtest.planning.profiles import LoadModel
from loadtest.planning.quantities import format_duration
from loadtest.run_folder import RunFolder
from loadtest.settings import settings

if TYPE_CHECKING:
    from airflow.sdk import Context


class ResolvePlanOperator(BaseOperator):
    """Resolves the DAG run's request into a validated plan and opens its run folder. Bad input ends here, in one sentence."""

    ui_color = "#e8f1fb"

    def execute(self, context: Context) -> dict[str, Any]:
        from loadtest.pipeline.stages import keep_refused, open_run

        ti, dag_run = context["ti"], context["dag_run"]
        try:
            plan, folder = open_run(request_of(context), settings(), connections=field_of_connection)
        except LoadTestError as error:
            folder = keep_refused(f"{dag_run.dag_id}-{dag_run.run_id}", dict(context["params"]), str(error), settings())
            ti.xcom_push(key=RUN_FOLDER_KEY, value=str(folder.path))
            raise translated(error) from None
        ti.xcom_push(key=RUN_FOLDER_KEY, value=str(folder.path))
        self.log.info("%s", describe(plan))
        return {"run_id": plan.run_id, "digest": plan.digest, "plan": str(folder.plan)}


class EnvironmentApprovalOperator(ApprovalOperator):
    """Asks a person before load goes to an environment that wants it; passes at once where none is needed."""

    template_fields = ("run_folder",)

    def __init__(self, *, run_folder: str, **kwargs: Any) -> None:
        super().__init__(subject="Approve this load test", defaults=self.REJECT, **kwargs)
        self.run_folder = run_folder

    def execute(self, context: Context) -> Any:
        plan = Plan.read(RunFolder(UPath(self.run_folder)).plan)
        if not plan.environment.needs_approval:
            return None
        self.subject = f"Load test of {plan.environment.name}: {plan.profile.name}, {amount_of_load(plan)}"
        self.body = describe(plan)
        self.response_timeout = timedelta(seconds=plan.environment.approval_timeout_s)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        if self.REJECT in (event.get("chosen_options") or ()):
            from loadtest.gate.verdict import not_run

            user = (event.get("responded_by_user") or {}).get("name")
            reason = f"{user} rejected it." if user else "nobody approved it in time."
            not_run(RunFolder(UPath(self.run_folder)), reason)
        return super().execute_complete(context, event)


class PrepareRunOperator(StageOperator):
    """The last look before anything starts: a machine that is another load generator than the environment names ends here, a
    scenario that Locust cannot load or that has no users, an abort criterion that can never be met."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.gate.verdict import not_run
        from loadtest.operators.load import LogWatcher
        from loadtest.pipeline.stages import last_look
        from loadtest.planning.load_generators import check_load_generator

        plan = Plan.read(folder.plan)
        try:
            check_load_generator(plan.environment.load_generator)
            last_look(plan, folder, LogWatcher(self.log))
        except LoadTestError as error:
            not_run(folder, str(error))
            raise
        if folder.verdict.exists():
            raise NotRunError("This run has a verdict already; start a new run instead of clearing this one.")
        return {"run_id": plan.run_id}


def describe(plan: Plan) -> str:
    """Host, load and origin of a run: what a person must know to approve it. Markdown."""
    asked = plan.trigger.by or plan.trigger.kind
    lines = [
        f"**Where**: {plan.base_url or 'a backend that this run starts itself'} ({plan.environment.name})",
        f"**How much**: {amount_of_load(plan)}",
        f"**What**: scenario {plan.scenario.name}, profile {plan.profile.name} ({plan.profile.purpose})",
        f"**Who**: {asked}" + (f", commit {plan.trigger.commit}" if plan.trigger.commit else ""),
    ]
    return "\n\n".join(lines)


def amount_of_load(plan: Plan) -> str:
    from loadtest.load.job import schedule_of

    profile = plan.profile
    duration_s, schedule = profile.planned_duration_s, schedule_of(profile)
    duration = format_duration(duration_s)
    if profile.load_model is LoadModel.OPEN and schedule:
        return f"{schedule.peak:g} arrivals/s for {duration}, about {schedule.planned_total():,} in all"
    users = round(schedule.peak) if schedule else profile.users
    return f"at most {users} users for {duration}, {users * duration_s / 3600:.1f} user hours"
