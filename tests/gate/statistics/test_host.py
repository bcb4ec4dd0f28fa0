"""The host probe as a covariate: it explains what it can, and its doubt is carried where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.host import SLOPE, host_model
from tests.gate.simulated_summaries import make_run


def runs_with(changes: np.ndarray) -> list[RunSummary]:
    rng = np.random.default_rng(1)
    return [make_run(rng, number, probe_s=0.1 * float(np.exp(change))) for number, change in enumerate(changes)]


def test_a_probe_that_follows_explains_and_one_that_does_not_is_ignored() -> None:
    rng = np.random.default_rng(2)
    probe = rng.normal(0, 0.15, 8)
    probe -= probe.mean()
    baseline = runs_with(probe)
    follows, ignores = host_model(probe, baseline, 0.25, 0.0), host_model(np.zeros(8), baseline, 0.25, 0.0)
    assert follows.slope == pytest.approx(1, abs=0.1) and ignores.slope == pytest.approx(0, abs=0.1)
    (expected,), _ = follows.expected(runs_with(np.array([0.2])))
    assert expected == pytest.approx(0.2, abs=0.05)


def test_a_slope_that_the_baseline_cannot_tell_is_doubted_in_proportion_to_the_change() -> None:
    model = host_model(np.zeros(8), runs_with(np.zeros(8)), 0.25, 0.0)
    assert model.slope == pytest.approx(SLOPE)
    _, variances = model.expected(runs_with(np.array([0.0, 0.1, 0.3])))
    assert variances[0] < variances[1] < variances[2]


def test_without_a_probe_nothing_is_expected_and_hosts_differ_as_they_do() -> None:
    rng = np.random.default_rng(3)
    factors = np.array([0.1, -0.1, 0.05, -0.05, 0.0, 0.1, -0.1, 0.0])
    model = host_model(factors, [make_run(rng, number) for number in range(8)], 0.25, 0.05)
    expected, variance = model.expected([make_run(rng, 9)])
    assert expected[0] == 0 and variance[0] > factors.var() + 0.05**2
