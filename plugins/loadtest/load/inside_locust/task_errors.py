"""Exceptions that left a scenario's tasks, its `on_start` or the constructor of a user: how many, the first of them, and the
scenario's line it came from."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import loadtest
from loadtest.load.inside_locust.recorder import describe_error
from loadtest.masking import mask_secrets

NOT_THE_SCENARIO_S = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(loadtest.__file__).parent),
    "<",  # generated code
)


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
        place = next((frame for frame in reversed(frames) if not frame.filename.startswith(NOT_THE_SCENARIO_S)), None)
        where = f", {Path(place.filename).name} line {place.lineno}" if place else ""
        error = mask_secrets(describe_error(exception, 0))
        names = {frame.name for frame in frames}
        return {"error": error + where, "in_on_start": "on_start" in names, "not_created": "spawn_users" in names}
