"""When a supervisor was killed: make a result of what the streams hold, so that no measurement is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from loadtest.errors import ConfigurationError
from loadtest.load.job import LoadJob, Scratch
from loadtest.load.models import LoadResult
from loadtest.load.supervision.convert import convert_streams
from loadtest.load.supervision.facts import ProcessFacts
from loadtest.load.supervision.finish import finish_attempt, ship
from loadtest.load.supervision.result import Observed
from loadtest.load.supervision.tail import WorkerTail


def recover_attempt(scratch: Scratch) -> LoadResult | None:
    """Finish a dead attempt: with the result that it had already, else as crashed. None when nothing of it is left, or
    nothing was ever sent: converting no streams would replace good samples by none."""
    try:
        job = LoadJob.read(scratch.job)
    except ConfigurationError:
        return None
    if scratch.load.exists():
        result = LoadResult.read(scratch.load)
        if not scratch.samples.exists() and scratch.streams.is_dir():
            convert_streams(scratch.streams, scratch.samples, scratch.exemplars)
        ship(job, scratch, result, scratch.samples, scratch.exemplars)
        return result
    if not scratch.streams.is_dir():
        return None
    processes = []
    for folder in sorted(scratch.streams.iterdir()):
        facts = ProcessFacts(worker=folder.name)
        facts.add(WorkerTail(folder).read_facts())
        processes.append(facts)
    observed = Observed(
        started_at=datetime.now(UTC),
        error=f"The supervisor of attempt {job.attempt} was killed; the samples end where it did.",
    )
    return finish_attempt(job, scratch, observed, processes)
