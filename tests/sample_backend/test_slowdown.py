"""Slowdowns: the grammar, which loadtest reads as well, and what they do to requests."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import httpx
import pytest
import uvloop
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.errors import ConfigurationError
from loadtest.planning.slowdown import parse_slowdown as parse_in_core
from tests.sample_backend.running import PASSWORD, running

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "include"))

from sample_backend.slowdown import Slowdown, parse_slowdown, wait

endpoints = st.builds(
    lambda method, path: f"{method} /{path}",
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    st.from_regex(r"[a-z0-9/{}_.-]{0,20}", fullmatch=True),
)
numbers = st.integers(0, 99_999).map(str) | st.decimals(0, 99_999, places=2).map(str)
effects = st.one_of(
    st.tuples(numbers, st.sampled_from(["ms", "s"])).map(lambda pair: f"+{pair[0]}{pair[1]}"),
    numbers.map(lambda text: f"x{text}"),
)
shares = st.just("") | numbers.map(lambda text: f"@{text}%")
rules = st.builds(lambda endpoint, effect, share: f"{endpoint}={effect}{share}", endpoints, effects, shares)
texts = st.lists(rules | st.text(max_size=20), max_size=3).map(";".join)


@given(texts)
@example(";")
@example("GET /a=+60s;GET /a=+60.001s")
@example("GET /a=x0.999")
@example("GET /a=+1ms@0%")
@example("GET /a=+1ms@100.001%")
def test_backend_and_core_accept_the_same_texts(text: str) -> None:
    try:
        here = parse_slowdown(text)
    except ValueError as error:
        assert "\n" not in str(error).replace(text, "")
        with pytest.raises(ConfigurationError):
            parse_in_core(text)
    else:
        assert [rule.share for rule in parse_in_core(text)] == [rule.share for rule in here]


def test_rules_mean_what_they_say() -> None:
    assert parse_slowdown("  ") == ()
    assert parse_slowdown("GET /api/v1/courses=+400ms; PUT /a/{student_id}/b=x1.5@5%;") == (
        Slowdown("GET", "/api/v1/courses", added_s=0.4),
        Slowdown("PUT", "/a/{id}/b", factor=1.5, share=0.05),
    )
    assert parse_in_core("GET /a=+0.3s@50%")[0].model_dump() == {"endpoint": "GET /a", "effect": "+0.3s", "share": 0.5}


@given(st.floats(0, 10), st.floats(0, 0.999_999))
def test_the_delay_is_what_the_rule_adds(elapsed_s: float, luck: float) -> None:
    assert Slowdown("GET", "/", added_s=0.4).delay_s(elapsed_s, luck) == 0.4
    assert Slowdown("GET", "/", factor=1.5).delay_s(elapsed_s, luck) == elapsed_s * 0.5
    assert Slowdown("GET", "/", added_s=0.3, share=0.05).delay_s(elapsed_s, luck) == (0.3 if luck < 0.05 else 0)


def test_half_a_millisecond_is_not_rounded_away() -> None:
    async def waited_s() -> float:
        start = time.perf_counter()
        await wait(0.000_4)
        return time.perf_counter() - start

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert min(runner.run(waited_s()) for _ in range(5)) >= 0.000_4


def test_only_the_named_endpoint_is_slower_and_its_server_time_shows_it() -> None:
    slowdown = "GET /api/v1/courses/{id}=+300ms; POST /api/v1/auth/login=x2"
    with (
        running("--students", "20", "--courses", "5", SAMPLE_BACKEND_SLOWDOWN=slowdown) as base_url,
        httpx.Client(base_url=base_url, trust_env=False) as client,
    ):
        login = client.post("/api/v1/auth/login", json={"email": "teacher1@school.example", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        slow, errors_too = client.get("/api/v1/courses/2"), client.get("/api/v1/courses/9999")
        assert (slow.status_code, errors_too.status_code) == (200, 404)
        assert app_ms(slow) >= 300 and app_ms(errors_too) >= 300
        assert min(app_ms(client.get("/api/v1/courses")) for _ in range(5)) < 300


def app_ms(answer: httpx.Response) -> float:
    return float(answer.headers["server-timing"].split("app;dur=")[1].split(",")[0])
