"""What is wrong with a run, by endpoint and criterion; what is well; and when a change of it is news. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import in_short
from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.policy.models import WHOLE_RUN, Symptom
from loadtest.vocabulary import Criterion, Outcome

NEWS_RATIO = 1.15  # an effect that moved by more than this factor is news
NOT_OF_AN_ENDPOINT = (Criterion.VALIDITY, Criterion.CONTRACT)


def symptoms_of(verdict: Verdict) -> tuple[Symptom, ...]:
    """The worst counted finding per endpoint and criterion that warns or fails, worst first; a service that was away before
    what follows from it."""
    found: dict[tuple[str, Criterion], Finding] = {}
    for finding in verdict.findings:
        bad = finding.outcome in (Outcome.FAIL, Outcome.WARN) and finding.counts
        if not bad or finding.criterion in NOT_OF_AN_ENDPOINT:
            continue
        key = (finding.endpoint or WHOLE_RUN, finding.criterion)
        if key not in found or _weight(finding) > _weight(found[key]):
            found[key] = finding
    symptoms = [
        Symptom(
            endpoint=endpoint,
            criterion=criterion,
            profile=verdict.profile,
            level=finding.outcome,
            sentence=in_short(finding),
            effect=_effect(finding),
        )
        for (endpoint, criterion), finding in found.items()
    ]
    if not symptoms and verdict.outcome in (Outcome.FAIL, Outcome.WARN):
        symptoms = [
            Symptom(
                endpoint=WHOLE_RUN,
                criterion=Criterion.GLOBAL,
                profile=verdict.profile,
                level=verdict.outcome,
                sentence=verdict.sentence,
            )
        ]
    return tuple(sorted(symptoms, key=_place))


def _place(symptom: Symptom) -> tuple[bool, bool, float, str]:
    return (
        symptom.level is not Outcome.FAIL,
        symptom.criterion is not Criterion.SERVICE,
        -(symptom.effect or 0),
        symptom.endpoint,
    )


def invalid_symptoms(verdict: Verdict) -> tuple[Symptom, ...]:
    """What makes the measurement invalid, by rule: the same rule with other numbers is no news."""
    reasons = {
        str(finding.evidence.get("rule") or finding.evidence.get("check") or finding.criterion): finding.sentence
        for finding in reversed(verdict.findings)
        if finding.outcome is Outcome.INVALID and finding.counts
    } or {"invalid": verdict.sentence}
    return tuple(
        Symptom(endpoint=rule, criterion=Criterion.VALIDITY, profile=verdict.profile, level=Outcome.INVALID, sentence=sentence)
        for rule, sentence in sorted(reasons.items())
    )


def is_well(verdict: Verdict, endpoint: str, criterion: Criterion) -> bool:
    """Whether this run proves the endpoint well by that criterion: it was judged so, and every such finding passed."""
    own = [
        finding
        for finding in verdict.findings
        if (finding.endpoint or WHOLE_RUN) == endpoint and finding.criterion not in NOT_OF_AN_ENDPOINT and finding.counts
    ]
    judged = [finding for finding in own if finding.criterion is criterion] or own
    if not judged and endpoint == WHOLE_RUN:
        return verdict.outcome is Outcome.PASS
    return bool(judged) and all(finding.outcome is Outcome.PASS for finding in judged)


def is_news(told: Sequence[Symptom], now: Sequence[Symptom]) -> bool:
    """Other endpoints, another level, or an effect that moved by more than NEWS_RATIO."""
    before, after = _worst_by_endpoint(told), _worst_by_endpoint(now)
    if before.keys() != after.keys():
        return True
    return any(before[name].level is not one.level or _moved(before[name].effect, one.effect) for name, one in after.items())


def is_worse(told: Sequence[Symptom], now: Sequence[Symptom]) -> bool:
    """Another endpoint, a warning that became a failure, or an effect that grew by more than NEWS_RATIO."""
    before, after = _worst_by_endpoint(told), _worst_by_endpoint(now)
    for name, one in after.items():
        known = before.get(name)
        if known is None or (one.level is Outcome.FAIL and known.level is not Outcome.FAIL):
            return True
        if _moved(known.effect, one.effect) and (one.effect or 0) > (known.effect or 0):
            return True
    return False


def _worst_by_endpoint(symptoms: Sequence[Symptom]) -> dict[str, Symptom]:
    ordered = sorted(symptoms, key=lambda one: (one.endpoint, one.level is not Outcome.FAIL, -(one.effect or 0)))
    return {name: next(group) for name, group in groupby(ordered, key=lambda one: one.endpoint)}


def _moved(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return False
    ratio = (1 + max(after, -0.99)) / (1 + max(before, -0.99))
    return ratio > NEWS_RATIO or ratio < 1 / NEWS_RATIO


def _weight(finding: Finding) -> tuple[bool, float]:
    return finding.outcome is Outcome.FAIL, _effect(finding) or 0.0


def _effect(finding: Finding) -> float | None:
    """Relative: as judged, or how far beyond its target."""
    if finding.effect is not None and finding.criterion is not Criterion.TARGET:
        return finding.effect
    if finding.observed is not None and finding.reference:
        return finding.observed / finding.reference - 1
    return None
