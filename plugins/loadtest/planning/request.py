"""A request for a run, as it arrives: from the UI's parameters, the schedule, a push, or the command line. Nothing is trusted."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from loadtest.errors import ConfigurationError
from loadtest.files import first_problem
from loadtest.planning.arguments import ArgumentValue, named_values
from loadtest.planning.models import Trigger, TriggerKind
from loadtest.planning.profiles import MAX_DURATION_S
from loadtest.planning.quantities import DurationS, format_duration

MAX_USERS = 20_000
SIDE_BY_SIDE = "side_by_side"  # the profile of comparisons, unless the request names one
MERGE_BASE = "merge-base"  # as `against`: the commit at which the one under test left the main branch


class Request(BaseModel):
    """What somebody asked for, before it is resolved against `include/`. None means: as the profile says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str = "student_api"
    profile: str = "smoke"
    environment: str = "staging"
    users: int | None = Field(default=None, ge=1, le=MAX_USERS)
    spawn_rate: float | None = Field(default=None, gt=0, le=5_000)
    duration_s: DurationS | None = None
    host: str | None = Field(default=None, description="only accepted when it is the environment's own host")
    slowdown: str | None = Field(default=None, max_length=2_000)
    blocking: bool = False
    against: str | None = Field(default=None, max_length=200, description="branch, tag, commit or merge-base to compare with")
    any_build: bool = Field(default=False, description="measure what runs, also where another commit was asked for")
    trigger: Trigger = Trigger(kind=TriggerKind.CLI)
    arguments: dict[str, ArgumentValue] = Field(default={}, description="name=value each; they go before the scenario's own")
    tags: tuple[str, ...] | None = None
    exclude_tags: tuple[str, ...] | None = None
    run_id: str | None = None
    confirms: str | None = None
    executor: str = "cli"
    load_generator: str | None = Field(default=None, description="instead of the environment's; as a schedule says")

    @field_validator("users", "spawn_rate", "duration_s", "host", "slowdown", mode="before")
    @classmethod
    def _empty_means_default(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("arguments", mode="before")
    @classmethod
    def _name_and_value(cls, value: Any) -> Any:
        return named_values(map(str, value)) if isinstance(value, list | tuple) else value or {}

    @field_validator("tags", "exclude_tags", mode="before")
    @classmethod
    def _none_is_as_the_scenario_says(cls, value: Any) -> Any:
        return tuple(value) if value else None

    @field_validator("duration_s")
    @classmethod
    def _duration_is_bounded(cls, value: float | None) -> float | None:
        if value is not None and not 1 <= value <= MAX_DURATION_S:
            raise ValueError(f"a duration is between 1s and {format_duration(MAX_DURATION_S)}")
        return value

    @classmethod
    def of(cls, **values: Any) -> Request:
        """Build from untrusted values; raises ConfigurationError with one sentence."""
        trigger = values.get("trigger")
        if isinstance(trigger, Trigger) and trigger.commit:
            check_commit(trigger.commit)
        try:
            return cls(**values)
        except ValidationError as error:
            problem = first_problem(error).replace("duration_s:", "duration:", 1)  # as people write it
            raise ConfigurationError(f"Bad request: {problem}.") from None


def check_commit(commit: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{4,64}|[\w./-]{1,100}", commit):
        raise ConfigurationError(f"{commit[:60]!r} is no commit; give a hash or a tag.")
