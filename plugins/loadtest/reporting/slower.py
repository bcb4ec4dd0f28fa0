"""The rows of what got slower: before, after, effect with its interval as a bar, since when, the server's part."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import before_and_after, in_short, server_words, since_words, slower
from loadtest.reporting.escape import NAME_LIMIT, plain
from loadtest.reporting.records import Bar, SlowerRow

EDGE = 0.04  # of a bar's width, left free on either side
LEAST_SPAN = 0.2  # log scale: small effects must not look large
MOST_LOG = 20.0


def slower_rows(findings: Sequence[Finding]) -> tuple[SlowerRow, ...]:
    """One row per endpoint, worst first; all bars on one logarithmic scale, from which zero is never left out."""
    found = slower(findings)
    ends = [end for finding in found for end in (finding.interval or (finding.effect or 0.0,) * 2)]
    low = min([0.0, *map(_log, ends)])
    high = max([low + LEAST_SPAN, *map(_log, ends)])
    return tuple(_row(finding, low, high) for finding in found)


def _row(finding: Finding, low: float, high: float) -> SlowerRow:
    def at(effect: float) -> float:
        return round(100 * (EDGE + (1 - 2 * EDGE) * (_log(effect) - low) / (high - low)), 2)

    before, after = before_and_after(finding)
    effect = finding.effect or 0.0
    first, last = finding.interval or (effect, effect)
    return SlowerRow(
        endpoint=plain(finding.endpoint, NAME_LIMIT) if finding.endpoint else "All endpoints together",
        metric=wording.metric_label(finding.metric),
        outcome=finding.outcome,
        before=before,
        after=after,
        change=wording.change(effect),
        interval=wording.change_interval(finding.interval) if finding.interval else "",
        bar=Bar(zero=at(0.0), low=at(first), point=at(effect), high=at(last)),
        since=", ".join(part for part in (since_words(finding), "not confirmed" if finding.suspect else "") if part),
        server=plain(server_words(finding), 80),
        short=plain(in_short(finding)),
    )


def _log(effect: float) -> float:
    return min(math.log1p(max(effect, -0.99)), MOST_LOG)
