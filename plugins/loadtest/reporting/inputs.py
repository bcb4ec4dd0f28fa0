"""What there is of a finished run. Any file may be missing or damaged: a report of a failed run matters most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from loadtest.analysis.models import Analysis, DataContract, RunMetrics
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, FileModel
from loadtest.gate.records.findings import Comparison, Detectable, Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.history.imported import ImportRecord
from loadtest.load.models import LoadResult
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY, Outcome

Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True)
class TrendPoint:
    """One earlier run of the same scenario, environment and profile."""

    run_id: str
    started_at: datetime
    value_ms: float
    outcome: Outcome | None = None
    commit: str | None = None


@dataclass(frozen=True)
class EndpointTrend:
    """The last runs of one endpoint, oldest first. `anchor_ms`: the pinned reference; `onset`: when drift away from it began."""

    endpoint: str
    points: tuple[TrendPoint, ...]
    metric: str = "p95_ms"
    anchor_ms: float | None = None
    onset: datetime | None = None


@dataclass(frozen=True)
class RunFiles:
    """The files of one run, None where there is none, and what else charts compare with. `problems`: damaged files."""

    run_id: str
    folder: str
    plan: Plan | None = None
    load: LoadResult | None = None
    metrics: RunMetrics | None = None
    analysis: Analysis | None = None
    regression: RegressionReport | None = None
    contract: DataContract | None = None
    verdict: Verdict | None = None
    baseline: tuple[RunSummary, ...] = ()
    trend: tuple[EndpointTrend, ...] = ()
    problems: tuple[str, ...] = ()
    base_metrics: RunMetrics | None = None  # of the other build, in a comparison side by side
    base_analysis: Analysis | None = None
    lost_attempts: tuple[str, ...] = ()  # why each attempt before the one that was judged is not believed
    imported: ImportRecord | None = None  # of a run that another tool measured

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first; those of the gate while there is no verdict yet."""
        found = self.verdict.findings if self.verdict else self.regression.findings if self.regression else ()
        return tuple(sorted(found, key=lambda finding: (finding.muted, SEVERITY.index(finding.outcome))))

    @property
    def comparison(self) -> Comparison | None:
        if self.verdict and self.verdict.comparison:
            return self.verdict.comparison
        return self.regression.comparison if self.regression else None

    @property
    def detectable(self) -> tuple[Detectable, ...]:
        if self.verdict and self.verdict.detectable:
            return self.verdict.detectable
        return self.regression.detectable if self.regression else ()


def read_run(
    folder: RunFolder, *, baseline: Sequence[RunSummary] | None = None, trend: Sequence[EndpointTrend] | None = None
) -> RunFiles:
    """Read what is there. A missing file is None; a damaged one is None and a sentence in `problems`."""
    problems: list[str] = []

    def read(model: type[Model], path: AnyPath) -> Model | None:
        try:
            return model.read(path) if path.exists() else None
        except (ConfigurationError, OSError) as error:
            # the folder's own path says nothing to a reader elsewhere
            problems.append(str(error).replace(str(path), path.name))
            return None

    plan, load = read(Plan, folder.plan), read(LoadResult, folder.load)
    side_by_side = plan is not None and plan.against is not None
    return RunFiles(
        run_id=folder.run_id,
        folder=str(folder.path),
        plan=plan,
        base_metrics=read(RunMetrics, folder.base.metrics) if side_by_side else None,
        base_analysis=read(Analysis, folder.base.analysis) if side_by_side else None,
        load=load,
        lost_attempts=tuple(
            _why_lost(number, read(LoadResult, folder.attempt(number).load)) for number in range(1, load.attempt if load else 1)
        ),
        imported=read(ImportRecord, folder.imported),
        metrics=read(RunMetrics, folder.metrics),
        analysis=read(Analysis, folder.analysis),
        regression=read(RegressionReport, folder.regression_report),
        contract=read(DataContract, folder.data_contract),
        verdict=read(Verdict, folder.verdict),
        baseline=tuple(baseline or ()),
        trend=tuple(trend or ()),
        problems=tuple(problems),
    )


def _why_lost(number: int, result: LoadResult | None) -> str:
    why = (result.error or f"ended before its time ({result.stop_reason})") if result else "left no result"
    return f"attempt {number}: {why.rstrip('.')}"
