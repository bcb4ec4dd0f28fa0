"""What to do next, from the pattern of findings: where to look, why there, and the command that settles what is open.

Each rule is one function from facts to recommendations; `recommend` runs them in the order in which a person should act:
first a measurement that cannot be believed, then errors, then where it got slower, then what is still open.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from loadtest.analysis.models import FailureGroup, RunMetrics
from loadtest.gate.advice.recommendation_facts import Facts
from loadtest.gate.advice.recommendations_open import baseline_next, settle_coverage, settle_suspicion, settle_targets
from loadtest.gate.advice.recommendations_server import missed_targets, server_side
from loadtest.gate.advice.repairs import repair_measurement
from loadtest.gate.advice.service_advice import service_first
from loadtest.gate.records.findings import Comparison, Finding, Recommendation
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.rules.neighbors import RULE as BUSY_HOST
from loadtest.gate.rules.not_sent import requests_not_sent
from loadtest.planning.build import CHANGED
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import change, listing, percent, plural, subject

MOST = 6
WRITES = ("POST", "PUT", "PATCH", "DELETE")
REFUSED_SHARE = 0.5  # of the failures
TAIL_FACTOR = 2.0  # p95 rose at least this many times as much as typical latency: some requests, not all


def recommend(
    plan: Plan,
    findings: Sequence[Finding],
    comparison: Comparison,
    metrics: RunMetrics | None = None,
    baseline: Sequence[RunSummary] = (),
    overrides: str = "",
    failures: Sequence[FailureGroup] = (),
) -> tuple[Recommendation, ...]:
    """At most six recommendations, most urgent first, each with its evidence and next step. Works without a baseline.

    `failures`: of the analysis, by cause.
    `overrides`: options that the suggested commands need to repeat this plan, see `loadtest.gate.advice.commands`.
    """
    facts = Facts(plan, tuple(f for f in findings if f.counts), comparison, metrics, baseline, overrides, tuple(failures))
    if any(f.outcome is Outcome.INVALID for f in facts.counted):
        return (*_other_hosts(facts), *repair_measurement(facts))[:MOST]
    rules = _AFTER_A_SEARCH if plan.profile.search else _RULES
    return tuple(recommendation for rule in rules for recommendation in rule(facts))[:MOST]


def _busy_host(facts: Facts) -> Iterator[Recommendation]:
    for doubt in (f for f in facts.having(Criterion.VALIDITY, Outcome.WARN) if f.evidence.get("rule") == BUSY_HOST):
        yield Recommendation(
            title="Run again on a quiet host",
            evidence=doubt.sentence,
            next_step="stop or move what else works on this host, then repeat the run",
            command=facts.run_command,
        )


def _errors_first(facts: Facts) -> Iterator[Recommendation]:
    errors = [f for f in facts.counted if f.metric == "error_rate" and f.outcome in (Outcome.FAIL, Outcome.WARN)]
    if errors:
        rows = facts.metrics.endpoints if facts.metrics else ()
        worst = sorted((row for row in rows if row.errors), key=lambda row: -row.errors)
        where = f"; most at {listing([f'{row.endpoint} ({percent(row.error_rate)})' for row in worst], 2)}" if worst else ""
        yield Recommendation(
            title="Look at the errors first",
            evidence=f"{errors[0].sentence}{where}",
            next_step="read the failures by cause in the report; latencies of a failing service say little",
        )


def _not_authorized(facts: Facts) -> Iterator[Recommendation]:
    """A load that is turned away measures the door."""
    failed = sum(group.count for group in facts.failures)
    if failed and facts.refused >= REFUSED_SHARE * failed:
        yield Recommendation(
            title="Give the requests valid credentials",
            evidence=f"{facts.refused:,} of {plural(failed, 'failed request')} were answered 401 or 403",
            next_step="set the token or password in this run's environment and read it in the scenario with os.environ; "
            "variables named under secrets: or env:, and those that begin with SCENARIO_, reach the scenario",
        )


def _other_hosts(facts: Facts) -> Iterator[Recommendation]:
    """Requests that were kept from leaving for a second host, which the service cannot help."""
    if counts := requests_not_sent(facts.failures):
        hosts = sorted(counts)
        yield Recommendation(
            title="Allow the second host, or leave its requests out",
            evidence=f"{plural(sum(counts.values()), 'request')} to {listing(hosts)} were not sent, because the environment does "
            "not name it",
            next_step="if it may be called, add to the environment's file: "
            f"allowed_hosts: [{', '.join(hosts[:3])}]; its requests are then counted apart",
        )


def _where_slower(facts: Facts) -> Iterator[Recommendation]:
    """One endpoint, some, all of the writes, or all; from the comparison with the baseline."""
    regressed = sorted({f.endpoint for f in facts.regressed if f.endpoint})
    judged = {f.endpoint for f in facts.counted if f.criterion is Criterion.REGRESSION and f.endpoint}
    everything = facts.having(Criterion.GLOBAL, Outcome.FAIL, Outcome.WARN)
    if everything:
        yield Recommendation(
            title="Look for something that all endpoints share",
            evidence=everything[0].sentence,
            next_step="check what every request passes: middleware, connection pools, logging, a new runtime or base image",
            command=facts.commits_command,
        )
        return
    if not regressed:
        return
    writes = [name for name in judged if _method(name) in WRITES]
    if len(regressed) > 1 and set(regressed) <= set(writes) and len(judged) > len(writes):
        title, step = "Look at how data is written", "only writes got slower: check new indexes, triggers, transactions and locks"
    elif len(regressed) == 1:
        title, step = f"Look at {regressed[0]}", "only this endpoint got slower: read what changed in its handler and queries"
    else:
        title, step = f"Look at what {len(regressed)} endpoints share", f"slower: {listing(regressed, 4)}; find their common code"
    yield Recommendation(title=title, evidence=facts.regressed[0].sentence, next_step=step, command=facts.commits_command)


def _all_or_some_requests(facts: Facts) -> Iterator[Recommendation]:
    """The tail alone, or every request: different causes."""
    for finding in facts.regressed[:1]:
        typical, p95 = finding.evidence.get("typical_ms_effect"), finding.evidence.get("p95_ms_effect")
        if not isinstance(typical, float) or not isinstance(p95, float):
            continue
        evidence = f"{finding.endpoint}: typical latency {change(typical)}, p95 {change(p95)}"
        if p95 > TAIL_FACTOR * max(typical, 0.0) + 0.02:
            step = "some requests are slow, not all: look for waits (locks, pools, garbage collection, a cold cache)"
            yield Recommendation(title="Look at the slowest requests", evidence=evidence, next_step=step)
        else:
            step = "every request takes longer: look for added work on the path, such as one more query or call"
            yield Recommendation(title="Look for work added to every request", evidence=evidence, next_step=step)


def _find_the_commit(facts: Facts) -> Iterator[Recommendation]:
    """Where commits can be built, which of several it was can be measured."""
    before, ours = (name.removesuffix(CHANGED)[:12] for name in facts.commits)
    worst = next((f for f in facts.regressed if f.endpoint), None)
    if worst is None or not (before and ours) or facts.plan.environment.builds is None:
        return
    plan = facts.plan
    command = ["loadtest", "bisect", before, ours, "--endpoint", str(worst.endpoint)]
    yield Recommendation(
        title="Find the commit",
        evidence=f"the commits from {before} to {ours} are known and can be built",
        next_step="let comparisons side by side find the one that did it; the command says first how many it takes",
        command=shlex.join([*command, "--environment", plan.environment.name, "--scenario", plan.scenario.name]),
    )


def _host(facts: Facts) -> Iterator[Recommendation]:
    host = facts.having(Criterion.GLOBAL, Outcome.INCONCLUSIVE)
    if host and not host[0].suspect and not facts.regressed:
        step = "run again when the host is quiet; nothing points at the build"
        yield Recommendation(
            title="The host was slower, not the build", evidence=host[0].sentence, next_step=step, command=facts.run_command
        )


def _drifting(facts: Facts) -> Iterator[Recommendation]:
    for finding in facts.having(Criterion.DRIFT, Outcome.FAIL, Outcome.WARN)[:1]:
        before, ours = finding.evidence.get("commit_before_onset"), facts.plan.measured_commit
        step = "read the commits since then; if the new level is wanted, accept a new baseline with a reason"
        yield Recommendation(
            title=f"Find what has slowed {subject(finding.endpoint)} down since the anchor",
            evidence=finding.sentence,
            next_step=step,
            command=f"git log --oneline {str(before)[:12]}..{ours[:12]}" if before and ours and before != ours else "",
        )


def _method(endpoint: str) -> str:
    return endpoint.split(" ", 1)[0].upper()


def _unanswered(facts: Facts) -> Iterator[Recommendation]:
    for finding in facts.having(Criterion.VALIDITY, Outcome.FAIL, Outcome.WARN):
        if finding.evidence.get("rule") == "unanswered":
            step = "find what these requests wait for: a lock, an exhausted pool, a dependency without a timeout"
            yield Recommendation(title="Find out why requests hang", evidence=finding.sentence, next_step=step)


def _holds_less(facts: Facts) -> Iterator[Recommendation]:
    for finding in facts.having(Criterion.CAPACITY, Outcome.FAIL, Outcome.WARN)[:1]:
        yield Recommendation(
            title="Look for what costs more per request than before",
            evidence=finding.sentence,
            next_step="fewer users fill the service now: check its CPU, connection pools and workers under the load that was "
            "found, and the commits since the last search",
            command=facts.commits_command,
        )


_RULES = (
    service_first,
    _busy_host,
    _unanswered,
    _not_authorized,
    _other_hosts,
    _errors_first,
    _where_slower,
    server_side,
    _find_the_commit,
    _all_or_some_requests,
    missed_targets,
    _drifting,
    _host,
    settle_suspicion,
    baseline_next,
    settle_targets,
    settle_coverage,
)

_AFTER_A_SEARCH = (service_first, _busy_host, _not_authorized, _holds_less)
