"""Run folders become verdicts: what the service did, in the sentence that people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.analysis.models import Analysis, FailureGroup, RunMetrics
from loadtest.gate.decide import check
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import conclude
from loadtest.load.models import AbortFacts, StopReason
from loadtest.planning.criteria import Criteria, Mute, Target
from loadtest.vocabulary import Outcome
from tests.gate.run_facts import STARTED_AT, make_load, make_plan, write_run
from tests.gate.verdicts import TARGETS, latencies

pytestmark = pytest.mark.usefixtures("include_folder")


def test_a_healthy_run_passes(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.PASS
    assert verdict.sentence == "pass: all 2 targets met with 95 % confidence; no baseline yet, so nothing was compared"
    assert Verdict.read(folder.verdict) == verdict


def test_a_slow_endpoint_fails_and_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(420), "GET /b": latencies(5)})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("fail: GET /a p95 is ")
    assert "target 100 ms (95 % lower bound" in verdict.sentence


def test_a_backend_that_answers_500_fails(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)}, {"GET /a": 400})
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert any("every one of 400 requests failed" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("errors", "outcome", "words"),
    [
        ({"GET /b": 400}, Outcome.FAIL, "fail: GET /b never succeeded: all 400 requests failed"),
        ({"GET /a": 200}, Outcome.FAIL, "fail: GET /a: 200 of 400 requests failed (50 %, significantly above 5 %)"),
        ({"GET /a": 12}, Outcome.WARN, "warn: GET /a: 12 of 400 requests failed (3 %, significantly above 1 %)"),
    ],
)
def test_errors_that_no_target_names_are_no_pass(tmp_path: Path, errors: dict[str, int], outcome: Outcome, words: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), {"GET /a": latencies(20), "GET /b": latencies(20)}, errors)
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is outcome
    assert verdict.sentence.startswith(words)


@pytest.mark.parametrize("failed", [3, 6, 9])
def test_an_endpoint_that_only_fails_fails_from_three_requests_on(tmp_path: Path, failed: int) -> None:
    answers = {"GET /a": latencies(20), "GET /b": latencies(20, n=failed)}
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), answers, {"GET /b": failed})
    check(folder)
    assert conclude(folder).outcome is Outcome.FAIL


def test_errors_spread_over_rare_endpoints_fail_together(tmp_path: Path) -> None:
    answers = {f"GET /{name}": latencies(20, n=2) for name in "abcdefg"}
    folder = write_run(tmp_path, make_plan(), answers, dict.fromkeys(list(answers)[:6], 2))
    check(folder)
    assert conclude(folder).sentence.startswith("fail: 12 of 14 requests failed (86 %, significantly above 5 %)")


def test_errors_that_a_target_or_the_criteria_allow_do_not_fail(tmp_path: Path) -> None:
    allowed = (*TARGETS[:1], Target(endpoint="GET /b", metric="error_rate", limit=0.6))
    answers, errors = {"GET /a": latencies(20), "GET /b": latencies(20)}, {"GET /b": 200}
    folder = write_run(tmp_path / "target", make_plan(targets=allowed), answers, errors)
    check(folder)
    assert conclude(folder).outcome is Outcome.PASS
    plan = make_plan(targets=TARGETS[:1], criteria=Criteria(most_errors=0.7))
    folder = write_run(tmp_path / "criteria", plan, answers, errors)
    check(folder)
    assert conclude(folder).outcome is Outcome.WARN


def test_the_most_frequent_error_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(), {"GET /a": latencies(20)}, {"GET /a": 400})
    metrics = RunMetrics.read(folder.metrics).run
    failed = FailureGroup(
        endpoint="GET /a", cause="HTTP 503", status=503, count=400, first_at=metrics.started_at, last_at=metrics.ended_at
    )
    Analysis(run_id="r1", bin_s=1, phases=(), timeline=(), endpoint_timelines=(), failures=(failed,)).write(folder.analysis)
    check(folder)
    assert conclude(folder).sentence == "fail: every one of 400 requests failed, mostly 'HTTP 503'"


def test_a_load_that_was_stopped_early_is_no_pass_whatever_is_muted(tmp_path: Path) -> None:
    abort = AbortFacts(criterion="error_rate above 0.5 for 10s", value=0.63, at=STARTED_AT + timedelta(seconds=20))
    load = make_load(samples=400, stop_reason=StopReason.ABORTED, ended_at=abort.at, steady_ended_at=abort.at, abort=abort)
    folder = write_run(tmp_path, make_plan(targets=TARGETS[:1]), {"GET /a": latencies(20)}, {"GET /a": 150}, load=load)
    check(folder, mutes=[Mute(reason="known flaky errors", expires=datetime.now(UTC) + timedelta(days=1))])
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("fail: load stopped early, after 20s")
