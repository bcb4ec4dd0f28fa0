"""How numbers look wherever people read them: report, summary, terminal, Slack, GitHub. The gate's sentences use the same
words (`loadtest.gate.wording`); here are the forms for tables, where a number may be missing and space is scarce."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from loadtest.gate import wording
from loadtest.gate.models import Finding
from loadtest.planning.quantities import format_duration
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome

NONE = "–"

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
# Findings whose effect and interval are relative changes (0.31 = +31 %).
COMPARISONS = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.DRIFT)
CRITERION_LABELS = {
    Criterion.VALIDITY: "Validity",
    Criterion.CONTRACT: "Data contract",
    Criterion.TARGET: "Target",
    Criterion.REGRESSION: "Regression",
    Criterion.GLOBAL: "All endpoints together",
    Criterion.ERRORS: "Errors",
    Criterion.THROUGHPUT: "Throughput",
    Criterion.REQUIRED: "Required endpoint",
    Criterion.DRIFT: "Drift",
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
    return capitalized(re.sub(start, "", sentence))


def slower(finding: Finding) -> str:
    """A regression in plain words: `GET /a became 31 % slower (p95 42.0 → 55.0 ms)`, `GET /a became 20 times slower (...)`;
    empty for what is no rise of a latency."""
    now, before, effect = finding.observed, finding.reference, finding.effect or 0.0
    if finding.criterion is not Criterion.REGRESSION or effect <= 0 or now is None or before is None:
        return ""
    if not finding.endpoint or not (finding.metric or "").endswith("_ms"):
        return ""
    factor = 1 + effect
    much = f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times" if factor >= 2 else wording.percent(effect)
    doubt = ", which is not confirmed" if finding.suspect else ""
    return f"{finding.endpoint} became {much} slower ({metric(finding.metric)} {ms_number(before)} → {ms(now)}){doubt}"


def capitalized(text: str) -> str:
    """The first letter in upper case, unless it starts a name such as `p95`."""
    return text[:1].upper() + text[1:] if text[:2].isalpha() and text[:2].islower() else text


def sentence(text: str) -> str:
    """Starts with a capital and ends with a stop, so that it can stand beside others."""
    text = capitalized(text.strip())
    return text if not text or text.endswith((".", "!", "?", ":", "…", ".)")) else f"{text}."


def outcome_sign(outcome: Outcome | None) -> str:
    return OUTCOME_SIGNS[outcome]


def severity(outcome: Outcome | None) -> int:
    """For sorting: 0 is the worst outcome, not judged comes last."""
    return SEVERITY.index(outcome) if outcome else len(SEVERITY)


def criterion_label(criterion: Criterion) -> str:
    return CRITERION_LABELS[criterion]


def ms(value: float | None) -> str:
    """`3.42 ms`, `41.7 ms`, `497 ms`; `–` for None."""
    return NONE if value is None else wording.ms(value)


def ms_number(value: float | None) -> str:
    """As `ms`, without the unit, for a column whose heading names it."""
    return ms(value).removesuffix(" ms")


def percent(share: float | None) -> str:
    """`0 %`, `0.35 %`, `12 %` of a share between 0 and 1; `–` for None."""
    return NONE if share is None else wording.percent(share)


def change(effect: float | None) -> str:
    """`+31 %`, `-4 %` of a relative change; `–` for None."""
    return NONE if effect is None else wording.change(effect)


def change_interval(interval: tuple[float, float] | None) -> str:
    """`+14 to +50 %` of a pair of relative changes; `–` for None."""
    if interval is None:
        return NONE
    low, high = interval
    return f"{low * 100:+.0f} to {high * 100:+.0f} %"


def interval(metric: str | None, bounds: tuple[float, float] | None) -> str:
    """`93.1 ms to 104 ms` of a pair in the metric's unit; `–` for None."""
    if bounds is None or metric is None:
        return NONE
    return f"{quantity(metric, bounds[0])} to {quantity(metric, bounds[1])}"


def quantity(metric: str | None, value: float | None) -> str:
    """A value with its metric's unit; `–` for None."""
    if value is None or metric is None:
        return NONE
    return wording.quantity(metric, value)


def count(number: int | None) -> str:
    """`1,500`; `–` for None."""
    return NONE if number is None else f"{number:,}"


def rate(per_second: float | None) -> str:
    """Requests per second for a column: `48.3`, `1,210`, `0.25`; `–` for None."""
    if per_second is None:
        return NONE
    if per_second >= 100:
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 10 else f"{per_second:.2f}"


def moment(when: datetime | None) -> str:
    """`2026-11-23 02:00:08 UTC`; `–` for None. A time without zone is UTC."""
    if when is None:
        return NONE
    aware = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC"


def clock(when: datetime | None) -> str:
    """`02:00:08`, for events within one run."""
    return moment(when)[11:19] if when is not None else NONE


def duration(seconds: float | None) -> str:
    return NONE if seconds is None else format_duration(seconds)


def commit(value: str | None) -> str:
    """The first ten characters of a hash; a tag or branch as it is."""
    if not value:
        return NONE
    return value[:10] if len(value) >= 40 else value


def finding_numbers(finding: Finding) -> str:
    """Effect and interval of a comparison: `+31 % (+14 to +50 %)`; value and limit of a target: `93 ms of 250 ms`; else empty."""
    if finding.criterion in COMPARISONS and finding.effect is not None:
        return change(finding.effect) + (f" ({change_interval(finding.interval)})" if finding.interval else "")
    if finding.observed is not None and finding.reference is not None and _has_unit(finding.metric):
        return f"{quantity(finding.metric, finding.observed)} of {quantity(finding.metric, finding.reference)}"
    return ""


def _has_unit(metric: str | None) -> bool:
    return metric is not None and (metric.endswith("_ms") or metric in ("error_rate", "rps"))


def metric(name: str | None) -> str:
    """`p95` of `p95_ms`; empty for None."""
    return wording.metric_label(name) if name else ""


def target(metric_name: str, limit: float, value: float | None = None) -> str:
    """`p95 ≤ 250 ms`, and `(exceeded)` when `value` is beyond it, surely or not; throughput has a lower limit."""
    least = metric_name == "rps"
    beyond = value is not None and (value < limit if least else value > limit)
    note = f" ({'missed' if least else 'exceeded'})" if beyond else ""
    return f"{metric(metric_name)} {'≥' if least else '≤'} {quantity(metric_name, limit)}{note}"
