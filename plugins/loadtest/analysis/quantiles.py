"""Exact quantiles of many groups at once, in bounded memory.

Definition everywhere: numpy's default ("linear", Hyndman & Fan 1996 type 7): of n sorted values x[0..n-1] the quantile q
is at h = (n - 1) q, interpolated linearly between x[floor h] and x[floor h + 1]. Results equal `numpy.quantile` on the
raw values bit by bit; nothing is rounded or bucketed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_CELLS = 1 << 23  # histogram cells of one GroupedQuantiles: 64 MB
LEAST_CELLS = 1 << 16
COMPRESS_ABOVE = 1 << 21  # collected values of one view before equal ones are merged
_EXPONENT_BIAS = 127


@dataclass(frozen=True)
class View:
    """Groups of histogram rows whose quantiles are wanted. `group_of_row`: group of each row, -1 for rows outside."""

    group_of_row: NDArray[np.int64]
    groups: int
    quantiles: tuple[float, ...]


class GroupedQuantiles:
    """Exact quantiles of unsigned 32-bit values by group, from two passes over data that need not fit in memory.

    Pass 1 (`count`) fills one log-linear histogram per row of a small table (an endpoint, an endpoint's time bin, ...).
    It tells in which few buckets the wanted order statistics lie. Pass 2 (`collect`) keeps only the values of those
    buckets, equal ones merged, and `result` picks the exact ranks: selection in two passes after Munro & Paterson
    (1980). Groups of different views may overlap (each endpoint; all together), one pass serves all.
    """

    def __init__(self, rows: int, views: dict[str, View], *, values: int, max_bits: int = 8) -> None:
        """`values`: about how many there are; few values get few buckets, which then cost less than the values."""
        self.rows = rows
        self.bits = max_bits
        most_cells = min(MAX_CELLS, max(LEAST_CELLS, 2 * values))
        while self.bits > 0 and rows * (33 << self.bits) > most_cells:
            self.bits -= 1
        self.buckets = 33 << self.bits
        self._views = views
        self._histogram = np.zeros(rows * self.buckets, np.int64)
        self._selections: dict[str, _Selection] = {}
        self._wanted: NDArray[np.uint8] | None = None

    def count(self, row: NDArray[np.integer], values: NDArray[np.uint32]) -> None:
        """Pass 1. `row` and `values` have equal length; rows are 0..rows-1."""
        self._histogram += np.bincount(self._cells(row, values), minlength=len(self._histogram))

    def plan(self) -> None:
        """Between the passes: find the buckets that hold a wanted rank."""
        histogram = self._histogram.reshape(self.rows, self.buckets)
        wanted = np.zeros((self.rows, self.buckets), np.uint8)
        for bit, (name, view) in enumerate(self._views.items()):
            selection = _Selection(_sum_rows(histogram, view), view)
            self._selections[name] = selection
            inside = view.group_of_row >= 0
            wanted[inside] |= selection.wanted[view.group_of_row[inside]].astype(np.uint8) << bit
        self._wanted = wanted.ravel()
        self._histogram = np.zeros(0, np.int64)

    def collect(self, row: NDArray[np.integer], values: NDArray[np.uint32]) -> None:
        """Pass 2, over the same data in any order."""
        if self._wanted is None:
            raise RuntimeError("plan() comes before collect()")
        marks = self._wanted[self._cells(row, values)]
        hits = np.flatnonzero(marks)
        if not len(hits):
            return
        marks, row, values = marks[hits], row[hits], values[hits]
        for bit, (name, view) in enumerate(self._views.items()):
            mine = (marks & np.uint8(1 << bit)) != 0
            self._selections[name].add(view.group_of_row[row[mine]], values[mine])

    def group_sizes(self, view: str) -> NDArray[np.int64]:
        """How many values each group has, shape (groups,). After `plan`."""
        return self._selections[view].n

    def result(self, view: str) -> NDArray[np.float64]:
        """Quantiles, shape (groups, quantiles), in the unit of the values; NaN for empty groups. After `collect`."""
        return self._selections[view].result()

    def _cells(self, row: NDArray[np.integer], values: NDArray[np.uint32]) -> NDArray[np.int32]:
        cells = row.astype(np.int32)
        cells *= np.int32(self.buckets)
        cells += bucket_of(values, self.bits)
        return cells


def bucket_of(values: NDArray[np.uint32], bits: int) -> NDArray[np.int32]:
    """Log-linear bucket, 2**bits per octave: the leading bits of value + 1 as a float. Monotonic; below 33 << bits."""
    as_float = values.astype(np.float32)
    as_float += np.float32(1)
    buckets = as_float.view(np.int32)
    buckets >>= np.int32(23 - bits)
    buckets -= np.int32(_EXPONENT_BIAS << bits)
    return buckets


class _Selection:
    """Which ranks one view wants, the buckets they lie in, and the values collected from these."""

    def __init__(self, histogram: NDArray[np.int64], view: View) -> None:
        groups, buckets = histogram.shape
        self.n = histogram.sum(axis=1)
        self._low, self._high, self._share = _ranks(self.n, view.quantiles)
        # all groups on one axis, one after the other: a rank's position there tells its bucket
        upto = np.cumsum(histogram)
        group_start = (np.cumsum(self.n) - self.n)[:, None]
        present = self.n > 0
        cells = [np.searchsorted(upto, (group_start + rank)[present], side="right") for rank in (self._low, self._high)]
        wanted = np.zeros(groups * buckets, np.bool_)
        for cell in cells:
            wanted[cell] = True
        self.wanted = wanted.reshape(histogram.shape)
        # what is not collected before a rank's cell moves its position among the collected values
        skipped = np.cumsum(np.where(wanted, 0, histogram.ravel()))
        self._positions = [
            (group_start + rank)[present] - skipped[cell] for rank, cell in zip((self._low, self._high), cells, strict=True)
        ]
        self._present = present
        self._keys: list[NDArray[np.uint64]] = []
        self._merged = (np.zeros(0, np.uint64), np.zeros(0, np.int64))
        self._pending = 0

    def add(self, group: NDArray[np.int64], values: NDArray[np.uint32]) -> None:
        self._keys.append((group.astype(np.uint64) << np.uint64(32)) | values)
        self._pending += len(values)
        if self._pending > COMPRESS_ABOVE:
            self._merge()

    def _merge(self) -> None:
        if not self._keys:
            return
        keys, counts = np.unique(np.concatenate(self._keys), return_counts=True)
        self._keys, self._pending = [], 0
        old_keys, old_counts = self._merged
        if len(old_keys):
            both = np.concatenate([old_keys, keys])
            order = np.argsort(both, kind="stable")
            both = both[order]
            starts = np.flatnonzero(np.concatenate([[True], both[1:] != both[:-1]]))
            keys, counts = both[starts], np.add.reduceat(np.concatenate([old_counts, counts])[order], starts)
        self._merged = (keys, counts)

    def result(self) -> NDArray[np.float64]:
        self._merge()
        keys, counts = self._merged
        values = (keys & np.uint64(0xFFFFFFFF)).astype(np.float64)
        after = np.cumsum(counts)
        out = np.full(self._low.shape, np.nan)
        if self._present.any():
            low, high = (values[np.searchsorted(after, position, side="right")] for position in self._positions)
            out[self._present] = _interpolate(low, high, self._share[self._present])
        return out


def _sum_rows(histogram: NDArray[np.int64], view: View) -> NDArray[np.int64]:
    """Sum the histogram's rows by group: shape (groups, buckets)."""
    if view.groups == len(histogram) and np.array_equal(view.group_of_row, np.arange(len(histogram))):
        return histogram
    summed = np.zeros((view.groups, histogram.shape[1]), np.int64)
    for row in np.flatnonzero(view.group_of_row >= 0):
        summed[view.group_of_row[row]] += histogram[row]
    return summed


def _ranks(n: NDArray[np.int64], quantiles: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Ranks below and above h = (n - 1) q and the share between them; shapes (len(n), len(quantiles))."""
    position = np.maximum(n - 1, 0)[:, None] * np.asarray(quantiles, np.float64)[None, :]
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n - 1, 0)[:, None])
    return low, high, position - low


def _interpolate(low: NDArray[np.float64], high: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation with numpy's own rounding: from the nearer end."""
    difference = high - low
    return np.where(share >= 0.5, high - difference * (1 - share), low + difference * share)
