"""Which load comes next in a search for the capacity. Arithmetic only: it knows no clock and no requests.

Doubling until a step is missed, halving (on the grid of levels) until what held and what did not are neighbors, and then the
up-and-down method (Dixon & Mood 1948): one level up after a step that held, one down after a step that did not. That stays around
the level at which a step holds as often as not, so that one unlucky step decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

GROWTH = 2.0
AGAIN = 2  # times that a disturbed step is taken again before the search goes on with a lower load
AT_AN_END = 3  # steps at the lowest or the highest level with the same result are enough


class StepResult(StrEnum):
    """How one step of a search for the capacity ended."""

    HELD = "held"  # all targets were met
    MISSED = "missed"
    LIMITED = "limited"  # the load generator was the bottleneck, so nothing was learned about the service
    DISTURBED = "disturbed"  # missed while others took the host's CPU, so nothing was learned either


class CapacityWalk:
    """`levels`: ascending; `repeats`: steps of the up-and-down part."""

    def __init__(self, levels: Sequence[int], repeats: int) -> None:
        self.levels = tuple(levels)
        self.done: list[tuple[int, StepResult]] = []  # index of the level, what came of it
        self._repeats = repeats
        self._walked = self._again = 0
        self._at: int | None = 0

    @property
    def users(self) -> int | None:
        """Of the step to take now; None: the search is over."""
        return None if self._at is None else self.levels[self._at]

    def took(self, result: StepResult) -> None:
        """What came of that step."""
        assert self._at is not None
        if result is StepResult.DISTURBED and self._again < AGAIN:
            self._again += 1
            return
        self._again = 0
        self.done.append((self._at, result))
        self._at = self._next(self._at, result)

    def _next(self, at: int, result: StepResult) -> int | None:
        if self._same_at_an_end(at):
            return None
        held = [index for index, one in self.done if one is StepResult.HELD]
        missed = [index for index, one in self.done if one is not StepResult.HELD]
        if not missed:
            return self._grown(at)
        if not held:
            return at // 2  # the first step was too much already, or a repeat of it was
        low, high = max(held), min(missed)
        if self._walked == 0 and high - low > 1:
            return (low + high) // 2
        if self._walked >= self._repeats:
            return None
        self._walked += 1
        moved = at + 1 if result is StepResult.HELD else at - 1
        return min(max(moved, 0), self._top)

    @property
    def _top(self) -> int:
        """The highest level worth a step: none at which the generator itself gave out."""
        limited = [index for index, one in self.done if one is StepResult.LIMITED]
        return max(0, min([len(self.levels) - 1, *(index - 1 for index in limited)]))

    def _grown(self, at: int) -> int:
        wanted = self.levels[at] * GROWTH
        return next((index for index in range(at, len(self.levels)) if self.levels[index] >= wanted), len(self.levels) - 1)

    def _same_at_an_end(self, at: int) -> bool:
        last = self.done[-AT_AN_END:]
        if len(last) < AT_AN_END or {index for index, _ in last} != {at}:
            return False
        results = {result for _, result in last}
        ceiling = at == self._top and results == {StepResult.HELD}
        return ceiling or (at == 0 and StepResult.HELD not in results)

    @property
    def found(self) -> int:
        """Users of the highest level that may be said to hold: where the fewest steps contradict it; the lower of several."""

        def contradictions(edge: int) -> int:
            too_high = sum(index <= edge and result is not StepResult.HELD for index, result in self.done)
            return too_high + sum(index > edge and result is StepResult.HELD for index, result in self.done)

        return self.levels[min(range(len(self.levels)), key=lambda edge: (contradictions(edge), edge))]
