"""What a run costs beside its load: `loadtest run` and a whole DAG run, next to Taurus with the same Locust file.

    python benchmarks/bench_overhead.py [--pairs 2] [--duration 10] [--skip-airflow]

Each figure is wall time minus the planned duration of the load, median over the pairs, measured in turn on one machine.
Taurus (`bzt` from PyPI) lives in an environment of its own, made on first use. All load goes to 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure

ROOT = Path(__file__).resolve().parents[1]
TAURUS = ROOT / ".loadtest" / "bench" / "taurus"
USERS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--duration", type=int, default=10, help="seconds of load")
    parser.add_argument("--skip-airflow", action="store_true")
    options = parser.parse_args()
    install_taurus()
    ours, theirs = [], []
    with SampleBackend() as url:
        for pair in range(options.pairs):
            ours.append(run_ours(options.duration))
            theirs.append(run_taurus(options.duration, url))
            print(f"pair {pair + 1}: loadtest run {ours[-1]:.1f} s, Taurus {theirs[-1]:.1f} s outside the load", flush=True)
    dag = [] if options.skip_airflow else run_dags(options.duration, options.pairs)
    figure("loadtest_run_outside_load", statistics.median(ours), "s", "<=6.5")
    figure("taurus_outside_load", statistics.median(theirs), "s", "-")
    figure("loadtest_over_taurus", statistics.median(ours) / statistics.median(theirs), "x", "<=1")
    if dag:
        figure("dag_run_outside_load", statistics.median(dag), "s", "<=15")


def install_taurus() -> None:
    if (TAURUS / "bin" / "bzt").exists():
        return
    uv = [str(ROOT / ".venv" / "bin" / "uv")]
    subprocess.run([*uv, "venv", "-q", "--python", "3.11", str(TAURUS)], check=True)
    packages = ["bzt", "locust==2.47.0", "pip", "setuptools"]  # Taurus calls pip
    subprocess.run([*uv, "pip", "install", "-q", "--python", str(TAURUS / "bin" / "python"), *packages], check=True)


def run_ours(duration_s: int) -> float:
    """`loadtest run`: backend start, data contract, verdict and report included."""
    command = [str(ROOT / ".venv/bin/loadtest"), "run", "--users", str(USERS), "--duration", f"{duration_s}s"]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wall_s = time.monotonic() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"loadtest run ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return wall_s - duration_s


def run_taurus(duration_s: int, url: str) -> float:
    """Taurus with the same Locust file, users and time, its statistics at the end; the backend is there already."""
    scenario = ROOT / "include/scenarios/student_api/locustfile.py"
    config = {
        "execution": [
            {
                "executor": "locust",
                "concurrency": USERS,
                "ramp-up": "1s",
                "hold-for": f"{duration_s - 1}s",
                "scenario": {"default-address": url, "script": str(scenario)},
            }
        ],
        "reporting": [{"module": "final-stats"}],
        "settings": {"check-updates": False, "default-executor": "locust"},
        "modules": {"console": {"disable": True}},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "taurus.yaml"
        path.write_text(yaml.safe_dump(config))
        environment = {**os.environ, "HOME": folder, "PATH": f"{TAURUS / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        command = [str(TAURUS / "bin" / "bzt"), "-o", f"settings.artifacts-dir={folder}/out", str(path)]
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        wall_s = time.monotonic() - started
    if "Samples count" not in done.stdout:
        raise SystemExit(f"Taurus did not run its load:\n{done.stdout[-2000:]}")
    return wall_s - duration_s


def run_dags(duration_s: int, runs: int) -> list[float]:
    """Whole DAG runs on one warm Airflow, from queued to finished."""
    from rich.console import Console

    from loadtest.airflow_api.local import LocalAirflow
    from loadtest.cli.dag_run import follow, start_run
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.settings import settings

    seconds = []
    airflow = LocalAirflow(settings())
    was_running = airflow.running() is not None
    try:
        with airflow.client(airflow.start(print).url) as client:
            for number in range(runs):
                quiet = TerminalWatcher(Console(stderr=True, quiet=True))
                followed = follow(client, start_run(client, {"users": USERS, "duration": f"{duration_s}s"}), quiet)
                seconds.append(followed.wall_s - duration_s)
                print(f"DAG run {number + 1}: {seconds[-1]:.1f} s outside the load", flush=True)
    finally:
        if not was_running:
            airflow.stop()
    return seconds


class SampleBackend:
    """The sample backend for Taurus, on a free port with a database of its own."""

    def __enter__(self) -> str:
        from loadtest.processes import free_port

        port = free_port()
        command = [sys.executable, "-m", "sample_backend", "--port", str(port)]
        self._process = subprocess.Popen(command, cwd=ROOT / "include", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    return url
            except httpx.HTTPError:
                time.sleep(0.1)
        raise SystemExit("The sample backend did not become healthy within 30 s.")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    main()
