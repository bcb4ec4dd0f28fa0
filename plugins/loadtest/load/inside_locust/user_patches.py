"""Corrections of how Locust starts and stops users; none touches what a user does.

- Users that start together must not stay in step, or they hit the server in bursts of their own making.
- A waiting user that is told to stop may wake at that moment, send a request, and have it cut off: Locust's `stop` blocks
  its event loop for tens of milliseconds first, so this happens to many users at once.
- Users to whom tags leave no task are not started: they would do nothing but raise an exception again and again.
"""

from __future__ import annotations

import random

import gevent
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet
from locust.user.users import User

MAX_FIRST_WAIT_S = 30.0


def desynchronize_users() -> None:
    DefaultTaskSet.on_start = random_first_wait  # type: ignore[method-assign, assignment]


def random_first_wait(task_set: DefaultTaskSet) -> None:
    """After the user's own on_start: sleep a random part of its first wait.

    Pacing wait times keep state about the last run; it is put back, so that the user's pace is not changed.
    """
    user = task_set.user
    pace = {name: getattr(user, name) for name in ("_cp_last_run", "_cp_last_wait_time") if hasattr(user, name)}
    try:
        first_wait_s = float(user.wait_time())
    except Exception:  # a scenario's own wait_time may need tasks to have run; then its users start at once
        return
    finally:
        vars(user).update(pace)
    if first_wait_s <= 0:
        return
    state, user._state = user._state, LOCUST_STATE_WAITING
    gevent.sleep(random.uniform(0, min(first_wait_s, MAX_FIRST_WAIT_S)))
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser
    user._state = state


def stop_waiting_users_safely() -> None:
    original = User.stop

    def stop(self: User, force: bool = False) -> bool:
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING  # one that wakes before the kill arrives ends itself
            self._group.killone(self._greenlet)
            return True
        return original(self, force)

    User.stop = stop  # type: ignore[method-assign]


def apply_tags(environment) -> None:
    """What Locust does when the load starts, a little earlier: before users are counted, or arrivals dealt to them."""
    had_tasks = {user_class for user_class in environment.user_classes if user_class.tasks}
    environment._filter_tasks_by_tags()
    environment.user_classes = [one for one in environment.user_classes if one.tasks or one not in had_tasks]
