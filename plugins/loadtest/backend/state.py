"""`backend.json` of a run, one writer at a time, and its copy on the host of the backend: a storage that fails must leave no
backend behind."""

from __future__ import annotations

import contextlib
import hashlib
from contextlib import AbstractContextManager
from pathlib import Path

from loadtest.backend.models import BackendState
from loadtest.files import is_local
from loadtest.locks import locked_file
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.storage import StorageError


def _key_of(folder: RunFolder) -> str:
    """A file name for what belongs to a run's backend on this host."""
    return hashlib.sha256(str(folder.path).encode()).hexdigest()[:16]


def one_at_a_time(folder: RunFolder) -> AbstractContextManager[None]:
    """One starter or stopper of a run's backend on this host: a retry may begin while the try before it still ends."""
    return locked_file(settings().scratch.resolve() / "locks" / f"backend-{_key_of(folder)}.lock")


def write_state(folder: RunFolder, state: BackendState) -> None:
    """Where the storage fails the copy is written all the same, and StorageError raised."""
    copy = _copy(folder)
    if not is_local(folder.path):
        state.write(copy)
    state.write(folder.backend_state)
    if state.stopped_at is not None:
        copy.unlink(missing_ok=True)


def read_state(folder: RunFolder) -> BackendState | None:
    """None where no backend was started; the copy where the storage fails."""
    try:
        return BackendState.read(folder.backend_state) if folder.backend_state.exists() else None
    except StorageError:
        with contextlib.suppress(OSError):
            if _copy(folder).exists():
                return BackendState.read(_copy(folder))
        raise


def _copy(folder: RunFolder) -> Path:
    return settings().scratch.resolve() / "backends" / f"{_key_of(folder)}.json"
