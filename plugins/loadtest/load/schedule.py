"""When how much load is planned: levels of users or arrival rates over time, and the steady part. Pure arithmetic.

Standard library only: also used inside Locust.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """From `start` to `end` (users or arrivals per second) linearly over `duration_s`."""

    duration_s: float
    start: float
    end: float

    @property
    def is_hold(self) -> bool:
        return self.start == self.end


@dataclass(frozen=True)
class Schedule:
    """Steps one after the other. Times are seconds since the start of the load. `least_hold_s`: what is held for less is not."""

    steps: tuple[Step, ...]
    least_hold_s: float = 0.0

    @classmethod
    def from_stages(cls, stages: list[tuple[float, float, bool]]) -> Schedule:
        """`stages`: (duration_s, level, ramp); the level before the first stage is 0."""
        steps, level = [], 0.0
        for duration_s, target, ramp in stages:
            steps.append(Step(duration_s, level if ramp else target, target))
            level = target
        return cls(tuple(steps))

    @classmethod
    def constant(cls, level: float, duration_s: float) -> Schedule:
        return cls((Step(duration_s, level, level),))

    @property
    def duration_s(self) -> float:
        return sum(step.duration_s for step in self.steps)

    @property
    def peak(self) -> float:
        return max((max(step.start, step.end) for step in self.steps), default=0.0)

    def level_at(self, t: float) -> float:
        """The planned level `t` seconds into the load; the last level afterwards."""
        return self.level_to_reach(t, ahead_s=0.0)

    def level_to_reach(self, t: float, ahead_s: float = 1.0) -> float:
        """The level to set at `t` by someone who comes by every `ahead_s` seconds and at each edge: within a ramp it looks
        so far ahead, at most to the ramp's end, so that its peak is reached; a hold begins and ends at its time."""
        for step in self.steps:
            if t < step.duration_s:
                return step.start + (step.end - step.start) * min(1.0, (max(0.0, t) + ahead_s) / step.duration_s)
            t -= step.duration_s
        return self.steps[-1].end if self.steps else 0.0

    def next_edge(self, t: float) -> float:
        """When the step that `t` lies in ends and the next one begins; infinite after the last."""
        edges = itertools.accumulate(step.duration_s for step in self.steps)
        return next((edge for edge in edges if edge > t), math.inf)

    def steady_window(self) -> tuple[float, float]:
        """(start, end) of the part to judge: the longest hold at the highest level that is held at all;
        the whole load when no level is ever held."""
        best: tuple[float, float, float, float] | None = None
        begin = 0.0
        for level, length, is_hold in self._merged():
            if is_hold and level > 0 and length >= self.least_hold_s and (best is None or (level, length) > best[:2]):
                best = (level, length, begin, begin + length)
            begin += length
        return (best[2], best[3]) if best else (0.0, self.duration_s)

    def _merged(self) -> Iterator[tuple[float, float, bool]]:
        """Neighboring holds at one level are one hold."""
        level, length = None, 0.0
        for step in self.steps:
            if step.is_hold and level == step.start:
                length += step.duration_s
                continue
            if level is not None:
                yield level, length, True
            level, length = (step.start, step.duration_s) if step.is_hold else (None, 0.0)
            if not step.is_hold:
                yield max(step.start, step.end), step.duration_s, False
        if level is not None:
            yield level, length, True

    def planned_total(self) -> int:
        """Number of arrivals when levels are arrivals per second: the area under them, rounded."""
        return math.floor(sum(step.duration_s * (step.start + step.end) / 2 for step in self.steps) + 0.5 + 1e-9)

    def arrivals(self) -> Iterator[float]:
        """Intended start of each arrival: where the area under the levels reaches 0.5, 1.5, 2.5, ..."""
        number, area, begin = 0, 0.0, 0.0
        for step in self.steps:
            whole = step.duration_s * (step.start + step.end) / 2
            while number + 0.5 <= area + whole:
                yield begin + _time_of_area(step, number + 0.5 - area)
                number += 1
            area += whole
            begin += step.duration_s


def _time_of_area(step: Step, area: float) -> float:
    """Seconds into `step` at which `area` arrivals are due: the root of slope/2 t^2 + start t = area."""
    slope = (step.end - step.start) / step.duration_s
    if abs(slope) < 1e-12:
        return area / step.start
    root = math.sqrt(max(0.0, step.start**2 + 2 * slope * area))
    return min(step.duration_s, max(0.0, 2 * area / (step.start + root)))
