"""Closed loop: users that start together must not stay in step, or they hit the server in bursts of their own making."""

from __future__ import annotations

import random

import gevent

MAX_FIRST_WAIT_S = 30.0


def random_first_wait(task_set) -> None:
    """`on_start` of Locust's root task set: after the user's own on_start, sleep a random part of its first wait.

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
    if first_wait_s > 0:
        state = user._state
        user._state = "waiting"
        gevent.sleep(random.uniform(0, min(first_wait_s, MAX_FIRST_WAIT_S)))
        if user._state == "waiting":
            user._state = state
