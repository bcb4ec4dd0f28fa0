"""Run summaries of a simulated system: a host factor per run, noise per endpoint and run, plausible within-run variances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass

HOST = HostClass(cpu_model="cpu", cores=2, memory_gib=8, os="Linux", python="3.11", locust="2.47", executor="local")
NAMES = tuple(f"GET /api/v1/{letter}" for letter in "abcdefghi")
FIRST_RUN = datetime(2026, 1, 5, 2, tzinfo=UTC)
LATENCY_SIGMA = 0.45


def make_endpoint(name: str, lm: float, n: int = 1500, errors: int = 0, *, sh: float = 1.0) -> EndpointSummary:
    """Summary of `n` lognormal latencies around exp(lm) ms."""
    good = max(n - errors, 0)
    if good == 0:
        return EndpointSummary(endpoint=name, n=n, errors=errors)
    unit = LATENCY_SIGMA**2 / good
    return EndpointSummary(
        endpoint=name,
        n=n,
        errors=errors,
        lm=lm,
        var_lm=unit,
        log_p50=lm,
        var_log_p50=1.6 * unit,
        log_p95=lm + 0.75 * sh,
        var_log_p95=4.5 * unit,
        log_p99=lm + 1.1 * sh,
        var_log_p99=14 * unit,
        t10=lm + sh,
        sh=sh,
        var_sh=6 * unit,
    )


def make_run(
    rng: np.random.Generator,
    number: int = 0,
    *,
    sd: float = 0.02,
    host: float | None = None,
    change: Mapping[str, float] | None = None,
    n: int | Mapping[str, int] = 1500,
    errors: Mapping[str, int] | None = None,
    names: tuple[str, ...] = NAMES,
    build: str | None = None,
    probe_s: float | None = None,
) -> RunSummary:
    """One run; `change`: endpoint -> log factor on all its latencies, `host`: the run's common log factor."""
    common = rng.normal(0, 0.04) if host is None else host
    endpoints = []
    for place, name in enumerate(names):
        count = n if isinstance(n, int) else n.get(name, 1500)
        noise = np.sqrt(sd**2 + LATENCY_SIGMA**2 / max(count, 1))
        lm = 2.0 + place / 10 + common + rng.normal(0, noise) + (change or {}).get(name, 0.0)
        endpoints.append(make_endpoint(name, lm, count, (errors or {}).get(name, 0), sh=1.0 + rng.normal(0, sd / 2)))
    probe = probe_s and HostProbe(cpu_before_s=probe_s, cpu_after_s=probe_s, loopback_before_s=probe_s, loopback_after_s=probe_s)
    return RunSummary(
        run_id=f"run-{number:03d}",
        started_at=FIRST_RUN + timedelta(hours=5 * number),
        duration_s=600,
        digest="plan-1",
        host_class=HOST,
        commit=build or f"build-{number // 2}",
        rps=sum(one.n for one in endpoints) / 600,
        host_probe=probe or None,
        endpoints=tuple(endpoints),
    )


def make_baseline(rng: np.random.Generator, runs: int = 8, **options: object) -> list[RunSummary]:
    return [make_run(rng, number, **options) for number in range(runs)]
