"""The judge as tests call it: one run, or a run with its confirmations, against a baseline of simulated summaries."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from loadtest.gate.comparison import ComparisonResult, compare
from loadtest.gate.records.summaries import RunSummary
from loadtest.planning.criteria import Criteria
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.simulated_summaries import NAMES, make_run

TOLERANCE = 0.20
SLOW = NAMES[3]
seeds = st.integers(0, 10_000)


def judge_once(baseline: list[RunSummary], run: RunSummary, criteria: Criteria | None = None) -> ComparisonResult:
    return compare(baseline, [run], criteria or Criteria(), TOLERANCE, confirmed=False)


def judge_confirmed(baseline: list[RunSummary], runs: list[RunSummary], criteria: Criteria | None = None) -> ComparisonResult:
    return compare(baseline, runs, criteria or Criteria(), TOLERANCE, confirmed=True)


def candidates(rng: np.random.Generator, count: int = 3, **options: object) -> list[RunSummary]:
    return [make_run(rng, 20 + number, build="new", **options) for number in range(count)]


def outcomes(result: ComparisonResult) -> dict[tuple[str, str | None, str | None], Outcome]:
    return {(one.criterion, one.endpoint, one.metric): one.outcome for one in result.findings}


def regressions(result: ComparisonResult, *levels: Outcome) -> set[str | None]:
    return {one.endpoint for one in result.findings if one.criterion is Criterion.REGRESSION and one.outcome in levels}


def without(run: RunSummary, endpoint: str) -> RunSummary:
    return run.model_copy(update={"endpoints": tuple(one for one in run.endpoints if one.endpoint != endpoint)})
