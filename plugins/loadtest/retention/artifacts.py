"""Which files of a run are bulky, and walking folders without ever following a link."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from upath import UPath

from loadtest.files import AnyPath, is_local
from loadtest.run_folder import RunFolder
from loadtest.storage import StoredPath, modified_at

NOTE = "retention.json"
# `.metrics.json.k3jx0a1b`: what a writer that was killed between writing and renaming leaves (loadtest.files).
_REMAINS = re.compile(r"\.[A-Za-z0-9_][A-Za-z0-9_.-]*\.[a-z0-9_]{8}")


def bulky_artifacts(folder: RunFolder) -> list[UPath]:
    """The files and folders of a run that go when it is old. The small ones that say what was asked, measured, found
    and told stay: plan, request, metrics, load facts, regression report, contract, verdict, summary, JUnit, deliveries."""
    named = (
        folder.samples,
        folder.exemplars,
        folder.path / "attempts",
        folder.data_docs,
        folder.analysis,
        folder.stats_csv,
        folder.failures_csv,
        folder.prometheus,
        folder.report,
        folder.locust_style_report,
    )
    logs = [entry for entry in folder.path.iterdir() if entry.name.endswith((".log", ".log.gz"))]
    return [path for path in named if path.exists() or is_link(path)] + sorted(logs, key=str)


def is_remains(name: str) -> bool:
    """Whether the name is that of a temporary file of an atomic write."""
    return _REMAINS.fullmatch(name) is not None


def is_link(path: AnyPath) -> bool:
    """Object storage knows no links."""
    return is_local(path) and Path(str(path)).is_symlink()


def size_and_age(path: AnyPath) -> tuple[int, float]:
    """Bytes in a file or below a folder, and the newest modification time there (seconds since the epoch; 0: nothing)."""
    if not is_local(path):
        return _remote_size_and_age(UPath(path))
    size, newest = 0, 0.0
    for status in _statuses(Path(str(path))):
        size += status.st_blocks * 512  # what becomes free, which for sparse files is less than their length
        newest = max(newest, status.st_mtime)
    return size, newest


def _statuses(path: Path) -> Iterator[os.stat_result]:
    status = path.lstat()
    yield status
    if not path.is_symlink() and path.is_dir():
        with os.scandir(path) as entries:
            children = list(entries)
        for entry in children:
            if entry.is_dir(follow_symlinks=False):
                yield from _statuses(Path(entry.path))
            else:
                yield entry.stat(follow_symlinks=False)


def _remote_size_and_age(path: UPath) -> tuple[int, float]:
    files = path.files_below() if isinstance(path, StoredPath) else path.fs.find(path.path, detail=True)
    if not files and path.exists():  # a file itself
        status = path.stat()
        return int(status.st_size), float(status.st_mtime)
    return sum(int(info["size"]) for info in files.values()), max(map(modified_at, files.values()), default=0.0)
