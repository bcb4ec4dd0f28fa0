"""What is said about a capacity, alone and beside earlier ones."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import numpy as np
import pytest

from loadtest.gate.capacity import capacity_of
from loadtest.gate.records.capacity import Capacity, CapacityKind, CapacityStep
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import CapacitySummary, RunSummary
from loadtest.gate.rules.capacity import judge_capacity
from loadtest.load.models import LoadStep
from loadtest.planning.criteria import Criteria, Target
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import HOST, STARTED_AT, make_load, make_plan, write_samples

TARGET = Target(endpoint="GET /a", metric="p95_ms", limit=200)


def found(users: float, *, kind: CapacityKind = CapacityKind.FOUND, log_sd: float = 0.03, high: float | None = None) -> Capacity:
    step = CapacityStep(
        users=round(users), started_at=STARTED_AT, judged_s=15, n=400, rps=27, error_rate=0, held=True, observed=(190.0,)
    )
    bounds = {"low": users / 1.06, "high": users * 1.06} if kind is CapacityKind.FOUND else {"low": users, "high": high}
    return Capacity(kind=kind, users=users, log_sd=log_sd, targets=(TARGET,), steps=(step,), deciding=0, rps=26.7, **bounds)


def earlier(*users: float) -> list[RunSummary]:
    return [
        RunSummary(
            run_id=f"r{number}",
            started_at=STARTED_AT - timedelta(weeks=number),
            duration_s=60,
            digest="d1",
            host_class=HOST,
            rps=10,
            endpoints=(),
            capacity=CapacitySummary(users=count, log_sd=0.03),
        )
        for number, count in enumerate(users)
    ]


def compared(users: float, *before: float) -> Finding:
    return judge_capacity(found(users), Criteria(), earlier(*before))[-1]


def test_the_first_search_says_what_holds_how_sure_that_is_and_what_gives_way() -> None:
    (finding,) = judge_capacity(found(240), Criteria(), [])
    assert finding.outcome is Outcome.PASS
    assert finding.criterion is Criterion.CAPACITY
    assert finding.sentence == (
        "the service holds 240 users (95 % interval 226 to 254; 1 step), where it answered 26.7 requests a second; above, the "
        "p95 of GET /a is beyond 200 ms"
    )


def test_fewer_users_than_the_last_runs_held_is_a_failure() -> None:
    finding = compared(240, 305, 310, 312)
    assert finding.outcome is Outcome.FAIL
    assert "holds fewer users than before: 240 users, the last 3 held 312 users, 310 users, 305 users (-22 %" in finding.sentence
    assert finding.effect == pytest.approx(math.exp(math.log(240) - sum(map(math.log, (305, 310, 312))) / 3) - 1)


def test_with_one_earlier_run_nobody_knows_which_of_both_was_odd() -> None:
    assert compared(200, 310).outcome is Outcome.WARN


@pytest.mark.parametrize("users", [290, 300, 310, 325])
def test_what_runs_differ_by_anyhow_is_no_finding(users: float) -> None:
    assert compared(users, 305, 310, 312).outcome is Outcome.PASS


def test_more_users_than_before_are_said() -> None:
    finding = compared(420, 305, 310, 312)
    assert finding.outcome is Outcome.PASS
    assert "more users than before" in finding.sentence


def test_runs_that_differed_a_lot_before_are_allowed_to_do_so_again() -> None:
    assert compared(240, 305, 310, 312, 308, 311).outcome is Outcome.FAIL
    assert compared(240, 230, 380, 300, 250, 370).outcome is Outcome.PASS


def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    rng, alarms, trials = random.Random(7), 0, 1_000
    for _ in range(trials):
        before = [300 * math.exp(rng.gauss(0, 0.05)) for _ in range(4)]
        alarms += compared(300 * math.exp(rng.gauss(0, 0.05)), *before).outcome is not Outcome.PASS
    assert alarms <= 0.02 * trials


@pytest.mark.parametrize(
    ("least", "outcome", "words"),
    [
        (200, Outcome.PASS, "the service holds the 200 users that are demanded"),
        (230, Outcome.INCONCLUSIVE, "it is not certain that the service holds the 230 users that are demanded"),
        (250, Outcome.WARN, "probably holds fewer than the 250 users that are demanded (least_capacity)"),
        (300, Outcome.FAIL, "the service holds fewer than the 300 users that are demanded"),
    ],
)
def test_a_demanded_capacity_is_a_target(least: int, outcome: Outcome, words: str) -> None:
    finding = judge_capacity(found(240), Criteria(least_capacity=least), [])[-1]
    assert (finding.criterion, finding.outcome) == (Criterion.TARGET, outcome)
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("kind", "outcome", "words"),
    [
        (CapacityKind.AT_LEAST, Outcome.PASS, "holds all 240 users that were tried"),
        (CapacityKind.GENERATOR, Outcome.INCONCLUSIVE, "at least 240 users; above, the load generator was the bottleneck"),
        (CapacityKind.DISTURBED, Outcome.INCONCLUSIVE, "at least 240 users; above, other processes took the host's CPU"),
        (CapacityKind.BELOW, Outcome.FAIL, "does not hold its targets under 240 users already"),
    ],
)
def test_a_capacity_that_was_not_found_is_said_for_what_it_is(kind: CapacityKind, outcome: Outcome, words: str) -> None:
    findings = judge_capacity(found(240, kind=kind), Criteria(), earlier(300, 310))
    assert len(findings) == 1, "there is nothing to compare"
    assert findings[0].outcome is outcome
    assert words in findings[0].sentence


def test_the_steps_are_judged_again_from_the_samples(tmp_path) -> None:
    """50 requests of 60 s at 100 ms, then 50 at 300 ms: the first half held, the second did not."""
    plan = make_plan(targets=(TARGET,), users=100, duration="20m", search={})
    write_samples(tmp_path / "samples.parquet", {"GET /a": np.repeat([100.0, 300.0], 50)})
    middle = STARTED_AT + timedelta(seconds=65)
    steps = (
        LoadStep(users=10, started_at=STARTED_AT, judged_from=STARTED_AT, ended_at=middle),
        LoadStep(users=20, started_at=middle, judged_from=middle, ended_at=STARTED_AT + timedelta(seconds=125)),
    )
    capacity = capacity_of(plan, make_load(steps=steps), tmp_path / "samples.parquet")
    assert [step.held for step in capacity.steps] == [True, False]
    assert [step.observed[0] for step in capacity.steps] == [pytest.approx(100), pytest.approx(300)]
    assert capacity.kind is CapacityKind.FOUND
    assert 10 < capacity.users < 20
    assert capacity.targets[capacity.deciding].metric == "p95_ms"
    assert capacity_of(plan, make_load(), tmp_path / "samples.parquet") is None
    disturbed = (steps[0], steps[1].model_copy(update={"disturbed": True}))
    capacity = capacity_of(plan, make_load(steps=disturbed), tmp_path / "samples.parquet")
    assert [step.held for step in capacity.steps] == [True, None], "the miss says nothing"
    assert (capacity.kind, capacity.users) == (CapacityKind.DISTURBED, 10)


def test_misses_below_the_highest_load_are_not_called_held(tmp_path) -> None:
    """As on a host that was busy now and then: 14 and 15 users held, 12, 13 and 16 did not."""
    plan = make_plan(targets=(TARGET,), users=100, duration="20m", search={})
    users = [4, 8, 16, 12, 14, 15, 14, 15, 14, 13, 12, 13, 12, 11]
    held = [True, True, False, True, True, True, True, True, True, False, True, True, False, True]
    write_samples(tmp_path / "samples.parquet", {"GET /a": np.repeat([100.0 if one else 300.0 for one in held], 20)})
    length = timedelta(seconds=120 / len(users))
    edges = [STARTED_AT + timedelta(seconds=5) + number * length for number in range(len(users) + 1)]
    steps = tuple(
        LoadStep(users=count, started_at=start, judged_from=start, ended_at=end)
        for count, start, end in zip(users, edges, edges[1:], strict=False)
    )
    capacity = capacity_of(plan, make_load(steps=steps), tmp_path / "samples.parquet")
    assert capacity.kind is CapacityKind.FOUND
    assert capacity.users <= 16
