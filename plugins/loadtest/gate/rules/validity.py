"""Whether the measurement itself can be trusted (gate.md "Validity comes first"). Every doubt is a sentence of its own.

Each rule is one small function from facts to findings; `judge_validity` runs them all. A fact that was not observed is a
reason to distrust, never a reason to trust.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtest.analysis.models import RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.leaks import judge_leaks
from loadtest.gate.rules.service import judge_service, with_consequences
from loadtest.gate.rules.untimed import judge_untimed
from loadtest.gate.rules.validity_facts import Facts, Usual, invalid
from loadtest.gate.rules.validity_generator import judge_clocks, judge_generator, judge_samples
from loadtest.gate.rules.validity_load import (
    judge_overlap,
    judge_own_check,
    judge_tasks,
    judge_throughput,
    judge_unanswered,
    judge_users,
    judge_workers,
)
from loadtest.load.abort import criteria_of, describe
from loadtest.load.attempts import Sending
from loadtest.load.models import LoadResult, StopReason
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import metric_label, quantity, threshold

LEAST_DURATION_SHARE = 0.95


def judge_validity(
    plan: Plan,
    load: LoadResult,
    metrics: RunMetrics | None,
    usual: Usual | None = None,
    sendings: Sequence[Sending] = (),
) -> list[Finding]:
    """Findings about the measurement: `invalid` for what makes it worthless, `warn` for what a reader must know; and about
    the service, whose failure under load is a result (`loadtest.gate.rules.service`).

    An abort criterion that fired is no doubt about the measurement but a result: one `fail` finding with its sentence,
    and the rules about a load that was cut short do not apply. `metrics` None: the analysis never ran. `usual`: where
    there is a comparable baseline. `sendings`: when each attempt of the run sent load.
    """
    facts = Facts(plan, load, metrics, usual, sendings)
    service = list(judge_service(facts))
    if load.stop_reason is StopReason.NOT_STARTED or load.samples == 0:
        return with_consequences([each for each in service if each.outcome is Outcome.FAIL], list(_nothing_measured(facts)))
    return [*with_consequences(service, [finding for rule in _RULES for finding in rule(facts)]), *judge_leaks(facts)]


def judge_missing_load(reason: str) -> Finding:
    """The finding of a run without `load.json`."""
    return invalid(f"the load never ran: {reason}", rule="load_missing")


def _nothing_measured(facts: Facts) -> Iterator[Finding]:
    load = facts.load
    if load.stop_reason is StopReason.NOT_STARTED and not load.workers:
        why = load.error.rstrip(".") or f"exit code {load.exit_code}"
        yield invalid(f"the load generator did not start: {why}", rule="not_started", exit_code=load.exit_code)
        return
    why = load.error.rstrip(".") or f"nothing in {format_duration(facts.ran_s)} of load; see the scenario's tasks and locust.log"
    rule = "own_ending" if load.own_ending else "no_samples"
    yield invalid(f"no requests were recorded: {why[:1].lower()}{why[1:]}", rule=rule, samples=0)


def _stopped(facts: Facts) -> Iterator[Finding]:
    load, ran, planned = facts.load, facts.ran_s, facts.load.planned_duration_s
    times = f"after {format_duration(ran)} of {format_duration(planned)}"
    if facts.aborted:
        yield _abort(facts)
    elif load.stop_reason is StopReason.SIGNALED:
        yield invalid(f"the load was stopped from outside {times}", rule="cut_short", ran_s=ran, planned_s=planned)
    elif load.own_ending:
        yield invalid(f"the scenario itself ended the load {times}: {load.own_ending}", rule="own_ending", ran_s=ran)
    elif load.stop_reason is StopReason.CRASHED:
        why = load.error.rstrip(".") or f"exit code {load.exit_code}, no completion marker"
        yield invalid(f"the load generator ended by itself {times}: {why}", rule="crashed", exit_code=load.exit_code, ran_s=ran)
    elif ran < LEAST_DURATION_SHARE * planned and facts.plan.against is None:  # side by side it may end early
        yield invalid(f"the load ended {times} and yet called itself complete", rule="too_short", ran_s=ran, planned_s=planned)


def _abort(facts: Facts) -> Finding:
    abort = facts.load.abort
    if abort is None:
        return invalid("the load was aborted, by which criterion was not recorded", rule="abort_unknown")
    asked = {describe(each): each for each in criteria_of(facts.plan)}
    criterion = asked.get(abort.criterion)
    metric = criterion.metric if criterion else abort.criterion.split(" ", 1)[0]
    endpoint = criterion.endpoint if criterion else None
    value, errors = quantity(metric, abort.value), metric == "error_rate"
    wording = abort.criterion
    if criterion:
        limit, lasting = threshold(metric, criterion.above), format_duration(criterion.for_s)
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


def _steady_phase(facts: Facts) -> Iterator[Finding]:
    if facts.metrics is None:
        yield invalid("the samples were not analyzed: metrics.json is missing", rule="metrics_missing")
    elif facts.metrics.total.n == 0 and facts.load.steady_started_at is not None and not facts.aborted:
        yield invalid(
            f"no request started in the steady phase; all {facts.load.samples:,} came before or after it", rule="steady_empty"
        )


_RULES = (
    _stopped,
    judge_overlap,
    judge_workers,
    judge_users,
    judge_tasks,
    judge_own_check,
    judge_samples,
    _steady_phase,
    judge_throughput,
    judge_generator,
    judge_clocks,
    judge_unanswered,
    judge_untimed,
)
