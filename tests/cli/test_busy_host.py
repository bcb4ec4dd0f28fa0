"""A whole run beside busy neighbors: what they may explain is a warning that names them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from loadtest.gate.records.verdicts import Verdict
from loadtest.load.models import LoadResult
from tests.support.small_include import build_include

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PLUGINS = Path(__file__).parents[2] / "plugins"
NAME = "busyneighbor"


@pytest.fixture
def neighbors(tmp_path: Path) -> Iterator[None]:
    """A busy process for each processor."""
    program = tmp_path / NAME
    program.symlink_to(Path(sys.executable).resolve())
    busy = [
        subprocess.Popen([program, "-S", "-E", "-c", "while True: pass"], start_new_session=True)
        for _ in range(psutil.cpu_count() or 1)
    ]
    yield
    for process in busy:
        process.kill()
        process.wait()


def test_a_target_missed_on_a_busy_host_is_no_sure_failure_and_the_neighbors_are_named(tmp_path: Path, neighbors: None) -> None:
    targets = build_include(tmp_path) / "scenarios/toy/targets.yaml"
    targets.write_text(yaml.safe_dump({"endpoints": {"GET /items": {"p50_ms": 19.0}}}))
    kept = ("LOADTEST_HOST_LOCK",)
    environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("LOADTEST_")}
    environment |= {"LOADTEST_HOME": str(tmp_path), "PYTHONPATH": str(PLUGINS)}
    options = ("run", "--scenario", "toy", "--environment", "steady", "--profile", "light", "--duration", "8s")
    command = [sys.executable, "-c", "from loadtest.cli import main; main()", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=380)
    folder = next(tmp_path.glob("runs/toy/steady/light/*"))
    load, verdict = LoadResult.read(folder / "load.json"), Verdict.read(folder / "verdict.json")
    assert load.neighbors is not None and load.neighbors.processes[0].name == NAME
    assert done.returncode == 0 and verdict.outcome == "warn", done.stderr
    assert "not counted as a failure" in done.stdout
    assert f"of the host's CPU ({NAME}" in " ".join(done.stdout.split())
    assert "Run again on a quiet host" in done.stdout
