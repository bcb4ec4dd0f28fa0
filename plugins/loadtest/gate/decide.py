"""The gate's stage: from a run folder's files to `regression_report.json`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from loadtest.analysis.models import RunMetrics
from loadtest.baselines.store import matching_baseline
from loadtest.gate.criteria import apply_mutes, judge_required
from loadtest.gate.models import Comparison, RegressionReport, RunSummary
from loadtest.gate.steady_samples import SteadySamples, read_steady_samples
from loadtest.gate.targets import judge_targets
from loadtest.gate.validity import judge_validity
from loadtest.load.models import LoadResult
from loadtest.planning.models import Mute, Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome


def check(folder: RunFolder, confirmations: Sequence[RunFolder] = (), mutes: Sequence[Mute] = ()) -> RegressionReport:
    """Judge a run and write its regression_report.json.

    A report with `suspects` asks the caller for confirmation runs of the same build; call again with their folders, which
    must be analyzed. `mutes`: acknowledged matters beside those of criteria.yaml. Raises ConfigurationError with one
    sentence when plan, load, metrics or samples are missing or damaged.
    """
    plan, load, metrics = Plan.read(folder.plan), LoadResult.read(folder.load), RunMetrics.read(folder.metrics)
    samples = read_steady_samples(folder.samples, load)
    summary = summarize(plan, load, metrics, samples)
    baseline, reason = matching_baseline(plan)
    history = baseline.runs if baseline else ()
    findings = judge_validity(plan, load, metrics, median(run.rps for run in history) if history else None)
    comparison = Comparison(compared=False, reason=reason)
    if not any(finding.outcome is Outcome.INVALID for finding in findings):
        findings += judge_required(plan, metrics)
        findings += judge_targets(plan, metrics, samples.successes_by_endpoint() if samples else None, history)
    report = RegressionReport(
        run_id=plan.run_id,
        summary=summary,
        confirmation_runs=tuple(each.run_id for each in confirmations),
        comparison=comparison,
        findings=apply_mutes(findings, (*plan.scenario.criteria.muted, *mutes)),
    )
    report.write(folder.regression_report)
    return report


def summarize(plan: Plan, load: LoadResult, metrics: RunMetrics, samples: SteadySamples | None) -> RunSummary | None:
    """The run's summary as baselines keep it; None when nothing steady was measured."""
    from loadtest.gate.summary import summarize_run

    if samples is None or len(samples.latency_ms) == 0 or metrics.duration_s <= 0:
        return None
    return summarize_run(
        run_id=plan.run_id,
        started_at=load.started_at,
        duration_s=metrics.duration_s,
        digest=plan.digest,
        host_class=plan.host_class,
        latency_ms=samples.latency_ms,
        start_s=samples.start_s,
        endpoint_code=samples.endpoint_code,
        is_error=samples.is_error,
        names=samples.names,
        commit=plan.trigger.commit,
        versions=plan.versions,
        host_probe=load.host_probe,
    )
