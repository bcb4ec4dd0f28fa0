"""Runs of one build and one hour have something in common: code layout, data, caches, neighbors.

Averaging does not remove what they share, and a baseline of a single session has never seen it change. How large the shared
part is, the baseline itself tells where its sessions have several runs (one-way analysis of variance, pooled over endpoints);
where it cannot tell, a prior stands in, and where other hours or builds were never seen, their usual noise is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from loadtest.gate.records.summaries import RunSummary

SESSION_GAP = timedelta(hours=3)  # without a run: another hour begins
# What other hours and other builds usually bring to one endpoint, and other hours to the whole host (log scale): the
# simulated worlds' typical values, checked on real runs (docs/gate.md).
OTHER_HOURS_SD = 0.03
OTHER_BUILDS_SD = 0.02
OTHER_RUNNERS_SD = 0.02  # the command line where the baseline was Airflow's, or the other way round
OTHER_HOSTS_SD = 0.05
PRIOR_SHARE = 0.35  # of the between-run variance
PRIOR_SHARE_DF = 8.0
MOST_SHARE = 0.8
# What a new session usually brings to latencies of one endpoint, and to the shape of its tail; known like three sessions seen.
SESSION_SD, SHAPE_SESSION_SD, PRIOR_SESSIONS = 0.03, 0.01, 3.0


def sessions_of(runs: Sequence[RunSummary]) -> np.ndarray:
    """A session's number for each run, runs in order of time: another known commit or a gap of hours begins a new one."""
    numbers = np.zeros(len(runs), dtype=int)
    for index in range(1, len(runs)):
        before, run = runs[index - 1], runs[index]
        other_build = None not in (before.commit, run.commit) and before.commit != run.commit
        other_hour = run.started_at - before.started_at >= SESSION_GAP
        numbers[index] = numbers[index - 1] + (other_build or other_hour)
    return numbers


def concentration(sessions: np.ndarray) -> float:
    """Sum of the sessions' squared shares of runs: the variance of a mean over runs, in units of a session's variance.
    1 for a single session, 1/m for m equal ones."""
    return float(np.sum((np.bincount(sessions) / len(sessions)) ** 2))


def session_variance(seen: np.ndarray, df: float, usual_sd: float = SESSION_SD) -> np.ndarray:
    """What a new session may bring to each endpoint: the baseline's own sessions tell it (`seen`, of `df` + 1 sessions), but a
    few of them may look alike by luck, and heavy tails make that likely; so it is shrunk to what sessions usually bring. Of a
    single session see `Basis`."""
    return (df * seen + PRIOR_SESSIONS * usual_sd**2) / (df + PRIOR_SESSIONS) if df else seen


def independence(share: float, sessions: np.ndarray) -> float:
    """Degrees of freedom of the runs' variance around their mean, in parts of what independent runs would have, where runs of a
    session have `share` of their variance in common: tr(MV)^2 / tr(MVMV) of the centering M and their correlation V (Box
    1954). 1 where nothing is shared, and where all runs are of one session."""
    runs = len(sessions)
    if runs < 2:
        return 1.0
    centered = np.eye(runs) - 1 / runs
    mixed = centered @ ((1 - share) * np.eye(runs) + share * (sessions[:, None] == sessions))
    squares = float(np.trace(mixed @ mixed))
    return float(np.trace(mixed)) ** 2 / squares / (runs - 1) if squares > 0 else 1.0


def session_share(standardized: np.ndarray, within_share: float, sessions: np.ndarray) -> float:
    """Part of the between-run variance that runs of a session share. `standardized`: residuals, runs x endpoints (NaN:
    missing), divided by their expected spread, of which `within_share` is sampling noise within runs.

    Moments of the one-way layout (Searle, Casella & McCulloch 1992, 3.6), shrunk towards a prior by degrees of freedom.
    """
    groups = [standardized[sessions == number] for number in np.unique(sessions)]
    endpoints = standardized.shape[1]
    between_df = (len(groups) - 1) * max(endpoints - 1, 1)
    within_df = (len(standardized) - len(groups)) * max(endpoints - 1, 1)
    if not between_df or not within_df:
        return PRIOR_SHARE
    means = [np.nan_to_num(np.nanmean(np.where(np.isfinite(group).any(axis=0), group, 0.0), axis=0)) for group in groups]
    inside = sum(np.nansum((group - mean) ** 2) for group, mean in zip(groups, means, strict=True)) / within_df
    across = sum(len(group) * np.sum(mean**2) for group, mean in zip(groups, means, strict=True)) / between_df
    runs_each = (len(standardized) - np.sum(np.bincount(sessions) ** 2) / len(standardized)) / (len(groups) - 1)
    shared = max(across - inside, 0.0) / runs_each
    own = max(inside - within_share, 0.05)
    df = between_df * within_df / (between_df + within_df)
    weight = df / (df + PRIOR_SHARE_DF)
    return float(np.clip(weight * shared / (shared + own) + (1 - weight) * PRIOR_SHARE, 0.0, MOST_SHARE))
