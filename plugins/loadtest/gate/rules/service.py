"""What the service under test did while it was under load: it died, refused connections, stopped answering its health check.

A load test exists to find this, so it is a result and no doubt about the measurement. Only where the evidence says that it was
the rig's doing (we stopped the backend, the load generator used up the host's memory) the run is invalid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import Facts, invalid
from loadtest.load.job import schedule_of
from loadtest.load.models import HealthFacts, Outage, OutageKind, ServiceDeath
from loadtest.planning.profiles import LoadModel
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import plural

MOST_FAILED_CHECKS_SHARE = 0.01  # a few slow health checks under heavy load are no outage
LEAST_OUTAGE_S = 2.0  # as long as one check waits for its answer
LEAST_OBSERVED_S = 5.0  # a shorter load may end before the first health check

# A service that answers so is up; what asks it is mistaken.
CLIENT_ERROR = re.compile(r"\banswered 4\d\d\b|\blast response: 4\d\d\b")

DIED, OUTAGE, BLIP, NEVER_HEALTHY = "service_died", "service_outage", "service_blip", "never_healthy"
RESTARTED, RESTARTS_UNSEEN = "service_restarted", "restarts_unseen"
# What follows from a service that fails: its users end or wait, so that less load goes out than planned.
CONSEQUENCES = frozenset(
    {"users_ended", "users_not_reached", "task_errors", "too_few_requests", "no_samples", "steady_empty", "too_few_arrivals"}
)


def judge_service(facts: Facts) -> Iterator[Finding]:
    """Its process, if we started it, and its health checks."""
    if facts.load.death is not None:
        yield _death(facts, facts.load.death)
    yield from _restarts(facts)
    yield from _health(facts, facts.load.health)


def judge_never_healthy(reason: str) -> Finding:
    """The finding of a service that was down from the start, so that no load went out."""
    return _service(f"the service was down before any load went out: {reason}", Outcome.FAIL, NEVER_HEALTHY)


def with_consequences(service: Sequence[Finding], doubts: Sequence[Finding]) -> list[Finding]:
    """What a failing service explains is no doubt about the measurement any more; it is still shown."""
    if not any(finding.outcome is Outcome.FAIL for finding in service):
        return [*service, *doubts]
    explained = [
        finding.model_copy(update={"outcome": Outcome.WARN}) if finding.evidence.get("rule") in CONSEQUENCES else finding
        for finding in doubts
    ]
    return [*service, *explained]


def _death(facts: Facts, death: ServiceDeath) -> Finding:
    when = f"{format_duration(max(0.0, (death.at - facts.load.started_at).total_seconds()))} into the load"
    if death.stopped_by_us:
        return invalid(f"the backend was stopped by this run's own clean-up, {when}", rule="stopped_by_us")
    if death.signal:
        how = f"was ended by {death.signal}"
    elif death.exit_code is not None:
        how = f"ended with exit code {death.exit_code}"
    else:
        how = "ended (its exit code is not known)"
    if death.oom_kills and death.signal == "SIGKILL":
        if death.generator_memory_bytes > death.backend_memory_bytes:
            mib = death.generator_memory_bytes // 2**20
            return invalid(
                f"the host ran out of memory, of which the load generator held {mib:,} MiB, and the backend was killed, {when}",
                rule="out_of_memory",
            )
        how += " because the host ran out of memory"
    said = f"; its last words: {death.last_lines[-1].rstrip('.')}" if death.last_lines else ""
    sentence = f"the service's process {how} {when}, under {load_in_words(facts, death.at.timestamp(), death.users)}{said}"
    return _service(sentence, Outcome.FAIL, DIED, exit_code=death.exit_code, signal=death.signal)


def _restarts(facts: Facts) -> Iterator[Finding]:
    """Of a service that tells when it was started anew, whoever starts it."""
    seen, sign = facts.load.restarts, facts.plan.environment.restarts
    if seen is None or sign is None:
        return
    if seen.restarts:
        first = seen.restarts[0]
        when = format_duration(max(0.0, (first.at - facts.load.started_at).total_seconds()))
        times = f", {plural(len(seen.restarts), 'time')} in all" if len(seen.restarts) > 1 else ""
        yield _service(
            f"the service was started anew {when} into the load, under {load_in_words(facts, first.at.timestamp(), first.users)}"
            f"{times} (its {sign.label} went from {first.before} to {first.after})",
            Outcome.FAIL,
            RESTARTED,
            restarts=len(seen.restarts),
        )
    elif seen.in_turns or (seen.asked and not seen.answers):
        why = f"several processes answer in turns, each with a {sign.label} of its own" if seen.in_turns else seen.problem
        yield _service(f"whether the service was started anew could not be seen: {why}", Outcome.WARN, RESTARTS_UNSEEN)


def _health(facts: Facts, health: HealthFacts) -> Iterator[Finding]:
    if facts.plan.environment.health is None:
        return
    if health.checks == 0:
        if facts.ran_s >= LEAST_OBSERVED_S:
            yield invalid("the backend's health was never checked during the load", rule="health_unobserved")
        return
    if health.failures == 0:
        return
    detail = f" ({health.last_error.strip()[:200]})" if health.last_error else ""
    counts = f"{health.failures} of {plural(health.checks, 'health check')} failed{detail}"
    evidence = {"checks": health.checks, "failures": health.failures, "longest_failure_s": health.longest_failure_s}
    many = health.failures > max(1, MOST_FAILED_CHECKS_SHARE * health.checks) or health.checks == 1
    long = health.longest_failure_s >= max(LEAST_OUTAGE_S, 2 * _stalled_s(facts))
    if many or long:
        yield _service(f"{_outage(facts, health)}: {counts}", Outcome.FAIL, OUTAGE, **evidence)
    else:
        yield _service(f"{counts} during the load", Outcome.WARN, BLIP, **evidence)


def _outage(facts: Facts, health: HealthFacts) -> str:
    worst = max(health.outages, key=lambda outage: outage.duration_s, default=None)
    lasting = f"for {_seconds(health.longest_failure_s)}"
    if worst is None:
        return f"the service was unhealthy {lasting}"
    what = {
        OutageKind.TIMEOUT: "stopped answering its health check",
        OutageKind.REFUSED: "refused connections",
        OutageKind.ANSWER: "answered that it was unhealthy",
    }[worst.kind]
    times = f" (the longest of {health.outage_count} times)" if health.outage_count > 1 else ""
    return f"the service {what} {lasting} under {_load_of(facts, worst)}{times}"


def _load_of(facts: Facts, outage: Outage) -> str:
    return load_in_words(facts, outage.started_at.timestamp(), outage.users)


def load_in_words(facts: Facts, at_s: float, users: int) -> str:
    """The load at a moment (seconds since the Unix epoch): users, or planned arrivals per second."""
    if facts.load.load_model is LoadModel.OPEN and (schedule := schedule_of(facts.plan.profile)):
        return f"{schedule.level_at(at_s - facts.load.started_at.timestamp()):.3g} arrivals/s"
    return plural(users, "user")


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def _stalled_s(facts: Facts) -> float:
    """How long the load generator itself stood still, by its worst process: then its host may have held up the service too."""
    load = facts.load
    if load.steady_started_at is None or load.steady_ended_at is None:
        return 0.0
    steady_s = (load.steady_ended_at - load.steady_started_at).total_seconds()
    return max((worker.stalled_share or 0.0 for worker in load.workers), default=0.0) * steady_s


def _service(sentence: str, outcome: Outcome, rule: str, **evidence: float | int | str | None) -> Finding:
    return Finding(criterion=Criterion.SERVICE, outcome=outcome, sentence=sentence, evidence={"rule": rule, **evidence})
