"""What to do about a measurement that cannot be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loadtest.gate.advice.recommendation_facts import Facts
from loadtest.gate.records.findings import Finding, Recommendation
from loadtest.gate.rules.build import OTHER_BUILD
from loadtest.gate.rules.service import CLIENT_ERROR
from loadtest.planning.access import HealthCheck
from loadtest.planning.models import Plan
from loadtest.vocabulary import Outcome
from loadtest.wording import listing


def _read_logs(plan: Plan) -> str:
    return f"read locust.log {'and backend.log ' if plan.environment.starts_backend else ''}in the run folder"


def _read_task_log(plan: Plan) -> str:
    """Without load there are no logs in the run folder."""
    where = "; the log of the failed task in Airflow says more" if plan.trigger.airflow_url else ""
    return f"no load was sent; remove the cause, then run again{where}"


def _correct_health_path(plan: Plan) -> str:
    check = plan.environment.health or HealthCheck()
    return (
        f"the service is up but does not answer {check.path} with {check.expected}: give `health:` (or `health_path`) of "
        f"environment {plan.environment.name!r} a path that does, or its `headers`, or write `health: none`"
    )


OVERLOAD_RULES = ("generator_saturated", "loop_overshoot")
_REPAIRS: dict[tuple[str, ...], tuple[str, str | Callable[[Plan], str]]] = {
    OVERLOAD_RULES: (
        "Give the load generator more capacity",
        "set workers: auto in the profile or use fewer users, and keep other work off this host",
    ),
    ("generator_stalled", "late_arrivals"): (
        "Keep the load generator's event loop from blocking",
        "use clients that cooperate with gevent (no blocking driver or subprocess in a task), add workers, or use a host that "
        "does not freeze",
    ),
    ("users_ended", "task_errors"): (
        "Fix the scenario",
        "users stop early or skip requests because a task or on_start raises an exception; the exceptions are in locust.log; a "
        "user that raises StopUser is not replaced, RescheduleTask lets it go on with another task",
    ),
    ("own_ending",): (
        "Let the scenario run to the end",
        "the profile or --duration says when the load ends; give the run what the scenario gave up for (a token, a login, data), "
        "or take the call out of the Locust file",
    ),
    ("samples_lost", "names_lost"): (
        "Free disk space on the load generator",
        "free space under LOADTEST_SCRATCH (docs/operations.md says how much a run needs), then run again",
    ),
    ("attempts_overlap",): (
        "Let one machine send a run's load",
        "one load generator reads a queue, with a scratch folder of its own (docs/operations.md); stop the machine that was "
        "given up, then run again",
    ),
    ("workers_surplus", "other_scenario"): (
        "Make the external workers match the plan",
        "update the scenario's files on each machine and start as many workers as remote_workers asks for",
    ),
    ("generator_unobserved",): (
        "Make the load generator's own CPU use measurable",
        "run it where /proc/self/schedstat exists (Linux), for at least a few seconds of steady load",
    ),
    ("wrong_health_path",): (
        "Correct the path of the health check",
        _correct_health_path,
    ),
    ("health_unobserved",): (
        "Find out why health checks stopped",
        "read supervisor.log in the scratch folder; the supervisor of the load was stalled or killed",
    ),
    ("stopped_by_us",): (
        "Keep the backend running until the load ends",
        "find out who stopped the run while its load was sent (a task marked as failed, a second clean-up), then run again",
    ),
    ("out_of_memory",): (
        "Add memory to the load generator's host",
        "use fewer users, or workers on other hosts, so that the service and the load generator both fit",
    ),
    ("worker_lost", "workers_missing", "worker_incomplete"): (
        "Find out why workers were lost",
        "read locust.log in the run folder; a lost worker has often run out of memory or could not reach the master",
    ),
    ("users_not_reached", "ramp_not_finished", "steady_empty", "too_short"): (
        "Leave enough time for the ramp-up",
        "raise the spawn rate or the duration; users divided by spawn rate must be well below the duration",
    ),
    ("too_few_arrivals",): (
        "Make room for the planned arrival rate",
        "raise max_concurrency or workers in the profile, or lower arrivals_per_s to what the service can take",
    ),
    ("too_few_requests",): (
        "Find out why throughput dropped",
        "compare latencies and errors with the baseline's report; users who wait longer for each response send fewer requests",
    ),
    (OTHER_BUILD,): (
        "Deploy nothing while the load runs",
        "run again when the deployment is done; a push run waits for its build if the environment says wait_for_build",
    ),
    ("load_missing",): ("Fix the error below and run again", _read_task_log),
    ("cut_short", "crashed", "not_started", "no_samples", "stage_failed"): (
        "Fix the error below and run again",
        _read_logs,
    ),
    ("clock_step",): ("Stabilize the clock", "let the host's time service settle (it should slew, not step), then run again"),
}


WITHOUT_PAUSE_RPS = 5.0  # requests a second that no user sends who waits between them


def _pause_first(facts: Facts) -> Iterator[Recommendation]:
    """The usual cause of a saturated generator, and the cheapest to mend."""
    saturated = [f.sentence for f in facts.counted if f.outcome is Outcome.INVALID and _rule(f) in OVERLOAD_RULES]
    if saturated and facts.requests_per_user_s >= WITHOUT_PAUSE_RPS:
        yield Recommendation(
            title="Add think time between requests",
            evidence=f"each user sent {facts.requests_per_user_s:.0f} requests a second; {saturated[0]}",
            next_step="give the user class wait_time = between(1, 2), the think time of a person; add workers only "
            "if the load is meant to have none",
            command=facts.run_command,
        )


def repair_measurement(facts: Facts) -> Iterator[Recommendation]:
    yield from _pause_first(facts)
    invalid = [f for f in facts.counted if f.outcome is Outcome.INVALID]
    for rules, (title, step) in _REPAIRS.items():
        evidence = [f.sentence for f in invalid if _rule(f) in rules]
        if evidence:
            next_step = step if isinstance(step, str) else step(facts.plan)
            yield Recommendation(title=title, evidence=listing(evidence, 2), next_step=next_step, command=facts.run_command)


def _rule(finding: Finding) -> str:
    """The finding's rule; of a load that never ran, whether that was because the health check was asked for a wrong path."""
    rule = str(finding.evidence.get("rule", ""))
    return "wrong_health_path" if rule == "load_missing" and CLIENT_ERROR.search(finding.sentence) else rule
