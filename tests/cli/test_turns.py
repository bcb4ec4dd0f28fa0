"""Real runs of the command line beside each other, and after one that was killed: one at a time sends load from a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.backend.models import BackendState
from loadtest.load.job import SupervisorRecord
from loadtest.load.models import LoadResult
from tests.support.small_include import build_include
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PLUGINS = Path(__file__).parents[2] / "plugins"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    kept = ("LOADTEST_HOST_LOCK",)
    environment = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("LOADTEST_")}
    started = []

    def run(duration: str, home: Path = tmp_path) -> subprocess.Popen[str]:
        if not (home / "include").exists():
            build_include(home)
        own = environment | {"LOADTEST_HOME": str(home), "PYTHONPATH": str(PLUGINS)}
        options = ("run", "--scenario", "toy", "--environment", "healthy", "--duration", duration)
        command = [sys.executable, "-c", "from loadtest.cli import main; main()", *options]
        started.append(subprocess.Popen(command, env=own, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def until_it_says(process: subprocess.Popen[str], word: str) -> str:
    """The first line with the word; the lines before it are gone."""
    assert process.stderr is not None
    return next(line for line in process.stderr if word in line)


def until_load_of_first(root: Path) -> Path:
    """The folder of the one run that there is, when its load runs."""
    records = "runs/toy/healthy/smoke/*/attempts/1/supervisor.json"
    until(lambda: any(root.glob(records)), "the load is started")
    return next(root.glob(records)).parents[2]


def test_a_run_waits_for_the_one_that_sends_load_and_can_be_canceled_meanwhile(tmp_path: Path, start: Start) -> None:
    first = start("12s")
    folder = until_load_of_first(tmp_path)
    canceled, second = start("2s"), start("2s")
    for waiting in (canceled, second):
        assert f"waiting for the end of run {folder.name} (process {first.pid})" in until_it_says(waiting, "waiting")
    canceled.send_signal(signal.SIGINT)
    assert canceled.wait(timeout=10) == 2
    assert first.poll() is None, "a cancellation ends nothing of others"
    second.communicate(timeout=90)
    first.communicate(timeout=60)
    earlier, later = sorted(
        (LoadResult.read(path) for path in tmp_path.glob("runs/*/*/*/*/load.json")), key=lambda load: load.started_at
    )
    assert earlier.planned_duration_s == 12 and earlier.ended_at < later.started_at
    assert (tmp_path / ".loadtest/locks/load.lock").read_text() == ""


def test_a_run_waits_for_the_load_of_another_checkout(tmp_path: Path, start: Start) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    first = start("8s", here)
    folder = until_load_of_first(here)
    second = start("2s", elsewhere)
    line = until_it_says(second, "waiting")
    assert f"waiting for run {folder.name} of checkout {here} (process {first.pid} of" in line
    assert second.wait(timeout=90) == 0 and first.wait(timeout=60) == 0
    earlier, later = (LoadResult.read(next(home.glob("runs/*/*/*/*/load.json"))) for home in (here, elsewhere))
    assert earlier.ended_at < later.started_at


def test_what_a_killed_run_left_is_stopped_by_the_next(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))  # a machine is known by its scratch folder too
    killed = start("5m")
    folder = until_load_of_first(tmp_path)
    backend = BackendState.read(folder / "backend.json").identity
    supervisor = SupervisorRecord.read(folder / "attempts/1/supervisor.json").identity
    killed.kill()
    killed.wait()
    assert backend is not None and backend.is_alive and supervisor.is_alive, "they outlive who started them"
    next_one = start("2s")
    next_one.communicate(timeout=120)
    assert next_one.returncode == 0
    assert not backend.is_alive and not supervisor.is_alive
    assert BackendState.read(folder / "backend.json").stopped_at is not None
    assert LoadResult.read(folder / "load.json").stop_reason == "signaled"
