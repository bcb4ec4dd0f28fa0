"""Trials: a system with a baseline of 8 runs, one run to judge, two confirmations; and what our gate makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from benchmarks.simulator.noise import ENDPOINTS
from benchmarks.simulator.runs import FIRST_DAY, SESSION_RUNS, Effects, Pool, World, make_run
from loadtest.gate.comparison import ComparisonResult, compare
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.rules.coverage import looks_beyond
from loadtest.planning.criteria import Criteria
from loadtest.vocabulary import Criterion, Outcome

BASELINE_RUNS = 8
CONFIRMATIONS = 2
DEFAULT_TOLERANCE = 0.20
NEXT_WEEK = 0.05


@dataclass(frozen=True)
class Change:
    """What is wrong with the new build: factors on one endpoint's latencies, on its slowest tenth, on every second endpoint,
    on everything; and how it is judged: with a host probe or not, with a baseline of one hour, of which no commit is
    known, taken on a host that is 5 % faster or slower next week."""

    name: str
    factor: float = 1.0
    tail_factor: float = 1.0
    half: float = 1.0
    everywhere: float = 1.0
    probe: bool = True
    one_hour: bool = False


@dataclass(frozen=True)
class Trial:
    """`places` and `effects` tell which pool run each run was made from, baseline first (for judges that need requests)."""

    baseline: list[RunSummary]
    candidates: list[RunSummary]
    endpoint: str  # the one that was changed, if any
    change: Change
    places: list[int]
    effects: list[Effects]
    world: World = field(repr=False)


def draw_trial(generator: np.random.Generator, pool: Pool, change: Change, baseline_runs: int = BASELINE_RUNS) -> Trial:
    """A new system each time, so that results do not hang on one system's luck."""
    world = World(generator, pool.shape, pool.noise)
    endpoint = ENDPOINTS[generator.integers(len(ENDPOINTS))]
    places: list[int] = []
    if change.one_hour:
        sessions = [baseline_runs]
    else:
        sessions = [SESSION_RUNS] * (baseline_runs // SESSION_RUNS) + [baseline_runs % SESSION_RUNS]
    sessions = [runs for runs in sessions if runs] + [1 + CONFIRMATIONS]
    next_week = NEXT_WEEK * generator.choice((-1, 1)) if change.one_hour else 0.0
    effects, runs = [], []
    for day, count in enumerate(sessions):
        new = day == len(sessions) - 1
        shift, tail = _changes(change, endpoint) if new else ({}, {})
        for place, effect in enumerate(world.session(count, next_week if new else 0.0)):
            effects.append(effect if change.probe else replace(effect, probe=None))
            places.append(int(generator.integers(len(pool.summaries))))
            runs.append(
                make_run(
                    pool.summaries[places[-1]],
                    effects[-1],
                    number=len(runs),
                    build=None if change.one_hour else f"build-{day}",
                    started_at=FIRST_DAY + timedelta(days=day * 7, minutes=12 * place),
                    tick_ms=pool.noise.tick_ms,
                    shift=shift,
                    tail=tail,
                )
            )
    return Trial(runs[:baseline_runs], runs[baseline_runs:], endpoint, change, places, effects, world)


def _changes(change: Change, endpoint: str) -> tuple[dict[str, float], dict[str, float]]:
    """Log factors on all latencies, and on the slowest tenth."""
    shift = dict.fromkeys(ENDPOINTS, math.log(change.everywhere))
    shift[endpoint] += math.log(change.factor)
    for name in ENDPOINTS[::2]:
        shift[name] += math.log(change.half)
    return shift, {endpoint: math.log(change.tail_factor)}


@dataclass(frozen=True)
class Decision:
    """Our gate on one trial. `flagged`: some finding warns or fails; `found`: one that names the changed endpoint;
    `half_bound`: the tolerance from which on half of the endpoints are proven, so that the run could pass; `detectable`:
    the smallest regression of the changed endpoint that the run said it could see (infinite: not judged)."""

    runs: int
    suspect: bool
    flagged: bool
    failed: bool
    endpoint_flagged: bool
    found: bool
    found_failed: bool
    passed: bool
    half_bound: float
    detectable: float


def decide(trial: Trial, tolerance: float = DEFAULT_TOLERANCE, *, proof_by_typical_alone: bool = False) -> Decision:
    """Judge the first run; where somebody is suspect, or too little is proven, judge again with further runs. As the product
    does."""
    criteria = Criteria()
    runs = 1
    result = compare(trial.baseline, trial.candidates[:1], criteria, tolerance, confirmed=False)
    suspect = bool(result.suspects)
    while (result.suspects or result.provable) and runs <= CONFIRMATIONS:
        runs += 1
        result = compare(trial.baseline, trial.candidates[:runs], criteria, tolerance, confirmed=True, more=runs <= CONFIRMATIONS)
    bad = [finding for finding in result.findings if finding.outcome in (Outcome.WARN, Outcome.FAIL)]
    mine = [finding for finding in bad if finding.endpoint == trial.endpoint]
    bound = half_bound(result, typical_alone=proof_by_typical_alone)
    blocked = any(f.criterion is Criterion.GLOBAL and f.outcome is Outcome.INCONCLUSIVE for f in result.findings)
    blocked = blocked or (not proof_by_typical_alone and any(looks_beyond(f) for f in result.findings))
    return Decision(
        runs=runs,
        suspect=suspect,
        flagged=bool(bad),
        failed=any(finding.outcome is Outcome.FAIL for finding in bad),
        endpoint_flagged=any(finding.endpoint for finding in bad),
        found=bool(mine),
        found_failed=any(finding.outcome is Outcome.FAIL for finding in mine),
        passed=not bad and not blocked and bound < tolerance,
        half_bound=math.inf if bad or blocked else bound,
        detectable=next((one.effect for one in result.detectable if one.endpoint == trial.endpoint), math.inf),
    )


def half_bound(result: ComparisonResult, *, typical_alone: bool) -> float:
    """Upper bound that half of the judged endpoints stay under (relative); infinite if less than half have one."""
    bounds = sorted(_bound(finding, typical_alone) for finding in result.findings if finding.criterion is Criterion.REGRESSION)
    return bounds[math.ceil(len(bounds) / 2) - 1] if bounds else math.inf


def _bound(finding: Finding, typical_alone: bool) -> float:
    typical, p95 = finding.evidence.get("typical_ms_high"), finding.evidence.get("p95_ms_high")
    if typical is None or (p95 is None and not typical_alone):
        return math.inf
    return float(typical) if typical_alone or p95 is None else max(float(typical), float(p95))
