"""The sentences of the trends report: the same on the page, in Slack and in the terminal. Not escaped for any of them."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest import wording
from loadtest.trends.models import ChangePoint, Direction, MetricTrend, SeriesTrends, TrendsReport

_SHOWN = 3
_MOST_LINES = 12


def jump_sentence(change: ChangePoint) -> str:
    """What changed, by how much, when, and between which commits to look."""
    name = change.endpoint or "All endpoints together"
    low, high = change.interval
    size = f"{wording.change(change.effect)} (95 % interval {low * 100:+.0f} to {high * 100:+.0f} %)"
    where = f"between {change.run_before} and {change.run_after} ({change.at:%Y-%m-%d})"
    before, after = (commit and commit[:10] for commit in (change.commit_before, change.commit_after))
    if before and after and before != after:
        cause = f"; the commits: git log {before}..{after}"
    elif before and after:
        cause = f"; both runs are of commit {after}, so look at the host, the data or the environment"
    else:
        cause = ""
    return f"{name} {wording.metric_label(change.metric)}: {size} {where}{cause}."


def series_sentence(metrics: Sequence[MetricTrend], changes: Sequence[ChangePoint]) -> str:
    """Where the endpoints of a series are going, in one sentence."""
    p95 = [trend for trend in metrics if trend.metric == "p95_ms" and trend.endpoint is not None]
    judged = [trend for trend in p95 if trend.slope.direction is not Direction.TOO_FEW]
    if not judged:
        most = max((trend.slope.runs for trend in p95), default=0)
        return f"Too few runs for a trend: {wording.plural(most, 'run')}, and it takes 8 over 3 weeks."
    worse = _of(judged, Direction.DEGRADING)
    better = _of(judged, Direction.IMPROVING)
    parts = []
    if worse:
        verb = "is" if len(worse) == 1 else "are"
        parts.append(f"{len(worse)} of {len(judged)} endpoints {verb} getting slower: {_listed(worse)}")
    else:
        steady = len(_of(judged, Direction.STEADY))
        parts.append(f"No endpoint of {len(judged)} is shown to be getting slower ({steady} steady)")
    if better:
        parts.append(f"{len(better)} faster: {_listed(better)}")
    if changes:
        parts.append(wording.plural(len(changes), "jump"))
    return "; ".join(parts) + "."


def summary_lines(report: TrendsReport) -> list[str]:
    """The report in a few lines of plain text, worst first: for Slack (which escapes them) and the terminal."""
    lines = [
        f"Trends of {report.since:%Y-%m-%d} to {report.until:%Y-%m-%d}: {headline(report.series)}",
        f"Pipeline: {report.availability.sentence}",
    ]
    if not report.series:
        return [*lines, "No run in this time."]
    for series in sorted((one for one in report.series if not one.tells_nothing), key=worst_first):
        lines.append(f"{series.title}: {series.sentence}")
        lines += [f"- {change.sentence}" for change in series.changes[:_SHOWN]]
        lines += [f"- Target: {proposal.reason}" for proposal in series.proposals[:_SHOWN]]
    if silent := sum(one.tells_nothing for one in report.series):
        lines.append(f"{too_few_words(silent)}.")
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"And {wording.plural(len(lines) - _MOST_LINES, 'more line')} in the report."]
    return lines


def too_few_words(series: int) -> str:
    """How many series have too few runs for a trend."""
    return f"{series} series {'has' if series == 1 else 'have'} too few runs for a trend"


def slope_words(trend: MetricTrend) -> str:
    """`+1.2 % a week (+0.4 to +2.0 %)`, or why there is none."""
    slope = trend.slope
    if slope.per_week is None or slope.interval is None:
        return f"{wording.plural(slope.runs, 'run')} in {slope.weeks:.0f} weeks: too few"
    low, high = slope.interval
    return f"{_tenths(slope.per_week)} % a week ({_tenths(low)} to {_tenths(high)} %)"


def headline(series: Sequence[SeriesTrends]) -> str:
    """All series in one sentence."""
    endpoints = {(item.title, trend.endpoint) for item in series for trend in _of(item.metrics, Direction.DEGRADING)}
    slower = sum(change.effect > 0 for item in series for change in item.changes)
    worse = sum(endpoint is not None for _, endpoint in endpoints)
    parts = []
    if worse:
        parts.append("1 endpoint is getting slower" if worse == 1 else f"{worse} endpoints are getting slower")
    if slower:
        parts.append(f"there {'was' if slower == 1 else 'were'} {wording.plural(slower, 'jump')} to slower")
    text = ", and ".join(parts) or "nothing is shown to be getting slower"
    return f"{text[0].upper()}{text[1:]}."


def _tenths(share: float) -> str:
    """`+1.2`, never `-0.0`."""
    return f"{round(share * 100, 1) + 0.0:+.1f}"


def _of(trends: Sequence[MetricTrend], direction: Direction) -> list[MetricTrend]:
    found = [trend for trend in trends if trend.slope.direction is direction]
    return sorted(found, key=lambda trend: -abs(trend.slope.over_window or 0))


def _listed(trends: Sequence[MetricTrend]) -> str:
    return wording.listing([f"{trend.endpoint} p95 {_tenths(trend.slope.per_week or 0)} % a week" for trend in trends], _SHOWN)


def worst_first(series: SeriesTrends) -> tuple[bool, int, str]:
    """For sorting: the series with most that got slower comes first, those with too few runs last."""
    worse = sum(trend.slope.direction is Direction.DEGRADING for trend in series.metrics)
    slower = sum(change.effect > 0 for change in series.changes)
    return series.tells_nothing, -(worse + slower + len(series.open_regressions)), series.title
