"""Read `samples.parquet` as plain numpy arrays, a bounded number of rows at a time (columns: `loadtest.load.models`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from loadtest.analysis.time_grid import EARLIEST_US, LATEST_US
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, is_local

REQUIRED = ("start_us", "latency_us", "endpoint", "error")
OPTIONAL = ("late_us", "status", "response_bytes", "users", "worker")
NAMED = ("endpoint", "error", "worker")  # dictionary columns
CHUNK_ROWS = 1 << 20
UNNAMED_ENDPOINT = "(unnamed)"
NO_OUTCOME = "(no outcome recorded)"
OTHER = "(other names)"
MAX_NAMES = 65_535


@dataclass(frozen=True)
class Samples:
    """Requests as arrays of equal length n; codes index the name tuples of the `SampleFile` they come from.

    `start_us` int64, `latency_us` uint32, `endpoint`/`error`/`worker` uint16 codes, `failed` bool, `status` uint16,
    `late_us`, `response_bytes` uint32, `users` uint16; columns that were not asked for are empty. `timed` bool: whether the
    client told a time that can be; where it did not, `latency_us` is 0 and means nothing.
    `server` holds per component (values in microseconds, whether reported).
    """

    n: int
    start_us: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    latency_us: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    timed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    endpoint: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    error: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    failed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    late_us: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    status: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    response_bytes: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    users: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    worker: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    server: dict[str, tuple[NDArray[np.uint32], NDArray[np.bool_]]] = field(default_factory=dict)


class Names:
    """Names of one dictionary column in order of first appearance; the same code in every chunk of the file."""

    def __init__(self, null_name: str) -> None:
        self._null_name = null_name
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self._codes)

    def code(self, name: str) -> int:
        code = self._codes.get(name)
        if code is None:
            if len(self._codes) >= MAX_NAMES - 1:
                name = OTHER
            code = self._codes.setdefault(name, len(self._codes))
        return code

    def encode(self, column: pa.Array) -> NDArray[np.uint16]:
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        local = column.dictionary.to_pylist()
        missing = len(local)
        mapping = np.array([*(self.code(self._null_name if name is None else name) for name in local), 0], np.uint16)
        indices = _values(column.indices)
        if column.null_count:
            mapping[missing] = self.code(self._null_name)
            indices = np.where(_valid(column), indices, missing)
        return mapping[indices]


class SampleFile:
    """One `samples.parquet`. Names grow while chunks are read; codes stay stable for the life of the object.

    Raises ConfigurationError when the file is missing, is no parquet file, or lacks a required column.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = path
        try:
            source: Any = str(path) if is_local(path) else path.open("rb")
            self._file = pq.ParquetFile(source, pre_buffer=False, page_checksum_verification=True)
        except FileNotFoundError:
            raise ConfigurationError(f"{path} does not exist; run the load stage that writes it first.") from None
        except (pa.ArrowException, OSError) as error:
            raise ConfigurationError(f"{path} cannot be read as parquet: {_first_line(error)}.") from None
        self.columns = tuple(self._file.schema_arrow.names)
        missing = [name for name in REQUIRED if name not in self.columns]
        if missing:
            raise ConfigurationError(f"{path} lacks the column {missing[0]!r}; run the load stage again.")
        for name in self.columns:
            _check_type(path, self._file.schema_arrow.field(name))
        self.rows: int = self._file.metadata.num_rows
        self.endpoints = Names(UNNAMED_ENDPOINT)
        self.errors = Names(NO_OUTCOME)
        self.workers = Names("")
        self.errors.code("")  # code 0 is success

    @property
    def components(self) -> tuple[str, ...]:
        """Server-Timing components that the file has a column for, sorted."""
        return tuple(sorted(name[7:-3] for name in self.columns if name.startswith("server_") and name.endswith("_us")))

    def time_range_us(self) -> tuple[int, int] | None:
        """First and last start, from the file's statistics (no data is read); None without rows or statistics."""
        index = self._file.schema_arrow.names.index("start_us")
        metadata = self._file.metadata
        found = [metadata.row_group(group).column(index).statistics for group in range(metadata.num_row_groups)]
        bounds = [(entry.min, entry.max) for entry in found if entry is not None and entry.has_min_max]
        if not bounds or len(bounds) != len(found):
            return None
        return min(low for low, _ in bounds), max(high for _, high in bounds)

    def count_missing(self) -> int:
        """Empty cells of the required columns, from the file's statistics; raises ConfigurationError without them.
        Latencies may be missing, and are counted by endpoint elsewhere."""
        missing = 0
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups if self.rows else 0):
            for name in (name for name in REQUIRED if name != "latency_us"):
                statistics = metadata.row_group(group).column(self._file.schema_arrow.names.index(name)).statistics
                if statistics is None or not statistics.has_null_count:
                    raise ConfigurationError(f"{self.path} has no statistics of its column {name!r}; run the load stage again.")
                missing += statistics.null_count
        return missing

    def count_endpoints(self) -> NDArray[np.int64]:
        """Rows per endpoint code, reading only that column; afterwards all endpoint names are known."""
        counts = np.zeros(0, np.int64)
        for chunk in self.chunks(("endpoint",)):
            found = np.bincount(chunk.endpoint, minlength=len(self.endpoints))
            found[: len(counts)] += counts
            counts = found
        return counts

    def chunks(self, columns: Iterable[str] | None = None, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[Samples]:
        """Yield the rows in file order, at most `chunk_rows` at a time; the next chunk is decoded meanwhile.

        `columns`: names out of REQUIRED, OPTIONAL and `server` (all components); None: everything.
        A column the file does not have reads as zeros. `error` brings `failed` with it, `latency_us` brings `timed`.
        Raises ConfigurationError when a page is damaged.
        """
        wanted = set(columns) if columns is not None else {*REQUIRED, *OPTIONAL, "server"}
        read = [name for name in (*REQUIRED, *OPTIONAL) if name in wanted and name in self.columns]
        components = self.components if "server" in wanted else ()
        read += [f"server_{component}_us" for component in components]
        batches = self._file.iter_batches(batch_size=chunk_rows, columns=read or None)
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(next, batches, None)
            while True:
                try:
                    batch = pending.result()
                except (pa.ArrowException, OSError) as error:
                    raise ConfigurationError(f"{self.path} is damaged: {_first_line(error)}.") from None
                if batch is None:
                    return
                pending = pool.submit(next, batches, None)
                if batch.num_rows:
                    yield self._decode(batch, wanted, components)

    def _decode(self, batch: pa.RecordBatch, wanted: set[str], components: tuple[str, ...]) -> Samples:
        arrays: dict[str, Any] = {}
        for name, names in (("endpoint", self.endpoints), ("error", self.errors), ("worker", self.workers)):
            if name in wanted:
                present = name in batch.schema.names
                arrays[name] = names.encode(batch.column(name)) if present else np.zeros(batch.num_rows, np.uint16)
        if "error" in arrays:
            arrays["failed"] = arrays["error"] != 0
        for name, dtype in _NUMERIC.items():
            if name in wanted:
                present = name in batch.schema.names
                arrays[name] = _numbers(batch.column(name), dtype) if present else np.zeros(batch.num_rows, dtype)
        if "latency_us" in arrays:
            arrays["timed"] = _valid(batch.column("latency_us"))
        if "start_us" in arrays:
            arrays["start_us"] = _possible(arrays["start_us"])
        server = {}
        for component in components:
            column = batch.column(f"server_{component}_us")
            server[component] = (_numbers(column, np.uint32), _valid(column))
        return Samples(n=batch.num_rows, server=server, **arrays)


_NUMERIC: dict[str, Any] = {
    "start_us": np.int64,
    "latency_us": np.uint32,
    "late_us": np.uint32,
    "status": np.uint16,
    "response_bytes": np.uint32,
    "users": np.uint16,
}


def _check_type(path: AnyPath, column: pa.Field) -> None:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if column.name in NAMED:
        fits, expected = pa.types.is_string(kind) or pa.types.is_large_string(kind), "text"
    elif column.name in _NUMERIC or column.name.startswith("server_"):
        fits, expected = pa.types.is_integer(kind) or pa.types.is_floating(kind), "numbers"
    else:
        return
    if not fits:
        raise ConfigurationError(
            f"{path}: the column {column.name!r} holds {column.type}, not {expected}; run the load stage again."
        )


def _numbers(column: pa.Array, dtype: Any) -> NDArray[Any]:
    """The column in the wanted type; 0 where it is empty, values that do not fit are clipped."""
    values = _values(column)
    if column.null_count:
        values = np.where(_valid(column), values, values.dtype.type(0))
    if values.dtype == dtype:
        return values
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values)
    limits = np.iinfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)


def _possible(start_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Starts that no calendar has (a broken clock) become its first or last, so that no sum overflows."""
    if start_us.min() >= EARLIEST_US and start_us.max() <= LATEST_US:
        return start_us
    return np.clip(start_us, EARLIEST_US, LATEST_US)


def _values(column: pa.Array) -> NDArray[Any]:
    """A view of a fixed-width column's values; undefined where it is empty. (`to_numpy` would import pandas: a second.)"""
    dtype = np.dtype(column.type.to_pandas_dtype())
    buffer = column.buffers()[1]
    return np.frombuffer(buffer, dtype, count=len(column), offset=column.offset * dtype.itemsize)


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    buffer = column.buffers()[0]
    if buffer is None or not column.null_count:
        return np.ones(len(column), np.bool_)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[column.offset : column.offset + len(column)].view(np.bool_)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
