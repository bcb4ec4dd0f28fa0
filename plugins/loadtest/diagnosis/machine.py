"""The machine that sends load: processors, memory, disk, ports, clock, limits, and what the kernel tells about processes."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import resource
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil

from loadtest.diagnosis.checks import Check, note, ok, wrong
from loadtest.settings import Settings

GIB = 1024**3
LEAST_FREE_GIB = 2.0
LEAST_MEMORY_GIB = 1.0
ENOUGH_OPEN_FILES = 10_000
FEWEST_OPEN_FILES = 1_024
ENOUGH_PORTS = 20_000
PROC_FILES = ("/proc/self/stat", "/proc/self/schedstat", "/proc/stat", "/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized


def versions() -> Iterator[Check]:
    if sys.version_info[:2] == (3, 11):
        yield ok("Python", platform.python_version())
    else:
        yield wrong("Python", platform.python_version(), "install Python 3.11; no other is supported")
    named = ", ".join(f"{name} {version(name)}" for name in ("loadtest", "locust", "apache-airflow"))
    yield ok("versions", named)


def processors_and_memory() -> Iterator[Check]:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    busy = f"{cores} cores, load average {load:.1f}"
    if load > cores:
        yield note("processors", busy, "others use this machine now; a load test beside them measures them too")
    else:
        yield ok("processors", busy)
    free = psutil.virtual_memory().available / GIB
    if free < LEAST_MEMORY_GIB:
        yield wrong("memory", f"{free:.1f} GiB free", f"free at least {LEAST_MEMORY_GIB:g} GiB; Airflow alone takes about that")
    else:
        yield ok("memory", f"{free:.1f} GiB free")


def disk(settings: Settings) -> Iterator[Check]:
    place = settings.scratch
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    found = f"{free:.1f} GiB free for {settings.scratch}"
    if free < LEAST_FREE_GIB:
        yield wrong("disk", found, f"free at least {LEAST_FREE_GIB:g} GiB, or name another disk in LOADTEST_SCRATCH")
    else:
        yield ok("disk", found)


def limits() -> Iterator[Check]:
    """Each connection of a virtual user is an open file and a local port."""
    most, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{_many(most)} at most ({_many(hardest)} can be had)"
    if 0 <= most < FEWEST_OPEN_FILES:
        yield wrong("open files", found, "raise it before a load test: ulimit -n 65536")
    elif 0 <= most < ENOUGH_OPEN_FILES:
        yield note("open files", found, f"enough for about {most // 2:,} users; for more: ulimit -n 65536")
    else:
        yield ok("open files", found)
    try:
        first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    except (OSError, ValueError):
        return
    found = f"{last - first:,} for connections from here"
    if last - first < ENOUGH_PORTS:
        yield note("local ports", found, "widen net.ipv4.ip_local_port_range where users do not keep their connections")
    else:
        yield ok("local ports", found)


def listening() -> Iterator[Check]:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield ok("ports", f"a server can listen on 127.0.0.1 (tried {server.getsockname()[1]})")
    except OSError as error:
        yield wrong("ports", f"nothing can listen on 127.0.0.1: {error}", "allow this user to listen on the loopback interface")


def clock() -> Iterator[Check]:
    """Whether the kernel is told that something keeps the clock right."""
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    state = library.adjtimex(ctypes.create_string_buffer(512))  # zeros ask and change nothing
    if state == _TIME_ERROR:
        yield note(
            "clock", "the kernel says it is not synchronized", "run chrony or systemd-timesyncd, in a container on its host"
        )
    elif state < 0:
        yield note("clock", "the kernel does not tell whether it is synchronized", "look that something keeps it right")
    else:
        yield ok("clock", "synchronized")


def kernel_facts() -> Iterator[Check]:
    """What the recorder reads about its own processes; without it, runs are invalid."""
    missing = [name for name in PROC_FILES if not os.access(name, os.R_OK)]
    if missing:
        remedy = "run on Linux with /proc mounted and readable: without it a generator cannot watch itself, and runs are invalid"
        yield wrong("/proc", f"cannot read {', '.join(missing)}", remedy)
    else:
        yield ok("/proc", "tells about processes, run queues and this boot")


def _many(number: int) -> str:
    return "any number" if number == resource.RLIM_INFINITY else f"{number:,}"
