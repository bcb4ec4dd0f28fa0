"""The watch over real processes whose streams a test writes: silence is judged by the watch's own clock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.load import streams
from loadtest.load.job import LoadJob, Scratch, agent_config
from loadtest.load.locust_command import LocustProcess
from loadtest.load.models import Progress
from loadtest.load.supervision import watch
from loadtest.load.supervision.result import Observed
from loadtest.load.supervision.watch import LoadWatch
from tests.load.plans import plan_of, write_scenario

SECOND = {"length_s": 0.1, "busy": 0.2, "overshoots_us": [], "clock_step_ms": 0.0, "users": 1, "samples": 0, "in_flight": 0}


class Unstopped:
    came = False


def say(scratch: Scratch, who: str, **fact: object) -> None:
    folder = scratch.streams / who.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / streams.FACTS).open("a") as stream:
        stream.write(json.dumps(fact) + "\n")


@contextmanager
def speaking(scratch: Scratch, worker: str, clock_s: float) -> Iterator[None]:
    """A process of that name, its clock off by `clock_s`, says each tenth of a second that it is there."""
    say(scratch, worker, event="process", worker=worker, pid=1, host="h", t=time.time() + clock_s)
    say(scratch, worker, event="test_start", t=time.time() + clock_s)
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(0.1):
            say(scratch, worker, t=time.time() + clock_s, **SECOND)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LoadWatch, Scratch]]:
    """The watch over a master, here a process that does nothing, and two remote workers."""
    monkeypatch.setattr(watch, "SILENT_S", 1.0)
    scratch = Scratch(tmp_path / "scratch")
    scratch.streams.mkdir(parents=True)
    plan = plan_of(write_scenario(tmp_path / "scenario"), "http://127.0.0.1:1", remote_workers=2, duration_s=600)
    job = LoadJob(plan=plan, base_url="http://127.0.0.1:1", run_folder=str(tmp_path / "run"), attempt=1)
    idle = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    watched = LoadWatch(
        job,
        scratch,
        agent_config(job, scratch),
        [LocustProcess(streams.MASTER, idle)],
        Observed(started_at=datetime.now(UTC)),
        Unstopped(),
    )
    watching = threading.Thread(target=watched.until_end)
    watching.start()
    yield watched, scratch
    idle.communicate(b"\n")
    watching.join()
    watched.close()


def warnings(scratch: Scratch) -> tuple[str, ...]:
    return Progress.read(scratch.progress).warnings


@pytest.mark.parametrize("clock_s", [-8.0, 60.0])
def test_a_remote_clock_that_is_wrong_neither_loses_a_worker_nor_hides_its_death(
    watched: tuple[LoadWatch, Scratch], clock_s: float
) -> None:
    load_watch, scratch = watched
    with speaking(scratch, "eu/0", 0.0):
        with speaking(scratch, "eu/1", clock_s):
            time.sleep(2.5)
            assert load_watch.observed.lost == set()
        time.sleep(3)
        assert load_watch.observed.lost == {"eu/1"}
        assert "load-generating process eu/1 is lost" in warnings(scratch)


def test_a_remote_worker_that_fell_silent_and_came_back_stays_lost(watched: tuple[LoadWatch, Scratch]) -> None:
    load_watch, scratch = watched
    with speaking(scratch, "eu/0", 0.0):
        with speaking(scratch, "eu/1", 0.0):
            time.sleep(0.3)
        time.sleep(3)
        with speaking(scratch, "eu/1", 0.0):
            time.sleep(1.5)
    load_watch.afterwards([])
    assert load_watch.observed.lost == {"eu/1"}


def test_silence_of_all_stops_the_load_and_is_told(watched: tuple[LoadWatch, Scratch]) -> None:
    load_watch, scratch = watched
    with speaking(scratch, "eu/0", 0.0):
        time.sleep(0.3)
    time.sleep(3)
    assert "no load-generating process gave a sign of life" in load_watch.observed.error
    assert not any(process.is_running for process in load_watch.processes)
