"""When a regression is open, since when, and what closes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.gate.records.regressions import FirstSeen
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.acknowledgements import accept, false_alarm, mute
from loadtest.history.context import known_of
from loadtest.history.record import record_run
from loadtest.history.regressions import open_regressions
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome
from tests.support.run_folders import ENDPOINTS, REGRESSED, STARTED_AT, build_run_folder

SLOW = ENDPOINTS[REGRESSED]


@pytest.fixture
def week(installation: Path, url):
    """Record one run a week with the given outcomes; returns their ids."""

    def week(*outcomes: str, profile: str = "medium") -> list[str]:
        names = []
        for number, outcome in enumerate(outcomes):
            names.append(f"{profile}-{number}")
            folder = build_run_folder(
                installation / "runs",
                run_id=names[-1],
                outcome=outcome,
                profile=profile,
                started_at=STARTED_AT + timedelta(weeks=number),
            )
            record_run(folder, url)
        return names

    return week


def test_a_regression_is_open_since_its_first_failure(week, url):
    names = week("pass", "fail", "fail")
    (found,) = open_regressions(database_url=url)
    assert (found.endpoint, found.since_run_id, found.last_run_id) == (SLOW, names[1], names[2])
    assert found.runs == tuple(names[1:])
    assert "+31 %" in found.sentence


def test_a_run_is_told_what_was_open_before_it_and_does_not_count_itself(installation):
    folders = [
        build_run_folder(
            installation / "runs", run_id=f"run-{number}", outcome=outcome, started_at=STARTED_AT + timedelta(weeks=number)
        )
        for number, outcome in enumerate(["pass", "fail", "fail"])
    ]
    plans = [Plan.read(folder.plan) for folder in folders]
    assert known_of(plans[1]).first_seen == {}
    for folder in folders:
        record_run(folder)
    last = plans[2].model_copy(update={"created_at": STARTED_AT + timedelta(weeks=2)})
    assert known_of(last).first_seen == {(Criterion.REGRESSION, SLOW): FirstSeen(at=STARTED_AT + timedelta(weeks=1), runs=1)}


@pytest.mark.parametrize(("after", "still_open"), [("pass", False), ("warn", False), ("inconclusive", True), ("invalid", True)])
def test_only_a_better_word_closes_it(week, url, after, still_open):
    week("fail", after)
    # In the inconclusive runs the regressed endpoint itself is among those that nothing could be said about.
    assert bool(open_regressions(database_url=url)) is still_open


def test_it_opens_again_with_a_new_beginning(week, url):
    names = week("fail", "pass", "fail")
    (found,) = open_regressions(database_url=url)
    assert found.runs == (names[2],)


def test_one_failing_metric_beside_a_passing_one_is_open(installation, week, url):
    (name,) = week("fail")
    folder = build_run_folder(installation / "runs", run_id=name, outcome="fail")
    verdict = Verdict.read(folder.verdict)
    bad = next(finding for finding in verdict.findings if finding.outcome is Outcome.FAIL)
    other = bad.model_copy(update={"metric": "lm", "outcome": Outcome.PASS, "sentence": "typical latency unchanged"})
    verdict.model_copy(update={"findings": (*verdict.findings, other)}).write(folder.verdict)
    record_run(folder, url)
    (found,) = open_regressions(database_url=url)
    assert found.metric == "p95_ms"


def test_accepting_the_failed_or_a_later_run_closes_it(week, url):
    names = week("fail", "inconclusive")
    accept(names[1], reason="we decided to live with it", by="ada", database_url=url)
    assert open_regressions(database_url=url) == []
    week("fail", "inconclusive", "fail")
    (found,) = open_regressions(database_url=url)
    assert found.runs == ("medium-2",)


def test_a_false_alarm_closes_its_own_run_only(week, url):
    names = week("fail", "fail", "fail")
    false_alarm(names[2], SLOW, reason="backup was running", by="ada", database_url=url)
    (found,) = open_regressions(database_url=url)
    assert found.runs == tuple(names[:2])
    false_alarm(names[0], reason="same", by="ada", database_url=url)
    false_alarm(names[1], reason="same", by="ada", database_url=url)
    assert open_regressions(database_url=url) == []


def test_a_false_alarm_does_not_bring_back_what_was_closed(week, url):
    names = week("fail", "pass", "fail")
    false_alarm(names[2], reason="noisy neighbor", by="ada", database_url=url)
    assert open_regressions(database_url=url) == []


def test_a_muted_regression_is_open_but_marked(week, url):
    week("fail")
    expires_at = datetime.now(UTC) + timedelta(days=1)
    mute(SLOW, reason="known, see the plan", by="ada", expires_at=expires_at, scenario="example", database_url=url)
    (found,) = open_regressions(database_url=url)
    assert found.muted


def test_series_do_not_mix(week, url):
    week("fail")
    week("pass", profile="smoke")
    assert [found.profile for found in open_regressions(database_url=url)] == ["medium"]
    assert open_regressions(profile="smoke", database_url=url) == []
