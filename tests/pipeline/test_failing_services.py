"""Services that fail under a real load, judged from request to verdict: the failure is the result, named, and never a pass."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from loadtest.analysis.models import RunMetrics
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.models import LoadResult
from loadtest.notifications.policy.decisions import decide
from loadtest.notifications.policy.models import ActionKind, AlertState, Links, NotificationConfig
from loadtest.notifications.slack import messages
from loadtest.pipeline.stages import Outcome as Run
from loadtest.pipeline.stages import run_once
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.support.small_include import build_include, write

pytestmark = pytest.mark.slow

SERVICE = Path(__file__).parents[1] / "support" / "failing_service.py"


def run(
    root: Path, monkeypatch: pytest.MonkeyPatch, *mode: str, duration: str = "12s", users: int = 10, locustfile: str = ""
) -> Run:
    """One run of the toy scenario against a service that fails as `mode` says."""
    include = build_include(root, duration=duration)
    if locustfile:
        (include / "scenarios/toy/locustfile.py").write_text(locustfile)
    profile = {"purpose": "test", "users": users, "spawn_rate": users, "duration": duration, "host_probe": False}
    write(include / "profiles/light.yaml", profile)
    backend = {"command": [sys.executable, str(SERVICE), "{port}", *mode], "start_timeout": "10s"}
    write(include / "environments/failing_service.yaml", {"backend": backend, "health_timeout": "3s"})
    monkeypatch.setenv("LOADTEST_HOME", str(root))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(root / "scratch"))
    return run_once(Request(scenario="toy", environment="failing_service", profile="light"), settings(), confirm=False)


@pytest.mark.parametrize(
    ("mode", "duration", "words"),
    [
        ("sigkill", "12s", r"the service's process was ended by SIGKILL .* under 10 users"),
        ("exit", "12s", r"process ended with exit code 1 .* under 10 users; its last words: password=\*\*\* the pool is exh"),
        ("stop3", "12s", r"the service stopped answering its health check for [23]\.\d s under 10 users"),
        ("stop30", "40s", r"the service stopped answering its health check for (2[89]|3\d) s under 10 users"),
        ("refuse", "12s", r"the service refused connections for .* under 10 users"),
        ("hang", "12s", r"the service stopped answering its health check for .* under 10 users"),
        ("back", "15s", r"the service refused connections for [345]\.\d s under 10 users"),
    ],
)
def test_a_service_that_fails_in_mid_load_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, duration: str, words: str
) -> None:
    done = run(tmp_path, monkeypatch, mode, duration=duration)
    verdict = done.verdict
    assert verdict.outcome is Outcome.FAIL, verdict.reasons
    assert_named(verdict, words)
    assert "service" in verdict.reasons[0], "what explains the rest comes first"
    assert_all_speak_of_the_service(done)


def test_a_saturated_service_misses_its_target_and_is_not_called_a_bad_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(tmp_path, monkeypatch, "saturated", duration="20s", users=30)
    assert done.verdict.outcome is Outcome.FAIL, done.verdict.reasons
    assert_named(done.verdict, r"GET /items p95 .*500")
    assert_named(done.verdict, r"the service stopped answering its health check for .* under 30 users")
    assert_all_speak_of_the_service(done)


def test_a_service_that_is_down_from_the_start_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = build_include(tmp_path)
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    write(include / "environments/away.yaml", {"base_url": "http://127.0.0.1:1", "health_timeout": "1s"})
    for environment, words in (("away", "connection refused"), ("unhealthy", "answered 500"), ("broken", "exit code 3")):
        verdict = run_once(Request(scenario="toy", environment=environment, profile="light"), settings()).verdict
        assert verdict.outcome is Outcome.FAIL
        assert_named(verdict, f"the service was down before any load went out: .*{words}")


def test_a_healthy_service_is_measured_with_its_health_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(tmp_path, monkeypatch, "none", duration="6s")
    assert done.verdict.outcome is not Outcome.INVALID, done.verdict.reasons
    health = LoadResult.read(RunFolder(done.folder.path).load).health
    assert health.checks >= 5 and health.failures == 0 and health.p95_ms is not None and health.outages == ()


def test_a_load_generator_that_is_held_up_stays_invalid_beside_a_healthy_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = "from time import perf_counter\nfrom locust import FastHttpUser, task\n\nclass Busy(FastHttpUser):\n    @task\n"
    busy += "    def work(self):\n        self.client.get('/items')\n        end = perf_counter() + 0.4\n"
    busy += "        while perf_counter() < end:\n            pass\n"
    done = run(tmp_path, monkeypatch, "none", duration="8s", locustfile=busy)
    assert done.verdict.outcome is Outcome.INVALID, done.verdict.reasons
    assert "load generator" in done.verdict.reasons[0]


def assert_all_speak_of_the_service(done: Run) -> None:
    """Advice, Slack and the report's timeline."""
    verdict = done.verdict
    assert "service" in verdict.recommendations[0].title
    assert not [one for one in verdict.recommendations if "load generator" in one.title or "measurement" in one.title]
    nothing_yet = AlertState(scenario=verdict.scenario, environment=verdict.environment)
    actions = decide(nothing_yet, verdict, NotificationConfig(), [], verdict.created_at).actions
    alert = next(messages.alert(verdict, action.incident, Links()) for action in actions if action.kind is ActionKind.ALERT)
    assert re.search("the service('s process)? (was ended|ended|stopped answering|refused connections)", alert.text), alert.text
    assert "invalid" not in alert.text
    report = Path(str(done.folder.report)).read_text()
    assert "the service failed its health check" in report and "Service away" in report
    health = RunMetrics.read(done.folder.metrics).health
    assert health.checks > health.failures > 0 and health.p95_ms is not None


def assert_named(verdict: Verdict, words: str) -> None:
    assert any(re.search(words, reason) for reason in verdict.reasons), verdict.reasons
