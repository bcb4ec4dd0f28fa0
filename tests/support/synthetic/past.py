"""What was before a made-up run: the summaries of a baseline, the trend of its endpoints."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.load.models import HostProbe
from loadtest.planning.models import Plan
from loadtest.reporting.inputs import EndpointTrend, TrendPoint
from loadtest.vocabulary import Outcome
from tests.support.synthetic.endpoints import (
    REGRESSED,
    base_p50_ms,
    names_of,
)
from tests.support.synthetic.plan import STARTED_AT, STEADY_END_S, STEADY_START_S, make_plan


def make_baseline_runs(
    endpoints: int | Sequence[str] = 9, *, runs: int = 8, started_at: datetime = STARTED_AT, seed: int = 7
) -> tuple[RunSummary, ...]:
    """Summaries of `runs` unchanged runs over the days before `started_at`, as a baseline holds them."""
    names = names_of(endpoints)
    plan = make_plan("baseline", "example", "staging", "medium", names, started_at, None, "main", None, None, None)
    summaries = []
    for number in range(runs):
        rng = random.Random(f"{seed}-{number}")
        when = started_at - timedelta(days=runs - number)
        commit = f"{number // 3:08x}" + "0" * 32
        run_id = f"baseline-{when:%Y%m%dt%H%M%Sz}-{number:06x}"
        summaries.append(make_summary(run_id, when, plan, names, dict.fromkeys(names, 1.0), rng, commit))
    return tuple(summaries)


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


def make_trend(
    endpoints: int | Sequence[str] = 9, *, runs: int = 20, started_at: datetime = STARTED_AT
) -> tuple[EndpointTrend, ...]:
    """Weekly runs before `started_at`; the endpoint that is slower in a failed run drifts 1.5 % a week from the middle on."""
    names = names_of(endpoints)
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
