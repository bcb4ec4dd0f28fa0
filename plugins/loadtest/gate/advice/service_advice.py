"""What to do about a service that failed under load, or was down before it."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.gate.advice.recommendation_facts import Facts
from loadtest.gate.records.findings import Recommendation
from loadtest.gate.rules.service import DIED, NEVER_HEALTHY, OUTAGE, RESTARTED
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome


def service_first(facts: Facts) -> Iterator[Recommendation]:
    """A service that is away explains everything else, so it comes first."""
    found = {str(finding.evidence.get("rule")): finding for finding in facts.having(Criterion.SERVICE, Outcome.FAIL)}
    for rule, (title, step) in _STEPS.items():
        if rule in found:
            next_step = f"{_where_to_read(facts.plan)}{step}"
            yield Recommendation(title=title, evidence=found[rule].sentence, next_step=next_step, command=facts.run_command)
            return


def _where_to_read(plan: Plan) -> str:
    """Only a backend that we start leaves its log in the run folder."""
    if plan.environment.starts_backend:
        return "read the end of backend.log in the run folder"
    address = plan.base_url or plan.environment.base_url
    return f"read the logs of the service{f' at {address}' if address else ''}"


_STEPS = {
    NEVER_HEALTHY: ("Start the service", ": it must answer its health check before load goes out; then run again"),
    DIED: (
        "Find out why the service died",
        ": an unhandled error, a limit on memory or open files; then find the load it survives with fewer users",
    ),
    RESTARTED: (
        "Find out why the service was started anew",
        " from that time: it crashed, was killed for its memory, answered its health check too late for its watcher, or was"
        " deployed; then run again",
    ),
    OUTAGE: (
        "Find out why the service stopped answering",
        " from that time: exhausted workers, pools or connections, a lock, a restart; fewer users show how much it can take",
    ),
}
