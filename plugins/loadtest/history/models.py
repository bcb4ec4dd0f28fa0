"""What the history hands out and takes in: plain records, the same for queries, export and import."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from loadtest.files import FileModel, Record
from loadtest.gate.records.findings import Finding
from loadtest.history.text import aware
from loadtest.vocabulary import Criterion, Outcome

Instant = Annotated[datetime, AfterValidator(aware)]
Name = Annotated[str, Field(min_length=1, max_length=128)]

TOTAL = "Total"  # the endpoint name under which the whole run's metrics are kept

# Findings that say "slower or worse than before"; the others speak of validity or of absolute limits.
REGRESSION_CRITERIA = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS, Criterion.DRIFT, Criterion.CAPACITY)


class HistoryStatus(StrEnum):
    """`judged` and `not_run` as in a verdict; `measured`: numbers without a verdict (confirmation, baseline, import)."""

    JUDGED = "judged"
    NOT_RUN = "not_run"
    MEASURED = "measured"


class Source(StrEnum):
    """Where a row of the history came from."""

    RUN_FOLDER = "run_folder"
    IMPORT = "import"


class RunRow(Record):
    """One run as the history keeps it. `steady_s`: length of the steady phase; `requests` and `errors` are of it."""

    run_id: Name
    scenario: Name
    environment: Name
    profile: Name
    status: HistoryStatus = HistoryStatus.MEASURED
    outcome: Outcome | None = None
    evidence: str | None = None
    sentence: str = ""
    digest: str | None = None
    host_class: str | None = None
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    pull_request: int | None = None
    trigger_kind: str | None = None
    trigger_by: str | None = None
    slowdown: str | None = None
    confirms: str | None = None
    blocking: bool = False
    started_at: Instant
    ended_at: Instant | None = None
    users: int | None = None
    steady_s: float | None = None
    requests: int | None = None
    errors: int | None = None
    baseline_version: int | None = None
    folder: str | None = None
    airflow_url: str | None = None
    source: Source = Source.IMPORT


class MetricRow(Record):
    """One metric of one endpoint; `variance` is the within-run variance of the gate's log metrics."""

    endpoint: str = Field(min_length=1)
    metric: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    value: float
    n: int | None = Field(default=None, ge=0, le=2**53)
    variance: float | None = Field(default=None, ge=0)


class RunEntry(Record):
    """Everything the history keeps of one run: one line of an export. `summary` is the gate's RunSummary as JSON text."""

    run: RunRow
    metrics: tuple[MetricRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: str | None = None


class SeriesPoint(Record):
    """One run's value in a series over time."""

    run_id: str
    started_at: datetime
    value: float
    n: int | None
    variance: float | None
    commit: str | None
    branch: str | None
    digest: str | None
    host_class: str | None
    outcome: Outcome | None


class OpenRegression(Record):
    """A regression whose last word is "fail": since which run, last seen in which, in how many runs."""

    scenario: str
    environment: str
    profile: str
    criterion: Criterion
    endpoint: str | None
    metric: str | None
    since_run_id: str
    since: datetime
    last_run_id: str
    last_at: datetime
    runs: tuple[str, ...]  # every failing run of it, oldest first
    sentence: str
    muted: bool = False  # a mute is in force: known, not to be alerted about


class AcknowledgementKind(StrEnum):
    """What a person can say of a regression."""

    MUTE = "mute"
    ACCEPT = "accept"
    FALSE_ALARM = "false_alarm"


class Acknowledgement(FileModel):
    """What a person said. `scenario`, `environment` and `profile` None: everywhere; `endpoint` None: all of them."""

    id: str
    kind: AcknowledgementKind
    scenario: str | None = None
    environment: str | None = None
    profile: str | None = None
    run_id: str | None = None
    endpoint: str | None = None
    metric: str | None = None
    reason: str
    by: str
    created_at: Instant
    expires_at: Instant | None = None
    withdrawn_at: Instant | None = None
    withdrawn_by: str | None = None

    def active(self, at: datetime) -> bool:
        """Whether it holds at `at`: made before, not yet expired, not withdrawn by then."""
        if self.created_at > at or (self.withdrawn_at is not None and self.withdrawn_at <= at):
            return False
        return self.expires_at is None or self.expires_at > at
