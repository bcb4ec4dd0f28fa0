"""The gate sees exactly the requests that metrics.json counts, by endpoint and in time order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadtest.errors import ConfigurationError
from loadtest.gate.statistics import steady_samples
from loadtest.gate.statistics.steady_samples import read_steady_samples
from tests.gate.run_facts import DURATION_S, RAMP_S, STARTED_AT, make_load

NAMES = ("GET /a", "GET /b", "POST /never")


def write(path: Path, start_s: np.ndarray, latency_us: np.ndarray, endpoint: np.ndarray, failed: np.ndarray) -> None:
    """Samples that started `start_s` after the load did."""
    first_us = round(STARTED_AT.timestamp() * 1e6)
    n = len(start_s)
    columns = {
        "start_us": pa.array(first_us + np.round(start_s * 1e6).astype("int64")),
        "latency_us": pa.array(latency_us.astype("uint32")),
        "endpoint": pa.DictionaryArray.from_arrays(pa.array(endpoint.astype("uint16")), pa.array(NAMES)),
        "error": pa.DictionaryArray.from_arrays(pa.array(failed.astype("uint16")), pa.array(["", "boom"])),
        "worker": pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, "uint16")), pa.array(["local/1"])),
    }
    pq.write_table(pa.table(columns), str(path), row_group_size=1000)


def test_by_endpoint_in_the_steady_phase(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n = 5000
    start, latency = rng.uniform(0, DURATION_S + 3, n), rng.integers(1, 500_000, n)
    endpoint, failed = rng.integers(0, 2, n), rng.random(n) < 0.1
    write(tmp_path / "samples.parquet", start, latency, endpoint, failed)
    samples = read_steady_samples(tmp_path / "samples.parquet", make_load())
    assert sorted(samples) == ["GET /a", "GET /b"]
    for code, name in enumerate(NAMES[:2]):
        mine = (start >= RAMP_S) & (start < DURATION_S) & (endpoint == code)
        assert (samples[name].n, samples[name].errors) == (mine.sum(), (mine & failed).sum())
        values, starts = samples[name].successes()
        np.testing.assert_array_equal(samples[name].latency_us, latency[mine & ~failed])
        np.testing.assert_allclose(values, latency[mine & ~failed] / 1000, rtol=1e-7)
        np.testing.assert_allclose(starts * 1e-5, start[mine & ~failed] - RAMP_S, atol=2e-5)
        assert samples[name].latency_sum_us == latency[mine].sum()


def test_an_endpoint_without_a_success_or_without_a_steady_request(tmp_path: Path) -> None:
    write(tmp_path / "s.parquet", np.array([10.0, 10, 1, 2]), np.arange(4), np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    samples = read_steady_samples(tmp_path / "s.parquet", make_load())
    assert list(samples) == ["GET /a", "GET /b"] and len(samples) == 2
    assert (samples["GET /a"].n, samples["GET /a"].errors, len(samples["GET /a"].latency_us)) == (2, 2, 0)
    assert samples["GET /b"].n == 0
    assert samples.get("POST /never") is None


def test_more_requests_than_memory_are_read_in_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    n = 900
    rows = (rng.uniform(RAMP_S, DURATION_S, n), rng.integers(1, 500_000, n), rng.integers(0, 3, n), rng.random(n) < 0.1)
    write(tmp_path / "s.parquet", *rows)
    whole = dict(read_steady_samples(tmp_path / "s.parquet", make_load()))
    monkeypatch.setattr(steady_samples, "REQUESTS_A_PASS", 700)
    reads: list[list[str]] = []
    read = steady_samples.SteadySamples._read
    monkeypatch.setattr(steady_samples.SteadySamples, "_read", lambda self, names: reads.append(names) or read(self, names))
    parts = read_steady_samples(tmp_path / "s.parquet", make_load())
    for name, own in parts.items():
        np.testing.assert_array_equal(own.latency_us, whole[name].latency_us)
        np.testing.assert_array_equal(own.start_ticks, whole[name].start_ticks)
        assert (own.errors, own.latency_sum_us) == (whole[name].errors, whole[name].latency_sum_us)
    assert reads == [["GET /a", "GET /b"], ["POST /never"]]


def test_a_load_that_was_cut_short_counts_until_its_end(tmp_path: Path) -> None:
    write(tmp_path / "s.parquet", np.array([10.0, 39.9, 40.1]), np.ones(3), np.zeros(3), np.zeros(3))
    load = make_load(ended_at=STARTED_AT + timedelta(seconds=40), steady_ended_at=None)
    assert read_steady_samples(tmp_path / "s.parquet", load)["GET /a"].n == 2


def test_no_steady_phase_no_samples(tmp_path: Path) -> None:
    assert read_steady_samples(tmp_path / "nowhere.parquet", make_load(steady_started_at=None, steady_ended_at=None)) == {}


@pytest.mark.parametrize("content", [b"", b"PAR1 but no parquet", None])
def test_a_missing_or_damaged_file_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "samples.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"samples\.parquet") as error:
        read_steady_samples(path, make_load())
    assert "\n" not in str(error.value)
