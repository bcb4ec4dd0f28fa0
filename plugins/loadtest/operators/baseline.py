"""Baselines through Airflow: repeats of one plan become a candidate, a person accepts it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from upath import UPath

from loadtest.operators.connections import bring_connections
from loadtest.operators.load import LogWatcher, stop_load_of
from loadtest.operators.stage import StageOperator
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context

    from loadtest.baselines.collecting import Collected


class CollectBaselineOperator(StageOperator):
    """Measures and judges one plan again and again until enough runs are usable. A retry goes on where it stopped.

    :param runs: how many usable runs; a template.
    :param spacing: time between two runs, such as `30m`, since noise differs over the day; a template.
    """

    template_fields = ("run_folder", "runs", "spacing")

    def __init__(self, *, runs: str | int, spacing: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.runs = runs
        self.spacing = spacing

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.baselines.collecting import collect
        from loadtest.pipeline.stages import plan_repeat, run_planned
        from loadtest.planning.quantities import parse_duration_s

        plan = Plan.read(folder.plan)
        bring_connections(plan)

        def run_one(number: int) -> RunFolder:
            repeat, self._current = plan_repeat(plan, folder, number)
            if not self._current.verdict.exists():
                run_planned(repeat, self._current, LogWatcher(self.log), confirm=False)
            return self._current

        candidate = collect(run_one, runs=int(self.runs), spacing_s=parse_duration_s(self.spacing), report=self._report)
        return {"runs": len(candidate.runs), "objections": len(candidate.objections)}

    def _report(self, collected: Collected) -> None:
        self.log.info("run %s: %s of %s usable; %s", collected.number, collected.good, collected.wanted, collected.sentence)

    def on_kill(self) -> None:
        stop_load_of(self._current)


class AcceptBaselineOperator(ApprovalOperator):
    """Asks a person to accept the candidate: the runs that nothing speaks against, or all of them, with a reason. Rejected or
    unanswered, the candidate stays as it is."""

    OVERRULE = "Approve and overrule objections"

    template_fields = ("run_folder",)

    def __init__(self, *, run_folder: str, **kwargs: Any) -> None:
        reason = Param("", type="string", title="Reason", description="Why these runs may be the reference from now on.")
        kwargs["params"] = {"reason": reason}  # instead of the DAG's, which Airflow hands to every operator
        super().__init__(subject="Accept this baseline", defaults=self.REJECT, **kwargs)
        self.options = [self.APPROVE, self.OVERRULE, self.REJECT]
        self.run_folder = run_folder
        self.response_timeout = self.response_timeout or timedelta(days=7)

    def execute(self, context: Context) -> Any:
        from loadtest.baselines.candidates import read_candidate

        plan = Plan.read(RunFolder(UPath(self.run_folder)).plan)
        where = (plan.scenario.name, plan.environment.name, plan.profile.name)
        candidate = read_candidate(*where)
        lines = [f"{len(candidate.runs)} runs of {' / '.join(where)}:"]
        lines += [f"* {run.run_id}, {run.started_at:%Y-%m-%d %H:%M}, commit {(run.commit or '-')[:12]}" for run in candidate.runs]
        lines += [f"* **objection** to {run_id}: {why}" for run_id, why in candidate.objections.items()]
        self.subject = f"Accept a baseline of {len(candidate.runs)} runs for {' / '.join(where)}"
        lines += ["", f"*{self.APPROVE}*: the runs without objection. *{self.OVERRULE}*: all of them; give a reason."]
        self.body = "\n".join(lines)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        if self.OVERRULE in (event.get("chosen_options") or ()):
            return HITLOperator.execute_complete(self, context, event)  # whatever is no plain approval would skip what follows
        return super().execute_complete(context, event)


class PromoteBaselineOperator(StageOperator):
    """Makes the accepted candidate the next version of the baseline, in the name of who accepted it.

    :param accepted_by_task: id of the AcceptBaselineOperator.
    """

    def __init__(self, *, accepted_by_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.accepted_by_task = accepted_by_task

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.baselines.promotion import promote_answered
        from loadtest.baselines.store import baseline_path

        answer = context["ti"].xcom_pull(task_ids=self.accepted_by_task)
        if not answer:
            raise AirflowFailException("Nobody accepted the baseline.")
        plan = Plan.read(folder.plan)
        where = (plan.scenario.name, plan.environment.name, plan.profile.name)
        person = (answer.get("responded_by_user") or {}).get("name") or "unknown"
        reason = (answer.get("params_input") or {}).get("reason") or ""
        overrule = AcceptBaselineOperator.OVERRULE in (answer.get("chosen_options") or ())
        accepted, notes = promote_answered(*where, by=person, reason=reason, overrule=overrule)
        for note in notes:
            self.log.warning("%s", note)
        if accepted is None:
            return {"version": None, "notes": notes}
        self.log.info("Version %s is the anchor now; bring it into git with: loadtest baseline propose", accepted.version)
        return {"version": accepted.version, "path": str(baseline_path(*where))}
