"""A target fails only what is surely beyond it, and is met only by what is surely within."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.rules.latency_bounds import latency_bounds
from loadtest.gate.rules.targets import judge_targets
from loadtest.gate.statistics.steady_samples import EndpointSamples
from loadtest.planning.criteria import Target
from loadtest.vocabulary import Evidence, Outcome
from tests.gate.run_facts import HOST, STARTED_AT, make_endpoint, make_metrics, make_plan

P95_100 = Target(endpoint="GET /a", metric="p95_ms", limit=100)


def judge(values: np.ndarray, target: Target = P95_100, evidence: Evidence = Evidence.CONCLUSIVE, history: tuple = ()) -> Finding:
    metrics = make_metrics(
        make_endpoint("GET /a", len(values), p50_ms=float(np.median(values)), p95_ms=float(np.quantile(values, 0.95)))
    )
    samples = {"GET /a": EndpointSamples(latency_us=values * 1000, start_ticks=np.arange(len(values)))}
    bounds = latency_bounds((target,), samples)
    (finding,) = judge_targets(make_plan(targets=(target,), evidence=evidence), metrics, bounds, history)
    return finding


def latencies(p95_ms: float, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(np.log(p95_ms) - 1.645 * 0.5, 0.5, n)


def test_surely_above_fails_and_says_the_bound() -> None:
    finding = judge(latencies(497, 400))
    assert finding.outcome is Outcome.FAIL
    assert finding.sentence.startswith("GET /a p95 is 4")
    assert "target 100 ms (95 % lower bound" in finding.sentence
    assert finding.evidence["lower_95"] > 100
    assert finding.interval is not None and finding.interval[0] < finding.observed < finding.interval[1]


def test_surely_below_passes() -> None:
    assert judge(latencies(40, 400)).outcome is Outcome.PASS


def test_above_without_certainty_warns() -> None:
    values = np.concatenate([np.full(94, 50.0), np.full(6, 120.0)])
    finding = judge(values)
    assert finding.observed > 100
    assert finding.outcome is Outcome.WARN
    assert "above, but not significantly" in finding.sentence


def test_below_without_certainty_is_inconclusive() -> None:
    finding = judge(np.concatenate([np.full(96, 50.0), np.full(4, 120.0)]))
    assert finding.observed < 100
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "met, but not significantly: 95 % upper bound 120 ms" in finding.sentence


def test_too_few_requests_never_prove_a_target() -> None:
    assert judge(np.full(58, 10.0)).outcome is Outcome.INCONCLUSIVE
    assert "too few to be certain" in judge(np.full(58, 10.0)).sentence
    assert judge(np.full(59, 10.0)).outcome is Outcome.PASS
    p99 = Target(endpoint="GET /a", metric="p99_ms", limit=100)
    assert judge(np.full(298, 10.0), p99).outcome is Outcome.INCONCLUSIVE
    assert judge(np.full(299, 10.0), p99).outcome is Outcome.PASS


def test_one_or_two_slow_first_requests_do_not_fail_a_run() -> None:
    assert judge(np.full(1, 900.0)).outcome is Outcome.WARN
    assert judge(np.full(2, 900.0)).outcome is Outcome.WARN
    assert judge(np.full(3, 900.0)).outcome is Outcome.FAIL
    for n in range(3, 40):
        assert judge(np.concatenate([np.full(2, 900.0), np.full(n, 10.0)])).outcome is not Outcome.FAIL


def test_indicative_runs_fail_only_what_is_surely_beyond() -> None:
    assert judge(latencies(497, 60), evidence=Evidence.INDICATIVE).outcome is Outcome.FAIL
    unsure = judge(np.concatenate([np.full(10, 50.0), np.full(2, 120.0)]), evidence=Evidence.INDICATIVE)
    assert unsure.outcome is Outcome.PASS
    assert "above, but not significantly" in unsure.sentence and "indicative" in unsure.sentence
    few = judge(np.full(5, 10.0), evidence=Evidence.INDICATIVE)
    assert few.outcome is Outcome.PASS
    assert "indicative" in few.sentence


def test_an_endpoint_without_requests_is_never_a_conclusive_pass() -> None:
    metrics = make_metrics(make_endpoint("GET /b", 100))
    (finding,) = judge_targets(make_plan(targets=(P95_100,)), metrics, {})
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "never requested" in finding.sentence
    (finding,) = judge_targets(make_plan(targets=(P95_100,), evidence=Evidence.INDICATIVE), metrics, {})
    assert finding.outcome is Outcome.PASS
    assert "never requested" in finding.sentence


def test_without_samples_a_latency_is_judged_by_no_bound() -> None:
    (finding,) = judge_targets(make_plan(targets=(P95_100,)), make_metrics(make_endpoint("GET /a", 300)), None)
    assert finding.outcome is Outcome.INCONCLUSIVE
    slow = make_metrics(make_endpoint("GET /a", 300, p95_ms=400))
    (finding,) = judge_targets(make_plan(targets=(P95_100,)), slow, None)
    assert finding.outcome is Outcome.WARN


def test_an_endpoint_that_only_fails_misses_its_latency_target() -> None:
    (finding,) = judge_targets(make_plan(targets=(P95_100,)), make_metrics(make_endpoint("GET /a", 50, 50)), {})
    assert finding.outcome is Outcome.FAIL
    assert "never succeeded (50 requests, all failed)" in finding.sentence


@pytest.mark.parametrize(
    ("errors", "n", "outcome"),
    [
        (0, 298, Outcome.INCONCLUSIVE),
        (0, 299, Outcome.PASS),
        (6, 500, Outcome.WARN),
        (30, 500, Outcome.FAIL),
    ],
)
def test_error_rate_of_the_whole_run(errors: int, n: int, outcome: Outcome) -> None:
    target = Target(endpoint=None, metric="error_rate", limit=0.01)
    (finding,) = judge_targets(make_plan(targets=(target,)), make_metrics(make_endpoint("GET /a", n, errors)), {})
    assert finding.outcome is outcome
    assert finding.sentence.startswith("all requests error rate is")


def test_throughput_targets_are_lower_limits() -> None:
    def outcome(limit: float) -> Outcome:
        target = Target(endpoint=None, metric="rps", limit=limit)
        return judge_targets(make_plan(targets=(target,)), make_metrics(make_endpoint("GET /a", 1200)), {})[0].outcome

    assert outcome(8) is Outcome.PASS
    assert outcome(10.1) is Outcome.WARN
    assert outcome(12) is Outcome.FAIL


def earlier_runs(*p95_ms: float) -> tuple[RunSummary, ...]:
    return tuple(
        RunSummary(
            run_id=f"b{number}",
            started_at=STARTED_AT - timedelta(days=number),
            duration_s=120,
            digest="d1",
            host_class=HOST,
            rps=5,
            endpoints=(EndpointSummary(endpoint="GET /a", n=500, errors=0, log_p95=float(np.log(value))),),
        )
        for number, value in enumerate(p95_ms)
    )


def test_runs_that_differ_widen_the_bounds() -> None:
    values = latencies(90, 3000)
    assert judge(values).outcome is Outcome.PASS
    steady, shaky = earlier_runs(90, 90.5, 89.5, 90), earlier_runs(60, 90, 120, 80)
    assert judge(values, history=steady).outcome is Outcome.PASS
    finding = judge(values, history=shaky)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "between 4 runs" in finding.evidence["bounds"]
    assert judge(values, history=shaky[:2]).outcome is Outcome.PASS  # two runs say nothing about their spread


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 1000), n=st.integers(8, 300))
def test_a_unit_changes_no_outcome(scale: float, seed: int, n: int) -> None:
    values = latencies(100, n, seed)
    scaled = Target(endpoint="GET /a", metric="p95_ms", limit=100 * scale)
    assert judge(values).outcome is judge(values * scale, scaled).outcome
