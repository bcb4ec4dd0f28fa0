"""Run summaries: right values, honest variances, and nonsense refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.gate.statistics.summary import quantile, summarize_arrays, summarize_endpoint, summarize_run
from tests.gate.simulated_summaries import FIRST_RUN, HOST

latencies = st.lists(st.floats(0.001, 1e6), min_size=2, max_size=300)


def summarize(latency: np.ndarray, start: np.ndarray | None = None):
    start = np.arange(len(latency), dtype=float) if start is None else start
    return summarize_endpoint(latency, start, len(latency), 0, "GET /a")


@settings(deadline=None)
@given(latencies)
def test_quantiles_are_numpys(values: list[float]) -> None:
    summary = summarize(np.array(values))
    for field, share in (("log_p50", 0.5), ("log_p95", 0.95), ("log_p99", 0.99)):
        assert getattr(summary, field) == pytest.approx(np.quantile(np.log(values), share), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=300), st.floats(0.01, 100))
def test_scaling_moves_locations_and_nothing_else(values: list[float], factor: float) -> None:
    before, after = summarize(np.array(values)), summarize(np.array(values) * factor)
    for field in ("lm", "log_p50", "log_p95", "log_p99", "t10"):
        assert getattr(after, field) - getattr(before, field) == pytest.approx(math.log(factor), abs=1e-6)
    for field in ("sh", "var_lm", "var_sh"):
        assert getattr(after, field) == pytest.approx(getattr(before, field), rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(latencies, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(values: list[float], shuffler) -> None:
    rows = list(enumerate(values))
    shuffler.shuffle(rows)
    start, latency = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert summarize(latency, start) == summarize(np.array(values))


def test_variances_match_repetition_of_independent_requests() -> None:
    rng = np.random.default_rng(1)
    runs = [summarize(np.exp(rng.normal(3, 0.5, 2000))) for _ in range(300)]
    for value, variance in (("lm", "var_lm"), ("log_p50", "var_log_p50"), ("log_p95", "var_log_p95"), ("sh", "var_sh")):
        seen = np.var([getattr(run, value) for run in runs])
        claimed = np.mean([getattr(run, variance) for run in runs])
        assert 0.75 < claimed / seen < 1.6, value


def test_variances_match_repetition_of_correlated_requests() -> None:
    """A slow load level makes neighbors alike: the textbook variance would be ten times too small."""
    rng = np.random.default_rng(2)
    runs, textbook = [], []
    for _ in range(200):
        level = np.repeat(rng.normal(0, 0.4, 60), 33)
        log_latency = 3 + level + rng.normal(0, 0.3, len(level))
        runs.append(summarize(np.exp(log_latency)))
        textbook.append(log_latency.var() / len(log_latency))
    seen = np.var([run.lm for run in runs])
    assert np.mean(textbook) < seen / 5
    assert 0.6 < np.mean([run.var_lm for run in runs]) / seen < 1.6
    p95 = np.var([run.log_p95 for run in runs])
    assert 0.5 < np.mean([run.var_log_p95 for run in runs]) / p95 < 2


def test_one_wild_request_hardly_moves_the_location() -> None:
    rng = np.random.default_rng(3)
    latency = np.exp(rng.normal(3, 0.5, 500))
    spoiled = latency.copy()
    spoiled[7] = 1e7
    assert abs(summarize(spoiled).lm - summarize(latency).lm) < 0.01


@pytest.mark.parametrize("count", [0, 1])
def test_without_requests_there_is_no_value(count: int) -> None:
    summary = summarize(np.full(count, 5.0))
    assert summary.n == count
    assert summary.var_lm is None and summary.log_p95 is None
    assert (summary.lm is None) == (count == 0)


def test_identical_latencies() -> None:
    summary = summarize(np.full(50, 7.0))
    assert (summary.lm, summary.log_p95) == pytest.approx((math.log(7), math.log(7)))
    assert summary.sh == pytest.approx(0, abs=1e-12) and summary.var_lm == pytest.approx(0, abs=1e-20)


def test_zero_latency_has_a_logarithm() -> None:
    assert math.isfinite(summarize(np.array([0.0, 0.0, 1.0])).lm)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_nonsense_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        summarize(np.array([1.0, bad, 2.0]))
    with pytest.raises(ValueError, match="cannot have"):
        summarize_endpoint(np.ones(3), np.arange(3.0), 5, 1, "GET /a")
    with pytest.raises(ValueError, match="equally long"):
        summarize_endpoint(np.ones(3), np.arange(2.0), 3, 0, "GET /a")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.floats(0.1, 100)), max_size=100))
def test_arrays_split_into_endpoints_without_loss(rows: list[tuple[int, bool, float]]) -> None:
    code = np.array([row[0] for row in rows], dtype=np.uint16)
    failed = np.array([row[1] for row in rows], dtype=bool)
    latency = np.array([row[2] for row in rows], dtype=float)
    names = ["e", "d", "c", "b", "a"]
    summaries = summarize_arrays(latency, np.arange(len(rows), dtype=float), code, failed, names)
    assert [one.endpoint for one in summaries] == sorted({names[row[0]] for row in rows})
    assert sum(one.n for one in summaries) == len(rows)
    assert sum(one.errors for one in summaries) == int(failed.sum())


def test_run_summary_is_small() -> None:
    rng = np.random.default_rng(4)
    n = 5000
    run = summarize_run(
        run_id="r1",
        started_at=FIRST_RUN,
        duration_s=60,
        digest="d",
        host_class=HOST,
        latency_ms=np.exp(rng.normal(3, 0.4, n)),
        start_s=np.sort(rng.uniform(0, 60, n)),
        endpoint_code=rng.integers(0, 9, n),
        is_error=np.zeros(n, dtype=bool),
        names=[f"GET /{place}" for place in range(9)],
    )
    assert run.rps == pytest.approx(n / 60)
    assert len(run.endpoints) == 9
    assert len(run.model_dump_json()) < 5000


def test_quantile_of_one_value() -> None:
    assert quantile(np.array([3.0]), 0.95) == 3.0
