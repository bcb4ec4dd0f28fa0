"""Proposed targets: twice the p95, rounded up to what people say, never from a handful of requests."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.models import EndpointMetrics
from loadtest.scaffolding.proposal import propose, round_up


def metrics(endpoint: str, p95_ms: float | None, n: int = 50, errors: int = 0) -> EndpointMetrics:
    return EndpointMetrics(endpoint=endpoint, n=n, errors=errors, error_rate=errors / n, rps=1, p95_ms=p95_ms)


@given(st.floats(min_value=1, max_value=1e6))
def test_rounding_goes_up_and_not_far(value: float) -> None:
    assert value - 1e-6 <= round_up(value) <= value * 2.01


def test_a_proposal_is_a_targets_file_that_says_what_it_is() -> None:
    seen = [metrics("GET /a", 130), metrics("GET /b: c", 3), metrics("GET /rare", 10, n=4), metrics("GET /bad", None, errors=50)]
    text = propose(seen, metrics("", 90)).text("run x")
    assert text.startswith("# PROPOSED from run x")
    assert "# 2 endpoints had fewer than 5 successful requests" in text
    assert yaml.safe_load(text) == {
        "endpoints": {"GET /a": {"p95_ms": 300}, "GET /b: c": {"p95_ms": 50}},
        "total": {"p95_ms": 200, "error_rate": "1%"},
    }


def test_a_few_slow_requests_do_not_make_the_limit_of_all_together_a_lottery() -> None:
    total = metrics("", 27).model_copy(update={"p99_ms": 3008})
    assert propose([], total).together == 4000
