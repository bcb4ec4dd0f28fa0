"""How many users does the service hold, is that enough, and is it less than before?

Two searches of one build differ by more than their own intervals say: hosts have good and bad days. How much more is learned from
earlier runs, as far as there are any; until then a standard deviation of `USUAL_SD` is assumed, which counts as much as
`USUAL_RUNS` runs would (`python -m benchmarks.bench_capacity` prints what was measured).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import mean, variance

from loadtest.gate.records.capacity import Capacity, CapacityKind
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import CapacitySummary, RunSummary
from loadtest.planning.criteria import Criteria, Target
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import change, change_interval, listing, metric_label, p_value, plural, rate, subject, threshold

USUAL_SD, USUAL_RUNS = 0.05, 8
FALSE_ALARM_LEVEL = 0.01
SURE_RUNS = 2  # earlier runs; with one alone nobody knows which of both was the odd one
MOST_EARLIER = 12

Evidence = dict[str, float | int | str | None]


def judge_capacity(capacity: Capacity, criteria: Criteria, earlier: Sequence[RunSummary]) -> list[Finding]:
    """What was found; whether it is as much as `least_capacity` demands; how it compares with the latest runs of the same plan
    and host class (`earlier`, oldest first)."""
    before = [run.capacity for run in earlier if run.capacity is not None][-MOST_EARLIER:]
    return [_found(capacity), *_demanded(capacity, criteria), *_compared(capacity, criteria, before)]


def _found(capacity: Capacity) -> Finding:
    steps = plural(len(capacity.steps), "step")
    tried = max(step.users for step in capacity.steps)
    evidence: Evidence = {
        "kind": capacity.kind,
        "log_sd": capacity.log_sd,
        "steps": len(capacity.steps),
    }
    if capacity.kind is CapacityKind.BELOW:
        sentence = f"the service does not hold its targets under {_users(capacity.users)} already{_missed(capacity)}"
        return _finding(Outcome.FAIL, sentence, capacity, evidence, criterion=Criterion.TARGET)
    at = f", where it answered {rate(capacity.rps)} requests a second" if capacity.rps is not None else ""
    if capacity.kind is CapacityKind.GENERATOR:
        sentence = (
            f"the service holds at least {_users(capacity.users)}; above, the load generator was the bottleneck: use more workers"
        )
        return _finding(Outcome.INCONCLUSIVE, sentence, capacity, evidence)
    if capacity.kind is CapacityKind.DISTURBED:
        at_least = f"at least {_users(capacity.users)}; above" if capacity.users else "an unknown number of users"
        sentence = f"the service holds {at_least}, other processes took the host's CPU: search again when it is quiet"
        return _finding(Outcome.INCONCLUSIVE, sentence, capacity, evidence)
    if capacity.kind is CapacityKind.AT_LEAST:
        sentence = f"the service holds all {_users(tried)} that were tried ({steps}){at}; raise users to find where it ends"
        return _finding(Outcome.PASS, sentence, capacity, evidence)
    interval = f"95 % interval {capacity.low:,.0f} to {capacity.high:,.0f}" if capacity.high is not None else ""
    sentence = f"the service holds {_users(capacity.users)} ({interval}; {steps}){at}; above{_missed(capacity)}"
    return _finding(Outcome.PASS, sentence, capacity, evidence)


def _missed(capacity: Capacity) -> str:
    """`, GET /x p95 is beyond its target of 200 ms`."""
    if capacity.deciding is None:
        return ", nobody is answered"
    target: Target = capacity.targets[capacity.deciding]
    limit = threshold(target.metric, target.limit)
    return f", the {metric_label(target.metric)} of {subject(target.endpoint)} is beyond {limit}"


def _users(count: float) -> str:
    return plural(round(count), "user")


def _finding(
    outcome: Outcome,
    sentence: str,
    capacity: Capacity,
    evidence: Evidence,
    *,
    criterion: Criterion = Criterion.CAPACITY,
) -> Finding:
    return Finding(
        criterion=criterion,
        outcome=outcome,
        sentence=sentence,
        metric="capacity_users",
        observed=capacity.users,
        n=sum(step.n for step in capacity.steps),
        evidence=evidence,
    )


def _demanded(capacity: Capacity, criteria: Criteria) -> Iterator[Finding]:
    least = criteria.least_capacity
    if least is None:
        return
    wanted = f"the {_users(least)} that are demanded (least_capacity)"
    if capacity.high is not None and capacity.high < least:
        outcome, sentence, certainty = Outcome.FAIL, f"the service holds fewer than {wanted}", "surely_beyond"
    elif capacity.users < least and capacity.kind is CapacityKind.FOUND:
        outcome, sentence, certainty = Outcome.WARN, f"the service probably holds fewer than {wanted}", "beyond"
    elif capacity.low >= least:
        outcome, sentence, certainty = Outcome.PASS, f"the service holds {wanted}", "surely_within"
    else:
        outcome, sentence, certainty = Outcome.INCONCLUSIVE, f"it is not certain that the service holds {wanted}", "within"
    evidence: Evidence = {"rule": "least_capacity", "certainty": certainty}
    finding = _finding(outcome, sentence, capacity, evidence, criterion=Criterion.TARGET)
    yield finding.model_copy(update={"reference": float(least), "effect": capacity.users / least - 1})


def _compared(capacity: Capacity, criteria: Criteria, before: Sequence[CapacitySummary]) -> Iterator[Finding]:
    """The change since the latest runs, by Student's t on logarithms; the spread between runs is theirs and the usual one,
    pooled."""
    from scipy.special import stdtr, stdtrit

    if capacity.kind is not CapacityKind.FOUND or not before:
        return
    logs = [math.log(run.users) for run in before]
    within = mean([capacity.log_sd**2, *(run.log_sd**2 for run in before)])
    own = max(variance(logs), within) if len(logs) > 1 else 0.0
    degrees = USUAL_RUNS + len(logs) - 1
    spread = (USUAL_RUNS * max(USUAL_SD**2, within) + (len(logs) - 1) * own) / degrees
    error = math.sqrt(spread * (1 + 1 / len(logs)))
    difference = math.log(capacity.users) - mean(logs)
    p = float(stdtr(degrees, difference / error))
    reach = float(stdtrit(degrees, 0.95)) * error
    effect, interval = math.expm1(difference), (math.expm1(difference - reach), math.expm1(difference + reach))
    fewer = p < FALSE_ALARM_LEVEL and effect < -criteria.least_effect
    more = 1 - p < FALSE_ALARM_LEVEL and effect > criteria.least_effect
    earlier = [_users(run.users) for run in reversed(before)]
    last = f"the last run held {earlier[0]}" if len(before) == 1 else f"the last {len(before)} held {listing(earlier)}"
    said = f"{change(effect)}, 90 % interval {change_interval(interval)}, p {p_value(min(p, 1 - p))}"
    if fewer:
        outcome = Outcome.FAIL if len(before) >= SURE_RUNS else Outcome.WARN
        sentence = f"the service holds fewer users than before: {_users(capacity.users)}, {last} ({said})"
    else:
        outcome = Outcome.PASS
        sentence = f"the service holds {'more users than' if more else 'as many users as'} before, as far as can be told: "
        sentence += f"{_users(capacity.users)}, {last} ({said})"
    evidence: Evidence = {
        "rule": "capacity_change",
        "earlier_runs": len(before),
        "between_runs_sd": math.sqrt(spread),
    }
    numbers = {"reference": math.exp(mean(logs)), "effect": effect, "interval": interval, "p_adjusted": min(p, 1 - p)}
    yield _finding(outcome, sentence, capacity, evidence).model_copy(update=numbers)
