"""Does the process of a backend of ours still run under load, and what ended it if not?"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from loadtest.backend.logs import last_lines
from loadtest.backend.models import BackendState
from loadtest.backend.state import read_state
from loadtest.errors import ConfigurationError
from loadtest.load.models import BackendUse, ServiceDeath
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import RunFolder
from loadtest.storage import StorageError

LINES_KEPT = 5
MOST_LOOKS_KEPT = 1_200  # then every second one goes, and looks are kept half as often
_VMSTAT = Path("/proc/vmstat")
_EXIT_CODE_FIELD = 49  # of /proc/PID/stat after the command's name: the wait status of a process that nobody waited for yet


class BackendWatch:
    """Looks each time it is asked; keeps the first death it saw. Watches nothing where the backend is not ours or not here.
    `state`: of the backend, None where it is not ours."""

    def __init__(self, folder: RunFolder, generator_pids: Iterable[int]) -> None:
        self._folder = folder
        self._generator_pids = tuple(generator_pids)
        self.state = _state_of(folder)
        self._oom_kills = _oom_kills()
        self._memory = (0, 0)  # bytes: the load generator's, the backend's
        self._death: ServiceDeath | None = None
        self._use: list[BackendUse] = []
        self._looks, self._kept_each = 0, 1

    def look(self) -> None:
        identity = self.state.identity if self.state else None
        if self._death is not None or self.state is None or identity is None or not identity.is_here:
            return
        if identity.is_alive:
            self._memory = (_memory_of(self._generator_pids), _memory_of([identity.pid]))
            self._keep_use(identity.pid)
            return
        status = _wait_status(identity)
        died_by = None if status is None else status & 0x7F
        generator, backend = self._memory
        self._death = ServiceDeath(
            at=datetime.now(UTC),
            exit_code=status >> 8 if status is not None and not died_by else None,
            signal=signal.Signals(died_by).name if died_by in set(signal.Signals) else None,
            last_lines=tuple(last_lines(Path(self.state.log_path), LINES_KEPT)),
            oom_kills=max(0, _oom_kills() - self._oom_kills),
            generator_memory_bytes=generator,
            backend_memory_bytes=backend,
        )

    def use(self) -> tuple[BackendUse, ...]:
        """What the backend held over time, evenly apart and bounded however long the load is."""
        return tuple(self._use)

    def _keep_use(self, pid: int) -> None:
        self._looks += 1
        if self._looks % self._kept_each:
            return
        self._use.append(BackendUse(at=datetime.now(UTC), memory_bytes=self._memory[1], open_files=_open_files_of(pid)))
        if len(self._use) >= MOST_LOOKS_KEPT:
            self._use, self._kept_each = self._use[1::2], self._kept_each * 2

    def death(self) -> ServiceDeath | None:
        """The death, and whether we are its cause: looked up as late as possible, for a stop takes its time."""
        if self._death is None:
            return None
        now = _state_of(self._folder)
        return self._death.model_copy(update={"stopped_by_us": now is not None and now.stopping_at is not None})


def _state_of(folder: RunFolder) -> BackendState | None:
    try:
        return read_state(folder)
    except (ConfigurationError, StorageError, OSError):  # the load's own result matters more
        return None


def _wait_status(identity: ProcessIdentity) -> int | None:
    """As waitpid(2) gives it, of a dead process whose parent has not asked yet; None where it is gone already."""
    try:
        process = psutil.Process(identity.pid)
        if abs(process.create_time() - identity.start_time) >= 0.05:
            return None
        fields = Path(f"/proc/{identity.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[_EXIT_CODE_FIELD])
    except (psutil.Error, OSError, IndexError, ValueError):
        return None


def _memory_of(pids: Iterable[int]) -> int:
    """Resident bytes of these processes and their children."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(pid)
            for process in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
    return total


def _open_files_of(pid: int) -> int:
    """File descriptors of the process and its children."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.num_fds()
    return total


def _oom_kills() -> int:
    """How often this host's kernel killed a process for want of memory since it booted."""
    try:
        counts = dict(line.split() for line in _VMSTAT.read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0
