"""The stack left alone beside processes that take all cores: what it takes, and whether it stays well.

`make compose-idle MINUTES=60`. Prints what each container took, and fails above a tenth of a core or 2 GB in all, on a container
that is not healthy, or on a process more than at the start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.containers import built_and_up

MINUTES = float(os.environ.get("MINUTES") or 60)
PROJECT = "loadtest-idle"
SETTLING_S, HEALTH_CHECK_S = 120.0, 7.0
MOST_CORES, MOST_GB = 0.1, 2.0
CONNECTIONS = 2  # each is a process of PostgreSQL, and Airflow's pools open one when they need it


@dataclass(frozen=True)
class Reading:
    """What Docker says of one container."""

    cpu_s: float
    memory_gb: float  # without the page cache
    processes: int
    healthy: bool


class Engine:
    """Docker's API, by the socket that the client uses."""

    def __init__(self) -> None:
        socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self._http = httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://docker", timeout=60)

    def get(self, path: str, **params: str) -> Any:
        return self._http.get(path, params=params).raise_for_status().json()

    def read(self) -> dict[str, Reading]:
        """Every running container of the stack by the name of its service."""
        wanted = f'{{"label": ["com.docker.compose.project={PROJECT}"]}}'
        names = {one["Id"]: one["Labels"]["com.docker.compose.service"] for one in self.get("/containers/json", filters=wanted)}
        counts = [{container: self._processes(container) for container in names}]
        for _ in range(3):  # a health check that just runs is none that stays
            time.sleep(HEALTH_CHECK_S)
            counts.append({container: self._processes(container) for container in names})
        return {name: self._reading(container, min(count[container] for count in counts)) for container, name in names.items()}

    def _processes(self, container: str) -> int:
        return len(self.get(f"/containers/{container}/top")["Processes"])

    def _reading(self, container: str, processes: int) -> Reading:
        stats = self.get(f"/containers/{container}/stats", stream="false", **{"one-shot": "true"})
        memory = stats["memory_stats"]
        cache = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
        health = self.get(f"/containers/{container}/json")["State"].get("Health", {"Status": "healthy"})
        return Reading(
            cpu_s=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
            memory_gb=(memory["usage"] - cache) / 1e9,
            processes=processes,
            healthy=health["Status"] == "healthy",
        )


@contextmanager
def all_cores_taken() -> Iterator[None]:
    """At the lowest priority: who else works on this machine keeps its share."""
    endless = ["nice", "-n", "19", sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(endless) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@pytest.mark.timeout(MINUTES * 60 + 1800)
def test_the_idle_stack_takes_little_and_stays_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with built_and_up(tmp_path, project=PROJECT):
        engine = Engine()
        time.sleep(SETTLING_S)
        before, began = engine.read(), time.monotonic()
        with all_cores_taken():
            time.sleep(MINUTES * 60)
        after, seconds = engine.read(), time.monotonic() - began
        load = os.getloadavg()[2]
    with capsys.disabled():
        print(f"\n{seconds / 60:.0f} minutes, {os.cpu_count()} cores, load average of the last 15 minutes {load:.0f}")
        print(f"{'container':24}{'% of a core':>12}{'MB':>8}{'processes':>18}")
        for name, now in sorted(after.items()):
            cores = (now.cpu_s - before[name].cpu_s) / seconds
            print(f"{name:24}{cores:12.1%}{now.memory_gb * 1e3:8.0f}{before[name].processes:10} -> {now.processes}")
        cores = sum(now.cpu_s - before[name].cpu_s for name, now in after.items()) / seconds
        memory_gb = sum(now.memory_gb for now in after.values())
        print(f"{'all':24}{cores:12.1%}{memory_gb * 1e3:8.0f}")
    assert after.keys() == before.keys() and all(now.healthy for now in after.values()), after
    spare = {"postgres": CONNECTIONS}
    more = {name: now.processes - before[name].processes for name, now in after.items()}
    assert {name: count for name, count in more.items() if count > spare.get(name, 0)} == {}
    assert cores < MOST_CORES and memory_gb < MOST_GB
