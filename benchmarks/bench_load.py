"""What the load stage promises, with real Locust against a real server: counts, outages, workers, losses, overhead.

    python benchmarks/bench_load.py [--only outage,counts,workers,loss,overhead,saturation]

Each figure is a line `FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
import pyarrow.parquet as pq

from benchmarks.bench_recorder import figure
from benchmarks.fast_server import fast_server
from loadtest.analysis.analyze import analyze
from loadtest.analysis.models import DataContract
from loadtest.gate.decide import check
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import conclude
from loadtest.load.control import run
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.criteria import Target
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.waiting import until

SATURATING = """
from locust import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def courses(self):
        self.client.get("/api/v1/courses")
"""

PACED = """
from locust import FastHttpUser, constant_throughput, task


class Reader(FastHttpUser):
    wait_time = constant_throughput(10)

    @task
    def courses(self):
        self.client.get("/api/v1/courses")
"""


class Bench:
    """Starts loads in a folder of its own and collects figures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.figures: list[str] = []
        self._runs = 0

    def figure(self, name: str, value: float, unit: str, bar: str = "-") -> None:
        figure(self.figures, name, value, unit, bar)
        print(self.figures[-1], flush=True)

    def start(self, base_url: str, scenario: str, targets: tuple[Target, ...] = (), **profile: object) -> run.LoadHandle:
        self._runs += 1
        run_id = f"run-{self._runs}"
        plan = plan_of(write_scenario(self.root / run_id, scenario), base_url, run_id, {"targets": targets}, **profile)
        folder = folder_of(self.root / "runs", run_id)
        Path(str(folder.path)).mkdir(parents=True)
        plan.write(folder.plan)
        return run.start_load(plan, folder)

    def load(self, base_url: str, scenario: str, **profile: object) -> tuple[LoadResult, RunFolder]:
        handle = self.start(base_url, scenario, **profile)
        return run.wait_for_load(handle), handle.folder


def verdict_of(folder: RunFolder) -> Verdict:
    """Analysis, gate and verdict of a load, as in a run; no data contract is checked."""
    analyze(folder)
    check(folder)
    DataContract(run_id=folder.path.name, passed=True, checks=()).write(folder.data_contract)
    return conclude(folder)


def latencies_ms(folder: RunFolder) -> np.ndarray:
    return pq.read_table(str(folder.samples), columns=["latency_us"])["latency_us"].to_numpy() / 1000


def outage(bench: Bench) -> None:
    """A server stopped for 3 s of 20 at 100 requests a second: what each load model reads as p99, and what the verdict of
    the open one says, with a target of 500 ms."""
    targets = (Target(endpoint="GET /api/v1/courses", metric="p99_ms", limit=500),)
    models = {
        "open": {"load_model": "open", "users": 0, "arrivals_per_s": 100},
        "closed": {"users": 10, "spawn_rate": 10},
    }
    with fast_server(0.005) as server:
        for name, profile in models.items():
            handle = bench.start(server.base_url, PACED, targets, duration_s=20, **profile)
            seen = server.count
            until(lambda seen=seen: server.count > seen + 500)
            server.stop_for(3)
            result = run.wait_for_load(handle)
            p99 = float(np.quantile(latencies_ms(handle.folder), 0.99))
            bench.figure(f"outage_p99_{name}_loop", p99, "ms", ">=2000" if name == "open" else "-")
            if result.arrivals:
                bench.figure("outage_arrivals_sent", 100 * result.arrivals.started / result.arrivals.planned, "%", ">=99")
                verdict = verdict_of(handle.folder)
                print(f"{verdict.outcome}: {verdict.sentence}", flush=True)
                bench.figure("outage_verdict_is_fail", float(verdict.outcome is Outcome.FAIL), "yes", ">=1")


def counts(bench: Bench) -> None:
    """Recorded against answered, for each way in which a load can end."""
    with fast_server(0.3) as server:
        before = server.count
        result, _ = bench.load(server.base_url, SATURATING, users=20, spawn_rate=20, duration_s=5)
        bench.figure(
            "counts_off_with_requests_in_flight_at_the_end", abs(server.count - before - result.samples), "requests", "<=0"
        )
    with fast_server() as server:
        result, _ = bench.load(server.base_url, PACED, users=20, spawn_rate=20, duration_s=5)
        bench.figure("counts_off_normal_end", abs(server.count - result.samples), "requests", "<=0")
        before = server.count
        handle = bench.start(server.base_url, PACED, users=20, spawn_rate=20, duration_s=600)
        until(lambda: server.count > before + 500)
        run.stop_load(handle)
        result = run.wait_for_load(handle)
        bench.figure("counts_off_sigterm", abs(server.count - before - result.samples), "requests", "<=0")


def loss(bench: Bench) -> None:
    """SIGKILL of one worker of two: how soon it is noticed, and how many requests are missing."""
    with fast_server() as server:
        handle = bench.start(server.base_url, PACED, users=20, spawn_rate=20, duration_s=15, workers=2)
        until(lambda: server.count > 400)
        children = psutil.Process(handle.identity.pid).children(recursive=True)
        killed_at, noticed_at = time.monotonic(), None
        next(child for child in children if "--worker" in child.cmdline()).kill()

        def watch(progress) -> None:
            nonlocal noticed_at
            if progress.warnings and noticed_at is None:
                noticed_at = time.monotonic()

        result = run.wait_for_load(handle, on_progress=watch, poll_s=0.05)
        bench.figure("worker_loss_noticed_after", (noticed_at or float("inf")) - killed_at, "s", "<=10")
        # the killed worker sent 100 requests a second: at most its last second, and the batch not yet written
        bench.figure("worker_loss_requests_missing", server.count - result.samples, "requests", "<=150")
        bench.figure("worker_loss_recorded", sum(worker.lost for worker in result.workers), "workers", ">=1")


def workers(bench: Bench) -> None:
    """Throughput of 1, 2 and 4 worker processes at saturation, on the cores that are there."""
    rates = {}
    for number in (1, 2, 4):
        with fast_server() as server:
            result, folder = bench.load(server.base_url, SATURATING, users=40, spawn_rate=40, duration_s=10, workers=number)
            begin, end = result.steady_started_at, result.steady_ended_at
            starts_us = pq.read_table(str(folder.samples), columns=["start_us"])["start_us"].to_numpy()
            steady = (starts_us >= begin.timestamp() * 1e6) & (starts_us < end.timestamp() * 1e6)
            rates[number] = float(steady.sum()) / (end - begin).total_seconds()
            bench.figure(f"throughput_{number}_workers", rates[number], "1/s")
            busy = max(worker.busy_share_median or 0 for worker in result.workers)
            bench.figure(f"busy_share_{number}_workers", busy, "share")
    bench.figure("throughput_2_workers_against_1", rates[2] / rates[1], "x")
    bench.figure("throughput_4_workers_against_1", rates[4] / rates[1], "x")
    bench.figure("cores", os.cpu_count() or 0, "cores")


def saturation(bench: Bench) -> None:
    """Does the generator know that it is the bottleneck, and only then?"""
    with fast_server() as server:
        result, _ = bench.load(server.base_url, SATURATING, users=40, spawn_rate=40, duration_s=8)
        bench.figure("saturated_share_at_saturation", result.workers[0].saturated_share or 0, "share", ">=0.5")
        result, _ = bench.load(server.base_url, PACED, users=10, spawn_rate=10, duration_s=8)
        bench.figure("saturated_share_at_100_rps", result.workers[0].saturated_share or 0, "share", "<=0.1")


def overhead(bench: Bench) -> None:
    """Wall time of the load stage outside the load itself, host probe included."""
    with fast_server() as server:
        began = time.monotonic()
        result, _ = bench.load(server.base_url, PACED, users=5, spawn_rate=5, duration_s=5, host_probe=True)
        assert result.stop_reason is StopReason.COMPLETED, result.error
        bench.figure("load_stage_overhead", time.monotonic() - began - 5, "s", "<=4")


PARTS = {"overhead": overhead, "counts": counts, "outage": outage, "loss": loss, "saturation": saturation, "workers": workers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, joined by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        os.environ["LOADTEST_SCRATCH"] = f"{root}/scratch"
        bench = Bench(Path(root))
        for part in options.only.split(","):
            PARTS[part](bench)
        print("\n" + "\n".join(bench.figures))


if __name__ == "__main__":
    main()
