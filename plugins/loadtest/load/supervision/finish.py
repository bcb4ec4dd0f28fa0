"""After the load: convert, write load.json, and place the attempt's files in the run folder. load.json always comes last."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed
from upath import UPath

from loadtest.files import is_local
from loadtest.load.job import LoadJob, Scratch, files_trouble, run_folder_of
from loadtest.load.models import LoadResult
from loadtest.load.supervision.convert import convert_streams
from loadtest.load.supervision.facts import ProcessFacts
from loadtest.load.supervision.result import Observed, load_result
from loadtest.storage import StorageError, StoredPath

SHIP_WITHIN_S = 60.0  # a storage that fails for longer gets the result later, from scratch


def finish_attempt(job: LoadJob, scratch: Scratch, observed: Observed, processes: Sequence[ProcessFacts]) -> LoadResult:
    """Convert the streams and write everything, to the attempt and to the top of the run folder; raw streams go.

    A full scratch disk costs what was not recorded, not the result: it is converted beside the run's other files then."""
    try:
        conversion = convert_streams(scratch.streams, scratch.samples, scratch.exemplars)
    except OSError as error:
        observed.error = observed.error or files_trouble(error, scratch.path)
        _remove_converted(scratch)
        with tempfile.TemporaryDirectory(dir=_roomier_folder(job)) as elsewhere:
            samples, exemplars = Path(elsewhere, scratch.samples.name), Path(elsewhere, scratch.exemplars.name)
            conversion = convert_streams(scratch.streams, samples, exemplars)
            return _place_all(job, scratch, samples, exemplars, load_result(job, observed, processes, conversion))
    return _place_all(job, scratch, scratch.samples, scratch.exemplars, load_result(job, observed, processes, conversion))


def _place_all(job: LoadJob, scratch: Scratch, samples: Path, exemplars: Path, result: LoadResult) -> LoadResult:
    with contextlib.suppress(OSError):  # a full scratch disk; only where the storage fails now would it be needed
        result.write(scratch.load)
    for trial in Retrying(
        retry=retry_if_exception_type(StorageError), stop=stop_after_delay(SHIP_WITHIN_S), wait=wait_fixed(2), reraise=True
    ):
        with trial:
            ship(job, scratch, result, samples, exemplars)
    return result


def ship(job: LoadJob, scratch: Scratch, result: LoadResult, samples: Path, exemplars: Path) -> None:
    """Bring an attempt's files to its run folder, load.json last; doing it twice is the same as once. Where the storage
    fails everything stays in scratch, and whoever comes next does it. What comes late, after a newer attempt began, does not
    take its place at the top of the run folder."""
    folder = run_folder_of(job)
    attempt = folder.attempt(job.attempt)
    is_newest = all(other.number <= job.attempt for other in folder.attempts())
    pairs = (
        (scratch.locust_log, attempt.locust_log, folder.locust_log),
        (exemplars, attempt.exemplars, folder.exemplars),
        (samples, attempt.samples, folder.samples),
    )
    for source, kept, selected in pairs:
        if source.exists():
            place(source, kept)
            if is_newest:
                place(Path(str(kept)) if is_local(kept) else source, selected)
    if is_newest:
        result.write(folder.load)
    result.write(attempt.load)  # the very last: from then on nobody recovers it
    shutil.rmtree(scratch.streams, ignore_errors=True)
    scratch.samples.unlink(missing_ok=True)


def _roomier_folder(job: LoadJob) -> Path | None:
    """Where to convert when scratch has no room: the attempt's folder, mostly on another disk; None, the system's own
    folder for temporary files, where runs are kept in object storage."""
    folder = run_folder_of(job).attempt(job.attempt).path
    return Path(str(folder)) if is_local(folder) else None


def _remove_converted(scratch: Scratch) -> None:
    """Also the half-written: the space is needed."""
    for file in scratch.path.glob(f"*{scratch.samples.name}*"):
        file.unlink(missing_ok=True)
    scratch.exemplars.unlink(missing_ok=True)


def place(source: Path, target: UPath) -> None:
    """Put a local file at `target`: a hard link where the file system allows it, else a copy; atomic either way."""
    if isinstance(target, StoredPath):
        target.upload(source)
        return
    if not is_local(target):  # a storage of another kind
        target.write_bytes(source.read_bytes())
        return
    local = Path(str(target))
    local.parent.mkdir(parents=True, exist_ok=True)
    temporary = local.with_name(f".{local.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(local)
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
