"""The samples the gate judges: the steady phase of `samples.parquet`, endpoint by endpoint, eight bytes a request.

A run may have more requests than fit in memory, so the file is read in passes, each for as many endpoints as fit. A run of
25 million requests needs one pass; one of 100 million, evenly over its endpoints, five.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.samples import SampleFile, Samples
from loadtest.analysis.time_grid import TimeGrid, make_grid
from loadtest.files import AnyPath
from loadtest.load.models import LoadResult

REQUESTS_A_PASS = 25_000_000  # 200 MB; more only where a single endpoint has more
_TICK_US = 10  # start times to 10 us fit into 32 bits for eleven hours


_COLUMNS = ("start_us", "latency_us", "endpoint", "error")


@dataclass(frozen=True)
class EndpointSamples:
    """One endpoint's requests that started in the steady phase. `latency_us` and `start_ticks` (10 us each, since the phase
    began) are of the successes whose time is known, in file order; `latency_sum_us` is of all requests, `untimed` counts
    the other successes."""

    latency_us: NDArray[np.uint32]
    start_ticks: NDArray[np.uint32]
    errors: int = 0
    latency_sum_us: float = 0.0
    untimed: int = 0

    @property
    def n(self) -> int:
        return len(self.latency_us) + self.errors + self.untimed

    def successes(self) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Latencies, ms, and starts, ticks, of the successful requests. Single precision is a thousandth of a microsecond
        at 10 ms, and half the memory."""
        return np.divide(self.latency_us, 1000, dtype=np.float32, casting="same_kind"), self.start_ticks


class SteadySamples(Mapping[str, EndpointSamples]):
    """Samples of each endpoint of the file, sorted by name; n is 0 where all requests came before or after the steady phase.

    What a pass read is kept until an endpoint of another pass is asked for: going through all in order reads each once.
    """

    def __init__(self, file: SampleFile, grid: TimeGrid) -> None:
        self._file, self._grid = file, grid
        rows = file.count_endpoints()
        self._rows = {name: (code, int(rows[code])) for code, name in enumerate(file.endpoints.all) if rows[code]}
        self._passes = list(_passes({name: self._rows[name][1] for name in sorted(self._rows)}))
        self._held: dict[str, EndpointSamples] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, endpoint: str) -> EndpointSamples:
        if endpoint not in self._rows:
            raise KeyError(endpoint)
        if endpoint not in self._held:
            self._held = {}  # let go before the next pass fills the memory again
            self._held = self._read(next(names for names in self._passes if endpoint in names))
        return self._held[endpoint]

    def _read(self, names: list[str]) -> dict[str, EndpointSamples]:
        columns = {self._rows[name][0]: _Columns(self._rows[name][1]) for name in names}
        wanted = np.zeros(len(self._file.endpoints), np.bool_)
        wanted[list(columns)] = True
        for chunk in self._file.chunks(_COLUMNS):
            inside = self._grid.in_steady(chunk.start_us)
            inside &= wanted[chunk.endpoint]
            self._distribute(chunk, np.flatnonzero(inside), columns)
        return {name: columns[self._rows[name][0]].samples() for name in names}

    def _distribute(self, chunk: Samples, rows: NDArray[np.intp], columns: dict[int, _Columns]) -> None:
        """Split the chunk's `rows` by endpoint with one stable sort."""
        begin_us = self._grid.steady_us[0] if self._grid.steady_us else 0
        rows = rows[np.argsort(chunk.endpoint[rows], kind="stable")]
        counts = np.bincount(chunk.endpoint[rows])
        ticks = ((chunk.start_us[rows] - begin_us) // _TICK_US).astype(np.uint32)
        latency_us, failed, timed = chunk.latency_us[rows], chunk.failed[rows], chunk.timed[rows]
        ends = np.cumsum(counts)
        for code in np.flatnonzero(counts):
            part = slice(ends[code] - counts[code], ends[code])
            columns[int(code)].add(latency_us[part], ticks[part], failed[part], timed[part])


def read_steady_samples(path: AnyPath, load: LoadResult) -> Mapping[str, EndpointSamples]:
    """Samples of the steady phase by endpoint, bounded exactly as metrics.json bounds it; empty if it was never reached.

    Raises ConfigurationError, here or while reading, for a missing or damaged file.
    """
    grid = make_grid(load.started_at, load.ended_at, load.steady_started_at, load.steady_ended_at)
    return SteadySamples(SampleFile(path), grid) if grid.steady_us else {}


def _passes(rows: Mapping[str, int]) -> Iterator[list[str]]:
    """The endpoints in their order, cut into groups of at most REQUESTS_A_PASS rows or of a single endpoint."""
    group: list[str] = []
    size = 0
    for name, own in rows.items():
        if group and size + own > REQUESTS_A_PASS:
            yield group
            group, size = [], 0
        group.append(name)
        size += own
    if group:
        yield group


class _Columns:
    """One endpoint's columns while they are filled. What is allocated for at most `rows` but never written costs nothing."""

    def __init__(self, rows: int) -> None:
        self._latency_us, self._ticks = np.empty(rows, np.uint32), np.empty(rows, np.uint32)
        self._filled, self._errors, self._untimed, self._latency_sum_us = 0, 0, 0, 0.0

    def add(
        self, latency_us: NDArray[np.uint32], ticks: NDArray[np.uint32], failed: NDArray[np.bool_], timed: NDArray[np.bool_]
    ) -> None:
        self._latency_sum_us += float(latency_us.sum(dtype=np.float64))
        errors = int(np.count_nonzero(failed))
        chosen = timed & ~failed
        if not chosen.all():
            latency_us, ticks = latency_us[chosen], ticks[chosen]
        place = slice(self._filled, self._filled + len(latency_us))
        self._latency_us[place], self._ticks[place] = latency_us, ticks
        self._filled, self._errors = place.stop, self._errors + errors
        self._untimed += len(failed) - errors - len(latency_us)

    def samples(self) -> EndpointSamples:
        filled = slice(0, self._filled)
        return EndpointSamples(self._latency_us[filled], self._ticks[filled], self._errors, self._latency_sum_us, self._untimed)
