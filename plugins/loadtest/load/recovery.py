"""When a supervisor was killed: make a result of what the streams hold, so that no measurement is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from loadtest.errors import ConfigurationError
from loadtest.load.facts import ProcessFacts
from loadtest.load.finish import finish_attempt
from loadtest.load.job import LoadJob, Scratch
from loadtest.load.result import Observed
from loadtest.load.tail import WorkerTail
from loadtest.run_folder import Attempt


def recover_attempt(attempt: Attempt, scratch: Scratch) -> None:
    """Finish a dead attempt as crashed; does nothing when its scratch folder is gone."""
    if not scratch.streams.exists() and not scratch.job.exists():
        return
    try:
        job = LoadJob.read(scratch.job)
    except ConfigurationError:
        return
    processes = []
    for folder in sorted(scratch.streams.iterdir()) if scratch.streams.exists() else []:
        facts = ProcessFacts(worker=folder.name)
        facts.add(WorkerTail(folder).read_facts())
        processes.append(facts)
    observed = Observed(
        started_at=datetime.now(UTC),
        error=f"The supervisor of attempt {attempt.number} was killed; the samples end where it did.",
    )
    finish_attempt(job, scratch, observed, processes)
