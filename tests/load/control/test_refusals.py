"""What can send no load is said in one sentence, before anything starts where that can be known."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.load.control import run
from loadtest.load.models import StopReason
from tests.load.control.loads import load, start
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import CountingServer


def test_a_missing_host_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of(write_scenario(tmp_path / "scenario"), None)
    with pytest.raises(ConfigurationError, match="no base URL"):
        run.start_load(plan, folder_of(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_criterion_that_can_never_be_met_is_refused_before_anything_starts(tmp_path: Path, server: CountingServer) -> None:
    criterion = {"metric": "p95_ms", "above": 100, "for": 1, "endpoint": "GET /api/v1/students/17"}
    with pytest.raises(ConfigurationError, match=r"recorded as GET /api/v1/students/\{id\}"):
        start(tmp_path, server, abort_when=(criterion,))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_master_port_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, server: CountingServer, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("LOADTEST_MASTER_PORT", port)
    with pytest.raises(ConfigurationError, match=f"LOADTEST_MASTER_PORT is '{port}', which is no port"):
        start(tmp_path, server, remote_workers=1)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "defines no user class"),
        ("from locust import HttpUser\nclass U(HttpUser)\n    pass\n", "locustfile.py, line 2: SyntaxError"),
        ("from locust import HttpUser\nimport does_not_exist\n", "locustfile.py, line 2: ModuleNotFoundError"),
    ],
)
def test_a_scenario_that_cannot_start_is_one_sentence(tmp_path: Path, server: CountingServer, text: str, expected: str) -> None:
    result = load(tmp_path, server, text, duration_s=60)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert expected in result.error
    assert "\n" not in result.error
    assert result.samples == server.total == 0


def test_a_load_without_requests_is_no_load(tmp_path: Path, server: CountingServer) -> None:
    idle = (
        "from locust import User, task, constant\nclass U(User):\n    wait_time = constant(1)\n    @task\n    def t(self): pass\n"
    )
    result = load(tmp_path, server, idle)
    assert result.stop_reason is StopReason.NOT_STARTED
    assert "reported no request" in result.error


NO_GROUP = "AttributeError: 'NoneType' object has no attribute 'group', locustfile.py line 10."
ON_START_FAILS = """
import re
from locust import HttpUser, constant, task


class Shopper(HttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.token = re.search("token=(.*)", "no such thing").group(1)

    @task
    def buy(self):
        self.client.get("/buy")
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ON_START_FAILS,
            f"None of the 3 users got beyond on_start: {NO_GROUP}",
        ),
        (
            ON_START_FAILS.replace("on_start", "prepare").replace('self.client.get("/buy")', "self.prepare()"),
            f"the first: {NO_GROUP}",
        ),
        (
            ON_START_FAILS.replace("def on_start(self):", "def __init__(self, environment):"),
            f"None of the 3 users could be created: {NO_GROUP}",
        ),
    ],
)
def test_where_no_user_came_to_a_request_the_first_exception_is_told(
    tmp_path: Path, server: CountingServer, text: str, expected: str
) -> None:
    result = load(tmp_path, server, text, duration_s=1)
    assert result.samples == server.total == 0
    assert result.error.endswith(expected)


def test_users_that_think_for_minutes_do_not_sleep_through_a_short_load(tmp_path: Path, server: CountingServer) -> None:
    text = """
from locust import HttpUser, constant, task


class Reader(HttpUser):
    wait_time = constant(180)

    @task
    def read(self):
        self.client.get("/read")
"""
    result = load(tmp_path, server, text, duration_s=2)
    assert result.samples == server.total == 3


def test_users_that_end_of_their_own_accord_are_counted(tmp_path: Path, server: CountingServer) -> None:
    text = """
from locust import HttpUser, constant, task
from locust.exception import StopUser


class Once(HttpUser):
    wait_time = constant(0.1)

    @task
    def once(self):
        self.client.get("/once")
        raise StopUser
"""
    result = load(tmp_path, server, text, duration_s=2)
    assert (result.samples, result.users_quit, result.task_errors) == (server.total, 3, 0)


ENDS_ITSELF = """
import sys
from locust import HttpUser, between, events, task


class Buyer(HttpUser):
    wait_time = between(0.1, 0.2)

    @task
    def buy(self):
        self.client.get("/buy")
        ENDING


@events.quitting.add_listener
def own_check(environment, **_):
    environment.process_exit_code = 4
"""


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("self.environment.runner.quit()", "runner.quit(), locustfile.py line 12"),
        ("self.environment.runner.stop()", "runner.stop(), locustfile.py line 12"),
        ('sys.exit("no stock")', "SystemExit: no stock, locustfile.py line 12"),
    ],
)
def test_a_scenario_that_ends_the_load_is_named(tmp_path: Path, server: CountingServer, ending: str, told: str) -> None:
    result = load(tmp_path, server, ENDS_ITSELF.replace("ENDING", ending), duration_s=30)
    assert (result.stop_reason, result.own_ending) == (StopReason.CRASHED, told)
    assert result.samples == server.total > 0


def test_a_check_of_the_scenarios_own_is_told(tmp_path: Path, server: CountingServer) -> None:
    result = load(tmp_path, server, ENDS_ITSELF.replace("ENDING", ""), duration_s=1)
    assert (result.stop_reason, result.own_ending, result.own_exit_code) == (StopReason.COMPLETED, "", 4)
