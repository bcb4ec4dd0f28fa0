"""What the gate reads and writes: run summaries, findings, `regression_report.json`, `verdict.json`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from loadtest.files import FileModel, Record
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass
from loadtest.vocabulary import Criterion, Evidence, Outcome, RunStatus


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


class Finding(Record):
    """One judged comparison. `effect`, `interval` and `limit` are relative (0.31 = +31 %) for regressions, in the
    metric's unit for targets. `sentence` is what every channel prints; it is not escaped for any of them."""

    criterion: Criterion
    outcome: Outcome
    sentence: str
    endpoint: str | None = None
    metric: str | None = None
    observed: float | None = None  # in the metric's unit
    reference: float | None = None  # baseline's value or target, in the metric's unit
    effect: float | None = None
    interval: tuple[float, float] | None = None
    p_adjusted: float | None = None
    n: int | None = None
    suspect: bool = False
    muted: bool = False  # recorded and shown, not counted
    mute_reason: str = ""
    evidence: dict[str, float | int | str | None] = {}

    @property
    def counts(self) -> bool:
        return not self.muted


class Comparison(Record):
    """With what the run was compared, or why not."""

    compared: bool
    reason: str = ""  # one sentence when not compared or only with reduced force
    baseline_version: int | None = None
    baseline_path: str | None = None
    baseline_runs: int = 0
    builds: int = 0
    host_factor: float | None = None  # relative: 0.06 = this run's host was 6 % slower
    candidate_runs: int = 1  # 3 after confirmation


class Detectable(Record):
    """The smallest regression of one endpoint that this run could have detected (80 % power), relative."""

    endpoint: str
    metric: str
    effect: float


class Recommendation(Record):
    """What the pattern of findings suggests, why, and what to do next."""

    title: str
    evidence: str
    next_step: str
    command: str = ""


class RegressionReport(FileModel):
    """`regression_report.json`: every finding of the gate with all its numbers."""

    run_id: str
    summary: RunSummary | None
    confirmation_runs: tuple[str, ...] = ()
    comparison: Comparison
    findings: tuple[Finding, ...]
    detectable: tuple[Detectable, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()

    @property
    def suspects(self) -> tuple[Finding, ...]:
        """What confirmation runs would have to settle; a muted matter needs none."""
        return tuple(finding for finding in self.findings if finding.suspect and finding.counts)


class Coverage(Record):
    """How much of a pass is proven: endpoints whose regression beyond the tolerance is excluded."""

    judged: int
    proven: int
    sentence: str


class Verdict(FileModel):
    """`verdict.json`: the run's outcome with its reasons. Written by one task alone."""

    run_id: str
    scenario: str
    environment: str
    profile: str
    status: RunStatus
    outcome: Outcome | None  # None when not_run
    evidence: Evidence
    sentence: str  # the verdict in one sentence, the same in every channel
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()  # all of them, worst first
    recommendations: tuple[Recommendation, ...] = ()
    comparison: Comparison | None = None
    coverage: Coverage | None = None
    detectable: tuple[Detectable, ...] = ()
    blocking: bool = False
    commit: str | None = None
    branch: str | None = None
    pull_request: int | None = None
    repository: str | None = None
    airflow_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime
