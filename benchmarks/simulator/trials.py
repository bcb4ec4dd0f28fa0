"""Trials: a system with a baseline of 8 runs, one run to judge, two confirmations; and what our gate makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from benchmarks.simulator.noise import ENDPOINTS
from benchmarks.simulator.runs import SESSION_RUNS, Effects, Pool, World, make_run
from loadtest.gate.comparison import ComparisonResult, compare
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.planning.models import Criteria
from loadtest.vocabulary import Criterion, Outcome

BASELINE_RUNS = 8
CONFIRMATIONS = 2
DEFAULT_TOLERANCE = 0.20


@dataclass(frozen=True)
class Change:
    """What is wrong with the new build: factors on one endpoint's latencies, on its slowest tenth, on everything."""

    name: str
    factor: float = 1.0
    tail_factor: float = 1.0
    everywhere: float = 1.0


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
    sessions = [SESSION_RUNS] * (baseline_runs // SESSION_RUNS) + [baseline_runs % SESSION_RUNS]
    effects = [(effect, f"build-{build}") for build, runs in enumerate(sessions) for effect in world.session(runs)]
    effects += [(effect, "candidate") for effect in world.session(1 + CONFIRMATIONS)]
    places = [int(place) for place in generator.integers(len(pool.summaries), size=len(effects))]
    runs = []
    for number, ((effect, build), place) in enumerate(zip(effects, places, strict=True)):
        new = build == "candidate"
        everywhere = math.log(change.everywhere) if new else 0.0
        shift = dict.fromkeys(ENDPOINTS, everywhere)
        shift[endpoint] += math.log(change.factor) if new else 0.0
        tail = {endpoint: math.log(change.tail_factor)} if new else None
        runs.append(make_run(pool.summaries[place], effect, number=number, build=build, shift=shift, tail=tail))
    return Trial(runs[:baseline_runs], runs[baseline_runs:], endpoint, change, places, [effect for effect, _ in effects], world)


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
    """Judge the first run; where somebody is suspect, judge again with the confirmations. As the product does."""
    criteria = Criteria()
    result = compare(trial.baseline, trial.candidates[:1], criteria, tolerance, confirmed=False)
    suspect = bool(result.suspects)
    if suspect:
        result = compare(trial.baseline, trial.candidates, criteria, tolerance, confirmed=True)
    bad = [finding for finding in result.findings if finding.outcome in (Outcome.WARN, Outcome.FAIL)]
    mine = [finding for finding in bad if finding.endpoint == trial.endpoint]
    bound = half_bound(result, typical_alone=proof_by_typical_alone)
    blocked = any(f.criterion is Criterion.GLOBAL and f.outcome is Outcome.INCONCLUSIVE for f in result.findings)
    return Decision(
        runs=len(trial.candidates) if suspect else 1,
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
