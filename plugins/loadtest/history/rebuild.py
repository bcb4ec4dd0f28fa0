"""The history again from the run folders: after a lost database, a restored backup, or a move to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.history.acknowledgements import FOLDER, restore
from loadtest.history.database import writing
from loadtest.history.models import Acknowledgement
from loadtest.history.record import entry_of
from loadtest.history.store import upsert
from loadtest.run_folder import RunFolder
from loadtest.storage import StoredPath

AT_ONCE = 250  # runs in one transaction: few enough that other writers get their turn


@dataclass
class Rebuilt:
    """What a rebuild did. `skipped` and `damaged`: (path, one sentence why)."""

    recorded: int = 0
    acknowledgements: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)


def rebuild(
    runs_root: UPath | str,
    *,
    database_url: str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Rebuilt:
    """Record every run folder below `runs_root` anew. Rows whose folders are gone stay: the history outlives them.

    A damaged folder is reported and does not stop the others. `progress(done, total, run_id)` is called after each.
    """
    folders = list(run_folders(runs_root))
    result = Rebuilt()
    for start in range(0, len(folders), AT_ONCE):
        entries = []
        for done, folder in enumerate(folders[start : start + AT_ONCE], start=start + 1):
            try:
                if folder.verdict.exists() or folder.metrics.exists():
                    entries.append(entry_of(folder))
                else:
                    result.skipped.append((str(folder.path), "it has no verdict and no metrics"))
            except (ConfigurationError, OSError) as error:
                result.damaged.append((str(folder.path), str(error)))
            if progress:
                progress(done, len(folders), folder.run_id)
        with writing(database_url) as session:
            upsert(session, *entries)
        result.recorded += len(entries)
    _restore_acknowledgements(UPath(runs_root), result, database_url)
    return result


def run_folders(runs_root: UPath | str) -> Iterator[RunFolder]:
    """Every run folder, `_refused` ones too, in order of path; links are not followed."""
    root = UPath(runs_root)
    for scenario in _folders(root):
        if scenario.name == "_refused":
            yield from (RunFolder(path) for path in _folders(scenario))
        elif not scenario.name.startswith(("_", ".")):
            for environment in _folders(scenario):
                for profile in _folders(environment):
                    yield from (RunFolder(path) for path in _folders(profile))


def _folders(path: UPath) -> list[UPath]:
    if isinstance(path, StoredPath):
        return path.folders()
    if not path.exists():
        return []
    return sorted((entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink()), key=lambda entry: entry.name)


def _restore_acknowledgements(root: UPath, result: Rebuilt, database_url: str | None) -> None:
    folder = root / FOLDER
    for path in sorted(folder.glob("*.json"), key=lambda entry: entry.name) if folder.exists() else []:
        try:
            restore(Acknowledgement.read(path), database_url=database_url)
            result.acknowledgements += 1
        except ConfigurationError as error:
            result.damaged.append((str(path), str(error)))
