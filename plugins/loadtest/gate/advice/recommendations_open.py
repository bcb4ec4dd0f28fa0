"""What would settle what is still open: longer or more runs, a baseline, a wider one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from loadtest.baselines.models import FULL_RUNS, LEAST_RUNS
from loadtest.baselines.store import collect_command
from loadtest.gate.advice.recommendation_facts import Facts
from loadtest.gate.records.findings import Recommendation
from loadtest.gate.rules.targets import QUANTILE_OF
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import Criterion, Evidence, Outcome
from loadtest.wording import listing, percent, plural, subject

MOST_TIMES_LONGER = 10
LEAST_N_FOR_UPPER = {0.50: 5, 0.90: 29, 0.95: 59, 0.99: 299}  # least n with 1 - q^n >= 0.95


def settle_suspicion(facts: Facts) -> Iterator[Recommendation]:
    suspects = [f for f in facts.counted if f.suspect]
    if suspects:
        yield Recommendation(
            title="Confirm or clear the suspected regression",
            evidence=suspects[0].sentence,
            next_step="run the same build again; two confirmation runs decide whether it is real",
            command=facts.run_command,
        )


def settle_targets(facts: Facts) -> Iterator[Recommendation]:
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
        longest, now_s = max(factors.values()), facts.plan.profile.duration_s
        enough_s = _round_up(longest * now_s)
        duration = format_duration(enough_s)
        step = f"about {enough_s / now_s:.1f} times the duration would do ({duration})"
        command = _lasting(facts.run_command, duration)
        if longest > MOST_TIMES_LONGER:
            step, command = "these requests are too rare to wait for: give them more weight in the scenario", ""
        evidence = f"too few requests at {listing(sorted(factors))}"
        yield Recommendation(title="Measure more to be sure of the targets", evidence=evidence, next_step=step, command=command)


def settle_coverage(facts: Facts) -> Iterator[Recommendation]:
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
        names = sorted({subject(finding.endpoint) for finding in open_ones})
        settled = f" for {listing(sorted(needed))}" if len(needed) < len(names) else ""
        yield Recommendation(
            title="More runs would settle the open questions",
            evidence=f"{plural(len(names), 'endpoint')} cannot be shown to be within {percent(facts.plan.profile.tolerance)}: "
            f"{listing(names)}",
            next_step=f"about {plural(runs, 'run')} of this build, or a baseline of more runs, would settle it{settled}",
            command=facts.run_command,
        )


def baseline_next(facts: Facts) -> Iterator[Recommendation]:
    plan, comparison = facts.plan, facts.comparison
    command = collect_command(plan.scenario.name, plan.environment.name, plan.profile.name) + facts.overrides
    if comparison.awaiting_acceptance >= LEAST_RUNS:
        runs = plural(comparison.awaiting_acceptance, "collected run")
        yield Recommendation(
            title="Accept the collected baseline, so that regressions can be judged",
            evidence=f"{runs} of this plan wait for somebody to accept them",
            next_step="look at them with `baseline show`, then promote them",
            command=f"loadtest baseline promote --scenario {plan.scenario.name} --environment {plan.environment.name} "
            f"--profile {plan.profile.name} --by NAME --reason TEXT",
        )
    elif not comparison.compared:
        if "stopped early" in comparison.reason or not _is_a_reference(facts):
            return
        yield Recommendation(
            title="Collect a baseline, so that regressions can be judged",
            evidence=comparison.reason,
            next_step=f"{FULL_RUNS} runs of a known-good build, ideally on different days; until then only targets are judged",
            command=f"{command} --runs {FULL_RUNS} --promote --by NAME --reason TEXT",
        )
    elif "at most a warning" in comparison.reason or "was assumed" in comparison.reason:
        more = max(1, FULL_RUNS - comparison.baseline_runs)
        yield Recommendation(
            title="Widen the baseline",
            evidence=comparison.reason,
            next_step="add runs of other builds and other hours, then promote them as the next version",
            command=f"{command} --runs {more} --extend",
        )


def _is_a_reference(facts: Facts) -> bool:
    """A baseline of a service that fails, or of a handful of requests, would be a reference for nothing."""
    indicative = facts.plan.profile.evidence is Evidence.INDICATIVE
    failing = any(f.outcome is Outcome.FAIL or (f.outcome is Outcome.WARN and f.metric == "error_rate") for f in facts.counted)
    return not indicative and not failing


def _round_up(seconds: float) -> int:
    """A duration that people would write: steps of 5 s below a minute, then of 10 s."""
    step = 5 if seconds < 60 else 10
    return math.ceil(seconds / step) * step


def _lasting(command: str, duration: str) -> str:
    """The command with another duration."""
    return f"{re.sub(r' --duration [^ ]+', '', command)} --duration {duration}"
