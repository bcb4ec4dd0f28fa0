"""Analysis, regression gate, data contract and verdict: one operator per file of the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.utils.skipmixin import SkipMixin

from loadtest.operators.stage import StageFailures, StageOperator
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome, RunStatus

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue

VERDICT_ASSETS = "load_test_verdict"


class AnalyzeOperator(StageOperator):
    """Samples to metrics; in a comparison side by side of both builds."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.analysis.analyze import analyze
        from loadtest.pipeline.side_by_side import analyze_sides

        metrics = analyze_sides(folder) if Plan.read(folder.plan).against else analyze(folder)
        return {"requests": metrics.total.n, "errors": metrics.total.errors, "p95_ms": metrics.total.p95_ms}


class JudgeOperator(StageOperator, SkipMixin):
    """Metrics to findings. Where no further run is wanted the next task (the first confirmation) is skipped."""

    inherits_from_skipmixin = True

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.pipeline.stages import judge

        report = judge(folder)
        for finding in report.findings:
            if finding.outcome is not Outcome.PASS:
                self.log.info("%s: %s", finding.outcome, finding.sentence)
        if not report.asks_again:
            followers = [task for task in context["task"].get_direct_relatives(upstream=False) if not task.is_teardown]
            self.skip(ti=context["ti"], tasks=followers)
        return {"findings": len(report.findings), "suspects": len(report.suspects)}


class JudgeConfirmedOperator(StageOperator):
    """Judges the suspect run together with its confirmations."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.pipeline.stages import judge

        report = judge(folder)
        return {"findings": len(report.findings), "confirmations": len(report.confirmation_runs)}


class DataContractOperator(StageOperator):
    """Is this data fit to be judged? Great Expectations says; its Data Docs go into the run folder."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        if not folder.metrics.exists():
            self.log.info("There are no metrics, so there is no contract to check.")
            return {"checked": False}
        from loadtest.analysis.data_contract import check_contract

        contract = check_contract(folder)
        return {"checked": True, "passed": contract.passed, "checks": len(contract.checks)}


class ConcludeOperator(StageOperator):
    """The verdict. The one task that writes it; runs whatever happened before, and knows which stage failed and why."""

    def run_stage(self, folder: RunFolder, context: Context) -> dict[str, Any]:
        from loadtest.gate.records.verdicts import Verdict
        from loadtest.gate.verdict import conclude

        if folder.verdict.exists() and Verdict.read(folder.verdict).status is RunStatus.NOT_RUN:
            verdict = Verdict.read(folder.verdict)
        else:
            verdict = conclude(folder, failure=first_failure(folder, context))
        self.log.info("%s", verdict.sentence)
        for reason in verdict.reasons:
            self.log.info("- %s", reason)
        announce(verdict.outcome, verdict.sentence, folder, context)
        return {"outcome": verdict.outcome, "status": verdict.status, "sentence": verdict.sentence}


def first_failure(folder: RunFolder, context: Context) -> str | None:
    """Why the first failed stage of this run failed, None when all went well."""
    kept = StageFailures(folder)
    for task_id in failed_tasks(context):
        sentence = kept.sentence_of(task_id)
        return sentence or f"The stage {task_id} failed or was stopped before it could say why; see its log."
    return None


def failed_tasks(context: Context) -> list[str]:
    """Failed tasks of this run that come before the calling one, in the graph's order."""
    ti, dag = context["ti"], context["dag"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    upstream = context["task"].get_flat_relative_ids(upstream=True)
    order = [task.task_id for task in dag.topological_sort()]
    return [task_id for task_id in order if task_id in upstream and states.get(task_id) == "failed"]


def announce(outcome: Outcome | None, sentence: str, folder: RunFolder, context: Context) -> None:
    """An asset event per verdict, so that other DAGs can follow one scenario in one environment."""
    if outcome is None:
        return
    from airflow.sdk import Asset, AssetAlias

    plan = Plan.read(folder.plan)
    asset = Asset(name=f"{VERDICT_ASSETS}/{plan.scenario.name}/{plan.environment.name}", uri=asset_uri(plan))
    extra: dict[str, JsonValue] = {
        "outcome": str(outcome),
        "sentence": sentence[:500],
        "run_folder": str(folder.path),
        "run_id": plan.run_id,
    }
    context["outlet_events"][AssetAlias(VERDICT_ASSETS)].add(asset, extra=extra)


def asset_uri(plan: Plan) -> str:
    return f"loadtest://{plan.scenario.name}/{plan.environment.name}/verdict"
