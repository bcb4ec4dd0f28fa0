"""One writer at a time over processes, without a file left behind: the folder itself is locked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from loadtest.errors import InfrastructureError

WAIT_S = 30.0
_POLL_S = 0.05


@contextlib.contextmanager
def locked_folder(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the folder's lock (flock; it ends with the process, however that ends). Creates the folder.

    Raises InfrastructureError when somebody else holds it for longer than `wait_s`, or when the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InfrastructureError(f"{folder} cannot be used: {error.strerror or error}; nothing was changed.") from error
    try:
        _acquire(descriptor, folder, wait_s)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise InfrastructureError(
                    f"Somebody else has been writing in {folder} for {wait_s:.0f} s; try again, nothing was changed."
                ) from None
            time.sleep(_POLL_S)
