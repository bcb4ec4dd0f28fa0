"""Other judges, on the same trials. Each gives one number per endpoint that grows with suspicion, and its usual limit.

- `p95_last`: p95 against the last baseline run, limit +20 %: the usual rule;
- `p95_median`: p95 against the median of the last five baseline runs, limit +20 %;
- `mann_whitney`: requests of the run against those of the last baseline run, one-sided, Bonferroni over endpoints at 5 %,
  and at least +5 % on the median;
- `bootstrap`: the run's p95 against the last baseline run's by a bootstrap of requests, one-sided, Bonferroni at 5 %,
  and at least +5 %.
"""

from __future__ import annotations

import warnings

import numpy as np

from benchmarks.simulator.noise import ENDPOINTS
from benchmarks.simulator.runs import Effects, Pool
from benchmarks.simulator.trials import Trial
from loadtest.gate.statistics.summary import TAIL_SHARE

USUAL_LIMIT = float(np.log(1.20))
LEAST_EFFECT = float(np.log(1.05))
BOOTSTRAPS = 1000


def p95_last(trial: Trial) -> np.ndarray:
    """Log ratio of p95 to the last baseline run, per endpoint of ENDPOINTS."""
    return _field(trial.candidates[0], "log_p95") - _field(trial.baseline[-1], "log_p95")


def p95_median(trial: Trial) -> np.ndarray:
    before = np.array([_field(run, "log_p95") for run in trial.baseline[-5:]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an endpoint that no run requested often enough
        return _field(trial.candidates[0], "log_p95") - np.nanmedian(before, axis=0)


def mann_whitney(trial: Trial, pool: Pool) -> np.ndarray:
    """1 where flagged, else 0."""
    from scipy.stats import mannwhitneyu

    old, new = requests_of(trial, pool, len(trial.baseline) - 1), requests_of(trial, pool, len(trial.baseline))
    flags = np.zeros(len(ENDPOINTS))
    for index, (before, now) in enumerate(zip(old, new, strict=True)):
        p = mannwhitneyu(now, before, alternative="greater", method="asymptotic").pvalue
        flags[index] = p < 0.05 / len(ENDPOINTS) and np.log(np.median(now) / np.median(before)) >= LEAST_EFFECT
    return flags


def bootstrap(trial: Trial, pool: Pool, generator: np.random.Generator) -> np.ndarray:
    """1 where flagged, else 0. A resampled quantile is an order statistic whose rank is Beta distributed: no resampling."""
    old, new = requests_of(trial, pool, len(trial.baseline) - 1), requests_of(trial, pool, len(trial.baseline))
    flags = np.zeros(len(ENDPOINTS))
    for index, (before, now) in enumerate(zip(old, new, strict=True)):
        ratio = _resampled_p95(now, generator) - _resampled_p95(before, generator)
        flags[index] = np.mean(ratio <= 0) < 0.05 / len(ENDPOINTS) and np.median(ratio) >= LEAST_EFFECT
    return flags


def requests_of(trial: Trial, pool: Pool, number: int) -> list[np.ndarray]:
    """Latencies per endpoint of the trial's run `number` (baseline first), its effects and the change applied."""
    requests, effects = pool.requests[trial.places[number]], trial.effects[number]
    changed = trial.change if number >= len(trial.baseline) else None
    found = []
    for index, name in enumerate(ENDPOINTS):
        latency = requests.latency_ms[requests.endpoint == index]
        mine = changed is not None and name == trial.endpoint
        found.append(_with_effects(latency, effects, index, changed.factor if mine else 1, changed.tail_factor if mine else 1))
    return found


def _with_effects(latency: np.ndarray, effects: Effects, index: int, factor: float, tail_factor: float) -> np.ndarray:
    whole = latency * np.exp(effects.host + effects.shift[index]) * factor
    slowest = whole >= np.quantile(whole, 1 - TAIL_SHARE)
    whole[slowest] *= np.exp(effects.tail[index]) * tail_factor
    return whole


def _resampled_p95(latency: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    n = len(latency)
    rank = int(0.95 * (n - 1))
    place = generator.beta(rank + 1, n - rank, BOOTSTRAPS) * n
    return np.log(np.sort(latency)[np.minimum(place.astype(int), n - 1)])


def _field(run, name: str) -> np.ndarray:  # RunSummary -> one value per endpoint
    value = {summary.endpoint: getattr(summary, name) for summary in run.endpoints}
    return np.array([np.nan if value.get(endpoint) is None else value[endpoint] for endpoint in ENDPOINTS])
