"""From request events to parquet, without Locust: values, names, odd input, torn files, memory."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from geventhttpclient.header import Headers as FastHeaders
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.load import streams
from loadtest.load.inside_locust.recorder import MAX_CACHED_NAMES, Recorder, describe_error
from loadtest.load.streams import OTHER
from loadtest.load.supervision.convert import Conversion, convert_streams

START = 2_000_000_000


class Response:
    def __init__(self, status_code: object = 200, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.headers = headers or {}


class LocustLikeStatistics:
    """Adds up as Locust does, and fails as it does when it cannot (Locust itself would patch this process's sockets)."""

    total_ms = total_bytes = 0

    def log_request(self, method: str, name: str, response_time: float | None, content_length: int) -> None:
        if response_time is not None:
            self.total_ms += round(response_time)
        self.total_bytes += content_length

    def log_error(self, method: str, name: str, error: object) -> None:
        hash((method, name, str(error)))


def recorder_at(root: Path, worker: str = "local/0", patterns: list[tuple[str, str]] | None = None) -> Recorder:
    return Recorder(root / worker.replace("/", "-"), worker=worker, patterns=patterns or [])


def converted(root: Path) -> tuple[Conversion, pd.DataFrame]:
    conversion = convert_streams(root, root / "samples.parquet", root / "exemplars.json")
    return conversion, pd.read_parquet(root / "samples.parquet")


def request(recorder: Recorder, name: str = "/x", **values: object) -> None:
    path_or_name = {"request_type": "GET", "name": name, "response_time": 5.0, "response_length": 7, "start_time": START}
    recorder.on_request(**{**path_or_name, "response": Response(), "url": f"http://h{name}"} | values)


@pytest.mark.parametrize("milliseconds", [2, 7, 45, 180, 950])
def test_every_quantile_equals_that_of_the_raw_latencies(tmp_path: Path, milliseconds: int) -> None:
    latencies_ms = np.random.default_rng(milliseconds).lognormal(np.log(milliseconds), 0.3, 20_000)
    recorder = recorder_at(tmp_path)
    for latency_ms in latencies_ms:
        request(recorder, response_time=float(latency_ms))
    recorder.flush()
    _, frame = converted(tmp_path)
    for q in (0.5, 0.9, 0.95, 0.99, 0.999):
        exact, ours = np.quantile(latencies_ms, q), np.quantile(frame.latency_us / 1000, q)
        assert abs(ours - exact) <= 0.001, "a microsecond at most"


def test_each_column_holds_what_was_reported(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path, "eu/3")
    recorder.users = 12
    request(recorder, "/students/17?a=1", response=Response(201, {"server-timing": "db;dur=1.25"}))
    request(recorder, "/students/18", response=Response(404), exception=ValueError("no such student"))
    recorder.flush()
    conversion, frame = converted(tmp_path)
    assert conversion.samples == 2 and conversion.endpoints == ["GET /students/{id}"]
    first, second = frame.to_dict("records")
    assert first | {"server_db_us": int(first["server_db_us"])} == {
        "start_us": START * 1_000_000,
        "latency_us": 5000,
        "late_us": 0,
        "endpoint": "GET /students/{id}",
        "error": "",
        "status": 201,
        "response_bytes": 7,
        "users": 12,
        "worker": "eu/3",
        "server_db_us": 1250,
    }
    assert (second["error"], second["status"]) == ("ValueError: no such student", 404)
    assert pd.isna(second["server_db_us"])


def test_processes_with_different_numbers_for_the_same_names_agree_afterwards(tmp_path: Path) -> None:
    one, other = recorder_at(tmp_path, "local/0"), recorder_at(tmp_path, "local/1")
    request(one, "/a", response=Response(headers={"server-timing": "db;dur=1"}))
    request(one, "/b")
    request(other, "/b", response=Response(headers={"server-timing": "app;dur=2, db;dur=3"}))
    for recorder in (one, other):
        recorder.flush()
    _, frame = converted(tmp_path)
    assert list(zip(frame.worker, frame.endpoint, strict=True)) == [
        ("local/0", "GET /a"),
        ("local/0", "GET /b"),
        ("local/1", "GET /b"),
    ]
    assert frame.server_db_us.fillna(-1).tolist() == [1000, -1, 3000]
    assert frame.server_app_us.fillna(-1).tolist() == [-1, -1, 2000]


def test_a_torn_last_record_is_dropped_and_counted(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path)
    for _ in range(5):
        request(recorder)
    recorder.flush()
    path = tmp_path / "local-0" / streams.SAMPLES
    os.truncate(path, path.stat().st_size - 3)
    with (tmp_path / "local-0" / streams.NAMES).open("a") as names:
        names.write('{"kind": "endpoi')
    conversion, frame = converted(tmp_path)
    assert (conversion.samples, conversion.torn_records, len(frame)) == (4, 1, 4)


def test_no_streams_at_all_are_an_empty_table(tmp_path: Path) -> None:
    conversion, frame = converted(tmp_path)
    assert conversion.samples == 0 and frame.empty and "endpoint" in frame


class Unhelpful:
    """Answers of clients that are no HTTP: headers that are a method, a status that cannot be turned into a number."""

    def __init__(self, status_code: object) -> None:
        self.status_code = status_code

    def headers(self) -> list[tuple[str, bytes]]:
        return []

    def __int__(self) -> int:
        raise RuntimeError("no number")


odd_statuses = st.none() | st.integers(-5, 10**6) | st.text(max_size=3) | st.sampled_from([HTTPStatus.OK, Unhelpful(1)])
odd_numbers = st.none() | st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "request_type": st.text(max_size=5),
                "name": st.text(max_size=20),
                "response_time": st.none() | st.floats() | st.text(max_size=3),
                "response_length": odd_numbers,
                "response": st.builds(Response, odd_statuses) | st.builds(Unhelpful, odd_statuses) | st.none(),
                "exception": st.none() | st.text(max_size=50) | st.builds(ValueError, st.text(max_size=500)),
                "start_time": st.none() | st.floats() | st.floats(0, 4e9),
                "url": st.none() | st.text(max_size=20),
            }
        ),
        max_size=20,
    )
)
def test_no_request_is_ever_dropped_whatever_a_client_reports(tmp_path_factory: pytest.TempPathFactory, events: list) -> None:
    root = tmp_path_factory.mktemp("odd")
    recorder = Recorder(root / "local-0", worker="local/0", patterns=[], stats=LocustLikeStatistics())
    for event in events:
        recorder.on_request(**event)
    recorder.flush()
    conversion, frame = converted(root)
    assert conversion.samples == len(frame) == len(events)


def test_names_without_number_do_not_fill_the_memory(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path)
    for number in range(MAX_CACHED_NAMES + 10):
        request(recorder, f"/students/{number}")
    assert len(recorder._endpoint_of) <= MAX_CACHED_NAMES
    recorder.flush()
    assert converted(tmp_path)[0].endpoints == ["GET /students/{id}"]


def test_too_many_endpoints_become_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.load.inside_locust.recorder.MAX_ENDPOINTS", 3)
    recorder = recorder_at(tmp_path)
    for name in "abcdef":
        request(recorder, f"/{name}")
    recorder.flush()
    _, frame = converted(tmp_path)
    assert frame.endpoint.tolist() == ["GET /a", "GET /b", "GET /c", OTHER, OTHER, OTHER]


def test_the_slowest_requests_are_kept_with_their_trace(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path)
    sent = []
    for milliseconds in range(100):
        sent.append(recorder.next_traceparent("GET", "/students/17?a=1"))
        request(recorder, response_time=float(milliseconds))
        if milliseconds % 10 == 0:
            recorder.flush()
    recorder.flush()
    converted(tmp_path)
    exemplars = json.loads((tmp_path / "exemplars.json").read_text())["exemplars"]
    assert [exemplar["latency_ms"] for exemplar in exemplars] == [99, 98, 97, 96, 95]
    assert exemplars[0]["trace_id"] == sent[99].split("-")[1]


def test_what_is_no_request_of_ours_has_no_trace_of_ours(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path)
    recorder.next_traceparent("GET", "/students/17?a=1")
    request(recorder, "/traced")
    request(recorder, "queue", url=None)
    recorder.own_trace("GET", "/own")
    request(recorder, "/own")
    recorder.flush()
    converted(tmp_path)
    exemplars = json.loads((tmp_path / "exemplars.json").read_text())["exemplars"]
    assert [bool(exemplar["trace_id"]) for exemplar in exemplars] == [False, True, False]  # /own, /traced, queue


def test_requests_in_flight_are_those_that_nobody_reported(tmp_path: Path) -> None:
    recorder = recorder_at(tmp_path)
    recorder.next_traceparent("GET", "/students/17?a=1")
    recorder.next_traceparent("GET", "/students/17?a=1")  # follows a redirect
    assert recorder.unanswered() == {"GET /students/{id}": 1}
    request(recorder)
    assert not recorder.in_flight


@pytest.mark.parametrize("nothing", [None, "", False])
def test_an_exception_that_is_none_is_a_success_as_for_locust(tmp_path: Path, nothing: object) -> None:
    recorder = recorder_at(tmp_path)
    request(recorder, exception=nothing)
    recorder.flush()
    assert converted(tmp_path)[1].error.tolist() == [""]


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (ConnectionRefusedError(111, "Connection refused"), 0, "ConnectionRefusedError: [Errno 111] Connection refused"),
        ("plain text", 0, "plain text"),
        (RuntimeError(), 0, "RuntimeError"),
        (RuntimeError("<object at 0x7f00aa>"), 0, "RuntimeError: <object at 0x…>"),
        (RuntimeError("two\nlines"), 0, "RuntimeError: two lines"),
    ],
)
def test_errors_are_told_in_words_that_repeat(error: BaseException | str, status: int, expected: str) -> None:
    assert describe_error(error, status) == expected


@pytest.mark.parametrize("kind", [dict, FastHeaders])
def test_server_timing_of_any_client_and_notation(tmp_path: Path, kind: type) -> None:
    recorder = recorder_at(tmp_path)
    for header in (
        "app;dur=2, db;dur=1",
        "db;dur=3",
        'app;desc="x";dur=4',
        "app;dur=-5,db;dur=6",
        "new;dur=7, app;dur=8",
        "junk",
    ):
        headers = kind()
        headers["server-timing"] = header
        request(recorder, response=Response(headers=headers))
    request(recorder)
    recorder.flush()
    _, frame = converted(tmp_path)
    assert frame.server_app_us.fillna(-1).tolist() == [2000, -1, 4000, -1, 8000, -1, -1]
    assert frame.server_db_us.fillna(-1).tolist() == [1000, 3000, -1, 6000, -1, -1, -1]
    assert frame.server_new_us.fillna(-1).tolist() == [-1, -1, -1, -1, 7000, -1, -1]
