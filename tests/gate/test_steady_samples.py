"""The gate sees exactly the requests that metrics.json counts, by endpoint and in time order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadtest.errors import ConfigurationError
from loadtest.gate.steady_samples import Latencies, read_steady_samples
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
        np.testing.assert_array_equal(values, latency[mine & ~failed] / 1000)
        np.testing.assert_allclose(starts, start[mine & ~failed] - RAMP_S, atol=2e-5)


def test_latencies_are_made_when_asked_for_and_only_of_successes(tmp_path: Path) -> None:
    start = np.full(6, 10.0)
    write(tmp_path / "s.parquet", start, np.arange(6), np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 1, 1]))
    latencies = Latencies(read_steady_samples(tmp_path / "s.parquet", make_load()))
    assert list(latencies) == ["GET /a"]
    assert len(latencies) == 1
    np.testing.assert_array_equal(latencies["GET /a"], [0.0, 0.002])
    assert latencies.get("GET /b") is None


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
