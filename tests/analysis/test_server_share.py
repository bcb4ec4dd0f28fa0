from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analysis.server_share import OUTSIDE, slowdown_shares

MS = st.floats(0.01, 10_000)


def test_a_slow_database_explains_the_slowdown() -> None:
    shares = slowdown_shares(30, {"db": 22, "app": 3}, 20, {"db": 12.5, "app": 2.8})
    assert shares is not None
    assert shares.dominant == "db"
    assert shares.share("db") == pytest.approx(0.95)
    assert shares.sentence == "+10.0 ms: db +9.5 ms (95 %), outside the server +0.3 ms (3 %), app +0.2 ms (2 %)"


def test_what_the_server_did_not_see_is_outside_it() -> None:
    shares = slowdown_shares(80, {"db": 10, "app": 5}, 20, {"db": 10, "app": 5})
    assert shares is not None
    assert shares.dominant == OUTSIDE


def test_a_total_encloses_the_other_components() -> None:
    shares = slowdown_shares(40, {"total": 30, "db": 10}, 20, {"total": 12, "db": 9})
    assert shares is not None
    assert shares.parts_ms == pytest.approx({"db": 1, "other (server)": 17, OUTSIDE: 2})


@pytest.mark.parametrize(
    ("candidate", "server", "reference", "before"),
    [
        (20.1, {"db": 9.0}, 20.0, {"db": 8.0}),  # no slowdown to speak of
        (15.0, {"db": 9.0}, 20.0, {"db": 8.0}),  # faster
        (30.0, {"db": 9.0}, 20.0, {"cache": 8.0}),  # nothing in common
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
