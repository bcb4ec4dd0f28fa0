"""Run folders made up for the tests: plan.json, load.json and samples.parquet as the load stage leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from loadtest.load.models import LoadResult, StopReason, WorkerFacts
from loadtest.planning.build import Build
from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
from loadtest.planning.profiles import LoadModel, Profile
from loadtest.run_folder import RunFolder

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
START_US = round(START.timestamp() * 1e6)


def make_plan(run_id: str = "run-1", **overrides: Any) -> Plan:
    values: dict[str, Any] = {
        "run_id": run_id,
        "scenario": Scenario(name="student_api", folder="student_api"),
        "profile": Profile(name="smoke", purpose="quick", users=5, spawn_rate=5, duration_s=30),
        "environment": Environment(name="staging", base_url="http://127.0.0.1:8000"),
        "base_url": "http://127.0.0.1:8000",
        "trigger": Trigger(kind=TriggerKind.CLI, commit="abc1234", branch="main"),
        "build": Build(version="abc1234"),
        "created_at": START,
        "digest": "d" * 16,
        "host_class": HostClass(
            cpu_model="CPU", cores=2, memory_gib=4, os="Linux", python="3.11", locust="2.47", executor="local"
        ),
    }
    return Plan(**(values | overrides))


def make_load(samples: int, duration_s: float = 30.0, **overrides: Any) -> LoadResult:
    values: dict[str, Any] = {
        "attempt": 1,
        "load_model": LoadModel.CLOSED,
        "stop_reason": StopReason.COMPLETED,
        "exit_code": 0,
        "started_at": START,
        "ended_at": START + timedelta(seconds=duration_s),
        "steady_started_at": START + timedelta(seconds=2),
        "steady_ended_at": START + timedelta(seconds=duration_s - 1),
        "planned_users": 5,
        "reached_users": 5,
        "planned_duration_s": duration_s,
        "expected_workers": 1,
        "workers": (WorkerFacts(worker="local/1", pid=1, host="here", samples=samples, completed=True),),
        "samples": samples,
    }
    return LoadResult(**(values | overrides))


def sample_table(
    *,
    start_us: Sequence[int] | np.ndarray,
    latency_us: Sequence[int] | np.ndarray,
    endpoint: Sequence[str],
    error: Sequence[str] | None = None,
    status: Sequence[int] | None = None,
    response_bytes: Sequence[int] | None = None,
    users: Sequence[int] | None = None,
    worker: Sequence[str] | None = None,
    server: Mapping[str, Sequence[int | None]] | None = None,
) -> pa.Table:
    n = len(start_us)
    names = pa.dictionary(pa.uint16(), pa.string())

    def named(values: Sequence[str] | None, default: str) -> pa.Array:
        return pa.array(list(values) if values is not None else [default] * n, pa.string()).dictionary_encode().cast(names)

    columns = {
        "start_us": pa.array(np.asarray(start_us, np.int64)),
        "latency_us": pa.array(np.asarray(latency_us, np.uint32)),
        "late_us": pa.array(np.zeros(n, np.uint32)),
        "endpoint": named(endpoint, ""),
        "error": named(error, ""),
        "status": pa.array(np.asarray(status if status is not None else [200] * n, np.uint16)),
        "response_bytes": pa.array(np.asarray(response_bytes if response_bytes is not None else [100] * n, np.uint32)),
        "users": pa.array(np.asarray(users if users is not None else [5] * n, np.uint16)),
        "worker": named(worker, "local/1"),
    }
    for component, values in (server or {}).items():
        columns[f"server_{component}_us"] = pa.array(values, pa.uint32())
    return pa.table(columns).replace_schema_metadata({"loadtest": json.dumps({"torn_records": 0, "raw_endpoint_names": 3})})


def random_table(rng: np.random.Generator, n: int, *, endpoints: int = 3, duration_s: float = 30.0) -> pa.Table:
    codes = rng.integers(0, endpoints, n)
    failed = rng.random(n) < 0.05
    latency = np.clip(rng.lognormal(9, 0.7, n), 1, 4e9).astype(np.uint32)
    return sample_table(
        start_us=START_US + np.sort(rng.integers(0, int(duration_s * 1e6), n)),
        latency_us=latency,
        endpoint=[f"GET /things/{code}" for code in codes],
        error=[f"HTTP 503 after {rng.integers(1000)} ms" if bad else "" for bad in failed],
        status=np.where(failed, 503, 200),
        response_bytes=rng.integers(0, 5000, n),
        worker=[f"local/{1 + code % 2}" for code in codes],
        server={"db": [None if code == 0 else int(value) // 3 for code, value in zip(codes, latency, strict=True)]},
    )


def write_run(
    root: Path, table: pa.Table | None, *, row_group_size: int = 100_000, load: LoadResult | str | None = "default", **plan: Any
) -> RunFolder:
    """A run folder with the given samples (None: no file) and load.json (None: no file)."""
    folder = RunFolder.of(UPath(root), "student_api", "staging", "smoke", "run-1")
    make_plan(**plan).write(folder.plan)
    if isinstance(load, str):
        load = make_load(table.num_rows if table is not None else 0)
    if load is not None:
        load.write(folder.load)
    if table is not None:
        pq.write_table(table, str(folder.samples), compression="zstd", row_group_size=row_group_size, write_page_checksum=True)
    return folder
