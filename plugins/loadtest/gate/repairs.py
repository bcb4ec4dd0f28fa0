"""What to do about a measurement that cannot be believed."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.gate.models import Recommendation
from loadtest.gate.recommendation_facts import Facts
from loadtest.gate.wording import listing
from loadtest.vocabulary import Outcome

_REPAIRS = {
    ("generator_saturated", "loop_overshoot"): (
        "Give the load generator more room",
        "let the profile use more workers (workers: auto), or fewer users, and keep other work off the host",
    ),
    ("generator_stalled", "late_arrivals"): (
        "Let the load generator's event loop run",
        "use clients that yield to gevent (no blocking driver or subprocess in a task), more workers, a host that never freezes",
    ),
    ("users_ended", "task_errors"): (
        "Repair the scenario",
        "its users end, or leave out requests, because tasks or on_start raise: read the exceptions in locust.log",
    ),
    ("samples_lost", "names_lost"): (
        "Make room where the load generator writes",
        "free disk space under LOADTEST_SCRATCH (docs/operations.md says how much a run needs), then run again",
    ),
    ("workers_surplus", "other_scenario"): (
        "Bring the external workers in line with the plan",
        "update the scenario's files on each machine and start as many workers as remote_workers asks for",
    ),
    ("generator_unobserved",): (
        "Let the load generator observe itself",
        "run it where /proc/self/schedstat exists (Linux), for at least a few seconds of steady load",
    ),
    ("backend_unhealthy", "health_unobserved"): (
        "Find out why the backend was not healthy",
        "read the end of backend.log in the run folder, then run again",
    ),
    ("worker_lost", "workers_missing", "worker_incomplete"): (
        "Bring the load generator's workers back",
        "read locust.log in the run folder: a worker that dies is often out of memory or could not reach the master",
    ),
    ("users_not_reached", "ramp_not_finished", "steady_empty", "too_short"): (
        "Give the ramp enough time",
        "raise the spawn rate or the duration: users divided by spawn rate must be well under the duration",
    ),
    ("too_few_arrivals",): (
        "Let the planned arrivals out",
        "raise max_concurrency or workers in the profile, or lower arrivals_per_s to what the service can take",
    ),
    ("too_few_requests",): (
        "Find out where the throughput went",
        "compare latencies and errors with the baseline's report: much slower answers let users send less",
    ),
    ("cut_short", "crashed", "not_started", "no_samples", "load_missing", "stage_failed"): (
        "Run it again after fixing what stopped it",
        "read locust.log and backend.log in the run folder",
    ),
    ("clock_step",): ("Steady the clock", "let the host's time service settle (slew, not step), then run again"),
}


def repair_measurement(facts: Facts) -> Iterator[Recommendation]:
    invalid = [f for f in facts.counted if f.outcome is Outcome.INVALID]
    for rules, (title, step) in _REPAIRS.items():
        evidence = [f.sentence for f in invalid if f.evidence.get("rule") in rules]
        if evidence:
            yield Recommendation(title=title, evidence=listing(evidence, 2), next_step=step, command=facts.run_command)
