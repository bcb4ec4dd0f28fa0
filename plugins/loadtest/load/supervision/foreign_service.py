"""Which of the host's processes are the service that is under load, where the run did not start it.

Who listens on its port is known to the kernel, and so is who those processes talk to on this host: a reverse proxy's upstream, a
database. What they start belongs to them as well. Where it cannot be told (another user's processes, a container behind a proxy
of its runtime), nothing is claimed.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psutil

EVERY_S = 10.0
# They listen for processes elsewhere: in containers, on other machines.
FORWARDERS = frozenset({"docker-proxy", "rootlessport", "slirp4netns", "pasta", "conmon", "ssh", "sshd", "kubectl", "socat"})


@dataclass(frozen=True)
class _Connection:
    """`peer_*`: empty and 0 of one that listens."""

    pid: int | None
    listens: bool
    address: str
    port: int
    peer_address: str
    peer_port: int

    @classmethod
    def of(cls, one: Any) -> _Connection:
        local, peer = one.laddr or ("", 0), one.raddr or ("", 0)
        return cls(one.pid, one.status == psutil.CONN_LISTEN, local[0], local[1], peer[0], peer[1])


class ForeignService:
    """`port`: where the service listens on this host. Processes that were once seen to belong to it do so for the whole load."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pids: set[int] = set()
        self._is_unknown = False
        self._looked_at: float | None = None

    def pids(self) -> set[int] | None:
        """Of the service and what it reaches on this host, without what they started; None where that cannot be known."""
        if self._looked_at is None or time.monotonic() - self._looked_at >= EVERY_S:
            self._looked_at = time.monotonic()
            self._look()
        return None if self._is_unknown or not self._pids else self._pids

    def _look(self) -> None:
        try:
            connections = [_Connection.of(one) for one in psutil.net_connections("tcp")]
        except (psutil.Error, OSError):
            self._is_unknown = True
            return
        owners: defaultdict[int, set[int | None]] = defaultdict(set)  # by the port on which they listen
        reached: defaultdict[int, set[int]] = defaultdict(set)  # ports of this host, by the process that is connected to them
        listening = {one.port for one in connections if one.listens}
        own = {one.address for one in connections}
        for one in connections:
            if one.listens:
                owners[one.port].add(one.pid)
            elif one.pid is not None and one.peer_address in own and one.peer_port in listening:
                reached[one.pid].add(one.peer_port)
        ports, seen = {self._port}, set[int]()
        while ports - seen:
            port = (ports - seen).pop()
            seen.add(port)
            for pid in owners[port]:
                if pid is None or _name(pid) in FORWARDERS:
                    self._is_unknown = True
                    return
                self._pids.add(pid)
                ports |= reached[pid]


def _name(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).name()
    return ""
