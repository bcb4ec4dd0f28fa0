"""A scenario's criteria applied to findings: required endpoints, critical ones, mutes with a reason and an end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from loadtest.analysis.models import RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.failures import NEVER_SUCCEEDED
from loadtest.planning.criteria import Criteria, Mute
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Evidence, Outcome

# A doubt about the measurement cannot be talked away, and neither can a service that went away, or a load that was stopped or
# got no answer at all: no known slowness explains that nothing was measured.
NEVER_MUTED = (Criterion.VALIDITY, Criterion.CONTRACT, Criterion.SERVICE)
RULES_NEVER_MUTED = ("abort", NEVER_SUCCEEDED)


def tolerance_of(plan: Plan, endpoint: str | None) -> float:
    """What a pass must exclude, relative: the endpoint's own, else the scenario's, else the profile's."""
    criteria = plan.scenario.criteria
    own = criteria.endpoints.get(endpoint) if endpoint else None
    if own is not None and own.tolerance is not None:
        return own.tolerance
    return criteria.tolerance if criteria.tolerance is not None else plan.profile.tolerance


def critical_endpoints(criteria: Criteria) -> frozenset[str]:
    return frozenset(name for name, own in criteria.endpoints.items() if own.critical)


def judge_required(plan: Plan, metrics: RunMetrics) -> list[Finding]:
    """A finding for each required endpoint without a request in the steady phase: `fail`, or `warn` in an indicative
    run, whose handful of requests can miss an endpoint by chance."""
    seen = {endpoint.endpoint for endpoint in metrics.endpoints if endpoint.n}
    outcome = Outcome.WARN if plan.profile.evidence is Evidence.INDICATIVE else Outcome.FAIL
    return [
        Finding(
            criterion=Criterion.REQUIRED,
            outcome=outcome,
            sentence=f"{name} is required by criteria.yaml but was never requested in the steady phase",
            endpoint=name,
            n=0,
        )
        for name, own in sorted(plan.scenario.criteria.endpoints.items())
        if own.required and name not in seen
    ]


def apply_mutes(findings: Iterable[Finding], mutes: Sequence[Mute], now: datetime | None = None) -> tuple[Finding, ...]:
    """Findings with `muted` set where a mute covers them now. A mute without an endpoint covers all of them, one without
    a metric every metric. Passes stay as they are: there is nothing to hide in them. An expired mute hides nothing; the
    finding says that it has expired."""
    moment = _aware(now or datetime.now(UTC))
    return tuple(_muted(finding, mutes, moment) for finding in findings)


def _muted(finding: Finding, mutes: Sequence[Mute], now: datetime) -> Finding:
    if finding.outcome is Outcome.PASS or finding.criterion in NEVER_MUTED or finding.evidence.get("rule") in RULES_NEVER_MUTED:
        return finding
    covering = [mute for mute in mutes if _covers(mute, finding)]
    active = [mute for mute in covering if _aware(mute.expires) > now]
    if active:
        mute = max(active, key=lambda each: _aware(each.expires))
        by = f" by {mute.by}" if mute.by else ""
        reason = f"muted{by} until {mute.expires:%Y-%m-%d}: {mute.reason}"
        told = {"mute_reason": reason, "muted_by": mute.by, "muted_until": _aware(mute.expires)}
        return finding.model_copy(update={"muted": True, **told})
    if covering:
        mute = max(covering, key=lambda each: _aware(each.expires))
        return finding.model_copy(update={"mute_reason": f"mute expired on {mute.expires:%Y-%m-%d}: {mute.reason}"})
    return finding


def _covers(mute: Mute, finding: Finding) -> bool:
    return mute.endpoint in (None, finding.endpoint) and mute.metric in (None, finding.metric)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
