"""A fixed piece of CPU and loopback work, timed before and after the load: tells a slower host from a slower build."""

from __future__ import annotations

import hashlib
import logging
import socket
import statistics
import threading
from time import perf_counter

from loadtest.load.models import HostProbe

REPETITIONS = 5
CPU_ROUNDS = 40_000  # about 25 ms
ROUND_TRIPS = 400  # about 10 ms
MESSAGE = b"x" * 512

log = logging.getLogger("loadtest.load.supervision.host_probe")


def measure_cpu_s() -> float:
    """Median seconds for a fixed number of hash rounds in Python."""
    return statistics.median(_cpu_once() for _ in range(REPETITIONS))


def _cpu_once() -> float:
    digest = b"\0" * 32
    before = perf_counter()
    for _ in range(CPU_ROUNDS):
        digest = hashlib.sha256(digest).digest()
    return perf_counter() - before


def measure_loopback_s() -> float:
    """Median seconds for a fixed number of round trips of 512 bytes through 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        echo = threading.Thread(target=_echo, args=(server,), daemon=True)
        echo.start()
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            median_s = statistics.median(_loopback_once(client) for _ in range(REPETITIONS))
        echo.join(timeout=2)
    return median_s


def _loopback_once(client: socket.socket) -> float:
    before = perf_counter()
    for _ in range(ROUND_TRIPS):
        client.sendall(MESSAGE)
        received = 0
        while received < len(MESSAGE):
            part = client.recv(len(MESSAGE) - received)
            if not part:
                raise ConnectionAbortedError("the loopback connection of the host probe ended")
            received += len(part)
    return perf_counter() - before


def _echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(4096):
            connection.sendall(data)


def probe() -> tuple[float, float] | None:
    """(CPU seconds, loopback seconds); together well under half a second. None when the host is out of sockets or the like:
    no reason to lose a load."""
    try:
        return measure_cpu_s(), measure_loopback_s()
    except OSError as error:
        log.warning("no host probe: %s", error)
        return None


def joined(before: tuple[float, float] | None, after: tuple[float, float] | None) -> HostProbe | None:
    """Both measurements as one record; None when one is missing."""
    if before is None or after is None:
        return None
    return HostProbe(cpu_before_s=before[0], cpu_after_s=after[0], loopback_before_s=before[1], loopback_after_s=after[1])
