"""Loads that the scenario itself ends: it stops Locust's runner, exits the process, or has a check of its own fail.

Locust says of none of them who it was.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from locust.user.users import User

from loadtest.load.inside_locust.recorder import describe_error
from loadtest.load.inside_locust.scenario_place import place_in_scenario
from loadtest.masking import mask_secrets


def report_own_endings(runner, report: Callable[[str], None]) -> None:
    """`report(what)` before the runner stops because the scenario wants it, or a user leaves the process.

    The runner then quits, also where it was only to stop: a load that nobody starts again is over. It does so in a greenlet of
    its own: one that the load's end kills would leave the quitting half done.
    """
    quit_ = runner.quit
    for name in ("quit", "stop"):
        setattr(runner, name, _told(getattr(runner, name), quit_, f"runner.{name}()", report))
    original = User.run

    def run(self: User) -> None:
        try:
            original(self)
        except SystemExit as error:
            report(f"{mask_secrets(describe_error(error, 0))}{_where(traceback.extract_tb(error.__traceback__))}")
            raise

    User.run = run  # type: ignore[misc, method-assign]


def _told(
    stop: Callable[..., None], quit_: Callable[[], None], name: str, report: Callable[[str], None]
) -> Callable[..., None]:
    """`stop` is Locust's own: a master's takes an argument, which its `quit` gives."""

    def stop_told(*arguments: Any, **options: Any) -> None:
        if where := _where(traceback.extract_stack()):
            report(f"{name}{where}")
            gevent.spawn(quit_)
        else:
            stop(*arguments, **options)

    return stop_told


def _where(frames: Iterable[traceback.FrameSummary]) -> str:
    place = place_in_scenario(frames)
    return f", {place}" if place else ""
