from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.analyze import analyze
from loadtest.analysis.failures import CAUSE_LENGTH, RawFailures, cause_of, group_failures
from loadtest.analysis.models import Analysis
from tests.analysis.builders import START, START_US, sample_table, write_run


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        ("HTTP 503 after 1203 ms", 503, "HTTP 503 after {n} ms"),
        ("student 17 not found", 404, "student {n} not found"),
        ("no /x/3f2b8c1e-1111-4222-8333-444455556666", 404, "no /x/{id}"),
        ("<Thing object at 0x7f3a9c>", 0, "<Thing object at {id}>"),
        ("token a94a8fe5ccb19ba61c4c0873d391e987982fbbd3 expired", 0, "token {id} expired"),
        ("line one\n   line two\t3.5", 0, "line one line two {n}"),
        (
            "not sent to http://10.0.0.7:9000, because this run may only send load to http://localhost:8000",
            0,
            "not sent to http://10.0.0.7:9000, because this run may only send load to http://localhost:8000",
        ),
        ("GET http://shop-2.example:8080/orders/17?page=3", 0, "GET http://shop-2.example:8080/orders/{n}?page={n}"),
        ("Pool(host='127.0.0.1', port=8000) order 17", 0, "Pool(host='127.0.0.1', port=8000) order {n}"),
        ("127.0.0.1:8000 refused after 12.5 s", 0, "127.0.0.1:8000 refused after {n} s"),
        ("order:17 of version 1.2.3.4.5", 0, "order:{n} of version {n}"),
        ("utf8 base64 http2 decade", 0, "utf8 base64 http2 decade"),
    ],
)
def test_what_differs_from_request_to_request_is_folded(error: str, status: int, cause: str) -> None:
    assert cause_of(error, status) == cause


@given(st.text(max_size=3_000), st.integers(0, 999))
def test_causes_are_short_and_stable(error: str, status: int) -> None:
    cause = cause_of(error, status)
    assert len(cause) <= CAUSE_LENGTH
    assert cause == cause_of(error + " ", status) or len(error) >= CAUSE_LENGTH


def test_a_long_text_costs_little_and_is_cut() -> None:
    assert cause_of("x" * 1_000_000).endswith("…")


def test_secrets_in_error_texts_are_masked() -> None:
    assert "hunter2" not in cause_of("login failed: password=hunter2")


def test_groups_join_causes_and_keep_first_and_last(tmp_path: Path) -> None:
    errors = ["HTTP 500 id 1", "HTTP 500 id 2", "", "HTTP 500 id 3", "timeout"]
    table = sample_table(
        start_us=[START_US + second * 1_000_000 for second in (9, 3, 4, 6, 1)],
        latency_us=[1] * 5,
        endpoint=["GET /a", "GET /a", "GET /a", "GET /b", "GET /a"],
        error=errors,
        status=[500, 500, 200, 500, 0],
    )
    folder = write_run(tmp_path, table, row_group_size=2)
    analyze(folder)
    groups = Analysis.read(folder.analysis).failures
    assert [(group.endpoint, group.cause, group.status, group.count) for group in groups] == [
        ("GET /a", "HTTP 500 id {n}", 500, 2),
        ("GET /a", "timeout", 0, 1),
        ("GET /b", "HTTP 500 id {n}", 500, 1),
    ]
    assert groups[0].first_at == START + timedelta(seconds=3)
    assert groups[0].last_at == START + timedelta(seconds=9)


def test_the_most_frequent_groups_are_kept_and_the_others_counted() -> None:
    letters = [f"cause {chr(97 + number // 676)}{chr(97 + number // 26 % 26)}{chr(97 + number % 26)}" for number in range(2_500)]
    raw = [RawFailures(0, number, 500, 1 + number % 7, 0, 0) for number in range(2_500)]
    groups, omitted = group_failures(raw, ["GET /a"], letters)
    assert (len(groups), omitted) == (2_000, 500)
    assert min(group.count for group in groups) >= 2
