"""Who is suspect, and is the suspicion confirmed: the decision on plain arrays.

Two stages. One run is compared with the baseline over all endpoints and metrics; who is slower at adjusted p < .25 is
suspect (docs/gate.md says how often). The same build then runs again: once, if that settles it, else twice. All runs
together decide, at a much stricter level, over all endpoints and metrics; and because the first run was picked for looking
slow, the fresh runs alone must agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.comparability import Basis
from loadtest.gate.statistics.fit import MetricFit, Score, fit_metric, score
from loadtest.gate.statistics.host import HostModel, host_model
from loadtest.gate.statistics.judged_metrics import METRICS, TAIL, TESTED, TYPICAL, WEIGHTS, JudgedMetric, values
from loadtest.gate.statistics.multiplicity import over_metrics_and_endpoints
from loadtest.gate.statistics.sessions import SESSION_SD, SHAPE_SESSION_SD, concentration

SUSPECT_LEVEL = 0.25
AGREE_LEVEL = 0.005  # of the fresh runs alone, unadjusted
CLEARED_LEVEL = 0.08  # of two runs together, adjusted: above, a third would hardly make an alarm of it
INTERVAL_LEVEL = 0.90


@dataclass(frozen=True)
class Judgement:
    """Everything later steps print. Arrays are per endpoint in the order of `endpoints`."""

    endpoints: tuple[str, ...]
    fits: dict[JudgedMetric, MetricFit]
    scores: dict[JudgedMetric, Score]  # all candidate runs together
    intervals: dict[JudgedMetric, tuple[np.ndarray, np.ndarray]]
    first: dict[JudgedMetric, Score]  # the first run alone
    slower: np.ndarray  # tested metrics x endpoints: adjusted p, one-sided
    faster: np.ndarray
    alarming: np.ndarray  # tested metrics x endpoints: one run: suspect; with confirmations: large, and fresh runs agree
    decided: bool  # confirmation runs took part, and no further one is wanted
    host: HostModel  # what the host probe foretells of the common factor

    def baseline_runs(self, metric: JudgedMetric) -> np.ndarray:
        """How many baseline runs knew each endpoint's metric."""
        return self.fits[metric].runs

    def interval(self, metric: JudgedMetric) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided 90 % interval; its upper end is the one-sided 95 % bound."""
        return self.intervals[metric]


def judge(
    basis: Basis,
    candidates: list[RunSummary],
    endpoints: tuple[str, ...],
    least_effect: np.ndarray,
    later: Sequence[RunSummary] = (),
    *,
    settled_at: float | None = None,
) -> Judgement:
    """`candidates`: the run to judge first, then its confirmations. `least_effect` per endpoint, relative. `later`:
    accepted runs since the baseline, in order of time, which refresh the variances only. `settled_at`: another confirmation
    can be had; it is wanted unless every suspicion is either cleared or surely confirmed, at this level, without it."""
    baseline = basis.runs
    fits = {
        metric: fit_metric(
            *values(baseline, endpoints, metric),
            values(later, endpoints, metric)[0],
            basis.sessions,
            basis.assumed_sd,
            SHAPE_SESSION_SD if metric is TAIL else SESSION_SD,
        )
        for metric in METRICS
    }
    host = host_model(fits[TYPICAL].host, baseline, concentration(basis.sessions), basis.assumed_host_sd)
    foretold = host.expected(candidates) if host.probe_changes(candidates) is not None else None
    arrays = {metric: values(candidates, endpoints, metric) for metric in METRICS}

    def scored(metric: JudgedMetric, rows: slice) -> Score:
        # the tail's shape is relative to the typical latency: the host's factor is not in it
        usable = foretold if metric is not TAIL else None
        return score(fits[metric], *_rows(arrays[metric], rows), usable and (usable[0][rows], usable[1][rows]))

    first = {metric: scored(metric, slice(0, 1)) for metric in METRICS}
    slower = over_metrics_and_endpoints(_tested(first, p_slower), WEIGHTS)
    alarming = (slower < SUSPECT_LEVEL) & _large(first, least_effect)
    decided = len(candidates) > 1
    together = first
    if decided:
        together = {metric: scored(metric, slice(None)) for metric in METRICS}
        fresh = {metric: scored(metric, slice(1, None)) for metric in TESTED}
        slower = over_metrics_and_endpoints(_tested(together, p_slower), WEIGHTS)
        agree = (_tested(fresh, p_slower) < AGREE_LEVEL) & _large(fresh, least_effect) & _large(together, least_effect)
        doubtful = _large(together, least_effect) & (slower < CLEARED_LEVEL)
        if settled_at is not None and alarming.any() and (doubtful & ~(agree & (slower < settled_at))).any():
            decided, alarming = False, doubtful
        else:
            alarming = agree & alarming.any()
    faster = over_metrics_and_endpoints(1 - _tested(together, p_slower), WEIGHTS)
    intervals = {metric: _interval(result) for metric, result in together.items()}
    return Judgement(endpoints, fits, together, intervals, first, slower, faster, alarming, decided, host)


def _interval(result: Score) -> tuple[np.ndarray, np.ndarray]:
    half = stdtrit(result.df, (1 + INTERVAL_LEVEL) / 2) * result.standard_error
    return result.difference - half, result.difference + half


def _tested(scores: dict[JudgedMetric, Score], number: Callable[[Score], np.ndarray]) -> np.ndarray:
    """One number per tested metric and endpoint."""
    return np.array([number(scores[metric]) for metric in TESTED])


def _large(scores: dict[JudgedMetric, Score], least_effect: np.ndarray) -> np.ndarray:
    return _tested(scores, lambda result: result.difference) >= np.log1p(least_effect)


def p_slower(result: Score) -> np.ndarray:
    """One-sided p of "slower than the baseline"; NaN where not judged."""
    return stdtr(result.df, -result.difference / result.standard_error)


def _rows(arrays: tuple[np.ndarray, np.ndarray], rows: slice) -> tuple[np.ndarray, np.ndarray]:
    return arrays[0][rows], arrays[1][rows]
