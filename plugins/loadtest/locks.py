"""Waiting for a lock that another process may hold. It ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from loadtest.errors import InfrastructureError

_POLL_S = 0.05


def wait_for_lock(descriptor: int, *, wait_s: float, refusal: str) -> None:
    """Lock an open file or folder for this process alone; raises InfrastructureError(refusal) after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while not _locked(descriptor):
        if time.monotonic() >= deadline:
            raise InfrastructureError(refusal)
        time.sleep(_POLL_S)


@contextmanager
def signed_lock(path: Path, signature: str, *, on_wait: Callable[[str], None], on_left: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the file at `path`, however long that takes, with one's signature in it.

    `on_wait` gets the signature of who holds it, `on_left` that of a holder who did not come to its end (killed, an error).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        told = ""
        while not _locked(stream.fileno()):
            if (holder := _signature(stream)) and holder != told:
                told = holder
                on_wait(holder)
            time.sleep(_POLL_S)
        if left := _signature(stream):
            on_left(left)
        _sign(stream, signature)
        yield
        _sign(stream, "")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signature(stream: TextIO) -> str:
    """Empty while somebody is signing."""
    stream.seek(0)
    line = stream.readline()
    return line.strip() if line.endswith("\n") else ""


def _sign(stream: TextIO, signature: str) -> None:
    stream.truncate(0)
    if signature:
        stream.write(signature + "\n")
    stream.flush()
