from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.processes import free_port
from tests.load.plans import write_scenario

Join = Callable[..., subprocess.Popen]


@pytest.fixture
def join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Join]:
    """Start `loadtest worker`, as on another machine: with an include folder of its own; its processes end with the test."""
    port = str(free_port())
    monkeypatch.setenv("LOADTEST_MASTER_PORT", port)
    started: list[subprocess.Popen] = []

    def start(region: str, *prefix: str, text: str | None = None, **variables: str) -> subprocess.Popen:
        include = tmp_path / region
        write_scenario(include / "scenarios" / "simple", text)
        (include / "scenarios" / "simple" / "scenario.yaml").write_text("purpose: test\n")
        own = {"LOADTEST_INCLUDE": str(include), "LOADTEST_REGION": region, "LOADTEST_MASTER_PORT": port}
        command = [*prefix, sys.executable, "-c", "from loadtest.cli import main; main()", "worker"]
        arguments = ["--master", "127.0.0.1", "--scenario", "simple"]
        started.append(subprocess.Popen([*command, *arguments], env=os.environ | own | variables))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
