"""Other work on the host: what it may explain is not counted as a failure of the service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from loadtest.gate.records.findings import Finding
from loadtest.load.models import BUSY_HOST_SHARE, NeighborFacts
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import listing, percent

SCHEDULING_MS = 10.0  # a few slices of the scheduler, which short requests wait for beside their own work
RULE = "busy_host"
COMPARED = (Criterion.REGRESSION, Criterion.GLOBAL)


def judge_neighbors(findings: Sequence[Finding], observed: Iterable[NeighborFacts | None]) -> list[Finding]:
    """The findings, with a doubt where other processes took a large share of the host's CPU in the steady phase: a `warn` if
    there is an alarm that they may explain, which then is no `fail` any more.

    `observed`: of the run and of its confirmations. What was found side by side stays: the host's other work hits both builds
    alike and explains no difference. What waits for CPU time that others take needs at most 1 / (1 - share) times as long,
    and a few slices of the scheduler: what is surely beyond that stays a failure.
    """
    facts = [each for each in observed if each is not None]
    share = fmean(each.share for each in facts) if facts else 0.0
    if share < BUSY_HOST_SHARE:
        return list(findings)
    who = max(facts, key=lambda each: each.share)
    names = listing([f"{process.name} {percent(process.share)}" for process in who.processes])
    words = f"other processes took {percent(share)} of the host's CPU" + (f" ({names})" if names else "")
    weighed = [_weighed(finding, share) for finding in findings]
    weakened = sum(new is not old for new, old in zip(weighed, findings, strict=True))
    doubt = Finding(
        criterion=Criterion.VALIDITY,
        outcome=Outcome.WARN if weakened else Outcome.PASS,
        sentence=f"{words} in the steady phase, "
        + ("which may explain what looks slow" if weakened else "and nothing that it could explain looks slow"),
        evidence={"rule": RULE, "share": share},
    )
    return [*weighed, doubt]


def _weighed(finding: Finding, share: float) -> Finding:
    side_by_side = "pairs" in finding.evidence
    if finding.outcome not in (Outcome.FAIL, Outcome.WARN) or side_by_side or not _may_explain(finding, share):
        return finding
    sentence = f"{finding.sentence}; not counted as a failure, because the host was busy"
    return finding.model_copy(update={"outcome": Outcome.WARN, "sentence": sentence})


def _may_explain(finding: Finding, share: float) -> bool:
    """Whether the least that is sure about a finding lies within what lost CPU time can do to a latency."""
    stretch = 1 / (1 - min(share, 0.99))
    if finding.criterion in COMPARED:
        surely = 1 + (finding.interval[0] if finding.interval else finding.effect or 0.0)
        slack = SCHEDULING_MS / finding.reference if finding.reference and (finding.metric or "").endswith("_ms") else 0.0
        return surely <= stretch + slack
    if finding.criterion is Criterion.CAPACITY and finding.interval:
        return 1 + finding.interval[1] >= 1 / stretch
    if finding.evidence.get("rule") == "latency_trend":
        return 1 + float(finding.evidence.get("surely_grew") or 0.0) <= stretch
    is_latency = (finding.metric or "").endswith("_ms")
    if finding.criterion is Criterion.TARGET and is_latency and finding.reference and finding.observed is not None:
        lower = finding.evidence.get("lower_95")
        surely_ms = finding.observed if lower is None else float(lower)
        return surely_ms <= finding.reference * stretch + SCHEDULING_MS
    return False
