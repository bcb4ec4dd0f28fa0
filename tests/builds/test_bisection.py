"""The search among commits: whichever is the slow one, it is found, in as few comparisons as were promised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.builds.bisection import bounds, most_comparisons, next_commit


@given(st.data(), st.integers(1, 300))
def test_the_slow_commit_is_found_in_no_more_comparisons_than_promised(data: st.DataObject, count: int) -> None:
    slow = data.draw(st.integers(0, count - 1))
    commits = [f"c{number}" for number in range(count)]
    known: dict[str, bool | None] = {}
    while commit := next_commit(commits, known):
        known[commit] = commits.index(commit) >= slow
    assert bounds(commits, known) == (slow - 1, slow)
    assert len(known) <= most_comparisons(count)


@given(st.data(), st.integers(2, 40))
def test_commits_that_cannot_be_measured_are_gone_around(data: st.DataObject, count: int) -> None:
    slow = data.draw(st.integers(0, count - 1))
    dead = data.draw(st.sets(st.integers(0, count - 2)))
    commits = [f"c{number}" for number in range(count)]
    known: dict[str, bool | None] = {}
    while commit := next_commit(commits, known):
        assert commit not in known
        number = commits.index(commit)
        known[commit] = None if number in dead else number >= slow
    low, high = bounds(commits, known)
    assert low < slow <= high
    assert set(range(low + 1, high)) <= dead


def test_sixteen_commits_take_four_comparisons() -> None:
    assert [most_comparisons(count) for count in (1, 2, 3, 16, 17)] == [0, 1, 2, 4, 5]
