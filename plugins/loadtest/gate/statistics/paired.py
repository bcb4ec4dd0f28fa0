"""Two builds side by side: by how much the candidate is slower than the base when both took turns on one host.

Load goes to one build at a time, in short slices; a pair is two neighboring slices, one of each build, in either order. The
pair is the unit of evidence, not the request: what happens to the host happens to both slices of a pair, and the requests of
one slice share its luck.

Every statistic is, to first order, a mean of influence values (Hampel 1974). Summed per pair, candidate minus base, they have
the variance of the difference (the cluster-robust estimator of Liang & Zeger 1986). How much larger it is than that of
independent requests is much alike for all endpoints of a run, so each endpoint's own estimate is shrunk towards their common
one (empirical Bayes, as limma does; Smyth 2004). Pairs that resemble their neighbors make it larger. What two processes of
one build differ by for as long as they live, no pair can see: it is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # importing scipy.stats takes most of a second

from loadtest.gate.statistics.multiplicity import over_metrics_and_endpoints
from loadtest.gate.statistics.summary import LEAST_LATENCY_MS, WINSORIZED_SHARE

LEAST_PAIRS = 6  # fewer say too little of how pairs differ
PRIOR_DF = 20.0  # what the other endpoints' variances are worth for one of them
# Log scale. Memory layout, hash seeds and the state of a database differ between two processes of one build.
PROCESS_SD = 0.013

Located = tuple[float, np.ndarray]  # a location, and each request's influence on it
Influences = Callable[[np.ndarray, np.ndarray], tuple[Located, Located]]


@dataclass(frozen=True)
class PairedMetric:
    """A location of both sides' log latencies. `least_n`: successes that each needs; `weight`: share in the error budget."""

    name: str  # as in `Finding.metric`
    label: str  # in sentences
    influences: Influences
    least_n: int
    weight: float


def between(low: float, high: float) -> Influences:
    """Mean of the log latencies between two quantiles of their side (a trimmed mean; Huber 1981)."""

    def of_side(log_latency: np.ndarray) -> Located:
        edges = np.quantile(log_latency, (low, high))
        inside = log_latency[(log_latency >= edges[0]) & (log_latency <= edges[1])]
        clipped = np.clip(log_latency, *edges)
        return float(inside.mean()), (clipped - clipped.mean()) / (high - low)

    return lambda base, candidate: (of_side(base), of_side(candidate))


def winsorized_means(base: np.ndarray, candidate: np.ndarray) -> tuple[Located, Located]:
    """Clipped at quantiles of both sides together: a side's own ones vary, which no influence would show."""
    edges = np.quantile(np.concatenate((base, candidate)), (WINSORIZED_SHARE, 1 - WINSORIZED_SHARE))
    clipped = np.clip(base, *edges), np.clip(candidate, *edges)
    first, second = ((float(each.mean()), each - each.mean()) for each in clipped)
    return first, second


# The first one resists slow modes and heavy tails; the mean sees a second mode that grows; the last one is nearly a p95, but
# rests on more than one request, and seldom on those that some pause made slow.
MIDDLE = PairedMetric("p5_to_p75_ms", "p5 to p75", between(0.05, 0.75), 16, 1.0)
TYPICAL = PairedMetric("typical_ms", "typical latency", winsorized_means, 8, 0.5)
SLOW = PairedMetric("p91_to_p94_ms", "p91 to p94", between(0.91, 0.94), 60, 0.5)
METRICS = (MIDDLE, TYPICAL, SLOW)
WEIGHTS = np.array([metric.weight for metric in METRICS])


@dataclass(frozen=True)
class SideSamples:
    """Successful requests of one endpoint on one side: the pair each belongs to (0-based), and its latency."""

    pair: np.ndarray
    latency_ms: np.ndarray

    def __post_init__(self) -> None:
        if self.pair.shape != self.latency_ms.shape or self.pair.ndim != 1:
            raise ValueError(f"pairs {self.pair.shape} and latencies {self.latency_ms.shape} must be equally long lists")

    @property
    def n(self) -> int:
        return len(self.latency_ms)


@dataclass(frozen=True)
class PairedComparison:
    """Arrays are metrics x endpoints, log scale, NaN where a side has too few requests. `base` holds the base's own values."""

    endpoints: tuple[str, ...]
    pairs: int
    base: np.ndarray
    difference: np.ndarray
    standard_error: np.ndarray
    df: float
    common: float  # of all endpoints together, p5 to p75; NaN with fewer than two
    common_standard_error: float

    def p_slower(self) -> np.ndarray:
        """One-sided, adjusted for the metrics and endpoints looked at."""
        return self._adjusted(self.difference)

    def p_faster(self) -> np.ndarray:
        return self._adjusted(-self.difference)

    def _adjusted(self, difference: np.ndarray) -> np.ndarray:
        return over_metrics_and_endpoints(stdtr(self.df, -difference / self.standard_error), WEIGHTS)

    def interval(self, confidence: float = 0.90) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided; the upper bound at 0.90 is the one-sided 95 % bound."""
        reach = float(stdtrit(self.df, (1 + confidence) / 2)) * self.standard_error
        return self.difference - reach, self.difference + reach

    @property
    def p_common(self) -> float:
        """One-sided p of "all endpoints together are not slower"."""
        return float(stdtr(max(self.pairs - 1, 1), -self.common / self.common_standard_error))


def compare_sides(
    base: Mapping[str, SideSamples], candidate: Mapping[str, SideSamples], endpoints: Sequence[str], pairs: int
) -> PairedComparison:
    """Compare the endpoints that both sides requested in `pairs` pairs of slices; fewer than LEAST_PAIRS judge nothing."""
    shape = (len(METRICS), len(endpoints))
    location, difference, variance, independent = (np.full(shape, np.nan) for _ in range(4))
    by_pair = np.full((*shape, pairs), np.nan)
    for column, endpoint in enumerate(endpoints):
        sides = base.get(endpoint), candidate.get(endpoint)
        if sides[0] is None or sides[1] is None or pairs < LEAST_PAIRS:
            continue
        logs = [np.log(np.maximum(spread_ties(side.latency_ms), LEAST_LATENCY_MS)) for side in sides if side is not None]
        for row, metric in enumerate(METRICS):
            if min(len(each) for each in logs) < metric.least_n:
                continue
            (location[row, column], of_base), (theirs, of_candidate) = metric.influences(*logs)
            difference[row, column] = theirs - location[row, column]
            sums = _sum_by_pair(sides[1], of_candidate, pairs) - _sum_by_pair(sides[0], of_base, pairs)
            by_pair[row, column] = sums
            variance[row, column] = np.sum((sums - sums.mean()) ** 2) * pairs / (pairs - 1)
            independent[row, column] = of_base.var() / len(of_base) + of_candidate.var() / len(of_candidate)
    shrunk = np.stack([_shrunk(*rows, pairs - 1.0) for rows in zip(variance, independent, strict=True)])
    grown = np.array([_resemblance(rows) for rows in by_pair])[:, None]
    common, common_error = _common(difference[0], by_pair[0], pairs)
    return PairedComparison(
        endpoints=tuple(endpoints),
        pairs=pairs,
        base=location,
        difference=difference,
        standard_error=np.sqrt(shrunk * grown + PROCESS_SD**2),
        df=pairs - 1 + PRIOR_DF,
        common=common,
        common_standard_error=common_error,
    )


def spread_ties(latency_ms: np.ndarray) -> np.ndarray:
    """Latencies of a coarse clock, spread evenly over its ticks: quantiles that fall on a tick jump. Others as they are."""
    distinct = np.unique(latency_ms)
    if len(distinct) < 2 or len(distinct) * 4 > len(latency_ms):
        return latency_ms
    tick = float(np.diff(distinct).min())
    # the same latencies give the same result
    return latency_ms + (np.random.default_rng(len(latency_ms)).uniform(-0.5, 0.5, len(latency_ms)) * tick)


def _sum_by_pair(side: SideSamples | None, influence: np.ndarray, pairs: int) -> np.ndarray:
    assert side is not None  # the caller looked
    return np.bincount(side.pair, weights=influence, minlength=pairs) / side.n


def _shrunk(variance: np.ndarray, independent: np.ndarray, df: float) -> np.ndarray:
    """Each endpoint's variance, as a multiple of that of independent requests, drawn towards the endpoints' common multiple;
    the geometric mean of chi-square ratios is a little low (their logs average -1/df), and no multiple is below 1."""
    multiple = variance / independent
    known = multiple[np.isfinite(multiple) & (multiple > 0)]
    if not len(known):
        return variance
    common = max(1.0, float(np.exp(np.log(known).mean() + 1 / df)))
    return (PRIOR_DF * common + df * multiple) / (PRIOR_DF + df) * independent


def _resemblance(by_pair: np.ndarray) -> float:
    """By how much pairs that resemble their neighbors enlarge a sum's variance: 1 + 2 r, r the first autocorrelation, pooled
    over the endpoints (its bias of -1/pairs taken off), as far as it is positive. `by_pair`: endpoints x pairs."""
    rows = by_pair[np.isfinite(by_pair).all(axis=1)]
    deviations = rows - rows.mean(axis=1, keepdims=True) if len(rows) else rows
    squares = np.sum(deviations**2, axis=1) if len(rows) else np.array([])
    if not len(squares) or not (squares > 0).all():
        return 1.0
    correlations = np.sum(deviations[:, 1:] * deviations[:, :-1], axis=1) / squares
    return 1.0 + 2.0 * max(0.0, float(correlations.mean()) + 1 / by_pair.shape[1])


def _common(difference: np.ndarray, by_pair: np.ndarray, pairs: int) -> tuple[float, float]:
    """Mean difference of all endpoints and its standard error, from what each pair adds to that mean. That a process is
    faster or slower everywhere is part of it."""
    known = np.isfinite(difference)
    if known.sum() < 2:
        return np.nan, np.nan
    sums = by_pair[known].mean(axis=0)
    variance = float(np.sum((sums - sums.mean()) ** 2)) * pairs / (pairs - 1) * _resemblance(sums[None, :])
    return float(difference[known].mean()), float(np.sqrt(variance + PROCESS_SD**2))
