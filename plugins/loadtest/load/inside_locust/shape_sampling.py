"""Asks a scenario's own load shape ahead of time what it will ask for, second by second, on a clock that we turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TICK_S = 1.0  # how often Locust asks a shape
A_LITTLE_LATER_S = 0.01  # Locust never asks exactly at a second's edge
CLOCKS = ("time", "monotonic", "perf_counter")


def ask_ahead(shape: Any, *, at_most_s: float, folder: str) -> tuple[list[tuple[float, float]], bool]:
    """(users, users started or stopped per second) of each second, and whether the shape ended by itself before `at_most_s`.

    `folder`: of the scenario, whose modules may have taken a clock by its name (`from time import time`).
    """
    asked: list[tuple[float, float]] = []
    passed_s = A_LITTLE_LATER_S
    with turned_clocks(lambda: passed_s, folder):
        shape.reset_time()
        shape.get_current_user_count = lambda: round(asked[-1][0]) if asked else 0
        passed_s += A_LITTLE_LATER_S
        while len(asked) * TICK_S < at_most_s:
            answer = shape.tick()
            if not answer:
                return asked, True
            if len(answer) > 2 and answer[2]:
                raise ValueError("it picks user classes, and a plan holds their number only")
            users, per_second = float(answer[0]), float(answer[1])
            asked.append((users, per_second))
            passed_s += TICK_S
    return asked, False


@contextmanager
def turned_clocks(passed_s: Callable[[], float], folder: str) -> Iterator[None]:
    """Every clock shows its value of now plus `passed_s()`."""
    real = {name: getattr(time, name) for name in CLOCKS}
    turned = {clock: _turned(clock(), passed_s) for clock in real.values()}
    places = [time, *(module for module in list(sys.modules.values()) if _stands_in(module, folder))]
    changed = [(vars(module), name, value) for module in places for name, value in list(vars(module).items())]
    changed = [(names, name, value) for names, name, value in changed if callable(value) and _is_one(value, turned)]
    for names, name, value in changed:
        names[name] = turned[value]
    try:
        yield
    finally:
        for names, name, value in changed:
            names[name] = value


def _turned(began: float, passed_s: Callable[[], float]) -> Callable[[], float]:
    return lambda: began + passed_s()


def _is_one(value: Any, clocks: dict[Any, Any]) -> bool:
    try:
        return value in clocks
    except TypeError:  # cannot be hashed
        return False


def _stands_in(module: Any, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(folder)
