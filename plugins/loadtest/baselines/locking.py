"""One writer at a time over processes, without a file left behind: the folder itself is locked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from loadtest.errors import InfrastructureError
from loadtest.locks import wait_for_lock

WAIT_S = 30.0


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
        refusal = f"Somebody else has been writing in {folder} for {wait_s:.0f} s; try again, nothing was changed."
        wait_for_lock(descriptor, wait_s=wait_s, refusal=refusal)
        yield
    finally:
        os.close(descriptor)
