"""Absolute limits: is a metric surely above, surely below, or neither (gate.md "Targets")?

Quantiles: one-sided 95 % bounds from order statistics (distribution-free; Hahn & Meeker, "Statistical Intervals", 5.2.4):
with n sorted latencies, x[l] is a lower bound of the q-quantile when P(Bin(n, q) >= l) >= 0.95, x[u] an upper bound when
P(Bin(n, q) <= u - 1) >= 0.95. An upper bound needs n >= 59 for p95 and n >= 299 for p99. Requests of one run share the
run's luck, so where comparable earlier runs are known the bound is widened by their spread. Shares of errors: exact
binomial bounds (Clopper & Pearson 1934).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.gate.models import Finding, RunSummary
from loadtest.gate.wording import metric_label, percent, plural, quantity, subject
from loadtest.planning.models import Plan, Target
from loadtest.vocabulary import Criterion, Evidence, Outcome

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95  # of each one-sided bound
LEAST_TO_FAIL = 8  # requests, for an endpoint that never succeeds
LEAST_BEYOND = 3  # latencies; one or two slow first requests must not fail a run
LEAST_HISTORY = 3  # comparable earlier runs, for their spread to be known
QUANTILE_OF = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
_LOG_FIELD_OF = {"p50_ms": "log_p50", "p95_ms": "log_p95", "p99_ms": "log_p99", "mean_ms": "lm"}


@dataclass(frozen=True)
class Bounds:
    """One-sided 95 % bounds in the metric's unit; None: too little data for that side."""

    lower: float | None
    upper: float | None
    source: str = "within this run"


@dataclass(frozen=True)
class RunSpread:
    """Standard deviation of a log metric between `runs` comparable runs."""

    sd: float
    runs: int


def judge_targets(
    plan: Plan,
    metrics: RunMetrics,
    latencies_ms: Mapping[str, np.ndarray] | None = None,
    history: Sequence[RunSummary] = (),
) -> list[Finding]:
    """One finding per target of the scenario, and one if every request failed.

    `latencies_ms`: successful latencies of the steady phase per endpoint, in any order (from the samples); without them
    bounds exist only for error rates and throughput. `history`: comparable earlier runs. A target whose endpoint has no
    sample is `inconclusive` and marked `unproven`: it can never lead to a pass; in an indicative run it is shown as a
    notice.
    """
    by_name = {endpoint.endpoint: endpoint for endpoint in metrics.endpoints}
    indicative = plan.profile.evidence is Evidence.INDICATIVE
    findings = []
    for target in plan.scenario.targets:
        measured = metrics.total if target.endpoint is None else by_name.get(target.endpoint)
        if measured is None or measured.n == 0:
            findings.append(_missing(target, indicative=indicative))
        else:
            values = _values_of(target, latencies_ms)
            findings.append(_judge(target, measured, metrics, values, history, indicative=indicative))
    if metrics.total.n and metrics.total.errors == metrics.total.n:
        findings.append(_all_failed(metrics.total))
    return findings


def _values_of(target: Target, latencies_ms: Mapping[str, np.ndarray] | None) -> np.ndarray | None:
    if not latencies_ms or (target.metric not in QUANTILE_OF and target.metric != "mean_ms"):
        return None
    if target.endpoint is not None:
        return latencies_ms.get(target.endpoint)
    import numpy as np

    return np.concatenate(list(latencies_ms.values()))


def _judge(
    target: Target,
    measured: EndpointMetrics,
    metrics: RunMetrics,
    values: np.ndarray | None,
    history: Sequence[RunSummary],
    *,
    indicative: bool,
) -> Finding:
    observed = getattr(measured, target.metric)
    n = measured.n if target.metric in ("error_rate", "rps") else measured.n - measured.errors
    if observed is None:
        return _no_success(target, measured)
    if target.metric == "error_rate":
        bounds = error_rate_bounds(measured.errors, measured.n)
    elif target.metric == "rps":
        bounds = rate_bounds(measured.n, metrics.duration_s)
    else:
        bounds = _latency_bounds(target, values, observed, history)
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
    worse, better = ("below", "above") if at_least else ("above", "below")
    head = f"{subject(target.endpoint)} {metric_label(target.metric)} is {show(observed)}, target {show(target.limit)}"
    counted = plural(n, "request")
    word = "; indicative" if indicative else ""
    if certainty == "surely_beyond":
        return f"{head} (surely {worse}: 95 % {near_name} bound {show(near or 0)}, {counted})"
    if certainty == "beyond":
        bound = f": 95 % {near_name} bound {show(near)}" if near is not None else ""
        return f"{head} ({worse}, but not surely{bound}, {counted}{word})"
    if certainty == "surely_within":
        return f"{head} (surely {better}: 95 % {far_name} bound {show(far or 0)}, {counted}{word})"
    if far is None:
        return f"{head} (met, but {counted} are too few to be sure{word})"
    return f"{head} (met, but not surely: 95 % {far_name} bound {show(far)}, {counted}{word})"


def _missing(target: Target, *, indicative: bool) -> Finding:
    limit = quantity(target.metric, target.limit)
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
        outcome=Outcome.FAIL if measured.n >= LEAST_TO_FAIL else Outcome.WARN,
        sentence=f"{subject(target.endpoint)} never succeeded ({plural(measured.n, 'request')}, all failed), so its target "
        f"({metric_label(target.metric)} {quantity(target.metric, target.limit)}) is not met",
        endpoint=target.endpoint,
        metric=target.metric,
        reference=target.limit,
        n=0,
        evidence={"certainty": "surely_beyond" if measured.n >= LEAST_TO_FAIL else "beyond", "errors": measured.errors},
    )


def _all_failed(total: EndpointMetrics) -> Finding:
    return Finding(
        criterion=Criterion.ERRORS,
        outcome=Outcome.FAIL,
        sentence=f"every one of {plural(total.n, 'request')} failed",
        metric="error_rate",
        observed=1.0,
        n=total.n,
        evidence={"errors": total.errors},
    )


def _latency_bounds(target: Target, values: np.ndarray | None, observed: float, history: Sequence[RunSummary]) -> Bounds:
    bounds = Bounds(None, None, "no samples at hand")
    if values is not None and len(values):
        quantile = QUANTILE_OF.get(target.metric)
        bounds = mean_bounds(values) if quantile is None else quantile_bounds(values, quantile)
    return widen(bounds, observed, run_spread(history, target))


def quantile_bounds(values: np.ndarray, quantile: float) -> Bounds:
    """One-sided 95 % bounds of a quantile from order statistics. The lower one is at most the third largest value, so that
    no run fails by fewer than three requests."""
    import numpy as np

    n = len(values)
    lower_rank = min(_binomial_quantile(n, quantile, 1 - LEVEL), n - LEAST_BEYOND + 1)
    upper_rank = _binomial_quantile(n, quantile, LEVEL) + 1
    ranks = [rank for rank in (lower_rank, upper_rank) if 1 <= rank <= n]
    ordered = np.partition(values, sorted({rank - 1 for rank in ranks})) if ranks else values
    return Bounds(
        lower=float(ordered[lower_rank - 1]) if lower_rank >= 1 else None,
        upper=float(ordered[upper_rank - 1]) if upper_rank <= n else None,
    )


def _binomial_quantile(n: int, share: float, level: float) -> int:
    """Smallest k with P(Bin(n, share) <= k) > level, by bisection; so k is the largest l with P(Bin <= l - 1) <= level."""
    from scipy.special import bdtr

    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bdtr(middle, n, share) > level else (middle + 1, high)
    return low


def mean_bounds(values: np.ndarray) -> Bounds:
    """One-sided 95 % t bounds of the mean; none below 30 values, where skewed latencies defeat the t distribution."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 30:
        return Bounds(None, None)
    mean, half = float(values.mean()), float(stdtrit(n - 1, LEVEL)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Bounds(max(0.0, mean - half), mean + half)


def error_rate_bounds(errors: int, n: int) -> Bounds:
    """Exact one-sided 95 % bounds of a share (Clopper-Pearson)."""
    from scipy.special import betaincinv

    lower = float(betaincinv(errors, n - errors + 1, 1 - LEVEL)) if errors else 0.0
    upper = float(betaincinv(errors + 1, n - errors, LEVEL)) if errors < n else 1.0
    return Bounds(lower, upper)


def rate_bounds(n: int, duration_s: float) -> Bounds:
    """Exact one-sided 95 % bounds of a Poisson rate, per second (Garwood 1936)."""
    from scipy.special import gammaincinv

    if duration_s <= 0:
        return Bounds(None, None)
    lower = float(gammaincinv(n, 1 - LEVEL)) if n else 0.0
    return Bounds(lower / duration_s, float(gammaincinv(n + 1, LEVEL)) / duration_s)


def run_spread(history: Sequence[RunSummary], target: Target) -> RunSpread | None:
    """How much the target's metric differs between comparable runs (sample standard deviation of its log)."""
    field = _LOG_FIELD_OF.get(target.metric)
    if field is None or target.endpoint is None:
        return None
    logs = [
        value
        for run in history
        for endpoint in run.endpoints
        if endpoint.endpoint == target.endpoint and (value := getattr(endpoint, field)) is not None
    ]
    if len(logs) < LEAST_HISTORY:
        return None
    mean = sum(logs) / len(logs)
    return RunSpread(sd=math.sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1)), runs=len(logs))


def widen(bounds: Bounds, observed: float, spread: RunSpread | None) -> Bounds:
    """The wider, side by side, of the bounds within the run and of `observed` with the spread between runs (t, log scale)."""
    if spread is None or observed <= 0:
        return bounds
    from scipy.special import stdtrit

    factor = math.exp(float(stdtrit(spread.runs - 1, LEVEL)) * spread.sd)
    lower = None if bounds.lower is None else min(bounds.lower, observed / factor)
    upper = None if bounds.upper is None else max(bounds.upper, observed * factor)
    return Bounds(lower, upper, f"between {spread.runs} runs ({percent(spread.sd)} apart) and within this one")
