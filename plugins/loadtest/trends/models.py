"""What a trends report holds: `trends.json`. Effects are relative (0.02 = +2 %); latencies in milliseconds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loadtest.files import FileModel, Record


class Direction(StrEnum):
    """Where a series of runs goes."""

    DEGRADING = "degrading"
    IMPROVING = "improving"
    STEADY = "steady"  # a change worth speaking of is excluded
    UNCLEAR = "unclear"  # neither shown nor excluded
    TOO_FEW = "too few runs"


class Slope(Record):
    """Change per week over `weeks` weeks, with its 95 % interval; `p_adjusted` over all slopes of the series. The numbers
    are None where there are too few runs."""

    direction: Direction
    per_week: float | None = None
    interval: tuple[float, float] | None = None
    over_window: float | None = None  # what the slope adds up to
    p_adjusted: float | None = None
    runs: int
    weeks: float


class TrendPoint(Record):
    """One run of a series."""

    run_id: str
    started_at: datetime
    value_ms: float
    commit: str | None = None
    outcome: str | None = None
    segment: int  # runs of one segment have the same plan and host class and may be compared


class ChangePoint(Record):
    """A jump between two consecutive runs, of one endpoint or (endpoint None) of all together."""

    endpoint: str | None
    metric: str
    at: datetime  # start of the first run after it
    effect: float
    interval: tuple[float, float]
    run_before: str
    run_after: str
    commit_before: str | None = None
    commit_after: str | None = None
    sentence: str = ""


class MetricTrend(Record):
    """One metric of one endpoint (None: all together, as a factor) over the window, oldest run first."""

    endpoint: str | None
    metric: str
    points: tuple[TrendPoint, ...]
    slope: Slope
    latest_ms: float | None = None  # median of the last five comparable runs


class CapacityPoint(Record):
    """How many users one run found the service to hold, with its 95 % interval."""

    run_id: str
    started_at: datetime
    users: float
    low: float
    high: float
    commit: str | None = None
    segment: int


class Availability(Record):
    """How well the pipeline itself worked. `expected`: weekly runs that were due; None where none was ever scheduled."""

    runs: int
    outcomes: dict[str, int]
    expected: int | None = None
    scheduled_seen: int = 0
    alarms: int = 0
    false_alarms: int = 0
    sentence: str


class Proposal(Record):
    """A target that says too little or too much, and what it could be."""

    endpoint: str | None
    metric: str
    kind: str  # tighter or looser
    current: float
    proposed: float
    reason: str


class SeriesTrends(Record):
    """One scenario on one environment with one profile."""

    scenario: str
    environment: str
    profile: str
    metrics: tuple[MetricTrend, ...]
    changes: tuple[ChangePoint, ...]
    availability: Availability
    proposals: tuple[Proposal, ...]
    open_regressions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sentence: str
    capacity: tuple[CapacityPoint, ...] = ()  # of a profile that looks for it, oldest run first

    @property
    def title(self) -> str:
        return f"{self.scenario} on {self.environment} ({self.profile})"

    @property
    def tells_nothing(self) -> bool:
        """Whether it has too few runs for a trend of any endpoint, and nothing else to tell."""
        judged = any(trend.slope.direction is not Direction.TOO_FEW for trend in self.metrics)
        return not (judged or self.capacity or self.changes or self.proposals or self.open_regressions)


class TrendsReport(FileModel):
    """`trends.json`: everything that the page and the messages say."""

    month: str  # YYYY-MM
    since: datetime
    until: datetime
    series: tuple[SeriesTrends, ...]
    availability: Availability
    created_at: datetime
