"""The detached process that runs one load attempt from start to load.json.

`python -m loadtest.load.supervision.supervisor <scratch>`

It outlives the caller (a CLI, an Airflow task), so that a retry can rejoin it: it sends no load before it hears that it is
recorded. SIGTERM stops the load within seconds and keeps the data; if it is killed, Locust notices and quits.

Order matters: the host is probed while it is quiet, then Locust starts, and only while Locust imports itself does this
process import what it needs to watch it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError
from loadtest.load import locust_command
from loadtest.load.job import STARTED, LoadJob, Scratch, agent_config, files_trouble, request_headers
from loadtest.load.supervision import host_probe
from loadtest.load.supervision.log_capture import LogCapture
from loadtest.load.working_folder import lay_out

if TYPE_CHECKING:
    from loadtest.load.supervision.result import Observed

CONFIRMED_WITHIN_S = 60.0

log = logging.getLogger("loadtest.load.supervision.supervisor")


class StopRequest:
    """Whether SIGTERM or SIGINT came."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # blocked by `run` until now

    def _on_signal(self, number: int, _frame: object) -> None:
        log.info("signal %s: stopping the load", number)
        self.came = True


def is_recorded() -> bool:
    """Whether `run` could write down who looks after this load; otherwise a retry would start another beside it."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], CONFIRMED_WITHIN_S)
    return bool(readable) and os.read(sys.stdin.fileno(), len(STARTED)) == STARTED


def supervise(scratch: Scratch) -> None:
    """Run the attempt of `scratch`; returns when load.json is written."""
    stop_request = StopRequest()
    if not is_recorded():
        log.error("nobody recorded this supervisor: no load is sent")
        return
    job = LoadJob.read(scratch.job)
    began = datetime.now(UTC)
    config = agent_config(job, scratch)
    scratch.empty.mkdir(exist_ok=True)
    scratch.streams.mkdir(exist_ok=True)
    scratch.agent_config.write_text(config.to_json(), encoding="utf-8")
    before = host_probe.probe() if job.plan.profile.host_probe else None
    capture = LogCapture(scratch.locust_log)
    processes: list[locust_command.LocustProcess] = []
    error = ""
    try:
        if not stop_request.came:
            lay_out(Path(job.plan.scenario.folder), scratch.work)
            remote_wait_s = job.plan.profile.remote_wait_s
            processes = locust_command.start_all(config, scratch, job.plan.scenario, remote_wait_s, request_headers(job.plan))
    except OSError as problem:
        error = f"Locust could not be started: {problem}."
    except LoadTestError as problem:
        error = str(problem)
    for process in processes:
        capture.follow(process.output, f"[{process.worker}] " if len(processes) > 1 else "")

    import pyarrow.parquet  # noqa: F401 (for the conversion: its import must not come after the load)

    from loadtest.load.supervision.finish import finish_attempt
    from loadtest.load.supervision.result import Observed
    from loadtest.load.supervision.watch import LoadWatch

    observed = Observed(started_at=began, error=error, signaled=stop_request.came)
    watch = LoadWatch(job, scratch, config, processes, observed, stop_request)
    try:
        with scratch_may_fill_up(scratch, observed):
            watch.until_end()
    finally:
        locust_command.kill_all(processes)
        shutil.rmtree(scratch.work, ignore_errors=True)
    with scratch_may_fill_up(scratch, observed):
        watch.afterwards(capture.last_lines)
    after = host_probe.probe() if before else None
    observed.host_probe = host_probe.joined(before, after)
    with scratch_may_fill_up(scratch, observed):
        capture.close()
    finish_attempt(job, scratch, observed, list(watch.facts.values()))
    with scratch_may_fill_up(scratch, observed):
        watch.close()


@contextlib.contextmanager
def scratch_may_fill_up(scratch: Scratch, observed: Observed) -> Iterator[None]:
    """A load whose files cannot be written ends, but what was measured until then still becomes a result that says why."""
    try:
        yield
    except OSError as error:
        log.exception("the load's files cannot be written")
        observed.error = observed.error or files_trouble(error, scratch.path)


def main(arguments: list[str]) -> int:
    scratch = Scratch(Path(arguments[0]))
    logging.basicConfig(filename=scratch.supervisor_log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.chdir(scratch.path)
    try:
        supervise(scratch)
    except Exception:
        log.exception("the supervisor failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
