"""Stop the backend of a run and take away what it leaves: its process group, its database, its log (kept, masked)."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from loadtest.backend.databases import drop_database
from loadtest.backend.logs import write_masked_log
from loadtest.backend.models import BackendState
from loadtest.backend.state import one_at_a_time, read_state, write_state
from loadtest.errors import InfrastructureError, LoadTestError
from loadtest.files import AnyPath
from loadtest.processes import ProcessIdentity, scratch_id, stop_group
from loadtest.run_folder import RunFolder
from loadtest.storage import StorageError

_log = logging.getLogger(__name__)

# Set for each backend: a process whose starter died before it could write down its pid is found by it.
RUN_MARK = "LOADTEST_BACKEND_OF"


class BackendElsewhereError(InfrastructureError):
    """The backend was started on another machine, which may be gone."""


def stop_backend(folder: RunFolder) -> None:
    """Stop the run's backend, keep its log as `backend.log`, drop its database. Can be called any number of times, also when
    nothing was started or all is gone. Raises BackendElsewhereError, with nothing done, when it was started on another host."""
    if read_state(folder) is None:
        return
    with one_at_a_time(folder):
        state = read_state(folder)
        if state is None or state.stopped_at is not None:
            return
        require_this_machine(state)
        state = state.model_copy(update={"stopping_at": datetime.now(UTC)})
        with contextlib.suppress(StorageError):  # before, so that a load that still runs can tell this from a death
            write_state(folder, state)
        clean_up(state, folder)
        write_state(folder, state.model_copy(update={"stopped_at": datetime.now(UTC)}))


def require_this_machine(state: BackendState) -> None:
    """Raises BackendElsewhereError when `state` is of a backend on another machine, where it can neither be seen nor stopped."""
    if not state.machine.is_here:
        raise BackendElsewhereError(
            f"The backend of run {state.run_id} was started on {state.machine.host} and this is another machine "
            f"({socket.gethostname()}): it ended with that one, or must be stopped there; a run's tasks belong on one machine."
        )


def clean_up(state: BackendState, folder: RunFolder) -> None:
    """End whatever runs of this backend, keep its log, drop its database."""
    if state.identity is not None and not stop_group(state.identity):
        _reap(state.identity)
    stop_marked(folder)
    _keep_log(Path(state.log_path), folder.backend_log)
    if state.database is not None:
        try:
            drop_database(state.database)
        except LoadTestError as error:
            # The run's results matter more; the daily clean-up finds the database again.
            _log.warning("The database %s was not dropped: %s", state.database.name, error)


def run_mark(folder: RunFolder) -> str:
    """Of this scratch folder too: another machine's backend of the same run may be in sight."""
    return f"{folder.path} {scratch_id()}"


def stop_marked(folder: RunFolder, *, grace_s: float = 5.0) -> None:
    """End processes of the run's backend on this machine that are not in its group, or whose pid nobody wrote down."""
    alive = [process for mark, process in _marked() if mark == run_mark(folder)]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in alive:
            with contextlib.suppress(psutil.Error):
                end(process)
        give_up = time.monotonic() + grace_s
        while (alive := [process for process in alive if _runs(process)]) and time.monotonic() < give_up:
            time.sleep(0.02)


def backends_here() -> dict[str, psutil.Process]:
    """A process of each backend that runs on this machine, by the path of its run folder."""
    here = f" {scratch_id()}"
    return {mark.removesuffix(here): process for mark, process in _marked() if mark.endswith(here) and _runs(process)}


def _marked() -> list[tuple[str, psutil.Process]]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (mark := process.environ().get(RUN_MARK)) is not None:
                found.append((mark, process))
    return found


def _runs(process: psutil.Process) -> bool:
    """Orphans stay zombies where nobody reaps them, as in many containers: they run no more."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _reap(identity: ProcessIdentity) -> None:
    """A backend that died by itself stays a zombie until its parent, who may be this process, asks for its exit code."""
    if identity.is_here:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(identity.pid, os.WNOHANG)


def _keep_log(source: Path, target: AnyPath) -> None:
    """Move the log into the run folder. A log that cannot be written must not keep the backend's database alive."""
    try:
        write_masked_log(source, target)
        source.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        _log.warning("The log %s was not kept: %s", source, error)
