"""One load at a time on a host, whoever sends it: command line or Airflow, of any checkout, of any user.

The lock belongs to an open file that the load's supervisor inherits. So it is held as long as load goes out, also when the
process that started the load is gone, and it ends with its holders: none is ever left behind. In containers it is the
container's own, unless its file is mounted.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from loadtest.errors import InfrastructureError
from loadtest.files import Record
from loadtest.locks import try_lock
from loadtest.planning.quantities import format_duration
from loadtest.settings import settings

POLL_S = 0.1
TOLD_EVERY_S = 60.0
LONGEST_SIGNATURE = 4_096

Say = Callable[[str], None]


class Holder(Record):
    """Who sends load: stands in the lock's file, which everybody may write, so it is believed for messages only."""

    run_id: str
    checkout: str
    user: str
    pid: int

    @property
    def words(self) -> str:
        text = f"run {self.run_id[:120]} of checkout {self.checkout[:200]} (process {self.pid} of {self.user[:40]})"
        return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True)
class HostTurn:
    """The right to send load. `descriptor`: of the locked file; whoever holds a copy of it holds the lock."""

    descriptor: int


_own: ContextVar[HostTurn | None] = ContextVar("own", default=None)  # each thread has one of its own


@contextmanager
def host_turn(run_id: str, say: Say) -> Iterator[HostTurn]:
    """Wait, however long, until nobody else sends load from this host; `say` is told for whom. A process that has its turn
    already goes on with it: a run and its confirmations are one turn.

    Raises InfrastructureError where the lock's file cannot be used.
    """
    if (own := _own.get()) is not None:
        yield own
        return
    descriptor = _open(settings().host_lock)
    try:
        _wait(descriptor, say)
        _sign(descriptor, Holder(run_id=run_id, checkout=str(settings().home), user=_user(), pid=os.getpid()))
        turn = HostTurn(descriptor)
        token = _own.set(turn)
        try:
            yield turn
        finally:
            _own.reset(token)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, say: Say) -> None:
    began = time.monotonic()
    told_at, told = -TOLD_EVERY_S, ""
    while not try_lock(descriptor):
        waited_s = time.monotonic() - began
        whom = _whom(descriptor)
        if whom != told or waited_s - told_at >= TOLD_EVERY_S:
            told, told_at = whom, waited_s
            since = f", for {format_duration(round(waited_s))} so far" if waited_s >= TOLD_EVERY_S else ""
            say(f"waiting for {whom}, which sends load from this host{since}")
        time.sleep(POLL_S)


def _sign(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.model_dump_json().encode()[:LONGEST_SIGNATURE], 0)


def _whom(descriptor: int) -> str:
    try:
        return Holder.model_validate_json(os.pread(descriptor, LONGEST_SIGNATURE, 0)).words
    except (ValidationError, ValueError):  # it is signing just now
        return "another run"


def _open(path: Path) -> int:
    """The file for all users: readable and writable by everybody, no link, nothing special.

    It is made and opened in two steps, since systems protect what lies in a shared folder from being opened by others as if
    they made it.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        with contextlib.suppress(FileExistsError):
            made = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(made, 0o666)  # whatever the umask
            os.close(made)
        descriptor = os.open(path, flags)
    except OSError as error:
        raise InfrastructureError(
            f"The lock that keeps two loads of a host apart, {path}, cannot be used: {error.strerror or error}; remove it, or "
            "let LOADTEST_HOST_LOCK name a file that everybody who sends load from this host may write."
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InfrastructureError(f"The lock that keeps two loads of a host apart, {path}, is no ordinary file; remove it.")
    return descriptor


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"user {os.getuid()}"
