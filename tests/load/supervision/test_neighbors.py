"""Who else works on the host, measured on real processes: a busy one is seen by name, our own are not."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from loadtest.backend.models import BackendState
from loadtest.load.supervision import neighbors
from loadtest.load.supervision.neighbors import NeighborWatch, _parsed
from loadtest.processes import Machine, ProcessIdentity
from tests.support.waiting import until

ELSEWHERE = "http://192.0.2.1:8000"
SPIN = "while True: pass"
SPIN_AND_LISTEN = "import socket\ns = socket.create_server(('127.0.0.1', {port}))\nwhile True: pass"

Start = Callable[..., psutil.Process]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(neighbors, "EVERY_S", 0.3)
    monkeypatch.setattr(neighbors, "MOST_NAMED", 1_000)  # this machine may be busy with other things
    monkeypatch.setattr(neighbors, "LEAST_NAMED_SHARE", 0.0)
    started: list[psutil.Process] = []

    def start(name: str, code: str = SPIN) -> psutil.Process:
        """Through a shell that ends at once: what is below the watch's own process is its own."""
        program = tmp_path / name
        program.symlink_to(Path(sys.executable).resolve())
        command = ["setsid", "sh", "-c", '"$0" -S -E -c "$1" >/dev/null 2>&1 & echo $!', str(program), code]
        pid = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        started.append(psutil.Process(int(pid)))
        until(lambda: started[-1].name() == name)
        return started[-1]

    yield start
    for process in started:
        process.kill()


def seen(watch: NeighborWatch, process: psutil.Process, *, used_s: float = 0.3) -> bool:
    """Looks, lets the process use that much CPU time, looks again; whether the watch counted it."""
    watch.look()
    goal = sum(process.cpu_times()[:2]) + used_s
    until(lambda: sum(process.cpu_times()[:2]) > goal)
    began = time.time()
    until(lambda: time.time() - began > neighbors.EVERY_S)
    watch.look()
    facts = watch.facts()
    return facts is not None and process.name() in [one.name for one in facts.processes]


def backend_of(process: psutil.Process, port: int, **more: object) -> BackendState:
    return BackendState(
        run_id="r",
        machine=Machine.here(),
        identity=ProcessIdentity.of(process.pid),
        base_url=f"http://127.0.0.1:{port}",
        log_path="backend.log",
        started_at=datetime.now(UTC),
        **more,
    )


def test_a_busy_process_is_seen_by_its_name_and_only_within_the_time_asked_for(start: Start) -> None:
    watch = NeighborWatch(ELSEWHERE, None)
    assert seen(watch, start("busyneighbor"))
    facts = watch.facts()
    assert facts is not None and 0 < facts.share <= 1
    assert watch.facts((0.0, 1.0)) is None
    assert watch.recent() is not None


def test_what_belongs_to_the_backend_is_no_neighbor(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = start("ourbackend", SPIN_AND_LISTEN.format(port=port))
    until(lambda: any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp")))
    watch = NeighborWatch(f"http://127.0.0.1:{port}", backend_of(process, port))
    assert seen(watch, start("busyneighbor"))
    assert not seen(watch, process)


def test_a_service_that_somebody_else_started_here_and_what_it_talks_to_are_no_neighbors(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, of_database = one.getsockname()[1], other.getsockname()[1]
    database = start("theirdatabase", SPIN_AND_LISTEN.format(port=of_database))
    until(lambda: any(one.status == psutil.CONN_LISTEN for one in database.net_connections("tcp")))
    talks = f"import socket\nd = socket.create_connection(('127.0.0.1', {of_database}))\n{SPIN_AND_LISTEN.format(port=port)}"
    service = start("theirservice", talks)
    until(lambda: any(one.status == psutil.CONN_LISTEN for one in service.net_connections("tcp")))
    watch = NeighborWatch(f"http://localhost:{port}", None)
    assert seen(watch, start("busyneighbor"))
    assert not seen(watch, service)
    assert not seen(watch, database)


def test_a_service_here_behind_a_forwarder_is_not_observed(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    forwarder = start("docker-proxy", SPIN_AND_LISTEN.format(port=port))
    until(lambda: any(one.status == psutil.CONN_LISTEN for one in forwarder.net_connections("tcp")))
    watch = NeighborWatch(f"http://127.0.0.1:{port}", None)
    assert not seen(watch, forwarder)
    assert watch.facts() is None


def test_a_service_here_whose_processes_nobody_knows_is_not_observed(start: Start) -> None:
    process = start("starter")
    for watch in (
        NeighborWatch("http://127.0.0.1:1", None),  # somebody else's on this host, but nobody listens
        NeighborWatch("http://localhost:1", None),
        NeighborWatch("http://127.0.0.1:1", backend_of(process, 1)),  # ours, but another process listens: a container
    ):
        watch.look()
        assert watch.facts() is None
        assert watch.recent() is None


def test_a_name_may_hold_anything() -> None:
    fields = " ".join(["S", "7", "9", "9"] + ["0"] * 7 + ["250", "50"] + ["0"] * 6 + ["4242"] + ["0"] * 10)
    start_ticks, process = _parsed(f"12 (a) b (c) {fields}\n")
    assert (start_ticks, process.name, process.parent, process.session) == (4242, "a) b (c", 7, 9)
    assert process.user_s == 5 * process.system_s > 0
