"""Compare a run, and its confirmations, with the baseline: from run summaries to findings with sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.gate.records.findings import Comparison, Coverage, Detectable, Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.rules.coverage import LEAST_PROVEN_SHARE, looks_beyond
from loadtest.gate.rules.endpoint_findings import Judging, endpoint_findings, is_proven, would_be_proven
from loadtest.gate.rules.run_findings import error_findings, global_findings, throughput_finding
from loadtest.gate.statistics.comparability import Basis, comparable_runs
from loadtest.gate.statistics.detectable import smallest_detectable
from loadtest.gate.statistics.fit import LEAST_BASELINE_RUNS
from loadtest.gate.statistics.global_factor import GlobalFactor, common_factor
from loadtest.gate.statistics.judge import Judgement, judge
from loadtest.gate.statistics.judged_metrics import TYPICAL
from loadtest.planning.criteria import Criteria
from loadtest.vocabulary import Criterion, Outcome


@dataclass(frozen=True)
class ComparisonResult:
    """What the comparison says. `findings` hold the criteria regression, global, errors and throughput.

    `coverage` is None when nothing was compared. `proven` names the endpoints for which a regression beyond the
    tolerance is excluded, `judged` all endpoints that should have been judged, missing ones included. `provable`: nothing is
    suspect, but too little is proven for a pass, and a second run like the first would prove enough.
    """

    comparison: Comparison
    findings: tuple[Finding, ...] = ()
    detectable: tuple[Detectable, ...] = ()
    coverage: Coverage | None = None
    judged: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    provable: bool = False

    @property
    def suspects(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.suspect)


def compare(
    baseline: Sequence[RunSummary],
    candidates: Sequence[RunSummary],
    criteria: Criteria,
    tolerance: float,
    confirmed: bool,
    *,
    more: bool = False,
    refresh: Sequence[RunSummary] = (),
) -> ComparisonResult:
    """Judge `candidates` (the run, then its confirmations if there are any; ordered by start) against the baseline.

    `tolerance` is the run's resolved one (criteria or profile), relative; endpoints may override it in `criteria`.
    `confirmed`: the confirmation runs are done, so that a decision is due. Until then nobody fails: a suspicious
    endpoint is an `inconclusive` finding with `suspect` set, which says that it is not confirmed. `more`: another confirmation
    could still be measured; where it is close, the suspicion stays one, and asks for it. `refresh`: accepted
    runs since the baseline; they sharpen what is known of the noise and never move the baseline's location.
    """
    if not candidates:
        raise ValueError("compare needs at least one run to judge")
    runs = sorted(candidates, key=lambda run: (run.started_at, run.run_id))
    basis = comparable_runs(baseline, runs[0])
    if not basis.compared:
        comparison = Comparison(
            compared=False, reason=basis.reason, baseline_runs=len(basis.runs), builds=basis.builds, candidate_runs=len(runs)
        )
        return ComparisonResult(comparison)
    if not confirmed:
        runs = runs[:1]
    known = known_endpoints(basis.runs)
    least_effect = _per_endpoint(known, criteria, "least_effect", criteria.least_effect)
    settled_at = criteria.false_alarm_level if more and confirmed else None
    judgement = judge(basis, runs, known, least_effect, _alike(refresh, runs[0]), settled_at=settled_at)
    judging = Judging(
        basis=basis,
        runs=tuple(runs),
        endpoints=known,
        tolerance=_per_endpoint(known, criteria, "tolerance", criteria.tolerance or tolerance),
        least_effect=least_effect,
        false_alarm_level=criteria.false_alarm_level,
        decided=judgement.decided,
    )
    factor = common_factor(judgement.fits[TYPICAL], judgement.scores[TYPICAL], basis, runs, judgement.host)
    findings = [
        *endpoint_findings(judging, judgement),
        *global_findings(judging, factor),
        *error_findings(judging),
        *_new_endpoints(basis, runs),
        throughput_finding(judging),
    ]
    proven = tuple(endpoint for index, endpoint in enumerate(known) if is_proven(judging, judgement, index))
    return ComparisonResult(
        comparison=_comparison(basis, runs, judgement, factor),
        findings=tuple(findings),
        detectable=smallest_detectable(judgement, judging.least_effect),
        coverage=coverage(judging, judgement, known, proven),
        judged=known,
        proven=proven,
        provable=not confirmed and _provable(judging, judgement, findings, proven, criteria),
    )


def _provable(
    judging: Judging, judgement: Judgement, findings: Sequence[Finding], proven: Sequence[str], criteria: Criteria
) -> bool:
    if any(one.suspect or (one.outcome is not Outcome.PASS and one.criterion is not Criterion.REGRESSION) for one in findings):
        return False
    critical = {name for name in judging.endpoints if (own := criteria.endpoints.get(name)) and own.critical}

    def enough(names: Sequence[str]) -> bool:
        return len(names) >= LEAST_PROVEN_SHARE * len(judging.endpoints) and critical <= set(names)

    if enough(proven) and not any(looks_beyond(one) for one in findings):
        return False
    would = [name for index, name in enumerate(judging.endpoints) if would_be_proven(judging, judgement, index)]
    return enough(would)


def _alike(refresh: Sequence[RunSummary], candidate: RunSummary) -> list[RunSummary]:
    """Refreshing runs of the same plan and host class, oldest first, without the judged run itself."""
    alike = [run for run in refresh if (run.digest, run.host_class) == (candidate.digest, candidate.host_class)]
    return sorted((run for run in alike if run.run_id != candidate.run_id), key=lambda run: (run.started_at, run.run_id))


def known_endpoints(baseline: Sequence[RunSummary]) -> tuple[str, ...]:
    """Endpoints with successes in enough baseline runs to be compared at all, sorted."""
    counts: dict[str, int] = {}
    for run in baseline:
        for summary in run.endpoints:
            if summary.n > summary.errors:
                counts[summary.endpoint] = counts.get(summary.endpoint, 0) + 1
    return tuple(sorted(endpoint for endpoint, runs in counts.items() if runs >= LEAST_BASELINE_RUNS))


def coverage(judging: Judging, judgement: Judgement, judged: Sequence[str], proven: Sequence[str]) -> Coverage:
    """How much is proven, in one sentence with the worst bound that is not."""
    limits = sorted({round(float(value), 4) for value in judging.tolerance})
    within = f"{limits[0] * 100:.0f} %" if len(limits) == 1 else "their tolerances"
    sentence = f"{len(proven)} of {len(judged)} endpoints shown to be within {within}"
    missing = len(judged) - len(proven)
    if missing:
        worst = judging.worst_bound(judgement, [name for name in judged if name not in proven])
        sentence += f", {missing} not ({worst})"
    return Coverage(judged=len(judged), proven=len(proven), sentence=sentence)


def _per_endpoint(endpoints: Sequence[str], criteria: Criteria, name: str, default: float) -> np.ndarray:
    overrides = (criteria.endpoints.get(endpoint) for endpoint in endpoints)
    values = (getattr(override, name) if override else None for override in overrides)
    return np.array([default if value is None else value for value in values], dtype=float)


def _comparison(basis: Basis, runs: Sequence[RunSummary], judgement: Judgement, factor: GlobalFactor | None) -> Comparison:
    return Comparison(
        compared=True,
        reason=basis.reason,
        baseline_runs=len(basis.runs),
        builds=basis.builds,
        host_factor=float(np.expm1(judgement.scores[TYPICAL].host)) if factor else None,
        candidate_runs=len(runs),
    )


def _new_endpoints(basis: Basis, runs: Sequence[RunSummary]) -> list[Finding]:
    """Endpoints of this run that fewer than 3 baseline runs know."""
    known = set(known_endpoints(basis.runs))
    new = sorted({summary.endpoint for run in runs for summary in run.endpoints} - known)
    return [
        Finding(
            criterion=Criterion.REGRESSION,
            outcome=Outcome.INCONCLUSIVE,
            endpoint=endpoint,
            sentence=f"{endpoint} is in fewer than {LEAST_BASELINE_RUNS} baseline runs, so it was not compared",
            n=sum(summary.n for run in runs for summary in run.endpoints if summary.endpoint == endpoint),
            evidence={"new": 1},
        )
        for endpoint in new
    ]
