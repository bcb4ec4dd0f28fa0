"""Who is suspect, and is the suspicion confirmed: the decision on plain arrays.

Two stages. One run is compared with the baseline over all endpoints and metrics; who is slower at adjusted p < .10 is
suspect (so about every tenth unchanged run has a suspect). The same build then runs again; only these fresh runs decide,
and only over the suspects. An unchanged system must be unlucky twice: its chance is the product of both stages'
levels, so that product is the adjusted p that is reported and compared with the false-alarm level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from loadtest.gate.fit import MetricFit, Score, fit_metric, score
from loadtest.gate.judged_metrics import METRICS, TESTED, JudgedMetric, values
from loadtest.gate.models import RunSummary
from loadtest.gate.multiplicity import over_metrics_and_endpoints

SUSPECT_LEVEL = 0.10
SESSION_SHARE = 0.25
INTERVAL_LEVEL = 0.90


@dataclass(frozen=True)
class Judgement:
    """Everything later steps print. Arrays are per endpoint in the order of `endpoints`."""

    endpoints: tuple[str, ...]
    fits: dict[JudgedMetric, MetricFit]
    scores: dict[JudgedMetric, Score]  # all candidate runs together
    first: dict[JudgedMetric, Score]  # the first run alone
    slower: np.ndarray  # tested metrics x endpoints: adjusted p, one-sided
    faster: np.ndarray
    suspect: np.ndarray  # tested metrics x endpoints: the first run is suspicious
    decided: bool  # confirmation runs took part

    def baseline_runs(self, metric: JudgedMetric) -> np.ndarray:
        """How many baseline runs knew each endpoint's metric."""
        return self.fits[metric].runs

    def interval(self, metric: JudgedMetric) -> tuple[np.ndarray, np.ndarray]:
        """Two-sided 90 % interval; its upper end is the one-sided 95 % bound."""
        result = self.scores[metric]
        half = stdtrit(result.df, (1 + INTERVAL_LEVEL) / 2) * result.standard_error
        return result.difference - half, result.difference + half


def judge(
    baseline: list[RunSummary], candidates: list[RunSummary], endpoints: tuple[str, ...], least_effect: np.ndarray
) -> Judgement:
    """`candidates`: the run to judge first, then its confirmations. `least_effect` per endpoint, relative."""
    fits = {metric: fit_metric(*values(baseline, endpoints, metric)) for metric in METRICS}
    arrays = {metric: values(candidates, endpoints, metric) for metric in METRICS}
    everything = {metric: score(fits[metric], *arrays[metric], SESSION_SHARE) for metric in METRICS}
    first = {metric: score(fits[metric], *_rows(arrays[metric], slice(0, 1)), SESSION_SHARE) for metric in TESTED}
    slower = over_metrics_and_endpoints(np.array([p_slower(result) for result in first.values()]))
    large = np.array([result.difference for result in first.values()]) >= np.log1p(least_effect)
    suspect = (slower < SUSPECT_LEVEL) & large
    faster = over_metrics_and_endpoints(np.array([1 - p_slower(everything[metric]) for metric in TESTED]))
    decided = len(candidates) > 1
    if decided:
        fresh = [score(fits[metric], *_rows(arrays[metric], slice(1, None)), SESSION_SHARE) for metric in TESTED]
        slower = confirmed_p(slower, suspect, np.array([p_slower(result) for result in fresh]))
    return Judgement(endpoints, fits, everything, first, slower, faster, suspect, decided)


def p_slower(result: Score) -> np.ndarray:
    """One-sided p of "slower than the baseline"; NaN where not judged."""
    return stdtr(result.df, -result.difference / result.standard_error)


def confirmed_p(first: np.ndarray, suspect: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Adjusted p after confirmation, metrics x endpoints. Only suspects can become significant: the others keep at
    least the suspicion's level."""
    second = over_metrics_and_endpoints(np.where(suspect, fresh, np.nan))
    return np.where(suspect, SUSPECT_LEVEL * second, np.fmax(first, SUSPECT_LEVEL))


def _rows(arrays: tuple[np.ndarray, np.ndarray], rows: slice) -> tuple[np.ndarray, np.ndarray]:
    return arrays[0][rows], arrays[1][rows]
