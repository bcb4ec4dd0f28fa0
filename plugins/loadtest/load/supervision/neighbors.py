"""Who else uses the host's processors during the load: neither the load generator nor the backend.

Every few seconds the CPU time of all processes is read from /proc. What they used beyond ours and the backend's is the
neighbors' part; what no visible process explains (other containers, processes that came and went) and what the hypervisor took
counts as well.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from loadtest.backend.models import BackendState
from loadtest.load.models import NeighborFacts, NeighborProcess
from loadtest.load.supervision.foreign_service import ForeignService

EVERY_S = 2.0
MOST_NAMED = 3
LEAST_NAMED_SHARE = 0.02
UNSEEN, HYPERVISOR = "processes that cannot be seen from here", "the machine's hypervisor"
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_KERNEL = 2  # kthreadd: what it started works for everybody, for our own traffic too


@dataclass(frozen=True)
class _Process:
    name: str
    parent: int
    session: int
    user_s: float
    system_s: float


@dataclass(frozen=True)
class _Look:
    """CPU seconds since the boot: of all programs in user mode, taken by the hypervisor, and of each process."""

    at: float  # seconds since the Unix epoch
    user_s: float
    stolen_s: float
    processes: dict[tuple[int, int], _Process]  # by pid and start time


@dataclass(frozen=True)
class _Interval:
    start: float
    end: float
    used_s: dict[str, float]  # by name


class NeighborWatch:
    """Looks each time it is asked, at most every EVERY_S. Observes nothing where the service runs on this host and nobody knows
    which processes belong to it."""

    def __init__(self, base_url: str, backend: BackendState | None) -> None:
        self._backend = backend
        address = urlsplit(base_url)
        is_foreign = (backend is None or backend.identity is None) and _is_here(address.hostname or "")
        port = address.port or (443 if address.scheme == "https" else 80)
        self._service = ForeignService(port) if is_foreign else None
        self._observes = _PROC.joinpath("stat").exists() and (is_foreign or _is_told_apart(base_url, backend))
        self._last: _Look | None = None
        self._intervals: list[_Interval] = []

    def look(self) -> None:
        if not self._observes or (self._last is not None and time.time() - self._last.at < EVERY_S):
            return
        if self._service is not None and self._service.pids() is None:
            self._last = None
            return
        now = _look()
        if self._last is not None:
            self._intervals.append(_Interval(self._last.at, now.at, self._used(self._last, now)))
        self._last = now

    def facts(self, within: tuple[float, float] | None = None) -> NeighborFacts | None:
        """Of the intervals whose middle lies `within` (start, end; seconds since the epoch), or of all; None without any."""
        chosen = [one for one in self._intervals if within is None or within[0] <= (one.start + one.end) / 2 <= within[1]]
        capacity_s = (os.cpu_count() or 1) * sum(one.end - one.start for one in chosen)
        if not capacity_s:
            return None
        used: defaultdict[str, float] = defaultdict(float)
        for one in chosen:
            for name, used_s in one.used_s.items():
                used[name] += used_s
        named = [
            NeighborProcess(name=name, share=round(used_s / capacity_s, 4))
            for name, used_s in sorted(used.items(), key=lambda item: -item[1])[:MOST_NAMED]
            if used_s > LEAST_NAMED_SHARE * capacity_s
        ]
        return NeighborFacts(share=round(min(1.0, sum(used.values()) / capacity_s), 4), processes=tuple(named))

    def share(self, start_s: float, end_s: float) -> float:
        """Of the host's CPU, between two moments (seconds since the epoch); 0 where nothing was observed."""
        facts = self.facts((start_s, end_s))
        return facts.share if facts else 0.0

    def recent(self) -> NeighborFacts | None:
        """Of the last look."""
        return self.facts((self._intervals[-1].start, self._intervals[-1].end)) if self._intervals else None

    def _used(self, before: _Look, now: _Look) -> dict[str, float]:
        own = _with_descendants(now.processes, {os.getpid()}, {os.getpid()}) | {os.getppid()}
        if self._backend is not None and self._backend.identity is not None:
            leader = self._backend.identity.pid
            own |= _with_descendants(now.processes, {leader}, {leader})
        if self._service is not None and (served := self._service.pids()):
            own |= _with_descendants(now.processes, served, set())
        database = {"postgres"} if self._backend and self._backend.database and self._backend.database.server else set()
        used: defaultdict[str, float] = defaultdict(float)
        seen_user_s = 0.0
        for key, process in now.processes.items():
            earlier = before.processes.get(key)
            user_s = process.user_s - (earlier.user_s if earlier else 0.0)
            system_s = process.system_s - (earlier.system_s if earlier else 0.0)
            seen_user_s += user_s
            if key[0] not in own and process.name not in database and _KERNEL not in (key[0], process.parent):
                used[process.name] += user_s + system_s
        used[UNSEEN] = max(0.0, now.user_s - before.user_s - seen_user_s)
        used[HYPERVISOR] = max(0.0, now.stolen_s - before.stolen_s)
        return used


def _look() -> _Look:
    cpu = psutil.cpu_times()
    processes = {}
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended meanwhile
                start, process = _parsed(Path(entry.path, "stat").read_text(errors="replace"))
                processes[int(entry.name), start] = process
    return _Look(time.time(), cpu.user + cpu.nice, getattr(cpu, "steal", 0.0), processes)


def _parsed(stat: str) -> tuple[int, _Process]:
    """Start time in ticks and the rest of /proc/PID/stat; the name may hold spaces and brackets itself."""
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    user_s, system_s = int(fields[11]) / _TICKS, int(fields[12]) / _TICKS
    return int(fields[19]), _Process(name, int(fields[1]), int(fields[3]), user_s, system_s)


def _with_descendants(processes: dict[tuple[int, int], _Process], pids: set[int], sessions: set[int]) -> set[int]:
    """`pids`, everything below them, and the sessions that they lead: a child whose parent ended stays in its session."""
    found = set(pids) | {pid for (pid, _), process in processes.items() if process.session in sessions}
    grew = True
    while grew:
        children = {pid for (pid, _), process in processes.items() if process.parent in found}
        grew = not children <= found
        found |= children
    return found


def _is_told_apart(base_url: str, backend: BackendState | None) -> bool:
    """Whether a backend of ours is what listens there; a service elsewhere has no process here."""
    address = urlsplit(base_url)
    if backend is None or backend.identity is None:
        return True
    try:
        leader = psutil.Process(backend.identity.pid)
        return any(_listens(process, address.port) for process in (leader, *leader.children(recursive=True)))
    except psutil.Error:
        return False


def _listens(process: psutil.Process, port: int | None) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in process.net_connections("tcp"))
    return False


def _is_here(host: str) -> bool:
    """Whether a host name is this machine; one that is not known is somewhere else."""
    own = {each.address.partition("%")[0] for addresses in psutil.net_if_addrs().values() for each in addresses}
    with contextlib.suppress(OSError, UnicodeError):
        return any(_is_own(str(info[4][0]), own) for info in socket.getaddrinfo(host, None))
    return False


def _is_own(address: str, own: Iterable[str]) -> bool:
    return address in own or ipaddress.ip_address(address.partition("%")[0]).is_loopback
