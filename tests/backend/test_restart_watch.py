"""A service that somebody else starts tells in many ways that it was started anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from loadtest.backend.health_client import http_client
from loadtest.backend.restart_watch import Series
from loadtest.backend.told import Told, ask
from loadtest.load.models import RestartFacts
from loadtest.planning.restarts import RestartSign
from tests.support.http_server import counting_server

AT = datetime(2026, 3, 1, tzinfo=UTC)


def seen(values: Sequence[Any], *, uptime: bool = False) -> RestartFacts:
    series = Series(uptime=uptime)
    for number, value in enumerate(values):
        series.add(AT + timedelta(seconds=2 * number), value, "/health gave no answer" if value is None else "")
    return series.facts()


@pytest.mark.parametrize(
    ("values", "uptime", "at_s"),
    [
        (["a", "a", "a"], False, []),
        (["a", "a", "b", "b"], False, [4]),
        (["a", None, None, "b", "c"], False, [6, 8]),
        ([17.5, 17.5, 99.0], False, [4]),
        ([100, 102, 104, 106], True, []),
        ([100, 102, 103, 107], True, []),  # told in whole seconds, and answered late
        ([100, 102, 1, 3, 5], True, [4]),
        (["100", "2.5"], True, [2]),
        ([], False, []),
    ],
)
def test_a_value_that_changes_is_a_restart(values: list[Any], uptime: bool, at_s: list[int]) -> None:
    facts = seen(values, uptime=uptime)
    assert [(restart.at - AT).total_seconds() for restart in facts.restarts] == at_s
    assert not facts.in_turns


def test_processes_that_answer_in_turns_are_no_restarts() -> None:
    facts = seen(["a", "b", "a", "c", "b"])
    assert facts.in_turns and not facts.restarts
    assert seen([100, 50, 104, 54], uptime=True).in_turns


@pytest.mark.parametrize("value", ["soon", float("nan"), {}, None])
def test_what_is_no_uptime_is_said(value: Any) -> None:
    facts = seen([value, value], uptime=True)
    assert (facts.asked, facts.answers) == (2, 0) and facts.problem


PAGE = b"""# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds_total 1
process_start_time_seconds{worker="1"} 2
process_start_time_seconds 1.78e+09
"""


@pytest.mark.parametrize(
    ("body", "asked", "told"),
    [
        (PAGE, {"metric": "process_start_time_seconds"}, "1.78e+09"),
        (PAGE, {"metric": "uptime"}, None),
        (json.dumps({"process": {"boot": [7]}}).encode(), {"json_pointer": "/process/boot/0"}, 7),
        (b"{}", {"json_pointer": "/boot"}, None),
        (b"<html>", {"json_pointer": "/boot"}, None),
        (b"\xff\x00", {"metric": "x"}, None),
        (b"", {"header": "X-Boot-Id"}, "b-17"),
        (b"", {"header": "X-Other"}, None),
    ],
)
def test_where_a_service_tells_it(body: bytes, asked: dict[str, str], told: Any) -> None:
    with counting_server() as server:
        server.control.body, server.control.headers = body, {"X-Boot-Id": "b-17"}
        with http_client(server.base_url, {}, None) as client:
            answer = ask(client, "/where", 2.0, **asked)
    assert answer == Told(told) if told is not None else (answer.value is None and "/where" in answer.problem)


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        ({"from": "health"}, "restarts from health need json"),
        ({"from": "header", "json": "/a"}, "restarts from header need header"),
        ({"from": "metrics", "header": "X"}, "restarts from metrics take no header"),
        ({"from": "logs"}, "'health', 'header' or 'metrics'"),
    ],
)
def test_a_sign_that_cannot_be_meant_is_refused(sign: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RestartSign.model_validate(sign)
