"""From the users that a Locust file's own load shape asks for, second by second, to the stages of a profile. Arithmetic only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from loadtest.planning.profiles import Stage


def levels_of(asked: Sequence[tuple[float, float]]) -> list[float]:
    """Users that run in each second. `asked`: (users, started or stopped per second), as a shape's `tick` says it each second."""
    levels, level = [], 0.0
    for users, per_second in asked:
        level += max(-per_second, min(per_second, users - level))
        levels.append(level)
    return levels


def stages_of(levels: Sequence[float]) -> tuple[Stage, ...]:
    """The fewest stages with these levels: a change that goes on is a ramp, one before a hold is a jump."""
    steps = [(round(after - before, 6), after) for before, after in pairwise([0.0, *levels])]
    runs = [(change, [level for _, level in run]) for change, run in groupby(steps, key=lambda step: step[0])]
    return tuple(_stages(runs))


def _stages(runs: list[tuple[float, list[float]]]) -> Iterator[Stage]:
    jumped = False
    for (change, levels), following in zip(runs, [*runs[1:], None], strict=True):
        seconds, users = len(levels), round(levels[-1])
        if change and seconds == 1 and following and following[0] == 0:
            jumped = True  # its second is the first of the hold that follows
            continue
        yield Stage(duration=seconds + jumped, users=users, ramp=bool(change))
        jumped = False
