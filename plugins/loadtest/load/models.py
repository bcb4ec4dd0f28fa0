"""What a load attempt leaves behind: `load.json`, `progress.json`, and the columns of `samples.parquet`.

`samples.parquet` (zstd; one row per request; order: worker by worker, in time order within one):

| column | type | meaning |
| --- | --- | --- |
| start_us | int64 | start, microseconds since the Unix epoch; intended start in an open-loop run |
| latency_us | uint32, null where the client told none | from start to the end of the answer, microseconds |
| late_us | uint32 | open loop: actual minus intended start; 0 otherwise |
| endpoint | dictionary<uint16, string> | METHOD + path pattern, grouped |
| error | dictionary<uint16, string> | cause; empty string: success |
| status | uint16 | HTTP status, 0 where there is none |
| response_bytes | uint32 | size of the body |
| users | uint16 | users running in this process at the end of the request |
| worker | dictionary<uint16, string> | process that sent it, `<region>/<worker>` |
| server_<component>_us | uint32, null where not reported | Server-Timing duration, e.g. server_db_us, server_app_us |

The file's key-value metadata holds `loadtest` = JSON of {"torn_records": int, "raw_endpoint_names": int}.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loadtest.files import FileModel, Record
from loadtest.planning.profiles import LoadModel

BUSY_HOST_SHARE = 0.25  # of the host's CPU: more for others than ourselves and the backend is a doubt
TOLERATED_SATURATION = 0.10  # share of the time in which a generator may be saturated


class StopReason(StrEnum):
    """Why a load ended."""

    COMPLETED = "completed"  # ran its planned time and wrote its marker
    ABORTED = "aborted"  # an abort criterion stopped it; data is complete up to then
    SIGNALED = "signaled"  # somebody or something stopped it before its time
    CRASHED = "crashed"  # ended by itself without its marker
    NOT_STARTED = "not_started"  # Locust could not start or never sent a request


class WorkerFacts(Record):
    """Self-observation of one load-generating process over the steady phase."""

    worker: str
    pid: int
    host: str
    samples: int
    torn_records: int = 0
    completed: bool = False
    lost: bool = False
    observed_share: float | None = None  # of the steady phase
    # share of the time in windows (of a second, longer when it was held up) in which (cpu + run-queue wait) / wall was >= 0.9
    saturated_share: float | None = None
    stalled_share: float | None = None  # share of the time in which its event loop was stalled for 0.25 s or longer
    busy_share_median: float | None = None
    # overshoot of a short sleep of the event loop, milliseconds
    loop_overshoot_median_ms: float | None = None
    loop_overshoot_p95_ms: float | None = None
    max_clock_step_ms: float = 0.0
    max_users: int = 0
    clock_offset_ms: float | None = None  # remote worker: master's clock minus its own, corrected in all times
    scenario_digest: str | None = None  # remote worker: of the scenario files that it has; None: one of our own processes


class ArrivalFacts(Record):
    """Open loop only: what was planned and what became of it."""

    planned: int
    started: int
    late: int  # started more than 10 ms after the intended time
    dropped: int  # never sent, because the concurrency limit was reached


class AbortFacts(Record):
    """Which abort criterion stopped the load, when, at which value."""

    criterion: str
    value: float
    at: datetime


class OutageKind(StrEnum):
    """What a failed health check met."""

    TIMEOUT = "timeout"  # connected, or not even that, and no answer in time
    REFUSED = "refused"  # nobody accepts connections
    ANSWER = "answer"  # an answer, but not a healthy one


class Outage(Record):
    """Health checks that failed one after another: from the start of the first to the next healthy answer."""

    started_at: datetime
    duration_s: float
    failures: int
    users: int = 0  # that were running when it began
    kind: OutageKind  # of the first failure


class HealthFacts(Record):
    """Health checks of the backend during the load, measured like an endpoint. `outages`: the longest, in order of time."""

    checks: int = 0
    failures: int = 0
    p50_ms: float | None = None  # of all checks; one that failed took as long as it was waited for
    p95_ms: float | None = None
    longest_failure_s: float = 0.0
    first_failure_at: datetime | None = None
    last_error: str = ""
    outage_count: int = 0
    outages: tuple[Outage, ...] = ()


class Restart(Record):
    """`at`: when the new value was first seen; `before`, `after`: what the service told."""

    at: datetime
    users: int = 0  # that were running then
    before: str
    after: str


class RestartFacts(Record):
    """What a service that somebody else starts told of its own restarts during the load. `in_turns`: several processes answered
    with values of their own, so nothing can be said; `problem`: why it never told anything, as a clause."""

    asked: int = 0
    answers: int = 0
    problem: str = ""
    in_turns: bool = False
    restarts: tuple[Restart, ...] = ()


class ServiceDeath(Record):
    """How the process of a backend that we started ended while load was sent. Exit code and signal are None where somebody
    else waited for the process first. Memory: resident, when last seen alive."""

    at: datetime
    users: int = 0  # that were running then
    exit_code: int | None = None
    signal: str | None = None
    last_lines: tuple[str, ...] = ()  # of its log, masked
    stopped_by_us: bool = False
    oom_kills: int = 0  # processes that the host's kernel killed for want of memory during the load
    generator_memory_bytes: int = 0
    backend_memory_bytes: int = 0


class BackendUse(Record):
    """What a backend that we started, with its children, held at a moment of the load."""

    at: datetime
    memory_bytes: int
    open_files: int


class HostProbe(Record):
    """Seconds for a fixed amount of CPU and loopback work, before and after the load (median of several)."""

    cpu_before_s: float
    cpu_after_s: float
    loopback_before_s: float
    loopback_after_s: float


class NeighborProcess(Record):
    """Processes of one name; `share` of the host's CPU, mean over the time looked at."""

    name: str
    share: float


class NeighborFacts(Record):
    """How much of the host's CPU went to what is neither the load generator nor the backend, 0 to 1, and the largest of it."""

    share: float
    processes: tuple[NeighborProcess, ...] = ()


class OtherHost(Record):
    """Requests to a host beside the service that the environment allows; in no number of the service."""

    host: str  # with scheme and port
    requests: int
    failures: int
    mean_ms: float | None = None


class LoadStep(Record):
    """One step of a search for the capacity: `users` from `started_at` on, judged from `judged_from` to `ended_at`. `limited`:
    the load generator itself was the bottleneck; `disturbed`: targets were missed while other processes took much of the host's
    CPU; `is_hold`: the last one, at the load that was found."""

    users: int
    started_at: datetime
    judged_from: datetime
    ended_at: datetime
    limited: bool = False
    disturbed: bool = False
    is_hold: bool = False


class LoadResult(FileModel):
    """`load.json`: one attempt to send the planned load, with everything validity needs."""

    attempt: int
    load_model: LoadModel
    stop_reason: StopReason
    exit_code: int | None
    error: str = ""  # why it did not start or crashed: one sentence
    started_at: datetime
    ended_at: datetime
    # steady phase: all users there (closed) or the rate reached (open), until the planned end; None if never reached
    steady_started_at: datetime | None
    steady_ended_at: datetime | None
    planned_users: int
    reached_users: int
    planned_duration_s: float
    expected_workers: int
    workers: tuple[WorkerFacts, ...]
    samples: int
    torn_records: int = 0
    lost_samples: int = 0  # that processes counted and that never reached the run folder
    unknown_names: int = 0  # samples whose endpoint or error was lost with its name's line
    # closed model: users that were running, as a share of the planned, mean over the steady phase
    running_users_share: float | None = None
    task_errors: int = 0  # exceptions that left a scenario's tasks
    task_error: str = ""  # the first of them
    users_quit: int = 0  # users that ended although nobody had told them to: they raised StopUser
    own_ending: str = ""  # how the scenario itself ended the load: `runner.quit(), locustfile.py line 8`
    own_exit_code: int | None = None  # that the scenario gave Locust: the result of a check of its own
    in_flight_at_end: int = 0
    unanswered: dict[str, int] = {}  # the same by endpoint, where its process lived to tell
    endpoints_seen: int = 0
    grouping_warning: str = ""
    arrivals: ArrivalFacts | None = None
    other_hosts: tuple[OtherHost, ...] = ()
    steps: tuple[LoadStep, ...] = ()  # of a search for the capacity, in time
    abort: AbortFacts | None = None
    health: HealthFacts = HealthFacts()
    death: ServiceDeath | None = None
    restarts: RestartFacts | None = None  # None where the environment does not say how they are seen
    backend_use: tuple[BackendUse, ...] = ()  # in time; empty where it is not ours
    host_probe: HostProbe | None = None
    neighbors: NeighborFacts | None = None  # in the steady phase; None where they were not observed


class Exemplar(Record):
    """One of the slowest requests of an endpoint."""

    endpoint: str
    start: datetime
    latency_ms: float
    status: int
    error: str = ""
    trace_id: str = ""
    worker: str = ""


class EndpointProgress(Record):
    """What one endpoint has done so far, while the load runs."""

    endpoint: str
    requests: int
    rps: float
    p50_ms: float | None
    p95_ms: float | None
    failures: int


class Progress(FileModel):
    """`progress.json`: replaced every second while load runs."""

    run_id: str
    stage: str
    updated_at: datetime
    elapsed_s: float
    remaining_s: float
    users: int
    requests: int
    rps: float
    p50_ms: float | None
    p95_ms: float | None
    failures: int
    endpoints: tuple[EndpointProgress, ...] = ()
    warnings: tuple[str, ...] = ()
