"""What to do next, from the pattern of findings: where to look, why there, and the command that settles what is open.

Each rule is one function from facts to recommendations; `recommend` runs them in the order in which a person should act:
first a measurement that cannot be believed, then errors, then where it got slower, then what is still open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.analysis.server_share import OUTSIDE, SlowdownShares, mean_parts, slowdown_shares
from loadtest.baselines.store import collect_command
from loadtest.gate.models import Comparison, Finding, Recommendation, RunSummary
from loadtest.gate.targets import QUANTILE_OF
from loadtest.gate.wording import change, listing, ms, percent, plural, subject
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Evidence, Outcome

MOST = 6
WRITES = ("POST", "PUT", "PATCH", "DELETE")
TAIL_FACTOR = 2.0  # p95 rose at least this many times as much as typical latency: some requests, not all
SLOW_COMPONENT_SHARE = 0.5
MOST_SPLITS = 4  # endpoints whose slowdown one recommendation takes apart
FULL_RUNS = 8
MOST_TIMES_LONGER = 10
LEAST_N_FOR_UPPER = {0.50: 5, 0.90: 29, 0.95: 59, 0.99: 299}  # least n with 1 - q^n >= 0.95


@dataclass(frozen=True)
class _Facts:
    plan: Plan
    counted: tuple[Finding, ...]
    comparison: Comparison
    metrics: RunMetrics | None
    baseline: Sequence[RunSummary]
    overrides: str

    def having(self, criterion: Criterion, *outcomes: Outcome) -> list[Finding]:
        return [f for f in self.counted if f.criterion is criterion and f.outcome in outcomes]

    @property
    def run_command(self) -> str:
        return (
            f"loadtest run --scenario {self.plan.scenario.name} --environment {self.plan.environment.name} "
            f"--profile {self.plan.profile.name}{self.overrides}"
        )

    @property
    def regressed(self) -> list[Finding]:
        return self.having(Criterion.REGRESSION, Outcome.FAIL, Outcome.WARN)

    def measured(self, endpoint: str | None) -> EndpointMetrics | None:
        rows = self.metrics.endpoints if self.metrics else ()
        return next((row for row in rows if row.endpoint == endpoint), None)


def recommend(
    plan: Plan,
    findings: Sequence[Finding],
    comparison: Comparison,
    metrics: RunMetrics | None = None,
    baseline: Sequence[RunSummary] = (),
    overrides: str = "",
) -> tuple[Recommendation, ...]:
    """At most six recommendations, most urgent first, each with its evidence and next step. Works without a baseline.

    `overrides`: options that the suggested commands need to repeat this plan, see `loadtest.gate.commands`.
    """
    facts = _Facts(plan, tuple(f for f in findings if f.counts), comparison, metrics, baseline, overrides)
    if any(f.outcome is Outcome.INVALID for f in facts.counted):
        return tuple(_repair_measurement(facts))[:MOST]
    return tuple(recommendation for rule in _RULES for recommendation in rule(facts))[:MOST]


_REPAIRS = {
    ("generator_saturated", "loop_overshoot"): (
        "Give the load generator more room",
        "let the profile use more workers (workers: auto), or fewer users, and keep other work off the host",
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


def _repair_measurement(facts: _Facts) -> Iterator[Recommendation]:
    invalid = [f for f in facts.counted if f.outcome is Outcome.INVALID]
    for rules, (title, step) in _REPAIRS.items():
        evidence = [f.sentence for f in invalid if f.evidence.get("rule") in rules]
        if evidence:
            yield Recommendation(title=title, evidence=listing(evidence, 2), next_step=step, command=facts.run_command)


def _errors_first(facts: _Facts) -> Iterator[Recommendation]:
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


def _where_slower(facts: _Facts) -> Iterator[Recommendation]:
    """One endpoint, some, all of the writes, or all; from the comparison with the baseline."""
    regressed = sorted({f.endpoint for f in facts.regressed if f.endpoint})
    judged = {f.endpoint for f in facts.counted if f.criterion is Criterion.REGRESSION and f.endpoint}
    everything = facts.having(Criterion.GLOBAL, Outcome.FAIL, Outcome.WARN)
    if everything:
        yield Recommendation(
            title="Look for something that all endpoints share",
            evidence=everything[0].sentence,
            next_step="check what every request passes: middleware, connection pools, logging, a new runtime or base image",
            command=_commits(facts),
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
    yield Recommendation(title=title, evidence=facts.regressed[0].sentence, next_step=step, command=_commits(facts))


def _all_or_some_requests(facts: _Facts) -> Iterator[Recommendation]:
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


def _server_side(facts: _Facts) -> Iterator[Recommendation]:
    """Which part of the server explains each slowdown; endpoints with the same part share a recommendation."""
    endpoints = dict.fromkeys(f.endpoint for f in facts.regressed if f.endpoint)
    splits = {name: split for name in endpoints if (split := _split(facts, name))}
    for part in dict.fromkeys(split.dominant for split in splits.values()):
        mine = [name for name, split in splits.items() if split.dominant == part]
        where = mine[0] if len(mine) == 1 else plural(len(mine), "endpoint")
        sentences = [f"{name} {splits[name].sentence}" for name in mine]
        more = len(mine) - MOST_SPLITS
        yield Recommendation(
            title=f"Most of the slowdown of {where} is {part}" if part else f"No single part explains the slowdown of {where}",
            evidence="; ".join(sentences[:MOST_SPLITS]) + (f"; and {plural(more, 'more endpoint')}" if more > 0 else ""),
            next_step=_component_step(part),
        )


def _split(facts: _Facts, endpoint: str) -> SlowdownShares | None:
    """How the rise of an endpoint's mean latency splits; None where the baseline is from before it held means."""
    row = facts.measured(endpoint)
    before = [each for run in facts.baseline for each in run.endpoints if each.endpoint == endpoint and each.server_mean_ms]
    if row is None or not before:
        return None
    now = {part.component: part.mean_ms for part in row.server if part.mean_ms is not None}
    components = {name for each in before for name in each.server_mean_ms}
    usual = {name: fmean(each.server_mean_ms.get(name, 0.0) for each in before) for name in components}
    return slowdown_shares(row.mean_ms, now, fmean(each.mean_ms or 0.0 for each in before), usual)


def _component_step(component: str | None) -> str:
    """What to do about the part that explains most; None: no part does."""
    if component is None:
        return "look for something that slows all of it: processor time, memory, garbage collection, a busier host"
    if component == OUTSIDE:
        return (
            "look at the network, queueing before the application and the number of its workers; or it is work that "
            "Server-Timing does not cover"
        )
    if component == "db":
        return "look at the queries of this endpoint: their number, plans and locks"
    return f"profile the part that Server-Timing calls {component!r}"


def _missed_targets(facts: _Facts) -> Iterator[Recommendation]:
    regressed = {f.endpoint for f in facts.regressed}
    missed = [
        f
        for f in facts.having(Criterion.TARGET, Outcome.FAIL, Outcome.WARN)
        if f.metric != "error_rate" and f.endpoint not in regressed and f.evidence.get("rule") != "abort"
    ]
    if not missed:
        return
    worst = max(missed, key=lambda f: f.effect or 0.0)
    row = facts.measured(worst.endpoint)
    step = "look at its slowest requests in the report, with their trace ids"
    if row and (slowest := _slowest_part(row)):
        step = f"{slowest[1]}: {_component_step(slowest[0])}"
    more = f"; and {plural(len(missed) - 1, 'more target')}" if len(missed) > 1 else ""
    title = f"Bring {subject(worst.endpoint)} under its target"
    yield Recommendation(title=title, evidence=worst.sentence + more, next_step=step)


def _slowest_part(row: EndpointMetrics) -> tuple[str, str] | None:
    """The part of the server that takes at least half of the mean latency, and a sentence about it; None if none does."""
    inside = {name: mean_ms for name, mean_ms in mean_parts(row).items() if name != OUTSIDE}
    name = max(inside, key=inside.__getitem__, default="")
    if not name or inside[name] < SLOW_COMPONENT_SHARE * (row.mean_ms or math.inf):
        return None
    reported = next(
        (f" ({percent(part.n / row.successes)} of them report it)" for part in row.server if part.component == name), ""
    )
    return name, f"its requests spend {ms(inside[name])} of {ms(row.mean_ms or 0.0)} in {name!r} on average{reported}"


def _host(facts: _Facts) -> Iterator[Recommendation]:
    host = facts.having(Criterion.GLOBAL, Outcome.INCONCLUSIVE)
    if host and not host[0].suspect:
        step = "run again when the host is quiet; nothing points at the build"
        yield Recommendation(
            title="The host was slower, not the build", evidence=host[0].sentence, next_step=step, command=facts.run_command
        )


def _drifting(facts: _Facts) -> Iterator[Recommendation]:
    for finding in facts.having(Criterion.DRIFT, Outcome.FAIL, Outcome.WARN)[:1]:
        before, ours = finding.evidence.get("commit_before_onset"), facts.plan.trigger.commit
        step = "read the commits since then; if the new level is wanted, accept a new baseline with a reason"
        yield Recommendation(
            title=f"Find what has slowed {subject(finding.endpoint)} down since the anchor",
            evidence=finding.sentence,
            next_step=step,
            command=f"git log --oneline {str(before)[:12]}..{ours[:12]}" if before and ours and before != ours else "",
        )


def _settle_suspicion(facts: _Facts) -> Iterator[Recommendation]:
    suspects = [f for f in facts.counted if f.suspect]
    if suspects:
        yield Recommendation(
            title="Settle the suspicion",
            evidence=suspects[0].sentence,
            next_step="run the same build again: two confirmation runs decide whether it is real",
            command=facts.run_command,
        )


def _settle_targets(facts: _Facts) -> Iterator[Recommendation]:
    """How much longer a run must be for the targets that are met without certainty."""
    if facts.plan.profile.evidence is Evidence.INDICATIVE:
        return
    factors = {}
    for finding in facts.having(Criterion.TARGET, Outcome.INCONCLUSIVE):
        quantile, n = QUANTILE_OF.get(finding.metric or ""), finding.n or 0
        if quantile is None or n == 0 or finding.evidence.get("upper_95") is not None:
            continue
        factors[subject(finding.endpoint)] = LEAST_N_FOR_UPPER[quantile] / n
    if factors:
        longest = max(factors.values())
        duration = format_duration(math.ceil(longest * facts.plan.profile.duration_s / 30) * 30)
        step = f"about {longest:.1f} times the duration would do ({duration})"
        command = _lasting(facts.run_command, duration)
        if longest > MOST_TIMES_LONGER:
            step, command = "these requests are too rare to wait for: give them more weight in the scenario", ""
        evidence = f"too few requests at {listing(sorted(factors))}"
        yield Recommendation(title="Measure more to be sure of the targets", evidence=evidence, next_step=step, command=command)


def _settle_coverage(facts: _Facts) -> Iterator[Recommendation]:
    """How many runs of this build would prove the endpoints whose bound is just too high."""
    inconclusive = facts.having(Criterion.REGRESSION, Outcome.INCONCLUSIVE)
    open_ones = [f for f in inconclusive if not f.suspect and f.interval and f.effect is not None]
    needed = {}
    for finding in open_ones:
        limit, high = math.log1p(float(finding.evidence.get("tolerance") or facts.plan.profile.tolerance)), finding.interval
        middle, upper = math.log1p(finding.effect or 0.0), math.log1p(high[1] if high else 0.0)
        if upper >= limit > middle:
            needed[subject(finding.endpoint)] = math.ceil(((upper - middle) / (limit - middle)) ** 2)
    if needed:
        runs = min(max(needed.values()), 99)
        yield Recommendation(
            title="More runs would settle what is open",
            evidence=f"{plural(len(open_ones), 'endpoint')} cannot be proven within {percent(facts.plan.profile.tolerance)}: "
            f"{listing(sorted(needed))}",
            next_step=f"about {plural(runs, 'run')} of this build, or a baseline of more runs, would be enough",
            command=facts.run_command,
        )


def _baseline_next(facts: _Facts) -> Iterator[Recommendation]:
    plan, comparison = facts.plan, facts.comparison
    command = collect_command(plan.scenario.name, plan.environment.name, plan.profile.name) + facts.overrides
    if not comparison.compared:
        if "stopped early" in comparison.reason:
            return
        yield Recommendation(
            title="Collect a baseline, so that regressions can be judged",
            evidence=comparison.reason,
            next_step=f"{FULL_RUNS} runs of a build you trust, best on different days; until then only targets are judged",
            command=f"{command} --runs {FULL_RUNS} --promote --by NAME --reason TEXT",
        )
    elif "at most a warning" in comparison.reason:
        more = max(1, FULL_RUNS - comparison.baseline_runs)
        yield Recommendation(
            title="Widen the baseline",
            evidence=comparison.reason,
            next_step="add runs of other builds and other hours, then promote them as the next version",
            command=f"{command} --runs {more} --extend",
        )


def _lasting(command: str, duration: str) -> str:
    """The command with another duration."""
    return f"{re.sub(r' --duration [^ ]+', '', command)} --duration {duration}"


def _method(endpoint: str) -> str:
    return endpoint.split(" ", 1)[0].upper()


def _commits(facts: _Facts) -> str:
    """The commits between the newest baseline run's build and this one."""
    built = [run.commit for run in sorted(facts.baseline, key=lambda run: run.started_at) if run.commit]
    ours = facts.plan.trigger.commit
    return f"git log --oneline {built[-1][:12]}..{ours[:12]}" if built and ours and built[-1] != ours else ""


_RULES = (
    _errors_first,
    _where_slower,
    _server_side,
    _all_or_some_requests,
    _missed_targets,
    _drifting,
    _host,
    _settle_suspicion,
    _baseline_next,
    _settle_targets,
    _settle_coverage,
)
