"""What the gate says about a made-up run: findings, comparison, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from loadtest.analysis.models import (
    RunMetrics,
)
from loadtest.gate.records.findings import Comparison, Coverage, Detectable, Finding, Recommendation
from loadtest.gate.records.verdicts import Verdict
from loadtest.planning.models import Plan
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome, RunStatus
from tests.support.synthetic.endpoints import (
    REGRESSED,
    base_p50_ms,
)
from tests.support.synthetic.plan import LOAD_END_S


def make_comparison(plan: Plan, baseline_runs: int) -> Comparison:
    if baseline_runs < 3:
        return Comparison(
            compared=False,
            reason=f"There is no baseline yet ({baseline_runs} of at least 3 runs); targets were judged all the same.",
            baseline_runs=baseline_runs,
        )
    return Comparison(
        compared=True,
        baseline_version=3,
        baseline_path=f"include/baselines/{plan.scenario.name}/{plan.environment.name}/{plan.profile.name}.json",
        baseline_runs=baseline_runs,
        builds=3,
        host_factor=0.06,
        candidate_runs=3,
    )


def make_findings(outcome: Outcome | None, names: Sequence[str], metrics: RunMetrics, baseline_runs: int) -> tuple[Finding, ...]:
    if outcome is None:
        return ()
    findings = []
    by_name = {row.endpoint: row for row in metrics.endpoints}
    bad = names[REGRESSED % len(names)]
    if outcome is Outcome.INVALID:
        findings.append(
            Finding(
                criterion=Criterion.VALIDITY,
                outcome=Outcome.INVALID,
                metric="workers",
                sentence="Worker local/2 was lost during the run: the numbers are of half the planned load.",
                observed=1,
                reference=2,
            )
        )
    for metric, sentence in (
        ("workers", "All 2 workers finished."),
        ("saturation", "The load generator was saturated in 2 % of the steady phase (at most 10 %)."),
        ("health", "The backend answered all 38 health checks."),
    ):
        if not (outcome is Outcome.INVALID and metric == "workers"):
            findings.append(Finding(criterion=Criterion.VALIDITY, outcome=Outcome.PASS, metric=metric, sentence=sentence))
    for index, name in enumerate(names):
        row = by_name[name]
        if baseline_runs >= 3:
            level, effect, interval = Outcome.PASS, 0.01, (-0.06, 0.09)
            words = "no slower than the baseline within 20 %"
            if name == bad and outcome is Outcome.FAIL:
                level, effect, interval = Outcome.FAIL, 0.31, (0.14, 0.50)
                words = "p95 +31 % (90 % interval +14 to +50 %)"
            elif name == bad and outcome is Outcome.WARN:
                level, effect, interval = Outcome.WARN, 0.12, (0.03, 0.22)
                words = "p95 +12 % (90 % interval +3 to +22 %)"
            elif outcome is Outcome.INCONCLUSIVE and index % 3 != 0:
                level, effect, interval = Outcome.INCONCLUSIVE, 0.06, (-0.10, 0.27)
                words = "p95 +6 %, cannot exclude +27 %"
            findings.append(
                Finding(
                    criterion=Criterion.REGRESSION,
                    outcome=level,
                    endpoint=name,
                    metric="p95_ms",
                    sentence=f"{name} {words}, {baseline_runs} baseline runs, host factor +6 % removed, 3 runs, adj. p .0004",
                    observed=row.p95_ms,
                    reference=round((row.p95_ms or 0) / (1 + effect), 3),
                    effect=effect,
                    interval=interval,
                    p_adjusted=0.0004 if level in (Outcome.FAIL, Outcome.WARN) else 0.6,
                    n=row.n,
                    evidence={"baseline_runs": baseline_runs, "candidate_runs": 3, "host_factor": 0.06},
                )
            )
        if index % 3 != 2:
            limit = round(base_p50_ms(index) * 8, 1)
            findings.append(
                Finding(
                    criterion=Criterion.TARGET,
                    outcome=Outcome.PASS,
                    endpoint=name,
                    metric="p95_ms",
                    sentence=f"{name} p95 {row.p95_ms:.0f} ms is surely below its target of {limit:.0f} ms",
                    observed=row.p95_ms,
                    reference=limit,
                    interval=(round((row.p95_ms or 0) * 0.93, 3), round((row.p95_ms or 0) * 1.08, 3)),
                    n=row.n,
                )
            )
    findings.append(
        Finding(
            criterion=Criterion.ERRORS,
            outcome=Outcome.PASS,
            endpoint=bad,
            metric="error_rate",
            sentence=f"{bad}: {by_name[bad].errors} errors in {by_name[bad].n} requests, no more than the baseline predicts",
            observed=by_name[bad].error_rate,
            reference=0.0,
            n=by_name[bad].n,
        )
    )
    findings.append(
        Finding(
            criterion=Criterion.GLOBAL,
            outcome=Outcome.PASS,
            sentence="All endpoints together are as fast as the baseline; the host was 6 % slower.",
            effect=0.01,
        )
    )
    findings.sort(key=lambda finding: SEVERITY.index(finding.outcome))
    return tuple(findings)


def make_verdict(
    plan: Plan,
    outcome: Outcome | None,
    findings: tuple[Finding, ...],
    comparison: Comparison,
    detectable: tuple[Detectable, ...],
    names: Sequence[str],
    started_at: datetime,
    refused: str | None,
) -> Verdict:
    bad = names[REGRESSED % len(names)]
    note = " (indicative)" if plan.profile.evidence is Evidence.INDICATIVE else ""
    sentence = {
        Outcome.PASS: f"pass{note}: {len(names)} of {len(names)} endpoints shown to be within 20 % of the baseline",
        Outcome.INCONCLUSIVE: "inconclusive: too few endpoints are shown to be within 20 % of the baseline",
        None: f"not run: {refused or 'the approval was rejected by grace: backend migration in progress'}",
    }.get(outcome) or f"{outcome}: {findings[0].sentence}"
    recommendations: tuple[Recommendation, ...] = ()
    if outcome in (Outcome.FAIL, Outcome.WARN):
        recommendations = (
            Recommendation(
                title=f"Look at the database time of {bad}",
                evidence="Its database share grew from 40 % to 60 %; the application share did not.",
                next_step="Compare the query plan of this build with the baseline's last build.",
                command=f"loadtest explain {plan.run_id}",
            ),
        )
    elif outcome is Outcome.INVALID:
        recommendations = (
            Recommendation(
                title="Run it again",
                evidence="One of two workers was lost after 90 s.",
                next_step="Read the end of locust.log, then repeat the run.",
                command=f"loadtest run --scenario {plan.scenario.name} --profile {plan.profile.name}",
            ),
        )
    counted = [finding for finding in findings if finding.criterion is Criterion.REGRESSION]
    proven = sum(finding.outcome is Outcome.PASS for finding in counted)
    return Verdict(
        run_id=plan.run_id,
        scenario=plan.scenario.name,
        environment=plan.environment.name,
        profile=plan.profile.name,
        status=RunStatus.NOT_RUN if outcome is None else RunStatus.JUDGED,
        outcome=outcome,
        evidence=plan.profile.evidence,
        sentence=sentence,
        reasons=tuple(finding.sentence for finding in findings if finding.outcome is not Outcome.PASS)
        or (
            "Every criterion that counts passed."
            if outcome
            else refused or "the approval was rejected by grace: backend migration in progress",
        ),
        findings=findings,
        recommendations=recommendations,
        comparison=None if outcome is None else comparison,
        coverage=Coverage(
            judged=len(counted),
            proven=proven,
            sentence=f"{proven} of {len(counted)} endpoints shown to be within 20 %.",
        )
        if counted
        else None,
        detectable=detectable if outcome is not None else (),
        commit=plan.measured_commit,
        branch=plan.trigger.branch,
        pull_request=plan.trigger.pull_request,
        repository=plan.trigger.repository,
        airflow_url=plan.trigger.airflow_url,
        started_at=None if outcome is None else started_at,
        ended_at=None if outcome is None else started_at + timedelta(seconds=LOAD_END_S),
        created_at=started_at + timedelta(seconds=LOAD_END_S + 20),
    )
