"""With which baselines a run is compared, and what of the noise must be assumed."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings

from loadtest.gate.records.summaries import RunSummary
from loadtest.vocabulary import Outcome
from tests.gate.judged_summaries import SLOW, candidates, judge_confirmed, judge_once, regressions, seeds
from tests.gate.simulated_summaries import make_baseline, make_run


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_too_few_baseline_runs_compare_nothing(runs: int) -> None:
    rng = np.random.default_rng(13)
    result = judge_once(make_baseline(rng, runs), make_run(rng, 20))
    assert not result.comparison.compared
    assert result.comparison.reason
    assert result.findings == () and result.coverage is None


@pytest.mark.parametrize("runs", [3, 4])
def test_small_baseline_warns_at_most(runs: int) -> None:
    rng = np.random.default_rng(14)
    result = judge_confirmed(make_baseline(rng, runs), candidates(rng, change={SLOW: math.log(5)}))
    assert SLOW in regressions(result, Outcome.WARN)
    assert not regressions(result, Outcome.FAIL)
    assert f"only {runs} runs" in result.comparison.reason


def within_one_hour(runs: list[RunSummary]) -> list[RunSummary]:
    first = runs[0].started_at
    moved = [run.model_copy(update={"started_at": first + timedelta(minutes=5 * place)}) for place, run in enumerate(runs)]
    return [run.model_copy(update={"commit": None}) for run in moved]


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_a_large_regression_fails_on_the_first_day_and_says_what_was_assumed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    baseline = within_one_hour(make_baseline(rng))
    result = judge_confirmed(baseline, candidates(rng, change={SLOW: math.log(2)}))
    assert regressions(result, Outcome.FAIL) == {SLOW}
    finding = next(one for one in result.findings if one.endpoint == SLOW)
    assert "3.6 % of noise between hours and builds assumed" in finding.sentence
    assert result.comparison.reason.startswith("All baseline runs come from one hour and one build, so 3.6 % of noise")


def test_what_was_never_seen_widens_every_interval() -> None:
    rng = np.random.default_rng(15)
    baseline, run = make_baseline(rng), make_run(rng, 20)
    widths = []
    for runs in (baseline, [one.model_copy(update={"commit": "same"}) for one in baseline], within_one_hour(baseline)):
        finding = next(one for one in judge_once(runs, run).findings if one.endpoint == SLOW)
        widths.append(finding.interval[1] - finding.interval[0])
    assert widths == sorted(widths)


def test_unknown_builds_of_several_days_count_as_several() -> None:
    rng = np.random.default_rng(15)
    unknown = [run.model_copy(update={"commit": None}) for run in make_baseline(rng)]
    result = judge_once(unknown, make_run(rng, 20))
    assert result.comparison.builds == len(unknown) and result.comparison.reason == ""


def test_a_baseline_of_the_command_line_serves_airflow() -> None:
    rng = np.random.default_rng(16)
    run = make_run(rng, 20)
    by_airflow = run.model_copy(update={"host_class": run.host_class.model_copy(update={"executor": "airflow LocalExecutor"})})
    result = judge_once(make_baseline(rng), by_airflow)
    assert result.comparison.compared and "one runner, so 2 % of noise between runners was assumed" in result.comparison.reason


def test_other_plan_or_host_is_not_compared_and_says_so() -> None:
    rng = np.random.default_rng(16)
    baseline, run = make_baseline(rng), make_run(rng, 20)
    other_plan = judge_once(baseline, run.model_copy(update={"digest": "plan-2"}))
    assert not other_plan.comparison.compared and "another plan" in other_plan.comparison.reason
    host = run.host_class.model_copy(update={"cores": 64})
    other_host = judge_once(baseline, run.model_copy(update={"host_class": host}))
    assert not other_host.comparison.compared
    assert "cores 2 there, 64 here" in other_host.comparison.reason
