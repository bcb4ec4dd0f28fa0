"""Models of what is asked for: profile, environment, scenario, and the plan that joins them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AliasChoices,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from loadtest.files import BY_NAME_TOO, FileModel, Record
from loadtest.planning.access import Headers, HealthCheck, Tls
from loadtest.planning.allowed_hosts import AllowedHost
from loadtest.planning.arguments import ArgumentValue, name_pattern
from loadtest.planning.build import Build, Builds, BuildSource, build_note
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from loadtest.planning.quantities import DurationS, ShareOrPercent, parse_ms, parse_share, slug_pattern
from loadtest.planning.restarts import RestartSign
from loadtest.planning.search import CapacitySearch
from loadtest.planning.variables import Declared
from loadtest.vocabulary import Evidence

Slug = Annotated[str, Field(pattern=slug_pattern)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
MAX_DURATION_S = 6 * 3600


class LoadModel(StrEnum):
    """`closed`: a number of users who wait for each answer; `open`: arrivals at a rate, whatever the answers do."""

    CLOSED = "closed"
    OPEN = "open"


class Stage(Record):
    """One step of a staged load: reach `users` (closed) or `arrivals_per_s` (open) over `duration` seconds.

    `ramp: true` changes linearly from the previous level, false jumps to the level and holds it.
    """

    duration_s: DurationS = Field(alias="duration", ge=1)
    users: int | None = Field(default=None, ge=0, le=20_000)
    arrivals_per_s: float | None = Field(default=None, ge=0, le=50_000)
    ramp: bool = True

    model_config = BY_NAME_TOO


class AbortCriterion(Record):
    """Stop the load early when `metric` of `endpoint` (None: all together) stays above `above` for `for` seconds.

    `above`: a share or percentage for `error_rate`, else milliseconds (or a duration such as `5s`).
    """

    metric: Literal["error_rate", "p50_ms", "p95_ms", "p99_ms"]
    above: float = Field(ge=0)
    for_s: DurationS = Field(alias="for", ge=1)
    endpoint: str | None = None

    model_config = BY_NAME_TOO

    @field_validator("above", mode="before")
    @classmethod
    def _in_the_unit_of_the_metric(cls, value: Any, known: ValidationInfo) -> Any:
        return parse_share(value) if known.data.get("metric") == "error_rate" else parse_ms(value)

    @field_validator("above")
    @classmethod
    def _can_be_exceeded(cls, value: float, known: ValidationInfo) -> float:
        if known.data.get("metric") == "error_rate" and value >= 1:
            raise ValueError("an error rate can never exceed 100%; give a share such as 0.5, or 50%")
        return value


class Profile(Record):
    """How much load. Closed model: users; open model: arrivals. Durations in seconds."""

    name: Slug
    purpose: str = Field(min_length=1)
    users: int = Field(default=0, ge=0, le=20_000)
    spawn_rate: float = Field(default=1.0, gt=0, le=5_000, description="users started per second")
    duration_s: DurationS = Field(default=0, alias="duration", ge=1, le=MAX_DURATION_S, description="stages say it themselves")
    load_model: LoadModel = LoadModel.CLOSED
    arrivals_per_s: float | None = Field(default=None, gt=0, le=50_000)
    max_concurrency: int = Field(default=1_000, ge=1, le=20_000, description="open model: requests in flight at most")
    stages: tuple[Stage, ...] = ()
    search: CapacitySearch | None = Field(default=None, description="look for the highest load at which all targets hold")
    shape: Literal["profile", "scenario"] = Field(
        default="profile", description="scenario: users over time as the Locust file's own LoadTestShape asks for them"
    )
    tags: tuple[Tag, ...] = Field(default=(), description="only tasks with one of these tags; instead of the scenario's")
    exclude_tags: tuple[Tag, ...] = Field(default=(), description="no tasks with one of these tags; instead of the scenario's")
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = 1
    remote_workers: int = Field(default=0, ge=0, le=500, description="external Locust workers that must join the master")
    remote_wait_s: DurationS = Field(default=60, alias="remote_wait", description="how long to wait for the external workers")
    evidence: Evidence = Evidence.CONCLUSIVE
    tolerance: ShareOrPercent = Field(default=0.20, gt=0, le=1, description="what a pass must exclude, relative")
    abort_when: tuple[AbortCriterion, ...] = ()
    leaks: Literal["warn", "fail"] = Field(
        default="warn",
        description="what it means when latency, errors, or memory and open files of our backend grow within 8 minutes or more",
    )
    host_probe: bool = True

    model_config = BY_NAME_TOO

    @field_validator("workers", mode="wrap")
    @classmethod
    def _a_number_or_auto(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:  # it would tell a problem for each of both
            raise ValueError("this must be a number from 1 to 256, or auto") from None

    @property
    def planned_duration_s(self) -> float:
        return sum(stage.duration_s for stage in self.stages) if self.stages else self.duration_s


class BackendCommand(Record):
    """How to start a backend that is ours. `{port}` in the command and `env` values becomes a free port, `{host}` the address to
    listen on: this machine's loopback, or all of its addresses when remote workers must reach it."""

    command: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str] = {}
    working_dir: str = "."
    start_timeout_s: DurationS = Field(default=30, alias="start_timeout")
    advertise: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
        description="host name or IPv4 address under which remote workers reach it; auto: this machine's host name",
    )

    model_config = BY_NAME_TOO


class Environment(Declared):
    """Where the load goes. Either `backend` starts it, or `base_url` (or its variable or connection) names it."""

    name: Slug
    purpose: str = ""
    backend: BackendCommand | None = None
    builds: Builds | None = Field(default=None, description="how commits are made runnable")
    build: BuildSource | None = Field(default=None, description="how the running build is known; None: git, if we start it")
    wait_for_build_s: DurationS = Field(default=0, alias="wait_for_build", ge=0, le=3600)
    base_url: str | None = None
    base_url_variable: str | None = Field(default=None, description="environment variable that holds the base URL")
    base_url_connection: str | None = Field(default=None, description="Airflow connection that holds the base URL")
    health: HealthCheck | None = Field(
        default_factory=HealthCheck,
        validation_alias=AliasChoices("health", "health_path"),
        description="must answer before the load, and is asked each second while it runs: a path, a mapping, or `none`",
    )
    health_timeout_s: DurationS = Field(
        default=30, alias="health_timeout", description="how long to wait before the load until the service is healthy"
    )
    headers: Headers = Field(default={}, description="added to each request; secrets as `${NAME}` or `${conn.ID.password}`")
    allowed_hosts: tuple[AllowedHost, ...] = Field(
        default=(), description="may be called too; counted apart, no part of the service"
    )
    tls: Tls | None = Field(default=None, description="of an `https` service whose certificate the system does not know")
    restarts: RestartSign | None = Field(default=None, description="how a restart of the service under load is seen")
    allows_slowdown: bool = False
    needs_approval: bool = False
    approval_timeout_s: DurationS = Field(default=24 * 3600, alias="approval_timeout")
    allowed_profiles: tuple[str, ...] | None = None
    max_users: int = Field(default=1_000, ge=1)
    abort_when: tuple[AbortCriterion, ...] = ()
    artifact_retention_days: int = Field(default=90, ge=1)
    load_generator: Slug | None = Field(default=None, description="which of Airflow's load generators sends the load")
    fleet: KubernetesFleet | None = Field(default=None, description="where Airflow starts the remote workers")

    model_config = BY_NAME_TOO

    @field_validator("health", mode="before")
    @classmethod
    def _a_path_or_none(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value == "none":
            return None
        if not value.startswith("/"):
            raise ValueError("this must begin with /, or be none")
        return {"path": value}

    @property
    def starts_backend(self) -> bool:
        return self.backend is not None

    @property
    def texts_of_headers(self) -> tuple[str, ...]:
        """Of all that is asked of the service, health checks included."""
        return (*self.headers.values(), *(self.health.headers.values() if self.health else ()))

    @property
    def texts_with_references(self) -> tuple[str, ...]:
        """Where `${...}` may stand."""
        token = self.builds.token_reference if self.builds else None
        return (*self.texts_of_headers, *(self.backend.env.values() if self.backend else ()), *((token,) if token else ()))


TargetMetric = Literal["p50_ms", "p90_ms", "p95_ms", "p99_ms", "mean_ms", "error_rate", "rps"]
TARGET_METRICS: tuple[TargetMetric, ...] = get_args(TargetMetric)


class Target(Record):
    """An absolute limit on one metric of one endpoint (None: the whole run).

    `limit`: a share or percentage for `error_rate`, a number for `rps`, else milliseconds (or a duration such as `1.5s`).
    """

    endpoint: str | None
    metric: TargetMetric
    limit: float = Field(gt=0)

    @field_validator("limit", mode="before")
    @classmethod
    def _in_the_unit_of_the_metric(cls, value: Any, known: ValidationInfo) -> Any:
        metric = known.data.get("metric")
        if metric == "error_rate":
            return parse_share(value)
        if metric == "rps" and isinstance(value, bool):
            raise ValueError("a rate is a number of requests per second, such as 50")
        return value if metric == "rps" else parse_ms(value)


class Mute(Record):
    """A known matter that is recorded and shown, but does not count until it expires."""

    endpoint: str | None = None
    metric: str | None = None
    reason: str = Field(min_length=3)
    expires: datetime
    by: str = ""


class EndpointCriteria(Record):
    """Overrides for one endpoint."""

    tolerance: ShareOrPercent | None = Field(default=None, gt=0, le=1)
    least_effect: ShareOrPercent | None = Field(default=None, gt=0, le=1)
    critical: bool = False
    required: bool = False


class CommonCriteria(Record):
    """How scenarios are judged whose own `criteria.yaml` does not say otherwise; the defaults need no file."""

    tolerance: ShareOrPercent | None = Field(default=None, gt=0, le=1, description="None: the profile's")
    least_effect: ShareOrPercent = Field(default=0.05, gt=0, le=1, description="smaller regressions are no regressions")
    false_alarm_level: float = Field(default=0.003, gt=0, le=0.2, description="adjusted p below which a regression fails")
    most_errors: ShareOrPercent = Field(
        default=0.05, gt=0, lt=1, description="error rate surely above this fails, where no target on the error rate judges it"
    )
    baseline_required: bool = Field(default=False, description="a run without a comparison is inconclusive")


class Criteria(CommonCriteria):
    """How a scenario is judged: `criteria.yaml` beside it, over what `include/criteria.yaml` says of all."""

    least_capacity: int | None = Field(default=None, ge=1, description="users that a search for the capacity must find held")
    endpoints: dict[str, EndpointCriteria] = {}
    muted: tuple[Mute, ...] = ()


class GroupingPattern(Record):
    """A scenario's own endpoint grouping: paths that match `match` (regular expression) are named `name`."""

    match: str
    name: str

    @model_validator(mode="before")
    @classmethod
    def _has_both(cls, data: Any) -> Any:
        if not isinstance(data, cls) and not (isinstance(data, dict) and data.keys() == {"match", "name"}):
            raise ValueError("each grouping pattern needs match: (a regular expression) and name:")
        return data


class Scenario(Declared):
    """What users do. `locustfile`: one or several files or folders of them, relative to the scenario's folder; `files_digest`
    covers every file in it that changes the load (not targets or criteria)."""

    name: Slug
    purpose: str = ""
    folder: str
    locustfile: str | tuple[str, ...] = "locustfile.py"
    arguments: dict[Annotated[str, Field(pattern=name_pattern)], ArgumentValue] = Field(
        default={}, description="values of arguments that the Locust file adds to Locust's parser; secrets as ${SCENARIO_NAME}"
    )
    tags: tuple[Tag, ...] = Field(default=(), description="only tasks with one of these tags")
    exclude_tags: tuple[Tag, ...] = Field(default=(), description="no tasks with one of these tags")
    grouping: tuple[GroupingPattern, ...] = ()
    max_endpoints: int = Field(default=200, ge=1, description="above this many distinct names the run warns")
    targets: tuple[Target, ...] = ()
    criteria: Criteria = Criteria()
    files_digest: str = ""

    @property
    def entries(self) -> tuple[Path, ...]:
        """What `locustfile` names: files and folders."""
        names = (self.locustfile,) if isinstance(self.locustfile, str) else self.locustfile
        return tuple(Path(self.folder, name) for name in names)

    @property
    def locustfiles(self) -> tuple[str, ...]:
        """Absolute paths of the files that Locust loads; of a folder, those that Locust takes itself: not `_helpers.py`."""
        files = (_python_files(entry) if entry.is_dir() else [entry] for entry in self.entries)
        return tuple(str(path.resolve()) for group in files for path in group)


def _python_files(folder: Path) -> list[Path]:
    found = (path.relative_to(folder) for path in folder.rglob("[!_]*.py"))
    return [folder / path for path in sorted(found) if not any(part.startswith(".") for part in path.parts)]


class TriggerKind(StrEnum):
    """What asked for a run."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    PUSH = "push"
    CLI = "cli"
    CONFIRMATION = "confirmation"
    BASELINE = "baseline"


class Trigger(Record):
    """Who or what asked for the run, and for which code."""

    kind: TriggerKind
    by: str = ""
    reason: str = ""
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    pull_request: int | None = None
    airflow_dag_id: str | None = None
    airflow_run_id: str | None = None
    airflow_url: str | None = None


class HostClass(Record):
    """What must be alike for two runs to be comparable (gate.md): hardware, OS, Python and Locust minor versions.

    `executor`, who starts the load, is recorded and not compared: baselines of the command line serve Airflow's runs on the same
    machine and the other way round; the gate allows for the difference (`loadtest.gate.statistics.comparability`).
    """

    cpu_model: str
    cores: int
    memory_gib: int
    os: str
    python: str
    locust: str
    executor: str

    @property
    def compared(self) -> dict[str, str | int]:
        return self.model_dump(exclude={"executor"})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostClass) and self.compared == other.compared

    def __hash__(self) -> int:
        return hash(tuple(self.compared.values()))

    @property
    def label(self) -> str:
        return (
            f"{self.cpu_model}, {self.cores} cores, {self.memory_gib} GiB, {self.os}, Python {self.python}, Locust {self.locust}"
        )


class Plan(FileModel):
    """One run, fully resolved and validated before anything starts. Holds no secret: `base_url` is host and port."""

    run_id: Slug
    scenario: Scenario
    profile: Profile
    environment: Environment
    base_url: str | None = Field(default=None, description="None until our own backend has a port")
    trigger: Trigger
    slowdown: str | None = None
    blocking: bool = False
    against: str | None = Field(default=None, description="commit that runs side by side with this one, as the base")
    any_build: bool = Field(default=False, description="measure whatever runs, also where another commit was asked for")
    build: Build | None = Field(default=None, description="the measured build; None until it was looked at, before the load")
    build_after: Build | None = Field(default=None, description="the build that ran when the load was over")
    confirms: str | None = Field(default=None, description="run id whose suspicion this run confirms")
    not_side_by_side: str = Field(default="", description="why this confirmation is a further run, where builds can be made")
    created_at: datetime
    digest: str = Field(description="what changes the measurement; equal digests are comparable")
    host_class: HostClass
    versions: dict[str, str] = {}
    set_aside: tuple[str, ...] = Field(default=(), description="what the Locust files say and this plan decides otherwise")

    @property
    def measured_commit(self) -> str | None:
        """The build that was measured, None if it is not known; never one that was merely asked for."""
        return self.build.version if self.build else None

    @property
    def build_note(self) -> str:
        """What must be said where another build than the one asked for was measured, or an unknown one; else nothing."""
        return build_note(self.trigger.commit, self.build)
