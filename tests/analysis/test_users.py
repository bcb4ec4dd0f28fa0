from __future__ import annotations

import numpy as np

from loadtest.analysis.users import UserPeaks


def test_users_are_summed_over_processes_and_held_between_requests() -> None:
    peaks = UserPeaks(6)
    peaks.add(np.array([0, 0, 0], np.uint16), np.array([0, 1, 4], np.int32), np.array([1, 3, 2], np.uint16))
    peaks.add(np.array([1, 1], np.uint16), np.array([1, 2], np.int32), np.array([10, 9], np.uint16))
    peaks.add(np.array([0], np.uint16), np.array([1], np.int32), np.array([2], np.uint16))
    assert peaks.per_bin() == [1, 13, 12, 3, 2, None]


def test_nothing_heard_is_nothing_known() -> None:
    assert UserPeaks(2).per_bin() == [None, None]
