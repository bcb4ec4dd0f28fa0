"""Retention in two steps: what would go (`plan_sweep`), and doing it (`carry_out`).

Only what the plan names is deleted, and each path is looked at once more right before: it must still be below the runs'
root (or scratch), and neither it nor a folder above it may have become a link.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from upath import UPath

from loadtest.backend.databases import drop_database
from loadtest.errors import LoadTestError
from loadtest.files import is_local
from loadtest.load.control.run import find_live_load
from loadtest.locks import is_free
from loadtest.retention.artifacts import NOTE, is_link
from loadtest.retention.models import Deletion, DeletionKind, RetentionNote, SweepPlan, SweepResult
from loadtest.retention.runs import RunSweep
from loadtest.retention.scratch import ScratchSweep
from loadtest.run_folder import RunFolder
from loadtest.settings import settings

_log = logging.getLogger(__name__)
_IN_RUNS = (DeletionKind.ARTIFACT, DeletionKind.REFUSED, DeletionKind.REMAINS)


def plan_sweep(*, now: datetime | None = None) -> SweepPlan:
    """What retention would delete now, and why. Deletes nothing.

    Errors: InfrastructureError when the history cannot be read, since then it is unknown which evidence must stay.
    """
    now = now or datetime.now(UTC)
    runs = RunSweep(settings(), now=now)
    runs.look()
    scratch = ScratchSweep(settings(), now=now)
    scratch.look()
    return SweepPlan(
        runs_root=str(settings().runs_root),
        deletions=(*runs.deletions, *scratch.deletions),
        kept=tuple(runs.kept),
        problems=(*runs.problems, *scratch.problems),
    )


def carry_out(plan: SweepPlan) -> SweepResult:
    """Delete what the plan names, one after the other; each deletion is logged. One that fails stops no other, and what
    is gone already is no problem."""
    deleted: list[Deletion] = []
    problems: list[str] = []
    for run_folder, group in groupby(plan.deletions, key=lambda deletion: deletion.run_folder):
        if run_folder is not None and _is_live(RunFolder(UPath(run_folder))):
            problems.append(f"{run_folder} was left alone: its load is running.")
            continue
        done = list(_delete_all(group, problems))
        deleted += done
        artifacts = [deletion for deletion in done if deletion.kind is DeletionKind.ARTIFACT]
        if run_folder is not None and artifacts:
            _leave_note(UPath(run_folder), artifacts)
    return SweepResult(deleted=tuple(deleted), problems=tuple(problems))


def _delete_all(deletions: Iterable[Deletion], problems: list[str]) -> Iterable[Deletion]:
    for deletion in deletions:
        try:
            if _delete(deletion):
                _log.info("Deleted %s (%d bytes): %s", deletion.path, deletion.size_bytes, deletion.reason)
                yield deletion
        except (LoadTestError, OSError) as error:
            problems.append(f"{deletion.path} could not be deleted: {error}")
            _log.warning("%s", problems[-1])


def _delete(deletion: Deletion) -> bool:
    """Returns whether there was something to delete."""
    if deletion.database is not None:
        drop_database(deletion.database)
        return True
    path = UPath(deletion.path)
    scratch, runs_root = settings().scratch, settings().runs_root
    root = UPath(runs_root) if deletion.kind in _IN_RUNS else UPath(scratch)
    if not is_local(path):
        if not str(path).startswith(f"{str(root).rstrip('/')}/"):
            raise LoadTestError(f"it is not below {root}")
        return _delete_remote(path)
    local = Path(str(path))
    if deletion.kind is DeletionKind.LOCK:
        _require_below(local, [Path(str(scratch)), Path(str(runs_root))])
        if local.exists() and not is_free(local):
            raise LoadTestError("somebody holds it now")
    else:
        _require_below(local, [Path(str(root))])
    if not local.exists():
        return False
    if local.is_dir():
        shutil.rmtree(local)  # refuses a link and follows none below
        _remove_if_empty(local.parent, deletion.kind)
    else:
        local.unlink()
    return True


def _delete_remote(path: UPath) -> bool:
    if not path.exists():
        return False
    if path.is_dir():
        path.rmdir(recursive=True)
    else:
        path.unlink()
    return True


def _require_below(path: Path, roots: list[Path]) -> None:
    """The path must be inside one of the roots without passing through a link below it (the root itself may be one)."""
    if is_link(path):
        raise LoadTestError("it has become a link")
    for root in roots:
        if _inside(path, root) and path.parent.resolve() == root.resolve() / path.parent.absolute().relative_to(root.absolute()):
            return
    raise LoadTestError(f"it is not below {' or '.join(map(str, roots))}, or behind a link")


def _inside(path: Path, root: Path) -> bool:
    return ".." not in path.parts and path.absolute().is_relative_to(root.absolute()) and path.absolute() != root.absolute()


def _remove_if_empty(folder: Path, kind: DeletionKind) -> None:
    """The folder of a run's attempts in scratch, once its last attempt is gone."""
    if kind is DeletionKind.SCRATCH and folder.name != "loads" and not any(folder.iterdir()):
        folder.rmdir()


def _is_live(folder: RunFolder) -> bool:
    try:
        return find_live_load(folder) is not None
    except (LoadTestError, OSError):
        return True


def _leave_note(folder: UPath, deleted: list[Deletion]) -> None:
    """Earlier notes are added to. A full disk costs the note, not the sweep."""
    path = folder / NOTE
    names = tuple(deletion.path.rsplit("/", 1)[-1] for deletion in deleted)
    size = sum(deletion.size_bytes for deletion in deleted)
    try:
        if path.exists():
            earlier = RetentionNote.read(path)
            names, size = (*earlier.deleted, *names), earlier.size_bytes + size
        RetentionNote(swept_at=datetime.now(UTC), deleted=names, size_bytes=size, reason=deleted[0].reason).write(path)
    except (LoadTestError, OSError) as error:
        _log.warning("The note %s could not be written: %s", path, error)
