"""Turns the raw streams of all processes into `samples.parquet` and `exemplars.json`, after the load, in flat memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from loadtest.files import write_text
from loadtest.load import streams
from loadtest.load.models import Exemplar
from loadtest.load.tail import SAMPLE_DTYPE, SERVER_DTYPE, WorkerTail, parse_lines, worker_folders

ROWS_PER_GROUP = 1_000_000
EXEMPLARS_PER_ENDPOINT = 5


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


@dataclass
class Conversion:
    """What was written."""

    samples: int = 0
    torn_records: int = 0
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
    return conversion


def _all_names(workers: list[WorkerStream], kind: str) -> list[str]:
    return sorted({name for worker in workers for name in worker.names[kind].values()})


def _lookup(names: dict[int, str], table: list[str], dtype: type) -> np.ndarray:
    """Array that turns a process's ids into positions in `table`."""
    position = {name: index for index, name in enumerate(table)}
    lookup = np.zeros(max(names, default=0) + 1, dtype=dtype)
    for number, name in names.items():
        lookup[number] = position[name]
    return lookup


def _write_parquet(workers: list[WorkerStream], conversion: Conversion, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    endpoints = conversion.endpoints or [""]
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

    def dictionary(indices: np.ndarray, table: list[str]) -> pa.DictionaryArray:
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
            endpoint_of = _lookup(worker.names["endpoint"], endpoints, np.uint16)
            error_of = _lookup(worker.names["error"], errors, np.uint16)
            server = _ServerTimes(worker, components)
            for first, rows in _chunks(worker):
                known = np.minimum(rows["endpoint"], len(endpoint_of) - 1)
                columns = [
                    pa.array(rows["start_us"] + round((worker.clock_offset_s or 0.0) * 1_000_000)),
                    pa.array(rows["latency_us"]),
                    pa.array(rows["late_us"]),
                    dictionary(endpoint_of[known], endpoints),
                    dictionary(error_of[np.minimum(rows["error"], len(error_of) - 1)], errors),
                    pa.array(rows["status"]),
                    pa.array(rows["response_bytes"]),
                    pa.array(rows["users"]),
                    dictionary(np.full(len(rows), number, dtype=np.uint16), labels),
                    *(pa.array(values, mask=missing) for values, missing in server.columns(first, len(rows))),
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS_PER_GROUP)
    temporary.replace(target)


def _chunks(worker: WorkerStream):
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
        path = worker.folder / streams.SERVER
        count = path.stat().st_size // SERVER_DTYPE.itemsize if path.exists() else 0
        self._records = np.memmap(path, dtype=SERVER_DTYPE, mode="r", shape=(count,)) if count else np.empty(0, SERVER_DTYPE)
        self._component_of = _lookup(worker.names["component"], components, np.uint16) if components else np.zeros(1, np.uint16)

    def columns(self, first: int, count: int):
        start, end = np.searchsorted(self._records["row"], [first, first + count])
        part = self._records[start:end]
        component = self._component_of[np.minimum(part["component"], len(self._component_of) - 1)]
        for number in range(len(self._components)):
            chosen = part[component == number]
            values = np.zeros(count, dtype=np.uint32)
            missing = np.ones(count, dtype=bool)
            values[chosen["row"] - first] = chosen["duration_us"]
            missing[chosen["row"] - first] = False
            yield values, missing


def _write_exemplars(workers: list[WorkerStream], target: Path) -> None:
    found: dict[str, list[Exemplar]] = {}
    for worker in workers:
        path = worker.folder / streams.EXEMPLARS
        last = {line["endpoint"]: line["slowest"] for line in parse_lines(path.read_bytes() if path.exists() else b"")}
        for endpoint, slowest in last.items():
            name = worker.names["endpoint"].get(endpoint, "")
            for latency_us, start_us, status, error, trace_id in slowest:
                found.setdefault(name, []).append(
                    Exemplar(
                        endpoint=name,
                        start=datetime.fromtimestamp(start_us / 1e6, UTC),
                        latency_ms=latency_us / 1000,
                        status=status,
                        error=worker.names["error"].get(error, ""),
                        trace_id=trace_id,
                        worker=worker.label,
                    )
                )
    kept = [
        exemplar.model_dump(mode="json")
        for name in sorted(found)
        for exemplar in sorted(found[name], key=lambda one: -one.latency_ms)[:EXEMPLARS_PER_ENDPOINT]
    ]
    write_text(target, json.dumps({"schema_version": 1, "exemplars": kept}, indent=1) + "\n")
