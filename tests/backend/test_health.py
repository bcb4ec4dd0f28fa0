"""Waiting for health and watching it."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from loadtest.backend.down import BackendDiedError
from loadtest.backend.health import check_health, wait_healthy
from loadtest.backend.health_client import HealthClient
from loadtest.backend.health_watch import HealthWatcher
from loadtest.backend.start import start_backend
from loadtest.backend.stop import stop_backend
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.load.models import HealthFacts
from loadtest.planning.models import Environment
from loadtest.run_folder import RunFolder
from tests.backend.plans import make_plan, tiny
from tests.support.waiting import until


def test_it_asks_until_the_answer_is_good(folder: RunFolder) -> None:
    plan = tiny("503,500,404,200", "late")
    start_backend(plan, folder)
    report = check_health(plan, folder)
    assert report.status == 200 and report.attempts >= 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("503",), r"/health did not return 2xx within 1 s \(\d+ attempts; last response: answered 503 \(the"),
        (("200", "redirect"), "answered 302"),
        (("200", "silent"), "no answer within"),
    ],
)
def test_never_healthy_is_one_sentence_with_what_was_answered(folder: RunFolder, arguments: tuple[str, ...], words: str) -> None:
    plan = tiny(*arguments, health_timeout_s=1)
    start_backend(plan, folder)
    with pytest.raises(InfrastructureError, match=words) as caught:
        check_health(plan, folder)
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)


def test_nobody_there_is_connection_refused() -> None:
    with pytest.raises(InfrastructureError, match="connection refused"):
        wait_healthy(HealthClient("http://127.0.0.1:1"), timeout_s=0.3)


@pytest.mark.parametrize("url", ["http://127.0.0.1:abc", "http://[::1"])
def test_a_bad_base_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a base URL"):
        wait_healthy(HealthClient(url), timeout_s=0.3)


def test_a_backend_that_died_is_not_waited_for(folder: RunFolder) -> None:
    plan = tiny("503", "talkative", health_timeout_s=600)
    state = start_backend(plan, folder)
    threading.Timer(0.3, os.kill, (state.identity.pid, signal.SIGKILL)).start()
    with pytest.raises(BackendDiedError, match=r"ended before it was healthy; its last words: Authorization: \*\*\*\.$"):
        check_health(plan, folder)


def test_a_stopped_backend_is_not_asked(folder: RunFolder) -> None:
    start_backend(tiny(), folder)
    stop_backend(folder)
    with pytest.raises(BackendDiedError, match="start it first"):
        check_health(tiny(), folder)


def test_somebody_elses_backend_is_asked_at_its_base_url(folder: RunFolder) -> None:
    state = start_backend(tiny(), folder)
    elsewhere = Environment(name="production", base_url=state.base_url)
    assert check_health(make_plan(elsewhere, base_url=state.base_url), folder).attempts == 1
    with pytest.raises(ConfigurationError, match="names no base URL"):
        check_health(make_plan(elsewhere), folder)


def test_the_watcher_counts_failures_and_how_long_they_lasted(folder: RunFolder) -> None:
    state = start_backend(tiny("200,200,500,500,500,200"), folder)
    with HealthWatcher(HealthClient(state.base_url), every_s=0.02) as watcher:
        until(lambda: watcher.facts().checks >= 8)
    facts = watcher.facts()
    assert facts.failures == 3 and facts.checks >= 8
    assert 0.04 <= facts.longest_failure_s < 5
    assert facts.first_failure_at is not None and facts.last_error.startswith("answered 500 (the database is away, password=***")


def test_the_watcher_sees_a_backend_die_and_a_lasting_failure_grows(folder: RunFolder) -> None:
    state = start_backend(tiny(), folder)
    watcher = HealthWatcher(HealthClient(state.base_url), every_s=0.02).start()
    until(lambda: watcher.facts().checks >= 2)
    assert watcher.facts().failures == 0
    os.kill(state.identity.pid, signal.SIGKILL)
    until(lambda: watcher.facts().failures >= 2)
    early = watcher.facts().longest_failure_s
    until(lambda: watcher.facts().longest_failure_s > early)
    assert "connection refused" in watcher.stop().last_error


def test_a_watcher_never_started_has_seen_nothing() -> None:
    assert HealthWatcher(HealthClient("http://127.0.0.1:1")).stop() == HealthFacts()
