"""Was the planned load the load that was sent? Processes, users, their tasks, arrivals, throughput, answers that never came."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import Facts, Usual, invalid, warn
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.profiles import LoadModel
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import listing, ms, percent, plural

LEAST_ARRIVALS_SHARE = 0.99
LEAST_RPS_SHARE = 0.50  # of the baseline's median
LEAST_EXPLAINED_SHARE = 0.50  # of the time per request, by slower answers
SOME_UNANSWERED_SHARE, MOST_UNANSWERED_SHARE = 0.10, 0.50  # of the users
MOST_UNANSWERED_ARRIVALS_SHARE = 0.01
SOME_LATE_SHARE, MOST_LATE_SHARE = 0.01, 0.10  # of the arrivals: p99 holds them, then p90 does
LEAST_RUNNING_SHARE = 0.95  # of the planned users
MOST_TASK_ERRORS_SHARE = 0.05  # of the requests


def judge_workers(facts: Facts) -> Iterator[Finding]:
    load, remote = facts.load, facts.plan.profile.remote_workers
    kind = "external worker" if remote else "worker"
    if len(load.workers) < load.expected_workers:
        yield invalid(
            f"only {len(load.workers)} of {plural(load.expected_workers, kind)} joined the load",
            rule="workers_missing",
            joined=len(load.workers),
            expected=load.expected_workers,
        )
    elif remote and len(load.workers) > load.expected_workers:
        yield invalid(
            f"{plural(len(load.workers), kind)} sent load, {load.expected_workers} were asked for: one was replaced or does not "
            "belong here, so the load was spread as nobody planned",
            rule="workers_surplus",
            joined=len(load.workers),
            expected=load.expected_workers,
        )
    for worker in load.workers:
        if worker.scenario_digest is not None and worker.scenario_digest != facts.plan.scenario.files_digest:
            yield invalid(
                f"worker {worker.worker} has other files of scenario {facts.plan.scenario.name!r} than this run's plan; update "
                "them there and start the worker with `loadtest worker`",
                rule="other_scenario",
                worker=worker.worker,
            )
        if worker.lost:
            yield invalid(
                f"worker {worker.worker} was lost during the load, after {plural(worker.samples, 'request')}",
                rule="worker_lost",
                worker=worker.worker,
                samples=worker.samples,
            )
        elif not worker.completed and load.stop_reason is StopReason.COMPLETED:
            yield invalid(
                f"worker {worker.worker} never said that it completed its load", rule="worker_incomplete", worker=worker.worker
            )


def judge_overlap(facts: Facts) -> Iterator[Finding]:
    """Two attempts at the same time are a load that nobody planned."""
    mine = next((each for each in facts.sendings if each.attempt == facts.load.attempt), None)
    for other in facts.sendings:
        if mine is not None and other is not mine and mine.overlaps(other):
            both_s = (min(mine.ended_at, other.ended_at) - max(mine.started_at, other.started_at)).total_seconds()
            yield invalid(
                f"attempt {other.attempt}{f' on {other.host}' if other.host else ''} sent load at the same time as attempt "
                f"{mine.attempt}{f' on {mine.host}' if mine.host else ''}, for {format_duration(both_s)}: the service was under "
                "both",
                rule="attempts_overlap",
                other_attempt=other.attempt,
                overlap_s=both_s,
            )


def judge_users(facts: Facts) -> Iterator[Finding]:
    load = facts.load
    if facts.aborted or load.own_ending:
        return
    if load.load_model is LoadModel.CLOSED and load.reached_users < load.planned_users:
        yield invalid(
            f"only {load.reached_users} of {plural(load.planned_users, 'planned user')} were running{_why_users_ended(load)}",
            rule="users_ended" if load.task_errors or load.users_quit else "users_not_reached",
            reached=load.reached_users,
            planned=load.planned_users,
        )
    elif load.running_users_share is not None and load.running_users_share < LEAST_RUNNING_SHARE and not _lost(load):
        yield invalid(
            f"only {percent(load.running_users_share)} of the planned users were running in the steady phase (95 % needed): the "
            f"others had ended{_why_users_ended(load)}",
            rule="users_ended",
            running_share=load.running_users_share,
        )
    elif load.steady_started_at is None:
        what = "all users were running" if load.load_model is LoadModel.CLOSED else "the planned rate was reached"
        yield invalid(
            f"the ramp was not finished: the load ended after {format_duration(facts.ran_s)}, before {what}",
            rule="ramp_not_finished",
        )


def _why_users_ended(load: LoadResult) -> str:
    quit_themselves = f", {plural(load.users_quit, 'user')} ended of their own accord (StopUser)" if load.users_quit else ""
    return quit_themselves + (f", {_task_errors_in_words(load)}" if load.task_errors else "")


def _task_errors_in_words(load: LoadResult) -> str:
    return f"{plural(load.task_errors, 'uncaught exception')} in scenario tasks (first: {load.task_error})"


def _lost(load: LoadResult) -> bool:
    return any(worker.lost for worker in load.workers)


def judge_tasks(facts: Facts) -> Iterator[Finding]:
    """A task that ends in an exception leaves out what should follow. Where answers failed, the exceptions follow from that,
    and the failures are what counts."""
    load = facts.load
    if not load.task_errors:
        return
    failed = facts.metrics.total.errors if facts.metrics else 0
    said, evidence = _task_errors_in_words(load), {"task_errors": load.task_errors, "failed_requests": failed}
    if load.task_errors - failed > MOST_TASK_ERRORS_SHARE * load.samples:
        yield invalid(f"{said}: users did not do what the scenario says", rule="task_errors", **evidence)
    else:
        yield warn(f"{said}; see locust.log", rule="some_task_errors", **evidence)


def judge_own_check(facts: Facts) -> Iterator[Finding]:
    """A check of the scenario's own that failed: this gate is another one, but people would look for it."""
    if code := facts.load.own_exit_code:
        yield warn(f"the scenario itself asked Locust to exit with {code}; see locust.log", rule="own_exit_code", exit_code=code)


def judge_throughput(facts: Facts) -> Iterator[Finding]:
    arrivals, metrics = facts.load.arrivals, facts.metrics
    rps = metrics.total.rps if metrics is not None and metrics.total.n else None
    if facts.aborted:
        return
    if facts.load.load_model is LoadModel.OPEN:
        if arrivals is None:
            yield invalid("planned and sent arrivals were not recorded", rule="arrivals_missing")
        elif arrivals.started < LEAST_ARRIVALS_SHARE * arrivals.planned:
            yield invalid(
                f"only {arrivals.started:,} of {arrivals.planned:,} planned arrivals were sent "
                f"({percent(arrivals.started / arrivals.planned)}, at least 99 % needed; {arrivals.dropped:,} dropped at the "
                f"limit of {facts.plan.profile.max_concurrency:,} in flight)",
                rule="too_few_arrivals",
                started=arrivals.started,
                planned=arrivals.planned,
                dropped=arrivals.dropped,
            )
        elif arrivals.late > SOME_LATE_SHARE * arrivals.started:
            say = invalid if arrivals.late > MOST_LATE_SHARE * arrivals.started else warn
            yield say(
                f"{percent(arrivals.late / arrivals.started)} of the arrivals were sent more than 10 ms late: their latencies "
                "include the load generator's own delay; use more workers",
                rule="late_arrivals",
                late=arrivals.late,
                started=arrivals.started,
            )
    elif facts.usual and rps is not None and rps < LEAST_RPS_SHARE * facts.usual.rps:
        yield _few_requests(facts.load.reached_users, rps, facts.usual)


def _few_requests(users: int, rps: float, usual: Usual) -> Finding:
    """Half the requests are missing. Users who wait longer for each answer send less: then it is the service that is slow
    (Little's law: the time per request of a user is users / throughput), and the comparison will say so. Otherwise the
    load itself was another one."""
    longer_ms = 1000 * users * (1 / rps - 1 / usual.rps)
    counts = f"{rps:.3g} per second, under half of the baseline's median of {usual.rps:.3g}"
    evidence = {"rps": rps, "baseline_rps": usual.rps, "cycle_rise_ms": longer_ms, "latency_rise_ms": usual.latency_rise_ms}
    if usual.latency_rise_ms < LEAST_EXPLAINED_SHARE * longer_ms:
        return invalid(f"too few requests: {counts}", rule="too_few_requests", **evidence)
    return warn(
        f"few requests, because answers took {ms(usual.latency_rise_ms)} longer: {counts}", rule="slow_answers", **evidence
    )


def judge_unanswered(facts: Facts) -> Iterator[Finding]:
    """What had no answer in the time that users are given to stop: no doubt about the measurement, the service hung."""
    load = facts.load
    if load.load_model is LoadModel.OPEN:
        some = most = MOST_UNANSWERED_ARRIVALS_SHARE * (load.arrivals.started if load.arrivals else 0)
    else:
        some, most = SOME_UNANSWERED_SHARE * load.planned_users, MOST_UNANSWERED_SHARE * load.planned_users
    if facts.aborted or load.in_flight_at_end <= max(1.0, some):
        return
    where = listing([f"{endpoint}: {count:,}" for endpoint, count in load.unanswered.items()], 3)
    yield Finding(
        criterion=Criterion.VALIDITY,
        outcome=Outcome.FAIL if load.in_flight_at_end >= most else Outcome.WARN,
        sentence=f"{plural(load.in_flight_at_end, 'request')} had no answer when the load ended{f' ({where})' if where else ''}: "
        "the slowest are missing from the numbers",
        endpoint=next(iter(load.unanswered)) if len(load.unanswered) == 1 else None,
        evidence={"rule": "unanswered", "in_flight_at_end": load.in_flight_at_end},
    )
