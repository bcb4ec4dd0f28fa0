"""Schedules: which load test runs when, on which load generator, and who is told (`include/schedules/<name>.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import Field, field_validator

from loadtest.errors import ConfigurationError
from loadtest.files import Record
from loadtest.planning.config import check_known, known_names, profile_names, read_yaml, validated
from loadtest.planning.quantities import Slug, Tag, parse_duration_s
from loadtest.planning.request import MAX_USERS, Request
from loadtest.planning.resolve import run_id_from
from loadtest.settings import Settings

LOAD_TEST = "load_test"  # the DAG of runs by hand and on pushes
_SHORTHANDS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")
_REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-]$"


class Overrides(Record):
    """What a schedule changes in its profile and scenario; also the defaults of its form in Airflow."""

    users: int | None = Field(default=None, ge=1, le=MAX_USERS, description="Number of users; replaces the profile's.")
    spawn_rate: float | None = Field(
        default=None, gt=0, le=5_000, description="Users started per second; replaces the profile's."
    )
    duration: str | None = Field(
        default=None, examples=[600], description="How long the load lasts, such as `10m`; replaces the profile's."
    )
    slowdown: str | None = Field(
        default=None,
        max_length=2_000,
        description="Slows endpoints of the sample backend down on purpose, such as `GET /api/v1/courses=+400ms`.",
    )
    arguments: dict[str, Any] = Field(default={}, description="Values for arguments of the scenario's Locust file.")
    tags: tuple[Tag, ...] = Field(default=(), description="Run only tasks with one of these tags.")
    exclude_tags: tuple[Tag, ...] = Field(default=(), description="Leave out tasks with one of these tags.")

    @field_validator("duration", mode="before")
    @classmethod
    def _is_a_duration(cls, value: Any) -> Any:
        if value is not None:
            parse_duration_s(value)
        return value if value is None else f"{value}s" if isinstance(value, int | float) else str(value)


class GitHubPlace(Record):
    """Where issues about this schedule's runs belong."""

    repository: str | None = Field(
        default=None, pattern=_REPOSITORY, description="Repository for issues, as `owner/name`, when the run itself names none."
    )
    assignees: tuple[str, ...] = Field(default=(), description="GitHub logins to assign issues to.")


class Schedule(Record):
    """One load test that comes again: the DAG `load_test__<name>`."""

    name: Slug
    purpose: str = Field(default="", description="What the schedule is for, in one line; shown in the list of DAGs.")
    scenario: str = Field(description="What users do: the name of a folder in `include/scenarios`.")
    environment: str = Field(description="Where the load goes: the name of a file in `include/environments`.")
    profile: str = Field(default="light", description="How much load: a name that `loadtest profiles` lists.")
    cron: str = Field(description="When to run: minute, hour, day of month, month, day of week, such as `0 2 * * MON`.")
    timezone: str = Field(default="UTC", description="Time zone of the cron expression, such as `Europe/Berlin`.")
    overrides: Overrides = Field(
        default=Overrides(), description="Changes to what the profile and the scenario say, for the runs of this schedule."
    )
    blocking: bool = Field(default=False, description="A failed verdict also fails the DAG run.")
    owners: dict[str, str | None] = Field(
        default={},
        examples=[["ada"]],
        description="People or teams responsible, each with a link (`https:` or `mailto:`) or none; or a list of names.",
    )
    slack_channel: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="Slack channel for alerts; needs a bot token, because a webhook has its own channel.",
    )
    github: GitHubPlace = Field(default=GitHubPlace(), description="Where issues about this schedule's runs are opened.")
    load_generator: Slug | None = Field(
        default=None, description="Name of the Airflow load generator that sends the load; the environment's if left out."
    )

    @field_validator("cron")
    @classmethod
    def _comes_again(cls, value: str) -> str:
        if value not in _SHORTHANDS and (len(value.split()) != 5 or not croniter.is_valid(value)):
            raise ValueError('a cron expression has five fields, such as "0 2 * * MON" for Mondays at two')
        try:
            croniter(value, datetime(2024, 1, 1, tzinfo=UTC)).get_next(datetime)
        except ValueError:
            raise ValueError("no day is like that") from None
        return value

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError("there is no such time zone; write UTC, or a name such as Europe/Berlin") from None
        return value

    @field_validator("owners", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        return dict.fromkeys(map(str, value)) if isinstance(value, list | tuple) else value

    @field_validator("owners")
    @classmethod
    def _links_lead_somewhere(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        for name, link in value.items():
            if not name.strip() or "," in name:
                raise ValueError("an owner's name is not empty and has no comma")
            if link is not None and not re.fullmatch(r"(https?://|mailto:)\S+", link):
                raise ValueError(f"the link of {name} must begin with https:// or mailto:")
        return value

    @property
    def dag_id(self) -> str:
        return dag_id_of(self.name)

    @property
    def series(self) -> tuple[str, str, str]:
        return self.scenario, self.environment, self.profile

    @property
    def when(self) -> str:
        return f"{self.cron} ({self.timezone})"

    def form_values(self) -> dict[str, Any]:
        """The values that its DAG's form begins with, by the names of the params."""
        overrides = self.overrides
        values = overrides.model_dump(exclude={"arguments", "tags", "exclude_tags"}, exclude_none=True)
        values["arguments"] = [f"{name}={value}" for name, value in overrides.arguments.items()]
        values |= {"tags": list(overrides.tags), "exclude_tags": list(overrides.exclude_tags)}
        given = {name: value for name, value in values.items() if value}
        names = ("scenario", "environment", "profile", "blocking")
        return {name: getattr(self, name) for name in names} | given

    def request(self) -> Request:
        """What its scheduled runs ask for; raises ConfigurationError."""
        values = self.form_values()
        return Request.of(**{"duration_s" if name == "duration" else name: value for name, value in values.items()})

    def last_due(self, now: datetime) -> datetime:
        """The last time at or before `now` at which a run was due, in UTC."""
        local = now.astimezone(ZoneInfo(self.timezone))
        due: datetime = croniter(self.cron, local + timedelta(seconds=1)).get_prev(datetime)
        return due.astimezone(UTC)

    def next_due(self, now: datetime) -> datetime:
        """The next time after `now`, in UTC."""
        due: datetime = croniter(self.cron, now.astimezone(ZoneInfo(self.timezone))).get_next(datetime)
        return due.astimezone(UTC)


@dataclass(frozen=True)
class BrokenSchedule:
    """A file that cannot be used. `reason`: what is wrong with it and what to do."""

    name: str
    reason: str

    @property
    def dag_id(self) -> str:
        return dag_id_of(self.name)


def load_schedule(settings: Settings, name: str) -> Schedule:
    """Read and check one; what it names must exist. Raises ConfigurationError."""
    check_known(name, known_names(settings.schedules), "schedule", settings.schedules)
    path = settings.schedules / f"{name}.yaml"
    schedule = validated(Schedule, {"name": name} | read_yaml(path), path)
    if schedule.name != name:
        raise ConfigurationError(f"{path}: name: a schedule is named like its file, {name} (got {schedule.name!r}); remove name.")
    for kind, names in (
        ("scenario", known_names(settings.scenarios)),
        ("environment", known_names(settings.environments)),
        ("profile", profile_names(settings)),
    ):
        wanted = getattr(schedule, kind)
        if wanted not in names:
            known = ", ".join(names) or "none"
            raise ConfigurationError(f"{path}: {kind}: there is no {kind} {wanted[:60]!r}; known are: {known}.")
    return schedule


def all_schedules(settings: Settings) -> Iterator[Schedule | BrokenSchedule]:
    """Each file of include/schedules by name; a broken one takes no other with it."""
    for name in known_names(settings.schedules):
        try:
            yield load_schedule(settings, name)
        except ConfigurationError as error:
            yield BrokenSchedule(name, str(error))


def dag_id_of(name: str) -> str:
    """The DAG of a schedule; a file's name may hold what no DAG id may."""
    return f"{LOAD_TEST}__{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"


def schedule_name(dag_id: str) -> str | None:
    """Of the schedule that a DAG belongs to, None for other DAGs."""
    return dag_id.removeprefix(f"{LOAD_TEST}__") if dag_id.startswith(f"{LOAD_TEST}__") else None


def schedule_of(dag_id: str, settings: Settings) -> Schedule | None:
    """The schedule that a DAG belongs to; None for other DAGs, and where its file is gone or broken."""
    name = schedule_name(dag_id)
    try:
        return load_schedule(settings, name) if name else None
    except ConfigurationError:
        return None


def sends_load(dag_id: str | None) -> bool:
    """Whether a DAG's runs are load tests with the tasks of `load_test`."""
    return dag_id is not None and (dag_id == LOAD_TEST or dag_id.startswith(f"{LOAD_TEST}__"))


def run_id_of(dag_id: str, dag_run_id: str) -> str:
    """Two DAGs may have runs of the same id (both start at two on Monday), but run ids are of one run for ever."""
    return run_id_from(dag_run_id if dag_id == LOAD_TEST else f"{dag_id}__{dag_run_id}")
