"""Labels, signs and short forms of outcomes, criteria and findings, the same in report, summary, terminal, Slack and GitHub."""

from __future__ import annotations

import re

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import COMPARISONS
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome

# Word, sign and color go together, so that no meaning rests on color alone.
OUTCOME_LABELS = {
    Outcome.PASS: "Pass",
    Outcome.WARN: "Warning",
    Outcome.FAIL: "Fail",
    Outcome.INCONCLUSIVE: "Inconclusive",
    Outcome.INVALID: "Invalid",
    None: "Not run",
}
OUTCOME_SIGNS = {
    Outcome.PASS: "✓",
    Outcome.WARN: "!",
    Outcome.FAIL: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.INVALID: "⊘",
    None: "–",
}
CRITERION_LABELS = {
    Criterion.VALIDITY: "Validity",
    Criterion.CONTRACT: "Data contract",
    Criterion.SERVICE: "Service",
    Criterion.TARGET: "Target",
    Criterion.REGRESSION: "Regression",
    Criterion.GLOBAL: "All endpoints together",
    Criterion.ERRORS: "Errors",
    Criterion.THROUGHPUT: "Throughput",
    Criterion.REQUIRED: "Required endpoint",
    Criterion.DRIFT: "Drift",
    Criterion.CAPACITY: "Capacity",
}


def outcome_label(outcome: Outcome | None) -> str:
    return OUTCOME_LABELS[outcome]


def verdict_label(outcome: Outcome | None, evidence: Evidence) -> str:
    """As `outcome_label`; a pass on indicative evidence says so."""
    note = " (indicative)" if outcome is Outcome.PASS and evidence is Evidence.INDICATIVE else ""
    return outcome_label(outcome) + note


def headline(sentence: str, outcome: Outcome | None) -> str:
    """The verdict's sentence without the outcome in front, for where a badge or heading already says it."""
    start = rf"^(?:{outcome.value if outcome else 'not run'})(?: \(indicative\))?: "
    return wording.capitalized(re.sub(start, "", sentence))


def unless_said(text: str, *said: str) -> str:
    """`text`, or nothing where one of `said` tells it already, or it tells nothing but one of them and a count."""
    own = text.rstrip(".").casefold()
    others = [other.rstrip(".").casefold() for other in said if other]
    return "" if any(own in other or own.startswith(other) for other in others) else text


def outcome_sign(outcome: Outcome | None) -> str:
    return OUTCOME_SIGNS[outcome]


def severity(outcome: Outcome | None) -> int:
    """For sorting: 0 is the worst outcome, not judged comes last."""
    return SEVERITY.index(outcome) if outcome else len(SEVERITY)


def criterion_label(criterion: Criterion) -> str:
    return CRITERION_LABELS[criterion]


def interval(metric: str | None, bounds: tuple[float, float] | None) -> str:
    """`93.1 ms to 104 ms` of a pair in the metric's unit; `–` for None."""
    if bounds is None or metric is None:
        return wording.NONE
    return f"{wording.quantity(metric, bounds[0])} to {wording.quantity(metric, bounds[1])}"


def finding_numbers(finding: Finding) -> str:
    """Effect and interval of a comparison: `+31 % (+14 to +50 %)`; value and limit of a target: `93 ms of 250 ms`; else empty."""
    if finding.criterion in COMPARISONS and finding.effect is not None:
        return wording.change(finding.effect) + (f" ({wording.change_interval(finding.interval)})" if finding.interval else "")
    if finding.observed is not None and finding.reference is not None and wording.has_unit(finding.metric):
        return f"{wording.quantity(finding.metric, finding.observed)} of {wording.threshold(finding.metric, finding.reference)}"
    return ""


def target(metric_name: str, limit: float, value: float | None = None) -> str:
    """`p95 ≤ 250 ms`, and `(exceeded)` when `value` is beyond it, surely or not; throughput has a lower limit."""
    least = metric_name == "rps"
    beyond = value is not None and (value < limit if least else value > limit)
    note = f" ({'missed' if least else 'exceeded'})" if beyond else ""
    return f"{wording.metric_label(metric_name)} {'≥' if least else '≤'} {wording.threshold(metric_name, limit)}{note}"
