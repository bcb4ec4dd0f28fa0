"""What the analysis writes: `metrics.json` (numbers people compare) and `analysis.json` (numbers charts need)."""

from __future__ import annotations

from datetime import datetime

from loadtest.files import FileModel, Record
from loadtest.load.models import Exemplar, HealthFacts
from loadtest.planning.models import HostClass
from loadtest.planning.profiles import LoadModel


class ServerTime(Record):
    """Server time of one component of one endpoint, milliseconds. Quantiles are of the `n` successes that reported it.

    `mean_ms` is over all successes, one that did not report it counting as 0: such means add up. None in older files.
    """

    component: str
    n: int
    p50_ms: float
    p95_ms: float
    mean_ms: float | None = None

    @property
    def at_level_ms(self) -> dict[str, float]:
        """The exact quantiles by level, as exporters label them."""
        return {"0.5": self.p50_ms, "0.95": self.p95_ms}


class EndpointMetrics(Record):
    """Metrics of one endpoint in the steady phase. Latencies are of successful requests, milliseconds, exact quantiles;
    None where there was no success. `n` counts all requests, errors included."""

    endpoint: str
    n: int
    errors: int
    untimed: int = 0  # requests whose client reported no time that can be; they count, but in no latency
    error_rate: float
    rps: float
    mean_ms: float | None = None
    min_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None
    mean_bytes: float | None = None
    server: tuple[ServerTime, ...] = ()

    @property
    def successes(self) -> int:
        return self.n - self.errors

    @property
    def at_level_ms(self) -> dict[str, float]:
        """The exact quantiles by level, as exporters label them; empty without a success."""
        names = {"0.5": "p50_ms", "0.9": "p90_ms", "0.95": "p95_ms", "0.99": "p99_ms", "0.999": "p999_ms", "1": "max_ms"}
        return {level: value for level, name in names.items() if (value := getattr(self, name)) is not None}


class RunInfo(Record):
    """Which run these numbers are of."""

    run_id: str
    scenario: str
    environment: str
    profile: str
    base_url: str | None = None
    digest: str
    host_class: HostClass
    commit: str | None = None
    branch: str | None = None
    started_at: datetime
    ended_at: datetime
    steady_started_at: datetime | None = None
    steady_ended_at: datetime | None = None
    versions: dict[str, str] = {}


class RunMetrics(FileModel):
    """`metrics.json`. `endpoints` are sorted by name; `total` is all of them together (endpoint name `Total`)."""

    run: RunInfo
    load_model: LoadModel
    users: int
    duration_s: float  # of the steady phase
    endpoints: tuple[EndpointMetrics, ...]
    total: EndpointMetrics
    health: HealthFacts = HealthFacts()  # of the whole load: the service's health check, asked each second


class Phase(Record):
    """`ramp`, `steady` or `drain`, in seconds since the start of the load."""

    name: str
    start_s: float
    end_s: float


class TimelinePoint(Record):
    """One time bin of the whole run (endpoint None) or of one endpoint. `start_s` is seconds since the start of the load."""

    start_s: float
    n: int
    errors: int
    rps: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    users: int | None = None


class EndpointTimeline(Record):
    """How the rate, latency and errors of one endpoint went over the run."""

    endpoint: str
    points: tuple[TimelinePoint, ...]


class FailureGroup(Record):
    """Failures of one cause at one endpoint, whole run. `cause` is capped at 500 characters and not yet escaped."""

    endpoint: str
    cause: str
    status: int
    count: int
    first_at: datetime
    last_at: datetime


class Distribution(Record):
    """Latency distribution of one endpoint's successes in the steady phase: value in ms at each of QUANTILES."""

    endpoint: str
    quantiles_ms: tuple[float, ...]


QUANTILES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


class LogDigest(Record):
    """The end of a log and how many of its lines look like errors; secrets masked."""

    name: str
    errors: int
    tail: tuple[str, ...]


class Analysis(FileModel):
    """`analysis.json`: phases, timelines, failures, exemplars: what the report draws."""

    run_id: str
    bin_s: float
    phases: tuple[Phase, ...]
    timeline: tuple[TimelinePoint, ...]
    endpoint_timelines: tuple[EndpointTimeline, ...]
    failures: tuple[FailureGroup, ...]
    failure_groups_omitted: int = 0
    exemplars: tuple[Exemplar, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    logs: tuple[LogDigest, ...] = ()
    warnings: tuple[str, ...] = ()


class ContractCheck(Record):
    """One expectation of the data contract and what was seen."""

    name: str
    passed: bool
    sentence: str


class DataContract(FileModel):
    """`data_contract.json`: is this data fit to be judged? `error` says why the contract itself could not be checked."""

    run_id: str
    passed: bool
    checks: tuple[ContractCheck, ...]
    data_docs: str | None = None  # path inside the run folder
    error: str = ""
    notes: tuple[str, ...] = ()  # what went wrong beside the checks, e.g. Data Docs that could not be written
