"""How many requests a second this machine can send honestly: ten seconds against a server of our own that answers at once.

Users who wait for nothing keep one Locust process as busy as it can be. Latencies of a process that busy are its own, so it
should be asked for less, a share that leaves it idle often enough (`HONEST_SHARE`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest.diagnosis.checks import Check, note, ok, wrong

SECONDS = 10
USERS = 10
HONEST_SHARE = 0.6
LEAST_RPS = 100
ENDS_WITHIN_S = 180
LOCUSTFILE = """\
from locust import FastHttpUser, constant, task


class Asking(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/calibration")
"""


def calibration() -> Iterator[Check]:
    """Runs `loadtest run` on a project of its own, with the recorder and all that a real run has."""
    with tempfile.TemporaryDirectory(prefix="loadtest-doctor-") as folder:
        project = Path(folder)
        _write(project)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LOADTEST_")}
        command = [sys.executable, "-m", "loadtest", "run", "--scenario", "calibration", "--environment", "here"]
        done = subprocess.run(
            [*command, "--profile", "calibration", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            cwd=project,
            env=ours | {"LOADTEST_HOME": folder},
            check=False,
        )
        rps, errors = _measured(project)
    if rps is None:
        last = (done.stderr.strip() or "no word").splitlines()[-1]
        yield wrong("generator", f"the calibration sent nothing: {last}", "see whether loadtest run works on this machine")
        return
    honest = rps * HONEST_SHARE
    cores = os.cpu_count() or 1
    found = f"about {honest:,.0f} requests/s with one worker ({rps:,.0f} flat out for {SECONDS} s, {cores} cores)"
    if errors:
        yield wrong("generator", f"{found}; {errors:.1%} of them failed", "look at limits and ports of this machine")
    elif honest < LEAST_RPS:
        yield note("generator", found, "a busy or small machine; send load from another, or let it rest first")
    else:
        yield ok("generator", found)


def _write(project: Path) -> None:
    scenario = project / "include/scenarios/calibration"
    for place in (scenario, project / "include/environments", project / "include/profiles"):
        place.mkdir(parents=True)
    (scenario / "locustfile.py").write_text(LOCUSTFILE)
    command = ["{python}", "-m", "loadtest.diagnosis.answering_server", "{port}"]
    environment = {"backend": {"command": command, "env": {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}}}
    (project / "include/environments/here.yaml").write_text(json.dumps(environment))
    load = {"users": USERS, "spawn_rate": USERS * 10, "duration": f"{SECONDS}s", "evidence": "indicative"}
    (project / "include/profiles/calibration.yaml").write_text(json.dumps({"purpose": "how much this machine can send"} | load))


def _measured(project: Path) -> tuple[float | None, float]:
    """Requests per second and share of errors of the one run there; None without."""
    from loadtest.analysis.models import RunMetrics

    for path in (project / "runs").glob("*/*/*/*/metrics.json"):
        total = RunMetrics.read(path).total
        return total.rps, total.error_rate or 0.0
    return None, 0.0
