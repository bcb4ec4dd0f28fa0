"""From a run's files to what a report shows. Every channel renders this same view and escapes its own markup."""

from __future__ import annotations

from collections import defaultdict

from loadtest import wording
from loadtest.analysis.models import EndpointMetrics, FailureGroup
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import COMPARISONS, in_plain_words, is_slower, slower
from loadtest.load.models import Exemplar
from loadtest.planning.criteria import Target
from loadtest.reporting import facts, format
from loadtest.reporting.capacity_data import capacity_view
from loadtest.reporting.escape import LINE_LIMIT, NAME_LIMIT, plain
from loadtest.reporting.inputs import RunFiles
from loadtest.reporting.load_facts import validity_facts
from loadtest.reporting.records import BaseNumbers, EndpointRow, ExemplarRow, FailureRow, FindingView, LogView, ReportView, Step
from loadtest.reporting.server_time import server_table
from loadtest.reporting.slower import slower_rows
from loadtest.vocabulary import Criterion, Outcome, worst

MOST_FAILURES = 50
MOST_EXEMPLARS = 20
MOST_LOG_LINES = 100
JUDGED_PER_ENDPOINT = (Criterion.TARGET, Criterion.REGRESSION, Criterion.ERRORS, Criterion.REQUIRED, Criterion.DRIFT)


def build_view(files: RunFiles) -> ReportView:
    verdict = files.verdict
    findings = [finding_view(finding) for finding in files.findings]
    outcome = verdict.outcome if verdict else None
    failures = _failures(files)
    server, server_omitted = server_table(files)
    sentence = _headline(files)
    told = [view for view in findings if not view.muted and view.outcome is not Outcome.PASS and view.sentence in sentence]
    findings = [view for view in findings if view not in told]
    return ReportView(
        run_id=plain(files.run_id, NAME_LIMIT),
        title=facts.title(files),
        load=facts.load_line(files),
        outcome=outcome,
        outcome_label=format.verdict_label(outcome, verdict.evidence) if verdict else "No verdict",
        judged=outcome is not None,
        sentence=sentence,
        grounds=next((view.evidence for view in told), ()),
        slower=slower_rows(verdict.findings) if verdict else (),
        reasons=_reasons(files, sentence),
        steps=_steps(files, sentence),
        notices=facts.notices(files),
        coverage=wording.sentence(format.unless_said(plain(verdict.coverage.sentence), sentence))
        if verdict and verdict.coverage
        else "",
        comparison=wording.sentence(format.unless_said(facts.comparison_sentence(files), sentence)),
        findings=tuple(view for view in findings if view.muted or view.outcome not in (Outcome.PASS, Outcome.INCONCLUSIVE)),
        undecided=tuple(view for view in findings if view.outcome is Outcome.INCONCLUSIVE and not view.muted),
        passed=tuple(view for view in findings if view.outcome is Outcome.PASS and not view.muted and not view.of_measurement),
        endpoints=tuple(_endpoint_rows(files)),
        total=_total_row(files),
        server=server,
        server_omitted=server_omitted,
        failures=failures[:MOST_FAILURES],
        failures_total=sum(row.count for row in failures),
        failures_omitted=max(0, len(failures) - MOST_FAILURES) + (files.analysis.failure_groups_omitted if files.analysis else 0),
        exemplars=_exemplars(files.analysis.exemplars if files.analysis else ()),
        validity=tuple(view for view in findings if view.outcome is Outcome.PASS and view.of_measurement),
        doubts=sum(view.of_measurement and view.outcome is not Outcome.PASS for view in (*told, *findings)),
        validity_facts=validity_facts(files),
        plan_facts=facts.plan_facts(files),
        detectable=tuple(
            (plain(item.endpoint, NAME_LIMIT), wording.metric_label(item.metric), wording.change(item.effect))
            for item in sorted(files.detectable, key=lambda item: -item.effect)
        ),
        detectable_sentence=facts.detectable_sentence(files),
        reproduce=facts.reproduce(files),
        logs=_logs(files),
        links=facts.links(files),
        missing=facts.missing(files),
        capacity=capacity_view(files),
    )


def finding_view(finding: Finding) -> FindingView:
    numbers = [("Requests", wording.number(finding.n))] if finding.n is not None else []
    if finding.p_adjusted is not None:
        numbers.append(("Adjusted p", f"{finding.p_adjusted:.2g}"))
    other = [(key.replace("_", " "), _evidence(value)) for key, value in finding.evidence.items() if value is not None]
    return FindingView(
        outcome=finding.outcome,
        criterion=format.criterion_label(finding.criterion),
        of_measurement=finding.criterion in (Criterion.VALIDITY, Criterion.CONTRACT),
        in_rows=is_slower(finding),
        sentence=plain(finding.sentence),
        endpoint=plain(finding.endpoint, NAME_LIMIT) if finding.endpoint else "",
        numbers=format.finding_numbers(finding),
        muted=finding.muted,
        mute_reason=plain(finding.mute_reason),
        evidence=tuple(numbers + [(plain(key, 60), plain(value, 120)) for key, value in other]),
    )


def _headline(files: RunFiles) -> str:
    """The verdict's sentence. A regression is said in plain words: whoever reads only one line wants to know what became how
    slow, not the p value."""
    if files.verdict is None:
        return facts.no_verdict_sentence(files)
    said = plain(files.verdict.sentence)
    for finding in slower(files.verdict.findings):
        if words := plain(in_plain_words(finding)):
            said = said.replace(plain(finding.sentence), words, 1)
    return format.headline(said, files.verdict.outcome)


def _steps(files: RunFiles, sentence: str) -> tuple[Step, ...]:
    if files.verdict is None:
        return ()
    said = [sentence, facts.comparison_sentence(files), *(plain(finding.sentence) for finding in files.verdict.findings)]
    return tuple(
        Step(
            title=wording.sentence(plain(item.title)),
            evidence=wording.sentence(format.unless_said(plain(item.evidence), *said)),
            next_step=wording.sentence(plain(item.next_step)),
            command=plain(item.command),
        )
        for item in files.verdict.recommendations
    )


def _reasons(files: RunFiles, sentence: str) -> tuple[str, ...]:
    """Those of a verdict without an alarm: an alarm's reasons are its findings."""
    if files.verdict is None or any(finding.alarms and finding.counts for finding in files.verdict.findings):
        return ()
    said = [sentence, *(plain(finding.sentence) for finding in files.verdict.findings)]
    return tuple(reason for each in files.verdict.reasons if (reason := format.unless_said(plain(each), *said)))


def _evidence(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _endpoint_rows(files: RunFiles) -> list[EndpointRow]:
    """Worst first, then by name."""
    if files.metrics is None:
        return []
    judged: dict[str, list[Finding]] = defaultdict(list)
    for finding in files.findings:
        if finding.endpoint is not None:
            judged[finding.endpoint].append(finding)
    bases = {row.endpoint: row for row in files.base_metrics.endpoints} if files.base_metrics else {}
    rows = [
        _row(metrics, judged[metrics.endpoint], _targets_of(files, metrics.endpoint), base=bases.get(metrics.endpoint))
        for metrics in files.metrics.endpoints
    ]
    return sorted(rows, key=lambda row: (format.severity(row.outcome), row.endpoint))


def _total_row(files: RunFiles) -> EndpointRow | None:
    if files.metrics is None:
        return None
    whole = [
        finding
        for finding in files.findings
        if finding.endpoint is None and finding.criterion in (*JUDGED_PER_ENDPOINT, Criterion.GLOBAL, Criterion.THROUGHPUT)
    ]
    base = files.base_metrics.total if files.base_metrics else None
    return _row(files.metrics.total, whole, _targets_of(files, None), name="All together", base=base)


def _row(
    metrics: EndpointMetrics,
    findings: list[Finding],
    targets: list[Target],
    *,
    name: str = "",
    base: EndpointMetrics | None = None,
) -> EndpointRow:
    counted = [finding for finding in findings if finding.counts]
    outcome = worst([finding.outcome for finding in counted]) if counted else None
    reason = next((finding.sentence for finding in counted if finding.outcome is outcome), "")
    change = _largest_change(findings)
    return EndpointRow(
        endpoint=name or plain(metrics.endpoint, NAME_LIMIT),
        n=metrics.n,
        rps=metrics.rps,
        p50_ms=metrics.p50_ms,
        p95_ms=metrics.p95_ms,
        p99_ms=metrics.p99_ms,
        error_rate=metrics.error_rate,
        targets=", ".join(format.target(target.metric, target.limit, getattr(metrics, target.metric)) for target in targets),
        change=change.effect if change else None,
        change_text=f"{wording.metric_label(change.metric)} {wording.change(change.effect)}".strip() if change else "",
        change_interval=wording.change_interval(change.interval) if change and change.interval else "",
        outcome=outcome,
        muted=any(finding.muted for finding in findings),
        reason=plain(reason),
        mb_per_s=metrics.rps * (1 - metrics.error_rate) * (metrics.mean_bytes or 0.0) / 1e6,
        base=BaseNumbers(base.n, base.p50_ms, base.p95_ms, base.error_rate) if base else None,
    )


def _largest_change(findings: list[Finding]) -> Finding | None:
    """The change against the baseline that matters most: the worst outcome, then the largest effect."""
    changes = [finding for finding in findings if finding.effect is not None and finding.criterion in COMPARISONS]
    # findings are sorted worst first, and max keeps the first of equals
    return max(changes, key=lambda finding: (finding.outcome is not Outcome.PASS, finding.effect or 0.0), default=None)


def _targets_of(files: RunFiles, endpoint: str | None) -> list[Target]:
    if files.plan is None:
        return []
    return [target for target in files.plan.scenario.targets if target.endpoint == endpoint]


def _failures(files: RunFiles) -> tuple[FailureRow, ...]:
    groups: tuple[FailureGroup, ...] = files.analysis.failures if files.analysis else ()
    return tuple(
        FailureRow(
            endpoint=plain(group.endpoint, NAME_LIMIT),
            cause=plain(group.cause),
            status=str(group.status) if group.status else "none",
            count=group.count,
            when=f"{wording.clock(group.first_at)} to {wording.clock(group.last_at)}",
        )
        for group in sorted(groups, key=lambda group: -group.count)
    )


def _exemplars(exemplars: tuple[Exemplar, ...]) -> tuple[ExemplarRow, ...]:
    slowest = sorted(exemplars, key=lambda exemplar: -exemplar.latency_ms)[:MOST_EXEMPLARS]
    return tuple(
        ExemplarRow(
            endpoint=plain(exemplar.endpoint, NAME_LIMIT),
            when=wording.clock(exemplar.start),
            latency_ms=exemplar.latency_ms,
            status=str(exemplar.status) if exemplar.status else "none",
            error=plain(exemplar.error, 200),
            trace_id=plain(exemplar.trace_id, 64),
            worker=plain(exemplar.worker, 60),
        )
        for exemplar in slowest
    )


def _logs(files: RunFiles) -> tuple[LogView, ...]:
    logs = files.analysis.logs if files.analysis else ()
    return tuple(
        LogView(
            name=plain(log.name, 80),
            errors=log.errors,
            lines=tuple(plain(line, LINE_LIMIT) for line in log.tail[-MOST_LOG_LINES:]),
            omitted=max(0, len(log.tail) - MOST_LOG_LINES),
        )
        for log in logs
    )
