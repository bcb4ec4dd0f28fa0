"""Processes that outlive the one who started them: told apart by machine, pid and start time, stopped as a group.

A machine is where processes see each other: a host or a container, from its start to its end. Its name does not tell it from
others: all containers of a service may have the same one, and a container that replaces another has a new one. What does is the
kernel's boot id (containers of a host share it), the pid namespace, and a random id in the scratch folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import tempfile
from pathlib import Path
from typing import Self

import psutil

from loadtest.files import Record, private_folder
from loadtest.settings import settings

SCRATCH_ID_FILE = "machine-id"


class Machine(Record):
    """Where a process runs. `host` is for people. What is empty was not recorded by an earlier version, and tells nothing."""

    host: str
    boot_id: str = ""
    pid_namespace: str = ""
    scratch_id: str = ""

    @classmethod
    def here(cls) -> Machine:
        return Machine(host=socket.gethostname(), boot_id=boot_id(), pid_namespace=pid_namespace(), scratch_id=scratch_id())

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, not another and not one that this one replaced."""
        pairs = ((self.boot_id, boot_id), (self.pid_namespace, pid_namespace), (self.scratch_id, scratch_id))
        return all(recorded == here() for recorded, here in pairs if recorded)

    @property
    def shares_scratch(self) -> bool:
        """Whether its scratch folder is ours, as that of a container that this one replaced may be."""
        return self.scratch_id in ("", scratch_id())


class ProcessIdentity(Machine):
    """Enough to tell a process from another with the same pid, also across machines and reboots."""

    pid: int
    start_time: float  # seconds since the Unix epoch, as psutil reports it

    @classmethod
    def of(cls, pid: int) -> Self:
        """Identity of a live process; raises psutil.NoSuchProcess when it is gone."""
        return cls(**Machine.here().model_dump(), pid=pid, start_time=psutil.Process(pid).create_time())

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


def pid_namespace() -> str:
    """Of this process, such as `pid:[4026531836]`; empty where the system has none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def scratch_id() -> str:
    """The random id of this scratch folder, made by whoever asks first."""
    path = settings().scratch / SCRATCH_ID_FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii")
    private_folder(path.parent)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as mine:
        mine.write(secrets.token_hex(16))
        mine.flush()
        with contextlib.suppress(FileExistsError):  # somebody was faster
            os.link(mine.name, path)
    return path.read_text(encoding="ascii")


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1 now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


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
