"""Bounds of targets on latencies: exact for an endpoint, a bucket wider for all requests together."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.gate.rules.latency_bounds import latency_bounds
from loadtest.gate.statistics.bounds import mean_bounds, quantile_bounds
from loadtest.gate.statistics.steady_samples import EndpointSamples
from loadtest.planning.criteria import Target

SIZES = {"GET /a": 4000, "GET /b": 70, "GET /never succeeded": 0}


def samples(scale_us: float) -> dict[str, EndpointSamples]:
    rng = np.random.default_rng(1)
    return {
        name: EndpointSamples(rng.lognormal(np.log(scale_us), 1.0, n).astype(np.uint32), np.arange(n, dtype=np.uint32))
        for name, n in SIZES.items()
    }


def target(endpoint: str | None, metric: str = "p95_ms") -> Target:
    return Target(endpoint=endpoint, metric=metric, limit=100)


def test_only_what_has_a_target_and_a_success_is_bounded() -> None:
    mine, never, errors = target("GET /b"), target("GET /never succeeded"), target("GET /a", "error_rate")
    found = latency_bounds((mine, never, errors), samples(20_000))
    assert list(found) == [mine]
    assert found[mine].lower < found[mine].upper


def test_an_endpoint_is_bounded_by_its_own_latencies() -> None:
    drawn = samples(20_000)
    (bounds,) = latency_bounds((target("GET /a"),), drawn).values()
    exact = quantile_bounds(drawn["GET /a"].latency_us, 0.95)
    assert (bounds.lower, bounds.upper) == (exact.lower / 1000, exact.upper / 1000)


@pytest.mark.parametrize("scale_us", [300, 20_000, 5_000_000])
@pytest.mark.parametrize(("metric", "quantile"), [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)])
def test_all_requests_together_are_bounded_a_bucket_wider_at_most(scale_us: float, metric: str, quantile: float) -> None:
    drawn = samples(scale_us)
    (bounds,) = latency_bounds((target(None, metric),), drawn).values()
    exact = quantile_bounds(np.concatenate([own.latency_us for own in drawn.values()]), quantile)
    if exact.upper < 16_000:
        assert (bounds.lower, bounds.upper) == (exact.lower / 1000, exact.upper / 1000)
    assert exact.lower * (1 - 6.2e-5) <= bounds.lower * 1000 <= exact.lower
    assert exact.upper <= bounds.upper * 1000 <= exact.upper * (1 + 6.2e-5)


def test_the_mean_of_all_requests() -> None:
    drawn = samples(20_000)
    everything = np.concatenate([own.latency_us for own in drawn.values()]) / 1000
    (bounds,) = latency_bounds((target(None, "mean_ms"),), drawn).values()
    exact = mean_bounds(len(everything), everything.mean(), everything.std(ddof=1))
    assert (bounds.lower, bounds.upper) == pytest.approx((exact.lower, exact.upper), rel=1e-3)


def test_nothing_succeeded() -> None:
    never = {"GET /a": EndpointSamples(np.zeros(0, np.uint32), np.zeros(0, np.uint32), errors=9)}
    assert latency_bounds((target(None), target("GET /a")), never) == {}
