"""How runs are judged: targets, and the models of `criteria.yaml`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from loadtest.files import Record
from loadtest.planning.quantities import ShareOrPercent, parse_ms, parse_share

TargetMetric = Literal["p50_ms", "p90_ms", "p95_ms", "p99_ms", "mean_ms", "error_rate", "rps"]
TARGET_METRICS: tuple[TargetMetric, ...] = get_args(TargetMetric)
TARGET_MEANINGS: dict[TargetMetric, tuple[str, str]] = {  # how the limit is written, what it limits
    "p50_ms": ("milliseconds, or a duration such as `1.5s`", "Half of the successful requests must be as fast as this."),
    "p90_ms": ("milliseconds, or a duration such as `1.5s`", "Of the successful requests, 90 % must be as fast as this."),
    "p95_ms": ("milliseconds, or a duration such as `1.5s`", "Of the successful requests, 95 % must be as fast as this."),
    "p99_ms": ("milliseconds, or a duration such as `1.5s`", "Of the successful requests, 99 % must be as fast as this."),
    "mean_ms": ("milliseconds, or a duration such as `1.5s`", "The mean latency of successful requests must not be above this."),
    "error_rate": ("a share such as `0.01` or `1%`", "The share of requests that failed must not be above this."),
    "rps": ("requests a second", "At least so many requests must be answered each second."),
}


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
    """A known problem: its findings are recorded and shown, but do not count until the mute expires."""

    endpoint: str | None = Field(default=None, description="The endpoint to mute; all endpoints if left out.")
    metric: str | None = Field(default=None, description="The metric to mute, such as `p95_ms`; all metrics if left out.")
    reason: str = Field(min_length=3, description="Why the finding is acceptable for now; shown wherever it is muted.")
    expires: datetime = Field(description="Date or time after which findings count again, such as `2026-12-31`.")
    by: str = Field(default="", description="Who decided it.")


class EndpointCriteria(Record):
    """Overrides for one endpoint."""

    tolerance: ShareOrPercent | None = Field(
        default=None,
        gt=0,
        le=1,
        description=(
            "Largest regression that a pass may leave possible for this endpoint, such as `30%`; the scenario's if left out."
        ),
    )
    least_effect: ShareOrPercent | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Smallest change of this endpoint that counts as a regression, such as `10%`; the scenario's if left out.",
    )
    critical: bool = Field(
        default=False, description="An open question about this endpoint prevents a pass, however well the others are covered."
    )
    required: bool = Field(
        default=False,
        description="The run fails if this endpoint was never requested in the steady phase; an indicative run only warns.",
    )


class CommonCriteria(Record):
    """How scenarios are judged whose own `criteria.yaml` does not say otherwise; the defaults need no file."""

    tolerance: ShareOrPercent | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Largest regression that a pass may leave possible, such as `20%`; the profile's if left out.",
    )
    least_effect: ShareOrPercent = Field(
        default=0.05, gt=0, le=1, description="Smallest change that counts as a regression, such as `5%`."
    )
    false_alarm_level: float = Field(
        default=0.003,
        gt=0,
        le=0.2,
        description="Adjusted p-value below which a regression fails; smaller values mean fewer false alarms and less power.",
    )
    most_errors: ShareOrPercent = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="The run fails when its error rate is certainly above this share and no target limits the error rate.",
    )
    baseline_required: bool = Field(default=False, description="A run that cannot be compared with a baseline is inconclusive.")


class Criteria(CommonCriteria):
    """How a scenario is judged: `criteria.yaml` beside it, over what `include/criteria.yaml` says of all."""

    least_capacity: int | None = Field(
        default=None, ge=1, description="Number of users that a capacity search must find the service to hold."
    )
    endpoints: dict[str, EndpointCriteria] = Field(
        default={}, description="Overrides for single endpoints, by name, such as `POST /login`."
    )
    muted: tuple[Mute, ...] = Field(default=(), description="Known problems that are shown but do not count until they expire.")
