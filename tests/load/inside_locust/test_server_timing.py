from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.load.inside_locust.server_timing import parse_server_timing


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("db;dur=53.2", [("db", 53.2)]),
        ("db;dur=53, app;dur=47.2", [("db", 53.0), ("app", 47.2)]),
        ('cache;desc="Cache, Read";dur=23.2, miss', [("cache", 23.2)]),
        ('db;dur=1;desc="a;dur=9"', [("db", 1.0)]),
        ("total; dur=1.5 ;desc=x", [("total", 1.5)]),
        ("edge-Cache;dur=.5", [("edge_cache", 0.5)]),
        (["db;dur=1", "app;dur=2"], [("db", 1.0), ("app", 2.0)]),
        ("db;dur=oops, app;dur=-1, x;dur=nan", []),
        ("", []),
        (None, []),
    ],
)
def test_headers_as_servers_write_them(header: object, expected: list[tuple[str, float]]) -> None:
    assert parse_server_timing(header) == expected


@given(st.text(max_size=300))
def test_anything_is_survived_and_names_are_safe_for_columns(header: str) -> None:
    for name, milliseconds in parse_server_timing(header):
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert milliseconds >= 0
