"""Steers a search for the capacity while the load runs: judges each step by live figures and says which load comes next.

What it decides is only where the next step goes. The steps are judged again from the samples when the load is over.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from loadtest.load.capacity_walk import CapacityWalk, StepResult
from loadtest.load.levels import Level
from loadtest.load.live import Counts, merge
from loadtest.load.models import BUSY_HOST_SHARE, TOLERATED_SATURATION, LoadStep
from loadtest.load.step_targets import QUANTILES, least_requests, step_targets
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan

log = logging.getLogger("loadtest.load.supervision.search")


class SearchControl:
    """Told of every second of the load; `steps` are those that are over. `others_share`: of the host's CPU, from one moment to
    another, seconds since the epoch; `clock`: seconds, monotonic."""

    def __init__(
        self,
        plan: Plan,
        path: Path,
        others_share: Callable[[float, float], float] = lambda start_s, end_s: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._others_share = others_share
        assert plan.profile.search is not None
        self._search, self._targets, self._path, self._clock = plan.profile.search, step_targets(plan), path, clock
        self._walk = CapacityWalk(self._search.levels(plan.profile.users), self._search.repeats)
        self._ends_by = clock() + plan.profile.duration_s
        self.steps: list[LoadStep] = []
        self.ended = False
        self._is_hold = False
        self._judged_from: datetime | None = None
        self._seconds = self._saturated = 0
        self._counts: dict[str, list[Counts]] = defaultdict(list)
        self._begin(self._walk.users or self._search.start)

    def started(self) -> None:
        """The load begins only now: Locust took its time to start."""
        self._ends_by += self._clock() - self._began
        self._begin(self._users)

    def second(self, by_endpoint: Mapping[str, Counts], *, waiting: int, saturated: bool) -> None:
        """`by_endpoint`: of the requests that ended in it; `waiting`: requests without an answer; `saturated`: the generator."""
        if self.ended:
            return
        elapsed = self._clock() - self._began
        if elapsed > self._search.settle_s:
            self._judged_from = self._judged_from or datetime.now(UTC)
            self._seconds += 1
            self._saturated += saturated
            for endpoint, counts in by_endpoint.items():
                self._counts[endpoint].append(counts)
        if elapsed >= (self._search.hold_s + self._search.settle_s if self._is_hold else self._search.step_s):
            self._end_step(waiting)

    def _end_step(self, waiting: int) -> None:
        now = datetime.now(UTC)
        result = self._result(waiting)
        began_s = (self._judged_from or self._started_at).timestamp()
        if result is StepResult.MISSED and self._others_share(began_s, now.timestamp()) >= BUSY_HOST_SHARE:
            result = StepResult.DISTURBED
        self.steps.append(
            LoadStep(
                users=self._users,
                started_at=self._started_at,
                judged_from=self._judged_from or now,
                ended_at=now,
                limited=result is StepResult.LIMITED,
                disturbed=result is StepResult.DISTURBED,
                is_hold=self._is_hold,
            )
        )
        log.info("step %d: %d users %s", len(self.steps), self._users, result)
        if self._is_hold:
            self.ended = True
            Level(self._users, ended=True).write(self._path)
            return
        self._walk.took(result)
        left_s = self._ends_by - self._clock() - self._search.hold_s - self._search.settle_s
        self._is_hold = self._walk.users is None or left_s < self._search.step_s
        self._begin(self._walk.found if self._is_hold or self._walk.users is None else self._walk.users)

    def _begin(self, users: int) -> None:
        self._users, self._began, self._started_at = users, self._clock(), datetime.now(UTC)
        self._judged_from, self._seconds, self._saturated = None, 0, 0
        self._counts = defaultdict(list)
        Level(users).write(self._path)

    def _result(self, waiting: int) -> StepResult:
        if self._seconds and self._saturated > TOLERATED_SATURATION * self._seconds:
            return StepResult.LIMITED
        counts = {endpoint: merge(parts) for endpoint, parts in self._counts.items()}
        total = merge(list(counts.values()))
        if waiting and not total.requests:
            return StepResult.MISSED  # nobody was answered
        of_target = ((target, total if target.endpoint is None else counts.get(target.endpoint)) for target in self._targets)
        return StepResult.MISSED if any(_is_missed(target, own) for target, own in of_target) else StepResult.HELD


def _is_missed(target: Target, counts: Counts | None) -> bool:
    if counts is None or counts.requests < least_requests(target):
        return False
    if target.metric == "error_rate":
        return counts.error_rate > target.limit
    if counts.failures == counts.requests:
        return True
    value = counts.mean_ms if target.metric == "mean_ms" else counts.quantile_ms(QUANTILES[target.metric])
    return value is not None and value > target.limit
