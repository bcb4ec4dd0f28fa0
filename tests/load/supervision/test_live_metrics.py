"""What Prometheus reads while a load runs."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.errors import ConfigurationError
from loadtest.load.control import run
from loadtest.load.live import LiveStats
from loadtest.load.live_address import live_address
from loadtest.load.supervision.live_metrics import LiveMetrics
from loadtest.load.supervision.tail import SAMPLE_DTYPE
from loadtest.processes import free_port
from tests.gate.run_facts import make_plan
from tests.load.control.loads import start
from tests.support.http_server import CountingServer
from tests.support.waiting import until


def scraped(port: int) -> dict[tuple[str, str, str], float]:
    """By name, endpoint and bucket."""
    import httpx

    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).raise_for_status().text
    return {
        (sample.name, sample.labels.get("endpoint", ""), sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def stats_of(latencies_ms: list[float], errors: int = 0) -> LiveStats:
    samples = np.zeros(len(latencies_ms), SAMPLE_DTYPE)
    samples["latency_us"] = np.array(latencies_ms) * 1000
    samples["error"][:errors] = 1
    stats = LiveStats()
    stats.add(samples, {0: "GET /a"})
    return stats


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    found = free_port()
    monkeypatch.setenv("LOADTEST_LIVE_METRICS_PORT", str(found))
    return found


def test_counts_and_buckets_are_those_of_the_load(port: int) -> None:
    metrics = LiveMetrics(make_plan())
    try:
        metrics.tell(stats_of([4, 20, 20, 300], errors=1), users=7)
        found = scraped(port)
    finally:
        metrics.close()
    assert found["loadtest_live_requests_total", "GET /a", ""] == 4
    assert found["loadtest_live_failures_total", "GET /a", ""] == 1
    assert found["loadtest_live_users", "", ""] == 7
    name = "loadtest_live_request_duration_seconds"
    assert [found[f"{name}_bucket", "GET /a", le] for le in ("0.005", "0.01", "0.025", "0.25", "0.5", "+Inf")] == [
        1,
        1,
        3,
        3,
        4,
        4,
    ]
    assert found[f"{name}_count", "GET /a", ""] == 4
    assert found[f"{name}_sum", "GET /a", ""] == pytest.approx(0.344, rel=0.02)


def test_it_is_off_unless_a_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADTEST_LIVE_METRICS_PORT", raising=False)
    assert live_address() is None
    assert not LiveMetrics(make_plan()).is_on


def test_a_taken_port_is_said_and_costs_nothing(port: int) -> None:
    first, second = LiveMetrics(make_plan()), LiveMetrics(make_plan())
    try:
        assert first.is_on
        assert not second.is_on
        assert f"port {port} of 127.0.0.1 cannot be used" in second.problem
        second.tell(stats_of([1]), users=1)
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize(("variable", "value"), [("PORT", "many"), ("PORT", "70000"), ("BIND", "a b")])
def test_what_is_no_port_or_address_is_refused_before_the_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path, server: CountingServer, variable: str, value: str
) -> None:
    monkeypatch.setenv("LOADTEST_LIVE_METRICS_PORT", "9106")
    monkeypatch.setenv(f"LOADTEST_LIVE_METRICS_{variable}", value)
    with pytest.raises(ConfigurationError, match=f"LOADTEST_LIVE_METRICS_{variable} is '{value}'"):
        start(tmp_path, server)
    assert server.total == 0


@pytest.mark.slow
def test_a_real_load_can_be_looked_at_while_it_runs(tmp_path, server: CountingServer, port: int) -> None:
    import httpx

    handle = start(tmp_path, server, duration_s=6)

    def some() -> bool:
        try:
            return sum(value for (name, _, _), value in scraped(port).items() if name == "loadtest_live_requests_total") > 10
        except httpx.HTTPError:
            return False

    until(some)
    result = run.wait_for_load(handle)
    assert result.samples == server.total
    with pytest.raises(httpx.ConnectError):
        scraped(port)
