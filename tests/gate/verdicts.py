"""Findings and verdicts as tests make them."""

from __future__ import annotations

import numpy as np

from loadtest.gate.records.findings import Comparison, Finding
from loadtest.gate.verdict import Judgment, judge_run
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import make_plan

TARGETS = (Target(endpoint="GET /a", metric="p95_ms", limit=100), Target(endpoint=None, metric="error_rate", limit=0.01))
NOT_COMPARED = Comparison(compared=False, reason="no baseline yet, so nothing was compared")
COMPARED = Comparison(compared=True, baseline_version=1, baseline_runs=8, builds=3)


def regression(endpoint: str, outcome: Outcome, upper: float = 0.1, **more: object) -> Finding:
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=outcome,
        sentence=f"{endpoint} compared",
        endpoint=endpoint,
        metric="p95_ms",
        interval=(-0.1, upper),
        **more,
    )


def judged(*findings: Finding, plan: Plan | None = None, comparison: Comparison = COMPARED) -> Judgment:
    return judge_run(plan or make_plan(), findings, comparison)


def latencies(p50_ms: float, n: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(np.log(p50_ms), 0.4, n)
