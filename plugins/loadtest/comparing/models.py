"""What a comparison of two runs comes to: the same for the terminal, HTML, Markdown and JSON."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loadtest.files import FileModel, Record


class Standing(StrEnum):
    """What one pair of runs says of the second: adjusted p below .02 and at least 5 % is `slower` or `faster`, below .10
    `maybe`; `alike`: a change beyond the tolerance is excluded both ways; `open`: none of these. `not_compared`: no effect."""

    SLOWER = "slower"
    MAYBE_SLOWER = "maybe_slower"
    OPEN = "open"
    ALIKE = "alike"
    MAYBE_FASTER = "maybe_faster"
    FASTER = "faster"
    NOT_COMPARED = "not_compared"


class Kind(StrEnum):
    """`samples`: every request is known, so noise within the run is; `aggregated`: only another tool's totals are."""

    SAMPLES = "samples"
    AGGREGATED = "aggregated"


class SideFacts(Record):
    """One of the two runs. `facts`: what was planned, label and text; `outcome`: of its verdict, None without one."""

    run_id: str
    title: str
    kind: Kind
    started_at: datetime
    build: str | None
    outcome: str | None
    requests: int
    rps: float
    facts: dict[str, str]


class Difference(Record):
    """What the two runs do not share. `matters`: latencies cannot be compared across it."""

    name: str
    first: str
    second: str
    matters: bool


class MetricChange(Record):
    """One metric of one endpoint, both runs, milliseconds (`tail_ratio`: a plain ratio). `effect` and its 90 % interval are
    relative, what all endpoints share taken out; None where there is none. `detectable`: the smallest slowdown that such a pair
    would show with 80 % power."""

    metric: str
    first: float | None
    second: float | None
    effect: float | None = None
    interval: tuple[float, float] | None = None
    p_slower: float | None = None
    p_faster: float | None = None
    detectable: float | None = None
    standing: Standing = Standing.NOT_COMPARED


class EndpointComparison(Record):
    """`changes`: typical latency, p50, p95, p99 and the tail, in this order, those that are known. `errors_risen`: surely."""

    endpoint: str
    first_n: int
    second_n: int
    first_error_rate: float
    second_error_rate: float
    errors_risen: bool = False
    standing: Standing = Standing.NOT_COMPARED
    changes: tuple[MetricChange, ...] = ()

    def change(self, metric: str) -> MetricChange | None:
        return next((change for change in self.changes if change.metric == metric), None)


class SharedChange(Record):
    """What all endpoints together changed by; `without_host`: beyond what the host probe explains, None without a probe."""

    effect: float
    interval: tuple[float, float]
    without_host: float | None = None
    without_host_interval: tuple[float, float] | None = None


class RunComparison(FileModel):
    """The second run against the first. `reasons`: why effects mean nothing, empty where they do; `anyway`: they were asked for
    all the same. `endpoints`: worst first."""

    first: SideFacts
    second: SideFacts
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]
    anyway: bool
    sentence: str
    noise: str
    tolerance: float
    shared: SharedChange | None = None
    endpoints: tuple[EndpointComparison, ...] = ()
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def comparable(self) -> bool:
        return not self.reasons

    @property
    def has_effects(self) -> bool:
        return any(change.effect is not None for row in self.endpoints for change in row.changes)

    def with_standing(self, *standings: Standing) -> list[EndpointComparison]:
        return [row for row in self.endpoints if row.standing in standings]
