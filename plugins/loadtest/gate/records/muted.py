"""What a verdict's sentence says of muted findings: what is hidden, by whom, until when. Nobody may miss it."""

from __future__ import annotations

from collections.abc import Iterable

from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import COMPARISONS
from loadtest.wording import change, listing, metric_label, quantity, subject

MOST_NAMED = 2  # of what one person muted until one day


def muted_words(findings: Iterable[Finding]) -> str:
    """`muted by ada until 2026-12-24: GET /a p95 +188 %`; empty where nothing is muted. Findings that raise an alarm are
    named, the largest effect first; those that are only undecided are named where there is nothing else."""
    muted = [finding for finding in findings if finding.muted]
    shown = [finding for finding in muted if finding.alarms] or muted
    groups: dict[str, list[Finding]] = {}
    for finding in sorted(shown, key=lambda each: -abs(each.effect or 0.0)):
        groups.setdefault(_whose(finding), []).append(finding)
    return "; ".join(
        f"{whose}: {listing(list(dict.fromkeys(_what(finding) for finding in own)), MOST_NAMED)}" for whose, own in groups.items()
    )


def _whose(finding: Finding) -> str:
    by = f" by {finding.muted_by}" if finding.muted_by else ""
    until = f" until {finding.muted_until:%Y-%m-%d}" if finding.muted_until else ""
    return f"muted{by}{until}"


def _what(finding: Finding) -> str:
    if finding.criterion in COMPARISONS and finding.effect is not None:
        size = change(finding.effect)
    elif finding.metric and finding.observed is not None:
        size = quantity(finding.metric, finding.observed)
    else:
        size = ""
    return " ".join(part for part in (subject(finding.endpoint), metric_label(finding.metric), size) if part)
