from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadtest.analysis.samples import NO_OUTCOME, OTHER, UNNAMED_ENDPOINT, Names, SampleFile, Samples
from loadtest.errors import ConfigurationError
from tests.analysis.builders import START_US, random_table, sample_table, write_run

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def parquet(path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, path / "samples.parquet", **options)
    return path / "samples.parquet"


def read_whole(path: Path, columns: tuple[str, ...] | None = None) -> tuple[SampleFile, Samples]:
    file = SampleFile(path)
    (samples,) = file.chunks(columns)
    return file, samples


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(1), 1_000)
    file, samples = read_whole(parquet(tmp_path, table))
    frame = table.to_pandas()
    assert samples.n == file.rows == 1_000
    assert samples.start_us.tolist() == frame.start_us.tolist()
    assert samples.latency_us.tolist() == frame.latency_us.tolist()
    assert [file.endpoints.all[code] for code in samples.endpoint] == frame.endpoint.tolist()
    assert [file.errors.all[code] for code in samples.error] == frame.error.tolist()
    assert samples.failed.tolist() == (frame.error.astype(str) != "").tolist()
    values, reported = samples.server["db"]
    assert reported.tolist() == frame.server_db_us.notna().tolist()
    assert values[reported].tolist() == frame.server_db_us.dropna().astype(int).tolist()
    assert file.components == ("db",)


def test_only_the_asked_columns_are_read(tmp_path: Path) -> None:
    path = parquet(tmp_path, random_table(np.random.default_rng(1), 10))
    _, samples = read_whole(path, ("latency_us",))
    assert len(samples.latency_us) == 10
    assert (len(samples.start_us), len(samples.endpoint), samples.server) == (0, 0, {})


def test_chunks_are_bounded_and_codes_stable(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(2), 1_000, endpoints=30)
    file = SampleFile(parquet(tmp_path, table, row_group_size=64))
    chunks = list(file.chunks(("endpoint",), chunk_rows=100))
    assert max(chunk.n for chunk in chunks) <= 100
    again = list(file.chunks(("endpoint",), chunk_rows=333))
    codes = [np.concatenate([chunk.endpoint for chunk in part]) for part in (chunks, again)]
    assert np.array_equal(codes[0], codes[1])
    assert file.count_endpoints().tolist() == np.bincount(codes[0]).tolist()


def test_strange_but_readable_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "start_us": pa.array([START_US, None], pa.int64()),
            "latency_us": pa.array([float("nan"), 1e12], pa.float64()),
            "endpoint": pa.array(["GET /a", None]),
            "error": pa.array([None, ""]),
        }
    )
    file, samples = read_whole(parquet(tmp_path, table))
    assert samples.latency_us.tolist() == [0, 2**32 - 1]
    assert [file.endpoints.all[code] for code in samples.endpoint] == ["GET /a", UNNAMED_ENDPOINT]
    assert samples.failed.tolist() == [True, False]
    assert NO_OUTCOME in file.errors.all
    assert samples.users.tolist() == [0, 0]
    assert file.count_missing() == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"latency_us": pa.array(["1"])}, "'latency_us' holds string, not numbers"),
        ({"endpoint": pa.array([7])}, "'endpoint' holds int64, not text"),
        ({"error": None}, "lacks the column 'error'"),
    ],
)
def test_a_file_that_is_no_samples_file_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    columns = {"start_us": [1], "latency_us": [1], "endpoint": ["a"], "error": [""], **change}
    path = parquet(tmp_path, pa.table({name: values for name, values in columns.items() if values is not None}))
    with pytest.raises(ConfigurationError, match=words):
        SampleFile(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all" * 100])
def test_a_file_that_is_not_parquet_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "samples.parquet"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="cannot be read as parquet"):
        SampleFile(path)


def test_more_names_than_codes_share_the_last_one() -> None:
    names = Names("")
    codes = {names.code(f"n{number}") for number in range(70_000)}
    assert max(codes) <= 65_535
    assert names.all[-1] == OTHER


def test_no_rows_at_all(tmp_path: Path) -> None:
    file = SampleFile(parquet(tmp_path, sample_table(start_us=[], latency_us=[], endpoint=[])))
    assert list(file.chunks()) == []
    assert (file.time_range_us(), file.count_missing(), file.count_endpoints().tolist()) == (None, 0, [])


def test_reading_does_not_import_pandas(tmp_path: Path) -> None:
    folder = write_run(tmp_path, random_table(np.random.default_rng(1), 100))
    script = (
        "import sys; from pathlib import Path; from loadtest.analysis.samples import SampleFile;"
        f"list(SampleFile(Path({str(folder.samples)!r})).chunks()); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(PLUGINS)}, check=False).returncode == 0
