"""Complete synthetic run folders, so that whatever reads a finished run can be tested without sending load.

`build_run_folder(root, outcome="fail")` writes plan, load, metrics, analysis, regression report and verdict that agree
with each other: the endpoint that is slower in metrics.json is slower in the findings, the timeline and the verdict.
Nothing is random between calls: the same arguments give the same bytes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtest.analysis.models import (
    QUANTILES,
    Analysis,
    Distribution,
    EndpointMetrics,
    EndpointTimeline,
    FailureGroup,
    LogDigest,
    Phase,
    RunInfo,
    RunMetrics,
    ServerTime,
    TimelinePoint,
)
from loadtest.gate.records.findings import Comparison, Coverage, Detectable, Finding, Recommendation
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.load.models import Exemplar, HealthFacts, HostProbe, LoadResult, StopReason, WorkerFacts
from loadtest.planning.models import (
    Criteria,
    Environment,
    HostClass,
    LoadModel,
    Plan,
    Profile,
    Scenario,
    Target,
    Trigger,
    TriggerKind,
)
from loadtest.reporting.inputs import EndpointTrend, TrendPoint
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome, RunStatus

ENDPOINTS = (
    "GET /api/v1/students",
    "GET /api/v1/students/{id}",
    "POST /api/v1/students",
    "GET /api/v1/courses",
    "GET /api/v1/courses/{id}",
    "POST /api/v1/enrollments",
    "GET /api/v1/enrollments/{id}",
    "POST /api/v1/auth/login",
    "GET /health",
)

# Names and error bodies that a target can make a report carry.
HOSTILE_TEXTS = (
    "<script>window.hurt=1</script>",
    "<img src=x onerror=window.hurt=1>",
    "](javascript:window.hurt=1) [click",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "user\u202egnp.exe \u2066isolated\u2069",
    "]]><testcase name='forged'/>",
    "<!channel> <!here> <@U123> @everyone",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "| cell | <b>bold</b> `code` ```\n# heading\n",
    "</script><script>window.hurt=1</script>",
    "nul\x00 bell\x07 back\x08 del\x7f lone\ud800 surrogate",
    "' onmouseover='window.hurt=1' \" onfocus=\"window.hurt=1",
)

HOST_CLASS = HostClass(
    cpu_model="Intel Xeon 2.60GHz", cores=4, memory_gib=16, os="Linux", python="3.11", locust="2.47", executor="local"
)
STARTED_AT = datetime(2026, 11, 23, 2, 0, 8, tzinfo=UTC)
STEADY_START_S, STEADY_END_S, LOAD_END_S = 10.0, 190.0, 193.0
BASE_P50_MS = (18.0, 9.0, 31.0, 14.0, 8.0, 42.0, 11.0, 96.0, 2.5)
REGRESSED = 1  # index of the endpoint that is slower in a failed run


def build_run_folder(
    runs_root: Path | str,
    *,
    outcome: Outcome | str | None = Outcome.FAIL,
    endpoints: int | Sequence[str] = 9,
    hostile: bool = False,
    run_id: str = "manual-20261123t020000z-0a1b2c",
    scenario: str = "example",
    environment: str = "staging",
    profile: str = "medium",
    started_at: datetime = STARTED_AT,
    commit: str | None = "6a1d209c4e5f60718293a4b5c6d7e8f901234567",
    branch: str | None = "main",
    pull_request: int | None = None,
    repository: str | None = "example-org/example-app",
    airflow_url: str | None = None,
    failures: int = 40,
    failure_causes: int = 2,
    baseline_runs: int = 8,
    refused: str | None = None,
    without: Sequence[str] = (),
    seed: int = 1,
) -> RunFolder:
    """Write one finished run below `runs_root`; returns its folder.

    `outcome`: `pass`, `warn`, `fail` (one endpoint +31 %), `inconclusive`, `invalid` (a worker lost), or None for a run that
    never sent load (with `refused`, a sentence: the plan itself was refused and does not exist either).
    `endpoints`: how many (more than 9 get invented names) or their names. `hostile`: some names and error bodies are
    HOSTILE_TEXTS. `without`: RunFolder attribute names of files to leave out, such as `("analysis", "regression_report")`.
    """
    outcome = None if outcome is None or refused else Outcome(outcome)
    rng = random.Random(seed)
    names = endpoint_names(endpoints) if isinstance(endpoints, int) else tuple(endpoints)
    if hostile:
        # one ordinary name stays first, so that the regressed endpoint is among the hostile ones
        names = (names[0], *HOSTILE_TEXTS, *names[1:])
        names = tuple(clean_surrogates(name) for name in names)
    causes = error_causes(failure_causes, hostile=hostile)
    if refused:
        folder = RunFolder.refused(str(runs_root), run_id)
        run_id = folder.run_id
    else:
        folder = RunFolder.of(str(runs_root), scenario, environment, profile, run_id)
    Path(str(folder.path)).mkdir(parents=True, exist_ok=True)

    factors = dict.fromkeys(names, 1.0)
    if outcome in (Outcome.FAIL, Outcome.WARN):
        factors[names[REGRESSED % len(names)]] = 1.31 if outcome is Outcome.FAIL else 1.12
    plan = make_plan(
        run_id, scenario, environment, profile, names, started_at, commit, branch, pull_request, repository, airflow_url
    )
    metrics = make_metrics(plan, names, factors, failures, started_at)
    findings = make_findings(outcome, names, metrics, baseline_runs)
    comparison = make_comparison(plan, baseline_runs)
    detectable = tuple(
        Detectable(endpoint=name, metric="p95_ms", effect=0.12 + 0.02 * (index % 5)) for index, name in enumerate(names)
    )
    verdict = make_verdict(plan, outcome, findings, comparison, detectable, names, started_at, refused)
    files = {"verdict": verdict}
    if not refused:
        files["plan"] = plan
    if outcome is not None:
        files |= {
            "load": make_load(plan, outcome, metrics, started_at),
            "metrics": metrics,
            "analysis": make_analysis(plan, metrics, names, factors, failures, causes, rng, started_at),
            "regression_report": RegressionReport(
                run_id=run_id,
                summary=make_summary(run_id, started_at, plan, names, factors, rng, commit),
                confirmation_runs=(f"{run_id}-c1", f"{run_id}-c2") if outcome is Outcome.FAIL else (),
                comparison=comparison,
                findings=findings,
                detectable=detectable,
                recommendations=verdict.recommendations,
            ),
        }
    for attribute, model in files.items():
        if attribute not in without:
            model.write(getattr(folder, attribute))
    return folder


def make_baseline_runs(
    endpoints: int | Sequence[str] = 9, *, runs: int = 8, started_at: datetime = STARTED_AT, seed: int = 7
) -> tuple[RunSummary, ...]:
    """Summaries of `runs` unchanged runs over the days before `started_at`, as a baseline holds them."""
    names = endpoint_names(endpoints) if isinstance(endpoints, int) else tuple(endpoints)
    plan = make_plan("baseline", "example", "staging", "medium", names, started_at, None, "main", None, None, None)
    summaries = []
    for number in range(runs):
        rng = random.Random(f"{seed}-{number}")
        when = started_at - timedelta(days=runs - number)
        commit = f"{number // 3:08x}" + "0" * 32
        run_id = f"baseline-{when:%Y%m%dt%H%M%Sz}-{number:06x}"
        summaries.append(make_summary(run_id, when, plan, names, dict.fromkeys(names, 1.0), rng, commit))
    return tuple(summaries)


def make_trend(
    endpoints: int | Sequence[str] = 9, *, runs: int = 20, started_at: datetime = STARTED_AT
) -> tuple[EndpointTrend, ...]:
    """Weekly runs before `started_at`; the endpoint that is slower in a failed run drifts 1.5 % a week from the middle on."""
    names = endpoint_names(endpoints) if isinstance(endpoints, int) else tuple(endpoints)
    begin = runs // 2
    trends = []
    for index, name in enumerate(names):
        rng, drifts = random.Random(name), index == REGRESSED % len(names)
        anchor_ms = base_p50_ms(index) * math.exp(0.6 * 1.645)
        points = tuple(
            TrendPoint(
                run_id=f"weekly-{number}",
                started_at=started_at - timedelta(weeks=runs - number),
                value_ms=anchor_ms * math.exp(rng.gauss(0, 0.03)) * (1.015 ** max(0, number - begin) if drifts else 1),
                outcome=Outcome.WARN if drifts and number > begin + 6 else Outcome.PASS,
                commit=f"{number:040x}",
            )
            for number in range(runs)
        )
        onset = points[begin].started_at if drifts and begin < runs else None
        trends.append(EndpointTrend(endpoint=name, points=points, anchor_ms=anchor_ms, onset=onset))
    return tuple(trends)


def endpoint_names(count: int) -> tuple[str, ...]:
    more = tuple(f"GET /api/v1/resource-{number}/{{id}}" for number in range(max(0, count - len(ENDPOINTS))))
    return (ENDPOINTS + more)[:count]


def error_causes(count: int, *, hostile: bool) -> tuple[str, ...]:
    usual = ("HTTP 503: Service Unavailable", "ConnectionResetError: connection reset by peer")
    more = tuple(f"HTTP 500: Internal error, reference {number:05d}" for number in range(max(0, count - len(usual))))
    nasty = tuple(clean_surrogates(text)[:500] for text in HOSTILE_TEXTS) if hostile else ()
    return nasty + (usual + more)[:count]


def clean_surrogates(text: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8; the recorder replaces it, so no file holds one."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def make_plan(
    run_id: str,
    scenario: str,
    environment: str,
    profile: str,
    names: Sequence[str],
    started_at: datetime,
    commit: str | None,
    branch: str | None,
    pull_request: int | None,
    repository: str | None,
    airflow_url: str | None,
) -> Plan:
    targets = tuple(
        Target(endpoint=name, metric="p95_ms", limit=round(base_p50_ms(index) * 8, 1))
        for index, name in enumerate(names)
        if index % 3 != 2
    )
    return Plan(
        run_id=run_id,
        scenario=Scenario(
            name=scenario,
            purpose="Students browse, enroll and log in",
            folder=f"include/scenarios/{scenario}",
            targets=(*targets, Target(endpoint=None, metric="error_rate", limit=0.01)),
            criteria=Criteria(),
            files_digest="f" * 16,
        ),
        profile=Profile(
            name=profile,
            purpose="An ordinary working day",
            users=50,
            spawn_rate=5,
            duration=LOAD_END_S - 3,
            workers=2,
            evidence=Evidence.INDICATIVE if profile == "smoke" else Evidence.CONCLUSIVE,
        ),
        environment=Environment(name=environment, purpose="Our own backend, like production", base_url="http://127.0.0.1:18080"),
        base_url="http://127.0.0.1:18080",
        trigger=Trigger(
            kind=TriggerKind.PUSH if pull_request else TriggerKind.MANUAL,
            by="ada",
            reason="weekly check",
            commit=commit,
            branch=branch,
            repository=repository,
            pull_request=pull_request,
            airflow_url=airflow_url,
        ),
        created_at=started_at - timedelta(seconds=6),
        digest="3f9c1e7a5b2d4860",
        host_class=HOST_CLASS,
        versions={"loadtest": "0.1.0", "locust": "2.47.0", "python": "3.11.2"},
    )


def base_p50_ms(index: int) -> float:
    return BASE_P50_MS[index % len(BASE_P50_MS)] * (1 + 0.1 * (index // len(BASE_P50_MS) % 7))


def quantile_ms(index: int, factor: float, share: float) -> float:
    """A log-normal latency with sigma 0.6: p95 is 2.7 times, p99 4 times the median."""
    return round(base_p50_ms(index) * factor * math.exp(0.6 * normal_quantile(share)), 3)


def normal_quantile(share: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


def make_metrics(plan: Plan, names: Sequence[str], factors: dict[str, float], failures: int, started_at: datetime) -> RunMetrics:
    duration_s = STEADY_END_S - STEADY_START_S
    rows = []
    for index, name in enumerate(names):
        n = max(120, round(9000 * (0.6 if index % 2 else 1.0) / max(1, len(names) / 9)))
        errors = failures if index == REGRESSED % len(names) else 0
        n = max(n, 2 * errors)
        at = {share: quantile_ms(index, factors[name], share) for share in (0.5, 0.9, 0.95, 0.99, 0.999)}
        app = at[0.5] * 0.3
        rows.append(
            EndpointMetrics(
                endpoint=name,
                n=n,
                errors=errors,
                error_rate=errors / n,
                rps=round(n / duration_s, 3),
                mean_ms=round(at[0.5] * 1.2, 3),
                min_ms=round(at[0.5] / 5, 3),
                p50_ms=at[0.5],
                p90_ms=at[0.9],
                p95_ms=at[0.95],
                p99_ms=at[0.99],
                p999_ms=at[0.999],
                max_ms=round(at[0.999] * 1.6, 3),
                mean_bytes=820.0,
                server=(
                    server_time("app", n - errors, app, app * 2.2),
                    server_time("db", n - errors, at[0.5] * 0.55, at[0.95] * 0.6),
                ),
            )
        )
    rows.sort(key=lambda row: row.endpoint)
    total_n, total_errors = sum(row.n for row in rows), sum(row.errors for row in rows)
    total = EndpointMetrics(
        endpoint="Total",
        n=total_n,
        errors=total_errors,
        error_rate=total_errors / total_n,
        rps=round(total_n / duration_s, 3),
        mean_ms=24.0,
        min_ms=0.5,
        p50_ms=14.2,
        p90_ms=58.0,
        p95_ms=101.0,
        p99_ms=248.0,
        p999_ms=480.0,
        max_ms=1_024.0,
        mean_bytes=820.0,
    )
    return RunMetrics(
        run=RunInfo(
            run_id=plan.run_id,
            scenario=plan.scenario.name,
            environment=plan.environment.name,
            profile=plan.profile.name,
            base_url=plan.base_url,
            digest=plan.digest,
            host_class=plan.host_class,
            commit=plan.trigger.commit,
            branch=plan.trigger.branch,
            started_at=started_at,
            ended_at=started_at + timedelta(seconds=LOAD_END_S),
            steady_started_at=started_at + timedelta(seconds=STEADY_START_S),
            steady_ended_at=started_at + timedelta(seconds=STEADY_END_S),
            versions=plan.versions,
        ),
        load_model=LoadModel.CLOSED,
        users=plan.profile.users,
        duration_s=duration_s,
        endpoints=tuple(rows),
        total=total,
    )


def server_time(component: str, n: int, p50_ms: float, p95_ms: float) -> ServerTime:
    p50, p95, mean = (round(value, 3) for value in (p50_ms, p95_ms, p50_ms * 1.2))
    return ServerTime(component=component, n=n, p50_ms=p50, p95_ms=p95, mean_ms=mean)


def make_load(plan: Plan, outcome: Outcome, metrics: RunMetrics, started_at: datetime) -> LoadResult:
    invalid = outcome is Outcome.INVALID
    workers = tuple(
        WorkerFacts(
            worker=f"local/{number}",
            pid=4000 + number,
            host="loadtest-host",
            samples=metrics.total.n // 2,
            completed=not (invalid and number == 2),
            lost=invalid and number == 2,
            saturated_share=0.02,
            busy_share_median=0.41,
            loop_overshoot_median_ms=0.6,
            loop_overshoot_p95_ms=2.4,
            max_clock_step_ms=0.1,
            max_users=25,
        )
        for number in (1, 2)
    )
    return LoadResult(
        attempt=1,
        load_model=LoadModel.CLOSED,
        stop_reason=StopReason.COMPLETED,
        exit_code=0,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=LOAD_END_S),
        steady_started_at=started_at + timedelta(seconds=STEADY_START_S),
        steady_ended_at=started_at + timedelta(seconds=STEADY_END_S),
        planned_users=50,
        reached_users=50,
        planned_duration_s=LOAD_END_S - 3,
        expected_workers=2,
        workers=workers,
        samples=metrics.total.n,
        endpoints_seen=len(metrics.endpoints),
        health=HealthFacts(checks=38, failures=0),
        host_probe=HostProbe(cpu_before_s=0.101, cpu_after_s=0.104, loopback_before_s=0.052, loopback_after_s=0.053),
    )


def make_analysis(
    plan: Plan,
    metrics: RunMetrics,
    names: Sequence[str],
    factors: dict[str, float],
    failures: int,
    causes: Sequence[str],
    rng: random.Random,
    started_at: datetime,
) -> Analysis:
    bin_s = 2.0
    bins = [bin_s * number for number in range(int(LOAD_END_S / bin_s))]
    timeline = []
    for start_s in bins:
        share = min(1.0, (start_s + bin_s) / STEADY_START_S) if start_s < STEADY_END_S else 0.1
        noise = rng.gauss(1.0, 0.05)
        n = max(1, round(metrics.total.rps * bin_s * share * noise))
        errors = round(failures / 10) if 100 <= start_s < 120 else 0
        timeline.append(
            TimelinePoint(
                start_s=start_s,
                n=n,
                errors=min(errors, n),
                rps=n / bin_s,
                p50_ms=round(14.2 * rng.gauss(1, 0.04), 3),
                p95_ms=round(101.0 * rng.gauss(1, 0.08), 3),
                users=round(50 * share),
            )
        )
    endpoint_timelines = tuple(
        EndpointTimeline(
            endpoint=name,
            points=tuple(
                TimelinePoint(
                    start_s=point.start_s,
                    n=max(1, point.n // len(names)),
                    errors=0,
                    rps=point.rps / len(names),
                    p50_ms=round(base_p50_ms(index) * factors[name] * rng.gauss(1, 0.06), 3),
                    p95_ms=round(quantile_ms(index, factors[name], 0.95) * rng.gauss(1, 0.1), 3),
                )
                for point in timeline
            ),
        )
        for index, name in enumerate(names[:30])
    )
    failed_name = names[REGRESSED % len(names)]
    groups = tuple(
        FailureGroup(
            endpoint=failed_name if number % 4 else names[number // 4 % len(names)],
            cause=cause,
            status=503 if "503" in cause else 0 if "Error:" in cause else 500,
            count=max(1, failures // max(1, len(causes))),
            first_at=started_at + timedelta(seconds=100 + number % 10),
            last_at=started_at + timedelta(seconds=112 + number % 8),
        )
        for number, cause in enumerate(causes)
    )
    exemplars = tuple(
        Exemplar(
            endpoint=name,
            start=started_at + timedelta(seconds=40 + 17 * rank + index),
            latency_ms=round(quantile_ms(index, factors[name], 0.999) * (1.6 - 0.2 * rank), 3),
            status=200,
            trace_id=f"{rng.getrandbits(128):032x}",
            worker=f"local/{1 + rank % 2}",
        )
        for index, name in enumerate(names)
        for rank in range(3)
    )
    return Analysis(
        run_id=plan.run_id,
        bin_s=bin_s,
        phases=(
            Phase(name="ramp", start_s=0, end_s=STEADY_START_S),
            Phase(name="steady", start_s=STEADY_START_S, end_s=STEADY_END_S),
            Phase(name="drain", start_s=STEADY_END_S, end_s=LOAD_END_S),
        ),
        timeline=tuple(timeline),
        endpoint_timelines=endpoint_timelines,
        failures=groups,
        exemplars=exemplars,
        distributions=tuple(
            Distribution(endpoint=name, quantiles_ms=tuple(quantile_ms(index, factors[name], share) for share in QUANTILES))
            for index, name in enumerate(names)
        ),
        logs=(
            LogDigest(name="backend.log", errors=1, tail=("INFO started on port 18080", "ERROR pool exhausted", "INFO stopped")),
            LogDigest(name="locust.log", errors=0, tail=("INFO all users spawned", "INFO shutting down (exit code 0)")),
        ),
        warnings=("The host was shared with another process for 4 s.",) if len(names) > 100 else (),
    )


def make_summary(
    run_id: str,
    started_at: datetime,
    plan: Plan,
    names: Sequence[str],
    factors: dict[str, float],
    rng: random.Random,
    commit: str | None,
) -> RunSummary:
    host = rng.gauss(0, 0.03)
    rows = []
    for index, name in enumerate(names):
        shift = host + rng.gauss(0, 0.03)
        log_p50 = math.log(base_p50_ms(index) * factors[name]) + shift
        log_p95, log_p99 = log_p50 + 0.6 * 1.645, log_p50 + 0.6 * 2.326
        rows.append(
            EndpointSummary(
                endpoint=name,
                n=1000,
                errors=0,
                lm=log_p50,
                var_lm=0.0004,
                log_p50=log_p50,
                var_log_p50=0.0006,
                log_p95=log_p95,
                var_log_p95=0.0015,
                log_p99=log_p99,
                var_log_p99=0.004,
                t10=log_p95 + 0.05,
                sh=0.6 * 1.645 + 0.05,
                var_sh=0.001,
            )
        )
    rows.sort(key=lambda row: row.endpoint)
    return RunSummary(
        run_id=run_id,
        started_at=started_at,
        duration_s=STEADY_END_S - STEADY_START_S,
        digest=plan.digest,
        host_class=plan.host_class,
        commit=commit,
        versions=plan.versions,
        rps=200 * math.exp(-host),
        host_probe=HostProbe(cpu_before_s=0.1, cpu_after_s=0.1, loopback_before_s=0.05, loopback_after_s=0.05),
        endpoints=tuple(rows),
    )


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
            level, effect, interval, suspect = Outcome.PASS, 0.01, (-0.06, 0.09), False
            words = "no slower than the baseline within 20 %"
            if name == bad and outcome is Outcome.FAIL:
                level, effect, interval, suspect = Outcome.FAIL, 0.31, (0.14, 0.50), True
                words = "p95 +31 % (90 % interval +14 to +50 %)"
            elif name == bad and outcome is Outcome.WARN:
                level, effect, interval, suspect = Outcome.WARN, 0.12, (0.03, 0.22), True
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
                    p_adjusted=0.0004 if suspect else 0.6,
                    n=row.n,
                    suspect=suspect,
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
        Outcome.PASS: f"pass{note}: {len(names)} of {len(names)} endpoints proven within 20 % of the baseline",
        Outcome.INCONCLUSIVE: "inconclusive: too few endpoints are proven within 20 % of the baseline",
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
            sentence=f"{proven} of {len(counted)} endpoints proven within 20 %.",
        )
        if counted
        else None,
        detectable=detectable if outcome is not None else (),
        commit=plan.trigger.commit,
        branch=plan.trigger.branch,
        pull_request=plan.trigger.pull_request,
        repository=plan.trigger.repository,
        airflow_url=plan.trigger.airflow_url,
        started_at=None if outcome is None else started_at,
        ended_at=None if outcome is None else started_at + timedelta(seconds=LOAD_END_S),
        created_at=started_at + timedelta(seconds=LOAD_END_S + 20),
    )
