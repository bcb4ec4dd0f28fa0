"""The samples the gate judges: the steady phase of `samples.parquet`, endpoint by endpoint, nine bytes a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.samples import SampleFile, Samples
from loadtest.analysis.time_grid import make_grid
from loadtest.files import AnyPath
from loadtest.load.models import LoadResult

_COLUMNS = ("start_us", "latency_us", "endpoint", "error")
_TICK_US = 10  # start times to 10 us fit into 32 bits for eleven hours


@dataclass(frozen=True)
class EndpointSamples:
    """Requests of one endpoint that started in the steady phase, in file order. `start_ticks`: 10 us since its begin."""

    latency_us: NDArray[np.uint32]
    start_ticks: NDArray[np.uint32]
    failed: NDArray[np.bool_]

    @property
    def n(self) -> int:
        return len(self.failed)

    @property
    def errors(self) -> int:
        return int(np.count_nonzero(self.failed))

    def successes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latencies, milliseconds, and starts, seconds, of the successful requests."""
        good = slice(None) if not self.errors else ~self.failed
        return self.latency_us[good] / 1000.0, self.start_ticks[good] * np.float64(_TICK_US / 1e6)


class Latencies(Mapping[str, NDArray[np.float64]]):
    """Successful latencies, milliseconds, per endpoint, made when they are asked for; only endpoints that had a success."""

    def __init__(self, endpoints: dict[str, EndpointSamples]) -> None:
        self._endpoints = {name: samples for name, samples in endpoints.items() if samples.n > samples.errors}

    def __getitem__(self, endpoint: str) -> NDArray[np.float64]:
        return self._endpoints[endpoint].successes()[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._endpoints)

    def __len__(self) -> int:
        return len(self._endpoints)


def read_steady_samples(path: AnyPath, load: LoadResult) -> dict[str, EndpointSamples]:
    """Samples of the steady phase by endpoint, bounded exactly as metrics.json bounds it; empty if it was never reached.

    Raises ConfigurationError for a missing or damaged file. Needs 9 bytes a request and as much again while joining.
    """
    grid = make_grid(load.started_at, load.ended_at, load.steady_started_at, load.steady_ended_at)
    if grid.steady_us is None:
        return {}
    file = SampleFile(path)
    parts: dict[int, list[EndpointSamples]] = {}
    for chunk in file.chunks(_COLUMNS):
        for code, samples in _by_endpoint(chunk, grid.in_steady(chunk.start_us), grid.steady_us[0]):
            parts.setdefault(code, []).append(samples)
    names = file.endpoints.all
    return {names[code]: _joined(parts.pop(code)) for code in sorted(parts)}


def _by_endpoint(chunk: Samples, inside: NDArray[np.bool_], begin_us: int) -> Iterator[tuple[int, EndpointSamples]]:
    """The chunk's steady samples, split by endpoint with one stable sort."""
    code = chunk.endpoint[inside]
    order = np.argsort(code, kind="stable")
    ticks = ((chunk.start_us[inside] - begin_us) // _TICK_US).astype(np.uint32)[order]
    latency, failed = chunk.latency_us[inside][order], chunk.failed[inside][order]
    counts = np.bincount(code)
    ends = np.cumsum(counts)
    for number in np.flatnonzero(counts):
        part = slice(ends[number] - counts[number], ends[number])
        yield int(number), EndpointSamples(latency[part], ticks[part], failed[part])


def _joined(parts: list[EndpointSamples]) -> EndpointSamples:
    if len(parts) == 1:
        return parts[0]
    columns = zip(*((part.latency_us, part.start_ticks, part.failed) for part in parts), strict=True)
    return EndpointSamples(*(np.concatenate(column) for column in columns))
