from __future__ import annotations

import numpy as np

from loadtest.load.abort import AbortWatch, describe
from loadtest.load.live import Counts, LiveStats, bucket_of
from loadtest.load.tail import SAMPLE_DTYPE
from loadtest.planning.models import AbortCriterion

ERRORS = AbortCriterion.model_validate({"metric": "error_rate", "above": 0.5, "for": "6s"})
SLOW = AbortCriterion.model_validate({"metric": "p95_ms", "above": 100, "for": 3, "endpoint": "GET /x"})


def second(requests: int = 0, failures: int = 0, latency_ms: float = 10, endpoint: str = "GET /x") -> dict[str, Counts]:
    counts = Counts()
    latencies = np.full(requests, latency_ms * 1000)
    counts.add(bucket_of(latencies), np.arange(requests) < failures)
    return {endpoint: counts}


def seconds_until_abort(criterion: AbortCriterion, seconds: list[dict[str, Counts]]) -> int | None:
    watch = AbortWatch((criterion,))
    return next((number for number, counts in enumerate(seconds, 1) if watch.second(counts)), None)


def test_lasting_errors_abort_when_the_time_is_full() -> None:
    assert seconds_until_abort(ERRORS, [second(10, 10)] * 20) == 6


def test_a_short_burst_of_errors_does_not() -> None:
    assert seconds_until_abort(ERRORS, [second(10, 0)] * 5 + [second(100, 100)] * 3 + [second(10, 0)] * 10) is None


def test_rare_requests_do_not_hide_lasting_errors() -> None:
    assert seconds_until_abort(ERRORS, [second(2, 2), second()] * 10) == 6


def test_too_few_requests_decide_nothing() -> None:
    assert seconds_until_abort(ERRORS, [second(1, 1), *[second()] * 5] * 10) is None


def test_only_the_named_endpoint_counts() -> None:
    assert seconds_until_abort(SLOW, [second(10, latency_ms=500, endpoint="GET /y")] * 10) is None
    assert seconds_until_abort(SLOW, [second(10, latency_ms=500)] * 10) == 3


def test_the_facts_carry_criterion_and_value() -> None:
    watch = AbortWatch((SLOW,))
    facts = [watch.second(second(10, latency_ms=500)) for _ in range(3)][-1]
    assert facts is not None and facts.criterion == describe(SLOW) == "p95_ms of GET /x above 100 for 3s"
    assert abs(facts.value - 500) / 500 < 0.02


def test_live_quantiles_are_within_their_bucket() -> None:
    rng = np.random.default_rng(3)
    samples = np.zeros(50_000, dtype=SAMPLE_DTYPE)
    samples["latency_us"] = rng.lognormal(9, 1, len(samples))
    stats = LiveStats()
    stats.add(samples, {0: "GET /x"})
    stats.second()
    for q in (0.5, 0.95, 0.99):
        exact = np.quantile(samples["latency_us"], q) / 1000
        assert abs(stats.recent.quantile_ms(q) - exact) / exact < 0.02
    (row,) = stats.endpoint_progress(10)
    assert (row.endpoint, row.requests, row.rps, row.failures) == ("GET /x", 50_000, 5000.0, 0)
