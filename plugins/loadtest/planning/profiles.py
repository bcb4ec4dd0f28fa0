"""How much load: the model of `include/profiles/<name>.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from loadtest.files import BY_NAME_TOO, Record
from loadtest.planning.quantities import DurationS, ShareOrPercent, Slug, Tag, parse_ms, parse_share
from loadtest.planning.search import CapacitySearch
from loadtest.vocabulary import Evidence

MAX_DURATION_S = 6 * 3600


class LoadModel(StrEnum):
    """`closed`: a number of users who wait for each answer; `open`: arrivals at a rate, whatever the answers do."""

    CLOSED = "closed"
    OPEN = "open"


class Stage(Record):
    """One step of a staged load: reach `users` (closed) or `arrivals_per_s` (open) over `duration` seconds.

    `ramp: true` changes linearly from the previous level, false jumps to the level and holds it.
    """

    duration_s: DurationS = Field(alias="duration", ge=1, description="How long the stage lasts, such as `2m`.")
    users: int | None = Field(default=None, ge=0, le=20_000, description="Users at the end of the stage, in the closed model.")
    arrivals_per_s: float | None = Field(
        default=None, ge=0, le=50_000, description="Arrivals per second at the end of the stage, in the open model."
    )
    ramp: bool = Field(
        default=True,
        description="`true` changes the load linearly from the previous stage; `false` jumps to the new level and holds it.",
    )

    model_config = BY_NAME_TOO


class AbortCriterion(Record):
    """Stops the load early when a metric stays above its limit for some time.

    `above`: a share or percentage for `error_rate`, else milliseconds (or a duration such as `5s`).
    """

    metric: Literal["error_rate", "p50_ms", "p95_ms", "p99_ms"] = Field(description="The metric to watch while the load runs.")
    above: float = Field(
        ge=0,
        examples=["5s"],
        description=(
            "The limit: a share such as `0.5` or `50%` for `error_rate`, otherwise a duration (a plain number is milliseconds)."
        ),
    )
    for_s: DurationS = Field(
        alias="for", ge=1, description="How long the metric must stay above the limit before the load is stopped, such as `30s`."
    )
    endpoint: str | None = Field(
        default=None, description="The endpoint to watch, such as `GET /orders/{id}`; all requests together if left out."
    )

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
    purpose: str = Field(min_length=1, description="What the profile is for, in one line; shown by `loadtest profiles`.")
    users: int = Field(default=0, ge=0, le=20_000, description="Number of concurrent users, in the closed model.")
    spawn_rate: float = Field(default=1.0, gt=0, le=5_000, description="Users started per second during ramp-up.")
    duration_s: DurationS = Field(
        default=0,
        alias="duration",
        ge=1,
        le=MAX_DURATION_S,
        description="How long the load lasts, such as `5m`; stages bring their own durations.",
    )
    load_model: LoadModel = Field(
        default=LoadModel.CLOSED,
        description=(
            "`closed`: users wait for each response before they continue. `open`: arrivals come at a given rate, "
            "however slow the responses are."
        ),
    )
    arrivals_per_s: float | None = Field(default=None, gt=0, le=50_000, description="Arrival rate of the open model, per second.")
    max_concurrency: int = Field(
        default=1_000,
        ge=1,
        le=20_000,
        description="Upper limit on requests in flight in the open model; arrivals beyond it are dropped and counted.",
    )
    stages: tuple[Stage, ...] = Field(
        default=(), description="Load that changes over time, in place of `users` or `arrivals_per_s` and `duration`."
    )
    search: CapacitySearch | None = Field(
        default=None, description="Searches for the highest load at which all targets are met, in place of a fixed load."
    )
    shape: Literal["profile", "scenario"] = Field(
        default="profile", description="`scenario` lets the Locust file's own `LoadTestShape` decide how many users run when."
    )
    tags: tuple[Tag, ...] = Field(default=(), description="Run only tasks with one of these tags; replaces the scenario's list.")
    exclude_tags: tuple[Tag, ...] = Field(
        default=(), description="Leave out tasks with one of these tags; replaces the scenario's list."
    )
    workers: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        default=1, description="Locust worker processes on this machine; `auto` uses all CPU cores but one."
    )
    remote_workers: int = Field(
        default=0, ge=0, le=500, description="Locust workers on other machines that must join before the load starts."
    )
    remote_wait_s: DurationS = Field(
        default=60, alias="remote_wait", description="How long to wait for the remote workers, such as `2m`."
    )
    evidence: Evidence = Field(
        default=Evidence.CONCLUSIVE, description="`indicative` marks a load too small for firm conclusions, such as a smoke test."
    )
    tolerance: ShareOrPercent = Field(
        default=0.20, gt=0, le=1, description="Largest regression that a pass may leave possible, such as `20%`."
    )
    abort_when: tuple[AbortCriterion, ...] = Field(
        default=(), description="Stops the load early when one of these criteria is met, in addition to the environment's."
    )
    leaks: Literal["warn", "fail"] = Field(
        default="warn",
        description=(
            "Outcome when latency, errors, memory or open files grow steadily during a constant load of eight minutes or more."
        ),
    )
    host_probe: bool = Field(
        default=True,
        description="Measures CPU and loopback speed before and after the load, to tell a slow host from a slow build.",
    )

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
