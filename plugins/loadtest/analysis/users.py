"""How many users ran when: the sum over processes of the most users each one saw in a time bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class UserPeaks:
    """The highest number of users per time bin, over all workers: each worker reports only its own."""

    def __init__(self, bins: int) -> None:
        self._bins = bins
        self._peaks = np.zeros((0, bins), np.int32)
        self._seen = np.zeros((0, bins), np.bool_)

    def add(self, worker: NDArray[np.uint16], bins: NDArray[np.int32], users: NDArray[np.uint16]) -> None:
        """Arrays of one chunk. Rows of one worker come in time order, so equal (worker, bin) pairs form long runs."""
        workers = int(worker.max()) + 1
        if workers > len(self._peaks):
            more = ((0, workers - len(self._peaks)), (0, 0))
            self._peaks, self._seen = np.pad(self._peaks, more), np.pad(self._seen, more)
        key = worker.astype(np.int32) * np.int32(self._bins) + bins
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        peaks = np.maximum.reduceat(users, starts)
        np.maximum.at(self._peaks.reshape(-1), key[starts], peaks)
        self._seen.reshape(-1)[key[starts]] = True

    def per_bin(self) -> list[int | None]:
        """Users per bin over all processes. A process without a request in a bin counts with its last known number;
        before its first and after its last request it counts as none. None where no process was heard of."""
        total = np.zeros(self._bins, np.int64)
        known = np.zeros(self._bins, np.bool_)
        for peaks, seen in zip(self._peaks, self._seen, strict=True):
            at = np.flatnonzero(seen)
            if len(at):
                inside = np.arange(at[0], at[-1] + 1)
                last_seen = at[np.searchsorted(at, inside, side="right") - 1]
                total[inside] += peaks[last_seen]
                known[inside] = True
        return [int(users) if there else None for users, there in zip(total, known, strict=True)]
