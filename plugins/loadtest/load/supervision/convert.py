"""Turns the raw streams of all processes into `samples.parquet` and `exemplars.json`, after the load, in flat memory."""

from __future__ import annotations

import json
import logging
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import numpy as np

from loadtest.files import write_text
from loadtest.load import streams
from loadtest.load.models import Exemplar
from loadtest.load.streams import MAX_U32, OTHER
from loadtest.load.supervision.tail import SAMPLE_DTYPE, SERVER_DTYPE, WorkerTail, parse_lines, worker_folders

ROWS_PER_GROUP = 1_000_000
EXEMPLARS_PER_ENDPOINT = 5
MAX_NAMES = 65_535  # of one kind; positions are uint16, and the one behind the last name means UNKNOWN
UNKNOWN = "(unknown)"  # its line in the names file was lost, to a full disk for example

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerStream:
    """One process's folder, its label `<region>/<worker>`, names, number of whole and torn records, and for a remote
    one the master's clock minus its own (start times are brought to the master's clock)."""

    folder: Path
    label: str
    names: dict[str, dict[int, str]]
    samples: int
    torn: int
    raw_names: int
    clock_offset_s: float | None = None

    @property
    def clock_offset_us(self) -> int:
        return round((self.clock_offset_s or 0.0) * 1_000_000)


@dataclass
class Conversion:
    """What was written. `unknown_names`: samples whose endpoint or error has lost its name and is called `(unknown)`."""

    samples: int = 0
    torn_records: int = 0
    unknown_names: int = 0
    endpoints: list[str] = field(default_factory=list)
    by_worker: dict[str, WorkerStream] = field(default_factory=dict)


def read_worker(folder: Path) -> WorkerStream:
    tail = WorkerTail(folder)
    tail.read_names()
    size = (folder / streams.SAMPLES).stat().st_size if (folder / streams.SAMPLES).exists() else 0
    facts = tail.read_facts()
    label = next((fact["worker"] for fact in facts if fact.get("event") == "process"), folder.name)
    raw_names = max((fact.get("raw_names", 0) for fact in facts), default=0)
    whole, rest = divmod(size, streams.SAMPLE.size)
    return WorkerStream(folder, label, tail.names, whole, 1 if rest else 0, raw_names, tail.clock_offset_s)


def convert_streams(streams_folder: Path, samples: Path, exemplars: Path) -> Conversion:
    """Write both files atomically; `Conversion.samples` may be 0, the files are there all the same."""
    workers = [read_worker(folder) for folder in worker_folders(streams_folder)]
    conversion = Conversion(
        samples=sum(worker.samples for worker in workers),
        torn_records=sum(worker.torn for worker in workers),
        endpoints=_all_names(workers, "endpoint"),
        by_worker={worker.label: worker for worker in workers},
    )
    _write_parquet(workers, conversion, samples)
    _write_exemplars(workers, exemplars)
    if conversion.unknown_names:
        logger.warning("%d samples have lost the name of their endpoint or error: %s.", conversion.unknown_names, UNKNOWN)
    return conversion


def _all_names(workers: list[WorkerStream], kind: str) -> list[str]:
    """The names of all processes, sorted; of more than MAX_NAMES those that were met first, and `(other)`."""
    met: dict[str, int] = {}
    for worker in workers:
        for number, name in worker.names[kind].items():
            met[name] = min(number, met.get(name, number))
    if len(met) > MAX_NAMES:
        first = sorted(met, key=met.__getitem__)[: MAX_NAMES - 1]
        return sorted({*first, OTHER})
    return sorted(met)


class _Positions:
    """Turns a process's ids of one kind into positions in `table`; `len(table)` is that of an id without a name."""

    def __init__(self, names: dict[int, str], table: Sequence[str]) -> None:
        position = {name: index for index, name in enumerate(table)}
        # one place more than there are ids: for all ids above
        self._lookup = np.full(max(names, default=-1) + 2, len(table), dtype=np.uint16)
        for number, name in names.items():
            self._lookup[number] = position[name] if name in position else position[OTHER]

    def of(self, ids: np.ndarray) -> np.ndarray:
        return self._lookup[np.minimum(ids, len(self._lookup) - 1)]


def _write_parquet(workers: list[WorkerStream], conversion: Conversion, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    endpoints = tuple(conversion.endpoints)  # those with a name
    errors = ["", *(name for name in _all_names(workers, "error") if name)]
    components = _all_names(workers, "component")
    labels = [worker.label for worker in workers] or [""]
    names = pa.dictionary(pa.uint16(), pa.string())
    schema = pa.schema(
        [
            ("start_us", pa.int64()),
            ("latency_us", pa.uint32()),
            ("late_us", pa.uint32()),
            ("endpoint", names),
            ("error", names),
            ("status", pa.uint16()),
            ("response_bytes", pa.uint32()),
            ("users", pa.uint16()),
            ("worker", names),
            *((f"server_{component}_us", pa.uint32()) for component in components),
        ],
        metadata={
            "loadtest": json.dumps(
                {
                    "torn_records": conversion.torn_records,
                    "raw_endpoint_names": sum(worker.raw_names for worker in workers),
                }
            )
        },
    )

    def dictionary(indices: np.ndarray, table: Sequence[str]) -> pa.DictionaryArray:
        if (indices == len(table)).any():
            table = [*table, UNKNOWN]
        return pa.DictionaryArray.from_arrays(pa.array(indices, pa.uint16()), pa.array(table, pa.string()))

    temporary = target.with_name(f".{target.name}.tmp")
    with pq.ParquetWriter(
        temporary,
        schema,
        compression="zstd",
        use_dictionary=["endpoint", "error", "worker", "status", "users", "response_bytes"],
        column_encoding={"start_us": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,  # so that the analysis refuses a damaged page instead of reading other numbers
    ) as writer:
        for number, worker in enumerate(workers):
            endpoint_positions = _Positions(worker.names["endpoint"], endpoints)
            error_positions = _Positions(worker.names["error"], errors)
            server = _ServerTimes(worker, components)
            for first, rows in _chunks(worker):
                endpoint, error = endpoint_positions.of(rows["endpoint"]), error_positions.of(rows["error"])
                unknown = endpoint == len(endpoints)
                if unknown.any() and UNKNOWN not in conversion.endpoints:
                    conversion.endpoints.append(UNKNOWN)
                conversion.unknown_names += int(np.count_nonzero(unknown | (error == len(errors))))
                columns = [
                    pa.array(rows["start_us"] + worker.clock_offset_us),
                    pa.array(rows["latency_us"], mask=rows["latency_us"] == streams.NO_TIME),
                    pa.array(rows["late_us"]),
                    dictionary(endpoint, endpoints),
                    dictionary(error, errors),
                    pa.array(rows["status"]),
                    pa.array(rows["response_bytes"]),
                    pa.array(rows["users"]),
                    dictionary(np.full(len(rows), number, dtype=np.uint16), labels),
                    *(pa.array(values, mask=missing) for values, missing in server.columns(first, len(rows))),
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS_PER_GROUP)
    temporary.replace(target)


def _chunks(worker: WorkerStream) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, records) of at most ROWS_PER_GROUP rows; a torn last record is left out."""
    if not worker.samples:
        return
    with (worker.folder / streams.SAMPLES).open("rb") as stream:
        for first in range(0, worker.samples, ROWS_PER_GROUP):
            yield first, np.fromfile(stream, dtype=SAMPLE_DTYPE, count=min(ROWS_PER_GROUP, worker.samples - first))


class _ServerTimes:
    """Server-Timing durations of one process by row and component. Records are in the order of their rows."""

    def __init__(self, worker: WorkerStream, components: list[str]) -> None:
        self._components = components
        self._path = worker.folder / streams.SERVER
        count = self._path.stat().st_size // SERVER_DTYPE.itemsize if self._path.exists() else 0
        self._records = np.memmap(self._path, SERVER_DTYPE, "r", shape=(count,)) if count else np.empty(0, SERVER_DTYPE)
        self._positions = _Positions(worker.names["component"], components)

    def columns(self, first: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(microseconds, whether missing) of `count` rows from `first`, for each component; a response's repeated metrics
        are added up."""
        # looked up in place: a search in the column would copy all of it
        start, end = (bisect_left(self._records, row, key=itemgetter("row")) for row in (first, first + count))
        part = self._records[:0]
        if end > start:  # read, not mapped: memory holds one part at a time
            part = np.fromfile(self._path, SERVER_DTYPE, end - start, offset=start * SERVER_DTYPE.itemsize)
        component = self._positions.of(part["component"])
        for number in range(len(self._components)):
            chosen = part[component == number]
            rows = chosen["row"].astype(np.int64) - first
            durations_us = np.bincount(rows, weights=chosen["duration_us"], minlength=count)
            yield np.minimum(durations_us, MAX_U32).astype(np.uint32), np.bincount(rows, minlength=count) == 0


def _write_exemplars(workers: list[WorkerStream], target: Path) -> None:
    found: dict[str, list[Exemplar]] = {}
    for worker in workers:
        for exemplar in _exemplars(worker):
            found.setdefault(exemplar.endpoint, []).append(exemplar)
    kept = [
        exemplar.model_dump(mode="json")
        for name in sorted(found)
        for exemplar in sorted(found[name], key=lambda one: -one.latency_ms)[:EXEMPLARS_PER_ENDPOINT]
    ]
    write_text(target, json.dumps({"schema_version": 1, "exemplars": kept}, indent=1) + "\n")


def _exemplars(worker: WorkerStream) -> list[Exemplar]:
    """The slowest requests of each endpoint of one process: its last line that can be read counts."""
    path = worker.folder / streams.EXEMPLARS
    found: dict[int, list[Exemplar]] = {}
    damaged = 0
    for line in reversed(parse_lines(path.read_bytes() if path.exists() else b"")):
        try:
            if line["endpoint"] not in found:
                found[line["endpoint"]] = [_exemplar(worker, line["endpoint"], *one) for one in line["slowest"]]
        except (LookupError, TypeError, ValueError, OverflowError, OSError):  # examples are not worth a run's result
            damaged += 1
    if damaged:
        logger.warning("%d lines with slow requests of %s cannot be read and are left out.", damaged, worker.label)
    return [exemplar for exemplars in found.values() for exemplar in exemplars]


def _exemplar(
    worker: WorkerStream, endpoint: int, latency_us: int, start_us: int, status: int, error: int, trace_id: str
) -> Exemplar:
    return Exemplar(
        endpoint=worker.names["endpoint"].get(endpoint, UNKNOWN),
        start=datetime.fromtimestamp((start_us + worker.clock_offset_us) / 1e6, UTC),
        latency_ms=latency_us / 1000,
        status=status,
        error=worker.names["error"].get(error, UNKNOWN),
        trace_id=trace_id,
        worker=worker.label,
    )
