"""Drift against the pinned anchor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.drift import detect_drift, drift_findings
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run

SD = 0.03
WEEKLY = math.log(1.03)


def test_three_percent_a_week_is_found_by_a_fifth() -> None:
    series = WEEKLY * np.arange(1, 20)
    found = next(end for end in range(1, 20) if detect_drift(series[:end], SD))
    assert math.exp(series[found - 1]) <= 1.2


def test_rolling_reference_would_not_see_it_but_the_anchor_does() -> None:
    rng = np.random.default_rng(1)
    anchor = make_baseline(rng)
    weekly = [make_run(rng, 10 + week, change={NAMES[1]: WEEKLY * week}) for week in range(1, 11)]
    (finding,) = drift_findings(anchor, weekly)
    assert finding.criterion is Criterion.DRIFT and finding.outcome is Outcome.WARN
    assert finding.endpoint == NAMES[1]
    assert "regressed since the anchor" in finding.sentence
    assert finding.evidence["onset_run"] in {run.run_id for run in weekly[:4]}
    assert finding.evidence["commit_before_onset"]


def test_order_of_runs_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    anchor = make_baseline(rng)
    weekly = [make_run(rng, 10 + week, change={NAMES[1]: WEEKLY * week}) for week in range(1, 11)]
    assert drift_findings(anchor, weekly) == drift_findings(anchor[::-1], weekly[::-1])


def test_unchanged_years_are_quiet() -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alarms += bool(drift_findings(make_baseline(rng), [make_run(rng, 10 + week) for week in range(52)]))
    assert alarms <= 2


def test_one_wild_run_is_no_drift() -> None:
    assert detect_drift([0.0, 0.0, 3.0, 0.0, 0.0], SD) is None


def test_onset_is_where_the_sum_was_last_zero() -> None:
    drift = detect_drift([0.0, 0.01, -0.02, 0.0] + [0.15] * 8, SD)
    assert drift is not None
    assert drift.onset == 4
    assert drift.level == pytest.approx(0.15)
    assert drift.onset < drift.detected < 12


def test_a_fixed_regression_is_forgotten() -> None:
    regressed = [0.3] * 30
    assert detect_drift(regressed, SD) is not None
    assert detect_drift([*regressed, *[0.0] * 30], SD) is None


def test_runs_without_the_endpoint_are_skipped() -> None:
    with_gaps = np.array([0.1, np.nan] * 15)
    drift = detect_drift(with_gaps, SD)
    assert drift is not None and drift.onset == 0


@settings(deadline=None)
@given(st.lists(st.floats(-1, 0.0), max_size=60))
def test_faster_is_never_a_regression(series: list[float]) -> None:
    assert detect_drift(series, SD) is None


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan, math.inf])
def test_nonsense_noise_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        detect_drift([0.0], sd)


def test_everything_slower_is_one_finding_unless_the_probe_explains_it() -> None:
    rng = np.random.default_rng(3)
    slower = math.log(1.4)
    anchor = make_baseline(rng, probe_s=0.1)
    build = [make_run(rng, 10 + week, host=slower, probe_s=0.1) for week in range(15)]
    assert [one.endpoint for one in drift_findings(anchor, build)] == [None]
    host = [make_run(rng, 10 + week, host=slower, probe_s=0.14) for week in range(15)]
    assert drift_findings(anchor, host) == ()


def test_without_runs_or_anchor_there_is_nothing_to_say() -> None:
    rng = np.random.default_rng(4)
    assert drift_findings(make_baseline(rng), []) == ()
    assert drift_findings(make_baseline(rng, 2), [make_run(rng, 10)]) == ()
