"""Open-loop load from a closed-loop Locust file: arrivals come at their planned times, whatever the answers do.

The scenario's own user classes do the work. An arrival takes an idle user (picked by the classes' shares; a new one when
none is idle), which performs one task without its wait time, in a greenlet of its own. The first request of an arrival
counts from the intended start; later requests of the same task from their own start. Up to `max_concurrency` arrivals
run at a time in one process; beyond it an arrival is dropped and counted.

Users are kept and used again, so logins and connections happen once per user, as in a closed loop.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections import deque
from collections.abc import Iterator
from itertools import islice
from time import monotonic, time
from typing import Any

import gevent
from gevent import GreenletExit, getcurrent
from gevent.pool import Group
from locust import User
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, DefaultTaskSet, TaskSet

from loadtest.load.inside_locust.caught_responses import settle
from loadtest.load.inside_locust.recorder import INTENDED
from loadtest.load.inside_locust.shipping import SLOTS_OPTION
from loadtest.load.schedule import Schedule

logger = logging.getLogger(__name__)

LATE_S = 0.010
SPIN_S = 0.0005  # an arrival due so soon is not slept for


class ArrivalCounts:
    """Of one process: intended arrivals that were due, started, of these late, and dropped."""

    def __init__(self) -> None:
        self.due = self.started = self.late = self.dropped = self.in_flight = 0
        self.all_sent = False

    def facts(self) -> dict[str, int]:
        return {"due": self.due, "started": self.started, "late": self.late, "dropped": self.dropped}


def shares_of(user_classes: list[type[User]], most_users: int) -> list[float]:
    """How many of `most_users` would be of each class, which is its share of the arrivals: `fixed_count` counts users, so
    next to weights it means nothing without their number. As in a closed load, the others share the rest by weight."""
    rest = max(0, most_users - sum(user_class.fixed_count for user_class in user_classes))
    weights = sum(user_class.weight for user_class in user_classes if not user_class.fixed_count)
    shares = (user_class.fixed_count or rest * user_class.weight / max(weights, 1e-9) for user_class in user_classes)
    return [max(share, 1e-9) for share in shares]


class UserPool:
    """Idle users of the scenario's classes; each has its own task sets, so that sequences go on where they were."""

    def __init__(self, environment, user_classes: list[type[User]], most_users: int) -> None:
        self._environment = environment
        self._classes = user_classes
        self._shares = shares_of(user_classes, most_users)
        self._idle: dict[type[User], deque[User]] = {user_class: deque() for user_class in user_classes}
        self._task_sets: dict[User, DefaultTaskSet] = {}  # of every user there is
        self._started: set[User] = set()

    def take(self) -> User:
        user_class = random.choices(self._classes, self._shares)[0]
        idle = self._idle[user_class]
        return idle.pop() if idle else self._new(user_class)

    def give_back(self, user: User) -> None:
        self._idle[type(user)].append(user)

    def _new(self, user_class: type[User]) -> User:
        if self._environment.host:
            user_class.host = self._environment.host
        user = user_class(self._environment)
        user._state = LOCUST_STATE_RUNNING
        user._taskset_instance = self._task_sets[user] = DefaultTaskSet(user)
        return user

    def perform_one_task(self, user: User) -> None:
        """The user's next task; before its first one its on_start, again and again until it succeeds."""
        if user not in self._started:
            user.on_start()
            self._started.add(user)
        _perform(self._task_sets[user], user)

    def retire(self, user: User) -> None:
        """A user that stopped itself does not come back; its next arrival is a new one's."""
        del self._task_sets[user]
        if user in self._started:
            self._started.remove(user)
            _guarded(user, user.on_stop)

    def stop_all(self) -> None:
        """Let every user that was started log out, a few at a time."""
        users = [user for user in self._started if type(user).on_stop is not User.on_stop]
        group = Group()
        for user in users:
            group.spawn(_guarded, user, user.on_stop)
        group.join(timeout=5)
        group.kill(block=False)


class ArrivalDriver(User):
    """The one Locust user of a process in an open-loop run; it sends nothing itself."""

    abstract = True
    schedule: Schedule
    pool_classes: list[type[User]]
    counts: ArrivalCounts
    max_concurrency: int
    processes: int
    stop_timeout_s: float

    def run(self) -> None:  # type: ignore[misc]
        self._state = LOCUST_STATE_RUNNING
        self._pool = UserPool(self.environment, self.pool_classes, self.max_concurrency * self.processes)
        group = Group()
        try:
            self._send_arrivals(group)
            self.counts.all_sent = True
            group.join(timeout=self.stop_timeout_s)
        finally:
            group.kill(block=False)
            self._pool.stop_all()

    def _send_arrivals(self, group: Group) -> None:
        counts = self.counts
        wall, began = time(), monotonic()
        for planned in self._own_arrivals():
            due = began + planned
            while (wait := due - monotonic()) > SPIN_S:
                gevent.sleep(wait)
                if self._state == LOCUST_STATE_STOPPING:
                    return
            if self._state == LOCUST_STATE_STOPPING:
                return
            counts.due += 1
            if counts.in_flight >= self.max_concurrency:
                counts.dropped += 1
                continue
            counts.in_flight += 1
            group.spawn(self._arrive, due, round((wall + planned) * 1_000_000))
            if counts.due % 50 == 0:
                gevent.sleep(0)  # a burst that is being caught up must not keep answers from being read

    def _own_arrivals(self) -> Iterator[float]:
        """Every n-th arrival of the schedule, by the number of this worker among n."""
        slots = getattr(self.environment.parsed_options, SLOTS_OPTION, {})
        slot = slots.get(getattr(self.environment.runner, "client_id", ""), 0)
        return islice(self.schedule.arrivals(), slot % self.processes, None, self.processes)

    def _arrive(self, due: float, intended_us: int) -> None:
        counts = self.counts
        try:
            counts.started += 1
            if monotonic() - due > LATE_S:
                counts.late += 1
            getcurrent().__dict__[INTENDED] = intended_us
            user = self._pool.take()
            if _guarded(user, lambda: self._pool.perform_one_task(user)):
                self._pool.give_back(user)
            else:
                self._pool.retire(user)
        finally:
            settle()
            counts.in_flight -= 1


def _guarded(user: User, action) -> bool:
    """Errors of a scenario's task are logged and reported as Locust does; control exceptions just end the task. Returns
    whether the user goes on."""
    try:
        action()
    except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
        pass
    except (StopUser, GreenletExit):
        return False
    except StopTest:
        user.environment.runner.quit()
    except Exception as error:
        user.environment.events.user_error.fire(user_instance=user, exception=error, tb=error.__traceback__)
        logger.error("%s\n%s", error, traceback.format_exc())
    return True


def _perform(task_set: TaskSet, user: User) -> None:
    """One task of `task_set`; of a nested task set, one of its tasks (the nested set lives as long as the user)."""
    task = task_set._task_queue.popleft() if task_set._task_queue else task_set.get_next_task()
    if isinstance(task, type) and issubclass(task, TaskSet):
        nested_sets = vars(task_set).setdefault("loadtest_nested", {})
        nested = nested_sets.get(task)
        if nested is None:
            parent: Any = user if isinstance(task_set, DefaultTaskSet) else task_set
            nested = nested_sets[task] = task(parent)
            nested.on_start()
        try:
            _perform(nested, user)
        except InterruptTaskSet:
            nested.on_stop()
            del nested_sets[task]
    elif getattr(task, "__self__", None) is task_set:
        task()
    else:
        task(user if isinstance(task_set, DefaultTaskSet) else task_set)


def use_open_loop(
    environment, *, schedule: Schedule, max_concurrency: int, processes: int, stop_timeout_s: float
) -> ArrivalCounts:
    """Make the ArrivalDriver the only user class of `environment`; returns the counts it keeps."""
    counts = ArrivalCounts()
    driver = type(
        "ArrivalDriver",
        (ArrivalDriver,),
        {
            "abstract": False,
            "schedule": schedule,
            "pool_classes": list(environment.user_classes),
            "counts": counts,
            "max_concurrency": max_concurrency,
            "processes": processes,
            "stop_timeout_s": stop_timeout_s,
            "tasks": [lambda user: None],
        },
    )
    environment.user_classes = [driver]
    return counts
