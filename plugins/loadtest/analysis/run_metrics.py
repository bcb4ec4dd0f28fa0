"""What a tally says of each endpoint and of all together, steady phase: `metrics.json`, and the distributions for charts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.models import QUANTILES, Distribution, EndpointMetrics, RunInfo, RunMetrics, ServerTime
from loadtest.analysis.tally import STEADY_QUANTILES, Tally
from loadtest.load.models import HealthFacts, LoadResult
from loadtest.planning.models import Plan

TOTAL = "Total"
_COLUMNS = [STEADY_QUANTILES.index(level) for level in QUANTILES]


def endpoint_metrics(tally: Tally) -> tuple[EndpointMetrics, ...]:
    """All endpoints seen in the run, sorted by name; one that was never called in the steady phase has n = 0."""
    order = sorted(range(len(tally.endpoints)), key=tally.endpoints.__getitem__)
    return tuple(
        _metrics(
            tally.endpoints[code],
            n=int(tally.steady_n[code]),
            errors=int(tally.steady_errors[code]),
            untimed=int(tally.untimed[code]),
            timed_successes=int(tally.steady_timed[code]),
            latency_sum_us=float(tally.steady_latency_sum[code]),
            bytes_sum=float(tally.steady_bytes_sum[code]),
            steady_s=tally.grid.steady_s,
            quantiles_us=tally.steady[code],
        ).model_copy(update={"server": server_times(tally, code)})
        for code in order
    )


def total_metrics(tally: Tally) -> EndpointMetrics:
    return _metrics(
        TOTAL,
        n=int(tally.steady_n.sum()),
        errors=int(tally.steady_errors.sum()),
        untimed=int(tally.untimed.sum()),
        timed_successes=int(tally.steady_timed.sum()),
        latency_sum_us=float(tally.steady_latency_sum.sum()),
        bytes_sum=float(tally.steady_bytes_sum.sum()),
        steady_s=tally.grid.steady_s,
        quantiles_us=tally.steady_total,
    ).model_copy(update={"server": total_server_times(tally)})


def run_metrics(plan: Plan, load: LoadResult | None, tally: Tally | None, base_url: str | None = None) -> RunMetrics:
    """The whole file. Without a load or samples everything is zero or None: the gate calls such a run invalid."""
    empty = EndpointMetrics(endpoint=TOTAL, n=0, errors=0, error_rate=0.0, rps=0.0)
    return RunMetrics(
        run=run_info(plan, load, base_url),
        load_model=load.load_model if load else plan.profile.load_model,
        users=load.reached_users if load else 0,
        duration_s=tally.grid.steady_s if tally else 0.0,
        endpoints=endpoint_metrics(tally) if tally else (),
        total=total_metrics(tally) if tally else empty,
        health=load.health if load else HealthFacts(),
    )


def run_info(plan: Plan, load: LoadResult | None, base_url: str | None = None) -> RunInfo:
    return RunInfo(
        run_id=plan.run_id,
        scenario=plan.scenario.name,
        environment=plan.environment.name,
        profile=plan.profile.name,
        base_url=base_url or plan.base_url,
        digest=plan.digest,
        host_class=plan.host_class,
        commit=plan.measured_commit,
        branch=plan.trigger.branch,
        started_at=load.started_at if load else plan.created_at,
        ended_at=load.ended_at if load else plan.created_at,
        steady_started_at=load.steady_started_at if load else None,
        steady_ended_at=load.steady_ended_at if load else None,
        versions=plan.versions,
    )


def distributions(tally: Tally) -> tuple[Distribution, ...]:
    """One per endpoint with a success, sorted by name, and last the one of all together."""
    found = [
        Distribution(endpoint=name, quantiles_ms=tuple((tally.steady[code, _COLUMNS] / 1000).tolist()))
        for code, name in sorted(enumerate(tally.endpoints), key=lambda item: item[1])
        if tally.steady_timed[code]
    ]
    if found:
        found.append(Distribution(endpoint=TOTAL, quantiles_ms=tuple((tally.steady_total[_COLUMNS] / 1000).tolist())))
    return tuple(found)


def server_times(tally: Tally, endpoint: int) -> tuple[ServerTime, ...]:
    """Server time of one endpoint (by code) by component (W3C Server-Timing), sorted by name; without those never reported."""
    successes = int(tally.steady_successes[endpoint])
    return tuple(
        _server_time(
            component, int(n[endpoint]), tally.server[component][endpoint], tally.server_sum[component][endpoint], successes
        )
        for component, n in sorted(tally.server_n.items())
        if n[endpoint]
    )


def total_server_times(tally: Tally) -> tuple[ServerTime, ...]:
    successes = int(tally.steady_successes.sum())
    return tuple(
        _server_time(component, int(n.sum()), tally.server_total[component], tally.server_sum[component].sum(), successes)
        for component, n in sorted(tally.server_n.items())
        if n.sum()
    )


def _server_time(component: str, n: int, quantiles_us: NDArray[np.float64], sum_us: float, successes: int) -> ServerTime:
    p50_ms, p95_ms = (quantiles_us / 1000).tolist()
    return ServerTime(component=component, n=n, p50_ms=p50_ms, p95_ms=p95_ms, mean_ms=float(sum_us) / successes / 1000)


def milliseconds(value_us: float) -> float | None:
    """Milliseconds of microseconds; None for NaN."""
    return None if math.isnan(value_us) else float(value_us) / 1000


def _metrics(
    name: str,
    *,
    n: int,
    errors: int,
    untimed: int,
    timed_successes: int,
    latency_sum_us: float,
    bytes_sum: float,
    steady_s: float,
    quantiles_us: NDArray[np.float64] | Sequence[float],
) -> EndpointMetrics:
    successes = n - errors
    at = dict(zip(STEADY_QUANTILES, (milliseconds(value) for value in quantiles_us), strict=True))
    return EndpointMetrics(
        endpoint=name,
        n=n,
        errors=errors,
        untimed=untimed,
        error_rate=errors / n if n else 0.0,
        rps=n / steady_s if steady_s > 0 else 0.0,
        mean_ms=latency_sum_us / timed_successes / 1000 if timed_successes else None,
        min_ms=at[0.0],
        p50_ms=at[0.5],
        p90_ms=at[0.9],
        p95_ms=at[0.95],
        p99_ms=at[0.99],
        p999_ms=at[0.999],
        max_ms=at[1.0],
        mean_bytes=bytes_sum / successes if successes else None,
    )
