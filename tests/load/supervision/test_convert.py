"""From raw streams to parquet where they are odd: repeated metrics, lost names, damaged exemplars, too many names."""

from __future__ import annotations

import json
import logging
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.load import streams
from loadtest.load.streams import OTHER, SAMPLE, SERVER_RECORD
from loadtest.load.supervision import convert, tail
from loadtest.load.supervision.convert import MAX_NAMES, UNKNOWN, Conversion, convert_streams
from loadtest.load.supervision.tail import SAMPLE_DTYPE, SERVER_DTYPE

START_US = 2_000_000_000_000_000


def write_worker(
    root: Path,
    samples: Sequence[tuple[int, int]],
    *,
    worker: str = "local-0",
    server: Sequence[tuple[int, int, int]] = (),
    exemplars: Sequence[object] = (),
    offset_s: float | None = None,
    **names: Sequence[str],
) -> Path:
    """Streams of one process. `samples`: (endpoint id, error id); `server`: (row, microseconds, component id);
    `names`: by kind, in the order of their ids (errors from 1)."""
    folder = root / worker
    folder.mkdir(parents=True)
    packed = [SAMPLE.pack(START_US + row, 5000, 0, 7, endpoint, error, 200, 1) for row, (endpoint, error) in enumerate(samples)]
    (folder / streams.SAMPLES).write_bytes(b"".join(packed))
    (folder / streams.SERVER).write_bytes(b"".join(SERVER_RECORD.pack(*record) for record in server))
    lines = [
        json.dumps({"kind": kind, "id": number, "name": name})
        for kind in names
        for number, name in enumerate(names[kind], start=1 if kind == "error" else 0)
    ]
    (folder / streams.NAMES).write_text("".join(line + "\n" for line in lines))
    (folder / streams.EXEMPLARS).write_text("".join(json.dumps(line) + "\n" for line in exemplars))
    if offset_s is not None:
        (folder / streams.OFFSET).write_text(json.dumps({"offset_s": offset_s}))
    return folder


def converted(root: Path) -> tuple[Conversion, pd.DataFrame, list[dict]]:
    conversion = convert_streams(root, root / "samples.parquet", root / "exemplars.json")
    exemplars = json.loads((root / "exemplars.json").read_text())["exemplars"]
    return conversion, pd.read_parquet(root / "samples.parquet"), exemplars


def test_repeated_metrics_of_one_response_are_added_up(tmp_path: Path) -> None:
    server = [(0, 5000, 0), (0, 7000, 0), (0, 1000, 1), (2, 3000, 0), (2, 2**32 - 1, 1), (2, 5, 1)]
    write_worker(tmp_path, [(0, 0)] * 3, server=server, endpoint=["GET /x"], component=["db", "app"])
    _, frame, _ = converted(tmp_path)
    assert frame.server_db_us.fillna(-1).tolist() == [12_000, -1, 3000]
    assert frame.server_app_us.fillna(-1).tolist() == [1000, -1, 2**32 - 1], "as much as the column can hold"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    samples=st.integers(0, 30),
    rows_per_group=st.integers(1, 10),
    server=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 10**6), st.integers(0, 2)), max_size=60).map(sorted),
)
def test_server_times_are_the_same_however_the_rows_are_cut(
    tmp_path_factory: pytest.TempPathFactory, samples: int, rows_per_group: int, server: list[tuple[int, int, int]]
) -> None:
    root = tmp_path_factory.mktemp("cut")
    write_worker(root, [(0, 0)] * samples, server=server, endpoint=["GET /x"], component=["a", "b", "c"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "ROWS_PER_GROUP", rows_per_group)
        _, frame, _ = converted(root)
    for number, component in enumerate("abc"):
        reported = [[us for row, us, which in server if (row, which) == (wanted, number)] for wanted in range(samples)]
        assert frame[f"server_{component}_us"].fillna(-1).tolist() == [sum(us) if us else -1 for us in reported]


def test_memory_is_bounded_by_the_rows_of_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, group = 800_000, 20_000
    folder = write_worker(tmp_path, [], endpoint=["GET /x"], component=["db"])
    np.zeros(rows, SAMPLE_DTYPE).tofile(folder / streams.SAMPLES)
    server = np.zeros(rows, SERVER_DTYPE)
    server["row"] = np.arange(rows)
    server.tofile(folder / streams.SERVER)
    monkeypatch.setattr(convert, "ROWS_PER_GROUP", group)
    monkeypatch.setattr(tail, "MAX_READ_BYTES", group)
    converted(tmp_path)  # imports and caches
    tracemalloc.start()
    try:
        convert_streams(tmp_path, tmp_path / "samples.parquet", tmp_path / "exemplars.json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < group * 160, "bytes; the records of a row take 38, its columns about twice as much"
    assert pd.read_parquet(tmp_path / "samples.parquet").server_db_us.notna().all()


def test_ids_without_a_name_are_unknown_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_worker(
        tmp_path, [(0, 0), (1, 0), (2, 1), (7, 0), (2, 2)], endpoint=["GET /b", "GET /a", "GET /c"], error=["boom"]
    )
    names = (folder / streams.NAMES).read_text().replace('"GET /a"}', '"GET /')  # torn, and the next line behind it
    (folder / streams.NAMES).write_text(names)
    write_worker(tmp_path, [(0, 0)], worker="local-1", endpoint=["GET /a"])
    with caplog.at_level(logging.WARNING):
        conversion, frame, _ = converted(tmp_path)
    assert frame.endpoint.tolist() == ["GET /b", UNKNOWN, "GET /c", UNKNOWN, "GET /c", "GET /a"]
    assert frame.error.tolist() == ["", "", "boom", "", UNKNOWN, ""], "a failure without a cause is no success"
    assert conversion.endpoints == ["GET /a", "GET /b", "GET /c", UNKNOWN]
    assert conversion.unknown_names == 3 and "3 samples have lost the name" in caplog.text


def test_samples_of_a_process_whose_names_are_all_lost_are_kept(tmp_path: Path) -> None:
    write_worker(tmp_path, [(0, 0), (5, 3)], server=[(0, 9, 0)])
    conversion, frame, _ = converted(tmp_path)
    assert frame.endpoint.tolist() == [UNKNOWN, UNKNOWN] and frame.error.tolist() == ["", UNKNOWN]
    assert (conversion.samples, conversion.unknown_names, conversion.endpoints) == (2, 2, [UNKNOWN])


def test_without_lost_names_nobody_hears_of_unknown_ones(tmp_path: Path) -> None:
    write_worker(tmp_path, [(0, 0)], endpoint=["GET /a"])
    conversion, frame, _ = converted(tmp_path)
    assert conversion.unknown_names == 0 and UNKNOWN not in conversion.endpoints
    assert list(frame.endpoint.cat.categories) == ["GET /a"]


def slow(endpoint: object, latency_us: object = 9000, status: object = 200) -> dict[str, object]:
    return {"endpoint": endpoint, "slowest": [[latency_us, START_US, status, 0, "ab"]]}


@pytest.mark.parametrize(
    "bad",
    [
        slow(0, status="oops"),
        slow(0, latency_us=None),
        slow([0]),
        {"endpoint": 0},
        {"endpoint": 0, "slowest": [[1, 2, 3]]},
        {"endpoint": 0, "slowest": [[9000, 10**30, 200, 0, ""]]},
        {"endpoint": 0, "slowest": 17},
        17,
        None,
    ],
)
def test_a_damaged_exemplar_is_left_out_and_the_run_is_kept(
    tmp_path: Path, bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    write_worker(tmp_path, [(0, 0)], exemplars=[slow(0, 8000), bad, slow(1, 7000)], endpoint=["GET /a", "GET /b"])
    with caplog.at_level(logging.WARNING):
        conversion, _, exemplars = converted(tmp_path)
    assert conversion.samples == 1 and "1 lines with slow requests" in caplog.text
    assert [(one["endpoint"], one["latency_ms"]) for one in exemplars] == [("GET /a", 8), ("GET /b", 7)]


def test_the_last_line_of_an_endpoint_counts(tmp_path: Path) -> None:
    write_worker(tmp_path, [(0, 0)], exemplars=[slow(0, 8000), slow(3, 1), slow(0, 9000)], endpoint=["GET /a"])
    _, _, exemplars = converted(tmp_path)
    assert [(one["endpoint"], one["latency_ms"]) for one in exemplars] == [(UNKNOWN, 0.001), ("GET /a", 9)]


def test_exemplars_of_remote_workers_stand_on_the_clock_of_the_samples(tmp_path: Path) -> None:
    write_worker(tmp_path, [(0, 0)], exemplars=[slow(0)], offset_s=-12.5, endpoint=["GET /a"])
    _, frame, (exemplar,) = converted(tmp_path)
    assert frame.start_us.tolist() == [START_US - 12_500_000]
    assert datetime.fromisoformat(exemplar["start"]) == datetime.fromtimestamp(START_US / 1e6 - 12.5, UTC)


def test_of_more_names_than_the_column_can_hold_the_first_are_kept(tmp_path: Path) -> None:
    count = 40_000
    for worker in ("a", "b"):
        write_worker(
            tmp_path, [(0, 0), (count - 1, 0)], worker=worker, endpoint=[f"GET /{worker}/{number}" for number in range(count)]
        )
    conversion, frame, _ = converted(tmp_path)
    assert frame.endpoint.tolist() == ["GET /a/0", OTHER, "GET /b/0", OTHER]
    assert len(conversion.endpoints) == MAX_NAMES and conversion.unknown_names == 0
