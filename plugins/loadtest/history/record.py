"""From a run folder to the history: what a run measured and how it was judged, written once more often than needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import AnyPath, FileModel
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.history.database import writing
from loadtest.history.models import TOTAL, HistoryStatus, MetricRow, RunEntry, RunRow, Source
from loadtest.history.store import upsert
from loadtest.history.text import clean_name
from loadtest.planning.models import Plan
from loadtest.planning.quantities import slug_pattern
from loadtest.run_folder import RunFolder

Model = TypeVar("Model", bound=FileModel)

# The gate's location estimates that have a within-run variance of their own.
_WITH_VARIANCE = ("lm", "log_p50", "log_p95", "log_p99", "sh")


@retry(
    retry=retry_if_exception_type(InfrastructureError),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=0.2, max=2),
    reraise=True,
)
def record_run(folder: RunFolder, database_url: str | None = None) -> None:
    """Write the run and its confirmation runs into the history, all or nothing; twice is the same as once.

    Errors: ConfigurationError when the folder has neither verdict nor metrics or a file of it is damaged;
    InfrastructureError, after three tries, when the database is locked, gone, read-only or refuses the login.
    """
    entries = [entry_of(folder), *_confirmations(folder)]
    with writing(database_url) as session:
        upsert(session, *entries)


def entry_of(folder: RunFolder) -> RunEntry:
    """What the history keeps of the run in `folder`, read from its files."""
    verdict = _read_if_there(Verdict, folder.verdict)
    metrics = _read_if_there(RunMetrics, folder.metrics)
    plan = _read_if_there(Plan, folder.plan)
    report = _read_if_there(RegressionReport, folder.regression_report)
    if verdict is None and metrics is None:
        raise ConfigurationError(
            f"{folder.path} has neither verdict.json nor metrics.json; finish the run before it goes into the history."
        )
    summary = report.summary if report else None
    return RunEntry(
        run=_run_row(folder, plan, metrics, verdict),
        metrics=tuple(_metric_rows(metrics, summary)),
        findings=verdict.findings if verdict else (),
        summary=summary.model_dump_json() if summary else None,
    )


def _run_row(folder: RunFolder, plan: Plan | None, metrics: RunMetrics | None, verdict: Verdict | None) -> RunRow:
    """Join what the files say; the verdict's word counts first, the plan's before that of the metrics."""
    info = metrics.run if metrics else None
    trigger = plan.trigger if plan else None
    named = verdict or info
    assert named is not None  # entry_of refuses a folder with neither
    times = [verdict and verdict.started_at, info and info.started_at, plan and plan.created_at, verdict and verdict.created_at]
    return RunRow(
        run_id=clean_name(named.run_id),
        scenario=clean_name(named.scenario),
        environment=clean_name(named.environment),
        profile=clean_name(named.profile),
        status=HistoryStatus(verdict.status) if verdict else HistoryStatus.MEASURED,
        outcome=verdict.outcome if verdict else None,
        evidence=verdict.evidence if verdict else None,
        sentence=verdict.sentence if verdict else "",
        digest=plan.digest if plan else info.digest if info else None,
        host_class=plan.host_class.label if plan else info.host_class.label if info else None,
        commit=(verdict and verdict.commit) or (plan and plan.measured_commit) or (info and info.commit) or None,
        branch=(verdict and verdict.branch) or (trigger and trigger.branch) or (info and info.branch) or None,
        repository=(verdict and verdict.repository) or (trigger and trigger.repository) or None,
        pull_request=(verdict and verdict.pull_request) or (trigger and trigger.pull_request) or None,
        trigger_kind=trigger.kind if trigger else None,
        trigger_by=trigger.by if trigger else None,
        slowdown=plan.slowdown if plan else None,
        confirms=plan.confirms if plan else None,
        blocking=verdict.blocking if verdict else False,
        started_at=next(time for time in times if time),
        ended_at=(verdict and verdict.ended_at) or (info and info.ended_at) or None,
        users=metrics.users if metrics else None,
        steady_s=metrics.duration_s if metrics else None,
        requests=metrics.total.n if metrics else None,
        errors=metrics.total.errors if metrics else None,
        baseline_version=verdict.comparison.baseline_version if verdict and verdict.comparison else None,
        folder=str(folder.path),
        airflow_url=(verdict and verdict.airflow_url) or (trigger and trigger.airflow_url) or None,
        source=Source.RUN_FOLDER,
    )


def _metric_rows(metrics: RunMetrics | None, summary: RunSummary | None) -> Iterable[MetricRow]:
    if metrics:
        for endpoint in (*metrics.endpoints, metrics.total):
            yield from _plain_metrics(endpoint)
    if summary:
        for endpoint_summary in summary.endpoints:
            yield from _log_metrics(endpoint_summary)
        if found := summary.capacity:
            yield MetricRow(endpoint=TOTAL, metric="capacity_users", value=found.users, variance=found.log_sd**2)


def _plain_metrics(endpoint: EndpointMetrics) -> Iterable[MetricRow]:
    for name in EndpointMetrics.model_fields:
        value = getattr(endpoint, name)
        if name not in ("endpoint", "server") and value is not None:
            yield MetricRow(endpoint=endpoint.endpoint, metric=name, value=value, n=endpoint.n)
    for part in endpoint.server:
        component = "".join(letter for letter in part.component.lower() if letter.isascii() and letter.isalnum())[:40]
        if component:
            for name, value in (("p50_ms", part.p50_ms), ("p95_ms", part.p95_ms)):
                yield MetricRow(endpoint=endpoint.endpoint, metric=f"server_{component}_{name}", value=value, n=part.n)


def _log_metrics(endpoint: EndpointSummary) -> Iterable[MetricRow]:
    for name in _WITH_VARIANCE:
        value = getattr(endpoint, name)
        if value is not None:
            yield MetricRow(
                endpoint=endpoint.endpoint, metric=name, value=value, n=endpoint.n, variance=getattr(endpoint, f"var_{name}")
            )


def _confirmations(folder: RunFolder) -> list[RunEntry]:
    """The sibling runs that confirmed this one, as far as they measured anything."""
    report = _read_if_there(RegressionReport, folder.regression_report)
    names = [run_id for run_id in (report.confirmation_runs if report else ()) if re.fullmatch(slug_pattern, run_id)]
    siblings = [RunFolder(folder.path.parent / run_id) for run_id in names]
    return [entry_of(sibling) for sibling in siblings if sibling.metrics.exists() or sibling.verdict.exists()]


def _read_if_there(model: type[Model], path: AnyPath) -> Model | None:
    return model.read(path) if path.exists() else None
