from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from loadtest.errors import ConfigurationError
from loadtest.load.abort import AbortWatch, check_endpoints, describe
from loadtest.load.live import Counts, LiveStats, bucket_of
from loadtest.load.supervision.tail import SAMPLE_DTYPE
from loadtest.planning.models import Plan
from loadtest.planning.profiles import AbortCriterion
from tests.load.plans import plan_of, write_scenario

ERRORS = AbortCriterion.model_validate({"metric": "error_rate", "above": 0.5, "for": "6s"})
SLOW = AbortCriterion.model_validate({"metric": "p95_ms", "above": 100, "for": 3, "endpoint": "GET /x"})


def second(requests: int = 0, failures: int = 0, latency_ms: float = 10, endpoint: str = "GET /x") -> dict[str, Counts]:
    counts = Counts()
    latencies = np.full(requests, latency_ms * 1000)
    counts.add(bucket_of(latencies), np.arange(requests) < failures)
    return {endpoint: counts}


def seconds_until_abort(criterion: AbortCriterion, seconds: list[dict[str, Counts]], waiting: int = 0) -> int | None:
    watch = AbortWatch((criterion,))
    return next((number for number, counts in enumerate(seconds, 1) if watch.second(counts, waiting)), None)


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


@pytest.mark.parametrize(
    ("criterion", "after_s"),
    [
        ({"metric": "p95_ms", "above": "5s", "for": "30s"}, 30),
        ({"metric": "p95_ms", "above": "5s", "for": "10s", "endpoint": "GET /x"}, 10),
        ({"metric": "p99_ms", "above": "40s", "for": "10s"}, 42),
        ({"metric": "p50_ms", "above": "100ms", "for": "1s"}, 2),
        ({"metric": "error_rate", "above": "50%", "for": "10s"}, None),
    ],
)
def test_requests_that_nobody_answers_count_with_the_time_they_have_waited(criterion: dict, after_s: int | None) -> None:
    asked = AbortCriterion.model_validate(criterion)
    assert seconds_until_abort(asked, [second()] * 600, waiting=1) == after_s
    assert seconds_until_abort(asked, [second()] * 600, waiting=0) is None


def test_rare_waves_of_slow_answers_do_not_hide_that_everybody_waits() -> None:
    asked = AbortCriterion.model_validate({"metric": "p95_ms", "above": "5s", "for": "30s"})
    wave = [*[second()] * 19, second(50, latency_ms=20_000)]
    assert seconds_until_abort(asked, wave * 3, waiting=50) == 30


def test_answers_that_keep_coming_are_no_hang() -> None:
    asked = AbortCriterion.model_validate({"metric": "p95_ms", "above": "5s", "for": "10s"})
    assert seconds_until_abort(asked, [second(), second(), second(1)] * 40, waiting=50) is None
    assert seconds_until_abort(SLOW, [second(1, latency_ms=5, endpoint="GET /y")] * 40, waiting=50) is None


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("GET /api/v1/students/17", "recorded as GET /api/v1/students/{id};"),
        ("GET /api/v1/courses?page=2", "recorded as GET /api/v1/courses;"),
        ("GET /files/report", "recorded as GET /files/{name};"),
    ],
)
def test_a_criterion_on_an_endpoint_that_no_request_is_recorded_as_is_refused(tmp_path: Path, endpoint: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        check_endpoints(plan_with(tmp_path, endpoint))


@pytest.mark.parametrize(
    "endpoint", [None, "GET /api/v1/students/{id}", "GET /files/{name}", "queue publish grades", "POST checkout", "think"]
)
def test_a_criterion_on_an_endpoint_as_it_is_recorded_is_accepted(tmp_path: Path, endpoint: str | None) -> None:
    check_endpoints(plan_with(tmp_path, endpoint))


def plan_with(tmp_path: Path, endpoint: str | None) -> Plan:
    criterion = {"metric": "p95_ms", "above": 100, "for": 1, "endpoint": endpoint}
    grouping = {"grouping": ({"match": "^/files/", "name": "/files/{name}"},)}
    return plan_of(write_scenario(tmp_path), "http://127.0.0.1:1", scenario=grouping, abort_when=(criterion,))


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
