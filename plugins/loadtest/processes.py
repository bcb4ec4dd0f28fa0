"""Processes that outlive the one who started them: told apart by host, boot id, pid and start time, stopped as a group."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import psutil

from loadtest.files import Record


class ProcessIdentity(Record):
    """Enough to tell a process from another with the same pid, also across hosts and reboots."""

    host: str
    boot_id: str
    pid: int
    start_time: float  # seconds since the Unix epoch, as psutil reports it

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Identity of a live process; raises psutil.NoSuchProcess when it is gone."""
        return cls(host=socket.gethostname(), boot_id=boot_id(), pid=pid, start_time=psutil.Process(pid).create_time())

    @property
    def is_here(self) -> bool:
        """Whether it was started on this host since its last boot."""
        return self.host == socket.gethostname() and self.boot_id == boot_id()

    @property
    def is_alive(self) -> bool:
        """Whether exactly this process still runs here (a zombie does not)."""
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.start_time) < 0.05
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"boot-{psutil.boot_time():.0f}"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_group(identity: ProcessIdentity, *, grace_s: float = 5.0) -> bool:
    """End the process group that `identity` leads: SIGTERM, and SIGKILL for what is left after `grace_s`.

    Only for a process started with `start_new_session=True` (its pid is its group). What a dead leader left of its group is
    ended too: the system gives its pid to no other process as long as the group exists. Returns whether there was any.
    """
    if identity.pid <= 1 or not (identity.is_alive or (identity.is_here and not psutil.pid_exists(identity.pid))):
        return False
    members = _group_members(identity.pid)
    if not members:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(identity.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=grace_s)
    if alive:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(identity.pid, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=grace_s)
    return True


def _group_members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group:
                members.append(process)
    return members
