"""What the host was expected to do to a run, before anyone looks at its latencies.

The baseline's common factors are regressed on their host probes (Bayesian linear regression: a slope that the baseline
cannot tell, because its probes hardly differed, keeps its prior and its doubt). A candidate's expected factor is the slope
times its probe's change; what the probe leaves unexplained is a variance, shrunk towards what is usual. Without probes
nothing is expected, and the variance is that of the hosts themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.gate.records.summaries import RunSummary

SLOPE, SLOPE_SD = 0.55, 0.35  # prior: latency follows the probe by half, more or less (docs/gate.md, "The host probe")
MOST_SLOPE = 1.2
UNEXPLAINED_SD, UNEXPLAINED_DF = 0.03, 4.0  # prior of what a probe leaves
HOSTS_SD, HOSTS_DF = 0.06, 3.0  # prior of how hosts differ where there is no probe
LASTING_SHARE = 0.5  # of what the probe leaves, from one run of a session to the next: not known, so neither all nor nothing


@dataclass(frozen=True)
class HostModel:
    """`variance` of the factor that the probe does not explain, with `df` degrees of freedom; slope 0 without probes.
    `center`: mean log probe of the baseline; `concentration`: how well the baseline's mean is known (see `sessions`)."""

    slope: float
    slope_variance: float
    center: float | None
    variance: float
    df: float
    concentration: float

    def expected(self, runs: Sequence[RunSummary]) -> tuple[np.ndarray, np.ndarray]:
        """Expected factor of each run (log scale, 0 = the baseline's mean host) and the variance around it."""
        change = self.probe_changes(runs)
        base = self.variance * (1 + self.concentration)
        if change is None:
            return np.zeros(len(runs)), np.full(len(runs), base)
        return self.slope * change, base + self.slope_variance * change**2

    def expected_mean(self, runs: Sequence[RunSummary]) -> tuple[float, float]:
        """The same for the mean of several runs of one session. What the probe leaves differs between them in part, and that part
        averages out; what the baseline does not know does not."""
        expected, _ = self.expected(runs)
        change = self.probe_changes(runs)
        lasting = LASTING_SHARE + (1 - LASTING_SHARE) / len(runs)
        doubt = 0.0 if change is None else self.slope_variance * float(change.mean()) ** 2
        return float(expected.mean()), self.variance * ((1.0 if change is None else lasting) + self.concentration) + doubt

    def probe_changes(self, runs: Sequence[RunSummary]) -> np.ndarray | None:
        """Log change of each run's probe against the baseline's; None where one is missing."""
        times = [probe_time(run) for run in runs]
        if self.center is None or None in times:
            return None
        return np.log(np.array(times, dtype=float)) - self.center


def host_model(
    factors: np.ndarray, baseline: Sequence[RunSummary], concentration: float, unseen_hosts_sd: float, *, probes: bool = True
) -> HostModel:
    """`factors`: the baseline runs' common factors, mean 0. `unseen_hosts_sd`: added where other hours were never seen."""
    times = [probe_time(run) for run in baseline] if probes else [None]
    runs = len(factors)
    if None in times:
        variance, df = _shrunk(float(np.sum(factors**2)), runs - 1, HOSTS_SD, HOSTS_DF)
        return HostModel(0.0, 0.0, None, variance + unseen_hosts_sd**2, df, concentration)
    logs = np.log(np.array(times, dtype=float))
    x = logs - logs.mean()
    noise = UNEXPLAINED_SD**2
    precision = 1 / SLOPE_SD**2 + float(x @ x) / noise
    slope = float(np.clip((SLOPE / SLOPE_SD**2 + float(x @ factors) / noise) / precision, 0.0, MOST_SLOPE))
    left = factors - slope * x
    variance, df = _shrunk(float(left @ left), max(runs - 2, 1), UNEXPLAINED_SD, UNEXPLAINED_DF)
    return HostModel(slope, 1 / precision, float(logs.mean()), variance, df, concentration)


def probe_time(run: RunSummary) -> float | None:
    """Geometric mean of the probe's four times, seconds: CPU and loopback, before and after the load."""
    probe = run.host_probe
    if probe is None:
        return None
    times = (probe.cpu_before_s, probe.cpu_after_s, probe.loopback_before_s, probe.loopback_after_s)
    return float(np.exp(np.mean(np.log(times)))) if min(times) > 0 else None


def _shrunk(squares: float, df: float, prior_sd: float, prior_df: float) -> tuple[float, float]:
    return (squares + prior_df * prior_sd**2) / (df + prior_df), df + prior_df
