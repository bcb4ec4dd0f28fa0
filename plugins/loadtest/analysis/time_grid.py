"""The run's time axis: when it began and ended, its phases, and the bins of its timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.models import Phase

BIN_WIDTHS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600)
MOST_BINS = 120
MOST_CHOSEN_BINS = 5_000  # for a width that somebody asked for, so that no clock error fills the memory
EARLIEST_US, LATEST_US = 0, 253_402_300_799_000_000  # 1970 to 9999


@dataclass(frozen=True)
class TimeGrid:
    """Microseconds since the Unix epoch; the steady phase is [steady_us[0], steady_us[1]) or None if never reached."""

    start_us: int
    end_us: int
    bin_us: int
    steady_us: tuple[int, int] | None

    @property
    def bins(self) -> int:
        return max(1, math.ceil((self.end_us - self.start_us) / self.bin_us))

    @property
    def steady_s(self) -> float:
        return (self.steady_us[1] - self.steady_us[0]) / 1e6 if self.steady_us else 0.0

    def bin_of(self, start_us: NDArray[np.int64]) -> NDArray[np.int32]:
        """Bin of each start; starts outside the run fall into its first or last bin."""
        offsets = start_us - np.int64(self.start_us)
        offsets //= np.int64(self.bin_us)
        return np.clip(offsets, 0, self.bins - 1).astype(np.int32)

    def in_steady(self, start_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self.steady_us is None:
            return np.zeros(len(start_us), np.bool_)
        return (start_us >= self.steady_us[0]) & (start_us < self.steady_us[1])

    def bin_starts_s(self) -> list[float]:
        return [number * self.bin_us / 1e6 for number in range(self.bins)]

    def bin_widths_s(self) -> list[float]:
        """Seconds each bin covers; the last may be shorter, but counts as a quarter at least so that its rate stays sane."""
        full = self.bin_us / 1e6
        widths = [full] * self.bins
        widths[-1] = max((self.end_us - self.start_us) / 1e6 - (self.bins - 1) * full, full / 4)
        return widths

    def phases(self) -> tuple[Phase, ...]:
        """`ramp`, `steady`, `drain` in seconds since the start; only `ramp` when the steady phase was never reached."""
        total_s = (self.end_us - self.start_us) / 1e6
        if self.steady_us is None:
            return (Phase(name="ramp", start_s=0.0, end_s=total_s),)
        begin_s, end_s = ((edge - self.start_us) / 1e6 for edge in self.steady_us)
        return (
            Phase(name="ramp", start_s=0.0, end_s=begin_s),
            Phase(name="steady", start_s=begin_s, end_s=end_s),
            Phase(name="drain", start_s=end_s, end_s=max(total_s, end_s)),
        )


def choose_bin_s(duration_s: float) -> float:
    """The narrowest round width (at least 1 s) that gives at most 120 bins."""
    for width in BIN_WIDTHS_S:
        if duration_s / width <= MOST_BINS:
            return float(width)
    return float(math.ceil(duration_s / MOST_BINS / 600) * 600)


def microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1e6)


def moment(us: int) -> datetime:
    """UTC time of microseconds since the epoch; what no datetime can hold is clipped."""
    return datetime.fromtimestamp(min(max(us, EARLIEST_US), LATEST_US) / 1e6, UTC)


def make_grid(
    started_at: datetime,
    ended_at: datetime,
    steady_started_at: datetime | None,
    steady_ended_at: datetime | None,
    bin_s: float | None = None,
) -> TimeGrid:
    """The grid of a load. An end before the start counts as an empty run; an empty steady phase as never reached.

    A steady phase without an end (the run was cut short) lasts until the end of the load.
    """
    start_us, end_us = microseconds(started_at), microseconds(ended_at)
    end_us = max(end_us, start_us)
    steady = None
    if steady_started_at is not None:
        low = max(microseconds(steady_started_at), start_us)
        high = min(microseconds(steady_ended_at), end_us) if steady_ended_at is not None else end_us
        steady = (low, high) if high > low else None
    duration_s = (end_us - start_us) / 1e6
    width_s = max(bin_s, duration_s / MOST_CHOSEN_BINS) if bin_s else choose_bin_s(duration_s)
    return TimeGrid(start_us, end_us, max(1, round(width_s * 1e6)), steady)
