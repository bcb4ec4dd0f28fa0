"""How fast and in how much memory samples become metrics, beside DuckDB on the same file.

    python benchmarks/bench_analysis.py [--rows 10000000] [--large 100000000] [--folder DIR] [--seed 1]

Makes a run folder as the load stage leaves it (20 endpoints, 4 workers, server times, 0.5 % failures over 15 minutes),
runs each contender in a process of its own, compares all quantiles, and prints one FIGURE line per figure.
`--large` adds a second, larger file to show that memory stays bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure

ROOT = Path(__file__).resolve().parents[1]
ENDPOINTS, WORKERS, DURATION_S = 20, 4, 900
STARTED = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
STEADY_S = (30, 890)
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)

# Each contender runs alone in a fresh process; it prints its time, its peak memory and the quantiles it found.
MEASURE = """
import json, resource, sys, time
def report(began, found):
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_mb": peak_mb, "found": found}))
began_cpu = 0.0
"""

OURS = (
    MEASURE
    + """
from pathlib import Path
from upath import UPath
from loadtest.analysis.samples import SampleFile
from loadtest.analysis.tally import tally
from loadtest.analysis.run_metrics import run_metrics
from loadtest.analysis.timeline import endpoint_timelines, run_timeline
from loadtest.analysis.analyze import grid_of
from loadtest.load.models import LoadResult
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
folder = RunFolder(UPath(sys.argv[1]))
plan, load = Plan.read(folder.plan), LoadResult.read(folder.load)
began, began_cpu = time.perf_counter(), time.process_time()
file = SampleFile(folder.samples)
counted = tally(file, grid_of(load, file, 10.0))
metrics = run_metrics(plan, load, counted)
lines = [run_timeline(counted), *endpoint_timelines(counted)]
names = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms")
report(began, {one.endpoint: [getattr(one, name) for name in names] for one in (*metrics.endpoints, metrics.total)})
"""
)

WHOLE_STAGE = (
    MEASURE
    + """
from upath import UPath
from loadtest.run_folder import RunFolder
from loadtest.analysis.analyze import analyze
folder = RunFolder(UPath(sys.argv[1]))
began, began_cpu = time.perf_counter(), time.process_time()
analyze(folder, bin_s=10.0)
report(began, None)
"""
)

DUCKDB = (
    MEASURE
    + """
import duckdb
path, low, high, start, rows = sys.argv[1] + "/samples.parquet", *map(int, sys.argv[2:5]), int(sys.argv[5])
con = duckdb.connect()
con.execute("set memory_limit='8GB'")
began, began_cpu = time.perf_counter(), time.process_time()
quantiles = "quantile_cont(latency_us, [0.5, 0.9, 0.95, 0.99, 0.999])"
steady = f"from '{path}' where error = '' and start_us >= {low} and start_us < {high}"
server = ", ".join(f"quantile_cont(server_{part}_us, [0.5, 0.95])" for part in ("app", "db"))
extra = f"count(*), avg(latency_us), min(latency_us), max(latency_us), avg(response_bytes), {server}"
found = {name: [value / 1000 for value in levels] for name, levels, *_ in con.execute(
    f"select endpoint, {quantiles}, {extra} {steady} group by endpoint").fetchall()}
total = con.execute(f"select {quantiles}, {extra} {steady}").fetchone()
found["Total"] = [value / 1000 for value in total[0]]
points = "count(*), count(*) filter (error <> ''), quantile_cont(latency_us, [0.5, 0.95]) filter (error = ''), max(users)"
con.execute(f"select endpoint, (start_us - {start}) // 10000000 b, {points} from '{path}' group by all").fetchall()
con.execute(f"select (start_us - {start}) // 10000000 b, {points} from '{path}' group by all").fetchall()
con.execute(f"select endpoint, error, status, count(*), min(start_us), max(start_us) from '{path}' "
            "where error <> '' group by all").fetchall()
report(began, found)
"""
)


def make_run(folder: Path, rows: int, seed: int) -> None:
    """A run folder of `rows` samples, written chunk by chunk so that making it is bounded in memory too."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from loadtest.load.models import LoadResult, StopReason, WorkerFacts
    from loadtest.planning.models import Environment, HostClass, Plan, Scenario, Trigger, TriggerKind
    from loadtest.planning.profiles import LoadModel, Profile

    folder.mkdir(parents=True, exist_ok=True)
    host = HostClass(cpu_model="CPU", cores=2, memory_gib=4, os="Linux", python="3.11", locust="2.47", executor="local")
    Plan(
        run_id=folder.name,
        scenario=Scenario(name="bench", folder="bench"),
        profile=Profile(name="heavy", purpose="benchmark", users=100, duration_s=DURATION_S),
        environment=Environment(name="staging", base_url="http://127.0.0.1:1"),
        trigger=Trigger(kind=TriggerKind.CLI),
        created_at=STARTED,
        digest="d",
        host_class=host,
    ).write(folder / "plan.json")
    steady = [STARTED + timedelta(seconds=second) for second in STEADY_S]
    LoadResult(
        attempt=1,
        load_model=LoadModel.CLOSED,
        stop_reason=StopReason.COMPLETED,
        exit_code=0,
        started_at=STARTED,
        ended_at=STARTED + timedelta(seconds=DURATION_S),
        steady_started_at=steady[0],
        steady_ended_at=steady[1],
        planned_users=100,
        reached_users=100,
        planned_duration_s=DURATION_S,
        expected_workers=WORKERS,
        workers=tuple(
            WorkerFacts(worker=f"local/{number}", pid=number, host="here", samples=rows // WORKERS, completed=True)
            for number in range(1, WORKERS + 1)
        ),
        samples=rows,
    ).write(folder / "load.json")
    rng = np.random.default_rng(seed)
    start_us = round(STARTED.timestamp() * 1e6)
    names = pa.dictionary(pa.uint16(), pa.string())
    endpoints = pa.array([f"{'POST' if code % 4 == 3 else 'GET'} /api/v1/resource-{code}/{{id}}" for code in range(ENDPOINTS)])
    errors = pa.array(["", "HTTP 500", "HTTP 503 try again in 7 s", "ConnectionResetError(104)"])
    workers = pa.array([f"local/{number}" for number in range(1, WORKERS + 1)])
    medians = np.exp(rng.uniform(np.log(2_000), np.log(200_000), ENDPOINTS))
    fields = ["start_us", "latency_us", "late_us", "endpoint", "error", "status", "response_bytes", "users", "worker"]
    types = [pa.int64(), pa.uint32(), pa.uint32(), names, names, pa.uint16(), pa.uint32(), pa.uint16(), names]
    schema = pa.schema([*zip(fields, types, strict=True), ("server_app_us", pa.uint32()), ("server_db_us", pa.uint32())])
    # as the load stage writes it (loadtest.load.supervision.convert)
    with pq.ParquetWriter(
        folder / "samples.parquet",
        schema,
        compression="zstd",
        use_dictionary=["endpoint", "error", "worker", "status", "users", "response_bytes"],
        column_encoding={"start_us": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    ) as writer:
        for worker in range(WORKERS):
            left = rows // WORKERS + (rows % WORKERS if worker == 0 else 0)
            step_us = DURATION_S * 1e6 / left
            now = float(start_us)
            while left:
                n = min(left, 1_000_000)
                left -= n
                starts = (now + np.arange(n) * step_us).astype(np.int64)
                now += n * step_us
                code = rng.integers(0, ENDPOINTS, n).astype(np.uint16)
                latency = np.clip(medians[code] * np.exp(0.5 * rng.standard_normal(n)), 1, 4e9).astype(np.uint32)
                error = np.where(rng.random(n) < 0.005, rng.integers(1, 4, n), 0).astype(np.uint16)
                columns = [
                    pa.array(starts),
                    pa.array(latency),
                    pa.array(np.zeros(n, np.uint32)),
                    pa.DictionaryArray.from_arrays(pa.array(code), endpoints),
                    pa.DictionaryArray.from_arrays(pa.array(error), errors),
                    pa.array(np.where(error, 500, 200).astype(np.uint16)),
                    pa.array(rng.integers(200, 5_000, n).astype(np.uint32)),
                    pa.array(np.full(n, 25, np.uint16)),
                    pa.DictionaryArray.from_arrays(pa.array(np.full(n, worker, np.uint16)), workers),
                    pa.array((latency * 0.8).astype(np.uint32)),
                    pa.array((latency * 0.5).astype(np.uint32), mask=code % 2 == 1),
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=1_000_000)


def measure(script: str, *arguments: str) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def largest_difference(left: dict[str, list[float]], right: dict[str, list[float]]) -> float:
    assert left.keys() == right.keys(), "different endpoints"
    return max(abs(a / b - 1) for name in left for a, b in zip(left[name], right[name], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument(
        "--large", type=int, default=0, help="also a file of this many rows; 100000000 takes about 1.5 GB of disk"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the files here for another run")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="bench-analysis-"))
    try:
        compare(folder / f"rows-{options.rows}", options.rows, options.repeats, options.seed)
        if options.large:
            bounded(folder / f"rows-{options.large}", options.large, options.seed)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def compare(run: Path, rows: int, repeats: int, seed: int) -> None:
    if not (run / "samples.parquet").exists():
        make_run(run, rows, seed)
    steady_us = [str(round((STARTED + timedelta(seconds=second)).timestamp() * 1e6)) for second in STEADY_S]
    for_duckdb = (str(run), *steady_us, str(round(STARTED.timestamp() * 1e6)), str(rows))
    ours, stage, duckdb = [], [], []
    for _ in range(repeats):  # interleaved, so that a busy minute hits all alike
        ours.append(measure(OURS, str(run)))
        stage.append(measure(WHOLE_STAGE, str(run)))
        duckdb.append(measure(DUCKDB, *for_duckdb))
    held = rows <= 10_000_000
    size_mb = (run / "samples.parquet").stat().st_size / 1e6
    print(f"{rows:,} samples, {ENDPOINTS} endpoints, {size_mb:,.0f} MB; best of {repeats}, each in a process of its own")
    for name, results in (("ours", ours), ("whole stage", stage), ("DuckDB", duckdb)):
        seconds = [float(result["seconds"]) for result in results]
        cpu_s = min(float(result["cpu_s"]) for result in results)
        peak_mb = max(float(result["peak_mb"]) for result in results)
        median_s = statistics.median(seconds)
        print(f"{name:>12}: {min(seconds):6.2f} s (median {median_s:.2f}), CPU {cpu_s:.2f} s, peak {peak_mb:6.0f} MB")
    figure("analysis_seconds", min(float(result["seconds"]) for result in ours), "s", "<=2.5" if held else "-")
    figure("analysis_peak", max(float(result["peak_mb"]) for result in ours), "MB", "<=1000" if held else "-")
    figure("analysis_cpu", min(float(result["cpu_s"]) for result in ours), "s")
    figure("analysis_stage_seconds", min(float(result["seconds"]) for result in stage), "s")
    figure("duckdb_seconds", min(float(result["seconds"]) for result in duckdb), "s")
    figure("duckdb_cpu", min(float(result["cpu_s"]) for result in duckdb), "s")
    figure("duckdb_peak", max(float(result["peak_mb"]) for result in duckdb), "MB")
    figure("quantile_difference_from_duckdb", largest_difference(ours[0]["found"], duckdb[0]["found"]), "relative", "<=1e-9")


def bounded(run: Path, rows: int, seed: int) -> None:
    if not (run / "samples.parquet").exists():
        make_run(run, rows, seed)
    result = measure(OURS, str(run))
    figure(f"analysis_seconds_{rows}", float(result["seconds"]), "s")
    figure(f"analysis_peak_{rows}", float(result["peak_mb"]), "MB", "<=1000")


if __name__ == "__main__":
    main()
