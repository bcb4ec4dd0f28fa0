"""Is the capacity found that a service has? Searches of services whose capacity is known in another way.

    python -m benchmarks.bench_capacity [--repeats 5] [--service pool|sample|both]

`pool`: a fixed number of workers and a fixed service time, so the number of users at which answers take as long as the target
allows can be calculated: workers * (target + wait) / service time. `sample`: the sample backend; its capacity is measured
beside, by plain Locust (no recorder of ours, its own statistics) at fixed numbers of users, up to the first at which a target
is missed. Each search starts a fresh service. Prints what each repeat found, and how far it was off.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKERS, SERVICE_S, WAIT_S, TARGET_S = 6, 0.05, 0.95, 0.5
POOL_USERS = WORKERS * (TARGET_S + WAIT_S) / SERVICE_S
SEARCH = {"start": 4, "step": "12s", "settle": "4s", "hold": "15s", "repeats": 8, "resolution": 0.1}
POOL_LOCUSTFILE = f"""
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant({WAIT_S})

    @task
    def work(self):
        self.client.get("/work")
"""
LADDER_S, SETTLE_LADDER = 20, 1.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--service", choices=("pool", "sample", "both"), default="both")
    options = parser.parse_args()
    from loadtest.cli.interrupts import Interrupts

    with Interrupts(), tempfile.TemporaryDirectory(prefix="loadtest-capacity-") as home:
        prepare(Path(home))
        if options.service != "sample":
            study("pool", "pool", POOL_USERS, options.repeats)
        if options.service != "pool":
            truth = ladder(Path(home))
            study("student_api", "staging", truth, options.repeats)


def prepare(home: Path) -> None:
    """A project of its own, with both services."""
    shutil.copytree(ROOT / "include", home / "include", ignore=shutil.ignore_patterns("__pycache__"))
    scenario = home / "include/scenarios/pool"
    scenario.mkdir()
    (scenario / "locustfile.py").write_text(POOL_LOCUSTFILE)
    write(scenario / "targets.yaml", {"endpoints": {"GET /work": {"p95_ms": TARGET_S * 1000}}})
    service = str(ROOT / "tests/support/pool_service.py")
    backend = {"command": [sys.executable, service, "{port}", str(WORKERS), str(SERVICE_S)]}
    write(home / "include/environments/pool.yaml", {"backend": backend})
    profile = {"purpose": "benchmark", "users": 600, "duration": "10m", "host_probe": False, "search": SEARCH}
    write(home / "include/profiles/capacity.yaml", profile)
    os.environ["LOADTEST_HOME"] = str(home)


def write(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data))


def study(scenario: str, environment: str, truth: float, repeats: int) -> None:
    from benchmarks.figures import figure

    print(f"{scenario}: {truth:.0f} users by another way", flush=True)
    found = [search(scenario, environment, number) for number in range(repeats)]
    off = [abs(users / truth - 1) for users in found if users]
    logs = [math.log(users) for users in found if users]
    figure(f"capacity_{scenario}_truth", truth, "users")
    figure(f"capacity_{scenario}_found_median", statistics.median(users or 0 for users in found), "users")
    figure(f"capacity_{scenario}_not_found", sum(users is None for users in found), "searches", "<=0")
    figure(f"capacity_{scenario}_worst_error", max(off, default=1.0) * 100, "%", "<=15")
    if len(logs) > 1:
        figure(f"capacity_{scenario}_between_runs_sd", statistics.stdev(logs) * 100, "%")


def search(scenario: str, environment: str, number: int) -> float | None:
    """Users that one search found; None where it found none."""
    from loadtest.gate.records.capacity import CapacityKind
    from loadtest.gate.records.verdicts import RegressionReport
    from loadtest.pipeline.stages import run_once
    from loadtest.planning.request import Request
    from loadtest.settings import settings

    outcome = run_once(Request(scenario=scenario, environment=environment, profile="capacity"), settings())
    capacity = RegressionReport.read(outcome.folder.regression_report).capacity
    busy = f"load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    print(f"  repeat {number + 1} ({busy}): {outcome.verdict.sentence}", flush=True)
    return capacity.users if capacity and capacity.kind is CapacityKind.FOUND else None


def ladder(home: Path) -> float:
    """Users of the sample backend between the highest fixed load that met all targets and the first two in a row that did not."""
    users, held, misses = 8, 0, 0
    with sample_backend(home) as base_url:
        while misses < 2 and users < 600:
            meets = all_targets_met(home, base_url, users)
            print(f"  plain Locust, {users} users: {'held' if meets else 'missed'}", flush=True)
            held, misses = (users, 0) if meets else (held, misses + 1)
            users = math.ceil(users * SETTLE_LADDER)
    return held * math.sqrt(SETTLE_LADDER)


@contextmanager
def sample_backend(home: Path):
    from loadtest.processes import free_port

    port = free_port()
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{home / 'ladder.db'}"}
    command = [sys.executable, "-m", "sample_backend", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT / "include", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_until_healthy(url: str) -> None:
    import httpx
    from tenacity import Retrying, stop_after_delay, wait_fixed

    for trial in Retrying(stop=stop_after_delay(30), wait=wait_fixed(0.2), reraise=True):
        with trial:
            httpx.get(url, timeout=2).raise_for_status()


def all_targets_met(home: Path, base_url: str, users: int) -> bool:
    """One plain Locust run at a fixed load, judged by its own statistics file."""
    from loadtest.load.grouping import EndpointNames

    prefix = home / f"ladder-{users}"
    command = [sys.executable, "-m", "locust", "-f", "locustfile.py", "--headless", "--host", base_url, "--csv", str(prefix)]
    command += [
        "-u",
        str(users),
        "-r",
        str(users),
        "-t",
        f"{LADDER_S}s",
        "--reset-stats",
        "--only-summary",
        "--exit-code-on-error",
        "0",
    ]
    subprocess.run(command, cwd=ROOT / "include/scenarios/student_api", check=True, capture_output=True)
    targets = yaml.safe_load((ROOT / "include/scenarios/student_api/targets.yaml").read_text())["endpoints"]
    names = EndpointNames([])
    with Path(f"{prefix}_stats.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["Type"]]
    for row in rows:
        target = targets.get(names.name_of(row["Type"], row["Name"]))
        if target and int(row["Request Count"]) >= LADDER_S and float(row["95%"]) > target["p95_ms"]:
            return False
    failures, requests = (sum(int(row[name]) for row in rows) for name in ("Failure Count", "Request Count"))
    return requests > 0 and failures / requests <= 0.01


if __name__ == "__main__":
    main()
