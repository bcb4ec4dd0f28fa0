"""What people ask next about a regression: since when it lasts, and which part of the server it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.analysis.server_share import OUTSIDE, SlowdownShares, slowdown_shares
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import SEEN_IN_RUNS, SERVER_PART, SERVER_SHARE, SINCE, FirstSightings
from loadtest.gate.records.summaries import RunSummary
from loadtest.vocabulary import Criterion


def with_context(
    findings: Iterable[Finding],
    metrics: RunMetrics,
    baseline: Sequence[RunSummary],
    first_seen: FirstSightings | None,
    now: datetime,
) -> list[Finding]:
    """The findings, and with each alarm of the comparison its first sighting and the server's part of it, as evidence.

    `first_seen`: regressions that were open before this run (started at `now`); None where nobody could look that up.
    """
    measured = {row.endpoint: row for row in metrics.endpoints}

    def asked(finding: Finding) -> Finding:
        if not finding.alarms or finding.criterion not in (Criterion.REGRESSION, Criterion.GLOBAL):
            return finding
        facts = _since(finding, first_seen, now) | _server(finding, measured, baseline)
        return finding.model_copy(update={"evidence": finding.evidence | facts}) if facts else finding

    return [asked(finding) for finding in findings]


def _since(finding: Finding, first_seen: FirstSightings | None, now: datetime) -> dict[str, float | int | str | None]:
    if first_seen is None:
        return {}
    known = first_seen.get((finding.criterion, finding.endpoint))
    return {SINCE: f"{known.at if known else now:%Y-%m-%d}", SEEN_IN_RUNS: (known.runs if known else 0) + 1}


def _server(
    finding: Finding, measured: dict[str, EndpointMetrics], baseline: Sequence[RunSummary]
) -> dict[str, float | int | str | None]:
    row = measured.get(finding.endpoint or "")
    split = split_of_slowdown(row, baseline) if row else None
    if split is None or split.dominant is None:
        return {}
    where = split.dominant if split.dominant == OUTSIDE else f"in {split.dominant}"
    return {SERVER_PART: where, SERVER_SHARE: split.share(split.dominant)}


def split_of_slowdown(row: EndpointMetrics, baseline: Sequence[RunSummary]) -> SlowdownShares | None:
    """How the rise of an endpoint's mean latency splits; None where the baseline is from before it held means."""
    before = [each for run in baseline for each in run.endpoints if each.endpoint == row.endpoint and each.server_mean_ms]
    if not before:
        return None
    now = {part.component: part.mean_ms for part in row.server if part.mean_ms is not None}
    components = {name for each in before for name in each.server_mean_ms}
    usual = {name: fmean(each.server_mean_ms.get(name, 0.0) for each in before) for name in components}
    return slowdown_shares(row.mean_ms, now, fmean(each.mean_ms or 0.0 for each in before), usual)
