"""Whether the measurement itself can be trusted (gate.md "Validity comes first"). Every doubt is a sentence of its own.

Each rule is one small function from facts to findings; `judge_validity` runs them all. A fact that was not observed is a
reason to distrust, never a reason to trust.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.models import RunMetrics
from loadtest.gate.models import Finding
from loadtest.gate.wording import metric_label, ms, percent, plural, quantity
from loadtest.load.abort import describe
from loadtest.load.models import LoadResult, StopReason, WorkerFacts
from loadtest.planning.models import LoadModel, Plan
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome

MOST_SATURATED_SHARE = 0.10  # of the steady phase's one-second windows
LEAST_ARRIVALS_SHARE = 0.99
LEAST_RPS_SHARE = 0.50  # of the baseline's median
LEAST_EXPLAINED_SHARE = 0.50  # of the time per request, by slower answers
LEAST_DURATION_SHARE = 0.95
MOST_OVERSHOOT_MS = 5.0
MOST_OVERSHOOT_SHARE = 0.10  # of the median latency
MOST_CLOCK_STEP_MS = 100.0
MOST_UNANSWERED_SHARE = 0.10  # of the users, or of the requests allowed in flight
MOST_FAILED_CHECKS_SHARE = 0.01  # a few slow health checks under heavy load are no outage
LEAST_OUTAGE_S = 5.0
LEAST_OBSERVED_S = 5.0  # a shorter load may end before the first health check


@dataclass(frozen=True)
class Usual:
    """What comparable runs did: median throughput, requests per second, and by how much this run's answers took longer
    on average, milliseconds (negative: faster)."""

    rps: float
    latency_rise_ms: float


@dataclass(frozen=True)
class _Facts:
    plan: Plan
    load: LoadResult
    metrics: RunMetrics | None
    usual: Usual | None

    @property
    def aborted(self) -> bool:
        return self.load.stop_reason is StopReason.ABORTED

    @property
    def ran_s(self) -> float:
        return (self.load.ended_at - self.load.started_at).total_seconds()


def judge_validity(plan: Plan, load: LoadResult, metrics: RunMetrics | None, usual: Usual | None = None) -> list[Finding]:
    """Findings about the measurement: `invalid` for what makes it worthless, `warn` for what a reader must know.

    An abort criterion that fired is no doubt about the measurement but a result: one `fail` finding with its sentence,
    and the rules about a load that was cut short do not apply. `metrics` None: the analysis never ran. `usual`: where
    there is a comparable baseline.
    """
    facts = _Facts(plan, load, metrics, usual)
    if load.stop_reason is StopReason.NOT_STARTED or load.samples == 0:
        return list(_nothing_measured(facts))
    return [finding for rule in _RULES for finding in rule(facts)]


def judge_missing_load(reason: str) -> Finding:
    """The finding of a run without `load.json`."""
    return _invalid(f"the load never ran: {reason}", rule="load_missing")


def _invalid(sentence: str, *, rule: str, **evidence: float | int | str | None) -> Finding:
    return Finding(criterion=Criterion.VALIDITY, outcome=Outcome.INVALID, sentence=sentence, evidence={"rule": rule, **evidence})


def _nothing_measured(facts: _Facts) -> Iterator[Finding]:
    load = facts.load
    if load.stop_reason is StopReason.NOT_STARTED and not load.workers:
        why = load.error.rstrip(".") or f"exit code {load.exit_code}"
        yield _invalid(f"the load generator did not start: {why}", rule="not_started", exit_code=load.exit_code)
        return
    why = f"in {format_duration(facts.ran_s)} of load; see the scenario's tasks and locust.log"
    if load.error:
        why = f"({load.error.rstrip('.')})"
    yield _invalid(f"no request was recorded {why}", rule="no_samples", samples=0)


def _stopped(facts: _Facts) -> Iterator[Finding]:
    load, ran, planned = facts.load, facts.ran_s, facts.load.planned_duration_s
    times = f"after {format_duration(ran)} of {format_duration(planned)}"
    if facts.aborted:
        yield _abort(facts)
    elif load.stop_reason is StopReason.SIGNALED:
        yield _invalid(f"the load was stopped from outside {times}", rule="cut_short", ran_s=ran, planned_s=planned)
    elif load.stop_reason is StopReason.CRASHED:
        why = load.error.rstrip(".") or f"exit code {load.exit_code}, no completion marker"
        yield _invalid(f"the load generator ended by itself {times}: {why}", rule="crashed", exit_code=load.exit_code, ran_s=ran)
    elif ran < LEAST_DURATION_SHARE * planned:
        yield _invalid(f"the load ended {times} and yet called itself complete", rule="too_short", ran_s=ran, planned_s=planned)


def _abort(facts: _Facts) -> Finding:
    abort = facts.load.abort
    if abort is None:
        return _invalid("the load was aborted, by which criterion was not recorded", rule="abort_unknown")
    asked = {describe(each): each for each in (*facts.plan.profile.abort_when, *facts.plan.environment.abort_when)}
    criterion = asked.get(abort.criterion)
    metric = criterion.metric if criterion else abort.criterion.split(" ", 1)[0]
    endpoint = criterion.endpoint if criterion else None
    value, errors = quantity(metric, abort.value), metric == "error_rate"
    wording = abort.criterion
    if criterion:
        limit, lasting = quantity(metric, criterion.above), format_duration(criterion.for_s)
        wording = f"{f'{endpoint} ' if endpoint else ''}{metric_label(metric)} > {limit} for {lasting}"
    after = max(0.0, (abort.at - facts.load.started_at).total_seconds())
    return Finding(
        criterion=Criterion.ERRORS if errors else Criterion.TARGET,
        outcome=Outcome.FAIL,
        sentence=f"load stopped early, after {format_duration(after)}: {wording} (it was {value})",
        endpoint=endpoint,
        metric=metric,
        observed=abort.value,
        reference=criterion.above if criterion else None,
        evidence={"rule": "abort", "after_s": after},
    )


def _workers(facts: _Facts) -> Iterator[Finding]:
    load, remote = facts.load, facts.plan.profile.remote_workers
    kind = "external worker" if remote else "worker"
    if len(load.workers) < load.expected_workers:
        yield _invalid(
            f"only {len(load.workers)} of {plural(load.expected_workers, kind)} joined the load",
            rule="workers_missing",
            joined=len(load.workers),
            expected=load.expected_workers,
        )
    for worker in load.workers:
        if worker.lost:
            yield _invalid(
                f"worker {worker.worker} was lost during the load, after {plural(worker.samples, 'request')}",
                rule="worker_lost",
                worker=worker.worker,
                samples=worker.samples,
            )
        elif not worker.completed and load.stop_reason is StopReason.COMPLETED:
            yield _invalid(
                f"worker {worker.worker} never said that it completed its load", rule="worker_incomplete", worker=worker.worker
            )


def _users(facts: _Facts) -> Iterator[Finding]:
    load = facts.load
    if facts.aborted:
        return
    if load.load_model is LoadModel.CLOSED and load.reached_users < load.planned_users:
        yield _invalid(
            f"only {load.reached_users} of {plural(load.planned_users, 'planned user')} were running",
            rule="users_not_reached",
            reached=load.reached_users,
            planned=load.planned_users,
        )
    elif load.steady_started_at is None:
        what = "all users were running" if load.load_model is LoadModel.CLOSED else "the planned rate was reached"
        yield _invalid(
            f"the ramp was not finished: the load ended after {format_duration(facts.ran_s)}, before {what}",
            rule="ramp_not_finished",
        )


def _steady_phase(facts: _Facts) -> Iterator[Finding]:
    if facts.metrics is None:
        yield _invalid("the samples were not analyzed: metrics.json is missing", rule="metrics_missing")
    elif facts.metrics.total.n == 0 and facts.load.steady_started_at is not None and not facts.aborted:
        yield _invalid(
            f"no request started in the steady phase; all {facts.load.samples:,} came before or after it", rule="steady_empty"
        )


def _throughput(facts: _Facts) -> Iterator[Finding]:
    arrivals, metrics = facts.load.arrivals, facts.metrics
    rps = metrics.total.rps if metrics is not None and metrics.total.n else None
    if facts.aborted:
        return
    if facts.load.load_model is LoadModel.OPEN:
        if arrivals is None:
            yield _invalid("planned and sent arrivals were not recorded", rule="arrivals_missing")
        elif arrivals.started < LEAST_ARRIVALS_SHARE * arrivals.planned:
            yield _invalid(
                f"only {arrivals.started:,} of {arrivals.planned:,} planned arrivals were sent "
                f"({percent(arrivals.started / arrivals.planned)}, at least 99 % needed; {arrivals.dropped:,} dropped at the "
                f"limit of {facts.plan.profile.max_concurrency:,} requests in flight)",
                rule="too_few_arrivals",
                started=arrivals.started,
                planned=arrivals.planned,
                dropped=arrivals.dropped,
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
        return _invalid(f"too few requests: {counts}", rule="too_few_requests", **evidence)
    return Finding(
        criterion=Criterion.VALIDITY,
        outcome=Outcome.WARN,
        sentence=f"few requests, because answers took {ms(usual.latency_rise_ms)} longer: {counts}",
        evidence={"rule": "slow_answers", **evidence},
    )


def _generator(facts: _Facts) -> Iterator[Finding]:
    median = facts.metrics.total.p50_ms if facts.metrics else None
    limit_ms = max(MOST_OVERSHOOT_MS, MOST_OVERSHOOT_SHARE * (median or 0.0))
    if facts.load.steady_started_at is None:
        return  # nothing steady to observe; said by the rule about the ramp, or the load was aborted
    for worker in facts.load.workers:
        if worker.samples and not worker.lost:
            yield from _generator_process(worker, limit_ms)


def _generator_process(worker: WorkerFacts, limit_ms: float) -> Iterator[Finding]:
    share, overshoot = worker.saturated_share, worker.loop_overshoot_median_ms
    if share is None or overshoot is None:
        yield _invalid(
            f"load generator {worker.worker} did not observe its own CPU and event loop, so it may have been the bottleneck",
            rule="generator_unobserved",
            worker=worker.worker,
        )
    if share is not None and share > MOST_SATURATED_SHARE:
        yield _invalid(
            f"load generator {worker.worker} was saturated for {percent(share)} of the steady phase (10 % allowed): it "
            "measured itself; use more workers or fewer users",
            rule="generator_saturated",
            worker=worker.worker,
            saturated_share=share,
        )
    if overshoot is not None and overshoot > limit_ms:
        yield _invalid(
            f"the event loop of load generator {worker.worker} ran {ms(overshoot)} late (median; {ms(limit_ms)} allowed): "
            "latencies include its own delay",
            rule="loop_overshoot",
            worker=worker.worker,
            overshoot_median_ms=overshoot,
            limit_ms=limit_ms,
        )


def _health(facts: _Facts) -> Iterator[Finding]:
    health = facts.load.health
    if not facts.plan.environment.health_path:
        return
    if health.checks == 0:
        if facts.ran_s >= LEAST_OBSERVED_S:
            yield _invalid("the backend's health was never checked during the load", rule="health_unobserved")
        return
    if health.failures == 0:
        return
    detail = f" ({health.last_error.strip()[:200]})" if health.last_error else ""
    counts = f"{health.failures} of {plural(health.checks, 'health check')} failed during the load{detail}"
    evidence = {"checks": health.checks, "failures": health.failures, "longest_failure_s": health.longest_failure_s}
    rare = health.failures <= max(1, MOST_FAILED_CHECKS_SHARE * health.checks) and health.longest_failure_s < LEAST_OUTAGE_S
    if not rare or health.checks == 1:
        yield _invalid(
            f"the backend was unhealthy for up to {health.longest_failure_s:.1f} s: {counts}",
            rule="backend_unhealthy",
            **evidence,
        )
    else:
        yield Finding(
            criterion=Criterion.VALIDITY, outcome=Outcome.WARN, sentence=counts, evidence={"rule": "health_blip", **evidence}
        )


def _clocks(facts: _Facts) -> Iterator[Finding]:
    for worker in facts.load.workers:
        if abs(worker.max_clock_step_ms) > MOST_CLOCK_STEP_MS:
            yield _invalid(
                f"the clock of {worker.worker} jumped by {ms(abs(worker.max_clock_step_ms))} during the load, so its times are "
                "not to be trusted",
                rule="clock_step",
                worker=worker.worker,
                step_ms=worker.max_clock_step_ms,
            )


def _unanswered(facts: _Facts) -> Iterator[Finding]:
    load = facts.load
    at_once = facts.plan.profile.max_concurrency if load.load_model is LoadModel.OPEN else load.planned_users
    if facts.aborted or load.in_flight_at_end <= max(1.0, MOST_UNANSWERED_SHARE * at_once):
        return
    yield Finding(
        criterion=Criterion.VALIDITY,
        outcome=Outcome.WARN,
        sentence=f"{plural(load.in_flight_at_end, 'request')} had no answer when the load ended: the slowest are missing from "
        "the numbers",
        evidence={"rule": "unanswered", "in_flight_at_end": load.in_flight_at_end},
    )


_RULES = (_stopped, _workers, _users, _steady_phase, _throughput, _generator, _health, _clocks, _unanswered)
