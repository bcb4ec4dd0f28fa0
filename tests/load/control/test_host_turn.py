"""One load at a time on a host: real loads that wait for each other, and a lock in a place where everybody may write."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loadtest.errors import InfrastructureError
from loadtest.load.control import run
from loadtest.load.control.host_turn import host_turn
from loadtest.load.models import LoadResult, StopReason
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer
from tests.support.waiting import until

STARTS_AND_ENDS = """
import sys
from pathlib import Path
from loadtest.load.control import run
from tests.load.plans import folder_of, plan_of

run.start_load(plan_of(Path(sys.argv[1]), sys.argv[2], duration_s=4), folder_of(Path(sys.argv[3])))
"""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOST_LOCK", str(tmp_path / "host.lock"))
    return tmp_path / "host.lock"


def test_a_load_waits_for_another_whose_starter_is_gone(tmp_path: Path, server: CountingServer, lock: Path) -> None:
    """As where a worker of Airflow dies: the load goes on without it, and nobody may send another beside it."""
    locustfile, root = write_scenario(tmp_path / "scenario"), Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{root}:{root / 'plugins'}", "LOADTEST_HOME": str(tmp_path / "elsewhere")}
    command = [sys.executable, "-c", STARTS_AND_ENDS, str(locustfile), server.base_url, str(tmp_path / "first")]
    subprocess.run(command, env=environment, check=True)
    said: list[str] = []
    handle = run.start_load(plan_of(locustfile, server.base_url, duration_s=1), folder_of(tmp_path / "second"), say=said.append)
    second = run.wait_for_load(handle)
    first = LoadResult.read(folder_of(tmp_path / "first").load)
    assert said and f"waiting for run run-1 of checkout {tmp_path / 'elsewhere'} (process " in said[0]
    assert first.stop_reason is second.stop_reason is StopReason.COMPLETED
    assert first.ended_at < second.started_at


def test_a_turn_within_a_turn_is_the_same(lock: Path) -> None:
    with host_turn("a", pytest.fail) as outer, host_turn("b", pytest.fail) as inner:
        assert inner is outer
    with host_turn("c", pytest.fail) as again:
        assert again is not outer


def test_another_thread_of_the_same_process_waits(lock: Path) -> None:
    said: list[str] = []
    passed = threading.Event()

    def wait() -> None:
        with host_turn("b", said.append):
            passed.set()

    with host_turn("a", pytest.fail):
        other = threading.Thread(target=wait)
        other.start()
        until(lambda: said)
        assert not passed.is_set()
    other.join(timeout=60)
    assert passed.is_set()


def test_every_user_may_use_the_file_whatever_the_umask(lock: Path) -> None:
    before = os.umask(0o077)
    try:
        with host_turn("a", pytest.fail):
            assert lock.stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_somebody_put_in_its_place_is_refused(tmp_path: Path, lock: Path, kind: str) -> None:
    target = tmp_path / "precious"
    target.write_text("keep")
    {"link": lambda: lock.symlink_to(target), "folder": lock.mkdir, "pipe": lambda: os.mkfifo(lock)}[kind]()
    with (
        pytest.raises(InfrastructureError, match=r"host\.lock, (cannot be used|is no ordinary file)"),
        host_turn("a", pytest.fail),
    ):
        pass
    assert target.read_text() == "keep"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "waiting for another run, which"),
        ("{", "waiting for another run, which"),
        ("\xff\xfe" * 9_000, "waiting for another run, which"),
        (
            '{"run_id": "\\u001b[2J\\nx", "checkout": "/c", "user": "eve", "pid": 7}',
            "waiting for run ?[2J?x of checkout /c (process 7 of eve)",
        ),
    ],
)
def test_what_somebody_wrote_into_it_is_only_text(lock: Path, text: str, words: str) -> None:
    said: list[str] = []
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with host_turn("a", pytest.fail):
            lock.write_text(text, encoding="latin-1")
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)

    def say(line: str) -> None:
        said.append(line)
        done.set()

    with host_turn("b", say):
        holder.join(timeout=60)
    assert said[0].startswith(words)
