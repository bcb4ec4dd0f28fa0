"""The two passes over the samples: everything that metrics, timeline, failures and tables are made of, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.failures import FailureCounts
from loadtest.analysis.models import QUANTILES
from loadtest.analysis.quantiles import GroupedQuantiles, View
from loadtest.analysis.samples import SampleFile, Samples
from loadtest.analysis.time_grid import TimeGrid
from loadtest.analysis.users import UserPeaks

STEADY_QUANTILES = tuple(sorted({*QUANTILES, 0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}))
LOCUST_PERCENTILES = (0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
WHOLE_QUANTILES = (0.0, *LOCUST_PERCENTILES)
TIMELINE_QUANTILES = (0.5, 0.95)
SERVER_QUANTILES = (0.5, 0.95)
MOST_TIMELINES = 200  # endpoints with a timeline of their own: those with the most requests
KEEP_ROWS = 12_000_000  # up to here the arrays of the first pass are kept for the second instead of read again

# class of a request: bit 0 failed, bit 1 in the steady phase
_CLASSES = 4
_STEADY_SUCCESS, _STEADY_FAILURE = 2, 3
_COLUMNS = ("start_us", "latency_us", "endpoint", "error", "server")
_FIRST_PASS = (*_COLUMNS, "status", "response_bytes", "users", "worker")


@dataclass
class Tally:
    """Counts, sums and exact quantiles in microseconds. E endpoints (names in `endpoints`), S bins, C components.

    Per request class (see `_CLASSES`): `count`, of these with a known time `timed`, `latency_sum`, `bytes_sum`, shape (E, 4).
    Quantiles: `steady` (E, q) and `steady_total` (q) of steady successes at STEADY_QUANTILES; `whole`, `whole_total` of all
    requests at WHOLE_QUANTILES; `bin_quantiles` (S, 2) and `timeline_quantiles` (T, S, 2) of successes. NaN where there is
    nothing.
    """

    grid: TimeGrid
    endpoints: tuple[str, ...]
    count: NDArray[np.int64]
    timed: NDArray[np.int64]
    latency_sum: NDArray[np.float64]
    bytes_sum: NDArray[np.float64]
    bin_count: NDArray[np.int64]  # (E, S)
    bin_errors: NDArray[np.int64]  # (E, S)
    failures: FailureCounts
    users: UserPeaks
    timeline_endpoints: NDArray[np.int64]  # codes of the T endpoints with a timeline
    first_us: int | None = None
    last_end_us: int | None = None
    outside: int = 0  # starts before the load began or after it ended
    steady: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    steady_total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    whole: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    whole_total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    bin_quantiles: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    timeline_quantiles: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0, 0)))
    server_n: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # (E,)
    server_sum: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (E,)
    server: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (E, 2)
    server_total: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (2,)

    @property
    def steady_n(self) -> NDArray[np.int64]:
        return self.count[:, _STEADY_SUCCESS] + self.count[:, _STEADY_FAILURE]

    @property
    def steady_errors(self) -> NDArray[np.int64]:
        return self.count[:, _STEADY_FAILURE]

    @property
    def steady_successes(self) -> NDArray[np.int64]:
        return self.count[:, _STEADY_SUCCESS]

    @property
    def steady_timed(self) -> NDArray[np.int64]:
        """Successes whose time is known."""
        return self.timed[:, _STEADY_SUCCESS]

    @property
    def untimed(self) -> NDArray[np.int64]:
        """Requests of the steady phase whose time is not known."""
        missing = self.count - self.timed
        return missing[:, _STEADY_SUCCESS] + missing[:, _STEADY_FAILURE]

    @property
    def steady_latency_sum(self) -> NDArray[np.float64]:
        return self.latency_sum[:, _STEADY_SUCCESS]

    @property
    def steady_bytes_sum(self) -> NDArray[np.float64]:
        return self.bytes_sum[:, _STEADY_SUCCESS]


def tally(file: SampleFile, grid: TimeGrid) -> Tally:
    """Read the samples twice (or once, when they fit in memory) and count. Memory does not grow with the rows."""
    rows_of_endpoint = file.count_endpoints()
    return _Passes(file, grid, rows_of_endpoint).run()


@dataclass(frozen=True)
class _Keyed:
    """What the second pass needs of a chunk: latencies, their rows in the histograms, and server times."""

    latency_us: NDArray[np.uint32]
    latency_row: NDArray[np.int32]
    time_row: NDArray[np.int32]
    server: dict[str, tuple[NDArray[np.int32], NDArray[np.uint32]]]


class _Passes:
    def __init__(self, file: SampleFile, grid: TimeGrid, rows_of_endpoint: NDArray[np.int64]) -> None:
        self._file, self._grid = file, grid
        endpoints, bins = len(file.endpoints), grid.bins
        self._endpoints = endpoints
        busiest = np.sort(np.argsort(-rows_of_endpoint, kind="stable")[:MOST_TIMELINES])
        self._tally = Tally(
            grid=grid,
            endpoints=file.endpoints.all,
            count=np.zeros((endpoints, _CLASSES), np.int64),
            timed=np.zeros((endpoints, _CLASSES), np.int64),
            latency_sum=np.zeros((endpoints, _CLASSES)),
            bytes_sum=np.zeros((endpoints, _CLASSES)),
            bin_count=np.zeros((endpoints, bins), np.int64),
            bin_errors=np.zeros((endpoints, bins), np.int64),
            failures=FailureCounts(),
            users=UserPeaks(bins),
            timeline_endpoints=busiest,
            server_sum={component: np.zeros(endpoints) for component in file.components},
        )
        # the last row is for requests without a time, which no view looks at
        self._main = GroupedQuantiles(endpoints * _CLASSES + 1, _main_views(endpoints), values=file.rows)
        # one row per (endpoint with a timeline, bin), then per bin for the other endpoints, then one for failures
        self._slot = np.full(endpoints, len(busiest), np.int32)
        self._slot[busiest] = np.arange(len(busiest), dtype=np.int32)
        self._failure_row = (len(busiest) + 1) * bins
        time_views = _time_views(len(busiest), bins)
        self._time = GroupedQuantiles(self._failure_row + 1, time_views, values=file.rows, max_bits=5)
        self._server = {name: GroupedQuantiles(endpoints, _server_views(endpoints), values=file.rows) for name in file.components}

    def run(self) -> Tally:
        kept: list[_Keyed] | None = [] if self._file.rows <= KEEP_ROWS else None
        for chunk in self._file.chunks(_FIRST_PASS):
            keyed = self._count(chunk)
            if kept is not None:
                kept.append(keyed)
        for selection in self._selections():
            selection.plan()
        for keyed in _drain(kept) if kept is not None else self._read_again():
            self._collect(keyed)
        return self._finish()

    def _read_again(self) -> Iterator[_Keyed]:
        for chunk in self._file.chunks(_COLUMNS):
            yield self._key(chunk)[0]

    def _selections(self) -> list[GroupedQuantiles]:
        return [self._main, self._time, *self._server.values()]

    def _key(self, chunk: Samples) -> tuple[_Keyed, NDArray[np.int32], NDArray[np.int32]]:
        """What the second pass needs, the row of each request's class, its bin."""
        bins = self._grid.bin_of(chunk.start_us)
        steady = self._grid.in_steady(chunk.start_us)
        main_row = chunk.endpoint.astype(np.int32)
        main_row *= np.int32(_CLASSES)
        main_row += chunk.failed
        main_row += steady.view(np.uint8) << np.uint8(1)
        time_row = self._slot[chunk.endpoint]
        time_row *= np.int32(self._grid.bins)
        time_row += bins
        if chunk.failed.any():
            time_row[chunk.failed] = self._failure_row
        latency_row = main_row
        if not chunk.timed.all():
            latency_row = np.where(chunk.timed, main_row, np.int32(self._endpoints * _CLASSES))
            time_row[~chunk.timed] = self._failure_row
        server = {}
        judged = steady & ~chunk.failed
        for component, (values, reported) in chunk.server.items():
            chosen = np.flatnonzero(reported & judged)
            server[component] = (chunk.endpoint[chosen].astype(np.int32), values[chosen])
        return _Keyed(chunk.latency_us, latency_row, time_row, server), main_row, bins

    def _count(self, chunk: Samples) -> _Keyed:
        keyed, main_row, bins = self._key(chunk)
        result, shape = self._tally, (self._endpoints, _CLASSES)
        cells = self._endpoints * _CLASSES
        result.count += np.bincount(main_row, minlength=cells).reshape(shape)
        result.timed += np.bincount(keyed.latency_row, minlength=cells + 1)[:cells].reshape(shape)
        result.latency_sum += np.bincount(main_row, chunk.latency_us, minlength=cells).reshape(shape)
        result.bytes_sum += np.bincount(main_row, chunk.response_bytes, minlength=cells).reshape(shape)
        at = chunk.endpoint.astype(np.int32) * np.int32(self._grid.bins) + bins
        per_bin = (self._endpoints, self._grid.bins)
        result.bin_count += np.bincount(at, minlength=per_bin[0] * per_bin[1]).reshape(per_bin)
        failed = np.flatnonzero(chunk.failed)
        if len(failed):
            result.bin_errors += np.bincount(at[failed], minlength=per_bin[0] * per_bin[1]).reshape(per_bin)
            result.failures.add(chunk, failed)
        result.users.add(chunk.worker, bins, chunk.users)
        first = int(chunk.start_us.min())
        last = int((chunk.start_us + chunk.latency_us).max())
        result.first_us = first if result.first_us is None else min(result.first_us, first)
        result.last_end_us = last if result.last_end_us is None else max(result.last_end_us, last)
        inside = (chunk.start_us >= self._grid.start_us) & (chunk.start_us <= self._grid.end_us)
        result.outside += chunk.n - int(np.count_nonzero(inside))
        self._main.count(keyed.latency_row, keyed.latency_us)
        self._time.count(keyed.time_row, keyed.latency_us)
        for component, (endpoint, values) in keyed.server.items():
            self._server[component].count(endpoint, values)
            result.server_sum[component] += np.bincount(endpoint, values, minlength=self._endpoints)
        return keyed

    def _collect(self, keyed: _Keyed) -> None:
        self._main.collect(keyed.latency_row, keyed.latency_us)
        self._time.collect(keyed.time_row, keyed.latency_us)
        for component, (endpoint, values) in keyed.server.items():
            self._server[component].collect(endpoint, values)

    def _finish(self) -> Tally:
        result = self._tally
        result.steady = self._main.result("steady")
        result.steady_total = self._main.result("steady_total")[0]
        result.whole = self._main.result("whole")
        result.whole_total = self._main.result("whole_total")[0]
        result.bin_quantiles = self._time.result("bin")
        shape = (len(result.timeline_endpoints), self._grid.bins, len(TIMELINE_QUANTILES))
        result.timeline_quantiles = self._time.result("endpoint_bin").reshape(shape)
        for component, selection in self._server.items():
            result.server_n[component] = selection.group_sizes("endpoint")
            result.server[component] = selection.result("endpoint")
            result.server_total[component] = selection.result("total")[0]
        return result


def _drain(kept: list[_Keyed]) -> Iterator[_Keyed]:
    """Yield and forget, so that memory falls while the second pass goes on."""
    while kept:
        yield kept.pop()


def _main_views(endpoints: int) -> dict[str, View]:
    row = np.arange(endpoints * _CLASSES + 1)
    known = row < endpoints * _CLASSES
    endpoint, steady_success = np.where(known, row // _CLASSES, -1), known & (row % _CLASSES == _STEADY_SUCCESS)
    return {
        "steady": View(np.where(steady_success, endpoint, -1), endpoints, STEADY_QUANTILES),
        "steady_total": View(np.where(steady_success, 0, -1), 1, STEADY_QUANTILES),
        "whole": View(endpoint, endpoints, WHOLE_QUANTILES),
        "whole_total": View(np.where(known, 0, -1), 1, WHOLE_QUANTILES),
    }


def _time_views(timelines: int, bins: int) -> dict[str, View]:
    row = np.arange((timelines + 1) * bins + 1)
    success = row < (timelines + 1) * bins
    return {
        "endpoint_bin": View(np.where(row < timelines * bins, row, -1), timelines * bins, TIMELINE_QUANTILES),
        "bin": View(np.where(success, row % bins, -1), bins, TIMELINE_QUANTILES),
    }


def _server_views(endpoints: int) -> dict[str, View]:
    return {
        "endpoint": View(np.arange(endpoints), endpoints, SERVER_QUANTILES),
        "total": View(np.zeros(endpoints, np.int64), 1, SERVER_QUANTILES),
    }
