"""Only one run sends load from this host at a time; and what an interrupted run left is stopped."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from pydantic import ValidationError
from upath import UPath

from loadtest.backend.state import read_state
from loadtest.backend.stop import backends_here, stop_backend, stop_marked
from loadtest.errors import LoadTestError
from loadtest.files import Record, is_local
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.control.host_turn import host_turn
from loadtest.load.control.run import find_live_load, stop_load
from loadtest.locks import signed_lock
from loadtest.planning.models import Plan
from loadtest.run_folder import CONFIRMATIONS, RunFolder
from loadtest.settings import Settings, settings

START_TIME_ERROR_S = 2.0  # the kernel tells the moment of its boot, from which start times are counted, in whole seconds
_log = logging.getLogger(__name__)


class _Holder(Record):
    """Who has its turn: written into the lock file, where it also tells whose load and backend a killed run left."""

    pid: int
    folder: str

    @property
    def run(self) -> RunFolder:
        return RunFolder(UPath(self.folder))


@contextmanager
def turn_to_load(folder: RunFolder, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other run of this checkout measures, then stop what the last one left if it was killed: a load or a
    backend that nobody waits for would disturb the next measurement, and never end. Then wait for other checkouts, for Airflow
    and for other users: one turn for the run and its confirmations."""
    path = str(Path(str(folder.path)).absolute()) if is_local(folder.path) else str(folder.path)
    own = signed_lock(
        settings().scratch.resolve() / "locks" / "load.lock",
        _Holder(pid=os.getpid(), folder=path).model_dump_json(),
        on_wait=lambda text: say(_waiting(text)),
        on_left=_stop_left,
    )
    with own, host_turn(folder.run_id, say):
        yield


def _waiting(text: str) -> str:
    holder = _holder(text)
    whom = f"run {holder.run.run_id} (process {holder.pid})" if holder else "another run"
    return f"waiting for the end of {whom}, which sends load from this host"


def _stop_left(text: str) -> None:
    if (holder := _holder(text)) is None:
        return
    runs = (holder.run, *(holder.run.confirmation(number) for number in range(1, CONFIRMATIONS + 1)))
    for folder in (one for run in runs for one in (run, run.base)):
        try:
            _stop(folder)
        except (LoadTestError, OSError) as error:  # of another host, or a storage in trouble: it must not end this run too
            _log.warning("What run %s left was not stopped: %s", folder.run_id, error)


def _holder(text: str) -> _Holder | None:
    try:
        return _Holder.model_validate_json(text)
    except ValidationError:
        return None


def _stop(folder: RunFolder) -> None:
    if (live := find_live_load(folder)) is not None:
        stop_load(live)
    if folder.backend_state.exists():
        stop_backend(folder)


def stop_backends_of_ended_runs() -> list[str]:
    """Stop backends on this machine that would disturb its next load: Airflow's last task of their run was carried out on another
    machine, which could not stop them. Returns the names of their runs. What cannot be read is left alone."""
    stopped = []
    for path, process in backends_here().items():
        folder = RunFolder(UPath(path))
        with contextlib.suppress(LoadTestError, OSError, psutil.Error):
            if not _ended_after(folder.owner, process.create_time()):
                continue
            state = read_state(folder)
            if state is not None and state.machine.is_here:
                stop_backend(folder)
            stop_marked(folder)  # its state may be of another backend, started where the run went on
            stopped.append(folder.run_id)
    return stopped


def _ended_after(run: RunFolder, moment_s: float) -> bool:
    """Whether Airflow judged it after that: a person may clear a task of a run that has a verdict, and it goes on."""
    judged = run.verdict.exists() and Verdict.read(run.verdict).created_at.timestamp() > moment_s + START_TIME_ERROR_S
    return judged and Plan.read(run.plan).trigger.airflow_run_id is not None


def stop_leftovers(settings: Settings) -> list[str]:
    """Stop every live load and backend of Airflow's unfinished runs; returns what could not be stopped, in sentences.

    Runs of the command line on the same runs root are somebody else's and go on.
    """
    problems = []
    root = settings.runs_root
    for path in root.glob("*/*/*/*/plan.json") if root.exists() else []:
        folder = RunFolder(path.parent)
        if folder.verdict.exists():
            continue
        try:
            if Plan.read(path).trigger.airflow_run_id is None:
                continue
            _stop(folder)
        except (LoadTestError, OSError) as error:
            problems.append(str(error))
    return problems
