"""Corrections of how Locust starts and stops users, and what it does not tell about them; none touches what a user does.

- Users that start together must not stay in step, or they hit the server in bursts of their own making.
- A waiting user that is told to stop may wake at that moment, send a request, and have it cut off: Locust's `stop` blocks
  its event loop for tens of milliseconds first, so this happens to many users at once.
- Users that cannot be created, or that end of their own accord, leave no trace in Locust's events.
- Locust gives every user the environment's host, which is the URL of an HTTP service. A client of another protocol that names
  a host of its own (`localhost:50051`) keeps it.
- Users to whom tags leave no task are not started: they would do nothing but raise an exception again and again.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import gevent
from locust import FastHttpUser, HttpUser
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet, TaskSet
from locust.user.users import User

MAX_FIRST_WAIT_S = 30.0
MAX_FIRST_WAIT_SHARE = 0.1  # of the load's duration: users who think for a minute must not sleep through a short load


def desynchronize_users(load_duration_s: float) -> None:
    most_s = min(MAX_FIRST_WAIT_S, MAX_FIRST_WAIT_SHARE * load_duration_s)
    DefaultTaskSet.on_start = lambda task_set: random_first_wait(task_set, most_s)  # type: ignore[method-assign, assignment]


def random_first_wait(task_set: TaskSet, most_s: float) -> None:
    """After the user's own on_start: sleep a random part of its first wait, of which no more than `most_s` counts.

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
    gevent.sleep(random.uniform(0, min(first_wait_s, most_s)))
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


def report_users_not_created(runner, report: Callable[..., None]) -> None:
    """`report(exception=, tb=)` what left the constructor of a user; Locust then starts no further user in this process."""
    spawn = runner.spawn_users

    def spawn_users(*args, **kwargs):
        try:
            return spawn(*args, **kwargs)
        except Exception as error:
            report(exception=error, tb=error.__traceback__)
            raise

    runner.spawn_users = spawn_users


def report_users_that_quit(report: Callable[[], None]) -> None:
    """`report()` each user that ended although nobody had told it to: it raised StopUser."""
    original = User.run

    def run(self: User) -> None:
        original(self)
        if self._state != LOCUST_STATE_STOPPING:
            report()

    User.run = run  # type: ignore[misc, method-assign]


def names_another_protocols_host(user_class: type[User]) -> bool:
    host = user_class.host or "http://"
    return not host.startswith(("http://", "https://")) and not issubclass(user_class, (HttpUser, FastHttpUser))


def keep_hosts_of_other_protocols(user_classes: list[type[User]]) -> None:
    for user_class in filter(names_another_protocols_host, user_classes):
        user_class.__init__ = _with_host(user_class.host, user_class.__init__)  # type: ignore[method-assign]


def _with_host(host: str | None, original: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: User, *args, **kwargs) -> None:
        self.host = host  # of the instance: Locust sets the one of the class when the load starts
        original(self, *args, **kwargs)

    return __init__


def apply_tags(environment) -> None:
    """What Locust does when the load starts, a little earlier: before users are counted, or arrivals dealt to them."""
    had_tasks = {user_class for user_class in environment.user_classes if user_class.tasks}
    environment._filter_tasks_by_tags()
    environment.user_classes = [one for one in environment.user_classes if one.tasks or one not in had_tasks]
