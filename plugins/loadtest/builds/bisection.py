"""Which of several commits made it slower: what to measure next, and when it is known. Pure; the measuring is others' work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log2

from loadtest.files import FileModel, Record


class Step(Record):
    """One comparison of a commit. `slower` is None where it could not be built or started; `effect` is relative (0.2: +20 %)."""

    commit: str
    against: str
    slower: bool | None
    effect: float | None = None
    sentence: str = ""
    run_id: str = ""


class Bisection(FileModel):
    """What is known so far, kept so that a search goes on where it stopped."""

    good: str
    bad: str
    endpoint: str | None = None
    steps: tuple[Step, ...] = ()

    def step(self, commit: str, against: str) -> Step | None:
        return next((one for one in self.steps if (one.commit, one.against) == (commit, against)), None)


def most_comparisons(commits: int) -> int:
    """How many comparisons find one of so many commits, if each can be measured; the check comes on top."""
    return ceil(log2(commits)) if commits > 1 else 0


def bounds(commits: Sequence[str], slower: Mapping[str, bool | None]) -> tuple[int, int]:
    """Numbers of the last commit known to be as fast as the good one (-1: the good one itself) and of the first known to be
    slower; the last of `commits`, the bad one, is taken to be."""
    first_slow = min((number for number, commit in enumerate(commits) if slower.get(commit)), default=len(commits) - 1)
    fast = (number for number, commit in enumerate(commits[:first_slow]) if slower.get(commit) is False)
    return max(fast, default=-1), first_slow


def next_commit(commits: Sequence[str], slower: Mapping[str, bool | None]) -> str | None:
    """The commit to measure next: the middle one of those in question, or the nearest to it that can be measured; None when
    there is none, because it is found or because what is left cannot be measured."""
    low, high = bounds(commits, slower)
    middle = (low + high) // 2
    open_ones = [number for number in range(low + 1, high) if commits[number] not in slower]
    return commits[min(open_ones, key=lambda number: (abs(number - middle), number))] if open_ones else None
