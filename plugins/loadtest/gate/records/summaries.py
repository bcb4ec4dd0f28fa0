"""What a run is reduced to: a baseline stores it, the gate compares it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from loadtest.files import Record
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass


class EndpointSummary(Record):
    """One endpoint of one run, steady phase, successes (gate.md "Summary of a run"). Latencies as natural logs of ms.

    `lm` mean log latency, 2 % winsorized; `log_p50|p95|p99` log quantiles; `t10` mean log latency of the slowest tenth;
    `sh = t10 - lm`. `var_*` are within-run variances of these, autocorrelation included. None where n is too small.
    """

    endpoint: str
    n: int = Field(ge=0, description="requests, errors included")
    errors: int = Field(ge=0)
    lm: float | None = None
    var_lm: float | None = None
    log_p50: float | None = None
    var_log_p50: float | None = None
    log_p95: float | None = None
    var_log_p95: float | None = None
    log_p99: float | None = None
    var_log_p99: float | None = None
    t10: float | None = None
    sh: float | None = None
    var_sh: float | None = None
    mean_ms: float | None = None
    server_p50_ms: dict[str, float] = Field(default={}, description="median server time by Server-Timing component")
    server_mean_ms: dict[str, float] = Field(default={}, description="mean over all successes, unreported counting as 0")


class CapacitySummary(Record):
    """How many users the service held, and the standard deviation of the logarithm of that, within the run."""

    users: float = Field(gt=0)
    log_sd: float = Field(ge=0)


class RunSummary(Record):
    """One run as a baseline stores it and the judge compares it: about 400 bytes an endpoint."""

    run_id: str
    started_at: datetime
    duration_s: float
    digest: str
    host_class: HostClass
    commit: str | None = None
    versions: dict[str, str] = {}
    rps: float
    mean_latency_ms: float | None = None  # arithmetic, failures included; None in baselines stored without it
    host_probe: HostProbe | None = None
    endpoints: tuple[EndpointSummary, ...]
    capacity: CapacitySummary | None = None  # of a run that looked for it and found it
