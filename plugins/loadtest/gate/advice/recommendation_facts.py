"""What recommendations are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.analysis.models import EndpointMetrics, FailureGroup, RunMetrics
from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome


@dataclass(frozen=True)
class Facts:
    """A judged run, as recommendations need it; `counted` has no muted finding, `overrides` are options of `loadtest run`."""

    plan: Plan
    counted: tuple[Finding, ...]
    comparison: Comparison
    metrics: RunMetrics | None
    baseline: Sequence[RunSummary]
    overrides: str
    failures: Sequence[FailureGroup] = ()

    def having(self, criterion: Criterion, *outcomes: Outcome) -> list[Finding]:
        return [f for f in self.counted if f.criterion is criterion and f.outcome in outcomes]

    @property
    def refused(self) -> int:
        """Requests that were answered 401 or 403."""
        return sum(group.count for group in self.failures if group.status in (401, 403))

    @property
    def requests_per_user_s(self) -> float:
        """How many requests a second each user sent; 0 where there are no users (open loop) or nothing was measured."""
        return self.metrics.total.rps / self.metrics.users if self.metrics and self.metrics.users else 0.0

    @property
    def run_command(self) -> str:
        return (
            f"loadtest run --scenario {self.plan.scenario.name} --environment {self.plan.environment.name} "
            f"--profile {self.plan.profile.name}{self.overrides}"
        )

    @property
    def regressed(self) -> list[Finding]:
        return self.having(Criterion.REGRESSION, Outcome.FAIL, Outcome.WARN)

    @property
    def commits_command(self) -> str:
        """Shows the commits between the newest baseline run's build and this one; empty where that is unknown."""
        before, ours = self.commits
        return f"git log --oneline {before[:12]}..{ours[:12]}" if before and ours else ""

    @property
    def commits(self) -> tuple[str, str]:
        """The build that this one is compared with (the base, or the newest run's of the baseline) and its own; empty texts
        where they are unknown or one."""
        built = [run.commit for run in sorted(self.baseline, key=lambda run: run.started_at) if run.commit]
        before, ours = self.plan.against or (built[-1] if built else ""), self.plan.measured_commit or ""
        return (before, ours) if before and ours and before != ours else ("", "")

    def measured(self, endpoint: str | None) -> EndpointMetrics | None:
        rows = self.metrics.endpoints if self.metrics else ()
        return next((row for row in rows if row.endpoint == endpoint), None)
