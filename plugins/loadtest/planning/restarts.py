"""Where a service that somebody else starts tells that it was started anew."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from loadtest.files import Record

START_TIME = "process_start_time_seconds"  # what Prometheus' client libraries call it
_FIELDS = {"health": "json_pointer", "header": "header", "metrics": "metric"}
_NAMES = {"json_pointer": "json"}  # what people write


class RestartSign(Record):
    """A value that changes when the service is started anew: a boot id, a process id, the time of the start; or, with `uptime`,
    the seconds since then. `health`: at the JSON pointer `json` in what `path` answers (default: the health check's); `header`:
    a response header of the same; `metrics`: a metric without labels on a page of Prometheus metrics (default: `/metrics`).

    It must be of the service as a whole: of several processes that answer in turns each has its own.
    """

    origin: Literal["health", "header", "metrics"] = Field(
        alias="from",
        description="Where the value is: in the health response, in a response header, or on a page of Prometheus metrics.",
    )
    path: str | None = Field(default=None, pattern="^/", description="Path to request, below the base URL.")
    json_pointer: str | None = Field(
        default=None,
        alias="json",
        min_length=1,
        description="JSON pointer to the value in the response, such as `boot_id`; for `from: health`.",
    )
    header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]+$",
        description="Name of the response header, such as `X-Boot-Id`; for `from: header`.",
    )
    metric: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_:][A-Za-z0-9_:]*$",
        description=f"Name of the metric, `{START_TIME}` if left out; for `from: metrics`.",
    )
    uptime: bool = Field(default=False, description="The value counts the seconds since the service started.")

    model_config = Record.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _says_where(self) -> RestartSign:
        own = _FIELDS[self.origin]
        if not getattr(self, own) and own != "metric":
            raise ValueError(f"restarts from {self.origin} need {_NAMES.get(own, own)}")
        for other in set(_FIELDS.values()) - {own}:
            if getattr(self, other):
                raise ValueError(f"restarts from {self.origin} take no {_NAMES.get(other, other)}")
        return self

    @property
    def metric_name(self) -> str | None:
        return (self.metric or START_TIME) if self.origin == "metrics" else None

    @property
    def label(self) -> str:
        """What is looked at, in a sentence."""
        return self.json_pointer or self.header or self.metric_name or ""
