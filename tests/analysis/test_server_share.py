from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.models import EndpointMetrics, ServerTime
from loadtest.analysis.server_share import OUTSIDE, mean_parts, slowdown_shares

MS = st.floats(0.01, 10_000)


def test_a_slow_database_explains_the_slowdown() -> None:
    shares = slowdown_shares(30, {"db": 22, "app": 3}, 20, {"db": 12.5, "app": 2.8})
    assert shares is not None
    assert shares.dominant == "db"
    assert shares.share("db") == pytest.approx(0.95)
    assert shares.sentence == "+10.0 ms: db +9.5 ms (95 %), outside what the server reports +0.3 ms (3 %), app +0.2 ms (2 %)"


def test_what_the_server_did_not_see_is_outside_it() -> None:
    shares = slowdown_shares(80, {"db": 10, "app": 5}, 20, {"db": 10, "app": 5})
    assert shares is not None
    assert shares.dominant == OUTSIDE


def test_a_total_encloses_the_other_components() -> None:
    shares = slowdown_shares(40, {"total": 30, "db": 10}, 20, {"total": 12, "db": 9})
    assert shares is not None
    assert shares.parts_ms == pytest.approx({"db": 1, "other (server)": 17, OUTSIDE: 2})


def test_a_component_that_more_requests_need_is_a_rise_of_its_mean() -> None:
    """Cache hits fell from 90 % to 10 %: each database call takes 50 ms, as before."""
    shares = slowdown_shares(60, {"db": 45, "app": 10}, 20, {"db": 5, "app": 10})
    assert shares is not None
    assert shares.sentence == "+40.0 ms: db +40.0 ms (100 %), app +0.0 ms (0 %), outside what the server reports +0.0 ms (0 %)"


def test_a_component_that_no_request_needed_before_explains_its_share() -> None:
    shares = slowdown_shares(60, {"db": 40, "app": 10}, 20, {"app": 10})
    assert shares is not None
    assert shares.dominant == "db"


def test_the_parts_of_the_mean_add_up_to_it() -> None:
    server = (
        ServerTime(component="db", n=12, p50_ms=180, p95_ms=300, mean_ms=2.4),
        ServerTime(component="app", n=1000, p50_ms=5, p95_ms=8, mean_ms=6.0),
    )
    row = EndpointMetrics(endpoint="GET /a", n=1000, errors=0, error_rate=0, rps=1, mean_ms=20.0, server=server)
    assert mean_parts(row) == pytest.approx({"app": 6.0, "db": 2.4, OUTSIDE: 11.6})
    assert list(mean_parts(row))[-1] == OUTSIDE
    assert mean_parts(row.model_copy(update={"server": ()})) == {}


@pytest.mark.parametrize(
    ("candidate", "server", "reference", "before"),
    [
        (20.1, {"db": 9.0}, 20.0, {"db": 8.0}),  # no slowdown to speak of
        (15.0, {"db": 9.0}, 20.0, {"db": 8.0}),  # faster
        (30.0, {"db": 9.0}, 20.0, {}),  # nothing was reported before
        (30.0, {}, 20.0, {"db": 9.0}),
        (None, {"db": 9.0}, 20.0, {"db": 8.0}),
        (30.0, {"db": 9.0}, None, {"db": 8.0}),
        (30.0, {"db": 9.0}, 0.0, {"db": 8.0}),
    ],
)
def test_nothing_is_explained_where_there_is_nothing_to_explain(candidate, server, reference, before) -> None:
    assert slowdown_shares(candidate, server, reference, before) is None


@given(MS, MS, MS, MS, MS, MS)
def test_the_parts_add_up(candidate: float, reference: float, db: float, db_before: float, app: float, app_before: float) -> None:
    shares = slowdown_shares(candidate, {"db": db, "app": app}, reference, {"db": db_before, "app": app_before})
    if shares is not None:
        assert sum(shares.parts_ms.values()) == pytest.approx(shares.slowdown_ms, abs=1e-6)
