"""What runs of one session have in common is learned where the baseline can tell, and assumed where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.gate.statistics.sessions import (
    PRIOR_SHARE,
    concentration,
    independence,
    session_share,
    session_variance,
    sessions_of,
)
from tests.gate.simulated_summaries import make_baseline

SESSIONS = np.repeat(np.arange(4), 2)


def shares(share: float) -> float:
    """Mean estimate over systems whose sessions share this part of the variance."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        noise = np.sqrt(share) * rng.normal(size=(4, 9))[SESSIONS] + np.sqrt(1 - share) * rng.normal(size=(8, 9))
        found.append(session_share(noise - noise.mean(axis=0), 0.0, SESSIONS))
    return float(np.mean(found))


def test_the_baseline_teaches_the_share() -> None:
    none, half, most = shares(0.0), shares(0.5), shares(0.9)
    assert none < 0.25 < half < most
    assert half == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("sessions", [np.zeros(8, dtype=int), np.arange(8)])
def test_where_the_baseline_cannot_tell_the_prior_stands(sessions: np.ndarray) -> None:
    assert session_share(np.random.default_rng(1).normal(size=(8, 9)), 0.0, sessions) == PRIOR_SHARE


def test_missing_endpoints_and_identical_runs_give_a_share() -> None:
    noise = np.random.default_rng(1).normal(size=(8, 9))
    noise[:4, 2] = np.nan
    for residuals in (noise, np.zeros((8, 9)), np.zeros((8, 0)), noise[:, :1]):
        assert 0 <= session_share(residuals, 0.5, SESSIONS) <= 1


def test_sessions_begin_with_another_commit_or_hours_later() -> None:
    runs = make_baseline(np.random.default_rng(1))  # five hours apart
    assert sessions_of(runs).tolist() == list(range(8))
    together = [run.model_copy(update={"started_at": runs[0].started_at}) for run in runs]  # two runs of each build
    assert sessions_of(together).tolist() == SESSIONS.tolist()
    unknown = [run.model_copy(update={"commit": None}) for run in together]
    assert sessions_of(unknown).tolist() == [0] * 8
    assert concentration(SESSIONS) == pytest.approx(0.25) and concentration(np.zeros(8, dtype=int)) == 1


def test_runs_that_repeat_each_other_tell_less_of_their_variance() -> None:
    pairs = np.repeat(np.arange(4), 2)
    assert independence(0.0, pairs) == pytest.approx(1.0)
    assert independence(0.5, np.arange(8)) == pytest.approx(1.0)
    assert 3 / 7 < independence(0.9, pairs) < independence(0.5, pairs) < 1.0
    assert independence(1.0, pairs) == pytest.approx(3 / 7)  # four different values, three degrees of freedom
    assert independence(0.5, np.zeros(8, dtype=int)) == pytest.approx(1.0)


def test_sessions_that_look_alike_by_luck_are_not_believed_to_be() -> None:
    seen = np.array([0.0, 0.03**2, 0.2**2])
    quiet, usual, noisy = np.sqrt(session_variance(seen, 3.0))
    assert usual == pytest.approx(0.03)
    assert 0.02 < quiet < usual < noisy < 0.2
    assert session_variance(seen, 100.0)[0] < session_variance(seen, 3.0)[0]
    assert np.array_equal(session_variance(seen, 0.0), seen)
