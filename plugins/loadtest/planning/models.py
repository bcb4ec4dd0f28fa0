"""Models of what is asked for: profile, environment, scenario, and the plan that joins them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    Field,
    field_validator,
    model_validator,
)

from loadtest.files import BY_NAME_TOO, FileModel, Record
from loadtest.planning.access import Headers, HealthCheck, Tls
from loadtest.planning.allowed_hosts import AllowedHost
from loadtest.planning.arguments import ArgumentValue, name_pattern
from loadtest.planning.build import Build, Builds, BuildSource, build_note
from loadtest.planning.criteria import Criteria, Target
from loadtest.planning.kubernetes_fleet import KubernetesFleet
from loadtest.planning.profiles import AbortCriterion, Profile
from loadtest.planning.quantities import DurationS, Slug, Tag
from loadtest.planning.restarts import RestartSign
from loadtest.planning.variables import Declared


class BackendCommand(Record):
    """How to start the service for a run. `{port}` in the command and `env` values becomes a free port, `{host}` the address to
    listen on: this machine's loopback, or all of its addresses when remote workers must reach it."""

    command: tuple[str, ...] = Field(
        min_length=1, description="The program and its arguments, as a list; no shell interprets it."
    )
    env: dict[str, str] = Field(
        default={}, description="Environment variables of the backend; `${NAME}` passes on a variable of whoever starts the run."
    )
    working_dir: str = Field(default=".", description="Where the command runs, relative to the project folder.")
    start_timeout_s: DurationS = Field(
        default=30, alias="start_timeout", description="How long the backend may take to accept connections, such as `30s`."
    )
    advertise: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
        description=(
            "Host name or IPv4 address by which remote workers reach the backend; `auto` takes the host name of this machine."
        ),
    )

    model_config = BY_NAME_TOO


class Environment(Declared):
    """Where the load goes. Either `backend` starts it, or `base_url` (or its variable or connection) names it."""

    name: Slug
    purpose: str = Field(default="", description="What the environment is, in one line; shown by `loadtest environments`.")
    backend: BackendCommand | None = Field(
        default=None,
        description="Starts the service for each run and stops it afterwards; an environment without it needs a base URL.",
    )
    builds: Builds | None = Field(
        default=None, description="How a commit becomes a backend that can be started, for comparisons of builds."
    )
    build: BuildSource | None = Field(
        default=None,
        description="How to find out which build is running; by default the git checkout of a backend that the run starts.",
    )
    wait_for_build_s: DurationS = Field(
        default=0,
        alias="wait_for_build",
        ge=0,
        le=3600,
        description="How long a run for a commit waits until that commit is deployed, such as `10m`.",
    )
    base_url: str | None = Field(
        default=None, description="Address of a service that is already running, such as `https://staging.example.com`."
    )
    base_url_variable: str | None = Field(default=None, description="Name of the environment variable that holds the base URL.")
    base_url_connection: str | None = Field(default=None, description="Id of the Airflow connection that holds the base URL.")
    health: HealthCheck | None = Field(
        default_factory=HealthCheck,
        validation_alias=AliasChoices("health", "health_path"),
        examples=["/health", "none"],
        description=(
            "Health check that must succeed before the load and is repeated each second while it runs: a path, a "
            "mapping, or `none`."
        ),
    )
    health_timeout_s: DurationS = Field(
        default=30,
        alias="health_timeout",
        description="How long to wait for the service to become healthy before the load, such as `1m`.",
    )
    headers: Headers = Field(
        default={}, description="Headers added to every request; secrets as `${NAME}` or `${conn.ID.password}`."
    )
    allowed_hosts: tuple[AllowedHost, ...] = Field(
        default=(),
        description=(
            "Other hosts that the scenario may call, such as an identity provider; their requests are counted separately."
        ),
    )
    tls: Tls | None = Field(
        default=None,
        description="Certificates for an `https` service that needs its own certificate authority or a client certificate.",
    )
    restarts: RestartSign | None = Field(
        default=None, description="How to notice that a service which the run did not start was restarted under load."
    )
    allows_slowdown: bool = Field(
        default=False, description="Allows a run to slow endpoints down on purpose; never set it for a service with real users."
    )
    needs_approval: bool = Field(default=False, description="A person must approve each run in Airflow before any load is sent.")
    approval_timeout_s: DurationS = Field(
        default=24 * 3600,
        alias="approval_timeout",
        description="How long a run waits for approval before it ends without load, such as `24h`.",
    )
    allowed_profiles: tuple[str, ...] | None = Field(
        default=None, description="The only profiles that may be run here; all of them if left out."
    )
    max_users: int = Field(default=1_000, ge=1, description="Upper limit on users, and on `max_concurrency` in the open model.")
    abort_when: tuple[AbortCriterion, ...] = Field(
        default=(), description="Stops the load early when one of these criteria is met, in addition to the profile's."
    )
    artifact_retention_days: int = Field(
        default=90, ge=1, description="Days until bulky files of a run, such as its samples, may be deleted."
    )
    load_generator: Slug | None = Field(
        default=None, description="Name of the Airflow load generator that sends the load; the default one if left out."
    )
    fleet: KubernetesFleet | None = Field(
        default=None, description="Kubernetes cluster in which Airflow starts the remote workers of a profile."
    )

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


class GroupingPattern(Record):
    """Combines request paths into one endpoint."""

    match: str = Field(description="Regular expression that the request path must match.")
    name: str = Field(description="Endpoint name under which matching requests are reported, such as `/files/{name}`.")

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
    purpose: str = Field(default="", description="What the scenario does, in one line; shown by `loadtest scenarios`.")
    folder: str
    locustfile: str | tuple[str, ...] = Field(
        default="locustfile.py", description="The Locust file, or several files or folders, relative to the scenario's folder."
    )
    arguments: dict[Annotated[str, Field(pattern=name_pattern)], ArgumentValue] = Field(
        default={},
        description="Values for arguments that the Locust file adds to Locust's parser; secrets as `${SCENARIO_NAME}`.",
    )
    tags: tuple[Tag, ...] = Field(default=(), description="Run only tasks with one of these tags.")
    exclude_tags: tuple[Tag, ...] = Field(default=(), description="Leave out tasks with one of these tags.")
    grouping: tuple[GroupingPattern, ...] = Field(
        default=(), description="Rules that combine request paths into endpoints, in addition to the built-in ones for ids."
    )
    max_endpoints: int = Field(
        default=200, ge=1, description="The run warns when it sees more distinct endpoint names than this."
    )
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
