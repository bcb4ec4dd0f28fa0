"""Facts of a healthy run, to be spoiled one at a time, and the samples that go with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from loadtest.analysis.models import DataContract, EndpointMetrics, RunInfo, RunMetrics
from loadtest.load.models import HealthFacts, LoadResult, StopReason, WorkerFacts
from loadtest.planning.build import Build
from loadtest.planning.criteria import Criteria, Target
from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import LoadModel, Profile
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Evidence

STARTED_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
RAMP_S, DURATION_S = 5.0, 125.0
HOST = HostClass(cpu_model="cpu", cores=2, memory_gib=8, os="Linux", python="3.11", locust="2.47", executor="local")


def make_plan(
    *,
    targets: tuple[Target, ...] = (),
    criteria: Criteria | None = None,
    evidence: Evidence = Evidence.CONCLUSIVE,
    run_id: str = "r1",
    digest: str = "d1",
    **profile: object,
) -> Plan:
    settings = {"users": 10, "spawn_rate": 2, "duration": DURATION_S, "purpose": "to be judged", "evidence": evidence}
    return Plan(
        run_id=run_id,
        scenario=Scenario(name="shop", folder="include/scenarios/shop", targets=targets, criteria=criteria or Criteria()),
        profile=Profile(name="light", **(settings | profile)),
        environment=Environment(name="staging", base_url="http://127.0.0.1:1"),
        trigger=Trigger(kind=TriggerKind.MANUAL, by="ada", commit="c0ffee"),
        build=Build(version="c0ffee"),
        created_at=STARTED_AT,
        digest=digest,
        host_class=HOST,
    )


def make_worker(name: str = "local/1", **changes: object) -> WorkerFacts:
    facts = {
        "worker": name,
        "pid": 4711,
        "host": "here",
        "samples": 500,
        "completed": True,
        "saturated_share": 0.0,
        "busy_share_median": 0.1,
        "loop_overshoot_median_ms": 0.3,
        "loop_overshoot_p95_ms": 0.9,
    }
    return WorkerFacts(**(facts | changes))


def make_load(**changes: object) -> LoadResult:
    facts = {
        "attempt": 1,
        "load_model": LoadModel.CLOSED,
        "stop_reason": StopReason.COMPLETED,
        "exit_code": 0,
        "started_at": STARTED_AT,
        "ended_at": STARTED_AT + timedelta(seconds=DURATION_S),
        "steady_started_at": STARTED_AT + timedelta(seconds=RAMP_S),
        "steady_ended_at": STARTED_AT + timedelta(seconds=DURATION_S),
        "planned_users": 10,
        "reached_users": 10,
        "planned_duration_s": DURATION_S,
        "expected_workers": 1,
        "workers": (make_worker(),),
        "samples": 500,
        "health": HealthFacts(checks=60),
    }
    return LoadResult(**(facts | changes))


def make_endpoint(name: str, n: int, errors: int = 0, *, p50_ms: float = 20.0, p95_ms: float = 50.0) -> EndpointMetrics:
    good = n > errors
    return EndpointMetrics(
        endpoint=name,
        n=n,
        errors=errors,
        error_rate=errors / n if n else 0.0,
        rps=n / (DURATION_S - RAMP_S),
        mean_ms=p50_ms if good else None,
        p50_ms=p50_ms if good else None,
        p90_ms=p95_ms if good else None,
        p95_ms=p95_ms if good else None,
        p99_ms=p95_ms if good else None,
    )


def make_metrics(*endpoints: EndpointMetrics, plan: Plan | None = None) -> RunMetrics:
    plan = plan or make_plan()
    rows = endpoints or (make_endpoint("GET /a", 300), make_endpoint("GET /b", 200))
    n, errors = sum(row.n for row in rows), sum(row.errors for row in rows)
    return RunMetrics(
        run=RunInfo(
            run_id=plan.run_id,
            scenario=plan.scenario.name,
            environment=plan.environment.name,
            profile=plan.profile.name,
            digest=plan.digest,
            host_class=plan.host_class,
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(seconds=DURATION_S),
        ),
        load_model=LoadModel.CLOSED,
        users=10,
        duration_s=DURATION_S - RAMP_S,
        endpoints=tuple(sorted(rows, key=lambda row: row.endpoint)),
        total=make_endpoint("Total", n, errors),
    )


def write_samples(
    path: Path, latencies_ms: dict[str, np.ndarray], errors: dict[str, int] | None = None, shift: timedelta = timedelta()
) -> None:
    """Samples spread evenly over the steady phase; the first `errors[endpoint]` of each endpoint failed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first_us = round(((STARTED_AT + shift).timestamp() + RAMP_S) * 1e6)
    rows = []
    for endpoint, values in latencies_ms.items():
        failed = (errors or {}).get(endpoint, 0)
        times = first_us + np.linspace(0, (DURATION_S - RAMP_S) * 1e6 - 1, len(values)).astype("int64")
        rows += [
            (int(time), round(value * 1000), endpoint, "HTTP 500" if index < failed else "")
            for index, (time, value) in enumerate(zip(times, values, strict=True))
        ]
    start, latency, endpoint, error = zip(*rows, strict=True)
    table = {
        "start_us": pa.array(start, pa.int64()),
        "latency_us": pa.array(latency, pa.uint32()),
        "endpoint": pa.array(endpoint).dictionary_encode(),
        "error": pa.array(error).dictionary_encode(),
        "worker": pa.array(["local/1"] * len(error)).dictionary_encode(),
    }
    pq.write_table(pa.table(table), str(path), compression="zstd")


def write_run(
    root: Path,
    plan: Plan,
    latencies_ms: dict[str, np.ndarray],
    errors: dict[str, int] | None = None,
    *,
    load: LoadResult | None = None,
    contract: bool = True,
    shift: timedelta = timedelta(),
) -> RunFolder:
    """A run folder as far as analysis and data contract leave it, numbers agreeing with the samples; `shift` later."""
    folder = RunFolder.of(root, plan.scenario.name, plan.environment.name, plan.profile.name, plan.run_id)
    Path(str(folder.path)).mkdir(parents=True)
    plan.write(folder.plan)
    total = sum(len(values) for values in latencies_ms.values())
    load = load or make_load(samples=total, workers=(make_worker(samples=total),))
    edges = ("started_at", "ended_at", "steady_started_at", "steady_ended_at")
    moved = {name: moment + shift for name in edges if (moment := getattr(load, name)) is not None}
    load.model_copy(update=moved).write(folder.load)
    rows = []
    for name, values in latencies_ms.items():
        failed = (errors or {}).get(name, 0)
        good = values[failed:]
        p50_ms, p95_ms = (float(np.quantile(good, q)) for q in (0.5, 0.95)) if len(good) else (1.0, 1.0)
        rows.append(make_endpoint(name, len(values), failed, p50_ms=p50_ms, p95_ms=p95_ms))
    make_metrics(*rows, plan=plan).write(folder.metrics)
    write_samples(Path(str(folder.samples)), latencies_ms, errors, shift)
    if contract:
        DataContract(run_id=plan.run_id, passed=True, checks=()).write(folder.data_contract)
    return folder
