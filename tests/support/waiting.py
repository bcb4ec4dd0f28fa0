"""Waiting for what can only be seen by asking."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str = "what was waited for", *, timeout_s: float = 120) -> None:
    """Return when the condition holds; an AssertionError says what never came."""
    deadline, pause_s = time.monotonic() + timeout_s, 0.01
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.1)
