"""When each attempt of a run sent load, and where: of those that left no result, as far as they said."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.errors import ConfigurationError
from loadtest.load.job import SupervisorRecord, read_if_there, supervisor_file
from loadtest.load.models import LoadResult, Progress
from loadtest.run_folder import Attempt, RunFolder


@dataclass(frozen=True)
class Sending:
    """The time in which one attempt sent load. `host` is empty where it was not recorded."""

    attempt: int
    host: str
    started_at: datetime
    ended_at: datetime

    def overlaps(self, other: Sending) -> bool:
        return self.started_at < other.ended_at and other.started_at < self.ended_at


def sendings_of(folder: RunFolder) -> list[Sending]:
    """Of all attempts that sent load and whose files can be read, in their order."""
    found = []
    for attempt in folder.attempts():
        with contextlib.suppress(ConfigurationError):
            found.append(_sending(attempt))
    return [sending for sending in found if sending is not None]


def _sending(attempt: Attempt) -> Sending | None:
    record = read_if_there(SupervisorRecord, supervisor_file(attempt))
    host = record.identity.host if record else ""
    result = read_if_there(LoadResult, attempt.load)
    if result is not None:
        return Sending(attempt.number, host, result.started_at, result.ended_at) if result.samples else None
    progress = read_if_there(Progress, attempt.progress)
    if record is None or progress is None or not progress.requests:
        return None
    return Sending(attempt.number, host, datetime.fromtimestamp(record.began_s, UTC), progress.updated_at)
