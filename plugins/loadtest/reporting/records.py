"""What a report shows, as plain records. Texts from outside are already stripped of control characters and capped."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtest.vocabulary import Outcome

LARGE_MB_PER_S = 1.0


@dataclass(frozen=True)
class FindingView:
    """One finding. `numbers`: effect and interval in short; `evidence`: label and value of what it rests on; `of_measurement`:
    it is about the measurement, not the service; `in_rows`: a row of what got slower tells it in short."""

    outcome: Outcome
    criterion: str
    of_measurement: bool
    in_rows: bool
    sentence: str
    endpoint: str
    numbers: str
    muted: bool
    mute_reason: str
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bar:
    """An effect with its interval on a line; percent of the line's length."""

    zero: float
    low: float
    point: float
    high: float


@dataclass(frozen=True)
class SlowerRow:
    """One endpoint that got slower. `short`: all of it in one line of text; an empty text is unknown."""

    endpoint: str
    metric: str  # `p95`
    outcome: Outcome
    before: str  # `42.0 ms`
    after: str
    change: str  # `+31 %`
    interval: str  # `+14 to +50 %`
    bar: Bar
    since: str
    server: str
    short: str


@dataclass(frozen=True)
class BaseNumbers:
    """What the other build came to at the same endpoint, in a comparison side by side."""

    n: int
    p50_ms: float | None
    p95_ms: float | None
    error_rate: float


@dataclass(frozen=True)
class EndpointRow:
    """One line of the endpoint table: raw numbers to sort by; formatted by the channel with `format`."""

    endpoint: str
    n: int
    rps: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float
    targets: str
    change: float | None
    change_text: str  # `p95 +31 %`
    change_interval: str  # `+14 to +50 %`
    outcome: Outcome | None  # None: no criterion applied to it
    muted: bool
    reason: str
    base: BaseNumbers | None = None
    mb_per_s: float = 0.0  # of bodies of successful answers; 1 MB is a million bytes


@dataclass(frozen=True)
class ServerPart:
    """One part of an endpoint's latency, ms. Quantiles are of the requests that reported it (`reported`: their share of all
    successes), the mean is of all; only the mean is known of what is left over."""

    name: str
    p50_ms: float | None
    p95_ms: float | None
    mean_ms: float | None
    reported: float | None


@dataclass(frozen=True)
class ServerRow:
    """Latency of one endpoint, ms, and its parts, whose means add up to its mean (save a `total` that encloses others)."""

    endpoint: str
    p50_ms: float | None
    p95_ms: float | None
    mean_ms: float | None
    parts: tuple[ServerPart, ...]


@dataclass(frozen=True)
class FailureRow:
    """A row of the table of failures."""

    endpoint: str
    cause: str
    status: str
    count: int
    when: str


@dataclass(frozen=True)
class ExemplarRow:
    """A row of the table of slow and failed requests."""

    endpoint: str
    when: str
    latency_ms: float
    status: str
    error: str
    trace_id: str
    worker: str


@dataclass(frozen=True)
class LogView:
    """The end of a log; `omitted` lines came before it."""

    name: str
    errors: int
    lines: tuple[str, ...]
    omitted: int


@dataclass(frozen=True)
class Step:
    """What to do next and why."""

    title: str
    evidence: str
    next_step: str
    command: str


@dataclass(frozen=True)
class CapacityRow:
    """All steps of one load in a search for the capacity; medians where there were several."""

    users: int
    held: str  # `3 of 4`
    all_held: bool
    rps: float
    p95_ms: float | None
    error_rate: float
    deciding: str  # the metric of the target that decides, with its unit


@dataclass(frozen=True)
class CapacityView:
    """`deciding`: the target that was missed most, in words."""

    rows: tuple[CapacityRow, ...]
    deciding: str


@dataclass(frozen=True)
class ReportView:
    """Everything a report of one run shows, in the order of importance."""

    run_id: str
    title: str
    load: str  # how much load, when, of which commit
    outcome: Outcome | None
    outcome_label: str
    judged: bool  # False: no verdict was reached, or the run never sent load
    sentence: str  # without the outcome in front: the label says it
    grounds: tuple[tuple[str, str], ...]  # evidence of a finding that the sentence tells word by word
    slower: tuple[SlowerRow, ...]  # one row per endpoint, worst first
    reasons: tuple[str, ...]  # those that neither the sentence nor a finding says
    steps: tuple[Step, ...]
    notices: tuple[str, ...]  # what a reader must know before believing any number
    coverage: str
    comparison: str
    findings: tuple[FindingView, ...]  # not passed and not told by the sentence, worst first; muted ones last
    undecided: tuple[FindingView, ...]  # too little evidence either way; one line that opens
    passed: tuple[FindingView, ...]  # of the service; those of the measurement are in `validity`
    endpoints: tuple[EndpointRow, ...]
    total: EndpointRow | None
    server: tuple[ServerRow, ...]
    server_omitted: int
    failures: tuple[FailureRow, ...]
    failures_total: int
    failures_omitted: int
    exemplars: tuple[ExemplarRow, ...]
    validity: tuple[FindingView, ...]  # what speaks for the measurement
    doubts: int  # how many findings speak against it, told above
    validity_facts: tuple[tuple[str, str], ...]
    plan_facts: tuple[tuple[str, str], ...]
    detectable: tuple[tuple[str, str, str], ...]  # endpoint, metric, relative change
    detectable_sentence: str
    reproduce: tuple[tuple[str, str], ...]  # what for, command
    logs: tuple[LogView, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = field(default=())
    capacity: CapacityView | None = None

    @property
    def compared(self) -> bool:
        """Whether any endpoint has a change against a baseline or a base to show."""
        return any(row.change is not None for row in self.endpoints)

    @property
    def large_answers(self) -> bool:
        """Whether so much came back that the network may be what was measured."""
        return self.total is not None and self.total.mb_per_s >= LARGE_MB_PER_S

    @property
    def side_by_side(self) -> bool:
        """Whether two builds took turns, so that each number has one beside it."""
        return any(row.base is not None for row in self.endpoints)
