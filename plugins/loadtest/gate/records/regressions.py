"""What got slower, in short: one finding per endpoint, and the words for it that every channel uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from loadtest import wording
from loadtest.files import Record
from loadtest.gate.records.findings import Finding
from loadtest.vocabulary import SEVERITY, Criterion

# Criteria whose effect and interval are relative changes (0.31 = +31 %).
COMPARISONS = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.DRIFT)
SINCE, SEEN_IN_RUNS, SERVER_PART, SERVER_SHARE = "since", "seen_in_runs", "server_part", "server_share"  # of the evidence


class FirstSeen(Record):
    """Since when a regression lasts, and in how many runs before the judged one it was seen."""

    at: datetime
    runs: int


Matter = tuple[Criterion, str | None]  # criterion and endpoint
FirstSightings = Mapping[Matter, FirstSeen]


def slower(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Of each endpoint that counts as slower, surely or as a suspicion, the finding that tells most; worst first."""
    told: dict[str | None, Finding] = {}
    for finding in sorted(findings, key=_weight):
        if is_slower(finding):
            told.setdefault(finding.endpoint, finding)
    return tuple(told.values())


def is_slower(finding: Finding) -> bool:
    """Whether it says that something got slower, surely or as a suspicion, and counts."""
    return finding.counts and finding.alarms and finding.criterion in COMPARISONS and (finding.effect or 0.0) > 0


def in_short(finding: Finding) -> str:
    """`GET /a p95 42.0 → 55.0 ms, +31 % (+14 to +50 %), new in this run, 76 % of it in db`; of other findings their sentence."""
    if finding.criterion not in COMPARISONS or finding.effect is None or not finding.alarms:
        return finding.sentence
    before, after = before_and_after(finding)
    values = f"{before.removesuffix(' ms')} → {after}, " if before else ""
    size = f"{values}{wording.change(finding.effect)}" + (
        f" ({wording.change_interval(finding.interval)})" if finding.interval else ""
    )
    parts = [size, since_words(finding), server_words(finding), "not confirmed" if finding.suspect else ""]
    name = " ".join(part for part in (wording.subject(finding.endpoint), wording.metric_label(finding.metric)) if part)
    return f"{name} {', '.join(part for part in parts if part)}"


def in_plain_words(finding: Finding) -> str:
    """`GET /a became 31 % slower (p95 42.0 → 55.0 ms)`, `GET /a became 20 times slower (...)`; empty for what is no rise of an
    endpoint's latency."""
    effect = finding.effect or 0.0
    before, after = before_and_after(finding)
    if finding.criterion is not Criterion.REGRESSION or effect <= 0 or not finding.endpoint or not before:
        return ""
    factor = 1 + effect
    much = f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times" if factor >= 2 else wording.percent(effect)
    doubt = ", which is not confirmed" if finding.suspect else ""
    values = f"{wording.metric_label(finding.metric)} {before.removesuffix(' ms')} → {after}"
    return f"{finding.endpoint} became {much} slower ({values}){doubt}"


def before_and_after(finding: Finding) -> tuple[str, str]:
    """The baseline's value and this run's, with their unit; empty where only the change is known."""
    if finding.observed is None or finding.reference is None or not (finding.metric or "").endswith("_ms"):
        return "", ""
    return wording.ms(finding.reference), wording.ms(finding.observed)


def since_words(finding: Finding) -> str:
    """`new in this run`, `since 2026-11-20 (4 runs)`; empty where nobody knows."""
    since, runs = finding.evidence.get(SINCE), finding.evidence.get(SEEN_IN_RUNS)
    if since is None:
        return ""
    return f"since {since} ({wording.plural(int(runs), 'run')})" if runs and int(runs) > 1 else "new in this run"


def server_words(finding: Finding) -> str:
    """`76 % of it in db`, `90 % of it outside what the server reports`: the part that explains most of the slowdown; empty
    where Server-Timing does not tell."""
    part, share = finding.evidence.get(SERVER_PART), finding.evidence.get(SERVER_SHARE)
    if not part or share is None:
        return ""
    return f"{wording.percent(min(1.0, float(share)))} of it {part}"


def _weight(finding: Finding) -> tuple[int, bool, float]:
    """An endpoint's own comparison tells before and after; a drift only where there is no such."""
    return SEVERITY.index(finding.outcome), finding.criterion is Criterion.DRIFT, -(finding.effect or 0.0)
