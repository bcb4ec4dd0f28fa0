"""A load of this run on another machine: it is waited for, never doubled. A machine that falls silent is given up: it was
replaced by this one, most often."""

from __future__ import annotations

import logging
import time

from loadtest.load.control.run import LoadElsewhereError, find_live_load
from loadtest.load.job import SupervisorRecord, read_if_there, supervisor_file
from loadtest.load.models import LoadResult, Progress
from loadtest.run_folder import Attempt, RunFolder

log = logging.getLogger(__name__)

SILENT_AFTER_S = 45.0  # a living load copies its progress to the run folder every few seconds
POLL_S = 1.0


def wait_for_other_machines(folder: RunFolder) -> None:
    """Return when no other machine sends load for this run: it has a result, or its attempt was silent for a while and is given
    up. Whether both sent load at the same time after all, the run's verdict will tell."""
    while True:
        try:
            find_live_load(folder)
        except LoadElsewhereError as elsewhere:
            log.warning("%s", elsewhere)
            _until_over(elsewhere.attempt)
        else:
            return


def _until_over(attempt: Attempt) -> None:
    seen, since = _progress(attempt), time.monotonic()
    while read_if_there(LoadResult, attempt.load) is None:
        if (now := _progress(attempt)) != seen:
            seen, since = now, time.monotonic()
        # by our own clock: the other machine's may differ; converting samples is silent, and sends nothing
        converts = seen is not None and seen.stage == "converting"
        if not converts and time.monotonic() - since >= SILENT_AFTER_S:
            log.warning("Attempt %s was silent for %.0f s: its machine is gone", attempt.number, SILENT_AFTER_S)
            _give_up(attempt)
            return
        if (record := _record(attempt)) is None or time.time() >= record.ends_by_s:
            return
        time.sleep(POLL_S)


def _give_up(attempt: Attempt) -> None:
    if (record := _record(attempt)) is not None:
        record.model_copy(update={"ends_by_s": time.time()}).write(supervisor_file(attempt))


def _progress(attempt: Attempt) -> Progress | None:
    return read_if_there(Progress, attempt.progress)


def _record(attempt: Attempt) -> SupervisorRecord | None:
    return read_if_there(SupervisorRecord, supervisor_file(attempt))
