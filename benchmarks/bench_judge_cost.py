"""What judging costs: read a million samples from parquet, summarize them, compare with a baseline of 8 runs.

    python -m benchmarks.bench_judge_cost [--samples 1000000] [--endpoints 20] [--repeat 5]

Imports are done before the clock starts (they are a process's, not a run's); the best of `--repeat` is the cost, the
median is printed beside it. Each figure is a line `FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import figure
from loadtest.gate.comparison import compare
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.steady_samples import read_steady_samples
from loadtest.gate.statistics.summary import summarize_endpoint
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.criteria import Criteria
from loadtest.planning.models import HostClass
from loadtest.planning.profiles import LoadModel

STARTED_AT = datetime(2026, 1, 5, 2, tzinfo=UTC)
DURATION_S = 600.0
HOST = HostClass(cpu_model="cpu", cores=2, memory_gib=8, os="linux", python="3.11", locust="2.47", executor="local")


def write_samples(path: Path, generator: np.random.Generator, samples: int, endpoints: int) -> None:
    """A samples.parquet with the columns and types that the recorder's conversion writes."""
    start = np.sort(generator.uniform(0, DURATION_S * 1e6, samples)).astype(np.int64) + round(STARTED_AT.timestamp() * 1e6)
    endpoint = generator.integers(0, endpoints, samples).astype(np.uint16)
    latency = np.exp(generator.normal(np.log(10_000) + 0.05 * endpoint, 0.5)).astype(np.uint32)
    failed = (generator.uniform(size=samples) < 0.001).astype(np.uint16)
    names = [f"GET /api/v1/resource-{number}" for number in range(endpoints)]
    table = pa.table(
        {
            "start_us": start,
            "latency_us": latency,
            "late_us": np.zeros(samples, np.uint32),
            "endpoint": pa.DictionaryArray.from_arrays(pa.array(endpoint), names),
            "error": pa.DictionaryArray.from_arrays(pa.array(failed), ["", "HTTP 500"]),
            "status": np.where(failed, 500, 200).astype(np.uint16),
            "response_bytes": np.full(samples, 900, np.uint32),
            "users": np.full(samples, 50, np.uint16),
            "worker": pa.DictionaryArray.from_arrays(pa.array(np.zeros(samples, np.uint16)), ["local/1"]),
        }
    )
    metadata = {**(table.schema.metadata or {}), b"loadtest": b'{"torn_records": 0, "raw_endpoint_names": 0}'}
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")


def load_facts(samples: int) -> LoadResult:
    ended_at = STARTED_AT + timedelta(seconds=DURATION_S)
    return LoadResult(
        attempt=1,
        load_model=LoadModel.CLOSED,
        stop_reason=StopReason.COMPLETED,
        exit_code=0,
        started_at=STARTED_AT,
        ended_at=ended_at,
        steady_started_at=STARTED_AT,
        steady_ended_at=ended_at,
        planned_users=50,
        reached_users=50,
        planned_duration_s=DURATION_S,
        expected_workers=1,
        workers=(),
        samples=samples,
    )


def summarize(path: Path, load: LoadResult, number: int) -> tuple[RunSummary, float, float]:
    """The run's summary, and seconds for reading and for summarizing."""
    started = time.perf_counter()
    samples = read_steady_samples(path, load)
    read = time.perf_counter()
    endpoints = (summarize_endpoint(*own.successes(), own.n, own.errors, name) for name, own in samples.items())
    summary = RunSummary(
        run_id=f"run-{number}",
        started_at=STARTED_AT + timedelta(hours=number),
        duration_s=DURATION_S,
        digest="plan",
        host_class=HOST,
        rps=sum(own.n for own in samples.values()) / DURATION_S,
        commit=f"build-{number // 2}",
        endpoints=tuple(endpoints),
    )
    return summary, read - started, time.perf_counter() - read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--endpoints", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    load = load_facts(arguments.samples)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.parquet"
        baseline = []
        for number in range(8):
            write_samples(path, generator, min(arguments.samples, 50_000), arguments.endpoints)
            baseline.append(summarize(path, load, number)[0])
        write_samples(path, generator, arguments.samples, arguments.endpoints)
        rows = []
        for repeat in range(arguments.repeat):
            run, read_s, summarize_s = summarize(path, load, 100 + repeat)
            started = time.perf_counter()
            result = compare(baseline, [run], Criteria(), 0.20, confirmed=False)
            rows.append((read_s, summarize_s, time.perf_counter() - started))
        assert result.comparison.compared and len(result.judged) == arguments.endpoints
    table = np.array(rows)
    total = table.sum(axis=1)
    best = table[total.argmin()]
    print(f"{arguments.samples:,} samples, {arguments.endpoints} endpoints, 8 baseline runs; best of {arguments.repeat}:")
    print(f"read {best[0]:.3f} s, summarize {best[1]:.3f} s, judge {best[2]:.3f} s; median of all: {np.median(total):.3f} s")
    figure("judge_cost_1m_samples", float(total.min()), "s", "<=0.5")
    figure("judge_cost_1m_samples_median", float(np.median(total)), "s", "-")


if __name__ == "__main__":
    main()
