"""What fleets of 1, 2 and 4 containers send at saturation, from an image of this project, to a bare server in a container.

    python -m benchmarks.bench_fleet_containers IMAGE [--fleets 1 2 4]

Needs a Docker engine. All containers share this host's cores, so a fleet larger than those adds little; each count is held
against the server's. Prints one FIGURE line per figure.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import figure

ROOT = Path(__file__).resolve().parents[1]
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def courses(self):
        self.client.get("/api/v1/courses")
"""
SERVER = """
import time
from benchmarks.fast_server import FastServer
server = FastServer(host="0.0.0.0", port=8000)
while True:
    time.sleep(0.5)
    print(server.count, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--fleets", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = project(Path(folder), options.fleets)
        for workers in options.fleets:
            load, counted = measured(options.image, home, workers)
            assert load["samples"] == counted, f"{load['samples']} here, {counted} there"
            figure(f"fleet_{workers}_sent", load["samples"] / 15, "1/s")
            figure(f"fleet_{workers}_busy", max(each["busy_share_median"] or 0 for each in load["workers"]), "share")
    figure("cores", os.cpu_count() or 0, "cores")


def project(home: Path, fleets: list[int]) -> Path:
    home.chmod(0o755)
    for name in ("scenarios/reader", "environments", "profiles"):
        (home / "include" / name).mkdir(parents=True)
    (home / "runs").mkdir()
    (home / "runs").chmod(0o777)  # for the container's user
    (home / "include/scenarios/reader/locustfile.py").write_text(LOCUSTFILE)
    (home / "include/environments/fast.yaml").write_text("base_url: http://server:8000\nhealth: /health\n")
    for workers in fleets:
        profile = {"purpose": "saturation", "users": 40, "spawn_rate": 40, "duration": "15s", "evidence": "indicative"}
        profile |= {"remote_workers": workers, "remote_wait": "90s", "host_probe": False}
        (home / f"include/profiles/fleet_{workers}.yaml").write_text(json.dumps(profile))
    return home


def measured(image: str, home: Path, workers: int) -> tuple[dict, int]:
    """What the run says of its load, and what the server counted."""
    run = ["run", "--scenario", "reader", "--environment", "fast", "--profile", f"fleet_{workers}"]
    with network() as name, containers() as start:
        options = [
            "--network",
            name,
            "-e",
            "PYTHONPATH=/bench",
            "-e",
            "LOADTEST_HOME=/home/load",
            "-e",
            "LOADTEST_SCRATCH=/tmp/s",
        ]
        options += ["-e", f"LOADTEST_FLEET_TOKEN={secrets.token_hex(16)}", "-e", "LOADTEST_MASTER=master"]
        options += ["-e", "LOADTEST_SCENARIO=reader", "-v", f"{home}:/home/load"]
        options += ["-v", f"{ROOT}/benchmarks:/bench/benchmarks:ro"]
        server = start(*options, "--name", f"server-{name}", "--network-alias", "server", image, "python", "-c", SERVER)
        for _ in range(workers):
            start(*options, image, "loadtest", "worker")
        master = start(*options, "--network-alias", "master", image, "loadtest", *run)
        subprocess.run(["docker", "wait", master], check=True, capture_output=True)
        time.sleep(1)  # the server's next count
        counted = int(docker("logs", "--tail", "1", server))
        found = sorted((home / "runs").glob("reader/fast/*/*/load.json"), key=lambda path: path.stat().st_mtime)
        assert found, docker("logs", master)
    return json.loads(found[-1].read_text()), counted


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def network() -> Iterator[str]:
    name = f"bench-{secrets.token_hex(4)}"
    docker("network", "create", name)
    try:
        yield name
    finally:
        docker("network", "rm", name)


@contextmanager
def containers() -> Iterator:
    """Starts containers, and removes them all at the end."""
    started: list[str] = []

    def start(*arguments: str) -> str:
        started.append(docker("run", "-d", *arguments))
        return started[-1]

    try:
        yield start
    finally:
        if started:
            docker("rm", "-f", *started)


if __name__ == "__main__":
    main()
