"""A search, second by second, with figures as a running load gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtest.load.levels import Level
from loadtest.load.live import Counts, bucket_of
from loadtest.load.supervision.search import SearchControl
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan
from tests.gate.run_facts import make_plan

TARGET = Target(endpoint="GET /a", metric="p95_ms", limit=200)


class Service:
    """Answers in 50 ms up to `capacity` users, in 400 ms above; `seconds` of load pass by its own clock."""

    def __init__(self, tmp_path: Path, capacity: int, plan: Plan | None = None, **seen: object) -> None:
        self.now, self.capacity, self.seen = 0.0, capacity, {"waiting": 0, "saturated": False, "errors": 0, "others": 0.0} | seen
        self.path = tmp_path / "levels.json"
        self.control = SearchControl(plan or plan_of(), self.path, self.others, clock=lambda: self.now)

    def second(self) -> None:
        self.now += 1
        users = Level.read(self.path).users
        self.control.second({"GET /a": self.answers(users)}, waiting=self.seen["waiting"], saturated=self.saturated(users))

    def answers(self, users: int) -> Counts:
        counts = Counts()
        latency_us = np.full(users * 2, 50_000 if users <= self.capacity else 400_000)
        failed = np.zeros(len(latency_us), bool)
        failed[: self.seen["errors"]] = True
        counts.add(bucket_of(latency_us), failed)
        return counts

    def others(self, start_s: float, end_s: float) -> float:
        """A disturbance makes every step miss for as many steps as `seen` says."""
        return 0.9 if self.seen["others"] else 0.0

    def saturated(self, users: int) -> bool:
        limit = self.seen["saturated"]
        return bool(limit) and users > limit

    def run(self) -> SearchControl:
        for _ in range(5_000):
            if self.control.ended:
                break
            self.second()
        return self.control


def plan_of(**search: object) -> Plan:
    asked = {"start": 4, "step": 10, "settle": 2, "hold": 20} | search
    return make_plan(targets=(TARGET,), users=200, duration="20m", search=asked)


def test_it_ends_with_a_hold_at_the_highest_load_that_held(tmp_path: Path) -> None:
    control = Service(tmp_path, capacity=60).run()
    assert control.ended
    assert control.steps[-1].is_hold
    assert 54 <= control.steps[-1].users <= 60
    assert [step.is_hold for step in control.steps].count(True) == 1
    assert Level.read(tmp_path / "levels.json").ended


def test_the_first_seconds_of_a_step_are_not_judged(tmp_path: Path) -> None:
    service = Service(tmp_path, capacity=60)
    for _ in range(2):
        service.second()
    assert service.control._counts == {}
    service.second()
    assert service.control._counts["GET /a"]


@pytest.mark.parametrize("seen", [{"errors": 4}, {"waiting": 3}])
def test_errors_and_silence_miss_a_step_as_slow_answers_do(tmp_path: Path, seen: dict[str, int]) -> None:
    service = Service(tmp_path, capacity=10_000, **seen)
    if "waiting" in seen:
        service.answers = lambda users: Counts()
    assert service.run().steps[-1].users == 4


def test_a_generator_that_is_too_busy_is_no_fault_of_the_service(tmp_path: Path) -> None:
    steps = Service(tmp_path, capacity=10_000, saturated=50).run().steps
    assert any(step.limited for step in steps)
    assert all(step.limited == (step.users > 50) for step in steps)
    assert steps[-1].users <= 50


def test_it_ends_in_time_and_still_holds_what_it_found(tmp_path: Path) -> None:
    plan = make_plan(
        targets=(TARGET,), users=200, duration="90s", search={"start": 4, "step": 10, "settle": 2, "hold": 20, "repeats": 100}
    )
    service = Service(tmp_path, 60, plan)
    control = service.run()
    assert control.steps[-1].is_hold
    assert service.now <= 90 + 1


def test_a_step_that_misses_while_others_take_the_cpu_is_taken_again(tmp_path: Path) -> None:
    service = Service(tmp_path, capacity=10, others=1)
    while len(service.control.steps) < 4:
        service.second()
    assert [(step.users, step.disturbed) for step in service.control.steps] == [(4, False), (8, False), (16, True), (16, True)]
    service.capacity, service.seen["others"] = 60, 0
    control = service.run()
    assert 54 <= control.steps[-1].users <= 60


def test_a_step_that_is_always_disturbed_does_not_hold_the_search_up(tmp_path: Path) -> None:
    control = Service(tmp_path, capacity=10, others=1).run()
    assert control.ended and control.steps[-1].is_hold
    assert [step.disturbed for step in control.steps if step.users > 10] == [True] * sum(
        step.users > 10 for step in control.steps
    )
