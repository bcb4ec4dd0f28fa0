"""What a judge could know at best: one that was told how a world makes its noise.

`all_known`: told the standard deviation of each endpoint and the host's factor of each run. `noise_known`: told how noise is
distributed in this world and the host's factors, but not which endpoints are the noisy ones: that it must learn from the
baseline's eight runs, by Bayes' rule, as every judge must. Both look at all three runs and at typical latency alone.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from benchmarks.simulator.noise import ENDPOINTS, Noise, ProfileShape
from benchmarks.simulator.runs import SESSION_RUNS
from benchmarks.simulator.trials import BASELINE_RUNS, Trial
from loadtest.gate.statistics.judged_metrics import TYPICAL, values
from loadtest.gate.statistics.summary import TAIL_SHARE

DF = 4.0  # of the endpoints' noise, in all worlds (noise.py)
NATURES = np.linspace(-2.6, 2.6, 13)
SESSIONS = student.ppf((np.arange(16) + 0.5) / 16, DF) * np.sqrt((DF - 2) / DF)
PLACES = np.linspace(-3.2, 3.2, 21)  # of the baseline's mean, in its own standard deviations


def all_known(trial: Trial, noise: Noise) -> np.ndarray:
    """Differences in true standard errors, per endpoint of ENDPOINTS."""
    value, within = _without_host(trial)
    candidates = len(value) - BASELINE_RUNS
    variance = trial.world.endpoint_sd**2 + (TAIL_SHARE * trial.world.tail_sd) ** 2
    share, sessions = noise.session_share, BASELINE_RUNS / SESSION_RUNS
    each_run = ((1 - share) * variance + within) * (1 / candidates + 1 / BASELINE_RUNS)
    difference = value[BASELINE_RUNS:].mean(axis=0) - value[:BASELINE_RUNS].mean(axis=0)
    return difference / np.sqrt(each_run + share * variance * (1 + 1 / sessions))


def noise_known(trial: Trial, noise: Noise, shape: ProfileShape, change: float) -> np.ndarray:
    """Log Bayes factor of "slower by `change` (log)" against "unchanged", per endpoint of ENDPOINTS."""
    value, within = _without_host(trial)
    sd = shape.endpoint_sd * noise.endpoint_scale * np.exp(noise.heterogeneity * NATURES)
    prior = -(NATURES**2) / 2
    found = []
    for index in range(len(ENDPOINTS)):
        mine = value[:, index]
        spread = max(float(np.std(mine[:BASELINE_RUNS])), 0.01)
        places = float(np.median(mine[:BASELINE_RUNS])) + PLACES * spread
        told = prior[:, None] + sum(
            _session(mine[first : first + SESSION_RUNS], places, sd, noise.session_share, within[index])
            for first in range(0, BASELINE_RUNS, SESSION_RUNS)
        )
        unchanged, slower = (
            told + _session(mine[BASELINE_RUNS:] - shift, places, sd, noise.session_share, within[index])
            for shift in (0.0, change)
        )
        found.append(_log_sum(slower) - _log_sum(unchanged))
    return np.array(found)


def _without_host(trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Typical latency of each run and endpoint with the host's true part taken out, and the mean variance within runs."""
    value, variance = values([*trial.baseline, *trial.candidates], ENDPOINTS, TYPICAL)
    hosts = np.array([effects.host for effects in trial.effects])
    return value - hosts[:, None] * trial.world.response, variance.mean(axis=0)


def _session(runs: np.ndarray, places: np.ndarray, sd: np.ndarray, share: float, within: float) -> np.ndarray:
    """Log likelihood of a session's runs for each sd (rows) and place (columns), over what the session may have brought."""
    brought = sd[:, None] * np.sqrt(share) * SESSIONS
    distance = runs[None, None, None, :] - places[None, :, None, None] - brought[:, None, :, None]
    scale = np.sqrt((1 - share) * sd**2 + within)[:, None, None, None] * np.sqrt((DF - 2) / DF)
    logs = (-(DF + 1) / 2 * np.log1p((distance / scale) ** 2 / DF) - np.log(scale)).sum(axis=-1)
    most = logs.max(axis=-1, keepdims=True)
    return most[..., 0] + np.log(np.exp(logs - most).mean(axis=-1))


def _log_sum(logs: np.ndarray) -> float:
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).sum()))
