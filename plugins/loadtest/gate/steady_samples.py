"""The samples the gate judges: the steady phase of `samples.parquet` as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.samples import SampleFile
from loadtest.analysis.time_grid import make_grid
from loadtest.files import AnyPath
from loadtest.load.models import LoadResult

_COLUMNS = ("start_us", "latency_us", "endpoint", "error")


@dataclass(frozen=True)
class SteadySamples:
    """One entry per request that started in the steady phase, errors included. `start_s` counts from its begin,
    `endpoint_code` indexes `names`."""

    latency_ms: NDArray[np.float64]
    start_s: NDArray[np.float64]
    endpoint_code: NDArray[np.uint16]
    is_error: NDArray[np.bool_]
    names: tuple[str, ...]

    def successes_by_endpoint(self) -> dict[str, NDArray[np.float64]]:
        """Latencies of successful requests, milliseconds, per endpoint; endpoints without any are missing."""
        code = self.endpoint_code[~self.is_error]
        latency = self.latency_ms[~self.is_error]
        order = np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(self.names)))
        parts = np.split(latency[order], ends[:-1]) if self.names else []
        return {name: part for name, part in zip(self.names, parts, strict=True) if len(part)}


def read_steady_samples(path: AnyPath, load: LoadResult) -> SteadySamples | None:
    """Samples of the steady phase, bounded exactly as metrics.json bounds it; None if the load never got there.

    Raises ConfigurationError for a missing or damaged file.
    """
    grid = make_grid(load.started_at, load.ended_at, load.steady_started_at, load.steady_ended_at)
    if grid.steady_us is None:
        return None
    file = SampleFile(path)
    parts: list[tuple[NDArray, NDArray, NDArray, NDArray]] = []
    for chunk in file.chunks(_COLUMNS):
        inside = grid.in_steady(chunk.start_us)
        parts.append((chunk.start_us[inside], chunk.latency_us[inside], chunk.endpoint[inside], chunk.failed[inside]))
    empty = (np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.uint16), np.zeros(0, np.bool_))
    start_us, latency_us, endpoint, failed = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
    return SteadySamples(
        latency_ms=latency_us / 1000.0,
        start_s=(start_us - grid.steady_us[0]) / 1e6,
        endpoint_code=endpoint,
        is_error=failed,
        names=file.endpoints.all,
    )
