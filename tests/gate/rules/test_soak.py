"""Growth within one run at constant load: found where it surely goes on, and not in noise, a start or a step."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from loadtest.analysis.models import Analysis, EndpointTimeline, Phase, TimelinePoint
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.soak import judge_soak
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import make_plan

BINS, BIN_S = 120, 30.0
TIME = np.arange(BINS) / BINS
FLAT = np.zeros(BINS)


def line(factor: np.ndarray, errors: np.ndarray, seed: int, *, lasting: float) -> tuple[TimelinePoint, ...]:
    """Bins of 60 requests around 20 ms, `factor` times as slow, with noise of which a part lasts."""
    rng, noise = np.random.default_rng(seed), np.zeros(BINS)
    for number in range(1, BINS):
        noise[number] = lasting * noise[number - 1] + rng.normal(0, 0.08 * math.sqrt(1 - lasting**2))
    return tuple(
        TimelinePoint(
            start_s=number * BIN_S,
            n=60,
            errors=int(errors[number]),
            rps=2,
            p50_ms=20 * factor[number] * math.exp(noise[number]),
            p95_ms=50 * factor[number] * math.exp(noise[number] + rng.normal(0, 0.1)),
        )
        for number in range(BINS)
    )


def judged(
    *factors: np.ndarray, errors: np.ndarray = FLAT, leaks: str = "fail", seed: int = 1, lasting: float = 0.3, **profile: object
) -> list[Finding]:
    lines = [
        EndpointTimeline(endpoint=f"GET /{n}", points=line(f, errors, seed + n, lasting=lasting)) for n, f in enumerate(factors)
    ]
    steady = Phase(name="steady", start_s=0, end_s=BINS * BIN_S)
    total = line(FLAT + 1, errors, seed + 99, lasting=lasting)
    analysis = Analysis(run_id="r", bin_s=BIN_S, phases=(steady,), timeline=total, endpoint_timelines=tuple(lines), failures=())
    return list(judge_soak(make_plan(leaks=leaks, duration="1h", **profile), analysis))


def test_an_endpoint_that_becomes_slower_and_slower_is_named_with_how_much() -> None:
    (finding,) = judged(1 + TIME, FLAT + 1, FLAT + 1, FLAT + 1)
    assert (finding.criterion, finding.outcome, finding.endpoint) == (Criterion.SERVICE, Outcome.FAIL, "GET /0")
    assert finding.sentence.startswith("GET /0 became slower over 48m at constant load: p")
    assert 0.2 <= finding.evidence["surely_grew"] <= 0.75
    assert finding.reference < finding.observed


def test_most_endpoints_together_are_one_finding() -> None:
    (finding,) = judged(*[1 + TIME] * 4)
    assert finding.sentence.startswith("4 of 4 endpoints became slower over 48m at constant load, GET /")


def test_errors_that_become_more_and_more_are_found() -> None:
    (finding,) = judged(FLAT + 1, errors=np.floor(TIME * 12))
    assert finding.metric == "error_rate"
    assert "error rate of all requests grew from" in finding.sentence


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_lasting_noise_is_no_trend(seed: int) -> None:
    assert judged(*[FLAT + 1] * 4, seed=seed, lasting=0.8) == []


@pytest.mark.parametrize(
    "factor", [1 + 2 * np.exp(-TIME * 30), 1 + 1.0 * (TIME > 0.35), 1 + 0.5 * np.sin(TIME * 20), 2 - TIME], ids=str
)
def test_a_start_a_step_waves_and_getting_faster_are_no_trend(factor: np.ndarray) -> None:
    assert judged(factor, FLAT + 1) == []


def test_other_profiles_warn_and_changing_loads_are_not_judged() -> None:
    assert [finding.outcome for finding in judged(1 + TIME, leaks="warn")] == [Outcome.WARN]
    assert list(judge_soak(make_plan(), None)) == []
    stages = SimpleNamespace(profile=SimpleNamespace(stages=(1,), search=None, leaks="fail"), against=None)
    assert (
        list(judge_soak(stages, Analysis(run_id="r", bin_s=1, phases=(), timeline=(), endpoint_timelines=(), failures=()))) == []
    )
