"""One run beside another: what a single pair of runs can say, and what it cannot.

Each run has luck of its own, which no number of requests removes. How much, the other runs of the series tell, by the same fit
that judges a run against its baseline; where there are too few of them, a prior stands in. The first run then takes the
baseline's place: a baseline of one run, whose own luck counts in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.comparability import LEAST_RUNS, USUAL_SD, Basis, comparable_runs
from loadtest.gate.statistics.fit import ASSUMED_DF, LEAST_TAIL_DF, MetricFit, Score, fit_metric, score, without_common
from loadtest.gate.statistics.global_factor import GlobalFactor, factor_of
from loadtest.gate.statistics.host import (
    HOSTS_DF,
    HOSTS_SD,
    SLOPE,
    SLOPE_SD,
    UNEXPLAINED_DF,
    UNEXPLAINED_SD,
    HostModel,
    host_model,
    probe_time,
)
from loadtest.gate.statistics.judge import INTERVAL_LEVEL, p_slower
from loadtest.gate.statistics.judged_metrics import METRICS, TAIL, TESTED, TYPICAL, WEIGHTS, JudgedMetric, values
from loadtest.gate.statistics.multiplicity import over_metrics_and_endpoints
from loadtest.gate.statistics.sessions import OTHER_HOSTS_SD, SESSION_GAP
from loadtest.wording import percent, plural

ENDPOINT_SD = 0.04  # prior: what one endpoint of one run has alone (log scale); benchmarks/simulator: 0.025 to 0.045 by profile
SURE_LEVEL = 0.02  # adjusted p, as a warning of the gate
POSSIBLE_LEVEL = 0.10
LEAST_EFFECT = 0.05
POWER_SDS = 0.84  # 80 % power


@dataclass(frozen=True)
class TwoRuns:
    """The second run against the first. Arrays are per endpoint, in the order of `endpoints`, on the log scale.

    `locations`: of the first run; `scores`: differences with what all endpoints share taken out; `slower` and `faster`: adjusted
    one-sided p, tested metrics x endpoints; `common`: what all endpoints share, None with fewer than 3; `history_runs`: how many
    other runs tell the noise, 0 where a prior does; `noise_told`: where the noise comes from, in words.
    """

    endpoints: tuple[str, ...]
    locations: dict[JudgedMetric, np.ndarray]
    scores: dict[JudgedMetric, Score]
    intervals: dict[JudgedMetric, tuple[np.ndarray, np.ndarray]]
    slower: np.ndarray
    faster: np.ndarray
    common: GlobalFactor | None
    history_runs: int
    noise_told: str

    def detectable(self, metric: JudgedMetric) -> np.ndarray:
        """The smallest slowdown (relative) of each endpoint that such a pair would show with 80 % power, were it the only one."""
        result = self.scores[metric]
        sds = stdtrit(result.df, 1 - SURE_LEVEL) + POWER_SDS
        return np.expm1(sds * result.standard_error)


def compare_two(first: RunSummary, second: RunSummary, others: Sequence[RunSummary] = ()) -> TwoRuns:
    """`others`: accepted runs of the same series; those of another plan or host class, and the two themselves, are left out."""
    of_both = {row.endpoint for row in first.endpoints} & {row.endpoint for row in second.endpoints}
    endpoints = tuple(sorted(of_both))
    noise = _Noise.of(first, second, others)
    fits = {metric: _fit_of_one(first, endpoints, metric, noise) for metric in METRICS}
    candidate = {metric: values([second], endpoints, metric) for metric in METRICS}
    host = noise.host(first, second)
    foretold = host.expected([second]) if host.probe_changes([second]) is not None else None
    # the tail's shape is relative to the typical latency: the host's factor is not in it
    scores = {metric: score(fits[metric], *candidate[metric], foretold if metric is not TAIL else None) for metric in METRICS}
    p = np.array([p_slower(scores[metric]) for metric in TESTED])
    common = factor_of(scores[TYPICAL], noise.host(first, second, probes=False), host, [second], HOSTS_SD)
    return TwoRuns(
        endpoints=endpoints,
        locations={metric: fit.mu for metric, fit in fits.items()},
        scores=scores,
        intervals={metric: _interval(result) for metric, result in scores.items()},
        slower=over_metrics_and_endpoints(p, WEIGHTS),
        faster=over_metrics_and_endpoints(1 - p, WEIGHTS),
        common=common,
        history_runs=len(noise.basis.runs) if noise.basis else 0,
        noise_told=noise.told,
    )


def _interval(result: Score) -> tuple[np.ndarray, np.ndarray]:
    half = stdtrit(result.df, (1 + INTERVAL_LEVEL) / 2) * result.standard_error
    return result.difference - half, result.difference + half


@dataclass(frozen=True)
class _Noise:
    """How much runs of this series differ. `basis`: the other runs that tell, None where a prior does; `assumed_first` and
    `assumed_second`: variances of other hours and builds that those have not seen."""

    basis: Basis | None
    assumed_first: float
    assumed_second: float
    unseen_hosts_sd: float
    told: str

    @classmethod
    def of(cls, first: RunSummary, second: RunSummary, others: Sequence[RunSummary]) -> _Noise:
        rest = [run for run in others if run.run_id not in (first.run_id, second.run_id)]
        seen, of_second = comparable_runs(rest, first), comparable_runs(rest, second)
        if of_second.compared and seen.compared:
            unseen_hosts_sd = max(seen.assumed_host_sd, of_second.assumed_host_sd)
            assumed = of_second.assumed or seen.assumed
            told = f"noise between runs from {plural(len(of_second.runs), 'other run')} of this series"
            told += f"; {assumed}" if assumed else ""
            return cls(of_second, seen.assumed_sd**2, of_second.assumed_sd**2, unseen_hosts_sd, told)
        different = []
        if abs(second.started_at - first.started_at) >= SESSION_GAP:
            different.append("hour")
        if first.commit is None or first.commit != second.commit:
            different.append("build")
        variance = sum(USUAL_SD[name] ** 2 for name in different)
        hosts = OTHER_HOSTS_SD if "hour" in different else 0.0
        each = percent(float(np.sqrt(ENDPOINT_SD**2 + variance / 2)))
        told = (
            f"noise between runs assumed ({each} of an endpoint, {percent(float(np.hypot(HOSTS_SD, hosts)))} of the whole host): "
            f"the history has fewer than {LEAST_RUNS} other runs of this plan and host class"
        )
        return cls(None, 0.0, variance, hosts, told)

    def fit(self, endpoints: Sequence[str], metric: JudgedMetric) -> MetricFit | None:
        if self.basis is None:
            return None
        return fit_metric(*values(self.basis.runs, endpoints, metric), sessions=self.basis.sessions)

    def host(self, first: RunSummary, second: RunSummary, *, probes: bool = True) -> HostModel:
        """What the host probe of the second run foretells of its common factor, with the first in the baseline's place."""
        at_first = probe_time(first) if probes and probe_time(second) is not None else None
        if self.basis is not None:
            runs = self.basis.runs
            names = sorted({row.endpoint for run in runs for row in run.endpoints})
            factors = fit_metric(*values(runs, names, TYPICAL), sessions=self.basis.sessions).host
            known = host_model(factors, runs, 1.0, self.unseen_hosts_sd, probes=at_first is not None)
            if at_first is not None and known.center is not None:
                return replace(known, center=float(np.log(at_first)))
            return host_model(factors, runs, 1.0, self.unseen_hosts_sd, probes=False) if known.center is not None else known
        unseen = self.unseen_hosts_sd**2
        if at_first is not None:
            center = float(np.log(at_first))
            return HostModel(SLOPE, SLOPE_SD**2, center, UNEXPLAINED_SD**2 + unseen, UNEXPLAINED_DF, 1.0)
        return HostModel(0.0, 0.0, None, HOSTS_SD**2 + unseen, HOSTS_DF, 1.0)


def _fit_of_one(first: RunSummary, endpoints: Sequence[str], metric: JudgedMetric, noise: _Noise) -> MetricFit:
    """The first run as a baseline of one run: its place, and the noise of its series."""
    value, variance = (each[0] for each in values([first], endpoints, metric))
    known = noise.fit(endpoints, metric)
    between, df = np.full(len(endpoints), ENDPOINT_SD**2), np.full(len(endpoints), ASSUMED_DF)
    within, common_within, host_variance, tail_df = variance, 0.0, HOSTS_SD**2, LEAST_TAIL_DF
    if known is not None:
        told = known.judged
        between, df = np.where(told, known.between, between), np.where(told, known.df, df)
        common_within, host_variance, tail_df = known.common_within, known.host_variance, known.tail_df
        own = without_common(variance, common_within)
        within = np.where(told, np.fmax(own, known.within), own)
    return MetricFit(
        runs=np.isfinite(value).astype(int),
        mu=value,
        mu_variance=between + within + noise.assumed_first,
        within=within,
        common_within=common_within,
        between=between,
        df=df,
        host=np.zeros(1),
        host_variance=2 * host_variance,  # both runs had a host
        share=0.0,
        usual_session_sd=0.0,
        sessions_df=0.0,  # what sessions bring is in `between` and `assumed`
        assumed=noise.assumed_second,
        tail_df=tail_df,
    )
