from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from loadtest.analysis.analyze import analyze
from loadtest.analysis.models import RunMetrics
from loadtest.analysis.prometheus import prometheus_text
from tests.analysis.builders import START_US, random_table, sample_table, write_run

SERIES = {"scenario": "student_api", "environment": "staging", "profile": "smoke"}


@pytest.fixture
def metrics(tmp_path: Path) -> RunMetrics:
    return analyze(write_run(tmp_path, random_table(np.random.default_rng(1), 2_000)))


def families_of(metrics: RunMetrics) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(prometheus_text(metrics).decode())}


def values(family: Metric, suffix: str = "", **labels: str) -> dict[str, float]:
    """By endpoint (empty for the run)."""
    return {
        sample.labels.get("endpoint", ""): sample.value
        for sample in family.samples
        if sample.name == family.name + suffix and labels.items() <= sample.labels.items()
    }


def test_a_sum_over_endpoints_counts_each_request_once(metrics: RunMetrics) -> None:
    families = families_of(metrics)
    by_endpoint = values(families["loadtest_requests"])
    assert by_endpoint == {one.endpoint: one.n for one in metrics.endpoints}
    assert sum(by_endpoint.values()) == metrics.total.n
    assert values(families["loadtest_run_requests"]) == {"": metrics.total.n}
    assert values(families["loadtest_run_failures"]) == {"": metrics.total.errors}


def test_latencies_are_summaries_in_seconds(metrics: RunMetrics) -> None:
    latency = families_of(metrics)["loadtest_request_duration_seconds"]
    assert latency.type == "summary"
    assert values(latency, quantile="0.95") == {one.endpoint: one.p95_ms / 1000 for one in metrics.endpoints if one.p95_ms}
    assert values(latency, "_count") == {one.endpoint: one.n - one.errors for one in metrics.endpoints}
    for one in metrics.endpoints:
        assert one.mean_ms is not None
        mean_s = values(latency, "_sum")[one.endpoint] / values(latency, "_count")[one.endpoint]
        assert mean_s == pytest.approx(one.mean_ms / 1000)


def test_server_time_says_how_many_reported_it(metrics: RunMetrics) -> None:
    server = families_of(metrics)["loadtest_server_duration_seconds"]
    parts = {one.endpoint: part for one in metrics.endpoints for part in one.server}
    assert values(server, "_count", component="db") == {name: part.n for name, part in parts.items()}
    assert values(server, quantile="0.5", component="db") == {name: part.p50_ms / 1000 for name, part in parts.items()}


def test_the_next_run_continues_the_series(metrics: RunMetrics) -> None:
    families = families_of(metrics)
    for family in families.values():
        for sample in family.samples:
            assert sample.labels.items() >= SERIES.items()
            assert ("run_id" in sample.labels) == (family.name == "loadtest_run_info")
    (info,) = families["loadtest_run_info"].samples
    assert (info.labels["run_id"], info.labels["commit"], info.value) == ("run-1", "abc1234", 1)


def test_names_and_labels_follow_the_conventions(metrics: RunMetrics) -> None:
    for family in families_of(metrics).values():
        assert family.documentation
        assert not family.name.endswith(("_total", "_count", "_sum", "_ms"))
        for sample in family.samples:
            assert family.type == "summary" or "quantile" not in sample.labels


def test_a_run_without_samples_has_a_text_too(tmp_path: Path) -> None:
    families = families_of(analyze(write_run(tmp_path, None)))
    assert values(families["loadtest_run_requests"]) == {"": 0}
    assert "loadtest_requests" not in families


def test_hostile_names_stay_labels(tmp_path: Path) -> None:
    hostile = 'GET /"}\n# HELP x\nevil 1 \\'
    table = sample_table(start_us=[START_US + 5_000_000], latency_us=[10], endpoint=[hostile])
    families = families_of(analyze(write_run(tmp_path, table)))
    assert "evil" not in families
    assert values(families["loadtest_requests"]) == {hostile: 1}
