"""Joins everything known about an attempt into its LoadResult. No judgement: that is the gate's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from loadtest.load import streams
from loadtest.load.job import LoadJob, planned_users, resolve_workers, schedule_of
from loadtest.load.models import (
    AbortFacts,
    ArrivalFacts,
    BackendUse,
    HealthFacts,
    HostProbe,
    LoadResult,
    LoadStep,
    OtherHost,
    RestartFacts,
    ServiceDeath,
    StopReason,
    WorkerFacts,
)
from loadtest.load.supervision.convert import Conversion, WorkerStream
from loadtest.load.supervision.facts import ProcessFacts, worker_facts
from loadtest.load.supervision.neighbors import NeighborWatch
from loadtest.load.turns import Turns
from loadtest.planning.profiles import LoadModel
from loadtest.wording import plural

COUNTED_WITHIN_S = 1.5
NO_STREAM = WorkerStream(folder=Path(), label="", names={}, samples=0, torn=0, raw_names=0)


@dataclass
class Observed:
    """What the supervisor saw. `lost`: names of workers that ended or went silent before their time."""

    started_at: datetime
    exit_code: int | None = None
    error: str = ""
    signaled: bool = False
    abort: AbortFacts | None = None
    lost: set[str] = field(default_factory=set)
    health: HealthFacts = field(default_factory=HealthFacts)
    death: ServiceDeath | None = None
    restarts: RestartFacts | None = None
    backend_use: tuple[BackendUse, ...] = ()
    steps: tuple[LoadStep, ...] = ()
    host_probe: HostProbe | None = None
    neighbors: NeighborWatch | None = None


def load_result(job: LoadJob, observed: Observed, processes: Sequence[ProcessFacts], conversion: Conversion) -> LoadResult:
    """`processes`: of all folders of the attempt, the master's included; times on their own clocks."""
    profile = job.plan.profile
    processes = [process.on_clock(_stream(process, conversion).clock_offset_s) for process in processes]
    senders = [process for process in processes if process.worker != streams.MASTER]
    steady = _hold(observed.steps) if profile.search else steady_phase(job, processes)
    expected = resolve_workers(profile) + profile.remote_workers
    started = _start_of_load(processes)
    ended = max((process.last_t for process in processes), default=0.0)
    workers = tuple(_worker(process, conversion, observed, steady) for process in senders)
    stop_reason, error = _stop(job, observed, processes, conversion, started)
    return LoadResult(
        attempt=job.attempt,
        load_model=profile.load_model,
        stop_reason=stop_reason,
        exit_code=observed.exit_code,
        error=error,
        started_at=datetime.fromtimestamp(started, UTC) if started else observed.started_at,
        ended_at=datetime.fromtimestamp(ended, UTC) if started and ended else datetime.now(UTC),
        steady_started_at=datetime.fromtimestamp(steady[0], UTC) if steady else None,
        steady_ended_at=datetime.fromtimestamp(steady[1], UTC) if steady else None,
        planned_users=max((step.users for step in observed.steps), default=0) if profile.search else planned_users(profile),
        reached_users=reached_users(senders) if profile.load_model is LoadModel.CLOSED else 0,
        planned_duration_s=_searched_s(observed.steps, started) or _planned_s(job, started),
        expected_workers=expected,
        workers=workers,
        samples=conversion.samples,
        torn_records=conversion.torn_records,
        lost_samples=sum(max(0, process.latest("samples") - _stream(process, conversion).samples) for process in senders),
        unknown_names=conversion.unknown_names,
        running_users_share=_running_users_share(job, senders, started, steady, observed.steps),
        task_errors=sum(process.latest("task_errors") for process in senders),
        task_error=next((event["error"] for process in senders if (event := process.event("task_error"))), ""),
        users_quit=sum(process.latest("users_quit") for process in senders),
        own_ending=_own_ending(processes),
        own_exit_code=next((code for process in processes if (code := (process.event("quit") or {}).get("own_exit_code"))), None),
        in_flight_at_end=sum(process.latest("in_flight") for process in senders),
        unanswered=_unanswered(senders),
        endpoints_seen=len(conversion.endpoints),
        grouping_warning=grouping_warning(conversion.endpoints, job.plan.scenario.max_endpoints),
        arrivals=_arrivals(job, senders),
        other_hosts=_other_hosts(senders),
        steps=observed.steps,
        abort=observed.abort,
        health=_health(observed.health, senders),
        death=observed.death and observed.death.model_copy(update={"users": users_at(senders, observed.death.at)}),
        restarts=observed.restarts and _restarts(observed.restarts, senders),
        backend_use=observed.backend_use,
        host_probe=observed.host_probe,
        neighbors=observed.neighbors.facts(steady) if observed.neighbors and steady else None,
    )


def users_at(senders: Sequence[ProcessFacts], at: datetime) -> int:
    """How many ran at that moment. Each process counts once a second: the larger of the counts around it."""
    moment = at.timestamp()
    around = ([fact["users"] for fact in process.seconds if abs(fact["t"] - moment) <= COUNTED_WITHIN_S] for process in senders)
    return sum(max(counts, default=0) for counts in around)


def _health(health: HealthFacts, senders: Sequence[ProcessFacts]) -> HealthFacts:
    outages = [outage.model_copy(update={"users": users_at(senders, outage.started_at)}) for outage in health.outages]
    return health.model_copy(update={"outages": tuple(outages)})


def _restarts(facts: RestartFacts, senders: Sequence[ProcessFacts]) -> RestartFacts:
    restarts = [restart.model_copy(update={"users": users_at(senders, restart.at)}) for restart in facts.restarts]
    return facts.model_copy(update={"restarts": tuple(restarts)})


def _worker(process: ProcessFacts, conversion: Conversion, observed: Observed, steady: tuple[float, float] | None) -> WorkerFacts:
    stream = _stream(process, conversion)
    return worker_facts(
        process,
        samples=stream.samples,
        torn=stream.torn,
        lost=process.worker in observed.lost or process.event("stream_broken") is not None,
        clock_offset_s=stream.clock_offset_s,
        steady=steady,
    )


def _stream(process: ProcessFacts, conversion: Conversion) -> WorkerStream:
    """The converted stream of a process; an empty one for a master, or where it never wrote."""
    return conversion.by_worker.get(process.worker, NO_STREAM)


def _hold(steps: Sequence[LoadStep]) -> tuple[float, float] | None:
    """When a search held the load that it had found; None where it did not come so far."""
    last = steps[-1] if steps else None
    return (last.judged_from.timestamp(), last.ended_at.timestamp()) if last and last.is_hold else None


def _searched_s(steps: Sequence[LoadStep], started: float | None) -> float | None:
    """Seconds of a search that came to its end; None for any other load."""
    return steps[-1].ended_at.timestamp() - started if started and steps and steps[-1].is_hold else None


def _planned_s(job: LoadJob, started: float | None) -> float:
    """Seconds of the load as planned; of one that takes turns, until their end, which comes sooner where less is enough."""
    turns = Turns.read(Path(job.turns)) if job.turns else None
    return turns.ends_at - started if turns and started else job.plan.profile.planned_duration_s


def _start_of_load(processes: Sequence[ProcessFacts]) -> float | None:
    return min((event["t"] for process in processes if (event := process.event("test_start"))), default=None)


def steady_phase(job: LoadJob, processes: Sequence[ProcessFacts]) -> tuple[float, float] | None:
    """(start, end), seconds since the epoch: from all planned users (closed) or the full rate (open) to the planned end,
    or to the end of the last process when it came sooner. None when it was never reached."""
    profile = job.plan.profile
    started = _start_of_load(processes)
    if started is None:
        return None
    ended = min(started + _planned_s(job, started), max(process.last_t for process in processes))
    schedule = schedule_of(profile)
    if schedule is not None:
        window = schedule.steady_window()
        begin, end = started + window[0], min(started + window[1], ended)
    else:
        planned = profile.users
        reached = [
            event["t"]
            for process in processes
            if process.worker == streams.MASTER or len(processes) == 1
            for event in process.events
            if event["event"] == "spawning_complete" and event.get("users", 0) >= planned
        ]
        if not reached:
            return None
        begin, end = min(reached), ended
    return (begin, end) if end > begin else None


def reached_users(senders: Sequence[ProcessFacts]) -> int:
    """Most users at one time."""
    return max((users for _, users in _running_users(senders)), default=0)


def _running_users(senders: Sequence[ProcessFacts]) -> Iterator[tuple[float, int]]:
    """(time, users running then) whenever a process reports: its count and the latest of the others."""
    latest: dict[str, int] = {}
    for t, worker, users in sorted((fact["t"], process.worker, fact["users"]) for process in senders for fact in process.seconds):
        latest[worker] = users
        yield t, sum(latest.values())


def _running_users_share(
    job: LoadJob,
    senders: Sequence[ProcessFacts],
    started: float | None,
    steady: tuple[float, float] | None,
    steps: Sequence[LoadStep],
) -> float | None:
    profile = job.plan.profile
    if profile.load_model is LoadModel.OPEN or started is None or steady is None:
        return None
    schedule = schedule_of(profile)
    constant = steps[-1].users if steps else profile.users
    running = planned = 0.0
    for t, users in _running_users(senders):
        if steady[0] < t <= steady[1]:
            level = schedule.level_at(t - started) if schedule else constant
            running += min(users, level)
            planned += level
    return round(running / planned, 4) if planned else None


def _unanswered(senders: Sequence[ProcessFacts]) -> dict[str, int]:
    """Requests without an answer by endpoint, most first."""
    counts: Counter[str] = Counter()
    for process in senders:
        counts.update((process.event("unanswered") or {}).get("endpoints", {}))
    return dict(counts.most_common())


def _other_hosts(senders: Sequence[ProcessFacts]) -> tuple[OtherHost, ...]:
    """Of all processes together, by host."""
    sums: dict[str, list[float]] = {}
    for process in senders:
        latest: dict[str, list[float]] = next(
            (fact["other_hosts"] for fact in reversed(process.seconds) if "other_hosts" in fact), {}
        )
        for host, counts in latest.items():
            sums[host] = [known + new for known, new in zip(sums.get(host, [0, 0, 0.0]), counts, strict=True)]
    return tuple(
        OtherHost(host=host, requests=int(requests), failures=int(failures), mean_ms=total_ms / requests if requests else None)
        for host, (requests, failures, total_ms) in sorted(sums.items())
    )


def grouping_warning(endpoints: list[str], limit: int) -> str:
    if len(endpoints) <= limit:
        return ""
    shown = ", ".join(endpoints[:3] + endpoints[len(endpoints) // 2 :][:2])
    return (
        f"{len(endpoints)} distinct endpoint names, more than {limit}: add grouping patterns to the scenario or give the "
        f"requests names (such as {shown})."
    )


def _arrivals(job: LoadJob, senders: Sequence[ProcessFacts]) -> ArrivalFacts | None:
    schedule = schedule_of(job.plan.profile)
    if job.plan.profile.load_model is not LoadModel.OPEN or schedule is None:
        return None
    planned = schedule.planned_total()
    counts = {key: sum(process.latest(key) for process in senders) for key in ("started", "late", "dropped")}
    return ArrivalFacts(planned=planned, **counts)


def _stop(
    job: LoadJob, observed: Observed, processes: Sequence[ProcessFacts], conversion: Conversion, started: float | None
) -> tuple[StopReason, str]:
    """Why the load ended and the sentence for it; an orderly end has none unless something is still wrong."""
    senders = [process for process in processes if process.worker != streams.MASTER]
    if observed.abort:
        return StopReason.ABORTED, f"The load was stopped early: {observed.abort.criterion} (it was {observed.abort.value:g})."
    if observed.signaled:
        elapsed = max((process.last_t for process in processes), default=0.0) - started if started else 0.0
        planned = job.plan.profile.planned_duration_s
        return StopReason.SIGNALED, f"The load was stopped from outside after {max(0.0, elapsed):.0f} of {planned:.0f} s."
    if observed.error:
        return (StopReason.CRASHED if conversion.samples else StopReason.NOT_STARTED), observed.error
    if ending := _own_ending(processes):
        return StopReason.CRASHED, f"The scenario itself ended the load: {ending}."
    expected = resolve_workers(job.plan.profile) + job.plan.profile.remote_workers
    if observed.lost:
        names = ", ".join(sorted(observed.lost))
        if len(observed.lost) >= expected:
            return StopReason.CRASHED, f"All {expected} load-generating processes ended before their time ({names})."
        orderly = all(process.completed for process in senders if process.worker not in observed.lost)
        reason = StopReason.COMPLETED if orderly else StopReason.CRASHED
        return reason, f"{len(observed.lost)} of {expected} load-generating processes were lost during the load ({names})."
    if not senders or not all(process.completed for process in senders):
        return StopReason.CRASHED, f"Locust ended before its time (exit code {observed.exit_code}); see locust.log."
    if conversion.samples == 0:
        return StopReason.NOT_STARTED, _why_no_request(job, senders)
    return StopReason.COMPLETED, ""


def _own_ending(processes: Sequence[ProcessFacts]) -> str:
    return next((event["what"] for process in processes if (event := process.event("own_ending"))), "")


def _why_no_request(job: LoadJob, senders: Sequence[ProcessFacts]) -> str:
    """The load ran its time, and nobody sent a request: most often the scenario failed before its first one."""
    first = next((event for process in senders if (event := process.event("task_error"))), None)
    if first is None:
        return "The load ran its time, and the scenario's tasks reported no request; see locust.log."
    users = planned_users(job.plan.profile)
    nobody = f"None of the {users} users" if users > 1 else "No user"
    if first.get("not_created"):
        return f"{nobody} could be created: {first['error']}."
    if first.get("in_on_start"):
        return f"{nobody} got beyond on_start: {first['error']}."
    errors = sum(process.latest("task_errors") for process in senders)
    return f"All tasks of the scenario failed: {plural(errors, 'uncaught exception')}, the first: {first['error']}."
