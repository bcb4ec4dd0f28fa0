from __future__ import annotations

from pathlib import Path

import numpy as np

from loadtest.analysis.analyze import grid_of
from loadtest.analysis.durations import BOUNDS_S, DurationHistogram, duration_histograms
from loadtest.analysis.samples import SampleFile
from loadtest.load.models import LoadResult
from loadtest.run_folder import RunFolder
from tests.analysis.builders import START_US, random_table, sample_table, write_run


def histograms_of(folder: RunFolder) -> list[DurationHistogram]:
    file = SampleFile(folder.samples)
    return duration_histograms(file, grid_of(LoadResult.read(folder.load), file, None))


def test_histograms_equal_numpy_on_the_raw_samples(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(SampleFile.chunks, "__kwdefaults__", {"chunk_rows": 700})
    table = random_table(np.random.default_rng(1), 5_000)
    frame = table.to_pandas()
    frame = frame[(frame.start_us >= START_US + 2_000_000) & (frame.start_us < START_US + 29_000_000)]
    found = histograms_of(write_run(tmp_path, table))
    assert {(one.endpoint, one.status, one.failed) for one in found} == {
        (f"GET /things/{code}", status, status == 503) for code in range(3) for status in (200, 503)
    }
    assert len(found) == 6
    for one in found:
        mine = frame[(frame.endpoint == one.endpoint) & (frame.status == one.status)].latency_us
        edges = [0, *(round(bound * 1e6) + 1 for bound in BOUNDS_S), 2**33]  # a bound belongs to the bucket below it
        assert one.counts.tolist() == np.histogram(mine.astype(np.int64), edges)[0].tolist()
        assert (one.n, one.sum_us, one.min_us, one.max_us) == (len(mine), mine.sum(), mine.min(), mine.max())


def test_extremes_have_their_buckets(tmp_path: Path) -> None:
    latency = [0, 5_000, 5_001, 10_000_000, 10_000_001, 2**32 - 1]
    table = sample_table(
        start_us=[START_US + 3_000_000] * 6, latency_us=latency, endpoint=["x"] * 6, status=[0] * 5 + [65_535], error=[""] * 6
    )
    one, odd = sorted(histograms_of(write_run(tmp_path, table)), key=lambda each: each.status)
    assert one.counts.tolist() == [2, 1, *[0] * 11, 1, 1]
    assert (odd.status, odd.max_us) == (1023, 2**32 - 1)


def test_nothing_steady_gives_no_histogram(tmp_path: Path) -> None:
    assert histograms_of(write_run(tmp_path, sample_table(start_us=[START_US], latency_us=[1], endpoint=["x"]))) == []
