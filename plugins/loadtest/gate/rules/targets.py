"""Absolute limits: is a metric surely above, surely below, or neither (gate.md "Targets")? The bounds are in `bounds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.rules.failures import LEAST_ERRORS
from loadtest.gate.statistics.bounds import Bounds, RunSpread, error_rate_bounds, rate_bounds, run_spread, widen
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Evidence, Outcome
from loadtest.wording import metric_label, plural, quantity, subject, threshold

QUANTILE_OF = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
_LOG_FIELD_OF = {"p50_ms": "log_p50", "p95_ms": "log_p95", "p99_ms": "log_p99", "mean_ms": "lm"}


def judge_targets(
    plan: Plan,
    metrics: RunMetrics,
    latency_bounds: Mapping[Target, Bounds] | None = None,
    history: Sequence[RunSummary] = (),
) -> list[Finding]:
    """One finding per target of the scenario.

    `latency_bounds`: of each target of a latency, ms (from the samples, see `latency_bounds`); without them bounds exist
    only for error rates and throughput. `history`: comparable earlier runs. A target whose endpoint has no sample is
    `inconclusive` and marked `unproven`: it can never lead to a pass; in an indicative run it is shown as a notice.
    """
    by_name = {endpoint.endpoint: endpoint for endpoint in metrics.endpoints}
    indicative = plan.profile.evidence is Evidence.INDICATIVE
    findings = []
    for target in plan.scenario.targets:
        measured = metrics.total if target.endpoint is None else by_name.get(target.endpoint)
        if measured is None or measured.n == 0:
            findings.append(_missing(target, indicative=indicative))
        elif (observed := getattr(measured, target.metric)) is None:
            findings.append(_no_success(target, measured))
        else:
            known = (latency_bounds or {}).get(target, Bounds(None, None, "no samples at hand"))
            bounds = _bounds(target, measured, metrics.duration_s, known, history)
            findings.append(_judge(target, measured, observed, bounds, indicative=indicative))
    return findings


def _bounds(
    target: Target, measured: EndpointMetrics, duration_s: float, of_latency: Bounds, history: Sequence[RunSummary]
) -> Bounds:
    if target.metric == "error_rate":
        return error_rate_bounds(measured.errors, measured.n)
    if target.metric == "rps":
        return rate_bounds(measured.n, duration_s)
    return widen(of_latency, getattr(measured, target.metric), _spread(history, target))


def _spread(history: Sequence[RunSummary], target: Target) -> RunSpread | None:
    """How much the target's metric differs between comparable runs; known for single endpoints only."""
    field = _LOG_FIELD_OF.get(target.metric)
    if field is None or target.endpoint is None:
        return None
    rows = (row for run in history for row in run.endpoints if row.endpoint == target.endpoint)
    return run_spread([value for row in rows if (value := getattr(row, field)) is not None])


def _judge(target: Target, measured: EndpointMetrics, observed: float, bounds: Bounds, *, indicative: bool) -> Finding:
    n = measured.n if target.metric in ("error_rate", "rps") else measured.n - measured.errors
    outcome, certainty = _outcome(target, observed, bounds, indicative=indicative)
    return Finding(
        criterion=Criterion.TARGET,
        outcome=outcome,
        sentence=_sentence(target, observed, n, bounds, certainty, indicative=indicative),
        endpoint=target.endpoint,
        metric=target.metric,
        observed=observed,
        reference=target.limit,
        effect=observed / target.limit - 1,
        interval=(bounds.lower, bounds.upper) if bounds.lower is not None and bounds.upper is not None else None,
        n=n,
        evidence={
            "lower_95": bounds.lower,
            "upper_95": bounds.upper,
            "bounds": bounds.source,
            "certainty": certainty,
            "evidence": "indicative" if indicative else "conclusive",
        },
    )


def _outcome(target: Target, observed: float, bounds: Bounds, *, indicative: bool) -> tuple[Outcome, str]:
    """Outcome and how sure it is: `surely_beyond`, `beyond`, `within`, `surely_within`."""
    at_least = target.metric == "rps"
    beyond = observed < target.limit if at_least else observed > target.limit
    near, far = (bounds.upper, bounds.lower) if at_least else (bounds.lower, bounds.upper)
    surely_beyond = near is not None and (near < target.limit if at_least else near > target.limit)
    surely_within = far is not None and (far >= target.limit if at_least else far <= target.limit)
    if surely_beyond and beyond:
        return Outcome.FAIL, "surely_beyond"
    if indicative:
        return Outcome.PASS, "beyond" if beyond else "surely_within" if surely_within else "within"
    if beyond:
        return Outcome.WARN, "beyond"
    return (Outcome.PASS, "surely_within") if surely_within else (Outcome.INCONCLUSIVE, "within")


def _sentence(target: Target, observed: float, n: int, bounds: Bounds, certainty: str, *, indicative: bool) -> str:
    def show(value: float) -> str:
        return quantity(target.metric, value)

    at_least = target.metric == "rps"
    near, far = (bounds.upper, bounds.lower) if at_least else (bounds.lower, bounds.upper)
    near_name, far_name = ("upper", "lower") if at_least else ("lower", "upper")
    worse = "below" if at_least else "above"
    head = f"{subject(target.endpoint)} {metric_label(target.metric)} is {show(observed)}, target {show(target.limit)}"
    counted = plural(n, "request")
    word = "; indicative" if indicative else ""
    if certainty == "surely_beyond":
        return f"{head} (95 % {near_name} bound {show(near or 0)}, {counted})"
    if certainty == "beyond":
        bound = f": 95 % {near_name} bound {show(near)}" if near is not None else ""
        return f"{head} ({worse}, but not significantly{bound}, {counted}{word})"
    if certainty == "surely_within":
        return f"{head} (95 % {far_name} bound {show(far or 0)}, {counted}{word})"
    if far is None:
        return f"{head} (met, but {counted} are too few to be certain{word})"
    return f"{head} (met, but not significantly: 95 % {far_name} bound {show(far)}, {counted}{word})"


def _missing(target: Target, *, indicative: bool) -> Finding:
    limit = threshold(target.metric, target.limit)
    return Finding(
        criterion=Criterion.TARGET,
        outcome=Outcome.PASS if indicative else Outcome.INCONCLUSIVE,
        sentence=f"{subject(target.endpoint)} has a target ({metric_label(target.metric)} {limit}) but was never requested "
        f"in the steady phase{'; indicative' if indicative else ''}",
        endpoint=target.endpoint,
        metric=target.metric,
        reference=target.limit,
        n=0,
        evidence={"certainty": "unproven", "evidence": "indicative" if indicative else "conclusive"},
    )


def _no_success(target: Target, measured: EndpointMetrics) -> Finding:
    """A latency target of an endpoint that only ever failed: no latency, so no proof; nothing indicative about it."""
    return Finding(
        criterion=Criterion.TARGET,
        outcome=Outcome.FAIL if measured.n >= LEAST_ERRORS else Outcome.WARN,
        sentence=f"{subject(target.endpoint)} never succeeded ({plural(measured.n, 'request')}, all failed), so its target "
        f"({metric_label(target.metric)} {threshold(target.metric, target.limit)}) is not met",
        endpoint=target.endpoint,
        metric=target.metric,
        reference=target.limit,
        n=0,
        evidence={"certainty": "surely_beyond" if measured.n >= LEAST_ERRORS else "beyond", "errors": measured.errors},
    )
