"""Locust's `request` event with the recorder before all of its listeners.

Locust calls listeners in the order in which they were added, and one that raises `RescheduleTask` (its documented way to
leave a task early), `StopUser` or the like ends the round: a recorder that is just a listener would miss those requests,
which are mostly the failed ones. So it is called by the event itself, wherever scenarios add or remove listeners.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from locust.event import EventHook

logger = logging.getLogger(__name__)


class RecordedHook(EventHook):
    """`record` sees each event first and hides nothing from the listeners; None: nothing is recorded yet."""

    record: Callable[..., None] | None = None

    def fire(self, *, reverse: bool = False, **event: Any) -> None:
        if self.record is not None:
            try:
                self.record(**event)
            except Exception as error:  # a full disk, for a while; the scenario goes on
                logger.error("cannot record a request: %s", error)
        super().fire(reverse=reverse, **event)


def make_recorded(hook: EventHook) -> RecordedHook:
    """The same event, which listeners and clients already hold, with a place for the recorder."""
    if not isinstance(hook, RecordedHook):
        hook.__class__ = RecordedHook
    assert isinstance(hook, RecordedHook)
    return hook


def listen_first(hook: EventHook, listener: Callable[..., None]) -> None:
    """Add a listener before those of the scenario, since one that raises keeps all later ones from hearing."""
    hook._handlers.insert(0, listener)
