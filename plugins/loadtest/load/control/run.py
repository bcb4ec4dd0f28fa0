"""Starting, rejoining, watching and stopping a load: the one interface that the CLI and Airflow use.

    handle = find_live_load(folder) or start_load(plan, folder, base_url)
    result = wait_for_load(handle, on_progress=show)

The load itself runs in a detached supervisor process (see `supervisor`), so the caller may die and come back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.errors import ConfigurationError, InfrastructureError, LoadTestError
from loadtest.files import is_local
from loadtest.load.abort import check_endpoints
from loadtest.load.control.host_turn import HostTurn, host_turn
from loadtest.load.control.recovery import recover_attempt
from loadtest.load.job import (
    STARTED,
    STOP_AFTER_S,
    LoadJob,
    Scratch,
    SupervisorRecord,
    longest_s,
    read_if_there,
    run_folder_of,
    supervisor_file,
)
from loadtest.load.live_address import live_address, live_push_every_s
from loadtest.load.locust_command import master_port
from loadtest.load.models import LoadResult, Progress
from loadtest.load.streams import VARIABLES_VARIABLE
from loadtest.masking import SECRETS_VARIABLE, is_secret_variable
from loadtest.planning.fleet import master_bind
from loadtest.planning.models import Plan
from loadtest.planning.references import references
from loadtest.planning.resolve import check_references
from loadtest.planning.variables import secret_names, values_of
from loadtest.processes import ProcessIdentity, stop_group
from loadtest.run_folder import Attempt, RunFolder
from loadtest.settings import settings

log = logging.getLogger(__name__)

POLL_S = 0.25
FOR_SUPERVISOR = ("LOADTEST_", "SCENARIO_", "AWS_", "GOOGLE_", "AZURE_", "FSSPEC_")  # secrets that it needs
STOP_GRACE_S = STOP_AFTER_S + 30.0  # a stopped load converts what it has


class LoadElsewhereError(InfrastructureError):
    """An attempt of this run is, or was, under way on another machine and has no result yet."""

    def __init__(self, attempt: Attempt, host: str) -> None:
        self.attempt = attempt
        super().__init__(
            f"Attempt {attempt.number} of this run is looked after by another machine ({host}); wait for its end, or continue "
            "there: the load and backend tasks of a run must be on one machine."
        )


@dataclass
class LoadHandle:
    """A load attempt under the care of a supervisor on this host."""

    folder: RunFolder
    attempt: Attempt
    scratch: Scratch
    identity: ProcessIdentity
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        if self._process is not None:
            self._process.poll()  # reaps it
        return self.identity.is_alive

    def wait(self, at_most_s: float) -> None:
        """Until it ends, or this much time is over."""
        if self._process is None:  # rejoined: not a child of this process
            time.sleep(at_most_s)
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(at_most_s)


def start_load(
    plan: Plan,
    folder: RunFolder,
    base_url: str | None = None,
    *,
    turns: Path | None = None,
    side: int = 0,
    say: Callable[[str], None] = log.info,
) -> LoadHandle:
    """Start a new attempt, once nobody else sends load from this host; `say` is told for whom it waits. `base_url` overrides
    the plan's (a backend of ours has a port only now). `turns`: the file by which it takes turns with another load, as this
    `side`.

    Raises ConfigurationError when there is no base URL, something in the plan cannot be carried out, or a load of this run is
    already on its way; InfrastructureError when the host's lock cannot be used.
    """
    base_url = base_url or plan.base_url
    if not base_url:
        raise ConfigurationError(
            f"The environment {plan.environment.name} has no base URL; give it one or a backend command, so that the load has "
            "a host."
        )
    if not base_url.startswith(("http://", "https://")):
        raise ConfigurationError(f"The base URL {base_url!r} is not a URL; it must begin with http:// or https://.")
    check_endpoints(plan)
    check_references(plan.environment)
    live_address()
    live_push_every_s()
    variables = _variables(plan)
    if plan.profile.remote_workers:
        master_port()
        master_bind()
    if find_live_load(folder) is not None:
        raise ConfigurationError(f"A load of run {folder.run_id} is already running; rejoin it or stop it first.")
    with host_turn(folder.run_id, say) as turn:
        recover_dead_attempts(folder)
        for path, problem in ship_left_behind().items():
            log.warning("What was measured stays in %s for now: %s", path, problem)
        number = max((attempt.number for attempt in folder.attempts()), default=0) + 1
        scenario = plan.scenario.model_copy(update={"folder": str(Path(plan.scenario.folder).resolve())})
        job = LoadJob(
            plan=plan.model_copy(update={"scenario": scenario}),
            base_url=base_url.rstrip("/"),
            run_folder=str(Path(str(folder.path)).resolve()) if is_local(folder.path) else str(folder.path),
            attempt=number,
            turns=str(turns or ""),
            side=side,
        )
        return _start(job, folder, variables, turn)


def _start(job: LoadJob, folder: RunFolder, variables: dict[str, str], turn: HostTurn) -> LoadHandle:
    scratch = Scratch((settings().scratch / "loads" / folder.run_id / str(job.attempt)).resolve())
    scratch.path.mkdir(parents=True, exist_ok=True)
    job.write(scratch.job)
    attempt = folder.attempt(job.attempt)
    process = _spawn_supervisor(scratch, _environment(job.plan) | variables, turn)
    try:
        identity = ProcessIdentity.of(process.pid)
        now_s = time.time()
        record = SupervisorRecord(
            identity=identity,
            scratch=str(scratch.path),
            attempt=job.attempt,
            began_s=now_s,
            ends_by_s=now_s + longest_s(job.plan.profile),
        )
        record.write(supervisor_file(attempt))
        _confirm_start(process)
    except BaseException:
        process.kill()  # Locust, if it started in the last moment, ends with it
        process.wait()
        raise
    return LoadHandle(folder, attempt, scratch, identity, process)


def _variables(plan: Plan) -> dict[str, str]:
    """What the scenario and the environment give the Locust file, and the names of it: to hand on, and to mask."""
    values = values_of(settings().home, plan.scenario, plan.environment)
    secrets = secret_names(plan.scenario, plan.environment)
    return values | {VARIABLES_VARIABLE: ",".join(values), SECRETS_VARIABLE: ",".join(secrets)}


def _spawn_supervisor(scratch: Scratch, environment: dict[str, str], turn: HostTurn) -> subprocess.Popen[bytes]:
    """It sends no load before `_confirm_start`, and holds the host's turn as long as it lives. SIGTERM stays blocked in it until
    it can handle it, so that a stop in its first moments is not its death."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        with scratch.supervisor_log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "loadtest.load.supervision.supervisor", str(scratch.path)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(turn.descriptor,),
                start_new_session=True,
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(plan: Plan) -> dict[str, str]:
    """What the supervisor needs, the way to the storage and to scratch included, as it works in a folder of its own, and what
    headers refer to. Not the keys of Airflow: a scenario's Locust file is code that the supervisor starts, and may read the
    environment of the processes above it."""
    named = {reference.variable for reference in references(plan.environment.texts_of_headers)}
    needed = {
        name: value
        for name, value in os.environ.items()
        if name in named or (not name.startswith("AIRFLOW") and (not is_secret_variable(name) or name.startswith(FOR_SUPERVISOR)))
    }
    return needed | {"LOADTEST_SCRATCH": str(settings().scratch.resolve())}


def _confirm_start(process: subprocess.Popen[bytes]) -> None:
    """Tell the supervisor that its record stands. If it is gone, whoever waits for the load will see that."""
    assert process.stdin is not None  # it is a pipe
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(STARTED)


def find_live_load(folder: RunFolder) -> LoadHandle | None:
    """The running load of this run, if any, to be rejoined. Raises LoadElsewhereError when it may run on another machine."""
    for attempt in reversed(folder.attempts()):
        record = read_if_there(SupervisorRecord, supervisor_file(attempt))
        if record is None or read_if_there(LoadResult, attempt.load) is not None:
            continue
        if record.identity.is_alive:
            return LoadHandle(folder, attempt, Scratch(Path(record.scratch)), record.identity)
        if not record.identity.is_here and time.time() < record.ends_by_s:
            raise LoadElsewhereError(attempt, record.identity.host)
    return None


def recover_dead_attempts(folder: RunFolder) -> None:
    """Attempts whose supervisor died without a result get one from what it left, as crashed."""
    for attempt in folder.attempts():
        result_of(attempt)


def ship_left_behind() -> dict[Path, str]:
    """Bring what earlier loads left in scratch to their run folders: their supervisor was killed, or the storage failed at
    their end. Returns the scratch folders that have to wait longer, with the reason."""
    waiting = {}
    for job_file in sorted((settings().scratch / "loads").glob("*/*/job.json")):
        scratch = Scratch(job_file.parent.resolve())
        if not scratch.streams.exists() and not scratch.samples.exists():
            continue  # it is there already
        try:
            job = LoadJob.read(scratch.job)
            result_of(run_folder_of(job).attempt(job.attempt))
        except (LoadTestError, OSError) as error:
            waiting[scratch.path] = str(error)
    return waiting


def result_of(attempt: Attempt) -> LoadResult | None:
    """The result of an attempt, recovered if its supervisor died without one; None while it runs, or when none is left."""
    result = read_if_there(LoadResult, attempt.load)
    if result is None and (record := read_if_there(SupervisorRecord, supervisor_file(attempt))) and _can_be_recovered(record):
        result = recover_attempt(Scratch(Path(record.scratch)))
    return result


def _can_be_recovered(record: SupervisorRecord) -> bool:
    """Its scratch is here, and it is dead: nobody else can see that before its time is up."""
    over = not record.identity.is_alive if record.identity.is_here else time.time() >= record.ends_by_s
    return over and record.identity.shares_scratch


def read_progress(handle: LoadHandle) -> Progress | None:
    """The latest progress; None before the first second."""
    try:
        return Progress.read(handle.scratch.progress)
    except ConfigurationError:
        return None


def wait_for_load(
    handle: LoadHandle, *, on_progress: Callable[[Progress], None] | None = None, poll_s: float = POLL_S
) -> LoadResult:
    """Wait for the end of the load and return its result. `on_progress` is called with each new progress.

    A supervisor that dies leaves a result too (crashed, with the samples until then). An exception in the caller
    (Ctrl-C) does not stop the load: call `stop_load`.
    """
    shown = None
    while handle.is_running:
        progress = read_progress(handle)
        if progress is not None and on_progress is not None and progress.updated_at != shown:
            shown = progress.updated_at
            on_progress(progress)
        handle.wait(poll_s)
    return load_result(handle)


def poll(handle: LoadHandle) -> LoadResult | None:
    """The result when the load has ended, None while it runs; never blocks for long."""
    return None if handle.is_running else load_result(handle)


def load_result(handle: LoadHandle) -> LoadResult:
    """The result of an ended attempt; raises InfrastructureError when nothing of it can be recovered."""
    result = result_of(handle.attempt)
    if result is None:
        raise InfrastructureError(
            f"The supervisor of attempt {handle.attempt.number} ended without a result; see {handle.scratch.supervisor_log}."
        )
    return result


def stop_load(handle: LoadHandle, *, grace_s: float = STOP_GRACE_S) -> None:
    """Stop the load within seconds and wait until its data is written; the result says `signaled`."""
    if not handle.is_running:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(handle.identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while handle.is_running and time.monotonic() < deadline:
        time.sleep(0.05)
    if handle.is_running:
        stop_group(handle.identity)
