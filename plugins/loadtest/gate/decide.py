"""The gate's stage: from a run folder's files to `regression_report.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from loadtest.analysis.models import Analysis, EndpointMetrics, FailureGroup, RunMetrics
from loadtest.baselines.candidates import awaiting_acceptance
from loadtest.baselines.models import FULL_RUNS, LEAST_RUNS, Baseline
from loadtest.baselines.store import baseline_path, matching_baseline, refreshing_runs
from loadtest.errors import ConfigurationError
from loadtest.gate.advice.commands import overrides_of
from loadtest.gate.advice.recommendations import recommend
from loadtest.gate.advice.regression_context import with_context
from loadtest.gate.capacity import capacity_of
from loadtest.gate.records.capacity import Capacity, CapacityKind
from loadtest.gate.records.findings import Comparison, Detectable, Finding
from loadtest.gate.records.regressions import FirstSightings
from loadtest.gate.records.summaries import CapacitySummary, EndpointSummary, RunSummary
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.gate.rules.capacity import judge_capacity
from loadtest.gate.rules.criteria import apply_mutes, judge_required
from loadtest.gate.rules.failures import judge_failures
from loadtest.gate.rules.latency_bounds import latency_bounds
from loadtest.gate.rules.neighbors import judge_neighbors
from loadtest.gate.rules.not_sent import judge_not_sent
from loadtest.gate.rules.soak import judge_soak
from loadtest.gate.rules.targets import judge_targets
from loadtest.gate.rules.validity import judge_validity
from loadtest.gate.rules.validity_facts import Usual
from loadtest.gate.settling import Confirmations, read_confirmations, settled
from loadtest.gate.side_by_side import compare_side_by_side
from loadtest.gate.statistics.steady_samples import EndpointSamples, read_steady_samples
from loadtest.load.attempts import Sending, sendings_of
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.criteria import Criteria, Mute
from loadtest.planning.models import Plan
from loadtest.run_folder import CONFIRMATIONS, RunFolder
from loadtest.vocabulary import Evidence, Outcome


@dataclass(frozen=True)
class _Run:
    """One run as the gate reads it. `summary` None: nothing steady was measured."""

    plan: Plan
    load: LoadResult
    metrics: RunMetrics
    samples: Mapping[str, EndpointSamples]
    summary: RunSummary | None
    sendings: Sequence[Sending]


def check(
    folder: RunFolder,
    confirmations: Sequence[RunFolder] = (),
    mutes: Sequence[Mute] = (),
    earlier: Sequence[RunSummary] = (),
    first_seen: FirstSightings | None = None,
) -> RegressionReport:
    """Judge a run and write its regression_report.json.

    A report that `asks_again` asks the caller for further runs of the same build, to confirm a suspicion or to prove a pass; call
    again with their folders, which must be analyzed. `mutes`: what people muted, beside criteria.yaml. `earlier`: accepted runs
    of this plan and host class, for the drift since the anchor. `first_seen`: regressions that were open before this run; None
    if nobody knows. Raises ConfigurationError with one sentence when plan, load, metrics, samples or the baseline file are
    missing or damaged.
    """
    run = _read(folder)
    confirmed = read_confirmations(confirmations)
    if run.plan.profile.search:
        return _check_capacity(folder, run, mutes, earlier)
    baseline, reason, itself = (None, "", "") if run.plan.against else _baseline_without(run.plan, confirmations)
    history = baseline.runs if baseline else ()
    failures = _failures(folder)
    findings = judge_not_sent(run.metrics, failures)
    findings += judge_validity(run.plan, run.load, run.metrics, _usual(run, history), run.sendings)
    waiting = awaiting_acceptance(run.plan) if baseline is None and not run.plan.against else 0
    comparison = Comparison(compared=False, reason=reason, awaiting_acceptance=waiting)
    detectable: tuple[Detectable, ...] = ()
    provable = False
    if any(finding.outcome is Outcome.INVALID for finding in findings):
        comparison = Comparison(compared=False, reason="the measurement is not valid, so nothing was compared")
    else:
        findings += judge_required(run.plan, run.metrics)
        bounds = latency_bounds(run.plan.scenario.targets, run.samples)
        findings += judge_targets(run.plan, run.metrics, bounds, history)
        if run.plan.against:
            doubts = _doubts_of_base(folder)
            findings += doubts
            if not doubts:
                sides = compare_side_by_side(run.plan, folder)
                comparison, detectable = sides.comparison, sides.detectable
                findings += sides.findings
        if baseline is not None:
            comparison, regressions, detectable, provable = _compare(baseline, run, confirmed)
            comparison = comparison.model_copy(update={"reason": " ".join(filter(None, (comparison.reason, itself)))})
            findings += [*regressions, *(_drift(baseline, run, earlier) if comparison.compared else ())]
        elif not run.plan.against and run.summary is not None:
            detectable = detectable_at_best(run.summary, run.plan.scenario.criteria, run.plan.profile.tolerance)
        findings += judge_failures(run.plan, run.metrics, _known(history) if comparison.compared else (), failures)
        findings += judge_soak(run.plan, _analysis(folder))
        loads = [run.load, *(LoadResult.read(each.load) for each in confirmations)]
        findings = judge_neighbors(findings, [each.neighbors for each in loads])
    told = with_context(findings, run.metrics, history, first_seen, run.load.started_at)
    muted = apply_mutes(told, (*run.plan.scenario.criteria.muted, *mutes))
    report = RegressionReport(
        run_id=run.plan.run_id,
        summary=run.summary,
        confirmation_runs=tuple(each.run_id for each in confirmations),
        comparison=comparison,
        findings=muted,
        detectable=detectable,
        provable=provable and not any(finding.alarms and finding.counts for finding in muted),
        recommendations=recommend(run.plan, muted, comparison, run.metrics, history, overrides_of(run.plan), failures),
    )
    report.write(folder.regression_report)
    return report


def _check_capacity(folder: RunFolder, run: _Run, mutes: Sequence[Mute], earlier: Sequence[RunSummary]) -> RegressionReport:
    """Of a run that looked for the capacity: that alone is judged. Targets were missed on purpose in it, and its latencies are of
    whatever load was found; what it is compared with are earlier searches."""
    plan, load = run.plan, run.load
    findings = judge_validity(plan, load, run.metrics, sendings=run.sendings)
    capacity: Capacity | None = None
    comparison = Comparison(compared=False, reason="a search is compared with earlier searches, not with a baseline")
    if any(finding.outcome is Outcome.INVALID for finding in findings):
        comparison = Comparison(compared=False, reason="the measurement is not valid, so no capacity was concluded")
    elif load.steps:
        capacity = capacity_of(plan, load, folder.samples)
    if capacity is not None:
        findings += judge_neighbors(judge_capacity(capacity, plan.scenario.criteria, earlier), [load.neighbors])
    muted = apply_mutes(findings, (*plan.scenario.criteria.muted, *mutes))
    report = RegressionReport(
        run_id=plan.run_id,
        summary=_with_capacity(run.summary, capacity),
        comparison=comparison,
        findings=muted,
        recommendations=recommend(plan, muted, comparison, run.metrics, (), overrides_of(plan), _failures(folder)),
        capacity=capacity,
    )
    report.write(folder.regression_report)
    return report


def _with_capacity(summary: RunSummary | None, capacity: Capacity | None) -> RunSummary | None:
    if summary is None or capacity is None or capacity.kind is not CapacityKind.FOUND:
        return summary
    return summary.model_copy(update={"capacity": CapacitySummary(users=capacity.users, log_sd=capacity.log_sd)})


def _baseline_without(plan: Plan, confirmations: Sequence[RunFolder]) -> tuple[Baseline | None, str, str]:
    """The matching baseline without the judged runs themselves, or why there is none; and a sentence where runs were left
    out: compared with itself a run never looks slower."""
    baseline, reason = matching_baseline(plan)
    own = {plan.run_id, *(folder.run_id for folder in confirmations)}
    if baseline is None or own.isdisjoint(run.run_id for run in baseline.runs):
        return baseline, reason, ""
    others = tuple(run for run in baseline.runs if run.run_id not in own)
    itself = f"This run is part of baseline version {baseline.version} and was compared with the other {len(others)} runs of it."
    if len(others) < LEAST_RUNS:
        return None, f"without this run, baseline version {baseline.version} has too few runs, so nothing was compared", ""
    return baseline.model_copy(update={"runs": others}), reason, itself


def _doubts_of_base(folder: RunFolder) -> list[Finding]:
    """What makes the base's side of a comparison worthless makes the comparison worthless."""
    base = _read(folder.base)
    found = judge_validity(base.plan, base.load, base.metrics, sendings=base.sendings)
    invalid = [finding for finding in found if finding.outcome is Outcome.INVALID]
    return [finding.model_copy(update={"sentence": f"base: {finding.sentence}"}) for finding in invalid]


def summarize(folder: RunFolder) -> RunSummary | None:
    """A run's summary from its samples; None when nothing steady was measured. Raises ConfigurationError as `check`."""
    return _read(folder).summary


def _read(folder: RunFolder) -> _Run:
    plan, load, metrics = Plan.read(folder.plan), LoadResult.read(folder.load), RunMetrics.read(folder.metrics)
    samples = read_steady_samples(folder.samples, load) if load.samples else {}
    summary = _summary(plan, load, metrics, samples) if samples and metrics.duration_s > 0 else None
    return _Run(plan, load, metrics, samples, summary, sendings_of(folder))


def _summary(plan: Plan, load: LoadResult, metrics: RunMetrics, samples: Mapping[str, EndpointSamples]) -> RunSummary | None:
    """What a baseline stores of the run, and what the server reported of each endpoint: a later slowdown can then be
    split into its parts. None if no request started in the steady phase."""
    from loadtest.gate.statistics.summary import summarize_endpoint

    measured = {row.endpoint: _where_time_goes(row) for row in metrics.endpoints}

    def summarized(name: str, own: EndpointSamples) -> tuple[EndpointSummary, float]:
        summary = summarize_endpoint(*own.successes(), own.n - own.untimed, own.errors, name)
        return summary.model_copy(update={**measured.get(name, {}), "n": own.n}), own.latency_sum_us

    # no name holds an endpoint's samples while those of the next are read
    rows = [row for name in samples if (row := summarized(name, samples[name]))[0].n]
    n = sum(summary.n for summary, _ in rows)
    if n == 0:
        return None
    return RunSummary(
        run_id=plan.run_id,
        started_at=load.started_at,
        duration_s=metrics.duration_s,
        digest=plan.digest,
        host_class=plan.host_class,
        commit=plan.measured_commit,
        versions=plan.versions,
        rps=n / metrics.duration_s,
        mean_latency_ms=sum(sum_us for _, sum_us in rows) / n / 1000,
        host_probe=load.host_probe,
        endpoints=tuple(summary for summary, _ in rows),
    )


def _failures(folder: RunFolder) -> tuple[FailureGroup, ...]:
    """What failed most, for the sentences; they are complete without it."""
    analysis = _analysis(folder)
    return analysis.failures if analysis else ()


def _analysis(folder: RunFolder) -> Analysis | None:
    try:
        return Analysis.read(folder.analysis)
    except ConfigurationError:
        return None


def _known(history: Sequence[RunSummary]) -> tuple[str, ...]:
    from loadtest.gate.comparison import known_endpoints

    return known_endpoints(history)


def _where_time_goes(row: EndpointMetrics) -> dict[str, object]:
    return {
        "mean_ms": row.mean_ms,
        "server_p50_ms": {part.component: part.p50_ms for part in row.server},
        "server_mean_ms": {part.component: part.mean_ms for part in row.server if part.mean_ms is not None},
    }


def _usual(run: _Run, history: Sequence[RunSummary]) -> Usual | None:
    if run.summary is None or not history:
        return None
    now_ms, *before_ms = _mean_latencies_ms([run.summary, *history])
    return Usual(rps=median(each.rps for each in history), latency_rise_ms=now_ms - median(before_ms))


def _mean_latencies_ms(summaries: Sequence[RunSummary]) -> list[float]:
    """Mean latency of each run, milliseconds, by the same measure for all: the arithmetic mean, which is what users waited,
    or, where one was stored without it, the typical latency, which a few very slow answers hardly move."""
    means = [summary.mean_latency_ms for summary in summaries]
    known = [mean for mean in means if mean is not None]
    return known if len(known) == len(means) else [_typical_latency_ms(summary) for summary in summaries]


def _typical_latency_ms(summary: RunSummary) -> float:
    """Typical latency averaged over all requests, milliseconds; 0 without a success."""
    rows = [(row.n, math.exp(row.lm)) for row in summary.endpoints if row.lm is not None]
    return sum(n * typical_ms for n, typical_ms in rows) / sum(n for n, _ in rows) if rows else 0.0


def _compare(
    baseline: Baseline, run: _Run, confirmed: Confirmations
) -> tuple[Comparison, list[Finding], tuple[Detectable, ...], bool]:
    from loadtest.gate.comparison import compare

    if run.summary is None or run.load.stop_reason is StopReason.ABORTED:
        why = "the load was stopped early" if run.summary else "nothing was measured in the steady phase"
        return Comparison(compared=False, reason=f"{why}, so nothing was compared"), [], (), False
    confirming, problems = _confirming(run, confirmed.further)
    criteria, tolerance = run.plan.scenario.criteria, run.plan.profile.tolerance
    runs = [run.summary, *confirming]
    refresh = refreshing_runs(run.plan)
    more = len(confirmed.further) < CONFIRMATIONS
    result = compare(baseline.runs, runs, criteria, tolerance, confirmed=bool(confirming), more=more, refresh=refresh)
    found = {
        "baseline_version": baseline.version,
        "baseline_path": str(baseline_path(run.plan.scenario.name, run.plan.environment.name, run.plan.profile.name)),
        "reason": " ".join(part for part in (result.comparison.reason, *confirmed.problems, *problems) if part),
    }
    findings = list(result.findings)
    if (paired := confirmed.side_by_side) is not None:
        findings = settled(findings, paired.findings)
        found |= {"confirmed_against": paired.comparison.against, "pairs": paired.comparison.pairs}
    provable = result.provable and run.plan.profile.evidence is Evidence.CONCLUSIVE
    return result.comparison.model_copy(update=found), findings, result.detectable, provable


def detectable_at_best(summary: RunSummary, criteria: Criteria, tolerance: float) -> tuple[Detectable, ...]:
    """What a run could have detected against a full baseline of runs as like it as can be."""
    from loadtest.gate.comparison import compare

    alike = [
        summary.model_copy(
            update={"run_id": f"like-{weeks}", "started_at": summary.started_at - timedelta(weeks=weeks), "commit": str(weeks)}
        )
        for weeks in range(1, FULL_RUNS + 1)
    ]
    return compare(alike, [summary], criteria, tolerance, confirmed=False).detectable


def _drift(baseline: Baseline, run: _Run, earlier: Sequence[RunSummary]) -> list[Finding]:
    """Slow regressions since the anchor: too small for a single comparison, sure over many runs."""
    from loadtest.gate.drift import drift_findings

    if run.summary is None or run.plan.slowdown:
        return []
    anchored, members = max(each.started_at for each in baseline.runs), {each.run_id for each in baseline.runs}
    since = [each for each in earlier if each.started_at >= anchored and each.run_id not in members]
    return list(drift_findings(baseline.runs, [*since, run.summary]))


def _confirming(run: _Run, confirmations: Sequence[RunFolder]) -> tuple[list[RunSummary], list[str]]:
    """Summaries of the confirmation runs that can be believed, and a sentence for each that cannot."""
    summaries, problems = [], []
    for folder in confirmations:
        again = _read(folder)
        doubts = judge_validity(again.plan, again.load, again.metrics, sendings=again.sendings)
        invalid = next((finding.sentence for finding in doubts if finding.outcome is Outcome.INVALID), None)
        if again.summary is None:
            invalid = invalid or "nothing was measured in the steady phase"
        elif (again.plan.digest, again.plan.host_class) != (run.plan.digest, run.plan.host_class):
            invalid = "it had another plan or host class"
        if invalid is None and again.summary is not None:
            summaries.append(again.summary)
        else:
            problems.append(f"Confirmation run {folder.run_id} was left out: {invalid}.")
    return summaries, problems
