"""What the gate writes: `regression_report.json`, `verdict.json`."""

from __future__ import annotations

from datetime import datetime

from loadtest.files import FileModel
from loadtest.gate.records.capacity import Capacity
from loadtest.gate.records.findings import Comparison, Coverage, Detectable, Finding, Recommendation
from loadtest.gate.records.summaries import RunSummary
from loadtest.vocabulary import Evidence, Outcome, RunStatus


class RegressionReport(FileModel):
    """`regression_report.json`: every finding of the gate with all its numbers."""

    run_id: str
    summary: RunSummary | None
    confirmation_runs: tuple[str, ...] = ()
    comparison: Comparison
    findings: tuple[Finding, ...]
    detectable: tuple[Detectable, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    capacity: Capacity | None = None  # of a run that looked for it
    provable: bool = False  # too little is proven for a pass, and one more run would probably prove enough

    @property
    def asks_again(self) -> bool:
        """Whether another run of the same build is wanted."""
        return bool(self.suspects) or self.provable

    @property
    def suspects(self) -> tuple[Finding, ...]:
        """What confirmation runs would have to settle; a muted matter needs none."""
        return tuple(finding for finding in self.findings if finding.suspect and finding.counts)


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
    commit: str | None = None  # the measured build, None if unknown; of a run that was not run the commit asked for
    asked_commit: str | None = None  # what was asked for, where that is not what was measured
    branch: str | None = None
    pull_request: int | None = None
    repository: str | None = None
    airflow_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime
