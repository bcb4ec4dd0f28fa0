"""One starter or stopper of a run's backend at a time on this host: a retry may begin while the try before it still ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.backend.state import key_of
from loadtest.run_folder import RunFolder
from loadtest.settings import settings


@contextmanager
def one_at_a_time(folder: RunFolder) -> Iterator[None]:
    """Wait for the run's lock. It is held by the process, not by the file, so none is left by one that died."""
    locks = settings().scratch.resolve() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f"backend-{key_of(folder)}.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
