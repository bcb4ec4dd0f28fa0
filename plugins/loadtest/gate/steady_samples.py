"""The samples the gate judges: the steady phase of `samples.parquet` as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, is_local
from loadtest.load.models import LoadResult


@dataclass(frozen=True)
class SteadySamples:
    """One entry per request that started in the steady phase, errors included. `start_s` counts from its begin,
    `endpoint_code` indexes `names`."""

    latency_ms: np.ndarray
    start_s: np.ndarray
    endpoint_code: np.ndarray
    is_error: np.ndarray
    names: tuple[str, ...]

    def successes_by_endpoint(self) -> dict[str, np.ndarray]:
        """Latencies of successful requests, milliseconds, per endpoint."""
        code = self.endpoint_code[~self.is_error]
        latency = self.latency_ms[~self.is_error]
        order = np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(self.names)))
        parts = np.split(latency[order], ends[:-1]) if len(self.names) else []
        return {name: part for name, part in zip(self.names, parts, strict=True) if len(part)}


def read_steady_samples(path: AnyPath, load: LoadResult) -> SteadySamples | None:
    """Samples of the steady phase, or None if the load never got there. Raises ConfigurationError for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if load.steady_started_at is None:
        return None
    ended_at = load.steady_ended_at or load.ended_at
    first_us, last_us = round(load.steady_started_at.timestamp() * 1e6), round(ended_at.timestamp() * 1e6)
    try:
        source = str(path) if is_local(path) else pa.BufferReader(path.read_bytes())
        table = pq.read_table(source, columns=["start_us", "latency_us", "endpoint", "error"])
        start_us = table.column("start_us").to_numpy()
        latency_us = table.column("latency_us").to_numpy()
        endpoint, error = (_dictionary(table.column(name)) for name in ("endpoint", "error"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist; the load stage writes it.") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as problem:
        raise ConfigurationError(f"{path} cannot be read as samples: {problem}.") from None
    inside = (start_us >= first_us) & (start_us < last_us)
    names = tuple(str(name) for name in endpoint.dictionary.to_pylist())
    causes = error.dictionary.to_pylist()
    failed = np.array([bool(cause) for cause in causes], dtype=bool)
    error_code = error.indices.to_numpy(zero_copy_only=False)[inside]
    return SteadySamples(
        latency_ms=latency_us[inside] / 1000.0,
        start_s=(start_us[inside] - first_us) / 1e6,
        endpoint_code=endpoint.indices.to_numpy(zero_copy_only=False)[inside],
        is_error=failed[error_code] if len(causes) else np.zeros(int(inside.sum()), dtype=bool),
        names=names,
    )


def _dictionary(column):  # pyarrow.ChunkedArray -> pyarrow.DictionaryArray; pyarrow is imported late, so no annotation
    """One dictionary over all row groups, whether the file kept the dictionary type or not."""
    import pyarrow as pa

    whole = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    combined = whole.unify_dictionaries().combine_chunks()
    if isinstance(combined, pa.ChunkedArray):  # no row at all
        return pa.array([], type=whole.type)
    return combined
