"""Exceptions that left a scenario's tasks, its `on_start` or the constructor of a user: how many, the first of them, and the
scenario's line it came from."""

from __future__ import annotations

import traceback
from types import TracebackType

from loadtest.load.inside_locust.recorder import describe_error
from loadtest.load.inside_locust.scenario_place import place_in_scenario
from loadtest.masking import mask_secrets


class TaskErrors:
    """Counts the exceptions that left a scenario's tasks and keeps the first one's words."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, exception: BaseException, tb: TracebackType | None) -> dict[str, object] | None:
        """Count one; of the first, what is to be told: its words with the place, and whether it left an `on_start` or kept a
        user from being created."""
        self.count += 1
        if self.count > 1:
            return None
        frames = traceback.extract_tb(tb)
        place = place_in_scenario(frames)
        error = mask_secrets(describe_error(exception, 0))
        names = {frame.name for frame in frames}
        words = f"{error}, {place}" if place else error
        return {"error": words, "in_on_start": "on_start" in names, "not_created": "spawn_users" in names}
