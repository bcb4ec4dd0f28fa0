"""What a sweep wants to delete and what it leaves alone, each with the reason."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loadtest.backend.models import DatabaseRef
from loadtest.files import FileModel, Record


class DeletionKind(StrEnum):
    """What the retention deletes."""

    ARTIFACT = "artifact"  # bulky files of an old run
    REFUSED = "refused"  # the folder of an old refused request
    REMAINS = "remains"  # of an interrupted write
    SCRATCH = "scratch"  # of a load or backend that is long over
    LOCK = "lock"  # a lock file that nobody holds
    DATABASE = "database"  # a sample database that no run uses


class Deletion(Record):
    """One file or folder, or one database, to delete. `path` is absolute (a URL on object storage); `run_folder` is the
    folder it belongs to; `size_bytes` is what becomes free, 0 where it is not known."""

    kind: DeletionKind
    path: str
    reason: str
    size_bytes: int = 0
    run_folder: str | None = None
    database: DatabaseRef | None = None


class Kept(Record):
    """Something old that stays, and why."""

    path: str
    reason: str


class SweepPlan(Record):
    """Deletions in the order in which they are carried out. `problems`: what could not be looked at, in sentences."""

    runs_root: str
    deletions: tuple[Deletion, ...]
    kept: tuple[Kept, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(deletion.size_bytes for deletion in self.deletions)


class SweepResult(Record):
    """What became of a plan. `problems`: (path and) why something could not be deleted, in sentences."""

    deleted: tuple[Deletion, ...]
    problems: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(deletion.size_bytes for deletion in self.deleted)


class RetentionNote(FileModel):
    """`retention.json` in a swept run folder: what was there and is no more, so that nobody looks for it."""

    SCHEMA_VERSION = 1

    swept_at: datetime
    deleted: tuple[str, ...]
    size_bytes: int
    reason: str


def readable_size(size_bytes: int) -> str:
    """`0 B`, `12.3 kB`, `1.5 GB`."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
