"""What a made-up load leaves: its result, its metrics and their analysis."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

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
from loadtest.load.models import Exemplar, HealthFacts, HostProbe, LoadResult, StopReason, WorkerFacts
from loadtest.planning.models import Plan
from loadtest.planning.profiles import LoadModel
from loadtest.vocabulary import Outcome
from tests.support.synthetic.endpoints import (
    REGRESSED,
    base_p50_ms,
    quantile_ms,
)
from tests.support.synthetic.plan import LOAD_END_S, STEADY_END_S, STEADY_START_S


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
            commit=plan.measured_commit,
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
