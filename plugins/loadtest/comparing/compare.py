"""Two runs, each with its luck: from their names to a comparison."""

from __future__ import annotations

import logging

import numpy as np

from loadtest import wording
from loadtest.analysis.models import EndpointMetrics
from loadtest.comparing.differences import differences, reasons
from loadtest.comparing.models import (
    EndpointComparison,
    Kind,
    MetricChange,
    RunComparison,
    SharedChange,
    SideFacts,
    Standing,
)
from loadtest.comparing.sides import Side, find_sides
from loadtest.errors import LoadTestError
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.error_rates import compare_errors
from loadtest.gate.statistics.judged_metrics import METRICS, PROVING, TESTED, JudgedMetric
from loadtest.gate.statistics.two_runs import LEAST_EFFECT, POSSIBLE_LEVEL, SURE_LEVEL, TwoRuns, compare_two
from loadtest.history.models import RunEntry
from loadtest.history.queries import summaries
from loadtest.reporting.escape import NAME_LIMIT, plain

_log = logging.getLogger(__name__)
TOLERANCE = 0.20
MOST_OTHERS = 60
_ORDER = tuple(Standing)


def compare_runs(first: str, second: str, *, anyway: bool = False) -> tuple[RunComparison, tuple[Side, Side]]:
    """`first` and `second`: see `find_sides`. `anyway`: effects also where they mean little, which the comparison then says.
    Raises ConfigurationError for what cannot be found or has no measurements."""
    sides = find_sides(first, second)
    return compare_sides(*sides, anyway=anyway), sides


def compare_sides(first: Side, second: Side, *, anyway: bool = False) -> RunComparison:
    found = differences(first, second)
    why_not = reasons(first, second, found)
    tolerance = _tolerance(second)
    shown = sorted(first.endpoints.keys() & second.endpoints.keys())
    rows = {name: _raw(first.endpoints[name], second.endpoints[name]) for name in shown}
    shared, noise = None, ""
    if first.summary and second.summary and (anyway or not why_not):
        result = compare_two(first.summary, second.summary, _others(second) if not why_not else ())
        noise = result.noise_told
        rows |= {
            name: _judged(rows[name], result, index, tolerance) for index, name in enumerate(result.endpoints) if name in rows
        }
        rows = _with_errors(rows, first.summary, second.summary)
        shared = _shared(result)
    elif anyway:
        rows = {name: _without_interval(row) for name, row in rows.items()}
    ordered = sorted(rows.values(), key=lambda row: (_ORDER.index(row.standing), not row.errors_risen, row.endpoint))
    comparison = RunComparison(
        first=_facts(first),
        second=_facts(second),
        differences=found,
        reasons=why_not,
        anyway=anyway,
        sentence="",
        noise=noise,
        tolerance=tolerance,
        shared=shared,
        endpoints=tuple(row.model_copy(update={"endpoint": plain(row.endpoint, NAME_LIMIT)}) for row in ordered),
        only_first=_only(first, second),
        only_second=_only(second, first),
        notes=_notes(first, second),
    )
    return comparison.model_copy(update={"sentence": _sentence(comparison)})


def _only(one: Side, other: Side) -> tuple[str, ...]:
    return tuple(plain(name, NAME_LIMIT) for name in sorted(one.endpoints.keys() - other.endpoints.keys()))


def _tolerance(side: Side) -> float:
    """The scenario's or profile's, but never wider than the usual one: short profiles allow so much that all would be alike."""
    plan = side.plan
    return min(TOLERANCE, (plan.scenario.criteria.tolerance or plan.profile.tolerance) if plan else TOLERANCE)


def _others(side: Side) -> list[RunSummary]:
    """Accepted runs of the same series, which tell how much its runs differ; none where the history cannot be read."""
    try:
        return summaries(*side.series, digest=side.digest, host_class=side.host_class, limit=MOST_OTHERS)
    except LoadTestError as error:
        _log.warning("The history cannot be read, so the noise between runs is assumed: %s", error)
        return []


def _raw(first: EndpointMetrics, second: EndpointMetrics) -> EndpointComparison:
    pairs = [(name, getattr(first, name), getattr(second, name)) for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")]
    return EndpointComparison(
        endpoint=first.endpoint,
        first_n=first.n,
        second_n=second.n,
        first_error_rate=first.error_rate,
        second_error_rate=second.error_rate,
        changes=tuple(MetricChange(metric=name, first=a, second=b) for name, a, b in pairs if a is not None or b is not None),
    )


def _without_interval(row: EndpointComparison) -> EndpointComparison:
    changes = [
        change.model_copy(update={"effect": change.second / change.first - 1}) if change.first and change.second else change
        for change in row.changes
    ]
    return row.model_copy(update={"changes": tuple(changes)})


def _judged(row: EndpointComparison, result: TwoRuns, index: int, tolerance: float) -> EndpointComparison:
    changes = tuple(change for metric in METRICS if (change := _change(result, metric, index, tolerance)) is not None)
    standing = min((change.standing for change in changes), key=_weight, default=Standing.NOT_COMPARED)
    of_proving = [change.standing for change in changes if change.metric in {metric.name for metric in PROVING}]
    if standing is Standing.ALIKE and (len(of_proving) < len(PROVING) or set(of_proving) != {Standing.ALIKE}):
        standing = Standing.OPEN
    return row.model_copy(update={"changes": changes, "standing": standing})


def _weight(standing: Standing) -> int:
    """The word of an endpoint is that of its most telling metric."""
    told = (Standing.SLOWER, Standing.FASTER, Standing.MAYBE_SLOWER, Standing.MAYBE_FASTER, Standing.ALIKE, Standing.OPEN)
    return told.index(standing) if standing in told else len(told)


def _change(result: TwoRuns, metric: JudgedMetric, index: int, tolerance: float) -> MetricChange | None:
    score = result.scores[metric]
    difference, error = float(score.difference[index]), float(score.standard_error[index])
    if not (np.isfinite(difference) and np.isfinite(error)):
        return None
    low, high = (float(bound[index]) for bound in result.intervals[metric])
    raw, location = float(score.raw[index]), float(result.locations[metric][index])
    slower = faster = None
    if metric in TESTED:
        row = TESTED.index(metric)
        slower, faster = (float(p[row, index]) for p in (result.slower, result.faster))
    return MetricChange(
        metric=metric.name,
        first=float(np.exp(location)),
        second=float(np.exp(location + raw)),
        effect=_relative(difference),
        interval=(_relative(low), _relative(high)),
        p_slower=slower,
        p_faster=faster,
        detectable=_relative(float(np.log1p(result.detectable(metric)[index]))),
        standing=_standing(slower, faster, difference, low, high, tolerance),
    )


def _standing(
    slower: float | None, faster: float | None, difference: float, low: float, high: float, tolerance: float
) -> Standing:
    if slower is None or faster is None:
        return Standing.NOT_COMPARED
    large = abs(difference) >= np.log1p(LEAST_EFFECT)
    if large and slower < POSSIBLE_LEVEL:
        return Standing.SLOWER if slower < SURE_LEVEL else Standing.MAYBE_SLOWER
    if large and faster < POSSIBLE_LEVEL:
        return Standing.FASTER if faster < SURE_LEVEL else Standing.MAYBE_FASTER
    limit = float(np.log1p(tolerance))
    return Standing.ALIKE if -limit < low and high < limit else Standing.OPEN


def _relative(log_ratio: float) -> float:
    return float(np.expm1(min(log_ratio, 20.0)))


def _with_errors(rows: dict[str, EndpointComparison], first: RunSummary, second: RunSummary) -> dict[str, EndpointComparison]:
    risen = {rate.endpoint for rate in compare_errors([first], [second], sorted(rows)) if rate.risen}
    return {name: row.model_copy(update={"errors_risen": name in risen}) for name, row in rows.items()}


def _shared(result: TwoRuns) -> SharedChange | None:
    common = result.common
    if common is None:
        return None
    without = common.without_host
    return SharedChange(
        effect=_relative(common.raw.change),
        interval=(_relative(common.raw.low), _relative(common.raw.high)),
        without_host=_relative(without.change) if without else None,
        without_host_interval=(_relative(without.low), _relative(without.high)) if without else None,
    )


def _facts(side: Side) -> SideFacts:
    known = side.entry_or_metrics
    scenario, environment, profile = side.series
    return SideFacts(
        run_id=side.run_id,
        title=plain(f"{scenario} on {environment}, {profile}", NAME_LIMIT),
        kind=Kind.SAMPLES if side.summary else Kind.AGGREGATED,
        started_at=known.run.started_at,
        build=plain(side.commit, 80) if side.commit else None,
        outcome=side.verdict_outcome,
        requests=side.total.n,
        rps=side.total.rps,
        facts={name: plain(text, NAME_LIMIT) for name, text in side.facts.items()},
    )


def _notes(first: Side, second: Side) -> tuple[str, ...]:
    notes = []
    if second.plan and second.plan.against and first.run_id == f"{second.run_id}-against-base":
        notes.append(
            f"These two took turns: `loadtest show {second.run_id}` compares them slice by slice, "
            "which sees much smaller changes."
        )
    if first.origin or second.origin:
        notes.append("Files of other tools do not tell on which host they were measured: that both were is for you to know.")
    if any(isinstance(side.entry_or_metrics, RunEntry) for side in (first, second)):
        notes.append("The folder of a run is gone; what the history keeps of it is compared, without its distribution.")
    return tuple(notes)


def _sentence(comparison: RunComparison) -> str:
    """What came of it, in one sentence."""
    if comparison.reasons and not comparison.anyway:
        return f"These runs cannot be compared: {comparison.reasons[0]}"
    if not comparison.endpoints:
        return "The two runs have no endpoint in common."
    if not comparison.has_effects:
        return "There are too few requests to compare any endpoint."
    if not any(change.interval for row in comparison.endpoints for change in row.changes):
        return "Changes without an interval: nobody knows how much of them is chance."
    total, parts = len(comparison.endpoints), []
    for words, standings in (
        ("slower", [Standing.SLOWER]),
        ("perhaps slower", [Standing.MAYBE_SLOWER]),
        ("faster", [Standing.FASTER]),
        ("perhaps faster", [Standing.MAYBE_FASTER]),
    ):
        if found := comparison.with_standing(*standings):
            names = wording.listing([row.endpoint for row in found], 2)
            parts.append(f"{len(found)} of {wording.plural(total, 'endpoint')} {words} ({names})")
    if risen := [row.endpoint for row in comparison.endpoints if row.errors_risen]:
        parts.append(f"{wording.listing(risen, 2)} {'fails' if len(risen) == 1 else 'fail'} more often")
    if not parts:
        alike = len(comparison.with_standing(Standing.ALIKE))
        parts.append("no endpoint is shown to be slower or faster")
        parts.append(f"{alike} of {total} are alike within {wording.percent(comparison.tolerance)}, {total - alike} undecided")
    text = wording.sentence("; ".join(parts))
    return f"For what it is worth: {text}" if comparison.reasons else text
