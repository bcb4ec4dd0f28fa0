"""What interrupted runs left on this machine: scratch folders, logs, lock files, sample databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from loadtest.backend.databases import list_orphaned_databases
from loadtest.errors import LoadTestError
from loadtest.files import is_local
from loadtest.load.control.run import ship_left_behind
from loadtest.locks import is_free
from loadtest.retention.artifacts import is_link, size_and_age
from loadtest.retention.models import Deletion, DeletionKind
from loadtest.settings import Settings

# A dead attempt can be recovered from its scratch folder, so it waits for somebody to notice.
STALE = timedelta(days=7)
UNUSED = timedelta(days=30)  # packages of scenarios, which take a while to be installed again


class ScratchSweep:
    """Looks at the scratch folder, the lock files and the databases of this machine."""

    def __init__(self, settings: Settings, *, now: datetime) -> None:
        self._settings, self._now = settings, now
        self.deletions: list[Deletion] = []
        self.problems: list[str] = []

    def look(self) -> None:
        for look in (self._loads, self._packages, self._logs, self._locks, self._databases):
            try:
                look()
            except (LoadTestError, OSError) as error:
                self.problems.append(str(error))

    def _loads(self) -> None:
        busy, waiting = _working_directories(), ship_left_behind()
        self.problems += [f"{path} is kept, what it holds is not stored yet: {problem}" for path, problem in waiting.items()]
        for run in _entries(self._settings.scratch / "loads"):
            attempts = [run] if is_link(run) or not run.is_dir() else [*_entries(run)] or [run]
            for path in attempts:
                if any(place == path.resolve() or path.resolve() in place.parents for place in busy):
                    continue
                if path.resolve() in waiting:
                    continue
                self._delete_if_stale(DeletionKind.SCRATCH, path, "no process works there any more")

    def _packages(self) -> None:
        for path in _entries(self._settings.scratch / "packages"):
            if path.is_dir():
                self._delete_if_stale(DeletionKind.SCRATCH, path, "packages that no scenario asked for", after=UNUSED)

    def _logs(self) -> None:
        for path in _entries(self._settings.scratch / "logs"):
            if path.suffix == ".log":
                self._delete_if_stale(DeletionKind.SCRATCH, path, "log of a backend that is long over")

    def _locks(self) -> None:
        """Locks are held by processes, not files, so a dead process holds none; old lock files are merely in the way."""
        roots = [self._settings.scratch]
        if is_local(self._settings.runs_root):
            roots.append(Path(str(self._settings.runs_root)) / "_alerts")
        for root in roots:
            for path in sorted(root.rglob("*.lock")) if root.is_dir() else []:
                if path.is_file() and is_free(path):
                    self._delete_if_stale(DeletionKind.LOCK, path, "nobody holds it")

    def _databases(self) -> None:
        for database in list_orphaned_databases():
            size = size_and_age(Path(database.path))[0] if database.path else 0
            self.deletions.append(
                Deletion(
                    kind=DeletionKind.DATABASE,
                    path=database.path or f"{database.server}/{database.name}",
                    reason="sample database that no run uses",
                    size_bytes=size,
                    database=database,
                )
            )

    def _delete_if_stale(self, kind: DeletionKind, path: Path, reason: str, *, after: timedelta = STALE) -> None:
        if is_link(path):
            return
        size, newest = size_and_age(path)
        age = self._now - datetime.fromtimestamp(newest, UTC)
        if age > after:
            days = f"unchanged for {age.days} days"
            self.deletions.append(Deletion(kind=kind, path=str(path.absolute()), reason=f"{reason}, {days}", size_bytes=size))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _working_directories() -> set[Path]:
    """Where the processes of this machine work; a load supervisor and its Locust work in their scratch folder."""
    return set(_places())


def _places() -> Iterator[Path]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            yield Path(process.cwd())
