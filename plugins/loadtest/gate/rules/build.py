"""One build from the first request to the last."""

from __future__ import annotations

from loadtest.gate.records.findings import Finding
from loadtest.planning.build import same_build
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome

OTHER_BUILD = "other_build"


def judge_build(plan: Plan) -> list[Finding]:
    """A deployment in the middle of a run: its numbers belong to no build."""
    before, after = plan.build and plan.build.version, plan.build_after and plan.build_after.version
    if not before or not after or same_build(before, after):
        return []
    sentence = f"another build was deployed during the run: {before[:50]} before the load, {after[:50]} after it"
    return [Finding(criterion=Criterion.VALIDITY, outcome=Outcome.INVALID, sentence=sentence, evidence={"rule": OTHER_BUILD})]
