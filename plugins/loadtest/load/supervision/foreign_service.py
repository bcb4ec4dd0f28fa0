"""Which of the host's processes are the service that is under load, where the run did not start it.

Who listens on its port is known to the kernel, and so is who those processes talk to on this host: a reverse proxy's upstream, a
database. What they start belongs to them as well. Where it cannot be told (another user's processes, a container behind a proxy
of its runtime), nothing is claimed.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict

import psutil

EVERY_S = 10.0
# They listen for processes elsewhere: in containers, on other machines.
FORWARDERS = frozenset(
    {"docker-proxy", "rootlessport", "slirp4netns", "pasta", "passt", "conmon", "ssh", "sshd", "kubectl", "socat"}
)


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
            connections = psutil.net_connections("tcp")
        except (psutil.Error, OSError):
            self._is_unknown = True
            return
        owners: defaultdict[int, set[int | None]] = defaultdict(set)  # by the port on which they listen
        reached: defaultdict[int, set[int]] = defaultdict(set)  # ports of this host, by the process that is connected to them
        connections = [one for one in connections if one.laddr]
        listening = {one.laddr[1] for one in connections if one.status == psutil.CONN_LISTEN}
        own = {one.laddr[0] for one in connections}
        for one in connections:
            if one.status == psutil.CONN_LISTEN:
                owners[one.laddr[1]].add(one.pid)
            elif one.pid is not None and one.raddr and one.raddr[0] in own and one.raddr[1] in listening:
                reached[one.pid].add(one.raddr[1])
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
