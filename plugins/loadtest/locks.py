"""Locks between processes (flock). One ends with the process that holds it, however that ends, so none is ever left behind."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from loadtest.errors import InfrastructureError

FOLDER_WAIT_S = 30.0
_POLL_S = 0.05


@contextmanager
def locked_file(path: Path, *, wait_s: float = math.inf, refusal: str = "") -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made if need be; raises InfrastructureError(refusal) after `wait_s`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        _wait(stream.fileno(), wait_s, refusal)
        yield


@contextmanager
def locked_folder(folder: Path, wait_s: float = FOLDER_WAIT_S) -> Iterator[None]:
    """Hold the lock of the folder itself, which is made if need be: no file is left in it.

    Raises InfrastructureError when somebody else holds it for longer than `wait_s`, or when the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InfrastructureError(f"{folder} cannot be used: {error.strerror or error}; nothing was changed.") from error
    try:
        _wait(
            descriptor, wait_s, f"Somebody else has been writing in {folder} for {wait_s:.0f} s; try again, nothing was changed."
        )
        yield
    finally:
        os.close(descriptor)


@contextmanager
def signed_lock(path: Path, signature: str, *, on_wait: Callable[[str], None], on_left: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the file at `path`, however long that takes, with one's signature in it.

    `on_wait` gets the signature of who holds it, `on_left` that of a holder who did not come to its end (killed, an error).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        told = ""
        while not try_lock(stream.fileno()):
            if (holder := _signature(stream)) and holder != told:
                told = holder
                on_wait(holder)
            time.sleep(_POLL_S)
        if left := _signature(stream):
            on_left(left)
        _sign(stream, signature)
        yield
        _sign(stream, "")


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock of this file now."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return try_lock(stream.fileno())
    return False


def _wait(descriptor: int, wait_s: float, refusal: str) -> None:
    deadline = time.monotonic() + wait_s
    while not try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise InfrastructureError(refusal)
        time.sleep(_POLL_S)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file unless somebody else holds it; whether it is held now."""
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
