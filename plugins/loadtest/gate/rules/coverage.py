"""How much of a pass is proven, where nothing failed or warned (gate.md "The run's verdict").

A pass that demanded proof for everything would never come: rare endpoints have few requests. So half of what was judged
must be proven, and everything critical, and the rest is named. What can never be made up for by others: an endpoint with a
target that was not requested at all, one that vanished, an unsettled suspicion, a lacking baseline that was demanded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.gate.records.findings import Comparison, Coverage, Finding
from loadtest.gate.rules.criteria import critical_endpoints, tolerance_of
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Evidence, Outcome
from loadtest.wording import change, listing, percent, subject

LEAST_PROVEN_SHARE = 0.5


@dataclass(frozen=True)
class Proof:
    """Whether a pass is earned, one sentence that states its coverage, and what is missing."""

    enough: bool
    sentence: str
    gaps: tuple[str, ...]
    coverage: Coverage | None


@dataclass(frozen=True)
class _Part:
    """The regressions or the targets: how many judged, how many proven, what must not be left open."""

    judged: int
    proven: int
    words: str
    open_critical: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        return self.judged == 0 or (self.proven >= LEAST_PROVEN_SHARE * self.judged and not self.open_critical)


def cover(plan: Plan, findings: Sequence[Finding], comparison: Comparison | None) -> Proof:
    """Proof for a pass from all findings of a run. Where one that counts is worse than `inconclusive`, only the coverage
    means anything."""
    hidden = {finding.endpoint for finding in findings if finding.muted}
    muted = [finding for finding in findings if finding.muted and finding.criterion in (Criterion.REGRESSION, Criterion.TARGET)]
    critical_names = critical_endpoints(plan.scenario.criteria) - hidden
    findings = [finding for finding in findings if finding.counts]
    compared = comparison is not None and comparison.compared
    indicative = plan.profile.evidence is Evidence.INDICATIVE
    regressions = _regressions(plan, [f for f in findings if f.criterion is Criterion.REGRESSION], critical_names)
    targets = _targets(plan, [f for f in findings if f.criterion is Criterion.TARGET], critical_names)
    blocking = _blocking(plan, findings, comparison, indicative=indicative)
    capacity = [f.sentence for f in findings if f.criterion is Criterion.CAPACITY]
    judged = regressions.judged + targets.judged + len(capacity) > 0
    # what an indicative run passed with, it passes without: nothing of it had to be proven; a muted alarm it did not pass with
    harmless = bool(muted) and not any(finding.alarms for finding in muted)
    enough = not blocking and ((judged and regressions.enough and targets.enough) or (indicative and (judged or harmless)))
    parts = [*capacity, *(part.words for part in (regressions, targets) if part.judged)]
    if not judged and muted:
        parts.append("everything that was judged is muted")
    elif not judged:
        parts.append("nothing to judge this run against: no targets and no baseline cover these endpoints")
    if comparison is not None and not compared and not capacity:
        parts.append(comparison.reason.rstrip(".") or "not compared with a baseline")
    words = "; ".join([*blocking, *parts])
    open_critical = (*regressions.open_critical, *targets.open_critical)
    critical = [f"critical endpoint {name} is not shown to be within its limits" for name in open_critical]
    gaps = [*critical, *(f.sentence for f in findings if f.outcome is Outcome.INCONCLUSIVE)]
    coverage = None
    if regressions.judged:
        coverage = Coverage(judged=regressions.judged, proven=regressions.proven, sentence=regressions.words)
    return Proof(enough=enough, sentence=words, gaps=tuple(dict.fromkeys(gaps)), coverage=coverage)


def _blocking(plan: Plan, findings: Sequence[Finding], comparison: Comparison | None, *, indicative: bool) -> list[str]:
    """Why no coverage, however high, makes this run a pass."""
    reasons = []
    if plan.scenario.criteria.baseline_required and not (comparison and comparison.compared):
        reasons.append("this scenario requires a comparison with a baseline")
    suspects = list(dict.fromkeys(subject(f.endpoint) for f in findings if f.suspect))
    if suspects:
        reasons.append(f"confirmation runs did not settle a suspected regression ({listing(suspects)})")
    unseen = [f for f in findings if f.criterion is Criterion.TARGET and f.n == 0]
    absent = list(dict.fromkeys(subject(f.endpoint) for f in unseen))
    if absent and not indicative:
        reasons.append(f"{listing(absent)} {'has a target' if len(absent) == 1 else 'have targets'} but no request")
    vanished = [f.endpoint for f in findings if f.endpoint and f.evidence.get("vanished")]
    if vanished:
        reasons.append(f"{listing(vanished)} {'is' if len(vanished) == 1 else 'are'} missing, with many requests in the baseline")
    beyond = list(dict.fromkeys(subject(f.endpoint) for f in findings if not indicative and looks_beyond(f)))
    if beyond:
        reasons.append(f"{listing(beyond)} {'looks' if len(beyond) == 1 else 'look'} slower than tolerated, without certainty")
    others = [
        f.sentence
        for f in findings
        if f.outcome is Outcome.INCONCLUSIVE
        and f.criterion not in (Criterion.REGRESSION, Criterion.TARGET)
        and not f.suspect
        and not (indicative and f.criterion is Criterion.GLOBAL)
    ]
    return reasons + others[:1]


def looks_beyond(finding: Finding) -> bool:
    """An unproven endpoint whose typical latency or p95 is, by the best estimate, beyond the tolerance."""
    if finding.criterion is not Criterion.REGRESSION or finding.outcome is not Outcome.INCONCLUSIVE:
        return False
    limit = finding.evidence.get("tolerance")
    effects = [finding.evidence.get(name) for name in ("typical_ms_effect", "p95_ms_effect")]
    return limit is not None and any(effect is not None and float(effect) >= float(limit) for effect in effects)


def _regressions(plan: Plan, findings: Sequence[Finding], critical: frozenset[str]) -> _Part:
    """An endpoint is proven if none of its metrics is left open."""
    by_endpoint: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.endpoint is not None and not finding.evidence.get("new"):
            by_endpoint.setdefault(finding.endpoint, []).append(finding)
    unproven = {name: own for name, own in by_endpoint.items() if any(f.outcome is not Outcome.PASS for f in own)}
    judged, proven = len(by_endpoint), len(by_endpoint) - len(unproven)
    tolerances = {tolerance_of(plan, name) for name in by_endpoint} or {tolerance_of(plan, None)}
    limit = percent(tolerances.pop()) if len(tolerances) == 1 else "their tolerances"
    words = f"{proven} of {judged} endpoints shown to be within {limit} of {'the base' if plan.against else 'the baseline'}"
    if unproven:
        beyond = [bound for own in unproven.values() for f in own for bound in _upper_bounds(f) if bound >= _limit(plan, f)]
        words += f", {len(unproven)} not"
        if beyond:
            words += f" (cannot exclude {change(max(beyond))})"
        else:  # of what had enough requests nothing is beyond
            absent = all(f.evidence.get("missing") for own in unproven.values() for f in own)
            words += " (missing)" if absent else " (too few requests)"
    open_critical = critical - (by_endpoint.keys() - unproven.keys())
    return _Part(judged, proven, words, tuple(sorted(open_critical)))


def _limit(plan: Plan, finding: Finding) -> float:
    limit = finding.evidence.get("tolerance")
    return float(limit) if limit is not None else tolerance_of(plan, finding.endpoint)


def _upper_bounds(finding: Finding) -> list[float]:
    """Upper 95 % bounds of what must be excluded: of typical latency and p95, or of what the finding is about."""
    proving = [finding.evidence.get(name) for name in ("typical_ms_high", "p95_ms_high")]
    known = [float(bound) for bound in proving if bound is not None]
    return known or ([finding.interval[1]] if finding.interval else [])


def _targets(plan: Plan, findings: Sequence[Finding], critical: frozenset[str]) -> _Part:
    """Targets of endpoints that were requested; in an indicative run those met are counted, not only those proven."""
    requested = [f for f in findings if f.n]
    beyond = [f for f in requested if f.evidence.get("certainty") == "beyond"]
    met = [f for f in requested if f not in beyond]
    proven = [f for f in requested if f.outcome is Outcome.PASS and f not in beyond]
    absent = len(findings) - len(requested)
    judged = len(requested)
    if plan.profile.evidence is Evidence.INDICATIVE:
        words = f"{len(met)} of {judged} targets met"
        words += f", {len(beyond)} exceeded, but not significantly" if beyond else ""
    elif len(proven) == judged:
        words = f"{'all ' if judged > 1 else ''}{judged} target{'s' if judged > 1 else ''} met with 95 % confidence"
    else:
        words = f"{len(proven)} of {judged} targets met with 95 % confidence, {judged - len(proven)} without it"
    words += f", {absent} without a request" if absent else ""
    open_critical = {f.endpoint for f in requested if f.endpoint in critical and f not in proven}
    return _Part(judged, len(proven), words, tuple(sorted(name for name in open_critical if name)))
