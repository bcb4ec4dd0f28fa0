"""The local scratch folder of one load attempt: what the supervisor is asked to do, and where everything of it lies."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from upath import UPath

from loadtest.files import FileModel
from loadtest.load.agent_config import AgentConfig
from loadtest.load.request_headers import RequestHeaders
from loadtest.load.schedule import Schedule
from loadtest.planning.access import filled_headers
from loadtest.planning.allowed_hosts import origins_of
from loadtest.planning.models import Plan
from loadtest.planning.profiles import LoadModel, Profile
from loadtest.planning.references import references
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import Attempt, RunFolder
from loadtest.storage import StorageError

START_TIMEOUT_S = 60.0  # until the first user starts, beside the wait for remote workers
STOP_TIMEOUT_S = 10.0  # how long requests in flight may take at the end
STOP_AFTER_S = STOP_TIMEOUT_S + 8.0  # how long a stopped Locust may take before it is killed: a master gathers samples then
OVERTIME_S = STOP_TIMEOUT_S + 20.0  # after the planned end, before the load is stopped by force
LEAST_HOLD_SHARE = 0.1  # of the load: a level of a scenario's own shape that is held for less is not held
CONVERSION_S = 600.0  # from the last request to load.json, for a hundred million samples
SUPERVISOR_FILE = "supervisor.json"
STARTED = b"."  # on the supervisor's stdin: its record stands, so whoever comes next will find its load

File = TypeVar("File", bound=FileModel)


class LoadJob(FileModel):
    """`job.json` in the scratch folder: everything the supervisor needs."""

    plan: Plan
    base_url: str
    run_folder: str
    attempt: int
    turns: str = ""  # file of a comparison side by side; empty: none
    side: int = 0


class SupervisorRecord(FileModel):
    """`supervisor.json` in the attempt's folder of the run: who looks after the load, and until when at the latest."""

    identity: ProcessIdentity
    scratch: str
    attempt: int
    began_s: float = 0.0  # seconds since the Unix epoch, as is the next
    ends_by_s: float


@dataclass(frozen=True)
class Scratch:
    """Paths of one attempt on this machine."""

    path: Path

    @property
    def job(self) -> Path:
        return self.path / "job.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.json"

    @property
    def load(self) -> Path:
        return self.path / "load.json"

    @property
    def samples(self) -> Path:
        return self.path / "samples.parquet"

    @property
    def exemplars(self) -> Path:
        return self.path / "exemplars.json"

    @property
    def streams(self) -> Path:
        return self.path / "streams"

    @property
    def agent_config(self) -> Path:
        return self.path / "recorder.json"

    @property
    def empty(self) -> Path:
        """HOME of Locust."""
        return self.path / "empty"

    @property
    def work(self) -> Path:
        """Working directory of Locust: copies of the scenario's files."""
        return self.path / "work"

    @property
    def levels(self) -> Path:
        """How many users a search for the capacity wants now."""
        return self.path / "levels.json"

    @property
    def locust_log(self) -> Path:
        return self.path / "locust.log"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"


def files_trouble(error: OSError, folder: Path) -> str:
    """The sentence for files of a run that cannot be written, to `folder` where the error names none: most often a full disk."""
    if isinstance(error, StorageError):
        return (
            f"The storage of the runs failed ({error}); what was measured is kept in {folder} and gets there with the next load "
            "from this host, or with: loadtest recover"
        )
    named = isinstance(error.filename, str) and Path(error.filename).is_absolute()
    return (
        f"Files could not be written to {Path(error.filename).parent if named else folder} ({error.strerror or error}); "
        "free space under LOADTEST_SCRATCH and LOADTEST_RUNS_ROOT, or let them name folders on another disk, and run again."
    )


def run_folder_of(job: LoadJob) -> RunFolder:
    return RunFolder(UPath(job.run_folder))


def supervisor_file(attempt: Attempt) -> UPath:
    return attempt.path / SUPERVISOR_FILE


def read_if_there(model: type[File], path: UPath) -> File | None:
    """None when there is no such file. Found out by reading: asked whether a file exists, object storage says no in any
    trouble, and a running load or a finished one would be taken for none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return model.parse(text, str(path))


def schedule_of(profile: Profile) -> Schedule | None:
    """The profile's levels over time; None for the plain closed model (users started at `spawn_rate`)."""
    is_open = profile.load_model is LoadModel.OPEN
    if profile.stages:
        schedule = Schedule.from_stages(_stages(profile))
        if profile.shape == "scenario":  # a curve stands still for a moment at its turns
            return replace(schedule, least_hold_s=schedule.duration_s * LEAST_HOLD_SHARE)
        return schedule
    return Schedule.constant(profile.arrivals_per_s or 0.0, profile.duration_s) if is_open else None


def start_wait_s(profile: Profile) -> float:
    """How long Locust may take until it sends load, seconds."""
    return START_TIMEOUT_S + (profile.remote_wait_s if profile.remote_workers else 0)


def longest_s(profile: Profile) -> float:
    """Seconds from the start of a supervisor to its end at the latest."""
    return start_wait_s(profile) + profile.planned_duration_s + OVERTIME_S + STOP_AFTER_S + CONVERSION_S


def resolve_workers(profile: Profile) -> int:
    """Local processes: `auto` leaves one core to everything else; 0 local ones when an external fleet does the work
    and the profile asks for one only."""
    if profile.workers == "auto":
        return max(1, len(os.sched_getaffinity(0)) - 1) if hasattr(os, "sched_getaffinity") else max(1, (os.cpu_count() or 2) - 1)
    if profile.remote_workers and profile.workers == 1:
        return 0
    return max(1, int(profile.workers))


def planned_users(profile: Profile) -> int:
    """Users at the peak; 0 for the open model."""
    if profile.load_model is LoadModel.OPEN:
        return 0
    return max((stage.users or 0 for stage in profile.stages), default=0) if profile.stages else profile.users


def _stages(profile: Profile) -> list[tuple[float, float, bool]]:
    is_open = profile.load_model is LoadModel.OPEN
    return [
        (stage.duration_s, float((stage.arrivals_per_s if is_open else stage.users) or 0), stage.ramp) for stage in profile.stages
    ]


def request_headers(plan: Plan) -> RequestHeaders:
    """Of the plan's environment, with their values; raises ConfigurationError for one that is not there."""
    headers = plan.environment.headers
    values = filled_headers(headers, f"The load of environment {plan.environment.name!r}")
    return RequestHeaders(values, tuple(os.environ[one.variable] for one in references(headers.values())))


def agent_config(job: LoadJob, scratch: Scratch) -> AgentConfig:
    profile, scenario = job.plan.profile, job.plan.scenario
    return AgentConfig(
        streams=str(scratch.streams),
        locustfiles=scenario.locustfiles,
        base_url=job.base_url,
        open_loop=profile.load_model is LoadModel.OPEN,
        duration_s=profile.planned_duration_s,
        users=planned_users(profile),
        spawn_rate=profile.spawn_rate,
        arrivals_per_s=profile.arrivals_per_s or 0.0,
        stages=tuple(_stages(profile)),
        max_concurrency=profile.max_concurrency,
        stop_timeout_s=STOP_TIMEOUT_S,
        expected_workers=resolve_workers(profile),
        remote_workers=profile.remote_workers,
        patterns=tuple((pattern.match, pattern.name) for pattern in scenario.grouping),
        tags=scenario.tags,
        exclude_tags=scenario.exclude_tags,
        set_aside=job.plan.set_aside,
        tls=job.plan.environment.tls.model_dump() if job.plan.environment.tls else None,
        allowed_hosts=origins_of(job.plan.environment.allowed_hosts),
        turns=job.turns,
        side=job.side,
        levels=str(scratch.levels) if profile.search else "",
    )
