"""Waiting for a lock that another process may hold. It ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import time

from loadtest.errors import InfrastructureError

_POLL_S = 0.05


def wait_for_lock(descriptor: int, *, wait_s: float, refusal: str) -> None:
    """Lock an open file or folder for this process alone; raises InfrastructureError(refusal) after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise InfrastructureError(refusal) from None
            time.sleep(_POLL_S)
